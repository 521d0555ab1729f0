//! `meshproof run`: the whole flow, from paths to an exit code.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    time::Duration,
};

use meshproof_reports::{ERRORED, Report, exit_code, to_terminal};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    args::{Choosing, ClusterArgs, ClusterKind, RunArgs},
    begin::begin,
    live::Live,
    recorder::Recorder,
    show::{self, err, out},
};
use crate::{
    cells::{self, CellOptions, Clusters, RunEvent},
    cluster::{Cluster, ConnectError, ConnectOptions, SimulateOptions, connect, no_cluster, simulate},
    diagnostic::{Diagnostic, all_warnings},
    effect::Effect,
    engine::{Options, Signals, make_directory},
    history::History,
    journal::state_directory,
    load::{Loaded, load},
    plan::{Plan, PlannedCase, RunIdentity, Selection, plan, select, shard},
    redact::Secrets,
    safety::Safety,
};

/// A plan that can be run.
pub struct Prepared {
    pub plan: Plan,
    pub run: RunIdentity,
    /// What earlier runs took.
    pub history: History,
    pub warnings: Vec<Diagnostic>,
}

/// A run that is over.
pub struct Ran {
    pub report: Report,
    /// What was left on the cluster because the user asked for it.
    pub kept: Vec<String>,
}

/// Is told each event as it happens.
pub type Observer = Box<dyn FnMut(&RunEvent) + Send>;

/// The run, as a table of contents.
pub fn run(args: &RunArgs, quiet: bool, verbose: bool) -> u8 {
    let mut prepared = match begin(&args.choosing, args.contradiction()) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let clusters = match args.clusters() {
        Ok(clusters) => clusters,
        Err(diagnostics) => {
            show::diagnostics(&diagnostics);
            return ERRORED;
        }
    };
    if let Some(problem) = needs_a_cluster(args, &prepared.plan) {
        show::diagnostics(&[problem]);
        return ERRORED;
    }
    remember(args, &mut prepared);
    let style = show::style(verbose);
    let live = Live::new(&prepared, args, style, quiet);
    let ran = match execute_plan(args, &prepared, clusters, watching(live)) {
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

/// Without a history that is named, what the same folder has of the run before.
fn remember(args: &RunArgs, prepared: &mut Prepared) {
    if let (true, Some(directory)) = (args.choosing.history.is_empty(), &args.report_dir) {
        prepared.history = History::of_directory(directory);
    }
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
    let history = History::read(&choosing.history).map_err(|diagnostic| vec![diagnostic])?;
    if let Some(part) = choosing.shard {
        let took =
            |plan: &Plan, places: &[usize]| history.span(places.iter().map(|place| plan.cases[*place].id.as_str()));
        shard(&mut plan, part, took).map_err(|diagnostic| vec![diagnostic])?;
    }
    Ok(Prepared { plan, run, history, warnings: diagnostics })
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

/// Runs the plan's cells and keeps the records. `Err` is only for what keeps the run from having a report.
pub fn execute_plan(
    args: &RunArgs,
    prepared: &Prepared,
    clusters: Clusters,
    observer: Observer,
) -> Result<Ran, String> {
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
        let recorder = Recorder::new(prepared, args.choosing.shard, args.report_dir.as_deref(), secrets.clone());
        let keeping = tokio::spawn(keep(inbox, recorder, observer));
        let options = options(args, prepared, &secrets);
        let outcome = cells::run(&prepared.plan, &prepared.run, clusters, &options, events, &signals).await;
        let recorder = keeping.await.map_err(|error| format!("failed to keep the records: {error}"))?;
        let (kept, needed) = (outcome.kept.clone(), outcome.left_behind);
        let report = recorder.finish(outcome);
        #[cfg(feature = "otel")]
        trace(&report).await;
        // What is still to be taken back needs the programs that lie there.
        clean(&work, args.keep || needed);
        Ok(Ran { report, kept })
    });
    // A program that would not end must not keep the command from ending.
    runtime.shutdown_background();
    ran
}

/// A collector that does not answer is told of; the run is what it is.
#[cfg(feature = "otel")]
async fn trace(report: &Report) {
    if crate::telemetry::is_wanted() {
        match crate::telemetry::send(report).await {
            Ok(trace) => err(&format!("trace: {trace}\n")),
            Err(problem) => err(&format!("failed to send the trace: {problem}\n")),
        }
    }
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
        ClusterKind::Kind => return Err(ConnectError::Unmade),
        ClusterKind::Kubeconfig | ClusterKind::InCluster => {
            return connect(&ConnectOptions { secrets: secrets.clone(), ..args.connect_options() }, work).await;
        }
        ClusterKind::Simulated => {}
    }
    let standard = SimulateOptions::default();
    let version = args.simulated_version().unwrap_or(standard.version.clone());
    simulate(&SimulateOptions { version, releases: plan.releases(), secrets: secrets.clone(), ..standard }, work).await
}

fn options(args: &RunArgs, prepared: &Prepared, secrets: &Secrets) -> CellOptions {
    // Nobody comes back to a cluster that ends with this process.
    let keeps = args.keep || args.kind.keep_cluster;
    let ends = args.cluster.kind == ClusterKind::Simulated || args.cluster.kind == ClusterKind::Kind && !keeps;
    let state = ends.then(|| prepared.run.directory.clone());
    let state = state.or_else(|| args.state_dir.clone()).or_else(state_directory);
    let is_there = args.cluster.kind != ClusterKind::None;
    let safety = state.filter(|_| is_there).map(|state| Safety {
        state,
        wait: args.wait.map(|wait| wait.0).unwrap_or_default(),
        inventory: !args.no_inventory,
    });
    CellOptions {
        engine: Options {
            safety,
            preflight: !args.no_preflight && is_there,
            jobs: args.jobs.max(1),
            fail_fast: args.fail_fast,
            keep: args.keep,
            timeout: args.timeout.map(|timeout| timeout.0),
            ..Options::default()
        },
        repeat: args.repeat(),
        history: prepared.history.clone(),
        secrets: secrets.clone(),
    }
}

/// Takes in events until there are no more.
async fn keep(
    mut inbox: mpsc::UnboundedReceiver<RunEvent>,
    mut recorder: Recorder,
    mut observer: Observer,
) -> Recorder {
    recorder.keep();
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = recorder.due;
        let event = tokio::select! {
            event = inbox.recv() => event,
            _ = clock.tick() => {
                observer(&RunEvent::Second);
                continue;
            }
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
