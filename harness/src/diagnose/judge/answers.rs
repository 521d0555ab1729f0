//! What answers, programs and the cluster say instead of what was expected.

use std::sync::OnceLock;

use regex::Regex;

use crate::{
    brief::brief,
    diagnose::{concern::Deed, evidence::Evidence, finding::Finding},
};

/// A page or an output that came as it should, and says something else.
pub fn wrong_content(evidence: &Evidence) -> Option<Finding> {
    let about = evidence.concern.last().filter(|about| about.deed == Deed::Answer)?;
    let (expected, seen) = (evidence.symptom.expected.as_ref()?, evidence.symptom.seen.as_ref()?);
    // Elements are told in backquotes; where there are none, something else came than the page.
    let came = about.title.starts_with("html") && seen.starts_with('`');
    let what = evidence.concern.last_action()?.title.clone();
    came.then(|| Finding::WrongContent { what, expected: brief(expected), seen: brief(seen) })
}

pub fn program_says(evidence: &Evidence) -> Option<Finding> {
    static TELLING: OnceLock<Regex> = OnceLock::new();
    let telling = TELLING.get_or_init(|| {
        Regex::new(r"(?i)\b(error|fail|failed|failure|fatal|denied|refused|warning|IST\d+)\b").expect("it is right")
    });
    let about = evidence.concern.last().filter(|about| matches!(about.deed, Deed::Run | Deed::Answer))?;
    let program = match about.deed {
        Deed::Run => about,
        _ => evidence.concern.last_action().filter(|about| about.deed == Deed::Run)?,
    };
    let output = evidence.symptom.output.as_ref()?;
    let lines = || output.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| telling.is_match(line)).or_else(|| lines().next_back())?;
    Some(Finding::ProgramSays { program: brief(&program.title), line: brief(line) })
}

pub fn not_as_expected(evidence: &Evidence) -> Option<Finding> {
    let symptom = &evidence.symptom;
    let (expected, seen) = (symptom.expected.as_ref()?, symptom.seen.as_ref()?);
    (!symptom.errored).then(|| Finding::NotAsExpected { expected: brief(expected), seen: brief(seen) })
}
