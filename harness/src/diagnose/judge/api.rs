//! What the API server and registries say.

use std::sync::OnceLock;

use regex::Regex;

use crate::{
    brief::brief,
    diagnose::{concern::Deed, evidence::Evidence, finding::Finding},
};

pub fn api_server_away(evidence: &Evidence) -> Option<Finding> {
    let reason = &evidence.symptom.reason;
    let words = ["the API server cannot be reached", "the API server was away", "the API server answered 5"];
    words.iter().any(|word| reason.contains(word)).then(|| Finding::ApiServerAway { detail: brief(reason) })
}

pub fn not_allowed(evidence: &Evidence) -> Option<Finding> {
    let reason = &evidence.symptom.reason;
    let place = reason.find("not allowed: ")?;
    evidence.symptom.errored.then(|| Finding::NotAllowed { detail: brief(&reason[place + "not allowed: ".len()..]) })
}

/// Denied, no room, read-only, quota: this machine's disk is no registry's matter.
const DISK: [&str; 4] = ["(os error 13)", "(os error 28)", "(os error 30)", "(os error 122)"];

pub fn artifact(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| about.deed == Deed::Pull)?;
    let artifact = about.title.clone();
    let reason = &evidence.symptom.reason;
    let told = reason.split_once(&format!("pull {artifact}: ")).map_or(reason.as_str(), |(_, told)| told);
    // The way out that comes last is for the reason; the finding says what is.
    let told = told.rsplit_once(" (").filter(|_| told.ends_with(')')).map_or(told, |(told, _)| told);
    let detail = brief(told);
    let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
    Some(match () {
        () if says(&["expected its manifest, the registry", "expected its repository", "expected the layer"]) => {
            Finding::ArtifactMissing { artifact, detail }
        }
        () if DISK.iter().any(|code| reason.contains(code)) => return None,
        () if !evidence.symptom.errored || says(&["with digest", " bytes of ", "complete archive"]) => {
            Finding::ArtifactDamaged { artifact, detail }
        }
        () => Finding::RegistryAway { artifact, detail },
    })
}

pub fn kind_not_served(evidence: &Evidence) -> Option<Finding> {
    let (_, kind) = evidence.symptom.reason.split_once("the cluster does not serve the kind ")?;
    Some(Finding::KindNotServed { kind: brief(kind) })
}

/// By admission, validation, or another owner of the same fields.
pub fn refused(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| about.deed == Deed::Change)?;
    let reason = &evidence.symptom.reason;
    let place = [": refused: ", ": conflict: "].iter().find_map(|word| Some(reason.find(word)? + word.len()))?;
    Some(Finding::Refused { what: about.title.clone(), detail: brief(&reason[place..]) })
}

pub fn webhook_without_server(evidence: &Evidence) -> Option<Finding> {
    static CALL: OnceLock<Regex> = OnceLock::new();
    let call = CALL.get_or_init(|| {
        Regex::new(r#"failed calling webhook "([^"]+)":? ?(?:failed to call webhook: )?(.*)"#).expect("it is right")
    });
    let found = evidence.messages().find_map(|message| call.captures(message))?;
    Some(Finding::WebhookWithoutServer { webhook: found[1].to_owned(), detail: brief(&found[2]) })
}

pub fn quota(evidence: &Evidence) -> Option<Finding> {
    let message = evidence.messages().find(|message| message.contains("exceeded quota: "))?;
    let (_, detail) = message.split_once("exceeded quota: ")?;
    let held = evidence.of_kind("ReplicaSet").next().map(|set| set.namespace.clone());
    let namespace = held.or_else(|| evidence.concern.namespaces().into_iter().next()).unwrap_or_default();
    Some(Finding::QuotaExceeded { namespace, detail: brief(detail) })
}
