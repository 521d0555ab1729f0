//! `apply`: makes or changes objects by server-side apply.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Done, Undone};
use crate::{
    cluster::{Kind, KindError, Verb},
    effect::{ApiVerb, Effect, Place, Resource, Scene},
    engine::Context,
    expectation::Namespaces,
    journal::{Change, Changing, intent},
    yaml::manifests,
};

/// Applies the objects of a file, of a program's output or of the scenario itself. Namespaces and definitions go first and
/// are waited for; then what others refer to; workloads and webhooks last.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Apply {
    /// A manifest; relative to the file of the scenario. Give this or `objects`.
    pub file: Option<String>,
    #[serde(default)]
    pub objects: Vec<Value>,
    /// For namespaced objects that name none. In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// Take over fields that another field manager owns, rather than fail.
    #[serde(default)]
    pub force: bool,
}

/// How many requests of one apply may be under way.
const AT_ONCE: usize = 8;

impl Apply {
    pub fn title(&self) -> String {
        match &self.file {
            Some(file) => format!("apply {}", Path::new(file).file_name().unwrap_or_default().to_string_lossy()),
            None => {
                let names = self.objects.iter().map(|object| {
                    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
                    format!("{} {}", text("/kind"), text("/metadata/name"))
                });
                format!("apply {}", names.collect::<Vec<_>>().join(", "))
            }
        }
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        scene.namespace = self.namespace.clone().or(scene.namespace.take());
        let known = self.known(scene.directory);
        for object in known.iter().flatten() {
            made_of(scene, object);
        }
        if known.is_none() || scene.touches.is_some() {
            scene.stated(&format!("what {} holds", self.file.as_deref().unwrap_or("it")), made);
        }
    }

    /// The objects, where they are known before the run.
    fn known(&self, directory: &Path) -> Option<Vec<Value>> {
        let Some(file) = &self.file else { return Some(self.objects.clone()) };
        let text = std::fs::read_to_string(directory.join(file)).ok()?;
        manifests(&text).ok()
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let mut objects = self.objects(context)?;
        objects.sort_by_key(rank);
        for wave in objects.chunk_by(|a, b| rank(a) == rank(b)) {
            let prepared: Vec<Prepared> = stream::iter(wave.to_vec())
                .map(|object| self.prepare(context, object))
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            context.ledger.changing(prepared.iter().map(|prepared| prepared.changing.clone()).collect())?;
            let answers: Vec<Value> = stream::iter(prepared)
                .map(|prepared| self.apply(context, prepared))
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            for definition in answers.iter().filter(|answer| answer["kind"] == "CustomResourceDefinition") {
                established(context, definition).await?;
            }
        }
        Ok(Done::default())
    }

    fn objects(&self, context: &Context<'_>) -> Result<Vec<Value>, Undone> {
        let mut objects = self.written(context)?;
        let map = &context.cluster.registries.settings().map;
        for object in &mut objects {
            map.apply_to_object(object);
        }
        Ok(objects)
    }

    fn written(&self, context: &Context<'_>) -> Result<Vec<Value>, Undone> {
        let Some(file) = &self.file else { return Ok(self.objects.clone()) };
        let path = context.resolve(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Undone::Errored(format!("failed to read {}: {error}", path.display())))?;
        let objects = manifests(&text).map_err(|error| Undone::failed(format!("{}: {error}", path.display())))?;
        if objects.is_empty() {
            return Err(Undone::failed(format!("{} holds no objects", path.display())));
        }
        Ok(objects)
    }

    /// Finds out where an object goes, and what is there.
    async fn prepare(&self, context: &Context<'_>, mut object: Value) -> Result<Prepared, Undone> {
        context.cluster.secrets.learn_object(&object);
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let (Some(api_version), Some(name), Some(kind)) = (text("/apiVersion"), text("/metadata/name"), text("/kind"))
        else {
            return Err(Undone::Errored(format!("an object without apiVersion, kind or name: {object}")));
        };
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let (name, kind) = (name.as_str(), kind.as_str());
        let found = context.cluster.kind(Some(api_version), kind).await;
        let found = found.map_err(|error: KindError| name_it(error.into(), kind, name))?;
        let namespace = match text("/metadata/namespace").map(str::to_owned) {
            Some(namespace) if found.namespaced => Some(namespace),
            _ if found.namespaced => Some(context.namespace(self.namespace.as_deref())?.to_owned()),
            _ => None,
        };
        if let Some(namespace) = &namespace {
            object["metadata"]["namespace"] = namespace.as_str().into();
        }
        let change = Change::of(&found, namespace.as_deref(), name);
        let before = context.before(&change).await.map_err(|undone| name_it(undone, kind, name))?;
        context.mark_as_own(&mut object, before.is_none());
        let changing = Changing { change, before, set: intent(&object) };
        Ok(Prepared { object, changing })
    }

    async fn apply(&self, context: &Context<'_>, prepared: Prepared) -> Result<Value, Undone> {
        let change = prepared.changing.change;
        let verb = Verb::Apply { object: prepared.object, force: self.force };
        let answer = context.cluster.request(&change.path(), &verb, context.deadline, context.cancel).await;
        context.cluster.watches.changed();
        let answer = answer.map_err(|trouble| name_it(trouble.into(), &change.kind.resource.kind, &change.name))?;
        context.ledger.changed(&change, &answer);
        Ok(answer.body)
    }
}

/// An object that is about to be applied.
struct Prepared {
    object: Value,
    changing: Changing,
}

/// What applying an object, and taking it back, does and takes.
fn made(scene: &mut Scene<'_>, resource: &Resource, place: &Place, name: Option<&str>) {
    let thing = scene.thing(resource, place, name);
    scene.effects.push(Effect::Makes(thing));
    scene.needs(resource, place, name, &[ApiVerb::Get, ApiVerb::Patch, ApiVerb::Create, ApiVerb::Delete]);
    scene.needs(resource, place, None, &[ApiVerb::List, ApiVerb::Watch]);
    if matches!(resource.kind.as_str(), "Role" | "ClusterRole") {
        // Whoever gives rights must have them, or this one.
        scene.needs(resource, place, name, &[ApiVerb::Escalate]);
    }
}

fn made_of(scene: &mut Scene<'_>, object: &Value) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (Some(api_version), Some(kind)) = (text("/apiVersion"), text("/kind")) else { return };
    let Some(resource) = scene.resource(Some(api_version), kind) else { return };
    let place = scene.place(&resource, Namespaces::of(text("/metadata/namespace"), false));
    made(scene, &resource, &place, text("/metadata/name"));
    if let (Some(kind @ ("Role" | "ClusterRole")), Some(name)) = (text("/roleRef/kind"), text("/roleRef/name")) {
        let role = Resource::built_in(kind);
        let place = scene.place(&role, Namespaces::of(text("/metadata/namespace"), false));
        scene.needs(&role, &place, Some(name), &[ApiVerb::Bind]);
    }
    for pod in ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"] {
        for list in ["containers", "initContainers"] {
            let containers = object.pointer(&format!("{pod}/{list}")).and_then(Value::as_array);
            let images = containers.into_iter().flatten().filter_map(|container| container["image"].as_str());
            scene.effects.extend(images.map(|image| Effect::PullsImage(image.to_owned())));
        }
    }
}

/// An error that says which object it is about.
fn name_it(undone: Undone, kind: &str, name: &str) -> Undone {
    match undone {
        Undone::Failed { reason, seen, output } => {
            Undone::Failed { reason: format!("{kind} {name}: {reason}"), seen, output }
        }
        Undone::Errored(reason) => Undone::Errored(format!("{kind} {name}: {reason}")),
        Undone::Interrupted => Undone::Interrupted,
    }
}

/// The order in which objects are applied: what others need comes first.
fn rank(object: &Value) -> u8 {
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount"
        | "Secret"
        | "ConfigMap"
        | "ClusterRole"
        | "Role"
        | "PriorityClass"
        | "ResourceQuota"
        | "LimitRange"
        | "StorageClass"
        | "PersistentVolume"
        | "PersistentVolumeClaim" => 2,
        "ClusterRoleBinding" | "RoleBinding" | "Service" | "PodDisruptionBudget" | "NetworkPolicy" => 3,
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob" | "Pod" => 4,
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => 6,
        _ => 5,
    }
}

/// Waits until a definition is served. Its instances would be refused before.
async fn established(context: &Context<'_>, definition: &Value) -> Result<(), Undone> {
    let name = definition["metadata"]["name"].as_str().unwrap_or_default();
    let is_established = |object: &crate::cluster::Object| {
        object.items("/status/conditions").iter().any(|c| c["type"] == "Established" && c["status"] == "True")
    };
    let kind = Kind::built_in("CustomResourceDefinition").expect("it is in the table");
    context
        .until(&kind, None, name, &format!("definition {name} to be established"), |object| {
            object.is_some_and(is_established)
        })
        .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn definitions_go_before_their_instances_and_webhooks_last() {
        let mut kinds =
            ["Gateway", "MutatingWebhookConfiguration", "Deployment", "CustomResourceDefinition", "Namespace"]
                .map(|kind| json!({"kind": kind}))
                .to_vec();
        kinds.sort_by_key(rank);
        let sorted: Vec<_> = kinds.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        let expected =
            ["Namespace", "CustomResourceDefinition", "Deployment", "Gateway", "MutatingWebhookConfiguration"];
        assert_eq!(sorted, expected);
    }
}
