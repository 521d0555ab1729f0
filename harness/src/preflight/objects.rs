//! Objects as they are now, by one list and no watch.

use std::sync::Arc;

use kube::api::{Api, DynamicObject, ListParams};

use crate::{
    cluster::{Cluster, Kind, KindError, Object, Trouble, patiently},
    expectation::{Namespaces, Target},
};

/// The objects of a target; none where the kind is not served.
pub async fn list(
    cluster: &Cluster,
    target: &Target<'_>,
    default_namespace: Option<&str>,
) -> Result<Vec<Arc<Object>>, Trouble> {
    let kind: Kind = match cluster.kind(target.api_version, target.kind).await {
        Ok(kind) => kind,
        Err(KindError::NotServed(_)) => return Ok(Vec::new()),
        Err(KindError::Trouble(trouble)) => return Err(trouble),
        Err(error @ KindError::Ambiguous { .. }) => return Err(Trouble::Unreadable(error.to_string())),
    };
    let namespace = match target.namespace {
        Namespaces::All => None,
        Namespaces::Named(namespace) => Some(namespace),
        Namespaces::Default => default_namespace,
    };
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) if kind.namespaced => Api::namespaced_with(cluster.client.clone(), namespace, &kind.resource),
        _ => Api::all_with(cluster.client.clone(), &kind.resource),
    };
    let mut params = ListParams::default();
    if let Some(selector) = target.selector {
        params = params.labels(selector.as_str());
    }
    if let Some(name) = target.name {
        params = params.fields(&format!("metadata.name={name}"));
    }
    let listed = match patiently(|| async { Ok(api.list(&params).await?) }).await {
        Ok(listed) => listed,
        Err(Trouble::NotFound { .. }) => return Ok(Vec::new()),
        Err(trouble) => return Err(trouble),
    };
    let objects = listed.items.into_iter().filter_map(|object| serde_json::to_value(object).ok());
    Ok(objects.filter_map(Object::from_json).filter(|object| target.includes(object)).map(Arc::new).collect())
}
