//! What belongs together, and how it is told.

use super::*;

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
