//! What `meshproof report` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::language::formats::Span;

#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(subcommand)]
    pub command: ReportCommand,
}

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Draw a run's report in another form.
    Render(Box<RenderArgs>),
    /// Make one report of several runs: shards, other machines, other days. Exits as a run of all of it would.
    Merge(MergeArgs),
    /// Tell what changed from one run to another. Exits with 1 if something got worse.
    Diff(DiffArgs),
    /// Write what a run proved into a small file to be kept in a repository, for `report diff`.
    Baseline(BaselineArgs),
    /// Pack a run's report and everything that was collected into one archive, to be sent to support. Secrets are left out.
    Bundle(BundleArgs),
}

#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The folder that `--report-dir` named, or its report.json.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[arg(long, value_enum, default_value_t = RenderFormat::Text)]
    pub format: RenderFormat,
    /// The file to write. Without it: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub implementation: ImplementationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RenderFormat {
    /// What a run says at its end.
    Text,
    /// One page that needs no network.
    Html,
    /// For a pull request or a job's summary.
    Markdown,
    /// For CI systems.
    Junit,
    /// The record itself, in its newest schema.
    Json,
    /// A statement of conformance to be published, in YAML.
    Statement,
}

/// Who vouches for what, in a statement.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of a statement")]
pub struct ImplementationArgs {
    /// The company, group or person that vouches for it.
    #[arg(long, value_name = "NAME", required_if_eq("format", "statement"))]
    pub organization: Option<String>,
    /// What was proved. Without it: the suite's title.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The version of what was proved. Without it: the one that was found on all clusters.
    #[arg(long, value_name = "VERSION")]
    pub product_version: Option<String>,
    /// Where people can read more about it.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Whom to ask. May be given several times.
    #[arg(long, value_name = "WHO")]
    pub contact: Vec<String>,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Folders that `--report-dir` named. Their order does not matter; that of a killed run counts for what it proved.
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// The folder for the merged report, in every form.
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// Merge although this does not go together. May be given several times.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub allow: Vec<Allow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// Suites of the same name whose files differ.
    OtherSuite,
    /// Cases that passed in one run and failed in another: they become flaky.
    Contradictions,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The run before: a folder that `--report-dir` named, a report.json, or a baseline.
    pub before: PathBuf,
    /// The run after, likewise.
    pub after: PathBuf,
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// The file to write. Without it: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A case is slower that takes so many times as long as before …
    #[arg(long, value_name = "TIMES", default_value_t = 2.0, value_parser = times)]
    pub slower_times: f64,
    /// … and longer by so much.
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub slower_by: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    Text,
    /// For a pull request.
    Markdown,
    Json,
}

#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// The folder that `--report-dir` named, or its report.json.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The file to write. Known failures of one that is there are kept. Without it: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The folder that `--report-dir` named.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The archive to write. Without it: `meshproof-RUN.tar.gz` in the current folder.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn times(text: &str) -> Result<f64, String> {
    let times: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (times >= 1.0 && times.is_finite()).then_some(times).ok_or_else(|| "1 or more".to_owned())
}
