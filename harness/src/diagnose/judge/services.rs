//! Services that do not serve.

use std::sync::Arc;

use serde_json::Value;

use super::kind_of;
use crate::{
    cluster::Object,
    diagnose::{
        chain::selects,
        concern::Deed,
        evidence::Evidence,
        finding::{Finding, Unserved},
        pods,
    },
};

pub fn port_missing(evidence: &Evidence) -> Option<Finding> {
    evidence.concern.last()?.ports.iter().find_map(|wanted| {
        let service = evidence.of_kind("Service").find(|service| {
            service.name == wanted.service && wanted.namespace.as_ref().is_none_or(|space| *space == service.namespace)
        })?;
        let has = service.items("/spec/ports").iter().any(|port| {
            port["port"].as_u64() == Some(u64::from(wanted.port))
                && port["protocol"].as_str().unwrap_or("TCP") == wanted.protocol
        });
        let port = format!("{}/{}", wanted.port, wanted.protocol);
        (!has).then(|| Finding::PortMissing {
            namespace: service.namespace.clone(),
            service: service.name.clone(),
            port,
        })
    })
}

pub fn no_ready_endpoints(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let named = about.subject.as_ref().is_some_and(|subject| {
        about.deed != Deed::Absence && ["Service", "Endpoints", "EndpointSlice"].contains(&subject.kind.as_str())
    });
    // A request leads to services that are named in it, or by ways that are not seen to any of them; a program to those it speaks of.
    let asked = evidence
        .concern
        .last_action()
        .filter(|_| matches!(about.deed, Deed::Answer | Deed::Http | Deed::Exec | Deed::Run));
    if !named && asked.is_none() {
        return None;
    }
    let speaks_of = |service: &Object| {
        let said = [asked.map(|about| about.title.as_str()), evidence.symptom.seen.as_deref()];
        let words = |text: &'_ str| {
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == service.name)
        };
        said.into_iter().flatten().any(words)
    };
    let by_any_way = asked.is_some_and(|about| matches!(about.deed, Deed::Http | Deed::Exec));
    let spaces = evidence.concern.namespaces();
    let mut services: Vec<&Arc<Object>> = match named {
        true => evidence.of_kind("Service").collect(),
        false => evidence.objects.iter().filter(|object| kind_of(object) == "Service").collect(),
    };
    services.retain(|service| named || spaces.contains(&service.namespace) && (by_any_way || speaks_of(service)));
    services.sort_by_key(|service| !speaks_of(service));
    services.into_iter().filter(|service| evidence.looked("Pod", &service.namespace)).find_map(|service| {
        let has_selector = service.at("/spec/selector").is_some_and(Value::is_object);
        let pods: Vec<_> = evidence
            .objects
            .iter()
            .filter(|object| object.text("/kind") == Some("Pod") && object.namespace == service.namespace)
            .filter(|pod| selects(service, pod) && !pod.is_terminating())
            .collect();
        let is_ready =
            |pod: &&Arc<Object>| pods::condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True");
        let why = match pods.len() {
            _ if !has_selector || pods.iter().any(is_ready) => return None,
            0 => Unserved::NoPods,
            count => Unserved::NoReadyPods(count),
        };
        Some(Finding::NoReadyEndpoints { namespace: service.namespace.clone(), service: service.name.clone(), why })
    })
}

pub fn no_address(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let subject = about.subject.as_ref().filter(|subject| subject.kind == "Service")?;
    if !matches!(about.deed, Deed::State | Deed::Capture) {
        return None;
    }
    evidence.of_kind("Service").filter(|service| subject.includes(service)).find_map(|service| {
        let waits = service.text("/spec/type") == Some("LoadBalancer")
            && service.items("/status/loadBalancer/ingress").is_empty();
        waits.then(|| Finding::NoAddress { namespace: service.namespace.clone(), service: service.name.clone() })
    })
}
