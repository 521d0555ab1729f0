//! `meshproof report bundle`: one archive to send to whoever is to help.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use meshproof_reports::{ERRORED, PASSED, count_redacted, to_json};

use super::{args::BundleArgs, read};
use crate::{
    command::show::{err, out},
    redact::Redactor,
};

/// Writes the archive and says what is in it.
pub fn bundle(args: &BundleArgs) -> u8 {
    let Some(mut report) = read(&args.folder) else { return ERRORED };
    // It went through when it was written. Whatever has been done to the file since, nothing leaves unread.
    Redactor::default().report(&mut report);
    let packed = match meshproof_reports::bundle(&report) {
        Ok(packed) => packed,
        Err(error) => {
            err(&format!("failed to {error}\n"));
            return ERRORED;
        }
    };
    let name = || PathBuf::from(format!("meshproof-{}.tar.gz", file_name(&report.run.id)));
    let path = args.output.clone().unwrap_or_else(name);
    if let Err(error) = write(&path, &packed) {
        err(&format!("failed to write {}: {error}\n", path.display()));
        return ERRORED;
    }
    let diagnosed = report.cases.iter().filter(|case| case.diagnosis.is_some()).count();
    let redacted: usize = count_redacted(&to_json(&report)).values().sum();
    let (size, cases) = (packed.len().div_ceil(1024), report.cases.len());
    out(&format!(
        "{}: {size} KiB; {cases} cases, evidence of {diagnosed}; {redacted} times something secret was left out, see manifest.json\n",
        path.display()
    ));
    PASSED
}

/// An id of a report that anybody may have written must not lead anywhere.
fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).take(64).collect()
}

/// In a single step, so that nobody sends half of it.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".meshproof-bundle.").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
