//! `meshproof report diff`: what changed between two runs.

use std::path::Path;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use meshproof_reports::{Baseline, Diff, Slower, Style};

use super::{
    args::{DiffArgs, DiffFormat},
    give, read,
};
use crate::command::show;

/// Tells the difference; 1 if something got worse.
pub fn diff(args: &DiffArgs, verbose: bool) -> Result<u8, String> {
    let (before, after) = (side(&args.before)?, side(&args.after)?);
    if before.suite.name != after.suite.name {
        let (one, other) = (&before.suite.name, &after.suite.name);
        return Err(format!(
            "compare: {} is of the suite {one}, {} of {other}",
            args.before.display(),
            args.after.display()
        ));
    }
    let slower =
        Slower { times: args.slower_times, by_ms: u64::try_from(args.slower_by.0.as_millis()).unwrap_or(u64::MAX) };
    let diff = Diff::between(&before, &after, slower, today());
    let text = match args.format {
        DiffFormat::Text if args.output.is_some() => diff.to_terminal(Style { verbose, width: 120, color: false }),
        DiffFormat::Text => diff.to_terminal(show::style(verbose)),
        DiffFormat::Markdown => diff.to_markdown(),
        DiffFormat::Json => diff.to_json(),
    };
    give(args.output.as_ref(), &text)?;
    Ok(diff.exit_code())
}

/// A report, or a baseline; a report is JSON, which begins with a brace.
fn side(path: &Path) -> Result<Baseline, String> {
    if path.is_dir() {
        return Ok(Baseline::of(&read(path)?));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))?;
    match text.trim_start().starts_with('{') {
        true => Ok(Baseline::of(&read(path)?)),
        false => Baseline::from_yaml(&text).map_err(|error| format!("read {}: {error}", path.display())),
    }
}

/// By UTC: a known failure expires everywhere at once.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
