//! `meshproof simulate`: keeps a simulated cluster running, for kubectl and whatever else speaks to Kubernetes.

use std::path::{Path, PathBuf};

use meshproof_reports::{ERRORED, PASSED};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    args::SimulateArgs,
    show::{self, out},
};
use crate::{
    cluster::{Pace, SimulateOptions, Simulated, start_simulated},
    diagnostic::Diagnostic,
};

pub fn run(args: &SimulateArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(Diagnostic::error(format!("failed to start: {error}"))),
    };
    match runtime.block_on(simulate(args)) {
        Ok(()) => PASSED,
        Err(problem) => refuse(problem),
    }
}

fn refuse(problem: Diagnostic) -> u8 {
    show::diagnostics(&[problem]);
    ERRORED
}

async fn simulate(args: &SimulateArgs) -> Result<(), Diagnostic> {
    // Whose file it is cannot be known, and a kubeconfig is nothing to lose.
    if args.kubeconfig.exists() {
        let title = format!("{} is there already", args.kubeconfig.display());
        return Err(Diagnostic::error(title).help("name a file that is not: a kubeconfig is never overwritten"));
    }
    let directory =
        tempfile::tempdir().map_err(|error| Diagnostic::error(format!("failed to make a folder: {error}")))?;
    let standard = SimulateOptions::default();
    let options = SimulateOptions {
        version: args.kubernetes.clone().unwrap_or(standard.version),
        pace: Pace::times(args.pace),
        releases: args.releases.clone(),
        secrets: crate::redact::Secrets::default(),
    };
    let simulated = start_simulated(&options, directory.path()).await.map_err(|e| Diagnostic::error(e.to_string()))?;
    let failed = |error| Diagnostic::error(format!("failed to listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let _written = Written::copy(&simulated.kubeconfig, &args.kubeconfig)?;
    out(&introduction(args, &options, &simulated));
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    simulated.simulator.stop().await;
    Ok(())
}

fn introduction(args: &SimulateArgs, options: &SimulateOptions, simulated: &Simulated) -> String {
    let proxy = &simulated.proxy;
    format!(
        "simulated Kubernetes v{} at {}\n  export KUBECONFIG={}\n  its network, and its registries, by the proxy {} with the authority {}\nCtrl-C ends it\n",
        options.version,
        simulated.simulator.url(),
        args.kubeconfig.display(),
        proxy.url,
        proxy.authority_file.display(),
    )
}

/// A file that goes with this.
struct Written(PathBuf);

impl Written {
    fn copy(from: &Path, to: &Path) -> Result<Self, Diagnostic> {
        let failed = |error| Diagnostic::error(format!("failed to write {}: {error}", to.display()));
        std::fs::copy(from, to).map_err(failed)?;
        Ok(Self(to.to_owned()))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}
