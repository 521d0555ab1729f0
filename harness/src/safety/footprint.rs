//! Every object of a cluster, before and after a run.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::{
    Api, Client, Discovery,
    api::ListParams,
    core::{ApiResource, DynamicObject, ObjectMeta},
    discovery::{ApiGroup, Scope, verbs},
};
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, Kind, Trouble, patiently};

/// What was there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Footprint {
    /// Sorted; what comes and goes by itself is left out.
    pub objects: BTreeMap<Key, Seen>,
    /// Resources that could not be listed with the rights at hand.
    pub unseen: BTreeSet<String>,
    /// By resource. What is written down for another process does not need them.
    #[serde(skip)]
    pub kinds: BTreeMap<String, Kind>,
}

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `deployments.apps`.
    pub resource: String,
    /// Empty for a cluster-wide object.
    pub namespace: String,
    pub name: String,
}

/// As much of it as tells whether it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    pub uid: String,
    pub generation: Option<i64>,
    pub labels: BTreeMap<String, String>,
    pub managers: BTreeSet<String>,
    pub made_at: Option<Timestamp>,
}

/// How many lists may be under way.
const AT_ONCE: usize = 8;
/// How many objects a page has.
const PAGE: u32 = 500;

/// What comes and goes by itself, or says only how others are.
const RESTLESS: &[&str] = &[
    "componentstatuses",
    "controllerrevisions.apps",
    "csinodes.storage.k8s.io",
    "csistoragecapacities.storage.k8s.io",
    "certificatesigningrequests.certificates.k8s.io",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "nodes",
];

/// So many kinds are named.
const NAMED: usize = 4;

impl Footprint {
    /// Of what no comparison can tell, if there is any.
    pub fn told_unseen(&self) -> Option<String> {
        let some: Vec<&str> = self.unseen.iter().take(NAMED).map(String::as_str).collect();
        let more = self.unseen.len() - some.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (count, all) = (self.unseen.len(), self.kinds.len());
        let some = some.join(", ");
        (count > 0)
            .then(|| format!("{count} of {all} kinds may not be listed, and are not compared in the end: {some}{more}"))
    }
}

/// Lists the cluster: discovery, and one request for each page of each resource. Only metadata is asked for.
pub async fn take(cluster: &Cluster) -> Result<Footprint, Trouble> {
    let client = &cluster.client;
    let resting = patiently(|| listable(client)).await?.into_iter().map(|kind| (name_of(&kind.resource), kind));
    let kinds: BTreeMap<String, Kind> = resting
        .filter(|(name, kind)| !RESTLESS.contains(&name.as_str()) && kind.resource.group != "metrics.k8s.io")
        .collect();
    let mut footprint = Footprint { kinds: kinds.clone(), ..Footprint::default() };
    let mut lists = stream::iter(kinds)
        .map(|(name, kind)| async move { (patiently(|| list(client, &kind.resource, "")).await, name) })
        .buffer_unordered(AT_ONCE);
    while let Some((listed, name)) = lists.next().await {
        match listed {
            Ok(objects) => footprint.objects.extend(objects.into_iter().filter_map(|meta| entry(&name, meta))),
            // A definition may have gone between the two requests.
            Err(Trouble::NotFound { .. }) => {}
            Err(Trouble::Denied { .. } | Trouble::Refused { .. }) => drop(footprint.unseen.insert(name)),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(footprint)
}

/// Every kind that can be listed, once.
pub async fn listable(client: &Client) -> Result<Vec<Kind>, Trouble> {
    let discovery = match Discovery::new(client.clone()).run_aggregated().await {
        Ok(discovery) => discovery,
        Err(_) => Discovery::new(client.clone()).run().await?,
    };
    let resources = discovery.groups_alphabetical().into_iter().flat_map(ApiGroup::recommended_resources);
    let listable = resources.filter(|(_, capabilities)| capabilities.supports_operation(verbs::LIST));
    Ok(listable
        .map(|(resource, capabilities)| Kind { resource, namespaced: capabilities.scope == Scope::Namespaced })
        .collect())
}

fn name_of(resource: &ApiResource) -> String {
    match resource.group.as_str() {
        "" => resource.plural.clone(),
        group => format!("{}.{group}", resource.plural),
    }
}

/// The metadata of all objects of a kind, in every namespace, with these labels.
pub async fn list(client: &Client, resource: &ApiResource, labels: &str) -> Result<Vec<ObjectMeta>, Trouble> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let mut parameters = ListParams::default().limit(PAGE).labels(labels);
    let mut objects = Vec::new();
    loop {
        let page = api.list_metadata(&parameters).await?;
        objects.extend(page.items.into_iter().map(|item| item.metadata));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

/// `None` for what follows from another object.
fn entry(resource: &str, meta: ObjectMeta) -> Option<(Key, Seen)> {
    let owners = meta.owner_references.unwrap_or_default();
    let labels = meta.labels.unwrap_or_default();
    let follows = owners.iter().any(|owner| owner.controller == Some(true))
        || labels.contains_key("kube-aggregator.kubernetes.io/automanaged");
    if follows {
        return None;
    }
    let key = Key { resource: resource.to_owned(), namespace: meta.namespace.unwrap_or_default(), name: meta.name? };
    let managers = meta.managed_fields.unwrap_or_default().into_iter().filter_map(|entry| entry.manager).collect();
    let made_at = meta.creation_timestamp.and_then(|time| serde_json::to_value(time).ok());
    let made_at = made_at.and_then(|time| time.as_str()?.parse().ok());
    Some((key, Seen { uid: meta.uid.unwrap_or_default(), generation: meta.generation, labels, managers, made_at }))
}

impl Key {
    /// `deployments.apps/istiod in istio-system`.
    pub fn describe(&self) -> String {
        let reference = format!("{}/{}", self.resource, self.name);
        if self.namespace.is_empty() { reference } else { format!("{reference} in {}", self.namespace) }
    }

    pub fn is_namespace(&self) -> bool {
        self.resource == "namespaces"
    }
}

// As one string, so that it can be the key of a JSON object.
impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}/{}", self.resource, self.namespace, self.name))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(resource), Some(namespace), Some(name)) => Ok(Self { resource, namespace, name }),
            _ => Err(serde::de::Error::custom("not resource/namespace/name")),
        }
    }
}
