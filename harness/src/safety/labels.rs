//! What runs left, found by the labels of the objects: where no journal tells of it.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::footprint::{list, listable};
use crate::{
    cluster::{Cluster, Kind, Trouble, patiently},
    engine::{MADE_ANNOTATION, RUN_LABEL},
    journal::{Change, Changing, Holdings, Line},
};

/// By run. Objects that a run made are held as made; of those that it only changed, all that is known is whose fields are its.
pub async fn find(cluster: &Cluster) -> Result<BTreeMap<String, Holdings>, Trouble> {
    let client = &cluster.client;
    let mut found: Vec<(String, Line, Line)> = stream::iter(patiently(|| listable(client)).await?)
        // They only say how others are, or are there twice.
        .filter(|kind| {
            std::future::ready(!["Event", "Endpoints", "EndpointSlice"].contains(&kind.resource.kind.as_str()))
        })
        .map(|kind| of_kind(client, kind, RUN_LABEL))
        .buffer_unordered(8)
        .try_concat()
        .await?;
    // Namespaces are held first, so that what is in them goes with them.
    found.sort_by_cached_key(|(run, changing, _)| (run.clone(), !is_namespace(changing)));
    let mut runs: BTreeMap<String, Holdings> = BTreeMap::new();
    for (run, changing, changed) in found {
        let holdings = runs.entry(run).or_default();
        holdings.take_in(&changing);
        holdings.take_in(&changed);
    }
    Ok(runs)
}

fn is_namespace(line: &Line) -> bool {
    matches!(line, Line::Changing { changes } if changes.iter().all(|changing| changing.change.is_namespace()))
}

async fn of_kind(client: &kube::Client, kind: Kind, selector: &str) -> Result<Vec<(String, Line, Line)>, Trouble> {
    let objects = match patiently(|| list(client, &kind.resource, selector)).await {
        Ok(objects) => objects,
        // What may not be listed may not be deleted either.
        Err(Trouble::NotFound { .. } | Trouble::Denied { .. } | Trouble::Refused { .. }) => return Ok(Vec::new()),
        Err(trouble) => return Err(trouble),
    };
    let lines = objects.into_iter().filter_map(|meta| {
        // What follows from another object goes with it: pods carry the labels of their templates.
        if meta.owner_references.iter().flatten().any(|owner| owner.controller == Some(true)) {
            return None;
        }
        let run = meta.labels.as_ref()?.get(RUN_LABEL)?.clone();
        let is_made = meta.annotations.as_ref().is_some_and(|all| all.get(MADE_ANNOTATION) == Some(&run));
        let change = Change::of(&kind, meta.namespace.as_deref(), meta.name.as_deref()?);
        let changing = Changing { change: change.clone(), before: None, set: Value::Null };
        let made = is_made.then(|| meta.uid.unwrap_or_default());
        Some((run, Line::Changing { changes: vec![changing] }, Line::Changed { change, made, set: Value::Null }))
    });
    Ok(lines.collect())
}
