//! `meshproof report`: what can be made of the reports of runs that are over.

mod args;
mod bundle;

pub use args::{ReportArgs, ReportCommand};

use std::path::Path;

use meshproof_reports::{REPORT_JSON, Report, from_json};

use super::show::err;

/// Does what is asked; gives the exit code.
pub fn report(args: &ReportArgs) -> u8 {
    match &args.command {
        ReportCommand::Bundle(args) => bundle::bundle(args),
    }
}

/// The report in a folder that `--report-dir` named; `None` if it cannot be read, which is told then.
fn read(folder: &Path) -> Option<Report> {
    let path = folder.join(REPORT_JSON);
    let read = std::fs::read_to_string(&path)
        .map_err(|error| {
            format!("failed to read {}: {error}; name the folder that `--report-dir` named", path.display())
        })
        .and_then(|text| from_json(&text).map_err(|error| format!("{}: failed to {error}", path.display())));
    read.map_err(|problem| err(&format!("{problem}\n"))).ok()
}
