//! `meshproof clean`: takes back what runs left that could not do so themselves.

use std::{path::Path, sync::Arc};

use meshproof_reports::{ERRORED, INTERRUPTED, PASSED};
use tokio::sync::mpsc;

use super::{
    args::{CleanArgs, ClusterKind},
    run::listen,
    show::{self, out},
};
use crate::{
    cluster::{Cluster, ConnectOptions, connect},
    diagnostic::Diagnostic,
    engine::{Event, Events, Ledger, Options, Shared, Signals, teardown},
    journal::{Entry, Holdings, Journal, ReadError, Thing, entries, state_directory},
    kind::{Docker, Found, KindError},
    language::formats::spell,
    plan::RunIdentity,
    redact::Secrets,
    safety::{UNDER_WAY, by_labels, recover},
};

/// What is wrong, and what to do.
type Refusal = Diagnostic;

pub fn clean(args: &CleanArgs, quiet: bool, verbose: bool) -> u8 {
    let cleaning = Cleaning { args, quiet, verbose };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&Diagnostic::error(format!("failed to start: {error}"))),
    };
    let code = runtime.block_on(async {
        let signals = listen().map_err(Diagnostic::error)?;
        cleaning.run(&signals).await
    });
    runtime.shutdown_background();
    code.unwrap_or_else(|refusal| refuse(&refusal))
}

fn refuse(refusal: &Refusal) -> u8 {
    show::diagnostics(std::slice::from_ref(refusal));
    ERRORED
}

struct Cleaning<'a> {
    args: &'a CleanArgs,
    quiet: bool,
    verbose: bool,
}

impl Cleaning<'_> {
    async fn run(&self, signals: &Signals) -> Result<u8, Refusal> {
        if self.args.cluster == Some(ClusterKind::Kind) {
            return self.nodes().await.map_err(|error| Diagnostic::error(error.to_string()));
        }
        let state = self.args.state_dir.clone().or_else(state_directory).ok_or_else(|| {
            Diagnostic::error("there is no home to look for journals in").help("name their folder with --state-dir")
        })?;
        let found = entries(&state)
            .map_err(|error| Diagnostic::error(format!("failed to read {}: {error}", state.display())))?;
        let (chosen, mut unknown) = self.choose(found)?;
        if chosen.is_empty() && unknown.is_empty() && self.args.cluster.is_none() {
            let absent = if state.exists() { "" } else { ", which is not there" };
            self.say(&format!("nothing to clean: no journal of a run is left in {}{absent}", state.display()));
            return Ok(PASSED);
        }
        let mut left = 0;
        for entry in &chosen {
            match &entry.read {
                Ok(_) => {}
                Err(ReadError::Unbegun { .. }) => {
                    self.unbegun(entry)?;
                    continue;
                }
                // Its objects' labels still tell of it.
                Err(_) if self.args.cluster.is_some() => {
                    unknown.push(entry.run.clone());
                    continue;
                }
                Err(error) => {
                    left += 1;
                    refuse(&damaged(entry, error));
                    continue;
                }
            }
            // The others can be taken back all the same.
            match self.one(entry, &state, signals).await {
                Ok(more) => left += more,
                Err(refusal) => {
                    left += 1;
                    refuse(&refusal);
                }
            }
        }
        if self.args.cluster.is_some() && (!unknown.is_empty() || chosen.is_empty() || self.args.all) {
            left += self.by_labels(&unknown, &state, signals).await?;
        } else if let Some(run) = unknown.first() {
            return Err(Diagnostic::error(format!("no journal tells of run {run}"))
                .help("look for its labels on the cluster with --cluster kubeconfig"));
        }
        Ok(match (signals.interrupt.is_cancelled(), left) {
            (true, _) => INTERRUPTED,
            (false, 0) => PASSED,
            (false, _) => ERRORED,
        })
    }

    /// Removes nodes in Docker whose run has ended; with `all`, also those that are kept on purpose.
    async fn nodes(&self) -> Result<u8, KindError> {
        let docker = Docker::reach().await?;
        let is_meant = |node: &Found| match &node.run {
            Some(run) => !node.in_use && (self.args.runs.is_empty() || self.is_named(run)),
            None => self.args.all,
        };
        let (meant, others): (Vec<Found>, Vec<Found>) = docker.nodes().await?.into_iter().partition(is_meant);
        for node in &meant {
            if self.args.dry_run {
                out(&format!("  would remove container {}\n", node.name));
                continue;
            }
            docker.remove(&node.id).await?;
            self.say(&format!("  removed container {}", node.name));
        }
        for node in &others {
            let why = if node.run.is_none() {
                "kept on purpose; --all removes it"
            } else {
                "of another run, or of one that is under way"
            };
            self.say(&format!("  left container {}: {why}", node.name));
        }
        if meant.is_empty() {
            self.say("nothing to clean: Docker has no node of a run that has ended");
        }
        Ok(PASSED)
    }

    /// The journals that are meant, and the runs that have none.
    fn choose(&self, found: Vec<Entry>) -> Result<(Vec<Entry>, Vec<String>), Refusal> {
        let lives = |entry: &Entry| Journal::is_being_written(&entry.path);
        if !self.args.runs.is_empty() {
            let (chosen, _): (Vec<Entry>, Vec<Entry>) = found.into_iter().partition(|entry| self.is_named(&entry.run));
            if let Some(entry) = chosen.iter().find(|entry| lives(entry)) {
                return Err(under_way(entry));
            }
            let unknown =
                self.args.runs.iter().filter(|run| !chosen.iter().any(|entry| RunIdentity::is_of(&entry.run, run)));
            let unknown = unknown.cloned().collect();
            return Ok((chosen, unknown));
        }
        let ended: Vec<Entry> = found.into_iter().filter(|entry| !lives(entry)).collect();
        if ended.len() > 1 && !self.args.all {
            let runs: Vec<String> = ended.iter().map(describe).collect();
            return Err(Diagnostic::error("several runs left something")
                .help(format!("name one with --run, or take them --all: {}", runs.join("; "))));
        }
        Ok((ended, Vec::new()))
    }

    /// Whether the run, or the one that it is a cell of, is named.
    fn is_named(&self, run: &str) -> bool {
        self.args.runs.iter().any(|named| RunIdentity::is_of(run, named))
    }

    /// A process that ended as it began its journal, which may only just be doing so.
    fn unbegun(&self, entry: &Entry) -> Result<(), Refusal> {
        let age = std::fs::metadata(&entry.path).and_then(|file| file.modified()).ok().and_then(|at| at.elapsed().ok());
        if self.args.dry_run || age.is_none_or(|age| age < UNDER_WAY) {
            return Ok(());
        }
        self.say(&format!("run {} ended before it had begun, and changed nothing", entry.run));
        std::fs::remove_file(&entry.path)
            .map_err(|error| Diagnostic::error(format!("failed to remove {}: {error}", entry.path.display())))
    }

    /// Gives how much is left.
    async fn one(&self, entry: &Entry, state: &Path, signals: &Signals) -> Result<usize, Refusal> {
        let found = entry.read.as_ref().map_err(|error| Diagnostic::error(error.to_string()))?;
        self.say(&format!("run {}", describe(entry)));
        if self.args.dry_run {
            Self::would(&found.holdings);
            return Ok(0);
        }
        let home = &found.begun.home;
        let options = ConnectOptions {
            kubeconfig: self.args.kubeconfig.clone().or_else(|| home.kubeconfig.clone()),
            context: self.args.context.clone().or_else(|| (!home.in_cluster).then(|| home.context.clone())),
            in_cluster: home.in_cluster && self.args.kubeconfig.is_none(),
            secrets: Secrets::default(),
        };
        let (_folder, cluster) = connected(&options).await?;
        let (events, telling) = self.telling();
        let recovered = recover(&cluster, entry, state, events, &signals.interrupt).await;
        let _ = telling.await;
        let left = recovered.map_err(|error| Diagnostic::error(error.to_string()))?;
        self.sum_up(&left);
        Ok(left.len())
    }

    async fn by_labels(&self, runs: &[String], state: &Path, signals: &Signals) -> Result<usize, Refusal> {
        let options = ConnectOptions {
            kubeconfig: self.args.kubeconfig.clone(),
            context: self.args.context.clone(),
            in_cluster: self.args.cluster == Some(ClusterKind::InCluster),
            secrets: Secrets::default(),
        };
        let (_folder, cluster) = connected(&options).await?;
        let found = by_labels(&cluster).await.map_err(|trouble| Diagnostic::error(trouble.to_string()))?;
        let mut left = 0;
        let mut any = false;
        for (run, holdings) in found {
            let path = crate::journal::journal_path(state, &run);
            if (!runs.is_empty() && !runs.iter().any(|named| RunIdentity::is_of(&run, named)))
                || Journal::is_being_written(&path)
            {
                continue;
            }
            any = true;
            self.say(&format!(
                "run {run}, by the labels of its objects: what its programs did, and what it changed of others' objects, cannot be known"
            ));
            if self.args.dry_run {
                Self::would(&holdings);
                continue;
            }
            let identity = RunIdentity { directory: std::env::temp_dir().join(format!("meshproof-{run}")), id: run };
            let (events, telling) = self.telling();
            let cancel = signals.interrupt.child_token();
            let shared = Shared::new(&cluster, &identity, Ledger::new(None, holdings), events, cancel)
                .map_err(Diagnostic::error)?;
            let lines = teardown(&shared, Options::default().teardown, &signals.interrupt).await;
            drop(shared);
            let _ = telling.await;
            self.sum_up(&lines);
            left += lines.len();
        }
        if !any {
            self.say("nothing to clean: no object on the cluster bears the label of a run that has ended");
        }
        Ok(left)
    }

    fn would(holdings: &Holdings) {
        let things = holdings.newest_first();
        for thing in &things {
            out(&format!("  would take back {}\n", Thing::describe(thing)));
        }
        if things.is_empty() {
            out("  nothing is left to take back\n");
        }
    }

    fn sum_up(&self, left: &[String]) {
        for line in left {
            out(&format!("  {line}\n"));
        }
        if left.is_empty() {
            self.say("  the cluster is as it was before");
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            out(&format!("{text}\n"));
        }
    }

    /// Where events go, and what prints them.
    fn telling(&self) -> (Events, tokio::task::JoinHandle<()>) {
        let (events, mut inbox) = mpsc::unbounded_channel();
        let (quiet, verbose) = (self.quiet, self.verbose);
        let telling = tokio::spawn(async move {
            while let Some(event) = inbox.recv().await {
                match event {
                    Event::TornDown { what, trouble: None, took } if !quiet => {
                        let time = if verbose { format!(" in {}", spell(took)) } else { String::new() };
                        out(&format!("  took back {what}{time}\n"));
                    }
                    Event::Note(text) | Event::Problem(text) => out(&format!("  {text}\n")),
                    _ => {}
                }
            }
        });
        (events, telling)
    }
}

fn describe(entry: &Entry) -> String {
    match &entry.read {
        Ok(found) => {
            let kept = if found.kept { ", kept on purpose" } else { "" };
            format!(
                "{} of {} at {} on {}{kept}",
                entry.run, found.begun.suite, found.begun.at, found.begun.home.context
            )
        }
        Err(_) => entry.run.clone(),
    }
}

fn damaged(entry: &Entry, error: &ReadError) -> Refusal {
    let run = &entry.run;
    let way = format!(
        "what run {run} made can be found by its labels, with --run {run} --cluster kubeconfig; remove the file when nothing is left"
    );
    Diagnostic::error(error.to_string()).help(way)
}

fn under_way(entry: &Entry) -> Refusal {
    let process = entry.read.as_ref().map(|found| format!(" (process {})", found.begun.pid)).unwrap_or_default();
    Diagnostic::error(format!("run {} is still under way{process}", entry.run))
        .help("end it with Ctrl-C or SIGTERM: it takes back by itself what it changed")
}

/// The folder holds the kubeconfig for programs.
async fn connected(options: &ConnectOptions) -> Result<(tempfile::TempDir, Arc<Cluster>), Refusal> {
    let folder = tempfile::tempdir().map_err(|error| Diagnostic::error(format!("failed to make a folder: {error}")))?;
    let cluster = connect(options, folder.path()).await;
    let cluster = cluster.map_err(|error| {
        Diagnostic::error(error.to_string()).help("name another way to the cluster with --kubeconfig and --context")
    })?;
    Ok((folder, Arc::new(cluster)))
}
