//! `run`: runs a program where Meshproof runs.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use indexmap::IndexMap;
use rustix::process::{Pid, Signal, kill_process_group};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    task::JoinHandle,
    time::{Duration, timeout},
};

use super::{Done, Gained, Undone, shell};
use crate::{
    effect::{Place, Scene},
    engine::{Context, Hopeless},
    expectation::{enumerate, excerpt},
    safety::{RUN_VARIABLE, UNDER_WAY},
};

/// Runs a program with a list of arguments; no shell reads them. `KUBECONFIG` names the run's cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Run {
    /// A path, or a name that is looked for in `PATH`.
    pub program: String,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// Where it runs; without it, in a folder of the run's own.
    pub directory: Option<String>,
    /// Written to its standard input, which is empty otherwise.
    pub stdin: Option<String>,
    /// The file that receives its standard output, besides what expectations see of it.
    pub stdout_file: Option<String>,
    /// Codes with which it may end; an empty list means any.
    #[serde(default = "zero")]
    pub exit_codes: Vec<i32>,
    /// Namespaces in which it waits for workloads: as soon as one there can never start, the program is ended, and the reason is
    /// the workload's.
    #[serde(default)]
    pub watch_namespaces: Vec<String>,
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// As much of each of its streams is kept, in bytes: manifests are large, logs without end.
const KEPT: usize = 16 << 20;

enum End {
    Exited(std::io::Result<ExitStatus>),
    Hopeless(Hopeless),
    Deadline,
    Interrupted,
}

impl Run {
    pub fn title(&self) -> String {
        let program = Path::new(&self.program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        shell(&[std::slice::from_ref(&program), &self.args].concat())
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        for namespace in &self.watch_namespaces {
            scene.watches_workloads(&Place::Namespace(namespace.clone()));
        }
        scene.stated(&format!("what `{}` changes", self.title()), |_, _, _, _| {});
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let outages = context.cluster.watches.outages().0;
        let mut child = self.start(context)?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let guard = Group(group);
        let input = child.stdin.take();
        let out = Reader::start(child.stdout.take());
        let err = Reader::start(child.stderr.take());
        if let (Some(mut pipe), Some(text)) = (input, self.stdin.clone()) {
            // A program that does not read its input is no error, and nothing to wait for.
            tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut pipe, text.as_bytes()).await });
        }
        let end = self.wait(context, &mut child).await;
        if !matches!(end, End::Exited(_)) {
            guard.end(&mut child).await;
        }
        drop(guard);
        context.cluster.watches.changed();
        let gained = Gained {
            stdout: out.finish().await,
            stderr: err.finish().await,
            exit_code: match &end {
                End::Exited(Ok(status)) => status.code(),
                _ => None,
            },
            ..Gained::default()
        };
        match self.conclude(context, end, gained) {
            // What failed while there was no API server may say nothing of the product.
            Err(Undone::Failed { reason, .. }) if !context.cluster.was_reachable(outages).await => {
                Err(Undone::Errored(format!("the API server was away while it ran: {reason}")))
            }
            concluded => concluded,
        }
    }

    fn conclude(&self, context: &Context<'_>, end: End, gained: Gained) -> Result<Done, Undone> {
        let told = || gained.told(&context.cluster.secrets);
        let failed = |reason: String| {
            let output = told().tail();
            Err(Undone::Failed { reason, seen: output.as_deref().map(excerpt), output })
        };
        let name = Path::new(&self.program).file_name().unwrap_or_default().to_string_lossy();
        match end {
            End::Interrupted => Err(Undone::Interrupted),
            End::Hopeless(state) => failed(format!("{name} waits for what cannot happen: {state}")),
            End::Deadline => failed(format!("{name} had not ended by the deadline")),
            End::Exited(Err(error)) => Err(Undone::Errored(format!("failed to wait for {name}: {error}"))),
            End::Exited(Ok(status)) => {
                let expected =
                    self.exit_codes.is_empty() || status.code().is_some_and(|code| self.exit_codes.contains(&code));
                if !expected {
                    return failed(format!("{name} ended with {status}: {}", last_lines(&told())));
                }
                if let Some(file) = &self.stdout_file {
                    let path = context.resolve(file);
                    std::fs::write(&path, &gained.stdout)
                        .map_err(|error| Undone::Errored(format!("failed to write {}: {error}", path.display())))?;
                }
                Ok(Done { gained: Some(gained), captures: Vec::new() })
            }
        }
    }

    async fn wait(&self, context: &Context<'_>, child: &mut Child) -> End {
        if !self.watch_namespaces.is_empty() {
            context.note(format!("{} (watching pods in {})", self.title(), enumerate(&self.watch_namespaces)));
        }
        tokio::select! {
            status = child.wait() => End::Exited(status),
            state = context.hopeless(&self.watch_namespaces) => End::Hopeless(state),
            () = tokio::time::sleep_until(context.deadline) => End::Deadline,
            () = context.cancel.cancelled() => End::Interrupted,
        }
    }

    fn start(&self, context: &Context<'_>) -> Result<Child, Undone> {
        for (name, value) in &self.env {
            context.cluster.secrets.learn_object(&serde_json::json!({"name": name, "value": value}));
        }
        let program: PathBuf =
            if self.program.contains('/') { context.resolve(&self.program) } else { PathBuf::from(&self.program) };
        let directory = match &self.directory {
            Some(directory) => context.resolve(directory),
            None => context.work.to_owned(),
        };
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        Command::new(&program)
            .args(&self.args)
            .env("KUBECONFIG", &context.cluster.kubeconfig)
            .env(RUN_VARIABLE, context.run_id)
            .envs(context.cluster.reach.variables())
            .envs(&self.env)
            .current_dir(directory)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let way_out = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        " (is it executable, and its folder not mounted noexec? what a run unpacks goes where TMPDIR says)"
                    }
                    _ => "",
                };
                Undone::Errored(format!("failed to start {}: {error}{way_out}", program.display()))
            })
    }
}

/// The process group of a program: what it started ends with it, also when this value is dropped.
struct Group(Option<Pid>);

impl Group {
    /// Asks it to end, and after five seconds makes it. What it had under way is done or dropped after that.
    async fn end(&self, child: &mut Child) {
        self.signal(Signal::TERM);
        if timeout(Duration::from_secs(5), child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = child.wait().await;
        }
        tokio::time::sleep(UNDER_WAY).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Reads a stream of a program while it runs.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Reader {
    fn start(stream: Option<impl AsyncRead + Unpin + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let task = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut chunk = vec![0; 16 << 10];
            while let Ok(length @ 1..) = stream.read(&mut chunk).await {
                let mut kept = kept.lock().expect("no holder panics");
                // The rest is read and forgotten, so that the program does not wait for room.
                let room = KEPT.saturating_sub(kept.len()).min(length);
                kept.extend_from_slice(&chunk[..room]);
            }
        });
        Self { bytes, task }
    }

    /// What was read when the stream has ended, or a moment after the program has: what it left running may hold the stream open
    /// for ever.
    async fn finish(mut self) -> String {
        if timeout(Duration::from_millis(500), &mut self.task).await.is_err() {
            self.task.abort();
        }
        String::from_utf8_lossy(&self.bytes.lock().expect("no holder panics")).into_owned()
    }
}

/// What it said last, which is where programs say why they fail.
fn last_lines(gained: &Gained) -> String {
    let text = if gained.stderr.trim().is_empty() { &gained.stdout } else { &gained.stderr };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    excerpt(&lines[lines.len().saturating_sub(3)..].join(" / "))
}
