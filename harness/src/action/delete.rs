//! `delete`: deletes objects and waits until they are gone.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Done, Undone};
use crate::{
    cluster::{Kind, KindError, Object, Trouble},
    effect::{ApiVerb, Effect, Place, Resource, Scene},
    engine::Context,
    expectation::{Namespaces, Selection},
    journal::Change,
    yaml::manifests,
};

/// Deletes the objects of a manifest, or those selected, and waits until they are gone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delete {
    /// A manifest; relative to the file of the scenario. Give this or `of`.
    pub file: Option<String>,
    /// Which objects.
    pub of: Option<Selection>,
    /// For objects of the manifest that name none. In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// Objects that are not there are no failure.
    #[serde(default)]
    pub ignore_not_found: bool,
    /// Delete also what was there before the run: it does not come back.
    #[serde(default)]
    pub existing: bool,
    /// Do not wait until they are gone.
    #[serde(default)]
    pub no_wait: bool,
}

#[derive(Clone)]
struct Doomed {
    change: Change,
    /// As it is, where that is known.
    seen: Option<Arc<Object>>,
}

impl Delete {
    pub fn title(&self) -> String {
        match (&self.file, &self.of) {
            (Some(file), _) => format!("delete the objects of {}", file.rsplit('/').next().unwrap_or(file)),
            (None, Some(selection)) => format!("delete {}", selection.target().describe()),
            (None, None) => "delete".to_owned(),
        }
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        scene.namespace = self.namespace.clone().or(scene.namespace.take());
        if let Some(file) = &self.file {
            let known = std::fs::read_to_string(scene.directory.join(file)).ok().and_then(|text| manifests(&text).ok());
            for object in known.iter().flatten() {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
                let kind = text("/kind").unwrap_or_default();
                if let Some(resource) = scene.resource(text("/apiVersion"), kind) {
                    let place = scene.place(&resource, Namespaces::of(text("/metadata/namespace"), false));
                    deleted(scene, &resource, &place, text("/metadata/name"));
                }
            }
            if known.is_none() {
                scene.stated(&format!("what {file} holds"), deleted);
            }
        }
        let Some(selection) = &self.of else { return };
        let target = selection.target();
        if let Some(resource) = scene.resource(target.api_version, target.kind) {
            let place = scene.place(&resource, target.namespace);
            if target.name.is_none() && scene.touches.is_some() {
                // Which they are is stated.
                scene.needs(&resource, &place, None, &[ApiVerb::List, ApiVerb::Watch]);
                return scene.stated("", deleted);
            }
            deleted(scene, &resource, &place, target.name);
            if let Some(Effect::Deletes(thing)) = scene.effects.iter_mut().rfind(|e| matches!(e, Effect::Deletes(_))) {
                thing.selector = target.selector.map(|selector| selector.as_str().to_owned());
                if let Some(regex) = target.name_matches {
                    thing.selector = Some(format!("a name like {regex}"));
                }
            }
        }
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let doomed = self.doomed(context).await?;
        let missing: Vec<Option<String>> =
            stream::iter(doomed.clone()).map(|object| self.remove(context, object)).buffered(8).try_collect().await?;
        let missing: Vec<String> = missing.into_iter().flatten().collect();
        if !missing.is_empty() && !self.ignore_not_found {
            return Err(Undone::failed(format!("not there to delete: {}", missing.join(", "))));
        }
        for object in &doomed {
            if !self.no_wait {
                gone(context, &object.change).await?;
            }
            // What does not go is still the run's to take back, and to name.
            context.ledger.deleted(&object.change);
        }
        Ok(Done::default())
    }

    async fn doomed(&self, context: &Context<'_>) -> Result<Vec<Doomed>, Undone> {
        let mut doomed = Vec::new();
        if let Some(file) = &self.file {
            let path = context.resolve(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Undone::Errored(format!("failed to read {}: {error}", path.display())))?;
            let objects = manifests(&text).map_err(|error| Undone::failed(format!("{}: {error}", path.display())))?;
            // What was made last goes first.
            for object in objects.iter().rev() {
                let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let kind = match context.cluster.kind(Some(text("/apiVersion")), text("/kind")).await {
                    Ok(kind) => kind,
                    Err(KindError::NotServed(_)) if self.ignore_not_found => continue,
                    Err(error) => return Err(error.into()),
                };
                let namespace = match object.pointer("/metadata/namespace").and_then(Value::as_str) {
                    Some(namespace) => Some(namespace.to_owned()),
                    None if kind.namespaced => Some(context.namespace(self.namespace.as_deref())?.to_owned()),
                    None => None,
                };
                let change = Change::of(&kind, namespace.as_deref(), text("/metadata/name"));
                doomed.push(Doomed { change, seen: None });
            }
        }
        if let Some(selection) = &self.of {
            let kind = context.cluster.kind(selection.api_version.as_deref(), &selection.kind).await;
            let kind = match kind {
                Err(KindError::NotServed(_)) if self.ignore_not_found => return Ok(doomed),
                other => other?,
            };
            doomed.extend(self.selected(context, selection, &kind).await?);
        }
        Ok(doomed)
    }

    async fn selected(&self, context: &Context<'_>, selection: &Selection, kind: &Kind) -> Result<Vec<Doomed>, Undone> {
        let namespace = context.namespace_of(kind, selection.target().namespace)?;
        let one_place = namespace.is_some() || !kind.namespaced;
        if let Some(name) = selection.name.as_ref().filter(|_| one_place) {
            return Ok(vec![Doomed { change: Change::of(kind, namespace.as_deref(), name), seen: None }]);
        }
        let objects = context.objects(kind, namespace.as_deref(), &selection.target()).await?;
        if objects.is_empty() && !self.ignore_not_found {
            return Err(Undone::failed(format!("there are no {} to delete", selection.target().describe())));
        }
        let doomed = objects.into_iter().map(|object: Arc<Object>| {
            let namespace = Some(object.namespace.as_str()).filter(|namespace| !namespace.is_empty());
            Doomed { change: Change::of(kind, namespace, &object.name), seen: Some(object) }
        });
        Ok(doomed.collect())
    }

    /// Asks for the deletion; gives the object's name if it was not there.
    async fn remove(&self, context: &Context<'_>, object: Doomed) -> Result<Option<String>, Undone> {
        let change = &object.change;
        let reference = change.kind.reference(&change.name);
        let mut uid = None;
        if !self.existing && !context.ledger.made(change) {
            let seen = match &object.seen {
                Some(seen) => seen.json.clone(),
                None => match context.get(change).await.map_err(|trouble| about(trouble, &reference))? {
                    Some(seen) => seen,
                    None => return Ok(Some(reference)),
                },
            };
            if context.was_there_before(&seen) {
                return Err(Undone::failed(format!(
                    "{} was there before the run, and is not deleted (`existing: true` would)",
                    change.describe()
                )));
            }
            uid = seen["metadata"]["uid"].as_str().map(str::to_owned);
        }
        let deleted = context.delete(change, uid.as_deref()).await.map_err(|trouble| about(trouble, &reference))?;
        Ok((!deleted).then_some(reference))
    }
}

/// What deleting an object and waiting until it is gone takes.
fn deleted(scene: &mut Scene<'_>, resource: &Resource, place: &Place, name: Option<&str>) {
    let thing = scene.thing(resource, place, name);
    scene.effects.push(Effect::Deletes(thing));
    scene.needs(resource, place, name, &[ApiVerb::Get, ApiVerb::Delete]);
    scene.needs(resource, place, None, &[ApiVerb::List, ApiVerb::Watch]);
}

fn about(trouble: Trouble, reference: &str) -> Undone {
    match Undone::from(trouble) {
        Undone::Failed { reason, seen, output } => {
            Undone::Failed { reason: format!("{reference}: {reason}"), seen, output }
        }
        other => other,
    }
}

async fn gone(context: &Context<'_>, change: &Change) -> Result<(), Undone> {
    let what = format!("{} to be gone", change.kind.reference(&change.name));
    context.until(&change.kind, change.namespace.as_deref(), &change.name, &what, |object| object.is_none()).await
}
