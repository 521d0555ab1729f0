//! From evidence to the most likely cause: rules in order, the first that fits counts. What keeps everything else from working comes
//! first, what is only a sign of something else last.

use std::sync::{Arc, OnceLock};

use regex::Regex;
use serde_json::Value;

use super::{
    chain::selects,
    concern::Deed,
    evidence::{Evidence, Log},
    finding::{Finding, Unpulled, Unserved},
    pods::{self, statuses},
};
use crate::cluster::Object;

type Rule = fn(&Evidence) -> Option<Finding>;

const RULES: &[Rule] = &[
    api_server_away,
    not_allowed,
    artifact,
    kind_not_served,
    webhook_without_server,
    quota,
    image,
    container_not_created,
    crash,
    unschedulable,
    node_not_ready,
    pods_refused,
    scaled_to_zero,
    label_absent,
    not_injected,
    object_missing,
    reference_broken,
    port_missing,
    not_ready,
    no_ready_endpoints,
    no_address,
    still_there,
    wrong_content,
    program_says,
    not_as_expected,
];

/// The most likely cause.
pub fn judge(evidence: &Evidence) -> Finding {
    let found = RULES.iter().find_map(|rule| rule(evidence));
    found.unwrap_or_else(|| Finding::Unknown { reason: brief(&evidence.symptom.reason) })
}

fn api_server_away(evidence: &Evidence) -> Option<Finding> {
    let reason = &evidence.symptom.reason;
    let words = ["the API server cannot be reached", "the API server was away", "the API server answered 5"];
    words.iter().any(|word| reason.contains(word)).then(|| Finding::ApiServerAway { detail: brief(reason) })
}

fn not_allowed(evidence: &Evidence) -> Option<Finding> {
    let reason = &evidence.symptom.reason;
    let place = reason.find("not allowed: ")?;
    evidence.symptom.errored.then(|| Finding::NotAllowed { detail: brief(&reason[place + "not allowed: ".len()..]) })
}

fn artifact(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| about.deed == Deed::Pull)?;
    let artifact = about.title.clone();
    let reason = &evidence.symptom.reason;
    let told = reason.split_once(&format!("pull {artifact}: ")).map_or(reason.as_str(), |(_, told)| told);
    let detail = brief(told);
    let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
    Some(match () {
        () if says(&["expected its manifest, the registry", "expected its repository", "expected the layer"]) => {
            Finding::ArtifactMissing { artifact, detail }
        }
        () if !evidence.symptom.errored || says(&["with digest", " bytes of ", "complete archive"]) => {
            Finding::ArtifactDamaged { artifact, detail }
        }
        () => Finding::RegistryAway { artifact, detail },
    })
}

fn kind_not_served(evidence: &Evidence) -> Option<Finding> {
    let (_, kind) = evidence.symptom.reason.split_once("the cluster does not serve the kind ")?;
    Some(Finding::KindNotServed { kind: brief(kind) })
}

fn webhook_without_server(evidence: &Evidence) -> Option<Finding> {
    static CALL: OnceLock<Regex> = OnceLock::new();
    let call = CALL.get_or_init(|| {
        Regex::new(r#"failed calling webhook "([^"]+)":? ?(?:failed to call webhook: )?(.*)"#).expect("it is right")
    });
    let found = evidence.messages().find_map(|message| call.captures(message))?;
    Some(Finding::WebhookWithoutServer { webhook: found[1].to_owned(), detail: brief(&found[2]) })
}

fn quota(evidence: &Evidence) -> Option<Finding> {
    let message = evidence.messages().find(|message| message.contains("exceeded quota: "))?;
    let (_, detail) = message.split_once("exceeded quota: ")?;
    let held = evidence.of_kind("ReplicaSet").next().map(|set| set.namespace.clone());
    let namespace = held.or_else(|| evidence.concern.namespaces().into_iter().next()).unwrap_or_default();
    Some(Finding::QuotaExceeded { namespace, detail: brief(detail) })
}

/// Pods that are not as they should be, with the status of each of their containers.
fn unwell(evidence: &Evidence) -> impl Iterator<Item = (&Arc<Object>, &Value)> {
    let pods = evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod));
    pods.flat_map(|pod| statuses(pod).map(move |status| (pod, status)))
}

fn name_of(status: &Value) -> String {
    status["name"].as_str().unwrap_or_default().to_owned()
}

fn image(evidence: &Evidence) -> Option<Finding> {
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

fn container_not_created(evidence: &Evidence) -> Option<Finding> {
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

fn crash(evidence: &Evidence) -> Option<Finding> {
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

fn unschedulable(evidence: &Evidence) -> Option<Finding> {
    evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod)).find_map(|pod| {
        let scheduled = pods::condition(pod, "PodScheduled").filter(|condition| condition["status"] == "False")?;
        let detail = brief(scheduled["message"].as_str().unwrap_or("the scheduler does not say why"));
        Some(Finding::Unschedulable { namespace: pod.namespace.clone(), pod: pod.name.clone(), detail })
    })
}

fn node_not_ready(evidence: &Evidence) -> Option<Finding> {
    let nodes = evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod)).filter_map(|pod| pod.text("/spec/nodeName"));
    nodes.filter_map(|name| evidence.find("Node", "", name)).find_map(|node| {
        let ready = pods::condition(node, "Ready").filter(|condition| condition["status"] != "True")?;
        let detail = brief(ready["message"].as_str().or(ready["reason"].as_str()).unwrap_or_default());
        Some(Finding::NodeNotReady { node: node.name.clone(), detail })
    })
}

fn pods_refused(evidence: &Evidence) -> Option<Finding> {
    evidence.of_kind("ReplicaSet").find_map(|set| {
        let failure = pods::condition(set, "ReplicaFailure").filter(|condition| condition["status"] == "True")?;
        let asks = set.number("/spec/replicas") != Some(0);
        let detail = brief(failure["message"].as_str().unwrap_or_default());
        let (namespace, owner) = (set.namespace.clone(), format!("ReplicaSet {}", set.name));
        asks.then_some(Finding::PodsRefused { namespace, owner, detail })
    })
}

fn scaled_to_zero(evidence: &Evidence) -> Option<Finding> {
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

fn label_absent(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let subject = about.subject.as_ref()?;
    evidence.relevant.iter().filter(|object| subject.includes(object)).find_map(|object| {
        let (label, wanted) = about.labels.iter().find(|(label, wanted)| object.labels.get(*label) != Some(wanted))?;
        Some(Finding::LabelAbsent {
            namespace: object.namespace.clone(),
            object: format!("{} {}", subject.kind, object.name),
            label: label.clone(),
            wanted: wanted.clone(),
            seen: object.labels.get(label).cloned(),
        })
    })
}

/// A pod that lacks containers which a webhook would have added, had the namespace the label that it asks for.
fn not_injected(evidence: &Evidence) -> Option<Finding> {
    let wanted = evidence.concern.last()?.containers?;
    let pod =
        evidence.of_kind("Pod").find(|pod| !pod.is_terminating() && pod.items("/spec/containers").len() < wanted)?;
    let namespace = evidence.find("Namespace", "", &pod.namespace)?;
    let configurations =
        evidence.objects.iter().filter(|object| object.text("/kind") == Some("MutatingWebhookConfiguration"));
    configurations.into_iter().find_map(|configuration| {
        let hooks = configuration.items("/webhooks").iter().filter(|hook| takes_pods(hook));
        let lacking: Vec<String> = hooks.filter_map(|hook| unmet(&hook["namespaceSelector"], namespace)).collect();
        let (first, others) = lacking.split_first()?;
        let mut label = format!("the label {first}");
        for other in others.iter().filter(|other| *other != first) {
            if !label.contains(other.as_str()) {
                label.push_str(&format!(" or {other}"));
            }
        }
        Some(Finding::NotInjected {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            webhook: configuration.name.clone(),
            label,
        })
    })
}

fn takes_pods(hook: &Value) -> bool {
    let rules = hook["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let holds = |rule: &Value, list: &str, word: &str| {
        rule[list].as_array().is_some_and(|items| items.iter().any(|item| item == word || item == "*"))
    };
    rules.iter().any(|rule| holds(rule, "resources", "pods") && holds(rule, "operations", "CREATE"))
}

/// The first label that the selector asks for and the object does not have, as `key=value`.
fn unmet(selector: &Value, object: &Object) -> Option<String> {
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let exact = exact.map(|(key, value)| (key.as_str(), vec![value.as_str().unwrap_or_default()]));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let listed = expressions.filter(|expression| expression["operator"] == "In").filter_map(|expression| {
        let values = expression["values"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some((expression["key"].as_str()?, values))
    });
    exact.chain(listed).find_map(|(key, values): (&str, Vec<&str>)| {
        let has = object.labels.get(key).is_some_and(|value| values.contains(&value.as_str()));
        (!has).then(|| format!("{key}={}", values.first().copied().unwrap_or_default()))
    })
}

fn object_missing(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let subject = about.subject.as_ref()?;
    if !matches!(about.deed, Deed::State | Deed::Capture | Deed::Exec | Deed::Change) {
        return None;
    }
    let namespace = subject.namespace.clone().unwrap_or_default();
    // Only what was looked for can be missing.
    if !evidence.looked(&subject.kind, &namespace) {
        return None;
    }
    let missing = |name: &&String| !evidence.relevant.iter().any(|o| subject.includes(o) && o.name == **name);
    let name = subject.names.iter().find(missing)?.clone();
    let referrer = evidence.broken.iter().find(|broken| broken.kind == subject.kind && broken.name == name);
    let referrer = referrer.map(|broken| format!("{} {}", kind_of(&broken.from), broken.from.name));
    Some(Finding::ObjectMissing { namespace, kind: subject.kind.clone(), name, referrer })
}

fn reference_broken(evidence: &Evidence) -> Option<Finding> {
    let broken = evidence.broken.first()?;
    Some(Finding::ReferenceBroken {
        namespace: broken.from.namespace.clone(),
        from: format!("{} {}", kind_of(&broken.from), broken.from.name),
        field: broken.field.clone(),
        kind: broken.kind.clone(),
        name: broken.name.clone(),
        where_: broken.namespace.clone(),
    })
}

fn kind_of(object: &Object) -> &str {
    object.text("/kind").unwrap_or_default()
}

fn port_missing(evidence: &Evidence) -> Option<Finding> {
    evidence.concern.last()?.ports.iter().find_map(|wanted| {
        let service = evidence.of_kind("Service").find(|service| {
            service.name == wanted.service && wanted.namespace.as_ref().is_none_or(|space| *space == service.namespace)
        })?;
        let has = service.items("/spec/ports").iter().any(|port| {
            port["port"].as_u64() == Some(u64::from(wanted.port))
                && port["protocol"].as_str().unwrap_or("TCP") == wanted.protocol
        });
        let port = format!("{}/{}", wanted.port, wanted.protocol);
        (!has).then(|| Finding::PortMissing {
            namespace: service.namespace.clone(),
            service: service.name.clone(),
            port,
        })
    })
}

fn not_ready(evidence: &Evidence) -> Option<Finding> {
    let (pod, status) =
        unwell(evidence).find(|(_, status)| status["state"]["running"].is_object() && status["ready"] != true)?;
    let container = name_of(status);
    let told =
        evidence.happenings.iter().find(|happening| happening.name == pod.name && happening.reason == "Unhealthy");
    let detail = told.map(|told| brief(&told.message));
    Some(Finding::NotReady { namespace: pod.namespace.clone(), pod: pod.name.clone(), container, detail })
}

fn no_ready_endpoints(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let asks = matches!(about.deed, Deed::Answer | Deed::Http | Deed::Exec | Deed::Run);
    let named =
        about.subject.as_ref().is_some_and(|subject| ["Service", "EndpointSlice"].contains(&subject.kind.as_str()));
    if !asks && !named {
        return None;
    }
    let spaces = evidence.concern.namespaces();
    let services = evidence.objects.iter().filter(|object| {
        object.text("/kind") == Some("Service")
            && spaces.contains(&object.namespace)
            && (asks || about.subject.as_ref().is_some_and(|subject| subject.includes(object)))
    });
    services.filter(|service| evidence.looked("Pod", &service.namespace)).find_map(|service| {
        let has_selector = service.at("/spec/selector").is_some_and(Value::is_object);
        let pods: Vec<_> = evidence
            .objects
            .iter()
            .filter(|object| object.text("/kind") == Some("Pod") && object.namespace == service.namespace)
            .filter(|pod| selects(service, pod) && !pod.is_terminating())
            .collect();
        let is_ready =
            |pod: &&Arc<Object>| pods::condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True");
        let why = match pods.len() {
            _ if !has_selector || pods.iter().any(is_ready) => return None,
            0 => Unserved::NoPods,
            count => Unserved::NoReadyPods(count),
        };
        Some(Finding::NoReadyEndpoints { namespace: service.namespace.clone(), service: service.name.clone(), why })
    })
}

fn no_address(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let subject = about.subject.as_ref().filter(|subject| subject.kind == "Service")?;
    if !matches!(about.deed, Deed::State | Deed::Capture) {
        return None;
    }
    evidence.of_kind("Service").filter(|service| subject.includes(service)).find_map(|service| {
        let waits = service.text("/spec/type") == Some("LoadBalancer")
            && service.items("/status/loadBalancer/ingress").is_empty();
        waits.then(|| Finding::NoAddress { namespace: service.namespace.clone(), service: service.name.clone() })
    })
}

fn still_there(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| matches!(about.deed, Deed::Absence | Deed::Change))?;
    let subject = about.subject.as_ref()?;
    let object = evidence
        .relevant
        .iter()
        .find(|object| subject.includes(object) && (about.deed == Deed::Absence || object.is_terminating()))?;
    let finalizers = object.items("/metadata/finalizers").iter().chain(object.items("/spec/finalizers"));
    let held_by = match object.is_terminating() {
        true => finalizers.filter_map(Value::as_str).map(str::to_owned).collect(),
        false => Vec::new(),
    };
    let named = format!("{} {}", subject.kind, object.name);
    Some(Finding::StillThere { namespace: object.namespace.clone(), object: named, held_by })
}

/// A page or an output that came as it should, and says something else.
fn wrong_content(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| about.deed == Deed::Answer)?;
    let (expected, seen) = (evidence.symptom.expected.as_ref()?, evidence.symptom.seen.as_ref()?);
    // Elements are told in backquotes; where there are none, something else came than the page.
    let came = about.title.starts_with("html") && seen.starts_with('`');
    let what = evidence.concern.last_action()?.title.clone();
    came.then(|| Finding::WrongContent { what, expected: brief(expected), seen: brief(seen) })
}

fn program_says(evidence: &Evidence) -> Option<Finding> {
    static TELLING: OnceLock<Regex> = OnceLock::new();
    let telling = TELLING.get_or_init(|| {
        Regex::new(r"(?i)\b(error|fail|failed|failure|fatal|denied|refused|warning|IST\d+)\b").expect("it is right")
    });
    let about = evidence.concern.last().filter(|about| matches!(about.deed, Deed::Run | Deed::Answer))?;
    let program = match about.deed {
        Deed::Run => about,
        _ => evidence.concern.last_action().filter(|about| about.deed == Deed::Run)?,
    };
    let output = evidence.symptom.output.as_ref()?;
    let lines = || output.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| telling.is_match(line)).or_else(|| lines().last())?;
    Some(Finding::ProgramSays { program: brief(&program.title), line: brief(line) })
}

fn not_as_expected(evidence: &Evidence) -> Option<Finding> {
    let symptom = &evidence.symptom;
    let (expected, seen) = (symptom.expected.as_ref()?, symptom.seen.as_ref()?);
    (!symptom.errored).then(|| Finding::NotAsExpected { expected: brief(expected), seen: brief(seen) })
}

/// As one line, short enough to be part of a sentence.
fn brief(text: &str) -> String {
    const MOST: usize = 240;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
