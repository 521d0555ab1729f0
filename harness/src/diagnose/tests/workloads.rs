//! Pods that do not run.

use super::*;

fn replica_set(message: &str) -> Value {
    json!({"kind": "ReplicaSet", "metadata": meta("a-set"),
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "a"}}}},
        "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]}})
}

#[rstest]
#[case::not_there(
    "ErrImagePull",
    "rpc error: code = NotFound desc = registry.example/shop/app:9: not found",
    "the registry does not have it"
)]
#[case::refused("ErrImagePull", "401 Unauthorized", "the registry does not give it without other credentials")]
#[case::unreachable(
    "ErrImagePull",
    "dial tcp: lookup registry.example: no such host",
    "the registry cannot be reached"
)]
#[case::untrusted(
    "ErrImagePull",
    "x509: certificate signed by unknown authority",
    "the registry's certificate is not trusted"
)]
fn an_image_that_cannot_be_pulled(#[case] reason: &str, #[case] message: &str, #[case] why: &str) {
    let evidence = evidence(expects(PODS), vec![pod(waiting(reason, message))]);
    let finding = judge(&evidence).to_string();
    let sentence = format!("the image registry.example/shop/app:9 of container app in pod a-1 cannot be pulled: {why}");
    assert!(finding.starts_with(&sentence), "{finding}");
}

#[test]
fn a_path_from_which_other_images_run_is_not_doubted() {
    let mut other = pod(ready());
    other["metadata"] = json!({"name": "b-1", "namespace": "ns", "labels": {"app": "b"}});
    let evidence = evidence(expects(PODS), vec![pod(waiting("ErrImagePull", "not found")), other]);
    found(
        &evidence,
        "image-not-pullable",
        "the image registry.example/shop/app:9 of container app in pod a-1 cannot be pulled: the registry does not have it",
    );
}

/// The kubelet tells why once, in an event, and then only that it waits.
#[test]
fn why_an_image_is_not_pulled_is_told_by_an_event_before() {
    let mut evidence = evidence(expects(PODS), vec![pod(waiting("ImagePullBackOff", "Back-off pulling image"))]);
    evidence.happenings = vec![Happening {
        at: String::new(),
        kind: "Pod".into(),
        namespace: "ns".into(),
        name: "a-1".into(),
        reason: "Failed".into(),
        message: "Failed to pull image \"registry.example/shop/app:9\": 403 Forbidden".into(),
        count: 1,
        warning: true,
    }];
    found(
        &evidence,
        "image-not-pullable",
        "the image registry.example/shop/app:9 of container app in pod a-1 cannot be pulled: the registry does not give it without other credentials; nothing from registry.example/shop runs here, is that registry path right?",
    );
}

#[rstest]
#[case::crash(container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({"terminated": {"exitCode": 3, "reason": "Error"}}), 4),
    "container-crashes", "container app of pod a-1 crashes with exit code 3, and was restarted 4 times; it said last: no such file: shop.conf")]
#[case::memory(container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), 2),
    "out-of-memory", "container app of pod a-1 was killed for using too much memory (its limit is 64Mi)")]
#[case::config(
    waiting("CreateContainerConfigError", "secret \"nowhere\" not found"),
    "container-not-created",
    "container app of pod a-1 cannot be created: secret \"nowhere\" not found"
)]
#[case::name(
    waiting("InvalidImageName", "could not parse reference"),
    "image-not-pullable",
    "the image registry.example/shop/app:9 of container app in pod a-1 cannot be pulled: that is no name of an image"
)]
#[case::unschedulable(json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found"}]}),
    "unschedulable", "no node takes pod a-1: 0/3 nodes are available: 3 Insufficient cpu.")]
#[case::probe(container(json!({"running": {}}), json!({}), 0),
    "not-ready", "container app of pod a-1 runs, but is not ready: Readiness probe failed: HTTP probe failed with statuscode: 503")]
fn pods_that_do_not_run(#[case] status: Value, #[case] cause: &str, #[case] sentence: &str) {
    let mut evidence = evidence(expects(PODS), vec![pod(status)]);
    evidence.logs = vec![
        Log {
            namespace: "ns".into(),
            pod: "a-1".into(),
            container: "app".into(),
            previous: false,
            text: "starting\n".into(),
        },
        Log {
            namespace: "ns".into(),
            pod: "a-1".into(),
            container: "app".into(),
            previous: true,
            text: "starting\nno such file: shop.conf\n\n".into(),
        },
    ];
    evidence.happenings = vec![Happening {
        at: String::new(),
        kind: "Pod".into(),
        namespace: "ns".into(),
        name: "a-1".into(),
        reason: "Unhealthy".into(),
        message: "Readiness probe failed: HTTP probe failed with statuscode: 503".into(),
        count: 1,
        warning: true,
    }];
    found(&evidence, cause, sentence);
}

#[test]
fn a_volume_that_cannot_be_mounted_is_told_by_an_event() {
    let mut evidence = evidence(expects(PODS), vec![pod(waiting("ContainerCreating", ""))]);
    evidence.happenings = vec![Happening {
        at: String::new(),
        kind: "Pod".into(),
        namespace: "ns".into(),
        name: "a-1".into(),
        reason: "FailedMount".into(),
        message: "MountVolume.SetUp failed for volume \"certs\" : secret \"tls\" not found".into(),
        count: 3,
        warning: true,
    }];
    found(
        &evidence,
        "container-not-created",
        "container app of pod a-1 cannot be created: MountVolume.SetUp failed for volume \"certs\" : secret \"tls\" not found",
    );
}

#[test]
fn a_node_that_is_not_ready() {
    let node = json!({"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}]}});
    let status = json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "ready": false, "restartCount": 0, "state": {"running": {}}}]});
    let evidence = evidence(expects(PODS), vec![pod(status), node]);
    found(&evidence, "node-not-ready", "node node-1 is not ready: Kubelet stopped posting node status.");
}

#[rstest]
#[case::quota(
    "pods \"a-1\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3",
    "quota-exceeded",
    "the quota of the namespace ns is used up: few, requested: pods=1, used: pods=3, limited: pods=3"
)]
#[case::webhook(
    "Internal error occurred: failed calling webhook \"inject.mesh.example\": failed to call webhook: Post \"https://mesh.mesh.svc:443/inject\": no endpoints available for service \"mesh\"",
    "webhook-without-server",
    "the webhook inject.mesh.example has no server that answers: Post \"https://mesh.mesh.svc:443/inject\": no endpoints available for service \"mesh\""
)]
#[case::security(
    "pods \"a-1\" is forbidden: violates PodSecurity \"restricted:latest\"",
    "pods-refused",
    "the pods of ReplicaSet a-set are refused: pods \"a-1\" is forbidden: violates PodSecurity \"restricted:latest\""
)]
fn pods_that_are_not_made(#[case] message: &str, #[case] cause: &str, #[case] sentence: &str) {
    found(&evidence(expects(PODS), vec![replica_set(message)]), cause, sentence);
}

#[test]
fn an_event_of_what_is_over_is_no_cause() {
    let mut set = replica_set("");
    set["status"] = json!({"readyReplicas": 1});
    let mut evidence = evidence(expects(PODS), vec![pod(ready()), set]);
    evidence.symptom.expected = Some("2 pods".into());
    evidence.symptom.seen = Some("1 pod".into());
    evidence.happenings = vec![Happening {
        at: String::new(),
        kind: "ReplicaSet".into(),
        namespace: "ns".into(),
        name: "a-set".into(),
        reason: "FailedCreate".into(),
        message: "failed calling webhook \"inject.mesh.example\": refused".into(),
        count: 1,
        warning: true,
    }];
    found(&evidence, "not-as-expected", "expected 2 pods, saw 1 pod");
}

#[rstest]
#[case::by_its_pods(PODS)]
#[case::by_all_pods("{pods: {count: 3}}")]
#[case::by_its_name("{deployments: {names: [a]}}")]
fn a_workload_without_pods(#[case] wanted: &str) {
    found(
        &evidence(expects(wanted), vec![deployment(0)]),
        "scaled-to-zero",
        "deployment a in ns is scaled to zero, so it has no pods",
    );
}

#[test]
fn a_pod_that_no_webhook_saw() {
    let webhook = json!({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "injector"}, "webhooks": [
        {"name": "other", "rules": [{"operations": ["CREATE"], "resources": ["services"]}], "namespaceSelector": {"matchLabels": {"x": "y"}}},
        {"name": "by-revision", "rules": [{"operations": ["CREATE"], "resources": ["pods"]}],
         "namespaceSelector": {"matchExpressions": [{"key": "mesh.rev", "operator": "In", "values": ["default"]}]}},
        {"name": "by-label", "rules": [{"operations": ["CREATE"], "resources": ["pods"]}], "namespaceSelector": {"matchLabels": {"mesh": "on"}}}]});
    let concern = expects("{pods: {selector: app=a, ready: 2/2}}");
    let evidence = evidence(concern, vec![pod(ready()), namespace(json!({})), webhook]);
    found(
        &evidence,
        "not-injected",
        "pod a-1 was made without the containers that the webhook injector adds: the namespace ns lacks the label mesh.rev=default or mesh=on, or did when the pod was made",
    );
}
