//! The commands by which a person sees what a finding says.

use super::finding::Finding;
use crate::action::shell;

/// For the kubeconfig's context named, ready to paste.
pub fn commands(finding: &Finding, context: &str) -> Vec<String> {
    let kubectl = Kubectl { context };
    match finding {
        Finding::ApiServerAway { .. } => vec![kubectl.of(&["get", "--raw", "/readyz?verbose"])],
        Finding::NotAllowed { .. } => vec![kubectl.of(&["auth", "can-i", "--list"])],
        Finding::ArtifactMissing { artifact, .. } | Finding::RegistryAway { artifact, .. } => {
            let repository = artifact
                .rsplit_once('@')
                .or_else(|| artifact.rsplit_once(':'))
                .map_or(artifact.as_str(), |(name, _)| name);
            vec![shell(&["oras", "manifest", "fetch", artifact]), shell(&["oras", "repo", "tags", repository])]
        }
        Finding::ArtifactDamaged { artifact, .. } => vec![shell(&["oras", "pull", artifact])],
        Finding::KindNotServed { kind } => {
            let word = kind.split_whitespace().next().unwrap_or_default();
            vec![format!("{} | grep -i {}", kubectl.of(&["api-resources"]), shell(&[word]))]
        }
        Finding::WebhookWithoutServer { webhook, .. } => vec![
            format!(
                "{} | grep -B3 -A20 {}",
                kubectl.of(&["get", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "-o", "yaml"]),
                shell(&[webhook])
            ),
            kubectl.of(&["get", "endpointslices", "-A"]),
        ],
        Finding::QuotaExceeded { namespace, .. } => vec![
            kubectl.inside(namespace, &["describe", "resourcequotas"]),
            kubectl.inside(namespace, &["get", "events", "--field-selector", "reason=FailedCreate"]),
        ],
        Finding::ImageNotPullable { namespace, pod, .. }
        | Finding::ContainerNotCreated { namespace, pod, .. }
        | Finding::Unschedulable { namespace, pod, .. } => {
            let mut all = vec![kubectl.inside(namespace, &["describe", "pod", pod])];
            if matches!(finding, Finding::Unschedulable { .. }) {
                all.push(kubectl.of(&["describe", "nodes"]));
            }
            all
        }
        Finding::OutOfMemory { namespace, pod, container, .. }
        | Finding::ContainerCrashes { namespace, pod, container, .. } => vec![
            kubectl.inside(namespace, &["logs", pod, "-c", container, "--previous"]),
            kubectl.inside(namespace, &["describe", "pod", pod]),
        ],
        Finding::NotReady { namespace, pod, container, .. } => vec![
            kubectl.inside(namespace, &["describe", "pod", pod]),
            kubectl.inside(namespace, &["logs", pod, "-c", container]),
        ],
        Finding::NodeNotReady { node, .. } => vec![kubectl.of(&["describe", "node", node])],
        Finding::PodsRefused { namespace, owner, .. } => {
            let name = owner.rsplit(' ').next().unwrap_or_default();
            vec![kubectl.inside(namespace, &["describe", "replicaset", name])]
        }
        Finding::ScaledToZero { namespace, workload } => {
            let (kind, name) = workload.split_once(' ').unwrap_or(("deployment", workload));
            vec![kubectl.inside(namespace, &["get", kind, name])]
        }
        Finding::LabelAbsent { namespace, object, .. } => vec![kubectl.object(namespace, object, &["--show-labels"])],
        Finding::NotInjected { namespace, pod, webhook, .. } => vec![
            kubectl.of(&["get", "namespace", namespace, "--show-labels"]),
            kubectl.of(&["get", "mutatingwebhookconfiguration", webhook, "-o", "yaml"]),
            kubectl.inside(namespace, &["get", "pod", pod, "-o", "jsonpath={.spec.containers[*].name}"]),
        ],
        Finding::ObjectMissing { namespace, kind, .. } => {
            vec![kubectl.object(namespace, &kind.to_lowercase(), &[])]
        }
        Finding::ReferenceBroken { namespace, from, kind, where_, .. } => {
            vec![kubectl.object(namespace, from, &["-o", "yaml"]), kubectl.object(where_, &kind.to_lowercase(), &[])]
        }
        Finding::PortMissing { namespace, service, .. } | Finding::NoAddress { namespace, service } => {
            vec![kubectl.inside(namespace, &["describe", "service", service])]
        }
        Finding::NoReadyEndpoints { namespace, service, .. } => vec![
            kubectl
                .inside(namespace, &["get", "endpointslices", "-l", &format!("kubernetes.io/service-name={service}")]),
            kubectl.inside(namespace, &["get", "pods", "--show-labels"]),
        ],
        Finding::StillThere { namespace, object, .. } => vec![kubectl.object(namespace, object, &["-o", "yaml"])],
        Finding::WrongContent { .. }
        | Finding::ProgramSays { .. }
        | Finding::Refused { .. }
        | Finding::NotAsExpected { .. }
        | Finding::Unknown { .. } => Vec::new(),
    }
}

struct Kubectl<'a> {
    context: &'a str,
}

impl Kubectl<'_> {
    fn of(&self, words: &[&str]) -> String {
        shell(&[&["kubectl", "--context", self.context], words].concat())
    }

    fn inside(&self, namespace: &str, words: &[&str]) -> String {
        shell(&[&["kubectl", "--context", self.context, "-n", namespace], words].concat())
    }

    /// `object` is a kind and a name, or a kind alone; without a namespace it is cluster-wide.
    fn object(&self, namespace: &str, object: &str, more: &[&str]) -> String {
        let lower = object.split_once(' ').map(|(kind, name)| (kind.to_lowercase(), name));
        let mut words = vec!["get"];
        match &lower {
            Some((kind, name)) => words.extend([kind.as_str(), name]),
            None => words.push(object),
        }
        words.extend(more);
        if namespace.is_empty() { self.of(&words) } else { self.inside(namespace, &words) }
    }
}
