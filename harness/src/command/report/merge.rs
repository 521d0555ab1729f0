//! `meshproof report merge`: one report of several runs.

use std::path::Path;

use meshproof_reports::{Allowed, Part, exit_code, to_terminal, write_final};

use super::{
    args::{Allow, MergeArgs},
    read,
};
use crate::command::show::{self, out};

/// Merges, writes every form, and says what a run of all of it would say.
pub fn merge(args: &MergeArgs, verbose: bool) -> Result<u8, String> {
    let same = |folder: &Path| {
        folder.canonicalize().ok().is_some_and(|it| args.into.canonicalize().is_ok_and(|into| into == it))
    };
    if let Some(folder) = args.folders.iter().find(|folder| same(folder)) {
        return Err(format!(
            "merge into {}: its report is one of those to be merged; name another folder",
            folder.display()
        ));
    }
    let part = |folder: &std::path::PathBuf| Ok(Part { from: folder.display().to_string(), report: read(folder)? });
    let parts: Vec<Part> = args.folders.iter().map(part).collect::<Result<_, String>>()?;
    let allowed = Allowed {
        other_suite: args.allow.contains(&Allow::OtherSuite),
        contradictions: args.allow.contains(&Allow::Contradictions),
    };
    let report = meshproof_reports::merge(parts, allowed).map_err(|error| error.to_string())?;
    write_final(&args.into, &report).map_err(|error| error.to_string())?;
    out(&to_terminal(&report, show::style(verbose)));
    out(&format!("merged {} runs: {}\n", report.run.merged_from.len(), args.into.display()));
    Ok(exit_code(&report))
}
