use rstest::rstest;

use super::*;
use crate::{
    ERRORED, FAILED, INTERRUPTED, PASSED, exit_code,
    record::Verdict::{self, Blocked, Errored, Failed, Flaky, KnownFail, NotRun, Passed, Skipped},
    samples,
};

fn part(id: &str, mut report: Report) -> Part {
    report.run.id = id.to_owned();
    report.run.started_at = format!("2026-11-23T09:00:0{}Z", id.len());
    Part { from: format!("runs/{id}"), report }
}

fn of(id: &str, verdicts: &[Option<Verdict>]) -> Part {
    part(id, samples::of_verdicts(verdicts))
}

fn merged(parts: &[Part]) -> Report {
    merge(parts.to_vec(), Allowed::default()).expect("they belong together")
}

fn refused(parts: &[Part]) -> String {
    merge(parts.to_vec(), Allowed::default()).expect_err("they do not belong together").to_string()
}

/// A run without a matrix on a cluster of this version.
fn on(id: &str, version: &str, verdict: Verdict) -> Part {
    let mut part = of(id, &[Some(verdict)]);
    part.report.cells[0].cluster.as_mut().expect("it has one").kubernetes_version = version.to_owned();
    part.report.suite.variables.insert("namespace".to_owned(), format!("proof-{id}").into());
    part.report.refresh();
    part
}

#[rstest]
#[case::a_shard_that_was_killed(None, Some(Passed), Some(Passed))]
#[case::a_cell_that_could_not_be_run_there(Some(NotRun), Some(Passed), Some(Passed))]
#[case::what_could_not_be_checked_before(Some(Errored), Some(Failed), Some(Failed))]
#[case::skipped_there(Some(KnownFail), Some(Skipped), Some(KnownFail))]
#[case::blocked_is_not_forgotten(Some(Blocked), Some(NotRun), Some(Blocked))]
#[case::pending_is_not_forgotten(None, Some(NotRun), None)]
#[case::flaky_stays(Some(Flaky), Some(Passed), Some(Flaky))]
fn the_verdict_that_says_most(
    #[case] one: Option<Verdict>,
    #[case] other: Option<Verdict>,
    #[case] expected: Option<Verdict>,
) {
    let with_runs = |id, verdict| {
        let mut part = of(id, &[verdict]);
        if verdict == Some(Flaky) {
            let (passed, failed) =
                (samples::case("any/case-0", Some(Passed)), samples::case("any/case-0", Some(Failed)));
            part.report.cases[0] = crate::repeated(&passed, failed);
        }
        part
    };
    let parts = [with_runs("a", one), with_runs("bb", other)];
    let report = merged(&parts);
    assert_eq!(report.cases[0].verdict, expected);
    let [a, b] = parts;
    assert_eq!(merged(&[b, a]), report, "whatever the order");
}

#[test]
fn what_was_proved_twice_has_both_runs() {
    let report = merged(&[of("a", &[Some(Passed)]), of("bb", &[Some(Passed)])]);
    assert_eq!(report.cases[0].runs.len(), 2);
    assert_eq!(report.run.merged_from.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["a", "bb"]);
    assert_eq!(exit_code(&report), PASSED);
}

#[test]
fn contradictions_are_refused_or_flaky() {
    let parts = [of("a", &[Some(Passed), Some(Passed)]), of("bb", &[Some(Passed), Some(Failed)])];
    assert_eq!(
        refused(&parts),
        "merge: what was proved contradicts itself: any/case-1; look at why, leave one of the runs out, or have such cases \
         told as flaky with --allow contradictions"
    );
    let allowed = Allowed { contradictions: true, ..Allowed::default() };
    let report = merge(parts.to_vec(), allowed).expect("it is allowed");
    assert_eq!(report.cases[1].verdict, Some(Flaky));
    assert_eq!(exit_code(&report), FAILED);
}

#[test]
fn runs_on_different_clusters_become_cells() {
    let parts = [on("ccc", "v1.28.15", Passed), on("a", "v1.9.3", Failed), on("bb", "v1.27.4", Passed)];
    let report = merged(&parts);
    let cells: Vec<_> = report.cells.iter().map(|cell| (cell.name.as_str(), cell.summary.passed)).collect();
    assert_eq!(cells, [("kubernetes=1.9", 0), ("kubernetes=1.27", 1), ("kubernetes=1.28", 1)]);
    assert_eq!(report.cases[0].id, "kubernetes=1.9:any/case-0");
    assert_eq!(report.cases[0].own_id(), "any/case-0");
    assert_eq!(report.suite.variables.get("namespace"), None, "what differs is no variable of all");
}

#[test]
fn the_cells_of_a_matrix_and_a_run_without_one() {
    let mut alone = on("a", "v1.27.4", Passed);
    alone.report.suite.variables.insert("install".to_owned(), "istioctl".into());
    let report = merged(&[alone.clone(), part("bb", samples::matrix())]);
    let cells: Vec<_> = report.cells.iter().map(|cell| (cell.name.as_str(), cell.not_run.is_some())).collect();
    let names =
        ["kubernetes=1.27,install=istioctl", "kubernetes=1.28,install=istioctl", "kubernetes=1.28,install=manifest"];
    assert_eq!(cells, names.map(|name| (name, false)), "what could not be run there was proved here");
    alone.report.suite.variables.shift_remove("install");
    assert_eq!(
        refused(&[alone, part("bb", samples::matrix())]),
        "merge runs/a: its run has no value for install, by which the cells of the others differ"
    );
}

#[test]
fn an_interruption_is_made_good_only_by_what_proves_the_rest() {
    let interrupted = part("a", samples::interrupted());
    let mut rest = part("bb", samples::interrupted());
    rest.report.run.interrupted = false;
    let before = merged(&[interrupted.clone(), rest.clone()]);
    assert_eq!((exit_code(&before), &before.run.finished_at), (INTERRUPTED, &None));
    rest.report.cases[1..].iter_mut().for_each(|case| case.verdict = Some(Passed));
    assert_eq!(exit_code(&merged(&[interrupted, rest])), PASSED);
}

#[test]
fn a_problem_of_any_run_stays() {
    let mut one = of("a", &[Some(Passed)]);
    one.report.problems.push("the namespace stayed".to_owned());
    let report = merged(&[one, of("bb", &[Some(Passed)])]);
    assert_eq!(report.problems, ["run a: the namespace stayed"]);
    assert_eq!(exit_code(&report), ERRORED);
}

#[test]
fn one_simulated_run_makes_a_cell_simulated() {
    let mut one = of("a", &[Some(Passed)]);
    one.report.cells[0].cluster.as_mut().expect("it has one").simulated = true;
    let report = merged(&[one, of("bb", &[Some(Passed)])]);
    assert!(report.cluster.expect("it has one").simulated);
}

#[test]
fn what_does_not_belong_together() {
    let mut other = of("bb", &[Some(Passed)]);
    other.report.suite.digest = "sha256:other".to_owned();
    let parts = [of("a", &[Some(Passed)]), other.clone()];
    let error = refused(&parts);
    assert!(
        error.starts_with(
            "merge runs/bb: its suite's files are not those of runs/a (sha256:other, expected sha256:0123"
        ),
        "{error}"
    );
    let allowed = Allowed { other_suite: true, ..Allowed::default() };
    let report = merge(parts.to_vec(), allowed).expect("it is allowed");
    assert_eq!(report.run.merged_from[1].suite_digest, "sha256:other", "and still told");
    assert!(merge(vec![part("ccc", report), other.clone()], allowed).is_err(), "a run counts once");

    other.report.suite.name = "another".to_owned();
    assert_eq!(
        refused(&[of("a", &[]), other]),
        "merge runs/bb: it is of the suite another, and runs/a is of the suite nks-istio"
    );
    assert_eq!(
        refused(&[of("a", &[]), of("a", &[])]),
        "merge runs/a: the run a is already part of runs/a; name it once"
    );
    assert_eq!(refused(&[]), "merge: no report is named");
}

#[test]
fn shards_of_one_cell_are_put_together_in_the_plans_order() {
    let whole = samples::of_verdicts(&[Some(Passed); 4]);
    let shard = |id: &str, keep: fn(usize) -> bool| {
        let mut part = part(id, whole.clone());
        for (n, case) in part.report.cases.iter_mut().enumerate() {
            case.place.line = n + 1;
        }
        let mut n = 0;
        part.report.cases.retain(|_| (keep(n), n += 1).0);
        part.report.run.shard = Some(format!("{}/2", id.len()));
        part
    };
    let report = merged(&[shard("a", |n| n % 2 == 1), shard("bb", |n| n % 2 == 0)]);
    let ids: Vec<_> = report.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["any/case-0", "any/case-1", "any/case-2", "any/case-3"]);
    assert_eq!(report.run.merged_from[1].shard.as_deref(), Some("2/2"));
}
