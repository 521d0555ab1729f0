//! Pods that do not run, and why.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    brief::brief,
    cluster::Object,
    diagnose::{
        concern::Deed,
        evidence::{Evidence, Log},
        finding::{Finding, Unpulled},
        pods::{self, statuses},
    },
};

/// Pods that are not as they should be, with the status of each of their containers.
fn unwell(evidence: &Evidence) -> impl Iterator<Item = (&Arc<Object>, &Value)> {
    let pods = evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod));
    pods.flat_map(|pod| statuses(pod).map(move |status| (pod, status)))
}

fn name_of(status: &Value) -> String {
    status["name"].as_str().unwrap_or_default().to_owned()
}

pub fn image(evidence: &Evidence) -> Option<Finding> {
    const REASONS: &[&str] = &[
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    ];
    let (pod, status) =
        unwell(evidence).find(|(_, status)| pods::waits_for(status).is_some_and(|reason| REASONS.contains(&reason)))?;
    let reason = pods::waits_for(status).unwrap_or_default();
    let container = name_of(status);
    let asked = pod.items("/spec/containers").iter().chain(pod.items("/spec/initContainers"));
    let image = asked.filter(|spec| spec["name"] == *container).find_map(|spec| spec["image"].as_str());
    let image = image.or(status["image"].as_str()).unwrap_or_default().to_owned();
    // Once the kubelet waits, only the event before tells why.
    let told = evidence.happenings.iter().find(|happening| {
        happening.name == pod.name && happening.reason == "Failed" && happening.message.contains(&image)
    });
    let waiting = status["state"]["waiting"]["message"].as_str().unwrap_or_default();
    let message = match told {
        Some(told) if reason == "ImagePullBackOff" => told.message.as_str(),
        _ => waiting,
    };
    let why = match Unpulled::of(reason, message) {
        Unpulled::Other(message) => Unpulled::Other(brief(&message)),
        why => why,
    };
    let elsewhere = matches!(why, Unpulled::NotThere | Unpulled::Refused | Unpulled::Unreachable);
    let path = elsewhere.then(|| idle_path(evidence, &image)).flatten();
    Some(Finding::ImageNotPullable {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        container,
        image,
        why,
        path,
    })
}

/// The registry and path of the image, if no image from there runs anywhere that was looked at.
fn idle_path(evidence: &Evidence, image: &str) -> Option<String> {
    let (path, _) = image.rsplit_once('/')?;
    let prefix = format!("{path}/");
    let runs = |status: &Value| {
        let id = status["imageID"].as_str().is_some_and(|id| !id.is_empty());
        id && status["image"].as_str().is_some_and(|image| image.starts_with(&prefix))
    };
    let pods = evidence.objects.iter().filter(|object| object.text("/kind") == Some("Pod"));
    (!pods.flat_map(|pod| statuses(pod)).any(runs)).then(|| path.to_owned())
}

pub fn container_not_created(evidence: &Evidence) -> Option<Finding> {
    const REASONS: &[&str] = &["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
    let told = |(pod, status): (&Arc<Object>, &Value), detail: String| Finding::ContainerNotCreated {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        container: name_of(status),
        detail,
    };
    let found =
        unwell(evidence).find(|(_, status)| pods::waits_for(status).is_some_and(|reason| REASONS.contains(&reason)));
    if let Some((pod, status)) = found {
        let waiting = &status["state"]["waiting"];
        let message = waiting["message"].as_str().or(waiting["reason"].as_str()).unwrap_or_default();
        return Some(told((pod, status), brief(message)));
    }
    // What keeps it from being made is told by an event alone: a volume, the network.
    unwell(evidence).filter(|(_, status)| pods::waits_for(status) == Some("ContainerCreating")).find_map(|at| {
        let happening = evidence.happenings.iter().find(|happening| {
            happening.name == at.0.name && happening.warning && happening.reason.starts_with("Failed")
        })?;
        Some(told(at, brief(&happening.message)))
    })
}

pub fn crash(evidence: &Evidence) -> Option<Finding> {
    let about_restarts = evidence.symptom.reason.contains("restart");
    let (pod, status) = unwell(evidence).find(|(_, status)| {
        let ended_badly = pods::last_end(status).is_some_and(|end| end["exitCode"].as_i64() != Some(0));
        let back_off = pods::waits_for(status) == Some("CrashLoopBackOff");
        let counts = status["ready"] != true || about_restarts;
        back_off || (ended_badly && counts)
    })?;
    let (namespace, pod_name, container) = (pod.namespace.clone(), pod.name.clone(), name_of(status));
    let end = pods::last_end(status).cloned().unwrap_or_default();
    if end["reason"] == "OOMKilled" {
        let specs = pod.items("/spec/containers").iter().find(|spec| spec["name"] == *container);
        let limit = specs.and_then(|spec| spec["resources"]["limits"]["memory"].as_str()).map(str::to_owned);
        return Some(Finding::OutOfMemory { namespace, pod: pod_name, container, limit });
    }
    let said = last_line(&evidence.logs, pod, &container);
    let message = end["message"].as_str().map(brief).filter(|message| !message.is_empty());
    Some(Finding::ContainerCrashes {
        namespace,
        pod: pod_name,
        container,
        code: end["exitCode"].as_i64(),
        restarts: status["restartCount"].as_u64().unwrap_or(0),
        said: said.or(message),
    })
}

/// What the container said last, before its last restart if it has restarted.
fn last_line(logs: &[Log], pod: &Object, container: &str) -> Option<String> {
    let mut own: Vec<&Log> = logs
        .iter()
        .filter(|log| log.namespace == pod.namespace && log.pod == pod.name && log.container == container)
        .collect();
    own.sort_by_key(|log| !log.previous);
    own.iter().find_map(|log| log.text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(brief))
}

pub fn unschedulable(evidence: &Evidence) -> Option<Finding> {
    evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod)).find_map(|pod| {
        let scheduled = pods::condition(pod, "PodScheduled").filter(|condition| condition["status"] == "False")?;
        let message = scheduled["message"].as_str().unwrap_or("the scheduler does not say why");
        // That no other pod could make room follows from the rest.
        let detail = brief(message.split(" preemption: ").next().unwrap_or(message));
        Some(Finding::Unschedulable { namespace: pod.namespace.clone(), pod: pod.name.clone(), detail })
    })
}

pub fn node_not_ready(evidence: &Evidence) -> Option<Finding> {
    let nodes = evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod)).filter_map(|pod| pod.text("/spec/nodeName"));
    nodes.filter_map(|name| evidence.find("Node", "", name)).find_map(|node| {
        let ready = pods::condition(node, "Ready").filter(|condition| condition["status"] != "True")?;
        let detail = brief(ready["message"].as_str().or(ready["reason"].as_str()).unwrap_or_default());
        Some(Finding::NodeNotReady { node: node.name.clone(), detail })
    })
}

pub fn pods_refused(evidence: &Evidence) -> Option<Finding> {
    evidence.of_kind("ReplicaSet").find_map(|set| {
        let failure = pods::condition(set, "ReplicaFailure").filter(|condition| condition["status"] == "True")?;
        let asks = set.number("/spec/replicas") != Some(0);
        let detail = brief(failure["message"].as_str().unwrap_or_default());
        let (namespace, owner) = (set.namespace.clone(), format!("ReplicaSet {}", set.name));
        asks.then_some(Finding::PodsRefused { namespace, owner, detail })
    })
}

pub fn scaled_to_zero(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    // A workload that is meant to have no pods is nobody's cause.
    if about.deed == Deed::Absence || about.deed == Deed::Change {
        return None;
    }
    let workloads = evidence.of_kind("Deployment").chain(evidence.of_kind("StatefulSet"));
    workloads.filter(|workload| !workload.is_terminating()).find_map(|workload| {
        let kind = workload.text("/kind").unwrap_or_default().to_lowercase();
        let zero = workload.number("/spec/replicas") == Some(0);
        let (namespace, workload) = (workload.namespace.clone(), format!("{kind} {}", workload.name));
        zero.then_some(Finding::ScaledToZero { namespace, workload })
    })
}

pub fn not_ready(evidence: &Evidence) -> Option<Finding> {
    let (pod, status) =
        unwell(evidence).find(|(_, status)| status["state"]["running"].is_object() && status["ready"] != true)?;
    let container = name_of(status);
    let told =
        evidence.happenings.iter().find(|happening| happening.name == pod.name && happening.reason == "Unhealthy");
    let detail = told.map(|told| brief(&told.message));
    Some(Finding::NotReady { namespace: pod.namespace.clone(), pod: pod.name.clone(), container, detail })
}
