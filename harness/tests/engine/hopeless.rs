//! Workloads that can never come up end the waiting early, with the reason.

use std::time::Duration;

use meshproof_reports::Verdict::Failed;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Api, Suite};

/// The state shows for a moment before it is believed, and the whole is far from the deadline of a minute.
const EARLY: Duration = Duration::from_secs(30);

const WAITS: &str = "cases: [{name: a, expect: [{pods: {selector: app=a, count: 1, ready: 1/1}, within: 1m}]}]";

fn pod(name: &str, status: Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name, "namespace": "ns", "labels": {"app": name}},
        "spec": {"containers": [{"name": "main"}]}, "status": status})
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}}}]})
}

fn ready() -> Value {
    json!({"phase": "Running", "containerStatuses": [
        {"name": "main", "ready": true, "restartCount": 0, "state": {"running": {}}}]})
}

fn deployment(name: &str, replicas: u64, status: Value) -> Value {
    json!({"kind": "Deployment", "metadata": {"name": name, "namespace": "ns", "uid": format!("of-{name}")},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": name}}}}, "status": status})
}

fn replica_set(name: &str, status: Value) -> Value {
    json!({"kind": "ReplicaSet", "metadata": {"name": format!("{name}-1"), "namespace": "ns", "uid": "of-set",
        "ownerReferences": [{"uid": format!("of-{name}")}]},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": name}}}}, "status": status})
}

fn failed_create() -> Value {
    json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"a\" is forbidden: exceeded quota: few"}]})
}

#[rstest]
#[case::config(pod("a", waiting("CreateContainerConfigError", "secret \"s\" not found")),
    &["pod/a container main: CreateContainerConfigError: secret \"s\" not found"])]
#[case::image(pod("a", waiting("ErrImagePull", "manifest unknown")), &["pod/a container main: ErrImagePull: manifest unknown"])]
#[case::crash(pod("a", json!({"phase": "Running", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 7, "reason": "Error"}}}]})),
    &["pod/a container main: CrashLoopBackOff", "exit code 7", "3 restarts"])]
#[case::unschedulable(pod("a", json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
    "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu."}]})),
    &["pod/a: Unschedulable: 0/3 nodes are available"])]
#[case::quota(replica_set("a", failed_create()), &["replicaset/a-1: FailedCreate", "exceeded quota"])]
#[case::too_slow(deployment("a", 1, json!({"conditions": [{"type": "Progressing", "status": "False",
    "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"a-1\" has timed out progressing."}]})),
    &["deployment/a: ProgressDeadlineExceeded", "timed out progressing"])]
#[case::scaled_to_zero(deployment("a", 0, json!({})), &["deployment/a: scaled to zero"])]
#[tokio::test]
async fn pods_that_cannot_come_up_are_not_waited_for(#[case] broken: Value, #[case] words: &[&str]) {
    let api = Api::start();
    let going = Suite::of(&api, WAITS).go().await;
    api.requested("WATCH pods", 1).await;
    api.put(broken);
    let ended = going.end().await;
    ended.told("a", Failed, words);
    assert!(ended.case("a").duration_ms >= 2000 && ended.took < EARLY, "{:#?}", ended.case("a"));
    assert!(ended.case("a").expected.is_some() && ended.case("a").seen.is_some());
}

#[rstest]
#[case::of_its_pod(&[deployment("a", 1, json!({})), replica_set("a", json!({})), owned(waiting("ErrImagePull", "manifest unknown"))],
    "pod/a container main: ErrImagePull: manifest unknown")]
#[case::of_its_set(&[deployment("a", 1, json!({})), replica_set("a", failed_create())], "replicaset/a-1: FailedCreate")]
#[case::its_own(&[deployment("a", 0, json!({}))], "deployment/a: scaled to zero")]
#[tokio::test]
async fn a_deployment_is_hopeless_as_what_it_gives_rise_to(#[case] objects: &[Value], #[case] reason: &str) {
    let api = Api::start();
    let going = Suite::of(&api, "cases: [{name: a, expect: [{deployments: {names: [a]}, within: 1m}]}]").go().await;
    api.requested("WATCH deployments", 1).await;
    for object in objects {
        api.put(object.clone());
    }
    let ended = going.end().await;
    ended.told("a", Failed, &[reason]);
    assert!(ended.took < EARLY);
}

fn owned(status: Value) -> Value {
    let mut pod = pod("a", status);
    pod["metadata"]["ownerReferences"] = json!([{"uid": "of-set"}]);
    pod
}

#[tokio::test]
async fn an_image_that_is_pulled_in_vain_is_one_state_though_two_take_turns() {
    let api = Api::start();
    let going = Suite::of(&api, WAITS).go().await;
    api.requested("WATCH pods", 1).await;
    let turning = tokio::spawn({
        let api = api.clone();
        async move {
            for turn in 0.. {
                let (reason, message) = match turn % 2 {
                    0 => ("ErrImagePull", "manifest for r/a:1 not found: manifest unknown"),
                    _ => ("ImagePullBackOff", "Back-off pulling image"),
                };
                api.put(pod("a", waiting(reason, message)));
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    });
    let ended = going.end().await;
    turning.abort();
    ended.told("a", Failed, &["pod/a container main:", "manifest for r/a:1 not found: manifest unknown"]);
    assert!(ended.took < EARLY);
}

#[tokio::test]
async fn a_state_that_passes_in_time_fails_nothing() {
    let api = Api::start();
    let going = Suite::of(
        &api,
        "cases:
- {name: usual, expect: [{pods: {selector: app=a, count: 1, ready: 1/1}, within: 1m}]}
- {name: patient, expect: [{pods: {selector: app=b, count: 1, ready: 1/1}, within: 1m, patience: 30s}]}",
    )
    .go()
    .await;
    api.requested("WATCH pods", 1).await;
    api.put(pod("a", waiting("ErrImagePull", "i/o timeout")));
    api.put(pod("b", waiting("ErrImagePull", "i/o timeout")));
    tokio::time::sleep(Duration::from_millis(500)).await;
    api.put(pod("a", ready()));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    api.put(pod("b", ready()));
    going.end().await.passed(&["usual", "patient"]);
}

#[tokio::test]
async fn an_impatient_case_ends_at_once() {
    let api = Api::start();
    api.put(pod("a", waiting("ErrImagePull", "manifest unknown")));
    let cases = "cases: [{name: a, expect: [{pods: {selector: app=a, ready: 1/1}, within: 1m, patience: 0s}]}]";
    let ended = Suite::of(&api, cases).run().await;
    ended.told("a", Failed, &["ErrImagePull: manifest unknown"]);
    assert!(ended.case("a").duration_ms < 1900, "{:#?}", ended.case("a"));
}

#[tokio::test]
async fn what_is_broken_elsewhere_is_no_concern() {
    let api = Api::start();
    api.put(deployment(
        "broken",
        1,
        json!({"conditions": [{"type": "Progressing", "status": "False",
        "reason": "ProgressDeadlineExceeded", "message": "timed out"}]}),
    ));
    api.put(replica_set("broken", failed_create()));
    api.put(deployment("zero", 0, json!({})));
    api.put(pod("broken", waiting("ErrImagePull", "manifest unknown")));
    let going = Suite::of(
        &api,
        "cases:
- {name: pods, expect: [{pods: {selector: app=a, ready: 1/1}, within: 1m}]}
- {name: deployment, expect: [{deployments: {names: [a]}, within: 1m}]}
- {name: other, expect: [{object: {of: {kind: ConfigMap, name: m}}, within: 1m}]}",
    )
    .go()
    .await;
    api.requested("WATCH pods", 1).await;
    tokio::time::sleep(Duration::from_millis(3500)).await;
    api.put(pod("a", ready()));
    api.put(deployment(
        "a",
        1,
        json!({"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}),
    ));
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "ns"}}));
    going.end().await.passed(&["pods", "deployment", "other"]);
}

/// Whether any process still has these words among its arguments.
fn runs(words: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).replace('\0', " ").contains(words)
    })
}

#[tokio::test]
async fn a_program_that_waits_for_what_cannot_come_up_is_ended_with_its_group() {
    let api = Api::start();
    api.put(pod("before", waiting("ErrImagePull", "broken before")));
    let going = Suite::of(
        &api,
        "cases: [{name: a, do: [{run: {program: sh, args: [-c, 'sleep 86321 & echo begun; wait'], watchNamespaces: [ns]}, within: 2m}]}]",
    )
    .go()
    .await;
    for resource in ["pods", "replicasets", "deployments"] {
        api.requested(&format!("WATCH {resource}"), 1).await;
    }
    // What was broken before is not what ends it, however long it stays so.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    api.put(pod("after", waiting("ImagePullBackOff", "manifest unknown")));
    let ended = going.end().await;
    ended.told(
        "a",
        Failed,
        &["sh waits for what cannot happen", "pod/after container main: ImagePullBackOff: manifest unknown"],
    );
    assert!(ended.case("a").duration_ms >= 4500 && ended.took < EARLY, "{:#?}", ended.case("a"));
    assert_eq!(ended.case("a").steps[0].output.as_deref(), Some("begun"));
    assert!(!runs("sleep 86321"), "it left a process behind");
}

#[tokio::test]
async fn a_program_past_its_deadline_is_ended_with_its_group() {
    let api = Api::start();
    let cases = "cases: [{name: a, do: [{run: {program: sh, args: [-c, 'sleep 86322 & wait']}, within: 500ms}]}]";
    let ended = Suite::of(&api, cases).run().await;
    ended.told("a", Failed, &["sh had not ended by the deadline"]);
    assert!(!runs("sleep 86322"), "it left a process behind");
}
