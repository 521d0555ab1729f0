//! From the kind that a scenario names to the resource that serves it.

use std::{collections::HashMap, sync::Mutex};

use kube::{
    Client, Discovery,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    discovery::{Scope as KubeScope, pinned_kind},
};

use super::Trouble;

/// A kind that the cluster serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Kind {
    pub resource: ApiResource,
    pub namespaced: bool,
}

/// Why a kind could not be found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KindError {
    /// Carries the kind, with its API version if one was named.
    #[error("the cluster does not serve the kind {0}")]
    NotServed(String),
    #[error("several groups have the kind {kind}: {choices}; name the one meant with `apiVersion`")]
    Ambiguous { kind: String, choices: String },
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// The kinds known so far. What Kubernetes itself always serves is known without asking.
pub struct Kinds {
    client: Client,
    found: Mutex<HashMap<(Option<String>, String), Kind>>,
}

/// API version, kind, plural, whether namespaced.
const BUILT_IN: &[(&str, &str, &str, bool)] = &[
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Endpoints", "endpoints", true),
    ("v1", "Event", "events", true),
    ("v1", "LimitRange", "limitranges", true),
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Node", "nodes", false),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("v1", "Pod", "pods", true),
    ("v1", "ResourceQuota", "resourcequotas", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("batch/v1", "Job", "jobs", true),
    ("coordination.k8s.io/v1", "Lease", "leases", true),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
];

impl Kind {
    /// A kind of Kubernetes itself. `kind` must be one of the table.
    pub fn built_in(kind: &str) -> Option<Self> {
        BUILT_IN.iter().find(|row| row.1 == kind).map(|&(api_version, kind, plural, namespaced)| {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let resource = ApiResource {
                group: group.to_owned(),
                version: version.to_owned(),
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                plural: plural.to_owned(),
            };
            Self { resource, namespaced }
        })
    }

    /// The path of one object, or of the collection if `name` is `None`.
    pub fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let namespace = namespace.filter(|_| self.namespaced);
        let collection = <DynamicObject as kube::Resource>::url_path(&self.resource, namespace);
        name.map_or_else(|| collection.clone(), |name| format!("{collection}/{name}"))
    }

    /// `pod/name`, or `gateway.networking.istio.io/name`, as kubectl takes it.
    pub fn reference(&self, name: &str) -> String {
        let kind = self.resource.kind.to_lowercase();
        match self.resource.group.as_str() {
            "" => format!("{kind}/{name}"),
            group => format!("{kind}.{group}/{name}"),
        }
    }
}

impl Kinds {
    pub fn new(client: Client) -> Self {
        Self { client, found: Mutex::default() }
    }

    /// Finds a kind. At most one request where `api_version` is given, and none for what Kubernetes itself serves; a kind
    /// that was not served is asked for again the next time, for its definition may have come meanwhile.
    pub async fn find(&self, api_version: Option<&str>, kind: &str) -> Result<Kind, KindError> {
        let built_in = Kind::built_in(kind);
        if let Some(found) =
            built_in.filter(|known| api_version.is_none_or(|wanted| wanted == known.resource.api_version))
        {
            return Ok(found);
        }
        let key = (api_version.map(str::to_owned), kind.to_owned());
        if let Some(found) = self.found.lock().expect("no holder panics").get(&key) {
            return Ok(found.clone());
        }
        let found = match api_version {
            Some(api_version) => self.pinned(api_version, kind).await?,
            None => self.discover(kind).await?,
        };
        self.found.lock().expect("no holder panics").insert(key, found.clone());
        Ok(found)
    }

    async fn pinned(&self, api_version: &str, kind: &str) -> Result<Kind, KindError> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let not_served = || KindError::NotServed(format!("{kind} of {api_version}"));
        match pinned_kind(&self.client, &GroupVersionKind::gvk(group, version, kind)).await {
            Ok((resource, capabilities)) => {
                Ok(Kind { resource, namespaced: capabilities.scope == KubeScope::Namespaced })
            }
            Err(kube::Error::Discovery(_)) => Err(not_served()),
            Err(error) => match Trouble::from(error) {
                Trouble::NotFound { .. } => Err(not_served()),
                trouble => Err(trouble.into()),
            },
        }
    }

    /// Looks through every group: two requests where the cluster has aggregated discovery (1.26 and later).
    async fn discover(&self, kind: &str) -> Result<Kind, KindError> {
        let discovery = match Discovery::new(self.client.clone()).run_aggregated().await {
            Ok(discovery) => discovery,
            Err(_) => Discovery::new(self.client.clone()).run().await.map_err(Trouble::from)?,
        };
        let mut matches: Vec<Kind> = discovery
            .groups_alphabetical()
            .into_iter()
            .flat_map(kube::discovery::ApiGroup::recommended_resources)
            .filter(|(resource, _)| resource.kind == kind)
            .map(|(resource, capabilities)| Kind { resource, namespaced: capabilities.scope == KubeScope::Namespaced })
            .collect();
        match (matches.pop(), matches.is_empty()) {
            (None, _) => Err(KindError::NotServed(kind.to_owned())),
            (Some(found), true) => Ok(found),
            (Some(last), false) => {
                matches.push(last);
                let choices: Vec<_> = matches.into_iter().map(|found| found.resource.api_version).collect();
                Err(KindError::Ambiguous { kind: kind.to_owned(), choices: choices.join(", ") })
            }
        }
    }
}
