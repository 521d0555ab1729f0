//! The same plan through libtest: `cargo test -p meshproof --test conformance`, and nextest.
//!
//! libtest's trials know no order and no needs, so the engine runs the cases and each trial waits for its verdict. What is to be run is
//! said by the environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `MESHPROOF_CLUSTER` | `kubeconfig` or `in-cluster`; without it, a simulated one |
//! | `MESHPROOF_CONTEXT`, `MESHPROOF_KUBECONFIG` | as the flags of `meshproof run` |
//! | `MESHPROOF_CONTEXTS` | as `--contexts` |
//! | `MESHPROOF_MATRIX` | `all` or `pairwise`: as `--matrix` |
//! | `MESHPROOF_SUITE` | files or folders of scenarios, separated by `:` |
//! | `MESHPROOF_SET` | variables, `NAME=VALUE`, a line each |
//! | `MESHPROOF_ENV_FILE` | a file with values of variables |
//! | `MESHPROOF_REPORT_DIR` | where the reports are written |
//!
//! nextest runs each test in a process of its own. The first of them runs the whole suite; the others wait for its report.

use std::{
    collections::HashMap,
    fs::File,
    path::PathBuf,
    process::ExitCode,
    sync::{Mutex, mpsc},
};

use clap::Parser;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use meshproof_reports::{CaseRecord, ERRORED, PASSED, REPORT_JSON, Report, Verdict, exit_code, from_json};

use crate::{
    cells::{Clusters, RunEvent},
    command::{Choosing, Cli, Observer, Prepared, RunArgs, execute_plan, prepare, show_diagnostics, stand_in},
    diagnostic::Diagnostic,
    engine::Event,
};

/// What a trial is told of its case.
type Told = mpsc::Sender<CaseRecord>;

/// Runs the tests that the process' arguments select; `suite` is where scenarios are if the environment names none. Exit codes are
/// those of `meshproof run`.
pub fn main(suite: PathBuf) -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(code) = stand_in(&std::env::args_os().collect::<Vec<_>>()) {
        return code;
    }
    let arguments = Arguments::from_args();
    let Some(args) = arguments_of_run(suite) else { return ExitCode::from(ERRORED) };
    let prepared = match prepare(&args.choosing) {
        Ok(prepared) => prepared,
        Err(diagnostics) => {
            show_diagnostics(&diagnostics);
            return ExitCode::from(ERRORED);
        }
    };
    if arguments.list {
        return libtest_mimic::run(&arguments, listed(&prepared)).exit_code();
    }
    let code = match nextest_run() {
        Some(run) => one_of_many(&arguments, &args, &prepared, &run),
        None => all(&arguments, args, prepared),
    };
    ExitCode::from(code)
}

/// The flags of `meshproof run` that the environment says; `None` if they are not such, which clap has told then.
fn arguments_of_run(suite: PathBuf) -> Option<RunArgs> {
    let paths = match std::env::var("MESHPROOF_SUITE") {
        Ok(paths) => std::env::split_paths(&paths).collect(),
        Err(_) => vec![suite],
    };
    let set = std::env::var("MESHPROOF_SET").unwrap_or_default();
    let given = Choosing {
        paths,
        set: set.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        env_file: std::env::var_os("MESHPROOF_ENV_FILE").map(PathBuf::from),
        ..Choosing::default()
    };
    // The flags that have variables of their own are read by clap.
    match Cli::try_parse_from(["meshproof", "run"]).map(|cli| cli.command) {
        Ok(crate::command::Command::Run(args)) => {
            let Choosing { matrix, registries, .. } = args.choosing.clone();
            Some(RunArgs { choosing: Choosing { matrix, registries, ..given }, ..*args })
        }
        Ok(_) => None,
        Err(error) => {
            let _ = error.print();
            None
        }
    }
}

/// All cases as trials that are only listed.
fn listed(prepared: &Prepared) -> Vec<Trial> {
    prepared.plan.cases.iter().map(|case| Trial::test(&case.id, || Ok(()))).collect()
}

/// Runs the cases that the arguments select, with what they need, in this process.
fn all(arguments: &Arguments, mut args: RunArgs, prepared: Prepared) -> u8 {
    let selected: Vec<String> = prepared
        .plan
        .cases
        .iter()
        .map(|case| case.id.clone())
        .filter(|id| !arguments.is_filtered_out(&Trial::test(id, || Ok(()))))
        .collect();
    if selected.is_empty() {
        show_diagnostics(&[Diagnostic::error("no case is selected").help("`-- --list` shows all")]);
        return ERRORED;
    }
    args.choosing.filters.clone_from(&selected);
    args.choosing.exact = true;
    let prepared = match prepare(&args.choosing) {
        Ok(prepared) => prepared,
        Err(diagnostics) => {
            show_diagnostics(&diagnostics);
            return ERRORED;
        }
    };
    let mut senders = HashMap::new();
    let trials = selected.into_iter().map(|id| {
        let (sender, receiver) = mpsc::channel();
        senders.insert(id.clone(), sender);
        let receiver = Mutex::new(receiver);
        Trial::ignorable_test(id, move || {
            let record = receiver.lock().map_err(|_| "the run was lost")?.recv();
            completion(&record.map_err(|_| "the run ended before this case had a verdict")?, false)
        })
    });
    let trials: Vec<Trial> = trials.collect();
    let clusters = match clusters(&args) {
        Ok(clusters) => clusters,
        Err(code) => return code,
    };
    let run =
        std::thread::spawn(move || execute_plan(&args, &prepared, clusters, telling(senders)).map(|ran| ran.report));
    let conclusion = libtest_mimic::run(arguments, trials);
    match run.join() {
        Ok(Ok(report)) => exit_code(&report),
        Ok(Err(problem)) => {
            show_diagnostics(&[Diagnostic::error(problem)]);
            ERRORED
        }
        Err(_) if conclusion.has_failed() => ERRORED,
        Err(_) => ERRORED,
    }
}

fn clusters(args: &RunArgs) -> Result<Clusters, u8> {
    args.clusters().map_err(|diagnostics| {
        show_diagnostics(&diagnostics);
        ERRORED
    })
}

/// Tells each trial of its case as it ends.
fn telling(mut senders: HashMap<String, Told>) -> Observer {
    Box::new(move |event| {
        if let RunEvent::InCell { event: Event::CaseFinished { record, .. }, .. } = event
            && let Some(sender) = senders.remove(&record.id)
        {
            // A trial that was filtered out does not listen.
            let _ = sender.send((**record).clone());
        }
    })
}

/// The folder that the processes of one run of nextest share.
fn nextest_run() -> Option<PathBuf> {
    let id = std::env::var("NEXTEST_RUN_ID").ok()?;
    Some(std::env::temp_dir().join(format!("meshproof-nextest-{id}")))
}

/// One process of nextest's: whoever comes first runs the suite, the others read its report.
fn one_of_many(arguments: &Arguments, args: &RunArgs, prepared: &Prepared, shared: &std::path::Path) -> u8 {
    let report = match shared_report(args, prepared, shared) {
        Ok(report) => report,
        Err(problem) => {
            show_diagnostics(&[Diagnostic::error(problem)]);
            return ERRORED;
        }
    };
    let trials: Vec<Trial> = report
        .cases
        .iter()
        .cloned()
        .map(|record| Trial::ignorable_test(record.id.clone(), move || completion(&record, true)))
        .collect();
    let asked: Vec<&CaseRecord> =
        report.cases.iter().filter(|record| !arguments.is_filtered_out(&Trial::test(&record.id, || Ok(())))).collect();
    let failed = libtest_mimic::run(arguments, trials).has_failed();
    let only = Report { cases: asked.into_iter().cloned().collect(), problems: Vec::new(), ..report.clone() };
    if failed { exit_code(&only).max(1) } else { PASSED }
}

fn shared_report(args: &RunArgs, prepared: &Prepared, shared: &std::path::Path) -> Result<Report, String> {
    let failed = |error: std::io::Error| format!("failed to share the run in {}: {error}", shared.display());
    std::fs::create_dir_all(shared).map_err(failed)?;
    let lock = File::create(shared.join("lock")).map_err(failed)?;
    // Whoever holds it runs the suite; everybody else gets it once the report is there.
    lock.lock().map_err(failed)?;
    let path = shared.join(REPORT_JSON);
    if !path.exists() {
        let told =
            |diagnostics: Vec<Diagnostic>| diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let report = execute_plan(args, prepared, args.clusters().map_err(told)?, Box::new(|_| {}))?.report;
        std::fs::write(&path, meshproof_reports::to_json(&report)).map_err(failed)?;
        return Ok(report);
    }
    from_json(&std::fs::read_to_string(&path).map_err(failed)?).map_err(|error| error.to_string())
}

/// What libtest is told. It knows neither blocked nor skipped: both are ignored, with their reasons; but where each process has one
/// test, and ignoring passes, a blocked case fails.
fn completion(record: &CaseRecord, alone: bool) -> Result<Completion, Failed> {
    let reason = record.reason.clone().unwrap_or_default();
    match record.verdict {
        Some(Verdict::Passed) => Ok(Completion::Completed),
        Some(Verdict::Blocked) if alone => Err(reason.into()),
        Some(verdict @ (Verdict::Blocked | Verdict::Skipped | Verdict::KnownFail | Verdict::NotRun)) => {
            Ok(Completion::ignored_with(format!("{}: {reason}", verdict.word())))
        }
        Some(verdict @ (Verdict::Failed | Verdict::Errored | Verdict::Flaky)) => {
            let mut text = format!("{}: {reason}", verdict.word());
            if let Some(diagnosis) = &record.diagnosis {
                text.push_str(&format!("\n  finding  {}", diagnosis.finding));
            }
            text.push_str(&format!("\n  place  {}", record.place));
            for look in &record.look {
                text.push_str(&format!("\n  look   {look}"));
            }
            Err(text.into())
        }
        None => Err("no verdict".into()),
    }
}
