//! What the command line takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use indexmap::IndexMap;
use semver::Version;

use super::report::ReportArgs;
use crate::{
    cells::{Clusters, Repeat, read_contexts},
    cluster::{ConnectOptions, SimulateOptions},
    diagnostic::Diagnostic,
    effect::Optional,
    language::formats::Span,
    plan::{Choices, Release, Sampling, Shard},
    registry::{Cache, RegistryMap, Settings, cache_directory},
};

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

/// Which suite, with which values, and which of its cases.
#[derive(Debug, Clone, Default, Args)]
pub struct Choosing {
    /// Files or folders with scenarios.
    #[arg(default_value = "scenarios/nks-istio")]
    pub paths: Vec<PathBuf>,
    /// Give a variable a value.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// A YAML file with values of variables.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Take cells of the suite's matrix, not only the one that the variables say: all, or few that have each two values together.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, default_missing_value = "all", env = "MESHPROOF_MATRIX")]
    pub matrix: Option<MatrixCells>,
    /// Take the cell of the matrix with this name, like a=1,b=2. May be given several times.
    #[arg(id = "cell", long = "cell", value_name = "NAME", conflicts_with = "matrix")]
    pub cells: Vec<String>,
    /// Take cases whose id contains this, and what they need. May be given several times.
    #[arg(short, long = "filter", value_name = "TEXT")]
    pub filters: Vec<String>,
    /// Filters are whole ids.
    #[arg(long, requires = "filters")]
    pub exact: bool,
    /// Take cases with this tag, and what they need. May be given several times.
    #[arg(short, long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Take one part of what is selected, like 2/5: the second of five. Each case is in exactly one part.
    #[arg(long, value_name = "N/OF")]
    pub shard: Option<Shard>,
    /// A report of an earlier run, or its folder: by what it took, shards are balanced, the longest cells begin first, and the time left
    /// is told. May be given several times; all shards of a run must be given the same. Without it, a run takes what is in its
    /// --report-dir, shards nothing.
    #[arg(long = "history", value_name = "DIR")]
    pub history: Vec<PathBuf>,
    #[command(flatten)]
    pub registries: RegistryArgs,
}

/// How registries are spoken to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// Use another registry in place of one, for all references that begin with it, and for variables that do: like
    /// docker.io/istio=registry.example:5000/istio. May be given several times; the longest FROM counts.
    #[arg(long = "registry-map", value_name = "FROM=TO", value_delimiter = ',', env = "MESHPROOF_REGISTRY_MAP")]
    pub map: Vec<String>,
    /// Trust the certificates of this PEM file besides the system's. May be given several times.
    #[arg(long = "registry-ca", value_name = "FILE", value_delimiter = ',', env = "MESHPROOF_REGISTRY_CA")]
    pub authorities: Vec<PathBuf>,
    /// Speak plain HTTP to this registry, as host or host:port. May be given several times. Loopback addresses always are.
    #[arg(long = "plain-http", value_name = "HOST", value_delimiter = ',', env = "MESHPROOF_PLAIN_HTTP")]
    pub plain_http: Vec<String>,
    /// Keep what is read from registries there, by its digest, in place of `meshproof` in $XDG_CACHE_HOME or ~/.cache.
    #[arg(long, value_name = "DIR", env = "MESHPROOF_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// Which cells of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MatrixCells {
    All,
    Pairwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClusterKind {
    /// A cluster inside this process: nothing else is needed, and nothing else is reached.
    Simulated,
    /// The cluster of a kubeconfig's context.
    Kubeconfig,
    /// The cluster that Meshproof itself runs in, by its pod's service account.
    InCluster,
    /// None: for suites that ask only registries and addresses. These are really reached.
    None,
}

/// Which cluster.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The kind of cluster. A real one is used only when it is named.
    #[arg(long = "cluster", value_enum, default_value_t = ClusterKind::Simulated, env = "MESHPROOF_CLUSTER")]
    pub kind: ClusterKind,
    /// The version of Kubernetes to simulate, like 1.27.16.
    #[arg(long, value_name = "VERSION", value_parser = kubernetes, env = "MESHPROOF_KUBERNETES")]
    pub kubernetes: Option<Version>,
    /// In place of $KUBECONFIG and ~/.kube/config.
    #[arg(long, value_name = "FILE", env = "MESHPROOF_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// In place of the kubeconfig's current context.
    #[arg(long, value_name = "NAME", env = "MESHPROOF_CONTEXT")]
    pub context: Option<String>,
}

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
    /// How many cells are simulated at once; as many as the machine has cores if not given.
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
    /// Look on this cluster, by the labels of its objects, for what no journal on this machine tells of.
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

/// Which suite's images, and where they are looked for.
#[derive(Debug, Clone, Args)]
pub struct Looking {
    #[command(flatten)]
    pub choosing: Choosing,
    /// Ask the registries of the simulated cluster, and not the real ones.
    #[arg(long)]
    pub simulated: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ImagesArgs {
    #[command(subcommand)]
    pub command: Option<ImagesCommand>,
    #[command(flatten)]
    pub looking: Looking,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// Print, line by line, from where to where all of it is to be copied, beneath this registry, perhaps with a path.
    #[arg(long, value_name = "DEST")]
    pub mirror: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum ImagesCommand {
    /// Write what registries have into a file, by digest, and show what changes it.
    Lock(LockArgs),
    /// Hold what registries have against that file.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub struct LockArgs {
    #[command(flatten)]
    pub looking: Looking,
    /// The file.
    #[arg(long, value_name = "FILE", default_value = "images.lock.yaml")]
    pub lock: PathBuf,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub looking: Looking,
    /// The file.
    #[arg(long, value_name = "FILE", default_value = "images.lock.yaml")]
    pub lock: PathBuf,
    /// Transfer everything, and verify every digest.
    #[arg(long)]
    pub deep: bool,
}

#[derive(Debug, Args)]
pub struct BundleArgs {
    #[command(subcommand)]
    pub command: BundleCommand,
}

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Copy the suite, and every artifact and image that it pulls, into a folder: an OCI layout, and the suite beside it.
    Create(CreateArgs),
    /// Push what such a folder has to a registry, with the same digests.
    Load(LoadArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The folder. One that is there is gone on with: what it has is not fetched again.
    pub directory: PathBuf,
    #[command(flatten)]
    pub looking: Looking,
}

#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The folder.
    pub directory: PathBuf,
    /// The registry, perhaps with a path.
    pub registry: String,
    #[command(flatten)]
    pub registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Write the kubeconfig there. The file must not be there yet; it goes with the cluster.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: PathBuf,
    /// The version of Kubernetes, like 1.27.16.
    #[arg(long, value_name = "VERSION", value_parser = kubernetes)]
    pub kubernetes: Option<Version>,
    /// How many times as fast as real time the cluster's time passes.
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = pace)]
    pub pace: f64,
    /// A release of Istio that a registry has, like registry.example/istio:1.24.0. May be given several times.
    #[arg(long = "release", value_name = "REGISTRY:VERSION", value_parser = release)]
    pub releases: Vec<Release>,
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

impl Choosing {
    /// What was said of variables; `Err` names a `--set` that is not one.
    pub fn choices(&self) -> Result<Choices, Vec<Diagnostic>> {
        let mut set = IndexMap::new();
        for text in &self.set {
            match text.split_once('=') {
                Some((name, value)) => set.insert(name.to_owned(), value.to_owned()),
                None => {
                    let title = format!("--set {text} is not NAME=VALUE");
                    return Err(vec![Diagnostic::error(title)]);
                }
            };
        }
        let environment = match &self.env_file {
            Some(path) => crate::plan::read_environment(path)?,
            None => IndexMap::new(),
        };
        let registries = self.registries.settings().map_err(|problem| vec![problem])?;
        let matrix = match self.matrix {
            _ if !self.cells.is_empty() => Sampling::Named(self.cells.clone()),
            None => Sampling::Variables,
            Some(MatrixCells::All) => Sampling::All,
            Some(MatrixCells::Pairwise) => Sampling::Pairwise,
        };
        Ok(Choices { set, environment, matrix, registries })
    }
}

impl RegistryArgs {
    /// What they say; `Err` names a rule that is none.
    pub fn settings(&self) -> Result<Settings, Diagnostic> {
        let map = RegistryMap::parse(self.map.iter().map(String::as_str)).map_err(|problem| {
            Diagnostic::error(format!("--registry-map: {problem}"))
                .help("write it like docker.io/istio=registry.example:5000/istio")
        })?;
        Ok(Settings {
            map,
            authorities: self.authorities.clone(),
            plain_http: self.plain_http.iter().cloned().collect(),
            cache: self.cache_dir.clone().or_else(cache_directory).map(Cache::new),
            ..Settings::default()
        })
    }
}

impl ClusterArgs {
    pub fn connect_options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            in_cluster: self.kind == ClusterKind::InCluster,
            ..ConnectOptions::default()
        }
    }

    /// Flags that say something of another kind of cluster than the one named.
    pub fn contradiction(&self) -> Option<Diagnostic> {
        let kubeconfig = self.kind == ClusterKind::Kubeconfig;
        let flag = match () {
            () if self.context.is_some() && !kubeconfig => "--context",
            () if self.kubeconfig.is_some() && !kubeconfig => "--kubeconfig",
            () if self.kubernetes.is_some() && self.kind != ClusterKind::Simulated => "--kubernetes",
            () => return None,
        };
        self.kind.means_nothing(flag)
    }
}

impl ClusterKind {
    /// That a flag is of another kind of cluster.
    fn means_nothing(self, flag: &str) -> Option<Diagnostic> {
        let named = self.to_possible_value()?;
        let help = match flag {
            "--cells" => "a real cluster takes one cell at a time; name several by --contexts",
            "--kubernetes" => "a real cluster has the version that it has; leave it out",
            _ => "for a real cluster, add --cluster kubeconfig",
        };
        Some(Diagnostic::error(format!("{flag} means nothing to --cluster {}", named.get_name())).help(help))
    }
}

impl RunArgs {
    /// The clusters that are named.
    pub fn clusters(&self) -> Result<Clusters, Vec<Diagnostic>> {
        let provider = match self.cluster.kind {
            ClusterKind::Simulated => {
                let cores = || std::thread::available_parallelism().map_or(1, usize::from);
                let at_once = self.cells_at_once.map_or_else(cores, usize::from);
                return Ok(Clusters::Simulated { version: self.cluster.kubernetes.clone(), at_once });
            }
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

    /// How often each cell is run.
    pub fn repeat(&self) -> Repeat {
        let endless = if self.until_failure { usize::MAX } else { 1 };
        let times = self.repeat.map_or(endless, |times| usize::try_from(times).unwrap_or(usize::MAX));
        Repeat { times, until_failure: self.until_failure }
    }

    /// Flags that contradict each other.
    pub fn contradiction(&self) -> Option<Diagnostic> {
        let kind = self.cluster.kind;
        match () {
            () if self.contexts.is_some() && kind != ClusterKind::Kubeconfig => kind.means_nothing("--contexts"),
            () if self.cells_at_once.is_some() && kind != ClusterKind::Simulated => kind.means_nothing("--cells"),
            () if self.keep && self.repeat() != Repeat::default() => {
                let diagnostic = Diagnostic::error("--keep and a repeated run exclude each other");
                Some(diagnostic.help("each round begins on a cluster that has nothing of the one before"))
            }
            () => self.cluster.contradiction(),
        }
    }
}

fn pace(text: &str) -> Result<f64, String> {
    let times: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (times > 0.0 && times <= 10_000.0).then_some(times).ok_or_else(|| "more than 0, and 10000 at most".to_owned())
}

fn release(text: &str) -> Result<Release, String> {
    let (registry, version) = text.rsplit_once(':').ok_or("write it like registry.example/istio:1.24.0")?;
    Version::parse(version).map_err(|error| format!("`{version}` is not a version: {error}"))?;
    Ok(Release { registry: registry.to_owned(), version: version.to_owned() })
}

fn kubernetes(text: &str) -> Result<Version, String> {
    let padded = if text.matches('.').count() == 1 { format!("{text}.0") } else { text.to_owned() };
    let version = Version::parse(padded.trim_start_matches('v')).map_err(|error| error.to_string())?;
    let known = version.major == 1 && SimulateOptions::MINORS.contains(&version.minor);
    known.then_some(version).ok_or_else(|| "1.25 to 1.34 can be simulated".to_owned())
}

impl From<Span> for std::time::Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}
