//! What the command line takes.

mod choosing;
mod cluster;
mod images;
mod kind;
mod run;
mod simulate;

pub use choosing::{Again, Choosing};
pub use cluster::{ClusterArgs, ClusterKind};
pub use images::{BundleArgs, BundleCommand, CreateArgs, ImagesArgs, ImagesCommand, LoadArgs, LockArgs, Looking};
pub use kind::KindArgs;
pub use run::RunArgs;
pub use simulate::SimulateArgs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::report::ReportArgs;
use crate::{effect::Optional, language::formats::Span};

/// Proves, case by case, that an installation on Kubernetes is what a guide says.
///
/// Exit codes: 0 nothing failed; 1 a case failed; 2 a check could not be made, the suite is invalid or nothing was selected; 3
/// interrupted.
#[derive(Debug, Parser)]
#[command(name = "meshproof", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Say only what failed.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: each step, and what the cluster's client does.
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a suite on a cluster.
    Run(Box<RunArgs>),
    /// List the cases that a run would take.
    List(ListArgs),
    /// Take back what runs left on a cluster that could not do so themselves.
    Clean(CleanArgs),
    /// Show what a run would do: every object, image, address and right. Nothing is contacted without --live.
    Plan(PlanArgs),
    /// Ask a cluster whether a run could begin on it, and change nothing.
    Preflight(PreflightArgs),
    /// Show every artifact and image that a suite pulls, by really generating its manifests.
    Images(Box<ImagesArgs>),
    /// Carry everything that a suite needs to where no other network is.
    Bundle(Box<BundleArgs>),
    /// Keep a simulated cluster running, for kubectl and other clients.
    Simulate(SimulateArgs),
    /// Check scenario files and report every mistake.
    Check(CheckArgs),
    /// Show which headings and commands of a guide are proved by which cases.
    Coverage(CoverageArgs),
    /// Make something of the reports of runs that are over.
    Report(ReportArgs),
    /// Print the JSON Schema of scenario files.
    Schema(SchemaArgs),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The run, by its id. May be given several times.
    #[arg(long = "run", value_name = "ID")]
    pub runs: Vec<String>,
    /// Every run that has ended.
    #[arg(long, conflicts_with = "runs")]
    pub all: bool,
    /// Say what would be taken back, and contact nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The folder for journals, in place of `meshproof` in $XDG_STATE_HOME or ~/.local/state.
    #[arg(long, value_name = "DIR", env = "MESHPROOF_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Look on this cluster, by the labels of its objects, for what no journal on this machine tells of; `kind`: remove nodes in Docker
    /// whose run has ended.
    #[arg(long, value_enum)]
    pub cluster: Option<ClusterKind>,
    /// In place of the kubeconfig that the run used.
    #[arg(long, value_name = "FILE", env = "MESHPROOF_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// In place of the context that the run used.
    #[arg(long, value_name = "NAME", env = "MESHPROOF_CONTEXT")]
    pub context: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub choosing: Choosing,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub choosing: Choosing,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Print a service account with the rights that the run takes, to be piped into `kubectl apply -f -`.
    #[arg(long, conflicts_with = "json")]
    pub rbac: bool,
    /// With --rbac, also rights that a run can do without.
    #[arg(long = "with", value_enum, value_name = "WHAT", value_delimiter = ',', requires = "rbac")]
    pub also: Vec<Optional>,
    /// Ask the cluster what of it is there already.
    #[arg(long)]
    pub live: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

#[derive(Debug, Args)]
pub struct PreflightArgs {
    #[command(flatten)]
    pub choosing: Choosing,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files or folders with scenarios.
    #[arg(default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// The guide, in Markdown.
    pub guide: PathBuf,
    /// Files or folders with scenarios.
    #[arg(default_value = "scenarios/nks-istio")]
    pub paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The schema of report.json instead.
    #[arg(long)]
    pub report: bool,
    /// The schema of a conformance statement instead.
    #[arg(long, conflicts_with = "report")]
    pub statement: bool,
}

impl From<Span> for std::time::Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}
