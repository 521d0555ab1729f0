//! From objects to findings: what a person would say who reads the same.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::{
    chain,
    commands::commands,
    concern::Concern,
    evidence::{Evidence, Happening, Log, Symptom},
    judge::judge,
    references::References,
};
use crate::{
    action::Action,
    artifact::{ArchiveError, PullError},
    cluster::Object,
    expectation::{Expectation, testing::expectation},
};

fn object(json: Value) -> Arc<Object> {
    crate::expectation::testing::object(json)
}

/// What a case expects, or does, as a scenario writes it.
fn expects(yaml: &str) -> Concern {
    let mut concern = Concern::default();
    let read: Expectation = expectation(yaml);
    concern.expects(&read, crate::engine::title(&read), Some("ns"));
    concern
}

fn does(yaml: &str) -> Concern {
    let mut concern = Concern::default();
    concern.acts(&expectation::<Action>(yaml), Some("ns"));
    concern
}

fn then(mut concern: Concern, yaml: &str) -> Concern {
    let read: Expectation = expectation(yaml);
    concern.expects(&read, crate::engine::title(&read), Some("ns"));
    concern
}

/// Everything in the namespace was looked at.
fn evidence(concern: Concern, objects: Vec<Value>) -> Evidence {
    let mut evidence = Evidence::of(concern, Symptom { reason: "it is not so".to_owned(), ..Symptom::default() });
    evidence.objects = objects.into_iter().map(object).collect();
    evidence.relevant = chain::relevant(&evidence.concern, &evidence.objects);
    for kind in ["Pod", "Deployment", "Service", "Gateway", "Secret"] {
        evidence.looked.insert((kind.to_owned(), "ns".to_owned()));
    }
    evidence
}

#[track_caller]
fn found(evidence: &Evidence, cause: &str, sentence: &str) {
    let finding = judge(evidence);
    assert_eq!((finding.cause(), finding.to_string().as_str()), (cause, sentence), "{evidence:#?}");
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "ns", "labels": {"app": "a"}, "uid": name})
}

fn pod(status: Value) -> Value {
    json!({"kind": "Pod", "metadata": meta("a-1"),
        "spec": {"containers": [{"name": "app", "image": "registry.example/shop/app:9", "resources": {"limits": {"memory": "64Mi"}}}], "nodeName": "node-1"},
        "status": status})
}

fn container(state: Value, last: Value, restarts: u64) -> Value {
    json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "ready": false, "restartCount": restarts, "state": state, "lastState": last}]})
}

fn waiting(reason: &str, message: &str) -> Value {
    container(json!({"waiting": {"reason": reason, "message": message}}), json!({}), 0)
}

fn ready() -> Value {
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
        {"name": "app", "image": "registry.example/shop/app:9", "imageID": "sha256:a", "ready": true, "restartCount": 0, "state": {"running": {}}}]})
}

fn replica_set(message: &str) -> Value {
    json!({"kind": "ReplicaSet", "metadata": meta("a-set"),
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "a"}}}},
        "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]}})
}

const PODS: &str = "{pods: {selector: app=a, count: 1, ready: 1/1}}";

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

fn deployment(replicas: u64) -> Value {
    json!({"kind": "Deployment", "metadata": meta("a"),
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "a"}}}}, "status": {}})
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

fn namespace(labels: Value) -> Value {
    json!({"kind": "Namespace", "metadata": {"name": "ns", "labels": labels}})
}

#[rstest]
#[case::absent(json!({}), "Namespace ns lacks the label mesh=on")]
#[case::other(json!({"mesh": "off"}), "Namespace ns has the label mesh=off, not mesh=on")]
fn a_label_that_is_not_so(#[case] labels: Value, #[case] sentence: &str) {
    let concern = expects("{object: {of: {kind: Namespace, name: ns}, match: {metadata: {labels: {mesh: 'on'}}}}}");
    found(&evidence(concern, vec![namespace(labels)]), "label-absent", sentence);
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

fn route(host: &str, gateway: &str) -> Value {
    json!({"kind": "VirtualService", "metadata": {"name": "shop", "namespace": "ns"},
        "spec": {"gateways": [gateway, "mesh"], "http": [{"route": [{"destination": {"host": host}}]}]}})
}

fn follow(evidence: &mut Evidence) {
    let read = |yaml: &str| expectation::<References>(yaml);
    let all = [
        read("{from: {kind: VirtualService}, path: '/spec/http/*/route/*/destination/host', to: {kind: Service}}"),
        read("{from: {kind: VirtualService}, path: '/spec/gateways/*', to: {kind: Gateway}, ignore: [mesh]}"),
    ];
    let looked = |kind: &str, namespace: &str| evidence.looked(kind, namespace);
    evidence.broken = all.iter().flat_map(|of| of.broken(&evidence.objects, &looked)).collect();
}

#[rstest]
#[case::service(
    "b",
    "gate",
    "reference-broken",
    "VirtualService shop refers to the Service b (spec.http[0].route[0].destination.host), and there is none in ns"
)]
#[case::whole_name(
    "b.ns.svc.cluster.local",
    "gate",
    "reference-broken",
    "VirtualService shop refers to the Service b (spec.http[0].route[0].destination.host), and there is none in ns"
)]
#[case::gateway(
    "a",
    "ns/other",
    "reference-broken",
    "VirtualService shop refers to the Gateway other (spec.gateways[0]), and there is none in ns"
)]
#[case::elsewhere(
    "shop.example.com",
    "unseen/gate",
    "unknown",
    "the evidence tells no cause beyond the reason: it is not so"
)]
#[case::whole("a", "gate", "unknown", "the evidence tells no cause beyond the reason: it is not so")]
fn references_that_lead_nowhere(
    #[case] host: &str,
    #[case] gateway: &str,
    #[case] cause: &str,
    #[case] sentence: &str,
) {
    let concern = expects("{object: {of: {kind: VirtualService, name: shop}, cel: ['false']}}");
    let gate = json!({"kind": "Gateway", "metadata": {"name": "gate", "namespace": "ns"}});
    let service = json!({"kind": "Service", "metadata": meta("a"), "spec": {}});
    let mut evidence = evidence(concern, vec![route(host, gateway), gate, service]);
    follow(&mut evidence);
    found(&evidence, cause, sentence);
}

#[test]
fn an_object_that_is_not_there_with_who_wants_it() {
    let concern = expects("{object: {of: {kind: Gateway, name: gate}}}");
    let mut evidence = evidence(concern, vec![route("a", "gate")]);
    follow(&mut evidence);
    found(&evidence, "object-missing", "there is no Gateway gate in ns, to which VirtualService shop refers");
}

/// What was not looked for, for lack of rights, cannot be said to be missing.
#[test]
fn an_object_that_nobody_looked_for_is_not_missing() {
    let concern = expects("{object: {of: {kind: Gateway, name: gate}}}");
    let mut evidence = evidence(concern, Vec::new());
    evidence.looked.clear();
    assert_eq!(judge(&evidence).cause(), "unknown");
}

fn service(spec: Value) -> Value {
    json!({"kind": "Service", "metadata": meta("a"), "spec": spec})
}

#[rstest]
#[case::port("{services: {services: [{name: a, ports: [{port: 80}, {port: 443}]}]}}", json!({"ports": [{"port": 80, "protocol": "TCP"}]}),
    "port-missing", "the Service a in ns has no port 443/TCP")]
#[case::protocol("{services: {services: [{name: a, ports: [{port: 80, protocol: UDP}]}]}}", json!({"ports": [{"port": 80}]}),
    "port-missing", "the Service a in ns has no port 80/UDP")]
#[case::no_pods("{object: {of: {kind: Service, name: a}, cel: ['false']}}", json!({"selector": {"app": "none"}}),
    "no-ready-endpoints", "the Service a in ns leads nowhere: its selector takes no pod")]
#[case::address("{services: {services: [{name: a, address: true}]}}", json!({"type": "LoadBalancer"}),
    "no-address", "no load balancer has given the Service a in ns an address")]
#[case::missing("{services: {services: [{name: b}]}}", json!({}), "object-missing", "there is no Service b in ns")]
fn services_that_do_not_serve(#[case] wanted: &str, #[case] spec: Value, #[case] cause: &str, #[case] sentence: &str) {
    found(&evidence(expects(wanted), vec![service(spec)]), cause, sentence);
}

#[test]
fn a_request_fails_where_no_pod_is_ready() {
    let concern = then(does("{http: {url: 'http://shop/'}}"), "{http: {status: 200}}");
    let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
    let evidence = evidence(concern, vec![service(json!({"selector": {"app": "a"}})), pod(status)]);
    found(
        &evidence,
        "no-ready-endpoints",
        "the Service a in ns leads nowhere: of the 1 pods that it takes, none is ready",
    );
}

#[rstest]
#[case::held(json!({"name": "s", "namespace": "ns", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/x"]}),
    "Secret s does not go: it is held by example.com/x")]
#[case::left(json!({"name": "s", "namespace": "ns"}), "Secret s is still there")]
fn what_should_be_gone(#[case] metadata: Value, #[case] sentence: &str) {
    let evidence =
        evidence(expects("{absent: {kind: Secret, name: s}}"), vec![json!({"kind": "Secret", "metadata": metadata})]);
    found(&evidence, "still-there", sentence);
}

#[test]
fn a_page_that_says_something_else() {
    let concern = then(does("{http: {url: 'http://shop/'}}"), "{html: {select: title, text: Shop}}");
    let mut evidence = evidence(concern, Vec::new());
    evidence.symptom.expected = Some("`title` is `Shop`".into());
    evidence.symptom.seen = Some("`Other`".into());
    found(&evidence, "wrong-content", "GET http://shop/ brings other content: expected `title` is `Shop`, saw `Other`");
}

#[rstest]
#[case::first_error("checking\nError: no such thing\nmore\n", "shopctl check says: Error: no such thing")]
#[case::last_line("one\ntwo\n", "shopctl check says: two")]
fn a_program_says_why(#[case] output: &str, #[case] sentence: &str) {
    let mut evidence = evidence(does("{run: {program: /opt/shopctl, args: [check]}}"), Vec::new());
    evidence.symptom.output = Some(output.into());
    found(&evidence, "program-says", sentence);
}

const ARTIFACT: &str = "registry.example/tool:1";

/// The reasons are those that pulling gives.
#[rstest]
#[case::missing(PullError::ManifestUnknown { artifact: ARTIFACT.into(), answer: "404 Not Found".into() }, false,
    "artifact-missing", "the registry does not have the artifact registry.example/tool:1: expected its manifest, the registry answered 404 Not Found")]
#[case::repository(PullError::RepositoryUnknown { artifact: ARTIFACT.into(), answer: "NAME_UNKNOWN".into() }, false,
    "artifact-missing", "the registry does not have the artifact registry.example/tool:1: expected its repository, the registry answered NAME_UNKNOWN")]
#[case::digest(PullError::LayerDigest { artifact: ARTIFACT.into(), file: "a.tar.gz".into(), expected: "sha256:1".into(), seen: "sha256:2".into() }, false,
    "artifact-damaged", "the artifact registry.example/tool:1 is damaged: expected `a.tar.gz` with digest sha256:1, saw sha256:2")]
#[case::archive(PullError::Archive { artifact: ARTIFACT.into(), file: "a.tar.gz".into(), error: ArchiveError::Broken { reason: "it ends early".into() } }, false,
    "artifact-damaged", "the artifact registry.example/tool:1 is damaged: unpack `a.tar.gz`: expected a complete archive, but it ends early")]
#[case::away(PullError::Unreachable { artifact: ARTIFACT.into(), url: "https://registry.example/v2/".into(), attempts: 3, reason: "connection refused".into() }, true,
    "registry-away", "the registry does not give registry.example/tool:1: expected an answer from https://registry.example/v2/, saw none in 3 attempts: connection refused")]
fn an_artifact_that_is_not_pulled(
    #[case] error: PullError,
    #[case] errored: bool,
    #[case] cause: &str,
    #[case] sentence: &str,
) {
    let mut evidence = evidence(does(&format!("{{pull: {{artifact: '{ARTIFACT}'}}}}")), Vec::new());
    evidence.symptom.reason = format!("failed to pull: {error}");
    evidence.symptom.errored = errored;
    found(&evidence, cause, sentence);
}

#[rstest]
#[case::away("the API server cannot be reached: connection refused", true, "api-server-away")]
#[case::overloaded("ConfigMap a: the API server answered 503: try later", true, "api-server-away")]
#[case::while_a_program_ran("the API server was away while it ran: istioctl ended", true, "api-server-away")]
#[case::denied(
    "ConfigMap a: not allowed: configmaps is forbidden: User \"x\" cannot create resource",
    true,
    "not-allowed"
)]
#[case::kind("the cluster does not serve the kind Gateway of networking.istio.io/v1", false, "kind-not-served")]
fn what_the_api_server_says(#[case] reason: &str, #[case] errored: bool, #[case] cause: &str) {
    let mut evidence = evidence(expects(PODS), Vec::new());
    evidence.symptom.reason = reason.to_owned();
    evidence.symptom.errored = errored;
    assert_eq!(judge(&evidence).cause(), cause);
}

#[test]
fn commands_can_be_pasted() {
    let status =
        container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({"terminated": {"exitCode": 1}}), 1);
    let finding = judge(&evidence(expects(PODS), vec![pod(status)]));
    assert_eq!(
        commands(&finding, "my cluster"),
        [
            "kubectl --context 'my cluster' -n ns logs a-1 -c app --previous",
            "kubectl --context 'my cluster' -n ns describe pod a-1",
        ]
    );
}

#[test]
fn owners_are_followed_up_and_down_and_services_to_their_pods() {
    let owned = |kind: &str, name: &str, owner: &str| {
        json!({"kind": kind, "metadata": {"name": name, "namespace": "ns", "uid": name, "labels": {"of": "it"},
            "ownerReferences": [{"uid": owner}]}, "spec": {}})
    };
    let deployment =
        json!({"kind": "Deployment", "metadata": {"name": "d", "namespace": "ns", "uid": "d"}, "spec": {}});
    let slice = json!({"kind": "EndpointSlice", "metadata": {"name": "s-1", "namespace": "ns", "labels": {"kubernetes.io/service-name": "s"}}});
    let service =
        json!({"kind": "Service", "metadata": {"name": "s", "namespace": "ns"}, "spec": {"selector": {"of": "it"}}});
    let stranger = json!({"kind": "Pod", "metadata": {"name": "stranger", "namespace": "ns"}, "spec": {}});
    let objects: Vec<_> = [stranger, slice, deployment, owned("ReplicaSet", "r", "d"), owned("Pod", "p", "r"), service]
        .into_iter()
        .map(object)
        .collect();
    let named = |wanted: &str| -> Vec<String> {
        chain::relevant(&expects(wanted), &objects).iter().map(|object| object.name.clone()).collect()
    };
    assert_eq!(named("{deployments: {names: [d]}}"), ["d", "r", "p"]);
    assert_eq!(named("{object: {of: {kind: ReplicaSet, name: r}}}"), ["r", "d", "p"]);
    assert_eq!(named("{services: {services: [{name: s}]}}"), ["s", "s-1", "p", "r", "d"]);
}

#[test]
fn events_are_told_once_newest_first_and_only_of_what_matters() {
    let event = |name: &str, message: &str, at: &str| {
        object(json!({"kind": "Event", "metadata": {"name": at, "namespace": "ns"},
        "involvedObject": {"kind": "Pod", "name": name, "namespace": "ns"}, "reason": "Failed", "message": message, "type": "Warning",
        "lastTimestamp": at, "count": 2}))
    };
    let relevant = [object(pod(ready()))];
    let events = [
        event("a-1", "one", "2026-01-01T00:00:01Z"),
        event("b-1", "other", "2026-01-01T00:00:09Z"),
        event("a-1", "two", "2026-01-01T00:00:03Z"),
        event("a-1", "one", "2026-01-01T00:00:04Z"),
    ];
    let told: Vec<_> = Happening::all(&events, &relevant).into_iter().map(|h| (h.message, h.count)).collect();
    assert_eq!(told, [("one".to_owned(), 4), ("two".to_owned(), 2)]);
}
