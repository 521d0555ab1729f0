//! Which objects belong to what a case is about: owners up and down, services with their endpoints and pods.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    concern::{Concern, Deed},
    pods,
};
use crate::cluster::Object;

/// What the case is about, and everything that leads there, the nearest first.
pub fn relevant(concern: &Concern, objects: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let mut chosen = Chosen { objects, chosen: Vec::new() };
    for about in concern.latest_first() {
        let Some(subject) = &about.subject else { continue };
        chosen.add(|object| subject.includes(object));
        // Pods that are not there have makers that are.
        if subject.kind == "Pod" {
            chosen.add(|object| {
                let here = subject.namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace);
                here && match &subject.selector {
                    Some(selector) => template_labels(object).is_some_and(|labels| selector.matches(&labels)),
                    None => subject.names.is_empty() && is_held_up(object),
                }
            });
        }
    }
    // A program, a request, an answer: whatever does not run where they look.
    let last = concern.last().map(|about| about.deed);
    if matches!(last, Some(Deed::Run | Deed::Http | Deed::Answer | Deed::Exec)) {
        chosen.add(|object| pods::is_unwell(object) || is_held_up(object));
    }
    chosen.close();
    chosen.chosen
}

struct Chosen<'a> {
    objects: &'a [Arc<Object>],
    chosen: Vec<Arc<Object>>,
}

impl Chosen<'_> {
    fn add(&mut self, belongs: impl Fn(&Arc<Object>) -> bool) {
        for object in self.objects {
            if belongs(object) && !self.chosen.iter().any(|known| same(known, object)) {
                self.chosen.push(Arc::clone(object));
            }
        }
    }

    /// Follows every link until there is nothing new.
    fn close(&mut self) {
        let mut next = 0;
        while next < self.chosen.len() {
            let object = Arc::clone(&self.chosen[next]);
            self.add(|other| owns(other, &object) || owns(&object, other) || serves(&object, other));
            next += 1;
        }
    }
}

fn same(a: &Object, b: &Object) -> bool {
    (a.text("/kind"), &a.namespace, &a.name) == (b.text("/kind"), &b.namespace, &b.name)
}

/// Whether `owner` is one of those that made `object`.
fn owns(owner: &Object, object: &Object) -> bool {
    let uid = owner.at("/metadata/uid");
    uid.is_some() && object.items("/metadata/ownerReferences").iter().any(|reference| Some(&reference["uid"]) == uid)
}

/// Whether `other` is what the service leads to.
fn serves(service: &Object, other: &Object) -> bool {
    if service.text("/kind") != Some("Service") || service.namespace != other.namespace {
        return false;
    }
    match other.text("/kind") {
        Some("EndpointSlice") => other.labels.get("kubernetes.io/service-name") == Some(&service.name),
        Some("Pod") => selects(service, other),
        _ => false,
    }
}

/// Whether the service's selector takes the pod.
pub fn selects(service: &Object, pod: &Object) -> bool {
    let selector = service.at("/spec/selector").and_then(serde_json::Value::as_object);
    selector.is_some_and(|selector| {
        !selector.is_empty()
            && selector.iter().all(|(key, value)| pod.labels.get(key).map(String::as_str) == value.as_str())
    })
}

fn template_labels(object: &Object) -> Option<BTreeMap<String, String>> {
    serde_json::from_value(object.at("/spec/template/metadata/labels")?.clone()).ok()
}

/// Whether a workload has fewer pods than it asks for, or asks for none.
pub fn is_held_up(object: &Object) -> bool {
    match object.text("/kind") {
        Some("ReplicaSet") => {
            let wanted = object.number("/spec/replicas").unwrap_or(1);
            wanted > 0 && object.number("/status/readyReplicas").unwrap_or(0) < wanted
        }
        Some("Deployment" | "StatefulSet") => {
            let wanted = object.number("/spec/replicas").unwrap_or(1);
            wanted == 0 || object.number("/status/readyReplicas").unwrap_or(0) < wanted
        }
        _ => false,
    }
}
