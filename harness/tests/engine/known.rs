//! Failures that are known, and the reports that the command keeps.

use std::{path::Path, sync::Arc, time::Duration};

use clap::Parser;
use meshproof::command::{Choosing, Cli, Command, Prepared, Ran, RunArgs, execute_plan, prepare};
use meshproof_reports::{
    ERRORED, PASSED,
    Verdict::{Failed, KnownFail},
    exit_code, from_json, to_junit,
};
use serde_json::json;

use crate::support::{Api, PATIENT, Suite, ring};

#[tokio::test]
async fn a_known_failure_counts_until_it_expires_or_passes() {
    let api = Api::start();
    let ended = Suite::of(
        &api,
        "cases:
- {name: known, knownFailure: {issue: 'https://issues.example/1', expires: '2999-12-31'}, do: [{run: {program: 'false'}}]}
- {name: for-ever, knownFailure: {issue: 'https://issues.example/1'}, do: [{run: {program: 'false'}}]}
- {name: expired, knownFailure: {issue: 'https://issues.example/1', expires: '2020-01-01'}, do: [{run: {program: 'false'}}]}
- {name: passes, knownFailure: {issue: 'https://issues.example/1'}, do: [{run: {program: 'true'}}]}
- {name: errors, knownFailure: {issue: 'https://issues.example/1'}, do: [{run: {program: /no/such}}]}
- {name: needs-known, needs: [known], do: [{run: {program: 'true'}}]}",
    )
    .run()
    .await;
    ended.told("known", KnownFail, &["known (https://issues.example/1): ", "false ended with"]);
    ended.told("for-ever", KnownFail, &[]);
    ended.told("expired", Failed, &["false ended with"]);
    ended.told("passes", Failed, &["it passed, although it is known to fail (https://issues.example/1)"]);
    ended.told("errors", meshproof_reports::Verdict::Errored, &["failed to start"]);
    ended.told("needs-known", meshproof_reports::Verdict::Blocked, &["blocked by s/known"]);
}

/// What the command does, from its flags on.
fn prepared(folder: &Path, kubeconfig: &Path, cases: &str) -> (RunArgs, Prepared) {
    ring();
    let head = "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nnamespace: ns\n";
    let suite = folder.join("suite");
    std::fs::create_dir_all(&suite).unwrap();
    std::fs::write(suite.join("s.yaml"), format!("{head}{cases}\n")).unwrap();
    let text = |path: &Path| path.display().to_string();
    let words = [
        "meshproof",
        "run",
        "--cluster",
        "kubeconfig",
        "--context",
        "double",
        "--kubeconfig",
        &text(kubeconfig),
        "--report-dir",
        &text(&folder.join("reports")),
        // The double knows only what the engine asks.
        "--no-preflight",
        "--no-inventory",
        "--state-dir",
        &text(&folder.join("state")),
    ]
    .map(str::to_owned);
    let Command::Run(args) = Cli::try_parse_from(words).unwrap().command else { unreachable!() };
    let choosing = Choosing { paths: vec![suite], ..Choosing::default() };
    let prepared = prepare(&choosing).unwrap_or_else(|problems| panic!("{problems:?}"));
    (*args, prepared)
}

fn carry_out(api: &Arc<Api>, folder: &Path, cases: &str) -> std::thread::JoinHandle<Ran> {
    let (args, prepared) = prepared(folder, &api.kubeconfig(folder), cases);
    std::thread::spawn(move || {
        let clusters = args.clusters().unwrap();
        execute_plan(&args, &prepared, clusters, Box::new(|_| {})).unwrap()
    })
}

#[tokio::test]
async fn reports_are_whole_while_the_run_goes_on() {
    let (api, folder) = (Api::start(), tempfile::tempdir().unwrap());
    let run = carry_out(
        &api,
        folder.path(),
        "cases:
- {name: quick, do: [{run: {program: 'true'}}]}
- {name: waits, needs: [quick], expect: [{object: {of: {kind: ConfigMap, name: m}}, within: 1m}]}",
    );
    api.requested("WATCH configmaps", 1).await;
    let read = |name: &str| std::fs::read_to_string(folder.path().join("reports").join(name)).unwrap_or_default();
    let passed = async {
        // The files are drawn from events, and for a while may be as old as their last write took nine times.
        // Each file is replaced as a whole, one after the other.
        loop {
            let report = from_json(&read("report.json")).ok().filter(|report| report.summary.passed == 1);
            match report {
                Some(report) if read("junit.xml") == to_junit(&report) => return report,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let report = tokio::time::timeout(PATIENT, passed).await.expect("the first verdict is on disk, in both files");
    assert_eq!((report.summary.passed, report.summary.pending), (1, 1));
    assert!(report.run.finished_at.is_none());
    assert_eq!(report.cluster.as_ref().map(|cluster| cluster.kubernetes_version.as_str()), Some("v1.28.15"));
    assert_eq!(exit_code(&report), ERRORED, "a run that was killed here proves nothing");
    api.put(json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "ns"}}));
    let ran = tokio::task::spawn_blocking(|| run.join().unwrap()).await.unwrap();
    assert_eq!(exit_code(&ran.report), PASSED);
    let report = from_json(&read("report.json")).unwrap();
    assert_eq!(report, ran.report);
    assert!(report.run.finished_at.is_some());
    assert_eq!(read("junit.xml"), to_junit(&report));
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_a_problem_of_the_report() {
    let (api, folder) = (Api::start(), tempfile::tempdir().unwrap());
    api.stop();
    let run = carry_out(&api, folder.path(), "cases: [{name: a, do: [{run: {program: 'true'}}]}]");
    let ran = tokio::task::spawn_blocking(|| run.join().unwrap()).await.unwrap();
    assert_eq!(exit_code(&ran.report), ERRORED);
    assert!(ran.report.problems[0].contains("for its version"), "{:?}", ran.report.problems);
    assert_eq!(ran.report.summary.pending, 1);
    let text = std::fs::read_to_string(folder.path().join("reports/report.json")).unwrap();
    assert_eq!(from_json(&text).unwrap(), ran.report);
}
