//! The images that manifests name: those of containers wherever a pod's spec is, of annotations, of environment variables, and those that a
//! chart's values in a ConfigMap are put together from (`hub`, `image` and `tag`), as an injector does.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    registry::{CONTAINERS, normal_image},
    yaml::manifests,
};

/// The images that the manifests in `text` name, sorted. `Err` says why it cannot be read.
pub fn images_in_text(text: &str) -> Result<Vec<String>, String> {
    let objects = manifests(text).map_err(|error| format!("the manifests cannot be read: {error}"))?;
    Ok(images_in(&objects))
}

/// The images that objects name, sorted.
pub fn images_in(objects: &[Value]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for object in objects {
        walk(object, &mut found);
        if object["kind"] == "ConfigMap" {
            for value in object["data"].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str) {
                let inner = serde_json::from_str(value).or_else(|_| serde_saphyr::from_str::<Value>(value));
                if let Ok(inner @ Value::Object(_)) = inner {
                    walk(&inner, &mut found);
                    of_values(&inner, None, &mut found);
                }
            }
        }
    }
    found.into_iter().collect()
}

/// Containers, annotations and environment variables, wherever they are.
fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    (name, Value::Array(containers)) if CONTAINERS.contains(&name) => {
                        let images = containers.iter().filter_map(|container| container["image"].as_str());
                        found.extend(images.filter(|image| is_name(image)).map(normal_image));
                    }
                    ("env", Value::Array(variables)) => {
                        let values = variables.iter().filter_map(|variable| variable["value"].as_str());
                        found.extend(values.filter(|value| is_reference(value)).map(str::to_owned));
                    }
                    ("annotations", Value::Object(annotations)) => {
                        let values = annotations.values().filter_map(Value::as_str);
                        found.extend(values.filter(|value| is_reference(value)).map(str::to_owned));
                    }
                    _ => {}
                }
                walk(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

/// A chart's values: an `image` without a registry belongs to the `hub` and the `tag` beside it or above it.
fn of_values(value: &Value, above: Option<(&str, &str)>, found: &mut BTreeSet<String>) {
    let Value::Object(fields) = value else { return };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let of = text("hub").zip(text("tag")).or(above);
    if let (Some(image), Some((hub, tag))) = (text("image"), of)
        && !image.contains(['/', ':', ' ', '{'])
        && image != "auto"
    {
        found.insert(format!("{hub}/{image}:{tag}"));
    }
    fields.values().for_each(|field| of_values(field, of, found));
}

/// Whether a container's image is named, and not left to be put in by somebody.
fn is_name(image: &str) -> bool {
    !image.is_empty() && image != "auto" && !image.contains([' ', '{'])
}

/// Whether a text is a whole reference to an image: with a registry, and a tag or a digest.
fn is_reference(text: &str) -> bool {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern =
            r"^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:\d+)?(/[a-z0-9._-]+)+(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$";
        Regex::new(pattern).expect("it is right")
    });
    REFERENCE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_names_an_image_is_read() {
        let text = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, annotations: {example.dev/proxyImage: "r.example/annotated:1"}}
spec:
  template:
    spec:
      initContainers: [{name: i, image: "r.example/init:1"}]
      containers:
        - {name: c, image: "istio/pilot:1", env: [{name: IMAGE, value: "r.example/env:1"}, {name: URL, value: "http://a.b/c:1"}]}
        - {name: later, image: auto}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: injector}
data:
  values: '{"global": {"hub": "r.example/istio", "tag": "1.20.0", "proxy": {"image": "proxyv2"}, "empty": {"image": ""}}}'
  config: "templates: {sidecar: 'image: {{ .Values.image }}'}"
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: b}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: alpine}]}}}}}
"#;
        assert_eq!(
            images_in_text(text).unwrap(),
            [
                "docker.io/istio/pilot:1",
                "docker.io/library/alpine",
                "r.example/annotated:1",
                "r.example/env:1",
                "r.example/init:1",
                "r.example/istio/proxyv2:1.20.0",
            ]
        );
    }

    #[test]
    fn what_is_no_manifest_is_told() {
        assert!(images_in_text("a: [").unwrap_err().contains("cannot be read"));
    }
}
