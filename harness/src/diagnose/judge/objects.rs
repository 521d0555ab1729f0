//! Objects that are lacking, otherwise, or still there.

use serde_json::Value;

use super::kind_of;
use crate::diagnose::{concern::Deed, evidence::Evidence, finding::Finding};

pub fn label_absent(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let subject = about.subject.as_ref()?;
    evidence.relevant.iter().filter(|object| subject.includes(object)).find_map(|object| {
        let (label, wanted) = about.labels.iter().find(|(label, wanted)| object.labels.get(*label) != Some(wanted))?;
        Some(Finding::LabelAbsent {
            namespace: object.namespace.clone(),
            object: format!("{} {}", subject.kind, object.name),
            label: label.clone(),
            wanted: wanted.clone(),
            seen: object.labels.get(label).cloned(),
        })
    })
}

pub fn object_missing(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last()?;
    let subject = about.subject.as_ref()?;
    if !matches!(about.deed, Deed::State | Deed::Capture | Deed::Exec | Deed::Change) {
        return None;
    }
    let namespace = subject.namespace.clone().unwrap_or_default();
    // Only what was looked for can be missing.
    if !evidence.looked(&subject.kind, &namespace) {
        return None;
    }
    let missing = |name: &&String| !evidence.relevant.iter().any(|o| subject.includes(o) && o.name == **name);
    let name = subject.names.iter().find(missing)?.clone();
    let referrer = evidence.broken.iter().find(|broken| broken.kind == subject.kind && broken.name == name);
    let referrer = referrer.map(|broken| format!("{} {}", kind_of(&broken.from), broken.from.name));
    Some(Finding::ObjectMissing { namespace, kind: subject.kind.clone(), name, referrer })
}

pub fn reference_broken(evidence: &Evidence) -> Option<Finding> {
    let broken = evidence.broken.first()?;
    Some(Finding::ReferenceBroken {
        namespace: broken.from.namespace.clone(),
        from: format!("{} {}", kind_of(&broken.from), broken.from.name),
        field: broken.field.clone(),
        kind: broken.kind.clone(),
        name: broken.name.clone(),
        where_: broken.namespace.clone(),
    })
}

pub fn still_there(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| matches!(about.deed, Deed::Absence | Deed::Change))?;
    let subject = about.subject.as_ref()?;
    let object = evidence
        .relevant
        .iter()
        .find(|object| subject.includes(object) && (about.deed == Deed::Absence || object.is_terminating()))?;
    let finalizers = object.items("/metadata/finalizers").iter().chain(object.items("/spec/finalizers"));
    let held_by = match object.is_terminating() {
        true => finalizers.filter_map(Value::as_str).map(str::to_owned).collect(),
        false => Vec::new(),
    };
    let named = format!("{} {}", subject.kind, object.name);
    Some(Finding::StillThere { namespace: object.namespace.clone(), object: named, held_by })
}
