//! What is embedded in the page. Texts are cleaned: what a cluster wrote is shown, never obeyed.

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    diagnosis::{Diagnosis, Evidence, commands},
    difference::{Part, difference},
    exit::{Outcome, beyond_cases, exit_code},
    facts::coverage,
    record::{CaseRecord, CaseRun, CellRecord, Moment, Report, RunInfo, Summary, Verdict},
    text::{clean, one_line},
};

/// So many cases are read together when one of them is looked at.
pub(super) const PER_CHUNK: usize = 100;

/// What all pages show.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    title: String,
    exit_code: u8,
    outcome: &'static str,
    outcome_class: &'static str,
    run: &'a RunInfo,
    suite: Suite<'a>,
    guide_url: Option<&'a str>,
    cells: &'a [CellRecord],
    summary: Summary,
    problems: Vec<String>,
    evidence: &'a [Evidence],
    coverage: Vec<Covered<'a>>,
    per_chunk: usize,
    cases: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Suite<'a> {
    name: &'a str,
    title: Option<&'a str>,
    digest: &'a str,
    variables: &'a IndexMap<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Covered<'a> {
    heading: &'a str,
    /// Places of cases.
    cases: Vec<usize>,
}

/// What lists and grids show of a case.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    /// The id without its cell.
    own: &'a str,
    /// The place of its cell.
    cell: usize,
    scenario: &'a str,
    title: String,
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    guide: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    /// The verdict of each run, where there were several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Option<Verdict>>,
}

/// What the page of a case shows besides.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details<'a> {
    place: String,
    started_at: Option<&'a str>,
    attempts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    /// Both of these in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<(Vec<Part>, Vec<Part>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    look: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<CaseRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<Diagnosis>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    title: String,
    place: String,
    verdict: Option<Verdict>,
    reason: Option<String>,
    duration_ms: u64,
    attempts: u64,
    output: Option<String>,
}

pub(super) fn data(report: &Report) -> Data<'_> {
    let outcome = Outcome::of(report);
    let places: IndexMap<&str, usize> =
        report.cells.iter().enumerate().map(|(place, cell)| (cell.name.as_str(), place)).collect();
    let line = |case| line(case, &places);
    Data {
        title: super::title(report),
        exit_code: exit_code(report),
        outcome: outcome.word(),
        outcome_class: class(outcome),
        run: &report.run,
        suite: Suite {
            name: &report.suite.name,
            title: report.suite.title.as_deref(),
            digest: &report.suite.digest,
            variables: &report.suite.variables,
        },
        guide_url: report.suite.guide_url.as_deref().filter(|url| is_web(url)),
        cells: &report.cells,
        summary: Summary::of(&report.cases),
        problems: beyond_cases(report).iter().map(|problem| clean(problem).into_owned()).collect(),
        evidence: &report.evidence,
        coverage: coverage(report).into_iter().map(|one| Covered { heading: one.heading, cases: one.cases }).collect(),
        per_chunk: PER_CHUNK,
        cases: report.cases.iter().map(line).collect(),
    }
}

/// The class of what is in the outcome's color.
pub(super) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Unproved => "unproved",
        Outcome::Interrupted => "interrupted",
    }
}

/// A report may come from elsewhere: its address must not be a script.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn line<'a>(case: &'a CaseRecord, places: &IndexMap<&str, usize>) -> Line<'a> {
    Line {
        id: &case.id,
        own: case.own_id(),
        cell: places.get(case.cell.as_str()).copied().unwrap_or(0),
        scenario: &case.scenario,
        title: one_line(&case.title),
        verdict: case.verdict,
        reason: case.reason.as_deref().map(one_line),
        ms: case.duration_ms,
        guide: case.guide.as_deref(),
        tags: &case.tags,
        runs: case.runs.iter().map(|run| run.verdict).collect(),
    }
}

pub(super) fn details(cases: &[CaseRecord]) -> Vec<Details<'_>> {
    cases.iter().map(detail).collect()
}

fn detail(case: &CaseRecord) -> Details<'_> {
    let expected = trimmed(case.expected.as_deref());
    let seen = trimmed(case.seen.as_deref());
    let differs = case.verdict != Some(Verdict::Passed);
    let marks = expected.as_deref().zip(seen.as_deref()).filter(|_| differs);
    Details {
        place: one_line(&case.place.to_string()),
        started_at: case.started_at.as_deref(),
        attempts: case.attempts,
        marks: marks.and_then(|(expected, seen)| difference(expected, seen)),
        expected,
        seen,
        look: commands(case).into_iter().map(|command| clean(command).into_owned()).collect(),
        steps: case.steps.iter().map(step).collect(),
        runs: case.runs.iter().map(run).collect(),
        timeline: case.timeline.iter().map(|one| Moment { text: one_line(&one.text), ..one.clone() }).collect(),
        diagnosis: case.diagnosis.as_ref().map(diagnosis),
    }
}

fn step(step: &crate::StepRecord) -> Step {
    Step {
        title: one_line(&step.title),
        place: one_line(&step.place.to_string()),
        verdict: step.verdict,
        reason: trimmed(step.reason.as_deref()),
        duration_ms: step.duration_ms,
        attempts: step.attempts,
        output: trimmed(step.output.as_deref()).filter(|output| !output.is_empty()),
    }
}

fn run(run: &CaseRun) -> CaseRun {
    CaseRun { reason: run.reason.as_deref().map(one_line), ..run.clone() }
}

fn diagnosis(found: &Diagnosis) -> Diagnosis {
    let mut found = found.clone();
    found.finding = one_line(&found.finding);
    for each in &mut found.evidence {
        each.title = one_line(&each.title);
        each.text = clean(&each.text).trim_end().to_owned();
    }
    found.not_collected = found.not_collected.iter().map(|lacking| one_line(lacking)).collect();
    found
}

fn trimmed(text: Option<&str>) -> Option<String> {
    text.map(|text| clean(text).trim_end().to_owned())
}
