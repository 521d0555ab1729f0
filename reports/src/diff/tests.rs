use jiff::civil::date;
use pulldown_cmark::{Event, Options, Parser};
use rstest::rstest;

use super::*;
use crate::{
    baseline::{Baseline, KnownFailure},
    record::Verdict::{Blocked, Errored, Failed, Flaky, KnownFail, NotRun, Passed, Skipped},
    samples,
    style::Style,
};

fn of(verdicts: &[Option<Verdict>]) -> Baseline {
    Baseline::of(&samples::of_verdicts(verdicts))
}

fn between(before: &Baseline, after: &Baseline) -> Diff {
    Diff::between(before, after, Slower::default(), date(2026, 11, 25))
}

fn known(case: &str, expires: Date) -> KnownFailure {
    KnownFailure { case: case.to_owned(), issue: "MESH-1".to_owned(), expires }
}

#[rstest]
#[case::fails_now(Some(Passed), Some(Failed), "newlyFailing", true)]
#[case::flaky_now(Some(Passed), Some(Flaky), "newlyFailing", true)]
#[case::not_checked_now(Some(KnownFail), Some(Errored), "newlyFailing", true)]
#[case::no_verdict_now(Some(Passed), None, "newlyFailing", true)]
#[case::failed_as_soon_as_it_was_run(Some(Skipped), Some(Failed), "newlyFailing", true)]
#[case::blocked_now(Some(Passed), Some(Blocked), "newlyBlocked", true)]
#[case::passes_now(Some(Failed), Some(Passed), "newlyPassing", false)]
#[case::still_fails(Some(Failed), Some(Errored), "stillFailing", false)]
#[case::skipped_now(Some(Passed), Some(Skipped), "noLongerProved", false)]
#[case::not_run_now(Some(Passed), Some(NotRun), "noLongerProved", false)]
#[case::as_before(Some(Passed), Some(Passed), "", false)]
#[case::never_proved(Some(Skipped), Some(NotRun), "", false)]
fn a_case_is_in_one_list(
    #[case] before: Option<Verdict>,
    #[case] after: Option<Verdict>,
    #[case] list: &str,
    #[case] regressed: bool,
) {
    // A case that passes in both, so that nothing beyond the cases is wrong.
    let diff = between(&of(&[before, Some(Passed)]), &of(&[after, Some(Passed)]));
    let json: serde_json::Value = serde_json::from_str(&diff.to_json()).expect("it is JSON");
    for name in ["newlyFailing", "newlyBlocked", "newlyPassing", "noLongerProved", "stillFailing"] {
        assert_eq!(json[name].as_array().map(Vec::len), Some(usize::from(name == list)), "{name} {json:#}");
    }
    // A run with no red case but blocked ones has a problem beyond its cases; that is a regression too.
    assert_eq!(diff.regressed, regressed, "{json:#}");
}

#[rstest]
#[case::until_then(date(2026, 11, 25), Some(Failed), KnownState::Fails, false)]
#[case::expired(date(2026, 11, 24), Some(Failed), KnownState::Expired, true)]
#[case::mended(date(2026, 11, 24), Some(Passed), KnownState::Passes, false)]
fn known_failures(
    #[case] expires: Date,
    #[case] verdict: Option<Verdict>,
    #[case] state: KnownState,
    #[case] regressed: bool,
) {
    for before in [Some(Passed), Some(Failed)] {
        let mut before = of(&[before, Some(Passed)]);
        before.known_failures.push(known("any/case-0", expires));
        let diff = between(&before, &of(&[verdict, Some(Passed)]));
        assert_eq!(diff.known_failures.iter().map(|known| known.state).collect::<Vec<_>>(), [state]);
        assert_eq!((diff.regressed, diff.exit_code()), (regressed, if regressed { FAILED } else { PASSED }));
        assert!(diff.newly_failing.is_empty() && diff.still_failing.is_empty(), "it is told once");
    }
}

#[rstest]
#[case::twice_but_by_little(1_000, 2_000, false)]
#[case::by_much_but_not_twice(60_000, 70_000, false)]
#[case::both(4_000, 9_000, true)]
#[case::from_nothing(0, 5_000, true)]
fn slower_by_a_ratio_and_a_floor(#[case] before_ms: u64, #[case] after_ms: u64, #[case] slower: bool) {
    let (mut before, mut after) = (of(&[Some(Passed)]), of(&[Some(Passed)]));
    before.cases[0].ms = before_ms;
    after.cases[0].ms = after_ms;
    let diff = between(&before, &after);
    assert_eq!(diff.slower.len(), usize::from(slower));
    assert!(!diff.regressed, "machines differ: it is told and no more");
}

/// Everything that a difference can tell.
fn all_of_it() -> Diff {
    let mut before = Baseline::of(&samples::mixed());
    before.known_failures = vec![known("ingress/answers", date(2026, 11, 1)), known("traffic/shift", date(2027, 1, 1))];
    before.run.problems.clear();
    let mut report = samples::mixed();
    report.suite.digest = "sha256:other".to_owned();
    report.suite.variables.insert("istioVersion".to_owned(), "1.23.0".into());
    let cluster = report.cells[0].cluster.as_mut().expect("it has one");
    cluster.kubernetes_version = "v1.29.1".to_owned();
    cluster.images[0].digest = "sha256:other".to_owned();
    report.cases[0].verdict = Some(Failed);
    report.cases[0].reason = Some("製品 | <b>\u{1b}[31m failed @team".to_owned());
    report.cases[1].verdict = Some(Passed);
    report.cases[10].duration_ms = 60_000;
    report.cases[10].verdict = Some(Passed);
    report.cases[9].verdict = Some(Skipped);
    report.cases[3].id = "bookinfo/renamed".to_owned();
    between(&before, &Baseline::of(&report))
}

#[test]
fn drawn() {
    let diff = all_of_it();
    insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("diff.txt", diff.to_terminal(Style::default()));
        insta::assert_snapshot!("diff.md", diff.to_markdown());
        insta::assert_snapshot!("diff.json", diff.to_json());
    });
    assert!(!diff.to_markdown().contains('\u{1b}') && !diff.to_terminal(Style::default()).contains('\u{1b}'));
    let html = |event: Event<'_>| matches!(event, Event::InlineHtml(html) | Event::Html(html) if html.contains("<b>"));
    assert!(!Parser::new_ext(&diff.to_markdown(), Options::ENABLE_TABLES).any(html));
}

#[test]
fn nothing_changed() {
    let report = Baseline::of(&samples::matrix());
    let diff = between(&report, &report);
    assert!(!diff.regressed && diff.versions.is_empty() && diff.images.is_empty());
    assert!(diff.to_terminal(Style::default()).ends_with("\nno regression\n"));
    assert!(diff.to_markdown().starts_with("## ✅ no regression: nks-istio\n"));
}

#[test]
fn a_run_is_called_otherwise_each_time() {
    let mut report = samples::mixed();
    report.suite.variables.insert("namespace".to_owned(), "proof-mp-7f3a".into());
    let before = Baseline::of(&report);
    report.run.id = "mp-1111".to_owned();
    report.suite.variables.insert("namespace".to_owned(), "proof-mp-1111".into());
    assert_eq!(between(&before, &Baseline::of(&report)).versions, []);
}

#[test]
fn of_10_000_cases_it_still_fits_a_comment() {
    let before = Baseline::of(&samples::many());
    let mut report = samples::many();
    for case in &mut report.cases {
        case.verdict = Some(Failed);
        case.reason = Some("a reason that is told at length, ".repeat(30));
    }
    let text = between(&before, &Baseline::of(&report)).to_markdown();
    assert!(text.chars().count() < 65_536, "{}", text.chars().count());
}
