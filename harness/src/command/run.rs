//! `meshproof run`: the whole flow, from paths to an exit code.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
};

use clap::ValueEnum;
use indexmap::IndexMap;
use meshproof_reports::{Cluster as ClusterRecord, ERRORED, Report, exit_code, to_terminal};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    args::{Choosing, ClusterArgs, ClusterKind, RunArgs},
    live::Live,
    recorder::Recorder,
    show::{self, err, out},
};
use crate::{
    cluster::{Cluster, ConnectError, ConnectOptions, SimulateOptions, connect, no_cluster, simulate},
    diagnostic::{Diagnostic, all_warnings},
    effect::Effect,
    engine::{Event, Options, Outcome, Signals, execute, make_directory},
    journal::state_directory,
    load::{Loaded, load},
    plan::{Plan, PlannedCase, RunIdentity, Selection, plan, select},
    redact::Secrets,
    safety::Safety,
};

/// A plan that can be run.
pub struct Prepared {
    pub plan: Plan,
    pub run: RunIdentity,
    pub warnings: Vec<Diagnostic>,
}

/// A run that is over.
pub struct Ran {
    pub report: Report,
    /// What was left on the cluster because the user asked for it.
    pub kept: Vec<String>,
}

/// Is told each event as it happens.
pub type Observer = Box<dyn FnMut(&Event) + Send>;

/// The run, as a table of contents.
pub fn run(args: &RunArgs, quiet: bool, verbose: bool) -> u8 {
    let prepared = match prepare(&args.choosing) {
        Ok(prepared) => prepared,
        Err(diagnostics) => {
            show::diagnostics(&diagnostics);
            return ERRORED;
        }
    };
    show::diagnostics(&prepared.warnings);
    if let Some(contradiction) = args.cluster.contradiction() {
        show::diagnostics(&[contradiction]);
        return ERRORED;
    }
    if let Some(problem) = needs_a_cluster(args, &prepared.plan) {
        show::diagnostics(&[problem]);
        return ERRORED;
    }
    let style = show::style(verbose);
    let live = Live::new(&prepared.plan, style, quiet);
    let ran = match execute_plan(args, &prepared, watching(live)) {
        Ok(ran) => ran,
        Err(problem) => {
            err(&format!("{problem}\n"));
            return ERRORED;
        }
    };
    out(&to_terminal(&ran.report, style));
    for kept in &ran.kept {
        out(&format!("kept: {kept}\n"));
    }
    if let Some(directory) = &args.report_dir {
        out(&format!("reports: {}\n", directory.display()));
    }
    exit_code(&ran.report)
}

/// Without a cluster, no case may ask one.
fn needs_a_cluster(args: &RunArgs, plan: &Plan) -> Option<Diagnostic> {
    let asks = |case: &&PlannedCase| {
        case.skip.is_none() && case.effects.iter().any(|effect| matches!(effect, Effect::Needs(_)))
    };
    let case = plan.cases.iter().find(asks).filter(|_| args.cluster.kind == ClusterKind::None)?;
    let title = format!("{} asks a cluster, and --cluster none gives it none", case.id);
    Some(Diagnostic::error(title).help("leave it out, or name a cluster: --cluster simulated, --cluster kubeconfig"))
}

/// Draws each event; what moves on the terminal goes with the observer.
fn watching(mut live: Live) -> Observer {
    Box::new(move |event| live.on(event))
}

/// Loads, checks, plans and selects. Touches files, no cluster; gives every mistake at once.
pub fn prepare(choosing: &Choosing) -> Result<Prepared, Vec<Diagnostic>> {
    let choices = choosing.choices()?;
    let (loaded, mut diagnostics) = load(&choosing.paths);
    let run = identity();
    let suite = one_suite(loaded, &mut diagnostics);
    let Some(suite) = suite else { return Err(diagnostics) };
    let (mut plan, problems) = plan(&suite, &choices, &run);
    diagnostics.extend(problems);
    if !all_warnings(&diagnostics) {
        return Err(diagnostics);
    }
    let selection = Selection {
        filters: choosing.filters.clone(),
        exact: choosing.exact,
        tags: choosing.tags.clone(),
        only: suite.only,
    };
    select(&mut plan, &selection).map_err(|diagnostic| vec![diagnostic])?;
    Ok(Prepared { plan, run, warnings: diagnostics })
}

fn one_suite(mut loaded: Vec<Loaded>, diagnostics: &mut Vec<Diagnostic>) -> Option<Loaded> {
    if loaded.len() > 1 {
        let roots: Vec<String> = loaded.iter().map(|suite| suite.root.display().to_string()).collect();
        diagnostics.push(
            Diagnostic::error("several suites are named").help(format!("run one at a time: {}", roots.join(", "))),
        );
    }
    loaded.pop()
}

/// A new run: its id is 8 hexadecimal digits.
fn identity() -> RunIdentity {
    let random = RandomState::new().build_hasher().finish();
    let id = format!("{:08x}", random & 0xffff_ffff);
    let directory = std::env::temp_dir().join(format!("meshproof-{id}"));
    RunIdentity { id, directory }
}

/// Provides the cluster, executes the plan and keeps the records. `Err` is only for what keeps the run from having a report.
pub fn execute_plan(args: &RunArgs, prepared: &Prepared, observer: Observer) -> Result<Ran, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("failed to start: {error}"))?;
    let ran = runtime.block_on(async {
        let work = make_directory(&prepared.run)?;
        let signals = listen()?;
        let (events, inbox) = mpsc::unbounded_channel();
        let secrets = Secrets::default();
        prepared.plan.secrets.iter().for_each(|secret| secrets.learn(secret));
        let recorder = Recorder::new(&prepared.plan, &prepared.run, args.report_dir.as_deref(), secrets.clone());
        let keeping = tokio::spawn(keep(inbox, recorder, observer));
        let outcome = match provide(&args.cluster, &prepared.plan, &work, &secrets).await {
            Ok(cluster) => {
                let _ = events.send(Event::Connected(Box::new(describe(&args.cluster, &cluster))));
                let options = options(args, &cluster, &work);
                execute(&prepared.plan, cluster, &prepared.run, &options, events, &signals).await
            }
            Err(error) => {
                drop(events);
                Outcome { problems: vec![error.to_string()], ..Outcome::default() }
            }
        };
        let recorder = keeping.await.map_err(|error| format!("failed to keep the records: {error}"))?;
        let kept = outcome.kept.clone();
        let report = recorder.finish(outcome);
        // What is still to be taken back needs the programs that lie there.
        let needed = report.problems.iter().any(|problem| problem.starts_with("left behind"));
        clean(&work, args.keep || needed);
        Ok(Ran { report, kept })
    });
    // A program that would not end must not keep the command from ending.
    runtime.shutdown_background();
    ran
}

/// The cluster that was named.
pub(super) async fn provide(
    args: &ClusterArgs,
    plan: &Plan,
    work: &Path,
    secrets: &Secrets,
) -> Result<Cluster, ConnectError> {
    let mut cluster = cluster(args, plan, work, secrets).await?;
    cluster.speak_to_registries(&plan.registries);
    Ok(cluster)
}

async fn cluster(args: &ClusterArgs, plan: &Plan, work: &Path, secrets: &Secrets) -> Result<Cluster, ConnectError> {
    match args.kind {
        ClusterKind::None => return no_cluster(work, secrets),
        ClusterKind::Kubeconfig | ClusterKind::InCluster => {
            return connect(&ConnectOptions { secrets: secrets.clone(), ..args.connect_options() }, work).await;
        }
        ClusterKind::Simulated => {}
    }
    let standard = SimulateOptions::default();
    let version = args.kubernetes.clone().unwrap_or(standard.version.clone());
    simulate(&SimulateOptions { version, releases: plan.releases.clone(), secrets: secrets.clone(), ..standard }, work)
        .await
}

fn options(args: &RunArgs, cluster: &Cluster, work: &Path) -> Options {
    // Nobody comes back to a cluster that ends with this process.
    let state = if cluster.simulator.is_some() { Some(work.to_owned()) } else { None };
    let state = state.or_else(|| args.state_dir.clone()).or_else(state_directory);
    let is_there = args.cluster.kind != ClusterKind::None;
    let safety = state.filter(|_| is_there).map(|state| Safety {
        state,
        wait: args.wait.map(|wait| wait.0).unwrap_or_default(),
        inventory: !args.no_inventory,
    });
    Options {
        safety,
        preflight: !args.no_preflight && is_there,
        jobs: args.jobs.max(1),
        fail_fast: args.fail_fast,
        keep: args.keep,
        timeout: args.timeout.map(|timeout| timeout.0),
        ..Options::default()
    }
}

fn describe(args: &ClusterArgs, cluster: &Cluster) -> ClusterRecord {
    let connection = &cluster.connection;
    ClusterRecord {
        provider: args.kind.to_possible_value().map_or_else(String::new, |kind| kind.get_name().to_owned()),
        context: connection.context.clone(),
        server: connection.server.clone(),
        kubernetes_version: connection.git_version.clone(),
        simulated: cluster.simulator.is_some(),
        versions: IndexMap::from([("kubernetes".to_owned(), connection.git_version.clone())]),
        images: Vec::new(),
    }
}

/// Takes in events until there are no more.
async fn keep(mut inbox: mpsc::UnboundedReceiver<Event>, mut recorder: Recorder, mut observer: Observer) -> Recorder {
    recorder.keep();
    loop {
        let due = recorder.due;
        let event = tokio::select! {
            event = inbox.recv() => event,
            () = async { tokio::time::sleep_until(due.unwrap_or_else(tokio::time::Instant::now)).await }, if due.is_some() => {
                recorder.keep();
                continue;
            }
        };
        let Some(event) = event else { break };
        let event = recorder.told(event);
        observer(&event);
        recorder.on(&event);
    }
    recorder
}

/// The first SIGINT or SIGTERM ends the cases and takes everything back; the second gives that up.
pub(super) fn listen() -> Result<Signals, String> {
    let failed = |error| format!("failed to listen for signals: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let signals = Signals::default();
    let told = signals.clone();
    tokio::spawn(async move {
        for round in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round == 0 {
                err("interrupted: ending the cases and taking back what was changed; once more gives up at once\n");
                told.interrupt.cancel();
            } else {
                err("given up\n");
                told.give_up.cancel();
            }
        }
    });
    Ok(signals)
}

fn clean(work: &Path, keep: bool) {
    if keep {
        err(&format!("kept: {}\n", work.display()));
    } else {
        // What cannot be removed lies in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(work);
    }
}
