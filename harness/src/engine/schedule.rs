//! Which case may begin: pure, so that it can be tested without any.

use meshproof_reports::Verdict;

use crate::plan::PlannedCase;

/// What is known of each case of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    Running,
    Ended(Verdict),
}

/// What follows for a case that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Something before it has not ended.
    Wait,
    Begin,
    /// The place of what it needs that did not pass.
    Blocked(usize),
}

/// Decides for the case at `index`, which waits.
pub fn next(cases: &[PlannedCase], states: &[State], index: usize) -> Next {
    let case = &cases[index];
    let mut wait = false;
    for need in &case.needs {
        match states[*need] {
            State::Ended(Verdict::Passed | Verdict::Skipped) => {}
            State::Ended(_) => return Next::Blocked(*need),
            State::Waiting | State::Running => wait = true,
        }
    }
    wait |= case.after.iter().any(|before| !matches!(states[*before], State::Ended(_)));
    if wait { Next::Wait } else { Next::Begin }
}
