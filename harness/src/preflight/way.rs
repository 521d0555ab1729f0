//! What of the things that a plan makes is there already.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, DynamicObject, ListParams, PartialObjectMeta};

use super::AT_ONCE;
use crate::{
    cluster::{Cluster, Kind, Trouble},
    effect::{Place, Thing},
    engine::RUN_LABEL,
    plan::Outlook,
};

/// What a cluster has of a plan's things.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub things: BTreeMap<Thing, Found>,
    /// The names of all namespaces.
    pub namespaces: BTreeSet<String>,
    /// The labels of the namespaces that the plan uses.
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
}

/// Whether a thing is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Absent,
    /// With the id of the run that left it, if one did.
    There {
        run: Option<String>,
    },
    /// Why it cannot be known.
    Unseen(String),
}

/// Looks for every thing whose name is known, in the namespaces that are there: one list, and a request for each thing.
pub async fn look(cluster: &Cluster, outlook: &Outlook<'_>) -> Result<Seen, Trouble> {
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    let mut seen = Seen::default();
    for namespace in namespaces.list_metadata(&ListParams::default()).await?.items {
        let Some(name) = namespace.metadata.name else { continue };
        seen.labels.insert(name.clone(), namespace.metadata.labels.unwrap_or_default());
        seen.namespaces.insert(name);
    }
    let asked = outlook.by_name().map(|thing| {
        let there = match &thing.place {
            Place::Namespace(namespace) => seen.namespaces.contains(namespace),
            Place::Cluster | Place::Everywhere => true,
        };
        async move {
            let found = if there { find(cluster, thing).await? } else { Found::Absent };
            Ok::<_, Trouble>((thing.clone(), found))
        }
    });
    // Each is boxed, for what they have in common is too general for the compiler otherwise.
    let asked: Vec<_> = asked.map(futures::FutureExt::boxed_local).collect();
    seen.things = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok(seen)
}

async fn find(cluster: &Cluster, thing: &Thing) -> Result<Found, Trouble> {
    let kind = Kind::from(&thing.resource);
    let api: Api<DynamicObject> = match &thing.place {
        Place::Namespace(namespace) => Api::namespaced_with(cluster.client.clone(), namespace, &kind.resource),
        Place::Cluster | Place::Everywhere => Api::all_with(cluster.client.clone(), &kind.resource),
    };
    let name = thing.name.as_deref().unwrap_or_default();
    let found: Option<PartialObjectMeta<DynamicObject>> = match api.get_metadata_opt(name).await.map_err(Trouble::from) {
        Ok(found) => found,
        Err(Trouble::Denied { .. }) => return Ok(Found::Unseen("not allowed to see whether it is there".to_owned())),
        Err(Trouble::NotFound { .. }) => None,
        Err(trouble) => return Err(trouble),
    };
    Ok(match found {
        None => Found::Absent,
        Some(object) => {
            Found::There { run: object.metadata.labels.and_then(|labels| labels.get(RUN_LABEL).cloned()) }
        }
    })
}
