//! From evidence to the most likely cause: rules in order, the first that fits counts. What keeps everything else from working comes
//! first, what is only a sign of something else last.

mod answers;
mod api;
mod injection;
mod objects;
mod services;
mod workloads;

use super::{evidence::Evidence, finding::Finding};
use crate::{brief::brief, cluster::Object};

type Rule = fn(&Evidence) -> Option<Finding>;

const RULES: &[Rule] = &[
    api::api_server_away,
    api::not_allowed,
    api::artifact,
    api::kind_not_served,
    answers::wrong_content,
    api::webhook_without_server,
    api::quota,
    api::refused,
    workloads::image,
    workloads::container_not_created,
    workloads::crash,
    workloads::unschedulable,
    workloads::node_not_ready,
    workloads::pods_refused,
    workloads::scaled_to_zero,
    objects::label_absent,
    injection::not_injected,
    objects::object_missing,
    objects::reference_broken,
    services::port_missing,
    workloads::not_ready,
    services::no_ready_endpoints,
    services::no_address,
    objects::still_there,
    answers::program_says,
    answers::not_as_expected,
];

/// The most likely cause.
pub fn judge(evidence: &Evidence) -> Finding {
    let found = RULES.iter().find_map(|rule| rule(evidence));
    found.unwrap_or_else(|| Finding::Unknown { reason: brief(&evidence.symptom.reason) })
}

fn kind_of(object: &Object) -> &str {
    object.text("/kind").unwrap_or_default()
}
