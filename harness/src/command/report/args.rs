//! What `meshproof report` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(subcommand)]
    pub command: ReportCommand,
}

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Pack a run's report and everything that was collected into one archive, to be sent to support. Secrets are left out.
    Bundle(BundleArgs),
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
