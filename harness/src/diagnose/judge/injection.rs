//! Containers that a webhook would have added.

use serde_json::Value;

use crate::{
    cluster::Object,
    diagnose::{evidence::Evidence, finding::Finding},
};

/// A pod that lacks containers which a webhook would have added, had the namespace the label that it asks for.
pub fn not_injected(evidence: &Evidence) -> Option<Finding> {
    let wanted = evidence.concern.last()?.containers?;
    let pod =
        evidence.of_kind("Pod").find(|pod| !pod.is_terminating() && pod.items("/spec/containers").len() < wanted)?;
    let namespace = evidence.find("Namespace", "", &pod.namespace)?;
    let configurations =
        evidence.objects.iter().filter(|object| object.text("/kind") == Some("MutatingWebhookConfiguration"));
    configurations.into_iter().find_map(|configuration| {
        let hooks = configuration.items("/webhooks").iter().filter(|hook| takes_pods(hook));
        let lacking: Vec<String> = hooks.filter_map(|hook| unmet(&hook["namespaceSelector"], namespace)).collect();
        let (first, others) = lacking.split_first()?;
        let mut label = format!("the label {first}");
        for other in others.iter().filter(|other| *other != first) {
            if !label.contains(other.as_str()) {
                label.push_str(&format!(" or {other}"));
            }
        }
        Some(Finding::NotInjected {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            webhook: configuration.name.clone(),
            label,
        })
    })
}

fn takes_pods(hook: &Value) -> bool {
    let rules = hook["rules"].as_array().map_or(&[][..], Vec::as_slice);
    let holds = |rule: &Value, list: &str, word: &str| {
        rule[list].as_array().is_some_and(|items| items.iter().any(|item| item == word || item == "*"))
    };
    rules.iter().any(|rule| holds(rule, "resources", "pods") && holds(rule, "operations", "CREATE"))
}

/// The first label that the selector asks for and the object does not have, as `key=value`.
fn unmet(selector: &Value, object: &Object) -> Option<String> {
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let exact = exact.map(|(key, value)| (key.as_str(), vec![value.as_str().unwrap_or_default()]));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let listed = expressions.filter(|expression| expression["operator"] == "In").filter_map(|expression| {
        let values = expression["values"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some((expression["key"].as_str()?, values))
    });
    exact.chain(listed).find_map(|(key, values): (&str, Vec<&str>)| {
        let has = object.labels.get(key).is_some_and(|value| values.contains(&value.as_str()));
        (!has).then(|| format!("{key}={}", values.first().copied().unwrap_or_default()))
    })
}
