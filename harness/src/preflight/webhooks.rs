//! Webhooks that what the plan makes has to go through, and that nobody answers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, ListParams};
use serde_json::Value;

use super::Findings;
use crate::{
    cluster::{Cluster, Kind, Trouble, patiently},
    plan::Outlook,
};

const HINT: &str = "bring its server back, or remove the configuration if nobody needs it";

/// Asks for them as far as the account may: that it may not is no problem.
pub async fn ask(cluster: &Cluster, outlook: &Outlook<'_>) -> Findings {
    let mut findings = Findings::default();
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        let Ok(configurations) = list(cluster, kind).await else { continue };
        for configuration in configurations {
            judge(cluster, outlook, kind, &configuration, &mut findings).await;
        }
    }
    findings
}

async fn list(cluster: &Cluster, kind: &str) -> Result<Vec<Value>, Trouble> {
    let kind = Kind::built_in(kind).expect("it is in the table");
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &kind.resource);
    let listed = patiently(|| async { Ok(api.list(&ListParams::default()).await?) }).await?;
    Ok(listed.items.into_iter().filter_map(|object| serde_json::to_value(object).ok()).collect())
}

async fn judge(cluster: &Cluster, outlook: &Outlook<'_>, kind: &str, configuration: &Value, findings: &mut Findings) {
    let name = configuration["metadata"]["name"].as_str().unwrap_or_default();
    for webhook in configuration["webhooks"].as_array().into_iter().flatten() {
        let service = &webhook["clientConfig"]["service"];
        let (Some(namespace), Some(server)) = (service["namespace"].as_str(), service["name"].as_str()) else {
            continue;
        };
        let caught = caught(webhook, outlook);
        if webhook["failurePolicy"] == "Ignore" || caught.is_empty() || !is_absent(cluster, namespace, server).await {
            continue;
        }
        let what = format!(
            "the webhook {} of {kind} {name} has no server, for there is no Service {server} in {namespace}; through it have to go: {}",
            webhook["name"].as_str().unwrap_or_default(),
            caught.join(", ")
        );
        match is_of_all(webhook) {
            true => findings.problem(what, Some(HINT.to_owned())),
            // Whose it is depends on labels that objects will have.
            false => findings.note(format!("{what}, where its selectors take them"), Some(HINT.to_owned())),
        }
    }
}

/// The kinds of what the plan makes that the webhook is asked about.
fn caught(webhook: &Value, outlook: &Outlook<'_>) -> Vec<String> {
    let has = |rule: &Value, field: &str, wanted: &[&str]| {
        rule[field].as_array().into_iter().flatten().any(|one| one.as_str().is_some_and(|one| wanted.contains(&one)))
    };
    let mut kinds = BTreeSet::new();
    for thing in outlook.makes.keys() {
        let resource = &thing.resource;
        let is_asked = webhook["rules"].as_array().into_iter().flatten().any(|rule| {
            has(rule, "apiGroups", &[&resource.group, "*"])
                && has(rule, "resources", &[&resource.plural, "*", "*/*"])
                && has(rule, "operations", &["CREATE", "*"])
        });
        if is_asked {
            kinds.insert(resource.kind.clone());
        }
    }
    kinds.into_iter().collect()
}

fn is_of_all(webhook: &Value) -> bool {
    let is_empty = |field: &str| webhook[field].as_object().is_none_or(serde_json::Map::is_empty);
    is_empty("namespaceSelector") && is_empty("objectSelector") && webhook["matchConditions"].is_null()
}

async fn is_absent(cluster: &Cluster, namespace: &str, name: &str) -> bool {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), namespace);
    matches!(patiently(|| async { Ok(services.get_metadata_opt(name).await?) }).await, Ok(None))
}
