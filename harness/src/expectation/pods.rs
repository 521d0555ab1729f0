//! `pods`: pods and how far they are.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Judgement, Mismatch, Target, Watched, enumerate, target::Namespaces};
use crate::{
    cluster::Object,
    language::formats::{Ready, Selector},
};

/// That the pods selected are there in number and each is as described. Pods that are terminating do not count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pods {
    pub selector: Option<Selector>,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// Exactly so many. Without it: at least one.
    pub count: Option<usize>,
    /// Ready containers of all, in each pod: `2/2`.
    pub ready: Option<Ready>,
    /// Of each pod: `Running`, `Succeeded`, …
    pub phase: Option<String>,
    /// Of all containers of a pod together, at most.
    pub restarts: Option<u64>,
}

impl Watched for Pods {
    fn target(&self) -> Target<'_> {
        Target {
            selector: self.selector.as_ref(),
            namespace: Namespaces::of(self.namespace.as_deref(), false),
            ..Target::of("Pod", None)
        }
    }

    fn lacks_pods(&self, pods: &[Arc<Object>]) -> bool {
        pods.iter().filter(|pod| !pod.is_terminating()).count() < self.count.unwrap_or(1)
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        let pods: Vec<&Arc<Object>> = objects.iter().filter(|pod| !pod.is_terminating()).collect();
        let states: Vec<PodState> = pods.iter().map(|pod| PodState::of(pod)).collect();
        let mismatch = || Mismatch { expected: self.describe(), seen: describe(&states) };
        let surplus = self.count.is_some_and(|count| pods.len() > count);
        if let Some(reason) = states.iter().find_map(|state| self.never(state)).filter(|_| !surplus) {
            return Judgement::Impossible { mismatch: mismatch(), reason };
        }
        let enough = self.count.map_or(!pods.is_empty(), |count| pods.len() == count);
        if enough && states.iter().all(|state| self.is_met(state)) {
            return Judgement::met(describe(&states));
        }
        Judgement::NotYet(mismatch())
    }
}

/// What `kubectl get pods` shows of a pod.
struct PodState {
    name: String,
    ready: Ready,
    phase: String,
    restarts: u64,
    containers: Vec<String>,
}

impl PodState {
    fn of(pod: &Object) -> Self {
        // A restartable init container is a native sidecar, and counts as kubectl counts it.
        let sidecars = pod.items("/spec/initContainers").iter().filter(|c| c["restartPolicy"] == "Always");
        let containers: Vec<String> = pod
            .items("/spec/containers")
            .iter()
            .chain(sidecars)
            .filter_map(|container| container["name"].as_str().map(str::to_owned))
            .collect();
        let statuses: Vec<&serde_json::Value> = pod
            .items("/status/containerStatuses")
            .iter()
            .chain(pod.items("/status/initContainerStatuses"))
            .filter(|status| status["name"].as_str().is_some_and(|name| containers.iter().any(|known| known == name)))
            .collect();
        let ready = statuses.iter().filter(|status| status["ready"] == true).count();
        Self {
            name: pod.name.clone(),
            ready: Ready { ready, total: containers.len() },
            phase: pod.text("/status/phase").unwrap_or("Pending").to_owned(),
            restarts: statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum(),
            containers,
        }
    }
}

impl Pods {
    fn is_met(&self, state: &PodState) -> bool {
        self.ready.is_none_or(|ready| ready == state.ready)
            && self.phase.as_ref().is_none_or(|phase| *phase == state.phase)
            && self.restarts.is_none_or(|restarts| state.restarts <= restarts)
    }

    /// Why this pod can never be as described, if it cannot: containers are fixed when a pod is made, and restarts only grow.
    fn never(&self, state: &PodState) -> Option<String> {
        if let Some(wanted) = self.ready.filter(|wanted| wanted.total != state.ready.total) {
            return Some(format!(
                "pod {} was made with {} container{} ({}), not {}",
                state.name,
                state.ready.total,
                if state.ready.total == 1 { "" } else { "s" },
                enumerate(&state.containers),
                wanted.total,
            ));
        }
        let most = self.restarts.filter(|most| state.restarts > *most)?;
        Some(format!("pod {} has restarted {} times, more than {most}", state.name, state.restarts))
    }

    fn describe(&self) -> String {
        let mut parts = Vec::new();
        let count = self.count.map_or("at least 1".to_owned(), |count| count.to_string());
        let selector =
            self.selector.as_ref().map(|selector| format!(" with {}", selector.as_str())).unwrap_or_default();
        parts.push(format!("{count} pods{selector}"));
        parts.extend(self.ready.map(|ready| ready.to_string()));
        parts.extend(self.phase.clone());
        parts.extend(self.restarts.map(|restarts| format!("at most {restarts} restarts")));
        parts.join(", ")
    }
}

/// Pods in like states are told together.
fn describe(states: &[PodState]) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for state in states {
        let restarts = if state.restarts == 0 { String::new() } else { format!(", {} restarts", state.restarts) };
        let group = format!("{} {}{restarts}", state.ready, state.phase);
        match groups.iter_mut().find(|known| known.0 == group) {
            Some(known) => known.1.push(&state.name),
            None => groups.push((group, vec![&state.name])),
        }
    }
    if groups.is_empty() {
        return "no pods".to_owned();
    }
    let parts: Vec<String> = match groups.as_slice() {
        [(group, pods)] => vec![format!("{} {group}", pods.len())],
        _ => groups.iter().map(|(group, pods)| format!("{} {group} ({})", pods.len(), enumerate(pods))).collect(),
    };
    format!("{} pods: {}", states.len(), parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expectation::testing::{expectation, object, pod};

    fn wanted() -> Pods {
        expectation("{count: 2, ready: 2/2, phase: Running, restarts: 0}")
    }

    #[test]
    fn pods_as_described_are_met() {
        let pods = [pod("a", "Running", &[(true, 0), (true, 0)]), pod("b", "Running", &[(true, 0), (true, 0)])];
        assert_eq!(wanted().judge(&pods), Judgement::met("2 pods: 2 2/2 Running"));
    }

    #[test]
    fn a_pod_that_is_missing_or_not_ready_may_still_come() {
        let ready = pod("a", "Running", &[(true, 0), (true, 0)]);
        let expected = "2 pods, 2/2, Running, at most 0 restarts";
        assert_eq!(wanted().judge(&[Arc::clone(&ready)]), Judgement::not_yet(expected, "1 pods: 1 2/2 Running"));
        let starting = pod("b", "Pending", &[(false, 0), (false, 0)]);
        let seen = "2 pods: 1 2/2 Running (a); 1 0/2 Pending (b)";
        assert_eq!(wanted().judge(&[ready, starting]), Judgement::not_yet(expected, seen));
    }

    #[test]
    fn a_pod_made_with_other_containers_can_never_be_as_described() {
        let judgement = wanted().judge(&[pod("a", "Running", &[(true, 0)])]);
        let Judgement::Impossible { reason, .. } = judgement else { panic!("{judgement:?}") };
        assert_eq!(reason, "pod a was made with 1 container (c0), not 2");
    }

    #[test]
    fn restarts_never_become_fewer() {
        let judgement = wanted().judge(&[pod("a", "Running", &[(true, 1), (true, 0)])]);
        let Judgement::Impossible { reason, .. } = judgement else { panic!("{judgement:?}") };
        assert_eq!(reason, "pod a has restarted 1 times, more than 0");
    }

    #[test]
    fn terminating_pods_do_not_count() {
        let mut going = pod("old", "Running", &[(true, 9)]).json.clone();
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let pods =
            [object(going), pod("a", "Running", &[(true, 0), (true, 0)]), pod("b", "Running", &[(true, 0), (true, 0)])];
        assert!(wanted().judge(&pods).is_met());
    }

    #[test]
    fn a_native_sidecar_counts_as_a_container() {
        let pod = object(serde_json::json!({"kind": "Pod", "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "app"}], "initContainers": [
                {"name": "init"}, {"name": "proxy", "restartPolicy": "Always"}]},
            "status": {"phase": "Running",
                "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0}],
                "initContainerStatuses": [{"name": "init", "ready": true, "restartCount": 0},
                    {"name": "proxy", "ready": true, "restartCount": 0}]}}));
        let wanted: Pods = expectation("{ready: 2/2}");
        assert!(wanted.judge(&[pod]).is_met());
    }
}
