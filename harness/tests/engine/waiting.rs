//! Waiting for the cluster: one shared watch, deadlines, holding, and no verdict on what is older than the run's own changes.

use std::time::Duration;

use meshproof_reports::Verdict::Failed;
use serde_json::{Value, json};

use crate::support::{Api, Suite};

fn map(name: &str, data: &Value) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}, "data": data})
}

#[tokio::test]
async fn fifty_cases_share_one_list_and_one_watch() {
    let api = Api::start();
    let case =
        |i| format!("- {{name: c{i}, expect: [{{object: {{of: {{kind: ConfigMap, name: m{i}}}}}, within: 1m}}]}}\n");
    let going = Suite::of(&api, &format!("cases:\n{}", (0..50).map(case).collect::<String>())).go().await;
    going.began("c49").await;
    api.requested("WATCH configmaps", 1).await;
    (0..50).for_each(|i| api.put(map(&format!("m{i}"), &json!({}))));
    let ended = going.end().await;
    (0..50).for_each(|i| ended.passed(&[&format!("c{i}")]));
    assert_eq!((api.count("LIST configmaps"), api.count("WATCH configmaps")), (1, 1), "{:?}", api.requests());
}

#[tokio::test]
async fn what_is_so_already_is_met_at_once() {
    let api = Api::start();
    api.put(map("m", &json!({"a": "1"})));
    let ended = Suite::of(
        &api,
        "cases:
- {name: there, expect: [{object: {of: {kind: ConfigMap, name: m}, match: {data: {a: '1'}}}, within: 1m}]}
- {name: absent, expect: [{absent: {kind: ConfigMap, name: other}, within: 1m}]}",
    )
    .run()
    .await;
    ended.passed(&["there", "absent"]);
    assert_eq!(ended.case("there").attempts, 1);
    assert!(ended.took < Duration::from_secs(20));
}

#[tokio::test]
async fn each_change_is_looked_at_until_it_is_so() {
    let api = Api::start();
    let suite = Suite::of(
        &api,
        "cases: [{name: a, expect: [{object: {of: {kind: ConfigMap, name: m}, match: {data: {a: '2'}}}, within: 1m}]}]",
    );
    let going = suite.go().await;
    api.requested("WATCH configmaps", 1).await;
    api.put(map("m", &json!({"a": "1"})));
    api.put(map("m", &json!({"a": "2"})));
    going.end().await.passed(&["a"]);
}

#[tokio::test]
async fn a_missed_deadline_says_what_was_expected_and_what_was_seen() {
    let api = Api::start();
    api.put(map("m", &json!({"a": "1"})));
    let ended = Suite::of(
        &api,
        "cases: [{name: a, expect: [{object: {of: {kind: ConfigMap, name: m}, match: {data: {a: '2'}}}, within: 500ms}]}]",
    )
    .run()
    .await;
    ended.told("a", Failed, &["expected ConfigMap m has data.a = 2 within 500ms, saw data.a = 1"]);
    let record = ended.case("a");
    assert_eq!(record.expected.as_deref(), Some("ConfigMap m has data.a = 2"));
    assert_eq!(record.seen.as_deref(), Some("data.a = 1"));
    assert_eq!(record.look, ["kubectl --context double get configmap m -n ns -o yaml"]);
}

#[tokio::test]
async fn a_state_must_hold() {
    let api = Api::start();
    api.put(map("kept", &json!({})));
    api.put(map("broken", &json!({})));
    let going = Suite::of(
        &api,
        "cases:
- {name: kept, expect: [{object: {of: {kind: ConfigMap, name: kept}}, hold: 1s}]}
- {name: absence, expect: [{absent: {kind: ConfigMap, name: none}, hold: 1s}]}
- {name: broken, expect: [{object: {of: {kind: ConfigMap, name: broken}}, hold: 30s}]}
- {name: came, expect: [{absent: {kind: ConfigMap, name: comes}, hold: 30s}]}",
    )
    .go()
    .await;
    api.requested("WATCH configmaps", 1).await;
    going.ended("kept").await;
    api.delete("ConfigMap", "ns", "broken");
    api.put(map("comes", &json!({})));
    let ended = going.end().await;
    ended.passed(&["kept", "absence"]);
    ended.told("broken", Failed, &["was as expected, but only for ", " of 30s; then expected "]);
    ended.told("came", Failed, &["was as expected, but only for ", " of 30s; then expected "]);
    assert!(ended.case("kept").duration_ms >= 1000);
    assert!(ended.took < Duration::from_secs(25), "a broken hold ends at once");
}

/// The watch tells of nothing for a while; what the run itself has changed is known all the same.
#[tokio::test]
async fn no_case_is_judged_on_what_was_before_its_own_change() {
    let api = Api::start();
    for name in ["a", "b", "c", "d"] {
        api.put(json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns", "labels": {"v": "old"}}}));
    }
    api.put(map("gone", &json!({})));
    let going = Suite::of(
        &api,
        "cases:
- {name: begin, expect: [{object: {of: {kind: ConfigMap, name: begin}}, within: 1m}]}
- name: stale
  needs: [begin]
  do: [{label: {kind: ConfigMap, name: a, set: {v: new}}}]
  expect: [{object: {of: {kind: ConfigMap, name: a}, match: {metadata: {labels: {v: old}}}}, within: 0s}]
- name: fresh
  needs: [begin]
  do: [{label: {kind: ConfigMap, name: b, set: {v: new}}}]
  expect: [{object: {of: {kind: ConfigMap, name: b}, match: {metadata: {labels: {v: new}}}}, within: 0s}]
- name: selected
  needs: [begin]
  do: [{label: {kind: ConfigMap, name: c, remove: [v]}}]
  expect: [{object: {of: {kind: ConfigMap, nameMatches: '^c$'}, cel: ['!has(object.metadata.labels.v)']}, within: 0s}]
- name: applied
  needs: [begin]
  do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: d}, data: {x: y}}]}}]
  expect: [{object: {of: {kind: ConfigMap, name: d}, match: {data: {x: y}}}, within: 0s}]
- name: deleted
  needs: [begin]
  do: [{delete: {of: {kind: ConfigMap, name: gone}}}]
  expect: [{absent: {kind: ConfigMap, name: gone}, within: 0s, hold: 1s}]
- name: captured
  needs: [fresh]
  do:
    - label: {kind: ConfigMap, name: b, set: {v: newer}}
    - capture: {name: seen, of: {kind: ConfigMap, name: b}, value: object.metadata.labels.v}
    - run: {program: test, args: ['{{ seen }}', =, newer]}",
    )
    .go()
    .await;
    api.requested("WATCH configmaps", 1).await;
    api.put(map("begin", &json!({})));
    going.ended("begin").await;
    api.delay_watches(Duration::from_millis(300));
    let ended = going.end().await;
    ended.told("stale", Failed, &["saw metadata.labels.v = new"]);
    ended.passed(&["fresh", "selected", "applied", "deleted", "captured"]);
    assert_eq!(api.count("WATCH configmaps"), 1);
}

/// A kind that is not served yet: its definition may come while somebody waits.
#[tokio::test]
async fn a_kind_may_come_to_be_served() {
    let api = Api::start();
    let going = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - apply:
        objects:
          - {apiVersion: example.org/v1, kind: Widget, metadata: {name: w}}
          - apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: widgets.example.org}
            spec:
              group: example.org
              scope: Namespaced
              names: {plural: widgets, kind: Widget}
              versions: [{name: v1}]
- {name: b, expect: [{object: {of: {apiVersion: example.org/v1, kind: Widget, name: w}}, within: 1m}]}
- {name: c, expect: [{absent: {apiVersion: example.org/v1, kind: Gadget}, within: 1m}]}",
    )
    .go()
    .await;
    api.until("CustomResourceDefinition", "", "widgets.example.org", Value::is_object).await;
    let established = json!({"status": {"conditions": [{"type": "Established", "status": "True"}]}});
    api.patch("CustomResourceDefinition", "", "widgets.example.org", &established);
    let ended = going.end().await;
    ended.passed(&["a", "b", "c"]);
    ended.clean();
    assert_eq!(api.get("Widget", "ns", "w"), None);
}
