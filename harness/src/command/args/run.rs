//! What `meshproof run` takes.

use std::path::PathBuf;

use clap::Args;

use super::{Choosing, ClusterArgs, ClusterKind, KindArgs};
use crate::{
    cells::{Clusters, Repeat, read_contexts},
    diagnostic::Diagnostic,
    kind::{KindOptions, NodeImages},
    language::formats::Span,
};

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RunArgs {
    #[command(flatten)]
    pub choosing: Choosing,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Begin without asking first whether the cluster is fit for it.
    #[arg(long)]
    pub no_preflight: bool,
    /// A YAML list of {kubeconfig, context}, each a cluster: they share the cells of the matrix, each taking those that it can prove.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kubeconfig", "context"], env = "MESHPROOF_CONTEXTS")]
    pub contexts: Option<PathBuf>,
    #[command(flatten)]
    pub kind: KindArgs,
    /// How many clusters are made at once: if not given, as many simulated ones as the machine has cores, and as many kind clusters as
    /// Docker's host has memory for.
    #[arg(long = "cells", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub cells_at_once: Option<u16>,
    /// Run everything so many times; a case that both passed and failed is flaky.
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: Option<u32>,
    /// Run everything again until a case fails; with --repeat, so many times at most.
    #[arg(long)]
    pub until_failure: bool,
    /// Write report.json, junit.xml and, at the end, report.html and report.md there.
    #[arg(long, value_name = "DIR", env = "MESHPROOF_REPORT_DIR")]
    pub report_dir: Option<PathBuf>,
    /// Begin nothing more after the first case that fails or errors.
    #[arg(long)]
    pub fail_fast: bool,
    /// Leave on the cluster, and on disk, what the run made.
    #[arg(long)]
    pub keep: bool,
    /// How long all cases together may take, like 30m.
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<Span>,
    /// How many cases may run at once.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub jobs: usize,
    /// How long to wait for another run on the cluster that this one would spoil, like 30m.
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<Span>,
    /// Do not compare the cluster's objects before and after the run.
    #[arg(long)]
    pub no_inventory: bool,
    /// The folder for journals, in place of `meshproof` in $XDG_STATE_HOME or ~/.local/state.
    #[arg(long, value_name = "DIR", env = "MESHPROOF_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
}

impl RunArgs {
    /// The clusters that are named.
    pub fn clusters(&self) -> Result<Clusters, Vec<Diagnostic>> {
        let provider = match self.cluster.kind {
            ClusterKind::Simulated => {
                let cores = || std::thread::available_parallelism().map_or(1, usize::from);
                let at_once = self.cells_at_once.map_or_else(cores, usize::from);
                return Ok(Clusters::Simulated { version: self.cluster.simulated_version(), at_once });
            }
            ClusterKind::Kind => return Ok(Clusters::Kind(self.kind_options())),
            ClusterKind::None => return Ok(Clusters::None),
            ClusterKind::Kubeconfig => "kubeconfig",
            ClusterKind::InCluster => "in-cluster",
        };
        let contexts = match &self.contexts {
            Some(path) => read_contexts(path)?,
            None => vec![self.cluster.connect_options()],
        };
        Ok(Clusters::Real { provider, contexts })
    }

    fn kind_options(&self) -> KindOptions {
        KindOptions {
            images: NodeImages(self.kind.node_images.clone()),
            version: self.cluster.kubernetes,
            load: self.kind.load.clone(),
            workers: self.kind.workers,
            api_port: self.kind.api_port,
            // One port is for one cluster.
            at_once: self.kind.api_port.map(|_| 1).or(self.cells_at_once.map(usize::from)),
            keep: self.keep || self.kind.keep_cluster,
        }
    }

    /// How often each cell is run.
    pub fn repeat(&self) -> Repeat {
        let endless = if self.until_failure { usize::MAX } else { 1 };
        let times = self.repeat.map_or(endless, |times| usize::try_from(times).unwrap_or(usize::MAX));
        Repeat { times, until_failure: self.until_failure }
    }

    /// Flags that contradict each other.
    pub fn contradiction(&self) -> Option<Diagnostic> {
        let kind = self.cluster.kind;
        let of_kind = self.kind.named().filter(|_| kind != ClusterKind::Kind);
        match () {
            () if self.contexts.is_some() && kind != ClusterKind::Kubeconfig => kind.means_nothing("--contexts"),
            () if self.cells_at_once.is_some() && !kind.is_made() => kind.means_nothing("--cells"),
            () if of_kind.is_some() => of_kind.and_then(|flag| kind.means_nothing(flag)),
            () if self.keep && self.repeat() != Repeat::default() => {
                let diagnostic = Diagnostic::error("--keep and a repeated run exclude each other");
                Some(diagnostic.help("each round begins on a cluster that has nothing of the one before"))
            }
            () => self.cluster.contradiction(),
        }
    }
}
