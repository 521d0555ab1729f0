//! Why a case did not pass: evidence collected at once, and what it says of the cause.
//!
//! Collecting is at the edge and bounded, in time and size ([`collect`]). Everything else is pure: what belongs together ([`chain`]),
//! the cause ([`judge`]), and how both are told ([`show`]).

mod chain;
mod collect;
mod commands;
mod concern;
mod evidence;
mod extra;
mod finding;
mod judge;
mod pods;
mod references;
mod show;

pub use concern::Concern;
pub use evidence::Symptom;
pub use extra::Collect;
pub use finding::Finding;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use meshproof_reports::Diagnosis;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{engine::Context, yaml::Node};

/// So long collecting may take for a case, whatever it meets.
pub const BOUND: Duration = Duration::from_secs(5);
/// Of so many cases evidence is collected: nobody reads more, and each costs the API server a dozen requests.
const MOST: usize = 100;
/// So many cases may collect at a time.
const AT_ONCE: usize = 4;

/// What a run may still collect.
pub struct Budget {
    places: Semaphore,
    left: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), left: AtomicUsize::new(MOST) }
    }
}

/// Collects and judges, at most until the context's deadline. `more` is what the suite wants to be collected besides, its expressions
/// filled; `None` once the run is ended or enough was collected.
pub async fn diagnose(
    context: &Context<'_>,
    budget: &Budget,
    concern: Concern,
    symptom: Symptom,
    more: Vec<Result<Node, String>>,
) -> Option<Diagnosis> {
    let started = Instant::now();
    let collecting = async {
        // One that waits for its place in vain collects nothing; what it says of itself is judged all the same.
        let place = timeout_at(context.deadline, budget.places.acquire()).await;
        if place.is_ok() {
            collect::collect(context, concern.clone(), symptom.clone(), more).await
        } else {
            let lacking = vec!["everything: other cases took the time for collecting".to_owned()];
            evidence::Evidence { lacking, ..evidence::Evidence::of(concern.clone(), symptom.clone()) }
        }
    };
    budget.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok()?;
    let evidence = tokio::select! {
        evidence = collecting => evidence,
        () = context.cancel.cancelled() => return None,
    };
    let finding = judge::judge(&evidence);
    let mut diagnosis = show::diagnosis(context, &evidence, &finding);
    diagnosis.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Some(diagnosis)
}

#[cfg(test)]
mod tests;
