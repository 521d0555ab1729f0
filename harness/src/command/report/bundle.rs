//! `meshproof report bundle`: one archive to send to whoever is to help.

use std::path::PathBuf;

use meshproof_reports::{PASSED, count_redacted, to_json, write_file};

use super::{args::BundleArgs, read};
use crate::command::show::out;

/// Writes the archive and says what is in it.
pub fn bundle(args: &BundleArgs) -> Result<u8, String> {
    let report = read(&args.folder)?;
    let packed = meshproof_reports::bundle(&report).map_err(|error| error.to_string())?;
    let name = || PathBuf::from(format!("meshproof-{}.tar.gz", file_name(&report.run.id)));
    let path = args.output.clone().unwrap_or_else(name);
    write_file(&path, &packed).map_err(|error| error.to_string())?;
    let diagnosed = report.cases.iter().filter(|case| case.diagnosis.is_some()).count();
    let redacted: usize = count_redacted(&to_json(&report)).values().sum();
    let (size, cases) = (packed.len().div_ceil(1024), report.cases.len());
    out(&format!(
        "{}: {size} KiB; {cases} cases, evidence of {diagnosed}; {redacted} times something secret was left out, see manifest.json\n",
        path.display()
    ));
    Ok(PASSED)
}

/// An id of a report that anybody may have written must not lead anywhere.
fn file_name(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).take(64).collect()
}
