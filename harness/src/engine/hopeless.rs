//! States of workloads from which nothing that is under way leads out.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::cluster::Object;

/// How long a hopeless state must last before it is believed. A registry's hiccup and a webhook that restarts are over by
/// then; a person who waits has hardly looked up.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// One workload that cannot come up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hopeless {
    /// `pod/ratings-v1-abc`.
    pub object: String,
    /// `ImagePullBackOff`.
    pub state: &'static str,
    /// What the cluster says of it.
    pub message: String,
    /// States of one class are one: `ErrImagePull` and `ImagePullBackOff` take turns.
    class: &'static str,
}

impl fmt::Display for Hopeless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.state)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// The workloads of a namespace that matter to somebody.
#[derive(Default)]
pub struct Workloads {
    pub pods: Vec<Arc<Object>>,
    pub replica_sets: Vec<Arc<Object>>,
    pub deployments: Vec<Arc<Object>>,
    /// Whether a deployment that is scaled to zero is in the way.
    pub wants_pods: bool,
}

/// Reasons for which a container waits, and the class of each.
const WAITING: &[(&str, &str)] = &[
    ("ImagePullBackOff", "image"),
    ("ErrImagePull", "image"),
    ("InvalidImageName", "image"),
    ("ErrImageNeverPull", "image"),
    ("ImageInspectError", "image"),
    ("RegistryUnavailable", "image"),
    ("SignatureValidationFailed", "image"),
    ("CreateContainerConfigError", "create"),
    ("CreateContainerError", "create"),
    ("RunContainerError", "create"),
    ("CrashLoopBackOff", "crash"),
];

/// How kubelet ends what it says while it has not yet heard of a Secret or ConfigMap, which a busy API server is enough for.
const NOT_YET_SEEN: &str = "cache: timed out waiting for the condition";

/// Every hopeless state among `workloads`.
pub fn states(workloads: &Workloads) -> Vec<Hopeless> {
    let pods = workloads.pods.iter().filter(|pod| !pod.is_terminating()).flat_map(|pod| of_pod(pod));
    let sets = workloads.replica_sets.iter().filter(|set| !set.is_terminating()).filter_map(|set| of_replica_set(set));
    let deployments = workloads
        .deployments
        .iter()
        .filter(|deployment| !deployment.is_terminating())
        .filter_map(|deployment| of_deployment(deployment, workloads.wants_pods));
    pods.chain(sets).chain(deployments).collect()
}

fn of_pod(pod: &Object) -> Vec<Hopeless> {
    let object = format!("pod/{}", pod.name);
    let statuses = pod.items("/status/initContainerStatuses").iter().chain(pod.items("/status/containerStatuses"));
    let mut found: Vec<Hopeless> = statuses
        .filter_map(|status| {
            let waiting = &status["state"]["waiting"];
            let reason = waiting["reason"].as_str()?;
            let (state, class) = WAITING.iter().find(|known| known.0 == reason)?;
            let message = match *class {
                "crash" => last_end(status),
                _ => waiting["message"].as_str().unwrap_or_default().to_owned(),
            };
            if message.ends_with(NOT_YET_SEEN) {
                return None;
            }
            let name = status["name"].as_str().unwrap_or_default();
            Some(Hopeless { object: format!("{object} container {name}"), state, message, class })
        })
        .collect();
    let unscheduled = pod.items("/status/conditions").iter().find(|condition| {
        condition["type"] == "PodScheduled" && condition["status"] == "False" && condition["reason"] == "Unschedulable"
    });
    if let Some(condition) = unscheduled {
        let message = condition["message"].as_str().unwrap_or_default().to_owned();
        found.push(Hopeless { object, state: "Unschedulable", message, class: "schedule" });
    }
    found
}

/// How a crashing container ended last.
fn last_end(status: &serde_json::Value) -> String {
    let end = &status["lastState"]["terminated"];
    let mut parts = Vec::new();
    if let Some(code) = end["exitCode"].as_i64() {
        parts.push(format!("last ended with exit code {code}"));
    }
    if let Some(reason) = end["reason"].as_str().filter(|reason| *reason != "Error") {
        parts.push(reason.to_owned());
    }
    if let Some(message) = end["message"].as_str() {
        parts.push(message.trim().to_owned());
    }
    parts.push(format!("{} restarts", status["restartCount"].as_u64().unwrap_or(0)));
    parts.join(", ")
}

fn of_replica_set(set: &Object) -> Option<Hopeless> {
    let condition = set
        .items("/status/conditions")
        .iter()
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")?;
    // A set that a newer one has replaced asks for nothing any more.
    if set.number("/spec/replicas") == Some(0) {
        return None;
    }
    Some(Hopeless {
        object: format!("replicaset/{}", set.name),
        state: "FailedCreate",
        message: condition["message"].as_str().unwrap_or_default().to_owned(),
        class: "create-pod",
    })
}

fn of_deployment(deployment: &Object, wants_pods: bool) -> Option<Hopeless> {
    let object = format!("deployment/{}", deployment.name);
    let exceeded = deployment.items("/status/conditions").iter().find(|condition| {
        condition["type"] == "Progressing"
            && condition["status"] == "False"
            && condition["reason"] == "ProgressDeadlineExceeded"
    });
    if let Some(condition) = exceeded {
        let message = condition["message"].as_str().unwrap_or_default().to_owned();
        return Some(Hopeless { object, state: "ProgressDeadlineExceeded", message, class: "progress" });
    }
    if wants_pods && deployment.number("/spec/replicas") == Some(0) {
        let message = "it asks for no pods".to_owned();
        return Some(Hopeless { object, state: "scaled to zero", message, class: "scale" });
    }
    None
}

/// Keeps how long each hopeless state has lasted.
#[derive(Default)]
pub struct Patience {
    since: HashMap<(String, &'static str), (Instant, String)>,
    ignored: Vec<(String, &'static str)>,
}

/// What follows from the states seen now.
#[derive(Debug, PartialEq, Eq)]
pub enum Ripeness {
    /// Nothing is hopeless.
    Hopeful,
    /// Something is, but not for long enough; look again then.
    Wait(Instant),
    /// It has lasted.
    Ripe(Hopeless),
}

impl Patience {
    /// Leaves out of account what is hopeless already: what was broken before a program began, the program may well mend.
    pub fn ignore(&mut self, states: &[Hopeless]) {
        self.ignored.extend(states.iter().map(|state| (state.object.clone(), state.class)));
    }

    pub fn judge(&mut self, states: Vec<Hopeless>, now: Instant, patience: Duration) -> Ripeness {
        let states: Vec<Hopeless> = states
            .into_iter()
            .filter(|state| {
                !self.ignored.iter().any(|(object, class)| *object == state.object && *class == state.class)
            })
            .collect();
        self.since.retain(|key, _| states.iter().any(|state| (&state.object, state.class) == (&key.0, key.1)));
        let mut wake = None;
        for mut state in states {
            let entry =
                self.since.entry((state.object.clone(), state.class)).or_insert_with(|| (now, state.message.clone()));
            // `ErrImagePull` says why; the `ImagePullBackOff` after it often does not.
            if state.message.len() > entry.1.len() {
                entry.1.clone_from(&state.message);
            }
            if now >= entry.0 + patience {
                state.message.clone_from(&entry.1);
                return Ripeness::Ripe(state);
            }
            let ripe_at = entry.0 + patience;
            wake = Some(wake.map_or(ripe_at, |wake: Instant| wake.min(ripe_at)));
        }
        wake.map_or(Ripeness::Hopeful, Ripeness::Wait)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::expectation::testing::object;

    fn waiting(reason: &str, message: &str) -> Arc<Object> {
        object(json!({"kind": "Pod", "metadata": {"name": "a"}, "status": {"containerStatuses": [
            {"name": "app", "restartCount": 2, "state": {"waiting": {"reason": reason, "message": message}},
             "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}]}}))
    }

    fn of(pod: Arc<Object>) -> Vec<Hopeless> {
        states(&Workloads { pods: vec![pod], ..Workloads::default() })
    }

    #[rstest]
    #[case("ImagePullBackOff", "pod/a container app: ImagePullBackOff: why")]
    #[case("ErrImagePull", "pod/a container app: ErrImagePull: why")]
    #[case("InvalidImageName", "pod/a container app: InvalidImageName: why")]
    #[case("CreateContainerConfigError", "pod/a container app: CreateContainerConfigError: why")]
    #[case("CreateContainerError", "pod/a container app: CreateContainerError: why")]
    #[case("CrashLoopBackOff", "pod/a container app: CrashLoopBackOff: last ended with exit code 3, 2 restarts")]
    fn containers_that_wait_in_vain_are_seen(#[case] reason: &str, #[case] expected: &str) {
        assert_eq!(of(waiting(reason, "why"))[0].to_string(), expected);
    }

    #[test]
    fn a_container_that_is_being_made_is_no_concern() {
        assert_eq!(of(waiting("ContainerCreating", "")), []);
    }

    #[rstest]
    #[case("failed to sync secret cache: timed out waiting for the condition", 0)]
    #[case("failed to sync configmap cache: timed out waiting for the condition", 0)]
    #[case("secret \"nowhere\" not found", 1)]
    fn what_kubelet_has_not_yet_heard_of_may_come(#[case] message: &str, #[case] states: usize) {
        assert_eq!(of(waiting("CreateContainerConfigError", message)).len(), states);
    }

    #[test]
    fn a_pod_that_fits_nowhere_is_seen() {
        let pod = object(json!({"kind": "Pod", "metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}}));
        assert_eq!(of(pod)[0].to_string(), "pod/a: Unschedulable: 0/1 nodes");
    }

    #[test]
    fn a_set_that_cannot_make_pods_is_seen_with_what_forbids_it() {
        let set = object(json!({"kind": "ReplicaSet", "metadata": {"name": "a"}, "spec": {"replicas": 1}, "status": {
            "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "exceeded quota"}]}}));
        let found = states(&Workloads { replica_sets: vec![set], ..Workloads::default() });
        assert_eq!(found[0].to_string(), "replicaset/a: FailedCreate: exceeded quota");
    }

    #[test]
    fn a_deployment_past_its_deadline_is_seen() {
        let deployment = object(json!({"kind": "Deployment", "metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]}}));
        let found = states(&Workloads { deployments: vec![deployment], ..Workloads::default() });
        assert_eq!(found[0].state, "ProgressDeadlineExceeded");
    }

    #[rstest]
    #[case(true, 1)]
    #[case(false, 0)]
    fn scaled_to_zero_matters_to_who_wants_pods(#[case] wants_pods: bool, #[case] count: usize) {
        let deployment = object(json!({"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 0}}));
        let found = states(&Workloads { deployments: vec![deployment], wants_pods, ..Workloads::default() });
        assert_eq!(found.len(), count);
    }

    #[test]
    fn a_state_is_believed_once_it_has_lasted_with_the_fullest_message() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        let pull = of(waiting("ErrImagePull", "manifest unknown: not found"));
        let back_off = of(waiting("ImagePullBackOff", "Back-off"));
        assert_eq!(patience.judge(pull, start, PATIENCE), Ripeness::Wait(start + PATIENCE));
        let Ripeness::Ripe(state) = patience.judge(back_off, start + PATIENCE, PATIENCE) else { panic!("not ripe") };
        assert_eq!(state.to_string(), "pod/a container app: ImagePullBackOff: manifest unknown: not found");
    }

    #[test]
    fn a_state_that_passes_starts_anew() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        let state = || of(waiting("ErrImagePull", ""));
        patience.judge(state(), start, PATIENCE);
        assert_eq!(patience.judge(Vec::new(), start, PATIENCE), Ripeness::Hopeful);
        let later = start + PATIENCE;
        assert_eq!(patience.judge(state(), later, PATIENCE), Ripeness::Wait(later + PATIENCE));
    }

    #[test]
    fn what_was_hopeless_before_is_ignored() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        patience.ignore(&of(waiting("ImagePullBackOff", "old")));
        assert_eq!(patience.judge(of(waiting("ErrImagePull", "old")), start, Duration::ZERO), Ripeness::Hopeful);
    }
}
