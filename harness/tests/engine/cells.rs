//! Runs of several cells on several clusters.

use std::path::Path;

use clap::Parser;
use meshproof::command::{Cli, Command, Ran, execute_plan, prepare};
use meshproof_reports::{
    PASSED,
    Verdict::{Flaky, NotRun, Passed},
    exit_code,
};

use crate::support::{Api, ring};

const SUITE: &str = "apiVersion: meshproof.dev/v1alpha1
kind: Suite
metadata: {name: shop}
namespace: ns
variables: {n: {type: integer, default: 1}}
matrix: {n: [1, 2], kubernetes: ['1.27', '1.28']}
";

/// The command's run of a suite with these cases, on the double and with these flags.
async fn ran(folder: &Path, flags: &[&str], cases: &str) -> Ran {
    ring();
    let suite = folder.join("suite");
    std::fs::create_dir_all(&suite).unwrap();
    std::fs::write(suite.join("suite.yaml"), SUITE).unwrap();
    let head = "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\n";
    std::fs::write(suite.join("s.yaml"), format!("{head}{cases}\n")).unwrap();
    let suite = suite.display().to_string();
    let state = folder.join("state").display().to_string();
    // The double is no whole cluster: what is asked of one before and after cannot be asked of it.
    let asks = ["--no-preflight", "--no-inventory", "--state-dir", &state];
    let words = [&["meshproof", "run", &suite, "--cluster", "kubeconfig"][..], &asks, flags].concat();
    let Command::Run(args) = Cli::try_parse_from(words).unwrap().command else { unreachable!() };
    let prepared = prepare(&args.choosing).unwrap_or_else(|problems| panic!("{problems:?}"));
    let clusters = args.clusters().unwrap();
    let run = move || execute_plan(&args, &prepared, clusters, Box::new(|_| {})).unwrap();
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_cluster_takes_the_cells_that_it_can_prove() {
    let (api, folder) = (Api::start(), tempfile::tempdir().unwrap());
    let kubeconfig = api.kubeconfig(folder.path()).display().to_string();
    let cases = "cases: [{name: a, do: [{run: {program: 'true'}}]}]";
    let flags = ["--context", "double", "--kubeconfig", &kubeconfig, "--matrix"];
    let report = ran(folder.path(), &flags, cases).await.report;
    let told: Vec<_> = report.cells.iter().map(|cell| (cell.name.as_str(), cell.not_run.as_deref())).collect();
    let reason = Some("it wants Kubernetes 1.27; double is v1.28.15");
    assert_eq!(
        told,
        [
            ("n=1,kubernetes=1.27", reason),
            ("n=1,kubernetes=1.28", None),
            ("n=2,kubernetes=1.27", reason),
            ("n=2,kubernetes=1.28", None)
        ]
    );
    let verdicts: Vec<_> = report.cases.iter().map(|case| case.verdict).collect();
    assert_eq!(verdicts, [Some(NotRun), Some(Passed), Some(NotRun), Some(Passed)]);
    assert_eq!(exit_code(&report), PASSED);
}

#[tokio::test]
async fn a_case_that_passes_and_then_fails_is_flaky() {
    let (api, folder) = (Api::start(), tempfile::tempdir().unwrap());
    let kubeconfig = api.kubeconfig(folder.path()).display().to_string();
    let made = folder.path().join("made");
    // `mkdir` works once.
    let cases = format!("cases: [{{name: a, do: [{{run: {{program: mkdir, args: ['{}']}}}}]}}]", made.display());
    let flags = ["--context", "double", "--kubeconfig", &kubeconfig, "--until-failure", "--repeat", "5"];
    let report = ran(folder.path(), &flags, &cases).await.report;
    assert_eq!(report.cases[0].verdict, Some(Flaky), "{:?}", report.cases[0]);
    assert_eq!(report.cases[0].runs.len(), 2, "nothing is repeated after a failure");
    assert_eq!(exit_code(&report), meshproof_reports::FAILED);
}
