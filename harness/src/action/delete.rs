//! `delete`: deletes objects and waits until they are gone.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Done, Undone};
use crate::{
    cluster::{Kind, KindError, Object, Trouble, Verb},
    effect::{ApiVerb, Effect, Place, Resource, Scene},
    engine::{Change, Context},
    expectation::{Namespaces, Selection},
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
    /// Do not wait until they are gone.
    #[serde(default)]
    pub no_wait: bool,
}

#[derive(Clone)]
struct Doomed {
    kind: Kind,
    namespace: Option<String>,
    name: String,
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
            stream::iter(doomed.clone()).map(|object| remove(context, object)).buffered(8).try_collect().await?;
        let missing: Vec<String> = missing.into_iter().flatten().collect();
        if !missing.is_empty() && !self.ignore_not_found {
            return Err(Undone::failed(format!("not there to delete: {}", missing.join(", "))));
        }
        for object in &doomed {
            if !self.no_wait {
                gone(context, object).await?;
            }
            // What does not go is still the run's to take back, and to name.
            context.ledger.deleted(&Change::of(&object.kind, object.namespace.as_deref(), &object.name));
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
                doomed.push(Doomed { kind, namespace, name: text("/metadata/name").to_owned() });
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
            return Ok(vec![Doomed { kind: kind.clone(), namespace, name: name.clone() }]);
        }
        let objects = context.objects(kind, namespace.as_deref(), &selection.target()).await?;
        if objects.is_empty() && !self.ignore_not_found {
            return Err(Undone::failed(format!("there are no {} to delete", selection.target().describe())));
        }
        let doomed = objects.into_iter().map(|object: Arc<Object>| Doomed {
            kind: kind.clone(),
            namespace: Some(object.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: object.name.clone(),
        });
        Ok(doomed.collect())
    }
}

/// What deleting an object and waiting until it is gone takes.
fn deleted(scene: &mut Scene<'_>, resource: &Resource, place: &Place, name: Option<&str>) {
    let thing = scene.thing(resource, place, name);
    scene.effects.push(Effect::Deletes(thing));
    scene.needs(resource, place, name, &[ApiVerb::Get, ApiVerb::Delete]);
    scene.needs(resource, place, None, &[ApiVerb::List, ApiVerb::Watch]);
}

/// Asks for the deletion; gives the object's name if it was not there.
async fn remove(context: &Context<'_>, object: Doomed) -> Result<Option<String>, Undone> {
    let path = object.kind.path(object.namespace.as_deref(), Some(&object.name));
    let verb = Verb::Delete { propagation: "Background" };
    let answer = context.cluster.request(&path, &verb, context.deadline, context.cancel).await;
    context.cluster.watches.changed();
    let reference = object.kind.reference(&object.name);
    match answer {
        Ok(_) | Err(Trouble::NotFound { .. }) => Ok(answer.is_err().then_some(reference)),
        Err(trouble) => match Undone::from(trouble) {
            Undone::Failed { reason, seen, output } => {
                Err(Undone::Failed { reason: format!("{reference}: {reason}"), seen, output })
            }
            other => Err(other),
        },
    }
}

async fn gone(context: &Context<'_>, object: &Doomed) -> Result<(), Undone> {
    let what = format!("{} to be gone", object.kind.reference(&object.name));
    context.until(&object.kind, object.namespace.as_deref(), &object.name, &what, |object| object.is_none()).await
}
