//! The causes that can be told from evidence.

use std::fmt;

/// The most likely cause. Each says itself in one sentence that begins in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    ApiServerAway {
        detail: String,
    },
    NotAllowed {
        detail: String,
    },
    ArtifactMissing {
        artifact: String,
        detail: String,
    },
    ArtifactDamaged {
        artifact: String,
        detail: String,
    },
    RegistryAway {
        artifact: String,
        detail: String,
    },
    KindNotServed {
        kind: String,
    },
    Refused {
        what: String,
        detail: String,
    },
    WebhookWithoutServer {
        webhook: String,
        detail: String,
    },
    QuotaExceeded {
        namespace: String,
        detail: String,
    },
    ImageNotPullable {
        namespace: String,
        pod: String,
        container: String,
        image: String,
        why: Unpulled,
        path: Option<String>,
    },
    ContainerNotCreated {
        namespace: String,
        pod: String,
        container: String,
        detail: String,
    },
    OutOfMemory {
        namespace: String,
        pod: String,
        container: String,
        limit: Option<String>,
    },
    ContainerCrashes {
        namespace: String,
        pod: String,
        container: String,
        code: Option<i64>,
        restarts: u64,
        said: Option<String>,
    },
    Unschedulable {
        namespace: String,
        pod: String,
        detail: String,
    },
    NodeNotReady {
        node: String,
        detail: String,
    },
    PodsRefused {
        namespace: String,
        owner: String,
        detail: String,
    },
    ScaledToZero {
        namespace: String,
        workload: String,
    },
    LabelAbsent {
        namespace: String,
        object: String,
        label: String,
        wanted: String,
        seen: Option<String>,
    },
    NotInjected {
        namespace: String,
        pod: String,
        webhook: String,
        label: String,
    },
    ObjectMissing {
        namespace: String,
        kind: String,
        name: String,
        referrer: Option<String>,
    },
    ReferenceBroken {
        namespace: String,
        from: String,
        field: String,
        kind: String,
        name: String,
        where_: String,
    },
    PortMissing {
        namespace: String,
        service: String,
        port: String,
    },
    NoReadyEndpoints {
        namespace: String,
        service: String,
        why: Unserved,
    },
    NoAddress {
        namespace: String,
        service: String,
    },
    NotReady {
        namespace: String,
        pod: String,
        container: String,
        detail: Option<String>,
    },
    StillThere {
        namespace: String,
        object: String,
        held_by: Vec<String>,
    },
    WrongContent {
        what: String,
        expected: String,
        seen: String,
    },
    ProgramSays {
        program: String,
        line: String,
    },
    NotAsExpected {
        expected: String,
        seen: String,
    },
    Unknown {
        reason: String,
    },
}

/// Why an image could not be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpulled {
    NotThere,
    Refused,
    Unreachable,
    Untrusted,
    BadName,
    Other(String),
}

/// Why nothing stands behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unserved {
    NoPods,
    NoReadyPods(usize),
}

impl Finding {
    /// The kind of cause, for programs.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::ApiServerAway { .. } => "api-server-away",
            Self::NotAllowed { .. } => "not-allowed",
            Self::ArtifactMissing { .. } => "artifact-missing",
            Self::ArtifactDamaged { .. } => "artifact-damaged",
            Self::RegistryAway { .. } => "registry-away",
            Self::KindNotServed { .. } => "kind-not-served",
            Self::Refused { .. } => "refused",
            Self::WebhookWithoutServer { .. } => "webhook-without-server",
            Self::QuotaExceeded { .. } => "quota-exceeded",
            Self::ImageNotPullable { .. } => "image-not-pullable",
            Self::ContainerNotCreated { .. } => "container-not-created",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::ContainerCrashes { .. } => "container-crashes",
            Self::Unschedulable { .. } => "unschedulable",
            Self::NodeNotReady { .. } => "node-not-ready",
            Self::PodsRefused { .. } => "pods-refused",
            Self::ScaledToZero { .. } => "scaled-to-zero",
            Self::LabelAbsent { .. } => "label-absent",
            Self::NotInjected { .. } => "not-injected",
            Self::ObjectMissing { .. } => "object-missing",
            Self::ReferenceBroken { .. } => "reference-broken",
            Self::PortMissing { .. } => "port-missing",
            Self::NoReadyEndpoints { .. } => "no-ready-endpoints",
            Self::NoAddress { .. } => "no-address",
            Self::NotReady { .. } => "not-ready",
            Self::StillThere { .. } => "still-there",
            Self::WrongContent { .. } => "wrong-content",
            Self::ProgramSays { .. } => "program-says",
            Self::NotAsExpected { .. } => "not-as-expected",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiServerAway { detail } => write!(f, "the API server was away while this was checked: {detail}"),
            Self::NotAllowed { detail } => write!(f, "the run may not do what this case needs: {detail}"),
            Self::ArtifactMissing { artifact, detail } => {
                write!(f, "the registry does not have the artifact {artifact}: {detail}")
            }
            Self::ArtifactDamaged { artifact, detail } => write!(f, "the artifact {artifact} is damaged: {detail}"),
            Self::RegistryAway { artifact, detail } => write!(f, "the registry does not give {artifact}: {detail}"),
            Self::KindNotServed { kind } => {
                write!(f, "the cluster does not know the kind {kind}: its definition is not installed")
            }
            Self::Refused { what, detail } => write!(f, "the API server refuses to {what}: {detail}"),
            Self::WebhookWithoutServer { webhook, detail } => {
                write!(f, "the webhook {webhook} has no server that answers: {detail}")
            }
            Self::QuotaExceeded { namespace, detail } => {
                write!(f, "the quota of the namespace {namespace} is used up: {detail}")
            }
            Self::ImageNotPullable { pod, container, image, why, path, .. } => {
                write!(f, "the image {image} of container {container} in pod {pod} cannot be pulled: {why}")?;
                match path {
                    Some(path) => write!(f, "; nothing from {path} runs here, is that registry path right?"),
                    None => Ok(()),
                }
            }
            Self::ContainerNotCreated { pod, container, detail, .. } => {
                write!(f, "container {container} of pod {pod} cannot be created: {detail}")
            }
            Self::OutOfMemory { pod, container, limit, .. } => {
                let limit = limit.as_ref().map(|limit| format!(" (its limit is {limit})")).unwrap_or_default();
                write!(f, "container {container} of pod {pod} was killed for using too much memory{limit}")
            }
            Self::ContainerCrashes { pod, container, code, restarts, said, .. } => {
                write!(f, "container {container} of pod {pod} crashes")?;
                if let Some(code) = code {
                    write!(f, " with exit code {code}")?;
                }
                match restarts {
                    0 => {}
                    1 => f.write_str(", and was restarted once")?,
                    restarts => write!(f, ", and was restarted {restarts} times")?,
                }
                match said {
                    Some(said) => write!(f, "; it said last: {said}"),
                    None => Ok(()),
                }
            }
            Self::Unschedulable { pod, detail, .. } => write!(f, "no node takes pod {pod}: {detail}"),
            Self::NodeNotReady { node, detail } => write!(f, "node {node} is not ready: {detail}"),
            Self::PodsRefused { owner, detail, .. } => write!(f, "the pods of {owner} are refused: {detail}"),
            Self::ScaledToZero { workload, namespace } => {
                write!(f, "{workload} in {namespace} is scaled to zero, so it has no pods")
            }
            Self::LabelAbsent { object, label, wanted, seen, .. } => match seen {
                Some(seen) => write!(f, "{object} has the label {label}={seen}, not {label}={wanted}"),
                None => write!(f, "{object} lacks the label {label}={wanted}"),
            },
            Self::NotInjected { namespace, pod, webhook, label } => write!(
                f,
                "pod {pod} was made without the containers that the webhook {webhook} adds: the namespace {namespace} lacks {label}, \
                 or did when the pod was made"
            ),
            Self::ObjectMissing { namespace, kind, name, referrer } => {
                let space = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
                write!(f, "there is no {kind} {name}{space}")?;
                match referrer {
                    Some(referrer) => write!(f, ", to which {referrer} refers"),
                    None => Ok(()),
                }
            }
            Self::ReferenceBroken { from, field, kind, name, where_, .. } => {
                write!(f, "{from} refers to the {kind} {name} ({field}), and there is none in {where_}")
            }
            Self::PortMissing { namespace, service, port } => {
                write!(f, "the Service {service} in {namespace} has no port {port}")
            }
            Self::NoReadyEndpoints { namespace, service, why } => match why {
                Unserved::NoPods => {
                    write!(f, "the Service {service} in {namespace} leads nowhere: its selector takes no pod")
                }
                Unserved::NoReadyPods(count) => write!(
                    f,
                    "the Service {service} in {namespace} leads nowhere: of the {count} pods that it takes, none is ready"
                ),
            },
            Self::NoAddress { namespace, service } => {
                write!(f, "no load balancer has given the Service {service} in {namespace} an address")
            }
            Self::NotReady { pod, container, detail, .. } => {
                write!(f, "container {container} of pod {pod} runs, but is not ready")?;
                match detail {
                    Some(detail) => write!(f, ": {detail}"),
                    None => Ok(()),
                }
            }
            Self::StillThere { object, held_by, .. } if held_by.is_empty() => write!(f, "{object} is still there"),
            Self::StillThere { object, held_by, .. } => {
                write!(f, "{object} does not go: it is held by {}", held_by.join(", "))
            }
            Self::WrongContent { what, expected, seen } => {
                write!(f, "{what} brings other content: expected {expected}, saw {seen}")
            }
            Self::ProgramSays { program, line } => write!(f, "{program} says: {line}"),
            Self::NotAsExpected { expected, seen } => write!(f, "expected {expected}, saw {seen}"),
            Self::Unknown { reason } => write!(f, "the evidence tells no cause beyond the reason: {reason}"),
        }
    }
}

impl fmt::Display for Unpulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotThere => "the registry does not have it",
            Self::Refused => "the registry does not give it without other credentials",
            Self::Unreachable => "the registry cannot be reached",
            Self::Untrusted => "the registry's certificate is not trusted",
            Self::BadName => "that is no name of an image",
            Self::Other(message) => message,
        })
    }
}

impl Unpulled {
    /// From what the container runtime says.
    pub fn of(reason: &str, message: &str) -> Self {
        let text = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match () {
            () if reason == "InvalidImageName" => Self::BadName,
            () if says(&["x509", "certificate"]) => Self::Untrusted,
            () if says(&["unauthorized", "authentication required", "forbidden", "denied", " 401", " 403"]) => {
                Self::Refused
            }
            () if says(&[
                "no such host",
                "connection refused",
                "timeout",
                "deadline exceeded",
                "unreachable",
                "eof",
            ]) =>
            {
                Self::Unreachable
            }
            () if says(&["not found", "manifest unknown", "name unknown", "does not exist"]) => Self::NotThere,
            () => Self::Other(if message.is_empty() { reason } else { message }.to_owned()),
        }
    }
}
