//! What is collected about cases that fail, and what it never does: change a verdict, fail, or hold up the run.

use meshproof_reports::{
    Diagnosis, EvidenceKind,
    Verdict::{Blocked, Failed, KnownFail},
};
use serde_json::{Value, json};

use crate::support::{Api, Ended, Fault, Suite};

const CASES: &str = "cases:
- {name: a, expect: [{pods: {selector: app=a, count: 1, ready: 1/1}, within: 100ms}]}
- {name: after, needs: [a], expect: [{absent: {kind: ConfigMap, name: m}}]}
- {name: fine, expect: [{absent: {kind: ConfigMap, name: m}}]}";

fn pod() -> Value {
    json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "ns", "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "main", "image": "shop/app:9"}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "shop/app:9: not found"}}}]}})
}

fn of<'a>(ended: &'a Ended, case: &str) -> &'a Diagnosis {
    ended.case(case).diagnosis.as_ref().unwrap_or_else(|| panic!("no diagnosis in {:#?}", ended.case(case)))
}

const FOUND: &str = "the image shop/app:9 of container main in pod a cannot be pulled";

#[tokio::test]
async fn a_case_that_fails_is_diagnosed_and_no_other() {
    let api = Api::start();
    api.put(pod());
    api.put(
        json!({"kind": "Event", "metadata": {"name": "e", "namespace": "ns"}, "reason": "Failed", "type": "Warning",
        "message": "Error: ErrImagePull", "involvedObject": {"kind": "Pod", "name": "a", "namespace": "ns"}}),
    );
    let ended = Suite::of(&api, CASES).run().await;
    ended.told("a", Failed, &[]);
    let diagnosis = of(&ended, "a");
    assert!(diagnosis.finding.starts_with(FOUND), "{diagnosis:#?}");
    assert_eq!(diagnosis.cause, "image-not-pullable");
    assert_eq!(diagnosis.commands, ["kubectl --context double -n ns describe pod a"]);
    let texts = |kind| diagnosis.evidence.iter().filter(move |each| each.kind == kind).map(|each| each.text.as_str());
    assert!(texts(EvidenceKind::Events).any(|text| text.contains("Error: ErrImagePull")), "{diagnosis:#?}");
    assert!(texts(EvidenceKind::Object).any(|text| text.contains("image: shop/app:9")), "{diagnosis:#?}");
    for (case, verdict) in [("after", Blocked), ("fine", meshproof_reports::Verdict::Passed)] {
        assert_eq!((ended.case(case).verdict, ended.case(case).diagnosis.as_ref()), (Some(verdict), None));
    }
}

#[tokio::test]
async fn a_failure_that_is_known_is_diagnosed_and_a_pass_that_is_none_is_not() {
    let api = Api::start();
    api.put(pod());
    let ended = Suite::of(
        &api,
        "cases:
- {name: known, knownFailure: {issue: x}, expect: [{pods: {selector: app=a, ready: 1/1}, within: 100ms}]}
- {name: passes, knownFailure: {issue: x}, expect: [{absent: {kind: ConfigMap, name: m}}]}",
    )
    .run()
    .await;
    ended.told("known", KnownFail, &[]);
    assert!(of(&ended, "known").finding.starts_with(FOUND));
    ended.told("passes", Failed, &["it passed"]);
    assert_eq!(ended.case("passes").diagnosis, None);
}

#[tokio::test]
async fn what_may_not_be_read_is_noted() {
    let api = Api::start();
    api.put(pod());
    for list in ["LIST events", "LIST nodes", "LIST services"] {
        api.fail(list, 9, Fault::forbidden("events is forbidden: User \"x\" cannot list resource"));
    }
    let ended = Suite::of(&api, CASES).run().await;
    ended.told("a", Failed, &["pods"]);
    let diagnosis = of(&ended, "a");
    assert!(diagnosis.finding.starts_with(FOUND), "{diagnosis:#?}");
    for noted in ["Event in ns: not allowed: events is forbidden", "Service in ns: not allowed", "Node: not allowed"] {
        assert!(diagnosis.not_collected.iter().any(|lacking| lacking.starts_with(noted)), "no {noted}: {diagnosis:#?}");
    }
}

/// The run ends: what never answers is given up when the time is over, and the rest is told.
#[tokio::test]
async fn what_never_answers_holds_up_nothing() {
    let api = Api::start();
    api.put(pod());
    api.fail("LIST events", 9, Fault::Silent);
    let ended = Suite::of(&api, CASES).run().await;
    let diagnosis = of(&ended, "a");
    assert!(diagnosis.finding.starts_with(FOUND), "{diagnosis:#?}");
    assert_eq!(diagnosis.not_collected[0], "Event in ns: the time for collecting was over");
    assert!(ended.case("a").duration_ms < 5000, "collecting is no part of the case: {:#?}", ended.case("a"));
}

#[tokio::test]
async fn a_run_that_is_interrupted_collects_no_more() {
    let api = Api::start();
    api.put(pod());
    api.fail("LIST events", 9, Fault::Silent);
    let going = Suite::of(&api, CASES).go().await;
    api.requested("LIST events", 1).await;
    going.signals.interrupt.cancel();
    let ended = going.end().await;
    ended.told("a", Failed, &[]);
    assert_eq!(ended.case("a").diagnosis, None);
}
