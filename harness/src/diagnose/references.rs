//! References from object to object. Which fields hold them is the suite's to say: the engine knows no mesh.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Object;

/// That a field of one kind names objects of another.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct References {
    pub from: KindOf,
    /// Where the names are: `/spec/http/*/route/*/destination/host`, `*` for each item of a list.
    pub path: String,
    pub to: KindOf,
    /// Names that stand for no object.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// A kind, with its API version where it is not Kubernetes' own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindOf {
    pub api_version: Option<String>,
    pub kind: String,
}

/// One that leads nowhere.
#[derive(Debug, Clone)]
pub struct Broken {
    pub from: Arc<Object>,
    /// `spec.http[0].route[0].destination.host`
    pub field: String,
    pub kind: String,
    pub name: String,
    pub namespace: String,
}

impl References {
    /// The references of `objects` to none of them. `looked` says of a kind and namespace whether everything there was seen.
    pub fn broken(&self, objects: &[Arc<Object>], looked: &dyn Fn(&str, &str) -> bool) -> Vec<Broken> {
        let mut broken = Vec::new();
        let of = |kind: &KindOf, object: &Object| object.text("/kind") == Some(&kind.kind);
        for from in objects.iter().filter(|object| of(&self.from, object)) {
            let mut named = Vec::new();
            walk(&from.json, &segments(&self.path), String::new(), &mut named);
            for (field, name) in named {
                let Some((name, namespace)) = self.resolve(&name, &from.namespace) else { continue };
                let is_there =
                    objects.iter().any(|to| of(&self.to, to) && to.name == name && to.namespace == namespace);
                if !is_there && looked(&self.to.kind, &namespace) {
                    let kind = self.to.kind.clone();
                    broken.push(Broken { from: Arc::clone(from), field, kind, name, namespace });
                }
            }
        }
        broken
    }

    /// The name and namespace that are meant: `host`, `host.namespace`, `host.namespace.svc.cluster.local`, `namespace/name`.
    fn resolve(&self, name: &str, own: &str) -> Option<(String, String)> {
        if name.is_empty() || name.contains('*') || self.ignore.iter().any(|ignored| ignored == name) {
            return None;
        }
        if let Some((namespace, name)) = name.split_once('/') {
            return Some((name.to_owned(), namespace.to_owned()));
        }
        if self.to.kind != "Service" {
            return Some((name.to_owned(), own.to_owned()));
        }
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            [name] => Some(((*name).to_owned(), own.to_owned())),
            [name, namespace] | [name, namespace, "svc", ..] => Some(((*name).to_owned(), (*namespace).to_owned())),
            // A host outside of the cluster.
            _ => None,
        }
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

fn walk(value: &Value, path: &[&str], at: String, found: &mut Vec<(String, String)>) {
    match (path, value) {
        ([], Value::String(text)) => found.push((at, text.clone())),
        (["*", rest @ ..], Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, rest, format!("{at}[{index}]"), found);
            }
        }
        ([key, rest @ ..], Value::Object(fields)) => {
            let dot = if at.is_empty() { "" } else { "." };
            if let Some(field) = fields.get(*key) {
                walk(field, rest, format!("{at}{dot}{key}"), found);
            }
        }
        _ => {}
    }
}
