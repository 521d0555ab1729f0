//! Which case runs when, and what becomes of those that do not.

use std::time::Duration;

use meshproof::engine::Event;
use meshproof_reports::Verdict::{Blocked, Errored, Failed, Skipped};
use serde_json::json;

use crate::support::{Api, Suite};

const FAILS: &str = "[{run: {program: 'false'}}]";
const PASSES: &str = "[{run: {program: 'true'}}]";

#[tokio::test]
async fn needs_and_after_order_cases_and_block_with_the_root_cause() {
    let api = Api::start();
    let ended = Suite::of(
        &api,
        &format!(
            "cases:
- {{name: late, needs: [early], do: {PASSES}}}
- {{name: early, do: {PASSES}}}
- {{name: broken, do: {FAILS}}}
- {{name: blocked, needs: [broken], do: {PASSES}}}
- {{name: blocked-too, needs: [early, blocked], do: {PASSES}}}
- {{name: after, after: [broken], do: {PASSES}}}
- {{name: after-blocked, after: [blocked-too], do: {PASSES}}}
- {{name: skipped, when: [{{kubernetes: '>=1.99'}}], do: {FAILS}}}
- {{name: needs-skipped, needs: [skipped], do: {PASSES}}}
- {{name: other-version, when: [{{kubernetes: '<1.0', reason: too new}}], do: {FAILS}}}"
        ),
    )
    .run()
    .await;
    ended.passed(&["late", "early", "after", "after-blocked", "needs-skipped"]);
    ended.told("broken", Failed, &["false ended with exit status: 1"]);
    ended.told("blocked", Blocked, &["blocked by s/broken"]);
    ended.told("blocked-too", Blocked, &["blocked by s/broken"]);
    ended.told("skipped", Skipped, &["1.28.15"]);
    ended.told("other-version", Skipped, &["too new"]);
    let place = |name: &str| ended.records.iter().position(|record| record.id == format!("s/{name}")).unwrap();
    assert!(place("early") < place("late") && place("broken") < place("after"));
    assert_eq!(ended.records.len(), 10, "each case ends once");
}

#[tokio::test]
async fn cases_overlap() {
    let api = Api::start();
    let case = |own: &str, other: &str| {
        format!(
            "- name: {own}
  do: [{{apply: {{objects: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {own}}}}}]}}}}]
  expect: [{{object: {{of: {{kind: ConfigMap, name: {other}}}}}, within: 1m}}]\n"
        )
    };
    let ended = Suite::of(&api, &format!("cases:\n{}{}", case("left", "right"), case("right", "left"))).run().await;
    ended.passed(&["left", "right"]);
}

#[tokio::test]
async fn one_job_is_one_case_at_a_time() {
    let api = Api::start();
    let case = |i| format!("- {{name: c{i}, do: [{{run: {{program: sleep, args: ['0.05']}}}}]}}\n");
    let mut suite = Suite::of(&api, &format!("cases:\n{}", (0..8).map(case).collect::<String>()));
    suite.options.jobs = 1;
    let ended = suite.run().await;
    let mut running = 0;
    for event in &ended.events {
        match event {
            Event::CaseStarted { .. } => running += 1,
            Event::CaseFinished { .. } => running -= 1,
            _ => {}
        }
        assert!(running <= 1);
    }
    (0..8).for_each(|i| ended.passed(&[&format!("c{i}")]));
}

#[tokio::test]
async fn nothing_begins_after_the_first_failure_if_so_asked() {
    let api = Api::start();
    let mut suite = Suite::of(
        &api,
        &format!(
            "cases:
- {{name: slow, do: [{{run: {{program: sleep, args: ['0.5']}}}}]}}
- {{name: broken, do: {FAILS}}}
- {{name: next, after: [broken], do: {PASSES}}}
- {{name: blocked, needs: [broken], do: {PASSES}}}"
        ),
    );
    suite.options.fail_fast = true;
    let ended = suite.run().await;
    ended.passed(&["slow"]);
    ended.told("next", Skipped, &["s/broken failed", "stop at the first failure"]);
    ended.told("blocked", Skipped, &["s/broken failed"]);
    assert!(!ended.outcome.interrupted);
}

const MAKES_AND_WAITS: &str = "cases:
- name: waits
  do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: made}}]}}]
  expect: [{object: {of: {kind: ConfigMap, name: never}}, within: 1m}]
- {name: sleeps, do: [{run: {program: sleep, args: ['60']}}]}
- {name: probes, do: [{run: {program: echo}}], expect: [{output: {stdout: {contains: [never]}}, within: 1m}]}
- {name: deletes, do: [{delete: {of: {kind: ConfigMap, name: held}}}]}
- {name: retries, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: refused}}]}}]}
- {name: next, needs: [waits], do: [{run: {program: 'true'}}]}";

fn held(api: &Api) {
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "held", "namespace": "ns", "finalizers": ["example.org/held"]}}));
    api.fail("APPLY configmaps/refused", usize::MAX, crate::support::Fault::code(503));
}

#[tokio::test]
async fn the_timeout_ends_the_cases_and_takes_everything_back() {
    let api = Api::start();
    held(&api);
    let mut suite = Suite::of(&api, MAKES_AND_WAITS);
    suite.options.timeout = Some(Duration::from_secs(2));
    let ended = suite.run().await;
    for case in ["waits", "sleeps", "probes", "deletes"] {
        ended.told(case, Errored, &["interrupted"]);
    }
    ended.told("next", Skipped, &["the run's timeout was over"]);
    assert!(ended.outcome.interrupted);
    assert_eq!(api.get("ConfigMap", "ns", "made"), None);
    ended.clean();
    assert!(ended.took < Duration::from_secs(30));
}

#[tokio::test]
async fn an_interrupt_ends_the_cases_and_takes_everything_back() {
    let api = Api::start();
    held(&api);
    let going = Suite::of(&api, MAKES_AND_WAITS).go().await;
    going.began("sleeps").await;
    api.requested("APPLY configmaps/refused", 2).await;
    api.requested("DELETE configmaps/held", 1).await;
    api.until("ConfigMap", "ns", "made", serde_json::Value::is_object).await;
    going.signals.interrupt.cancel();
    let ended = going.end().await;
    for case in ["waits", "sleeps", "probes", "deletes", "retries"] {
        ended.told(case, Errored, &["interrupted"]);
    }
    ended.told("next", Skipped, &["the run was interrupted"]);
    assert_eq!(ended.records.len(), 6);
    assert!(ended.outcome.interrupted);
    assert_eq!(api.get("ConfigMap", "ns", "made"), None);
    ended.clean();
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[tokio::test]
async fn a_second_signal_gives_up_and_names_what_is_left() {
    let api = Api::start();
    let going = Suite::of(
        &api,
        "cases:
- name: a
  do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}]}}]
- name: b
  needs: [a]
  do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: two, finalizers: [example.org/held]}}]}}]
  expect: [{object: {of: {kind: ConfigMap, name: never}}, within: 1m}]",
    )
    .go()
    .await;
    api.until("ConfigMap", "ns", "two", serde_json::Value::is_object).await;
    going.signals.interrupt.cancel();
    api.requested("DELETE configmaps/two", 1).await;
    going.signals.give_up.cancel();
    let ended = going.end().await;
    ended.told("b", Errored, &["interrupted"]);
    let problems = ended.outcome.problems.join("\n");
    assert!(problems.contains("left behind: configmap/two in ns"), "{problems}");
    assert!(problems.contains("left behind: configmap/one in ns: given up"), "{problems}");
    assert!(ended.took < Duration::from_secs(30));
}

#[tokio::test]
async fn a_second_signal_ends_cases_too() {
    let api = Api::start();
    // A program that does not listen has five seconds.
    let cases =
        "cases: [{name: a, do: [{run: {program: sh, args: [-c, 'trap \"\" TERM; echo; while :; do sleep 1; done']}}]}]";
    let going = Suite::of(&api, cases).go().await;
    going.began("a").await;
    going.signals.interrupt.cancel();
    going.signals.give_up.cancel();
    let ended = going.end().await;
    ended.told("a", Errored, &[]);
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
}
