//! `scale`: sets the number of replicas of a workload.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Done, Undone};
use crate::{
    cluster::Verb,
    effect::{ApiVerb, Effect, Scene},
    engine::Context,
    expectation::Namespaces,
    journal::{Change, Changing},
};

/// Sets the replicas of a Deployment, StatefulSet or any kind that has a scale. Of a workload that was there before, the
/// number is given back in the end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    pub api_version: Option<String>,
    pub kind: String,
    pub name: String,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    pub replicas: u32,
}

impl Scale {
    pub fn title(&self) -> String {
        format!("scale {} {} to {}", self.kind, self.name, self.replicas)
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        let Some(resource) = scene.resource(self.api_version.as_deref(), &self.kind) else { return };
        let place = scene.place(&resource, Namespaces::of(self.namespace.as_deref(), false));
        let thing = scene.thing(&resource, &place, Some(&self.name));
        scene.effects.push(Effect::Changes(thing));
        scene.needs(&resource.subresource("scale"), &place, Some(&self.name), &[ApiVerb::Get, ApiVerb::Patch]);
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let kind = context.cluster.kind(self.api_version.as_deref(), &self.kind).await?;
        let namespace = context.namespace(self.namespace.as_deref())?;
        let change = Change::of(&kind, Some(namespace), &self.name).through("scale");
        let before = context.before(&change).await?;
        let patch = json!({"spec": {"replicas": self.replicas}});
        context.ledger.changing(vec![Changing { change: change.clone(), before, set: patch.clone() }])?;
        let answer =
            context.cluster.request(&change.path(), &Verb::Merge(patch), context.deadline, context.cancel).await;
        context.cluster.watches.changed();
        context.ledger.changed(&change, &answer?);
        Ok(Done::default())
    }
}
