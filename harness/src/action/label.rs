//! `label`: sets and removes labels of an object.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Undone};
use crate::{
    cluster::Verb,
    effect::{ApiVerb, Effect, Scene},
    engine::Context,
    expectation::Namespaces,
    journal::{Change, Changing},
};

/// Sets and removes labels of one object that exists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Label {
    pub api_version: Option<String>,
    pub kind: String,
    pub name: String,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    #[serde(default)]
    pub set: IndexMap<String, String>,
    #[serde(default)]
    pub remove: Vec<String>,
}

impl Label {
    pub fn title(&self) -> String {
        let set = self.set.iter().map(|(key, value)| format!("{key}={value}"));
        let changes: Vec<String> = set.chain(self.remove.iter().map(|key| format!("{key}-"))).collect();
        format!("label {} {} {}", self.kind, self.name, changes.join(" "))
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        let Some(resource) = scene.resource(self.api_version.as_deref(), &self.kind) else { return };
        let place = scene.place(&resource, Namespaces::of(self.namespace.as_deref(), false));
        let thing = scene.thing(&resource, &place, Some(&self.name));
        scene.effects.push(Effect::Changes(thing));
        scene.needs(&resource, &place, Some(&self.name), &[ApiVerb::Get, ApiVerb::Patch]);
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let kind = context.cluster.kind(self.api_version.as_deref(), &self.kind).await?;
        let namespace = match kind.namespaced {
            true => Some(context.namespace(self.namespace.as_deref())?),
            false => None,
        };
        let path = kind.path(namespace, Some(&self.name));
        // What was there before is what the run gives back in the end.
        let change = Change::of(&kind, namespace, &self.name);
        let before = match context.ledger.made(&change) {
            true => None,
            false => Some(context.cluster.request(&path, &Verb::Get, context.deadline, context.cancel).await?.body),
        };
        let removed = self.remove.iter().map(|key| (key.clone(), Value::Null));
        let labels: serde_json::Map<String, Value> =
            self.set.iter().map(|(key, value)| (key.clone(), json!(value))).chain(removed).collect();
        let patch = json!({"metadata": {"labels": labels}});
        context.ledger.changing(vec![Changing { change: change.clone(), before, set: patch.clone() }])?;
        let patch = Verb::Merge(patch);
        let answer = context.cluster.request(&path, &patch, context.deadline, context.cancel).await;
        context.cluster.watches.changed();
        context.ledger.changed(&change, &answer?);
        Ok(Done::default())
    }
}
