//! What the tests of expectations share.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::Object;

/// Reads an expectation as a scenario writes it.
pub fn expectation<T: DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap()
}

/// An object of which only what matters is given.
pub fn object(mut json: Value) -> Arc<Object> {
    let defaults = json!({"apiVersion": "v1", "kind": "Any"});
    for (key, value) in defaults.as_object().unwrap() {
        json.as_object_mut().unwrap().entry(key).or_insert_with(|| value.clone());
    }
    Arc::new(Object::from_json(json).unwrap())
}

/// A pod with a container for each `(ready, restarts)`.
pub fn pod(name: &str, phase: &str, containers: &[(bool, u32)]) -> Arc<Object> {
    let statuses: Vec<Value> = containers
        .iter()
        .enumerate()
        .map(|(index, (ready, restarts))| {
            let state =
                if *ready { json!({"running": {}}) } else { json!({"waiting": {"reason": "ContainerCreating"}}) };
            json!({"name": format!("c{index}"), "ready": ready, "restartCount": restarts, "state": state})
        })
        .collect();
    let specs: Vec<Value> = (0..containers.len()).map(|index| json!({"name": format!("c{index}")})).collect();
    object(json!({"kind": "Pod", "metadata": {"name": name, "namespace": "n"}, "spec": {"containers": specs},
        "status": {"phase": phase, "containerStatuses": statuses}}))
}
