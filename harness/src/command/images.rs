//! `meshproof images`: everything that a suite pulls, its digests, and where to copy it.

use std::{fmt::Write as _, sync::Arc};

use meshproof_reports::{ERRORED, FAILED, PASSED};
use serde_json::json;

use super::{
    args::{ClusterArgs, ClusterKind, ImagesArgs, ImagesCommand, LockArgs, Looking},
    begin::begin,
    run::{Prepared, provide},
    show::{self, err, out},
};
use crate::{
    cluster::Cluster,
    diagnostic::Diagnostic,
    engine::make_directory,
    images::{Examined, GatherError, Kind, Lock, Pulled, examine, gather, mirror},
    redact::Secrets,
};

pub fn images(args: &ImagesArgs) -> u8 {
    match &args.command {
        None => with(&args.looking, async |looked| {
            out(&match &args.mirror {
                Some(destination) => mirrored(&looked, destination, args.json),
                None if args.json => {
                    format!("{:#}\n", json!({"suite": looked.prepared.plan.suite, "pulled": looked.pulled}))
                }
                None => listed(&looked.pulled),
            });
            PASSED
        }),
        Some(ImagesCommand::Lock(lock)) => with(&lock.looking, async |looked| {
            let examined = examine(&looked.cluster.registries, &looked.pulled, false).await;
            locked(lock, &looked, &examined)
        }),
        Some(ImagesCommand::Verify(verify)) => with(&verify.looking, async |looked| {
            let lock = match Lock::read(&verify.lock) {
                Ok(lock) => lock,
                Err(error) => return failed(error.to_string()),
            };
            let examined = examine(&looked.cluster.registries, &looked.pulled, verify.deep).await;
            let changes = examined.changes(&lock);
            tell(&changes);
            let code = trouble(&examined);
            if code == PASSED && changes.is_empty() {
                out(&format!("{} of {}: as the lock file says\n", count(&examined), lock.suite));
            }
            if code == PASSED && !changes.is_empty() { FAILED } else { code }
        }),
    }
}

/// A suite whose images are known, and how to reach them.
pub(super) struct Looked<'a> {
    pub prepared: &'a Prepared,
    pub cluster: Arc<Cluster>,
    pub pulled: Vec<Pulled>,
}

impl Looked<'_> {
    /// What is pulled, with each name by which the suite may call it.
    pub fn named(&self) -> impl Iterator<Item = (&Pulled, String)> {
        let map = &self.cluster.registries.settings().map;
        self.pulled.iter().flat_map(|one| map.origins(&one.reference).into_iter().map(move |name| (one, name)))
    }
}

/// Finds out what the suite pulls, and does `then` with it. Gives an exit code.
pub(super) fn with(looking: &Looking, then: impl AsyncFnOnce(Looked<'_>) -> u8) -> u8 {
    let prepared = match begin(&looking.choosing, None) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let kind = if looking.simulated { ClusterKind::Simulated } else { ClusterKind::None };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(format!("failed to start: {error}")),
    };
    let work = match make_directory(&prepared.run) {
        Ok(work) => work,
        Err(problem) => return failed(problem),
    };
    let code = runtime.block_on(async {
        let args = ClusterArgs { kind, kubernetes: None, kubeconfig: None, context: None };
        let cluster = match provide(&args, &prepared.plan, &work, &Secrets::default()).await {
            Ok(cluster) => Arc::new(cluster),
            Err(error) => return failed(error.to_string()),
        };
        match gather(&prepared.plan, &cluster, &prepared.run).await {
            Ok(pulled) => then(Looked { prepared: &prepared, cluster, pulled }).await,
            Err(error) => {
                let product = matches!(error, GatherError::Source { failed: true, .. });
                err(&format!("{error}\n"));
                if product { FAILED } else { ERRORED }
            }
        }
    });
    // What cannot be removed lies in the system's folder for temporary files.
    let _ = std::fs::remove_dir_all(&work);
    code
}

pub(super) fn failed(problem: String) -> u8 {
    show::diagnostics(&[Diagnostic::error(problem)]);
    ERRORED
}

fn listed(pulled: &[Pulled]) -> String {
    let mut text = String::new();
    for (kind, title) in
        [(Kind::Artifact, "artifacts, pulled by the run"), (Kind::Image, "images, pulled by the cluster")]
    {
        let some: Vec<&Pulled> = pulled.iter().filter(|one| one.kind == kind).collect();
        if some.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title}");
        let width = some.iter().map(|one| one.reference.len()).max().unwrap_or_default();
        for one in some {
            let from: Vec<&str> = one.from.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  {:width$}  {}", one.reference, from.join(", "));
        }
    }
    text
}

/// A line for each copy, source and destination; the rules are no part of the list.
fn mirrored(looked: &Looked<'_>, destination: &str, as_json: bool) -> String {
    let named: Vec<_> = looked.named().collect();
    let mirror = mirror(named.iter().map(|(one, name)| (one.reference.as_str(), name.as_str())), destination);
    for (first, other) in &mirror.same {
        err(&format!("note: {other} has the same place there as {first}, which is copied: they must be the same\n"));
    }
    if as_json {
        let copies: Vec<_> =
            mirror.copies.iter().map(|(source, to)| json!({"source": source, "destination": to})).collect();
        return format!("{:#}\n", json!({"copies": copies, "registryMap": mirror.rules}));
    }
    let rules: Vec<String> = mirror.rules.iter().map(|rule| format!("--registry-map {rule}")).collect();
    err(&format!("a run finds them there with {}\n", rules.join(" ")));
    let lines: Vec<String> = mirror.copies.iter().map(|(from, to)| format!("{from} {to}\n")).collect();
    lines.concat()
}

fn locked(args: &LockArgs, looked: &Looked<'_>, examined: &Examined) -> u8 {
    let code = trouble(examined);
    if code != PASSED {
        err(&format!("{} is not written\n", args.lock.display()));
        return code;
    }
    let lock = Lock::new(&looked.prepared.plan.suite, examined.by_name(&looked.cluster.registries.settings().map));
    if args.lock.exists() {
        match Lock::read(&args.lock) {
            Ok(before) => tell(&lock.changes(&before)),
            Err(error) => return failed(error.to_string()),
        }
    }
    if let Err(error) = lock.write(&args.lock) {
        return failed(error.to_string());
    }
    out(&format!("{}: {}\n", args.lock.display(), count(examined)));
    PASSED
}

fn tell(changes: &[String]) {
    for change in changes {
        out(&format!("{change}\n"));
    }
}

fn count(examined: &Examined) -> String {
    let bytes: u64 = examined.images.iter().map(|image| image.size).sum();
    format!("{} references, {bytes} bytes", examined.images.len())
}

/// Tells what is wrong, and gives the exit code that follows.
pub(super) fn trouble(examined: &Examined) -> u8 {
    for (sentences, verdict) in [(&examined.flaws, "failed"), (&examined.troubles, "errored")] {
        for sentence in sentences {
            err(&format!("{verdict}  {sentence}\n"));
        }
    }
    match (examined.flaws.is_empty(), examined.troubles.is_empty()) {
        (false, _) => FAILED,
        (true, false) => ERRORED,
        (true, true) => PASSED,
    }
}
