//! Expectations of what is in registries: each is asked once, and again only where it asks for that.

use std::time::Duration;

use super::{context::Context, converge::Converged};
use crate::{
    expectation::{Mismatch, StoredVerdict, Wanted, judge_stored, look_at_stored},
    images::Lock,
    signature::Prover,
};

/// So many sentences are told; there may be hundreds.
const TOLD: usize = 20;

/// Looks at all that is wanted, until the context's deadline; `within` is how long that is, as the author wrote it.
pub async fn inquire(context: &Context<'_>, wanted: &Wanted<'_>, within: Duration) -> Converged {
    let output = context.gained.as_ref().map(|gained| gained.stdout.as_str());
    let items = match wanted.items(output) {
        Ok(items) => items,
        Err(reason) => {
            let mismatch = Mismatch { expected: "manifests that name images".to_owned(), seen: reason };
            return Converged::Unmet { mismatch, reason: None };
        }
    };
    let lock = match wanted.lock.map(|path| Lock::read(&context.resolve(path))).transpose() {
        Ok(lock) => lock,
        Err(error) => return Converged::Unseen(error.to_string()),
    };
    let prover = match wanted.signature.map(|signature| Prover::new(signature, context.directory)).transpose() {
        Ok(prover) => prover,
        Err(error) => return Converged::Unseen(format!("{error}; {}", error.hint())),
    };
    let registries = &context.cluster.registries;
    let before = registries.contacts().total();
    let sights = tokio::select! {
        sights = look_at_stored(registries, &items, wanted, prover.as_ref(), context.deadline, within) => sights,
        () = context.cancel.cancelled() => return Converged::Interrupted,
    };
    let after = registries.contacts().total();
    match judge_stored(wanted, &items, &sights, lock.as_ref()) {
        StoredVerdict::Met { seen } => {
            // Others may have asked at the same time; the sum over a run is right.
            let (requests, bytes) = (after.requests - before.requests, after.bytes - before.bytes);
            Converged::Met { seen: format!("{seen}; {requests} requests, {bytes} bytes") }
        }
        StoredVerdict::Unmet { flaws, troubles } => {
            let mut told = listed(&flaws);
            if !troubles.is_empty() {
                told.push_str(&format!("; and could not be looked at: {}", listed(&troubles)));
            }
            let mismatch = Mismatch { expected: wanted.describe(), seen: told.clone() };
            Converged::Unmet { mismatch, reason: Some(told) }
        }
        StoredVerdict::Unseen { troubles } => Converged::Unseen(listed(&troubles)),
    }
}

fn listed(sentences: &[String]) -> String {
    let mut told = sentences.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    if sentences.len() > TOLD {
        told.push_str(&format!("; and {} more", sentences.len() - TOLD));
    }
    told
}
