//! The objects of the scripted API server, and how requests change them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// Plural, namespace (empty for cluster-wide objects), name.
pub type Key = (String, String, String);

/// One change, as a watch tells it.
#[derive(Clone)]
pub struct Change {
    pub version: u64,
    pub at: Instant,
    pub key: Key,
    pub kind: &'static str,
    pub object: Value,
}

/// All collections, in memory.
#[derive(Default)]
pub struct Objects {
    pub version: u64,
    /// Watches from before are refused.
    pub oldest: u64,
    pub all: BTreeMap<Key, Value>,
    pub log: Vec<Change>,
    /// What each object's field manager applied last.
    applied: BTreeMap<Key, Value>,
}

/// Where a field lies, from the root.
type Path = Vec<String>;

impl Objects {
    /// Makes or replaces an object. One that is being deleted and is held no longer goes.
    pub fn put(&mut self, key: &Key, mut object: Value) -> Value {
        self.version += 1;
        let known = self.all.get(key);
        let uid =
            known.map_or_else(|| json!(format!("uid-{}", self.version)), |known| known["metadata"]["uid"].clone());
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = uid;
        }
        if !key.1.is_empty() {
            object["metadata"]["namespace"] = key.1.as_str().into();
        }
        let held = object["metadata"]["finalizers"].as_array().is_some_and(|held| !held.is_empty());
        let kind = match (known.is_some(), object["metadata"]["deletionTimestamp"].is_null()) {
            (_, false) if !held => "DELETED",
            (true, _) => "MODIFIED",
            (false, _) => "ADDED",
        };
        match kind {
            "DELETED" => self.all.remove(key),
            _ => self.all.insert(key.clone(), object.clone()),
        };
        let change =
            Change { version: self.version, at: Instant::now(), key: key.clone(), kind, object: object.clone() };
        self.log.push(change);
        object
    }

    /// Deletes an object, at once or when nothing holds it any more; a namespace with all that lives in it.
    pub fn delete(&mut self, key: &Key) -> Option<Value> {
        let mut object = self.all.get(key)?.clone();
        if key.0 == "namespaces" {
            let inside: Vec<Key> = self.all.keys().filter(|other| other.1 == key.2).cloned().collect();
            for key in &inside {
                drop(self.delete(key));
            }
        }
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        self.applied.remove(key);
        Some(self.put(key, object))
    }

    /// Server-side apply: whether the object was made, and what it is now; `Err` names the fields that somebody else owns.
    pub fn apply(&mut self, key: &Key, applied: Value, force: bool) -> Result<(bool, Value), String> {
        let now =
            format!("2026-01-01T{:02}:{:02}:{:02}Z", self.version / 3600, self.version / 60 % 60, self.version % 60);
        let managed = |mut object: Value| {
            object["metadata"]["managedFields"] = json!([{"manager": "meshproof", "operation": "Apply", "time": now}]);
            object
        };
        let Some(known) = self.all.get(key) else {
            self.applied.insert(key.clone(), applied.clone());
            let mut made = managed(applied);
            made["metadata"]["creationTimestamp"] = now.into();
            return Ok((true, self.put(key, made)));
        };
        let mut object = known.clone();
        let before = self.applied.get(key).map(leaves).unwrap_or_default();
        let wanted = leaves(&applied);
        let identity = |path: &Path| path.first().is_some_and(|first| first == "apiVersion" || first == "kind");
        let foreign = wanted.iter().filter(|(path, value)| {
            !identity(path) && !before.contains_key(*path) && at(&object, path).is_some_and(|known| known != *value)
        });
        let conflicts: Vec<String> = foreign.map(|(path, _)| path.join(".")).collect();
        if !force && !conflicts.is_empty() {
            return Err(format!("Apply failed with 1 conflict: conflict with \"other\": .{}", conflicts.join(", .")));
        }
        for path in before.keys().filter(|path| !wanted.contains_key(*path)) {
            remove(&mut object, path);
        }
        merge(&mut object, &applied);
        self.applied.insert(key.clone(), applied);
        if *known == object {
            return Ok((false, object));
        }
        Ok((false, self.put(key, managed(object))))
    }

    /// A JSON merge patch.
    pub fn patch(&mut self, key: &Key, patch: &Value) -> Option<Value> {
        let mut object = self.all.get(key)?.clone();
        merge(&mut object, patch);
        Some(self.put(key, object))
    }
}

/// RFC 7386.
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    for (key, value) in fields {
        match value {
            Value::Null => drop(into.as_object_mut().and_then(|into| into.remove(key))),
            value => merge(&mut into[key], value),
        }
    }
}

/// Every field that is no map, with its place.
fn leaves(object: &Value) -> BTreeMap<Path, Value> {
    match object {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| {
                leaves(value).into_iter().map(move |(path, leaf)| ([vec![key.clone()], path].concat(), leaf))
            })
            .collect(),
        leaf => BTreeMap::from([(Path::new(), leaf.clone())]),
    }
}

fn at<'a>(object: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, key| value.get(key))
}

fn remove(object: &mut Value, path: &Path) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(object, |value, key| value.get_mut(key));
    parent.and_then(Value::as_object_mut).map(|parent| parent.remove(last));
}
