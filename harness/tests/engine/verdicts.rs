//! What is the product's doing fails; what keeps the check from being made is an error.

use meshproof_reports::Verdict::{self, Errored, Failed};
use rstest::rstest;
use serde_json::json;

use crate::support::{Api, Fault, Suite};

#[tokio::test]
async fn a_list_that_is_not_allowed_names_the_right() {
    let api = Api::start();
    let message = "configmaps is forbidden: User \"tester\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"ns\"";
    api.fail("LIST configmaps", usize::MAX, Fault::forbidden(message));
    let ended = Suite::of(
        &api,
        "cases:
- {name: there, expect: [{object: {of: {kind: ConfigMap, name: m}}, within: 1m}]}
- {name: absent, expect: [{absent: {kind: ConfigMap, name: m}, within: 1m}]}
- {name: capture, do: [{capture: {name: c, of: {kind: ConfigMap, name: m}, value: object.data.a}}]}
- {name: delete, do: [{delete: {of: {kind: ConfigMap, selector: a=b}}}]}",
    )
    .run()
    .await;
    for case in ["there", "absent", "capture", "delete"] {
        ended.told(case, Errored, &["not allowed", "cannot list resource \"configmaps\""]);
    }
}

#[tokio::test]
async fn a_watch_that_is_not_allowed_is_an_error_too() {
    let api = Api::start();
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "ns"}}));
    api.fail("WATCH configmaps", usize::MAX, Fault::forbidden("tester cannot watch resource \"configmaps\""));
    let cases = "cases: [{name: a, expect: [{object: {of: {kind: ConfigMap, name: none}}, within: 2s}]}]";
    Suite::of(&api, cases).run().await.told("a", Errored, &["not allowed", "cannot watch"]);
}

#[rstest]
#[case::rights(403, "Forbidden", "configmaps \"m\" is forbidden: User \"tester\" cannot patch resource", Errored)]
#[case::no_login(401, "Unauthorized", "Unauthorized", Errored)]
#[case::quota(403, "Forbidden", "configmaps \"m\" is forbidden: exceeded quota: few, requested: 1", Failed)]
#[case::invalid(422, "Invalid", "spec.replicas: Invalid value: -1", Failed)]
#[case::bad(400, "BadRequest", "unknown field \"spec.replica\"", Failed)]
#[case::webhook(400, "", "admission webhook \"validation.istio.io\" denied the request: no hosts", Failed)]
#[case::webhook_forbids(403, "Forbidden", "admission webhook \"policy\" denied the request: no", Failed)]
#[case::conflict(409, "Conflict", "Apply failed with 1 conflict", Failed)]
#[case::no_namespace(404, "NotFound", "namespaces \"ns\" not found", Failed)]
#[case::dead_webhook(500, "InternalError", "failed calling webhook \"w\": connection refused", Failed)]
#[tokio::test]
async fn an_apply_that_is_refused(
    #[case] code: u16,
    #[case] reason: &'static str,
    #[case] message: &'static str,
    #[case] verdict: Verdict,
) {
    let api = Api::start();
    api.fail("APPLY configmaps", usize::MAX, Fault::Refused { code, reason, message, retry_after: None });
    let cases =
        "cases: [{name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}]}}]}]";
    let ended = Suite::of(&api, cases).run().await;
    ended.told("a", verdict, &["ConfigMap m", message]);
    ended.clean();
}

#[tokio::test]
async fn fields_of_somebody_else_are_not_taken_without_force() {
    let api = Api::start();
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "ns"}, "data": {"a": "theirs"}}));
    let ended = Suite::of(
        &api,
        "cases:
- {name: a, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {a: ours}}]}}]}
- {name: b, after: [a], do: [{apply: {force: true, objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {a: ours}}]}}]}",
    )
    .run()
    .await;
    ended.told("a", Failed, &["ConfigMap m: conflict:", ".data.a"]);
    ended.passed(&["b"]);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_labelled_or_deleted() {
    let api = Api::start();
    let ended = Suite::of(
        &api,
        "cases:
- {name: label, do: [{label: {kind: ConfigMap, name: m, set: {a: b}}}]}
- {name: delete, do: [{delete: {of: {kind: ConfigMap, name: m}}}]}
- {name: ignore, do: [{delete: {of: {kind: ConfigMap, name: m}, ignoreNotFound: true}}]}
- {name: kind, do: [{apply: {objects: [{apiVersion: example.org/v1, kind: Widget, metadata: {name: w}}]}}]}",
    )
    .run()
    .await;
    ended.told("label", Failed, &["not found"]);
    ended.told("delete", Failed, &["not there to delete: configmap/m"]);
    ended.passed(&["ignore"]);
    ended.told("kind", Failed, &["Widget w", "does not serve the kind Widget of example.org/v1"]);
    ended.clean();
}
