//! A case that ran several times, told as one.

use crate::record::{
    CaseRecord, CaseRun,
    Verdict::{self, Blocked, Errored, Failed, Flaky, KnownFail, NotRun, Passed, Skipped},
};

/// The record of a case that has run once more. Both `before` and `next` may themselves be of several runs.
///
/// What is told of the case (expected, seen, steps, timeline) is that of the run that decided its verdict, so that the one
/// failure of a hundred runs is the one that is shown.
#[must_use]
pub fn repeated(before: &CaseRecord, next: CaseRecord) -> CaseRecord {
    let earlier = history(before);
    let runs = [earlier.clone(), history(&next)].concat();
    let verdict = decide(&runs);
    let decides = |of: Option<Verdict>| of == verdict || (verdict == Some(Flaky) && of == Some(Failed));
    let first = runs.iter().position(|run| decides(run.verdict));
    let told = if first.is_some_and(|first| first >= earlier.len()) { next } else { before.clone() };
    let reason = match verdict {
        Some(Passed) | None => told.reason.clone(),
        _ => Some(reason(&runs, first)),
    };
    CaseRecord { verdict, reason, runs, ..told }
}

fn history(case: &CaseRecord) -> Vec<CaseRun> {
    if !case.runs.is_empty() {
        return case.runs.clone();
    }
    vec![CaseRun {
        verdict: case.verdict,
        reason: case.reason.clone(),
        started_at: case.started_at.clone(),
        duration_ms: case.duration_ms,
    }]
}

/// One failure among passes is flaky, and so is a failure that is known but does not always come. Otherwise the worst.
fn decide(runs: &[CaseRun]) -> Option<Verdict> {
    let has = |verdict| runs.iter().any(|run| run.verdict == Some(verdict));
    let failed = has(Failed);
    match () {
        () if failed && (has(Passed) || has(KnownFail)) => Some(Flaky),
        () if has(Passed) && has(KnownFail) => Some(Flaky),
        () => [Failed, Errored, Blocked, KnownFail, Passed, Skipped, NotRun].into_iter().find(|verdict| has(*verdict)),
    }
}

/// `failed in 2 of 5 runs: …`. Where only some runs have the verdict, it says in how many.
fn reason(runs: &[CaseRun], first: Option<usize>) -> String {
    let Some(decisive) = first.and_then(|first| runs.get(first)) else { return String::new() };
    let count = runs.iter().filter(|run| run.verdict == decisive.verdict).count();
    let told = decisive.reason.as_deref().unwrap_or("no reason was given");
    let word = decisive.verdict.map_or("pending", Verdict::word);
    if count == runs.len() { told.to_owned() } else { format!("{word} in {count} of {} runs: {told}", runs.len()) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::samples;

    fn told(verdicts: &[Verdict]) -> CaseRecord {
        let mut cases = verdicts.iter().enumerate().map(|(n, verdict)| CaseRecord {
            reason: (*verdict != Passed).then(|| format!("reason {n}")),
            seen: Some(format!("seen {n}")),
            ..samples::case("any/case", Some(*verdict))
        });
        let first = cases.next().expect("it ran once");
        cases.fold(first, |before, next| repeated(&before, next))
    }

    #[rstest]
    #[case::once(&[Failed], Failed, Some("reason 0"), "seen 0")]
    #[case::always_passed(&[Passed, Passed], Passed, None, "seen 0")]
    #[case::always_failed(&[Failed, Failed], Failed, Some("reason 0"), "seen 0")]
    #[case::failed_last(&[Passed, Passed, Failed], Flaky, Some("failed in 1 of 3 runs: reason 2"), "seen 2")]
    #[case::failed_first(&[Failed, Passed, Failed], Flaky, Some("failed in 2 of 3 runs: reason 0"), "seen 0")]
    #[case::errored_once(&[Passed, Errored, Passed], Errored, Some("errored in 1 of 3 runs: reason 1"), "seen 1")]
    #[case::failed_wins(&[Errored, Failed], Failed, Some("failed in 1 of 2 runs: reason 1"), "seen 1")]
    #[case::known_but_not_always(&[KnownFail, Failed], Flaky, Some("failed in 1 of 2 runs: reason 1"), "seen 1")]
    #[case::ended_before(&[Passed, Skipped], Passed, None, "seen 0")]
    #[case::blocked_once(&[Passed, Blocked], Blocked, Some("blocked in 1 of 2 runs: reason 1"), "seen 1")]
    fn runs_are_told_as_one(
        #[case] verdicts: &[Verdict],
        #[case] verdict: Verdict,
        #[case] reason: Option<&str>,
        #[case] seen: &str,
    ) {
        let case = told(verdicts);
        assert_eq!((case.verdict, case.reason.as_deref()), (Some(verdict), reason));
        assert_eq!(case.seen.as_deref(), Some(seen));
        let runs: Vec<_> = case.runs.iter().filter_map(|run| run.verdict).collect();
        assert_eq!(runs, if verdicts.len() == 1 { &[] } else { verdicts });
    }

    #[test]
    fn runs_of_both_are_told() {
        let case = repeated(&told(&[Passed, Passed]), told(&[Passed, Failed]));
        assert_eq!((case.verdict, case.seen.as_deref(), case.runs.len()), (Some(Flaky), Some("seen 1"), 4));
        assert_eq!(case.reason.as_deref(), Some("failed in 1 of 4 runs: reason 1"));
    }

    #[test]
    fn a_case_that_both_passed_and_failed_is_never_green() {
        const ALL: [Verdict; 7] = [Passed, Failed, Errored, Blocked, Skipped, KnownFail, NotRun];
        for each in ALL.into_iter().flat_map(|a| ALL.into_iter().flat_map(move |b| ALL.map(|c| [a, b, c]))) {
            let case = told(&each);
            let red = each.iter().any(|verdict| matches!(verdict, Failed | Errored | Blocked));
            let both = each.contains(&Passed) && each.contains(&KnownFail);
            let green = matches!(case.verdict, Some(Passed | KnownFail | Skipped | NotRun));
            assert_eq!(!green, red || both, "{each:?}");
        }
    }
}
