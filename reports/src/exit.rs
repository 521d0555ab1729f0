//! What a run says to the shell. No other place in Meshproof names a number.

use crate::record::{Report, Summary};

/// Nothing failed, and something was proved: at least one case passed or failed as known.
pub const PASSED: u8 = 0;
/// At least one case failed or is flaky, or the cluster is not as it was before the run: the product is not as expected. It wins over [`ERRORED`], because a product that is known
/// to be broken must not hide behind a check that could not be made.
pub const FAILED: u8 = 1;
/// No case failed, but the run does not prove the product either: a case is errored, blocked or without a verdict;
/// there was a problem outside the cases; no case was selected, or all were skipped or not run. Also for a suite that is invalid, which
/// ends before there is a [`Report`]. Cases that were not run change nothing: no cluster of the run could prove them.
pub const ERRORED: u8 = 2;
/// A signal ended the run; whatever the cases say, they are not the whole of it.
pub const INTERRUPTED: u8 = 3;

/// The exit code of a run, from its cases themselves rather than their [`Summary`], which could be out of date.
///
/// The first that holds: [`INTERRUPTED`], [`FAILED`], [`ERRORED`], [`PASSED`].
#[must_use]
pub fn exit_code(report: &Report) -> u8 {
    let counts = Summary::of(&report.cases);
    if report.run.interrupted {
        INTERRUPTED
    } else if counts.failed + counts.flaky > 0 || !report.leftovers.is_empty() {
        FAILED
    } else if counts.errored > 0 || counts.pending > 0 || !beyond_cases(report).is_empty() {
        ERRORED
    } else {
        PASSED
    }
}

/// What a run says to a person; the same as what [`exit_code`] says to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// [`PASSED`].
    Passed,
    /// [`FAILED`].
    Failed,
    /// [`ERRORED`].
    Unproved,
    /// [`INTERRUPTED`].
    Interrupted,
}

impl Outcome {
    #[must_use]
    pub fn of(report: &Report) -> Self {
        match exit_code(report) {
            PASSED => Self::Passed,
            FAILED => Self::Failed,
            INTERRUPTED => Self::Interrupted,
            _ => Self::Unproved,
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unproved => "not proved",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why the run is not a success although no single case says so, each a sentence; the run's own problems first.
///
/// Every rendering shows these, so that none looks green when the exit code is not [`PASSED`].
pub(crate) fn beyond_cases(report: &Report) -> Vec<String> {
    let counts = Summary::of(&report.cases);
    let mut reasons = [report.problems.clone(), report.leftovers.clone()].concat();
    if report.run.interrupted {
        reasons.push("the run was interrupted".to_owned());
    }
    if report.cases.is_empty() {
        reasons.push("no case was selected: nothing was proved".to_owned());
    } else if counts.skipped == report.cases.len() {
        reasons.push("every case was skipped: nothing was proved".to_owned());
    } else if counts.not_run == report.cases.len() {
        reasons.push("no cluster of the run could prove any case: nothing was proved".to_owned());
    } else if counts.skipped + counts.not_run == report.cases.len() {
        reasons.push("every case was skipped or not run: nothing was proved".to_owned());
    } else if counts.blocked > 0 && counts.failed + counts.flaky + counts.errored + counts.pending == 0 {
        reasons.push("cases were blocked although no case failed or errored".to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        record::Verdict::{self, Blocked, Errored, Failed, Flaky, KnownFail, NotRun, Passed, Skipped},
        samples,
    };

    #[rstest]
    #[case::one_passed(&[Some(Passed)], PASSED)]
    #[case::passed_and_skipped(&[Some(Passed), Some(Skipped)], PASSED)]
    #[case::known_fail_alone(&[Some(KnownFail)], PASSED)]
    #[case::one_failed(&[Some(Passed), Some(Failed)], FAILED)]
    #[case::failed_wins_over_errored(&[Some(Errored), Some(Failed), Some(Blocked)], FAILED)]
    #[case::failed_wins_over_pending(&[Some(Failed), None], FAILED)]
    #[case::flaky_is_never_green(&[Some(Passed), Some(Flaky)], FAILED)]
    #[case::blocked_by_flaky(&[Some(Flaky), Some(Blocked)], FAILED)]
    #[case::some_not_run(&[Some(Passed), Some(NotRun)], PASSED)]
    #[case::failed_and_not_run(&[Some(Failed), Some(NotRun)], FAILED)]
    #[case::none_run(&[Some(NotRun), Some(NotRun)], ERRORED)]
    #[case::skipped_and_not_run(&[Some(Skipped), Some(NotRun)], ERRORED)]
    #[case::one_errored(&[Some(Passed), Some(Errored)], ERRORED)]
    #[case::blocked_by_nothing_red(&[Some(Passed), Some(Blocked)], ERRORED)]
    #[case::blocked_and_skipped(&[Some(Skipped), Some(Blocked)], ERRORED)]
    #[case::no_verdict(&[Some(Passed), None], ERRORED)]
    #[case::all_skipped(&[Some(Skipped), Some(Skipped)], ERRORED)]
    #[case::nothing_selected(&[], ERRORED)]
    fn code_of_verdicts(#[case] verdicts: &[Option<Verdict>], #[case] code: u8) {
        assert_eq!(exit_code(&samples::of_verdicts(verdicts)), code);
    }

    #[rstest]
    #[case::green_but_a_problem(Some(Passed), false, ERRORED)]
    #[case::red_and_a_problem(Some(Failed), false, FAILED)]
    #[case::interrupted_green(Some(Passed), true, INTERRUPTED)]
    #[case::interrupted_red(Some(Failed), true, INTERRUPTED)]
    fn code_beside_a_problem(#[case] verdict: Option<Verdict>, #[case] interrupted: bool, #[case] code: u8) {
        let mut report = samples::of_verdicts(&[verdict]);
        report.problems.push("the namespace was not removed".to_owned());
        report.run.interrupted = interrupted;
        assert_eq!(exit_code(&report), code);
    }

    #[test]
    fn a_stale_summary_changes_nothing() {
        let mut report = samples::of_verdicts(&[Some(Failed)]);
        report.summary = Summary { passed: 1, ..Summary::default() };
        assert_eq!(exit_code(&report), FAILED);
    }

    #[test]
    fn zero_exactly_when_all_is_well() {
        for report in samples::every_combination() {
            let counts = report.summary;
            let well = counts.failed + counts.flaky + counts.errored + counts.blocked + counts.pending == 0
                && report.problems.is_empty()
                && !report.run.interrupted
                && counts.passed + counts.known_fail > 0;
            assert_eq!(exit_code(&report) == PASSED, well, "{counts:?} {:?}", report.run);
        }
    }
}
