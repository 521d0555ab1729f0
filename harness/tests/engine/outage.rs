//! An API server that stumbles: the verdicts are the same as without.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use meshproof_reports::Verdict::{Errored, Failed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Api, Fault, Suite};

fn map(name: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}})
}

/// One case that waits for something to come, one for something to go, one in vain, one for something to stay away.
const CASES: &str = "cases:
- {name: comes, expect: [{object: {of: {kind: ConfigMap, name: comes}}, within: 30s}]}
- {name: goes, expect: [{absent: {kind: ConfigMap, name: goes}, within: 30s}]}
- {name: never, expect: [{object: {of: {kind: ConfigMap, name: never}}, within: 3s}]}
- {name: away, expect: [{absent: {kind: ConfigMap, name: away}, hold: 3s}]}";

/// Runs the cases; `disturb` is done while they wait, and then what they wait for happens.
async fn disturbed<F: Future<Output = ()>>(api: &Arc<Api>, disturb: impl FnOnce(Arc<Api>) -> F) -> Duration {
    api.put(map("goes"));
    let going = Suite::of(api, CASES).go().await;
    api.requested("WATCH configmaps", 1).await;
    disturb(Arc::clone(api)).await;
    api.put(map("comes"));
    api.delete("ConfigMap", "ns", "goes");
    let ended = going.end().await;
    ended.passed(&["comes", "goes", "away"]);
    ended.told("never", Failed, &["expected ConfigMap never is there", "saw not there"]);
    ended.took
}

#[tokio::test]
async fn watches_that_are_cut_go_on() {
    let api = Api::start();
    let took = disturbed(&api, async |api| {
        api.cut_watches();
        api.requested("WATCH configmaps", 2).await;
        api.cut_watches();
    })
    .await;
    assert!(took < Duration::from_secs(20), "a watch that goes on without a word is no outage: {took:?}");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_told_by_an_event() {
    let api = Api::start();
    disturbed(&api, async |api| {
        api.fail("WATCH configmaps", 1, Fault::Gone);
        api.cut_watches();
        api.requested("WATCH configmaps", 3).await;
    })
    .await;
}

#[tokio::test]
async fn a_version_that_is_too_old_is_told_by_the_status() {
    let api = Api::start();
    // For ever, for the version that was listed first: only a new list helps.
    disturbed(&api, async |api| {
        api.compact();
        api.cut_watches();
        api.requested("LIST configmaps", 2).await;
    })
    .await;
}

#[rstest]
#[case::overloaded(Fault::Refused { code: 429, reason: "TooManyRequests", message: "later", retry_after: Some(1) })]
#[case::overloaded_without_a_word(Fault::code(429))]
#[case::broken(Fault::code(500))]
#[case::away(Fault::code(503))]
#[case::closed(Fault::Closed)]
#[tokio::test]
async fn lists_and_watches_that_fail_are_made_again(#[case] fault: Fault) {
    let api = Api::start();
    api.fail("LIST configmaps", 2, fault.clone());
    api.fail("WATCH configmaps", 2, fault.clone());
    disturbed(&api, async |api| {
        api.requested("WATCH configmaps", 3).await;
        api.fail("WATCH configmaps", 2, fault);
        api.cut_watches();
        api.requested("WATCH configmaps", 5).await;
    })
    .await;
}

#[rstest]
#[case::overloaded(Fault::Refused { code: 429, reason: "TooManyRequests", message: "later", retry_after: Some(1) }, 1)]
#[case::overloaded_without_a_word(Fault::code(429), 0)]
#[case::broken(Fault::code(500), 0)]
#[case::away(Fault::code(503), 0)]
#[case::closed(Fault::Closed, 0)]
#[tokio::test]
async fn requests_that_meet_what_passes_are_made_again(#[case] fault: Fault, #[case] at_least: u64) {
    let api = Api::start();
    for verb in ["APPLY", "GET", "PATCH", "DELETE", "DISCOVER"] {
        let all = ["configmaps/m", "example.org/v1"].map(|target| format!("{verb} {target}"));
        for request in &all {
            api.fail(request, 1, fault.clone());
        }
    }
    api.put(json!({"kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.org"}, "spec": {
        "group": "example.org", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1"}]}}));
    let begun = Instant::now();
    let ended = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}]}
    - label: {kind: ConfigMap, name: m, set: {a: b}}
    - delete: {of: {kind: ConfigMap, name: m}}
    - apply: {objects: [{apiVersion: example.org/v1, kind: Widget, metadata: {name: w}}]}
- {name: b, expect: [{absent: {apiVersion: example.org/v1, kind: Widget, name: none}}]}",
    )
    .run()
    .await;
    ended.passed(&["a", "b"]);
    ended.clean();
    assert!(begun.elapsed() >= Duration::from_secs(at_least));
}

/// The first answer was lost, so the second says that the object was there; it is the run's all the same.
#[tokio::test]
async fn an_object_whose_making_was_not_answered_is_taken_back() {
    let api = Api::start();
    api.fail("APPLY configmaps/m", 1, Fault::ClosedAfter);
    let suite = Suite::of(
        &api,
        "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}]}}]}]",
    );
    let ended = suite.run().await;
    ended.passed(&["a"]);
    ended.clean();
    assert_eq!(api.get("ConfigMap", "ns", "m"), None, "{:?}", api.requests());
}

#[tokio::test]
async fn a_deadline_rests_while_the_server_is_away() {
    let api = Api::start();
    let going = Suite::of(
        &api,
        "cases:
- {name: a, expect: [{object: {of: {kind: ConfigMap, name: m}}, within: 3s}]}
- {name: absent, expect: [{absent: {kind: ConfigMap, name: other}, hold: 3s}]}
- {name: never, expect: [{object: {of: {kind: ConfigMap, name: never}}, within: 3s}]}",
    )
    .go()
    .await;
    api.requested("WATCH configmaps", 1).await;
    api.stop();
    tokio::time::sleep(Duration::from_secs(4)).await;
    api.resume();
    api.requested("WATCH configmaps", 2).await;
    api.put(map("m"));
    let ended = going.end().await;
    ended.passed(&["a", "absent"]);
    ended.told("never", Failed, &["ConfigMap never is there"]);
    assert!(ended.took < Duration::from_secs(20), "no longer than what was left: {:?}", ended.took);
}

/// Nothing changes after the outage, so the watch says nothing of its end.
#[tokio::test]
async fn an_outage_ends_without_a_change() {
    let api = Api::start();
    let going = Suite::of(
        &api,
        "cases:
- {name: absent, expect: [{absent: {kind: ConfigMap, name: other}, hold: 2s}]}
- {name: never, expect: [{object: {of: {kind: ConfigMap, name: never}}, within: 2s}]}",
    )
    .go()
    .await;
    api.requested("WATCH configmaps", 1).await;
    api.stop();
    tokio::time::sleep(Duration::from_secs(1)).await;
    api.resume();
    let ended = going.end().await;
    ended.passed(&["absent"]);
    ended.told("never", Failed, &["ConfigMap never is there"]);
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}

/// What was left of the deadline is left when the server is back.
#[tokio::test]
async fn an_outage_takes_nothing_of_a_deadline() {
    let api = Api::start();
    let cases = "cases: [{name: a, expect: [{object: {of: {kind: ConfigMap, name: m}}, within: 6s}]}]";
    let going = Suite::of(&api, cases).go().await;
    api.requested("WATCH configmaps", 1).await;
    api.stop();
    tokio::time::sleep(Duration::from_secs(6)).await;
    api.resume();
    api.requested("WATCH configmaps", 2).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    api.put(map("m"));
    going.end().await.passed(&["a"]);
}

/// Between the word that a version is too old and the new list, nothing is known; that is no verdict.
#[tokio::test]
async fn no_verdict_falls_while_the_list_is_made_anew() {
    let api = Api::start();
    let cases = "cases: [{name: a, expect: [{absent: {kind: ConfigMap, name: m}, hold: 1s}]}]";
    let going = Suite::of(&api, cases).go().await;
    api.requested("WATCH configmaps", 1).await;
    api.fail("LIST configmaps", 6, Fault::code(410));
    api.fail("WATCH configmaps", 1, Fault::Gone);
    api.cut_watches();
    going.end().await.passed(&["a"]);
}

/// A server that ends takes no new connections while its watches still go on: only a program notices.
#[tokio::test]
async fn what_a_program_says_while_no_connection_is_taken_does_not_settle() {
    let api = Api::start();
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("there");
    let cases = format!(
        "cases:
- name: a
  do: [{{run: {{program: test, args: [-e, {}], exitCodes: []}}}}]
  expect: [{{output: {{exitCode: 0}}, within: 20s, settle: 600ms}}]",
        file.display()
    );
    let going = Suite::of(&api, &cases).go().await;
    api.fail("VERSION", 8, Fault::Closed);
    // The run's own was the first.
    api.requested("VERSION", 6).await;
    std::fs::write(file, "").unwrap();
    going.end().await.passed(&["a"]);
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_error_not_a_failure() {
    let api = Api::start();
    let mut suite = Suite::of(
        &api,
        "cases:
- {name: there, expect: [{object: {of: {kind: ConfigMap, name: m}}, within: 1s}]}
- {name: absent, expect: [{absent: {kind: ConfigMap, name: m}, hold: 1s}]}
- {name: apply, after: [there], do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]}, within: 1s}]}",
    );
    suite.outage = Some(Duration::from_secs(2));
    suite.options.teardown = Duration::from_secs(1);
    let going = suite.go().await;
    api.requested("WATCH configmaps", 1).await;
    api.stop();
    let ended = going.end().await;
    for case in ["there", "absent", "apply"] {
        ended.told(case, Errored, &["the API server cannot be reached"]);
    }
    ended.told("apply", Errored, &["ConfigMap x"]);
}
