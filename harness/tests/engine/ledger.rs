//! What the run changes is taken back, newest first; what is left is named.

use std::time::Duration;

use meshproof_reports::Verdict::Failed;
use serde_json::{Value, json};

use crate::support::{Api, Suite};

fn map(name: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}})
}

#[tokio::test]
async fn what_was_made_is_deleted_newest_first_and_a_namespace_with_all_in_it() {
    let api = Api::start();
    let ended = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: first}}]}
    - apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: made}}]}
    - label: {kind: Namespace, name: made, set: {a: b}}
    - apply: {objects: [{apiVersion: v1, kind: Secret, metadata: {name: last}}]}",
    )
    .run()
    .await;
    ended.passed(&["a"]);
    ended.clean();
    assert_eq!(ended.torn_down(), ["secret/last in ns", "namespace/made", "configmap/first in ns"]);
    assert_eq!(api.count("DELETE configmaps/inside"), 0);
    let left = [
        ("ConfigMap", "ns", "first"),
        ("Namespace", "", "made"),
        ("ConfigMap", "made", "inside"),
        ("Secret", "ns", "last"),
    ];
    for (kind, namespace, name) in &left {
        assert_eq!(api.get(kind, namespace, name), None);
    }
}

#[tokio::test]
async fn an_object_that_was_there_keeps_what_was_not_the_runs() {
    let api = Api::start();
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "ns", "labels": {"theirs": "yes"}},
        "data": {"theirs": "1"}}));
    let ended = Suite::of(
        &api,
        "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {ours: '2'}}]}}],
  expect: [{object: {of: {kind: ConfigMap, name: m}, match: {data: {theirs: '1', ours: '2'}}}}]}]",
    )
    .run()
    .await;
    ended.passed(&["a"]);
    ended.clean();
    let object = api.get("ConfigMap", "ns", "m").expect("it was there before");
    assert_eq!((&object["data"], &object["metadata"]["labels"]), (&json!({"theirs": "1"}), &json!({"theirs": "yes"})));
    assert_eq!(api.count("DELETE configmaps"), 0);
    assert_eq!(ended.torn_down(), ["changes to configmap/m in ns"]);
}

#[tokio::test]
async fn an_object_of_somebody_else_that_could_not_be_applied_is_left_alone() {
    let api = Api::start();
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "ns"}, "data": {"a": "theirs"}}));
    let before = api.get("ConfigMap", "ns", "m");
    let cases = "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {a: ours}}]}}]}]";
    let ended = Suite::of(&api, cases).run().await;
    ended.told("a", Failed, &["conflict"]);
    ended.clean();
    assert_eq!(api.get("ConfigMap", "ns", "m"), before);
}

#[tokio::test]
async fn labels_go_back_to_what_they_were_unless_somebody_changed_them() {
    let api = Api::start();
    let labels = json!({"kept": "1", "changed": "old", "removed": "was", "theirs": "old"});
    api.put(json!({"kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}));
    let going = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - label: {kind: Namespace, name: shop, set: {changed: new, added: new, theirs: ours}, remove: [removed]}
    - label: {kind: Namespace, name: shop, set: {changed: newer}}
  expect:
    - object: {of: {kind: Namespace, name: shop}, match: {metadata: {labels: {changed: newer, added: new, removed: null}}}}
    - object: {of: {kind: ConfigMap, name: go}}
      within: 1m",
    )
    .go()
    .await;
    api.until("Namespace", "", "shop", |object| object["metadata"]["labels"]["changed"] == "newer").await;
    api.patch("Namespace", "", "shop", &json!({"metadata": {"labels": {"theirs": "somebody else's"}}}));
    api.put(map("go"));
    let ended = going.end().await;
    ended.passed(&["a"]);
    let expected = json!({"kept": "1", "changed": "old", "removed": "was", "theirs": "somebody else's"});
    assert_eq!(api.get("Namespace", "", "shop").unwrap()["metadata"]["labels"], expected);
    let [problem] = &ended.outcome.problems[..] else { panic!("{:?}", ended.outcome.problems) };
    for word in ["namespace/shop", "somebody changed it meanwhile", "theirs is \"somebody else's\" now", "\"old\""] {
        assert!(problem.contains(word), "{problem}");
    }
}

#[tokio::test]
async fn what_is_held_is_named_with_who_holds_it() {
    let api = Api::start();
    let mut suite = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: free}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.org/held]}}]}",
    );
    suite.options.teardown = Duration::from_secs(1);
    let ended = suite.run().await;
    ended.passed(&["a"]);
    let [problem] = &ended.outcome.problems[..] else { panic!("{:?}", ended.outcome.problems) };
    for word in ["left behind: configmap/held in ns", "terminating", "held by example.org/held"] {
        assert!(problem.contains(word), "{problem}");
    }
    assert_eq!(api.get("ConfigMap", "ns", "free"), None, "the others are taken back all the same");
}

#[tokio::test]
async fn teardown_waits_until_what_it_deletes_is_gone() {
    let api = Api::start();
    let cases = "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.org/held]}}]}}]}]";
    let going = Suite::of(&api, cases).go().await;
    api.requested("DELETE configmaps/held", 1).await;
    api.patch("ConfigMap", "ns", "held", &json!({"metadata": {"finalizers": null}}));
    let ended = going.end().await;
    ended.clean();
    assert_eq!(api.get("ConfigMap", "ns", "held"), None);
}

#[tokio::test]
async fn what_the_suite_deleted_is_not_deleted_twice() {
    let api = Api::start();
    api.put(map("theirs"));
    let ended = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}]}
    - delete: {of: {kind: ConfigMap, name: m}}
    - apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: made}}]}
    - delete: {of: {kind: Namespace, name: made}}",
    )
    .run()
    .await;
    ended.passed(&["a"]);
    ended.clean();
    assert_eq!((api.count("DELETE configmaps"), api.count("DELETE namespaces")), (1, 1), "{:?}", api.requests());
    assert!(api.get("ConfigMap", "ns", "theirs").is_some());
}

#[tokio::test]
async fn what_the_suite_made_and_could_not_delete_is_named() {
    let api = Api::start();
    let mut suite = Suite::of(
        &api,
        "cases:
- name: a
  do:
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.org/held]}}]}
    - {delete: {of: {kind: ConfigMap, name: held}}, within: 1s}",
    );
    suite.options.teardown = Duration::from_secs(1);
    let ended = suite.run().await;
    ended.told("a", Failed, &["waited in vain for configmap/held to be gone"]);
    let problems = ended.outcome.problems.join("\n");
    assert!(problems.contains("left behind: configmap/held in ns"), "{problems}");
}

#[tokio::test]
async fn a_programs_work_is_taken_back_unless_there_is_nothing_to() {
    let api = Api::start();
    api.put(map("undone-already"));
    api.put(map("left"));
    let going = Suite::of(
        &api,
        "cases:
- name: needed
  do:
    - run: {program: 'true'}
      undo:
        unless: {absent: {kind: ConfigMap, name: left}}
        do:
          - run: {program: touch, args: ['{{ run.directory }}/../meshproof-undone-{{ run.id }}']}
          - delete: {of: {kind: ConfigMap, name: left}}
- name: failing
  do:
    - run: {program: sh, args: [-c, 'exit 1']}
      undo: {do: [{run: {program: sh, args: [-c, 'echo cannot >&2; exit 4']}}, {delete: {of: {kind: ConfigMap, name: undone-already}}}]}
- name: not-needed
  do:
    - run: {program: 'true'}
      undo:
        unless: {absent: {kind: ConfigMap, name: none}}
        do: [{run: {program: 'false'}}]",
    )
    .go()
    .await;
    let undone = going.work().with_file_name(format!("meshproof-undone-{}", going.id()));
    let ended = going.end().await;
    ended.passed(&["needed", "not-needed"]);
    assert!(std::fs::remove_file(&undone).is_ok(), "{}", undone.display());
    assert_eq!(api.get("ConfigMap", "ns", "left"), None);
    assert_eq!(api.get("ConfigMap", "ns", "undone-already"), None, "the actions after one that fails are done");
    let [problem] = &ended.outcome.problems[..] else { panic!("{:?}", ended.outcome.problems) };
    assert!(problem.contains("the work of `sh -c 'exit 1'`") && problem.contains("cannot"), "{problem}");
}

#[tokio::test]
async fn what_is_kept_is_named() {
    let api = Api::start();
    let mut suite = Suite::of(
        &api,
        "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}]}}, {run: {program: 'true'}, undo: {do: [{run: {program: 'false'}}]}}]}]",
    );
    suite.options.keep = true;
    let ended = suite.run().await;
    ended.clean();
    assert_eq!(ended.outcome.kept, ["the work of `true`", "configmap/m in ns"]);
    assert!(api.get("ConfigMap", "ns", "m").is_some());
    assert_eq!(api.count("DELETE configmaps"), 0);
}

#[tokio::test]
async fn every_object_carries_the_runs_id() {
    let api = Api::start();
    let cases = "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m, labels: {a: b}}}]}}]}]";
    let going = Suite::of(&api, cases).go().await;
    let id = going.id();
    going.end().await.passed(&["a"]);
    assert_eq!(api.sent("APPLY configmaps")[0]["metadata"]["labels"], json!({"a": "b", "meshproof.dev/run": id}));
}
