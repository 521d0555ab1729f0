//! `meshproof report`: what can be made of the reports of runs that are over.

mod args;
mod baseline;
mod bundle;
mod diff;
mod merge;
mod render;

pub use args::{ReportArgs, ReportCommand};

use std::path::{Path, PathBuf};

use meshproof_reports::{ERRORED, PASSED, REPORT_JSON, Report, from_json, write_file};

use super::show::{err, out};
use crate::redact::Redactor;

/// Does what is asked; gives the exit code.
pub fn report(args: &ReportArgs, verbose: bool) -> u8 {
    let done = match &args.command {
        ReportCommand::Render(args) => render::render(args, verbose),
        ReportCommand::Merge(args) => merge::merge(args, verbose),
        ReportCommand::Diff(args) => diff::diff(args, verbose),
        ReportCommand::Baseline(args) => baseline::baseline(args),
        ReportCommand::Bundle(args) => bundle::bundle(args),
    };
    done.unwrap_or_else(|problem| {
        err(&format!("failed to {problem}\n"));
        ERRORED
    })
}

/// The report in a folder that `--report-dir` named, or in a file. `Err` completes "failed to …".
fn read(path: &Path) -> Result<Report, String> {
    let path = if path.is_dir() { path.join(REPORT_JSON) } else { path.to_owned() };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("read {}: {error}; name the folder that `--report-dir` named", path.display()))?;
    let mut report = from_json(&text).map_err(|error| format!("read {}: {error}", path.display()))?;
    // It went through when it was written. Whatever has been done to the file since, nothing leaves unread.
    Redactor::default().report(&mut report);
    Ok(report)
}

/// Writes text to a file or to standard output; the exit code of that.
fn give(output: Option<&PathBuf>, text: &str) -> Result<u8, String> {
    match output {
        Some(path) => write_file(path, text.as_bytes()).map_err(|error| error.to_string())?,
        None => out(text),
    }
    Ok(PASSED)
}
