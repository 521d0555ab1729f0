//! What a pod's status says of its containers.

use serde_json::Value;

use crate::cluster::Object;

/// The statuses of init containers, then of the others.
pub fn statuses(pod: &Object) -> impl Iterator<Item = &Value> {
    pod.items("/status/initContainerStatuses").iter().chain(pod.items("/status/containerStatuses"))
}

/// Whether it is a pod that is not as a pod should be that has been there for a while.
pub fn is_unwell(pod: &Object) -> bool {
    if pod.text("/kind") != Some("Pod") || pod.is_terminating() || pod.text("/status/phase") == Some("Succeeded") {
        return false;
    }
    let unready = pod.items("/status/containerStatuses").iter().any(|status| status["ready"] != true);
    pod.text("/status/phase") != Some("Running") || unready || statuses(pod).any(has_restarted)
}

pub fn has_restarted(status: &Value) -> bool {
    status["restartCount"].as_u64().is_some_and(|count| count > 0)
}

/// Why a container waits, if it does: `ErrImagePull`.
pub fn waits_for(status: &Value) -> Option<&str> {
    status["state"]["waiting"]["reason"].as_str()
}

/// How a container ended last: the end of the one that is there, or of the one before.
pub fn last_end(status: &Value) -> Option<&Value> {
    let ends = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
    ends.into_iter().find(|end| end.is_object())
}

pub fn condition<'a>(object: &'a Object, kind: &str) -> Option<&'a Value> {
    object.items("/status/conditions").iter().find(|condition| condition["type"] == kind)
}
