//! One case that two runs have.

use crate::{
    record::{CaseRecord, Verdict},
    repeated::repeated,
};

pub(super) enum Joined {
    As(Box<CaseRecord>),
    /// It passed in one and failed in the other.
    Contradiction,
}

pub(super) fn join(before: &CaseRecord, next: &CaseRecord, contradictions: bool) -> Joined {
    let told = match (judged(before.verdict), judged(next.verdict)) {
        (true, true) if !contradictions && contradict(before.verdict, next.verdict) => return Joined::Contradiction,
        (true, true) => repeated(before, next.clone()),
        (true, false) => before.clone(),
        (false, true) => next.clone(),
        (false, false) if weight(before.verdict) > weight(next.verdict) => before.clone(),
        (false, false) => next.clone(),
    };
    Joined::As(Box::new(told))
}

/// Whether it says something of the product.
fn judged(verdict: Option<Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Passed | Verdict::Failed | Verdict::KnownFail | Verdict::Flaky))
}

/// A case that is flaky in itself contradicts nothing.
fn contradict(a: Option<Verdict>, b: Option<Verdict>) -> bool {
    let flaky = Some(Verdict::Flaky);
    a != b && a != flaky && b != flaky
}

/// Of those that say nothing of the product: what asks for an answer comes before what does not.
fn weight(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Errored) => 4,
        Some(Verdict::Blocked) => 3,
        None => 2,
        Some(Verdict::Skipped) => 1,
        Some(_) => 0,
    }
}
