//! `junit.xml`: the record for CI systems, which know three outcomes where Meshproof knows more.
//!
//! Passed is passed, failed and flaky a failure, errored and pending an error; blocked, skipped, not run and known-fail are skipped, each
//! with its word before the reason. There is a failure or an error exactly when the exit code is not 0.
//!
//! What it may hold is what all of its readers take: Jenkins (the schema of its xUnit plugin, `junit-10.xsd`, is the strictest and is
//! what `ci/report/junit` validates against), GitLab, and the reporters of GitHub.

mod xml;

use indexmap::IndexMap;

use crate::{
    diagnosis::{Evidence, commands},
    exit::beyond_cases,
    facts::plain,
    record::{CaseRecord, CellRecord, Report, Verdict},
    style::{duration, word},
    text::{clean, one_line},
};
use xml::{Kind, TestCase, TestResult, TestSuite, document};

/// Bytes of evidence in one case: CI systems keep, and show, little more.
const EVIDENCE: usize = 16_000;

/// The report as JUnit XML: a test suite for each cell, in order, and one named `run` for what went wrong beyond the cases. Text is free
/// of what XML 1.0 forbids.
#[must_use]
pub fn to_junit(report: &Report) -> String {
    let mut by_cell: IndexMap<&str, Vec<&CaseRecord>> = IndexMap::new();
    for case in &report.cases {
        by_cell.entry(&case.cell).or_default().push(case);
    }
    let unknown = CellRecord::default();
    let cell = |name: &str| report.cells.iter().find(|cell| cell.name == name).unwrap_or(&unknown);
    let mut suites: Vec<_> = by_cell.iter().map(|(name, cases)| cell_suite(report, cell(name), name, cases)).collect();
    let reasons = beyond_cases(report);
    if !reasons.is_empty() {
        suites.push(run_suite(report, &reasons));
    }
    document(&one_line(&report.suite.name), report.run.duration_ms, &suites)
}

/// Its time is the sum of its cases' times, which is more than the time that passed where cases ran side by side.
fn cell_suite(report: &Report, cell: &CellRecord, name: &str, cases: &[&CaseRecord]) -> TestSuite {
    let suite = one_line(&report.suite.name);
    TestSuite {
        name: if name.is_empty() { suite.clone() } else { one_line(name) },
        timestamp: cases.iter().filter_map(|case| case.started_at.as_deref()).min().map(one_line),
        time_ms: cases.iter().map(|case| case.duration_ms).sum(),
        properties: [run_properties(report), cell_properties(cell)].concat(),
        cases: cases.iter().map(|case| test_case(&suite, case)).collect(),
    }
}

fn run_suite(report: &Report, reasons: &[String]) -> TestSuite {
    let problem = |(n, reason): (usize, &String)| TestCase {
        name: format!("problem {}", n + 1),
        class: class(&report.suite.name, "run"),
        time_ms: None,
        result: Some(TestResult {
            kind: Kind::Error,
            word: "problem",
            message: one_line(reason),
            text: clean(reason).into_owned(),
        }),
        output: String::new(),
    };
    TestSuite {
        name: "run".to_owned(),
        timestamp: Some(one_line(&report.run.started_at)),
        time_ms: 0,
        properties: run_properties(report),
        cases: reasons.iter().enumerate().map(problem).collect(),
    }
}

/// Named by the id, which stays when a title is reworded: CI systems follow a test by its name. Its class is the cell (or
/// the suite) and the scenario, for GitLab shows nothing else of where a case belongs.
fn test_case(suite: &str, case: &CaseRecord) -> TestCase {
    let cell = if case.cell.is_empty() { suite } else { &case.cell };
    TestCase {
        name: one_line(case.own_id()),
        class: class(cell, &case.scenario),
        time_ms: case.verdict.map(|_| case.duration_ms),
        result: result(case),
        output: output(case) + &diagnosis(case),
    }
}

/// Jenkins takes what stands before the last dot for a package, and each has a page of its own; so there must be only one dot.
fn class(package: &str, name: &str) -> String {
    let plain = |text: &str| one_line(text).replace('.', "_");
    format!("{}.{}", plain(package), plain(name))
}

fn result(case: &CaseRecord) -> Option<TestResult> {
    let reason = one_line(case.reason.as_deref().unwrap_or("no reason was given"));
    let (kind, message) = match case.verdict {
        Some(Verdict::Passed) => return None,
        Some(Verdict::Failed | Verdict::Flaky) => (Kind::Failure, reason),
        Some(Verdict::Errored) => (Kind::Error, reason),
        None => (Kind::Error, "no verdict: the run ended before".to_owned()),
        Some(verdict @ (Verdict::Blocked | Verdict::Skipped | Verdict::KnownFail | Verdict::NotRun)) => {
            let word = verdict.word();
            (Kind::Skipped, if reason.starts_with(word) { reason } else { format!("{word}: {reason}") })
        }
    };
    let brief = matches!(case.verdict, Some(Verdict::Blocked | Verdict::Skipped | Verdict::NotRun));
    let text = if brief { String::new() } else { description(case) };
    Some(TestResult { kind, word: word(case.verdict), message, text })
}

/// What a person needs who has nothing but the CI system's page.
fn description(case: &CaseRecord) -> String {
    let place = case.place.to_string();
    let look = commands(case).join("\n");
    let runs: Vec<_> = case.runs.iter().map(|run| word(run.verdict)).collect();
    let runs = runs.join(", ");
    let given = |text: &&str| !text.is_empty();
    let fields = [
        ("case", Some(case.title.as_str()).filter(given)),
        ("guide", case.guide.as_deref()),
        ("finding", case.diagnosis.as_ref().map(|diagnosis| diagnosis.finding.as_str())),
        ("expected", case.expected.as_deref()),
        ("seen", case.seen.as_deref()),
        ("runs", Some(runs.as_str()).filter(given)),
        ("place", Some(place.as_str())),
        ("how to look", Some(look.as_str()).filter(given)),
    ];
    let mut text = String::from("\n");
    for (label, value) in fields {
        let Some(value) = value else { continue };
        text.push_str(label);
        text.push(':');
        for line in clean(value).trim_end().lines() {
            text.push_str("\n  ");
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}

/// The outputs of the steps, each under a line that names its step.
fn output(case: &CaseRecord) -> String {
    let blocks = case.steps.iter().filter_map(|step| {
        let output = clean(step.output.as_deref()?);
        let title = format!("# {} ({}, {})", one_line(&step.title), word(step.verdict), duration(step.duration_ms));
        (!output.trim().is_empty()).then(|| format!("\n{title}\n{}\n", output.trim_end()))
    });
    blocks.collect()
}

/// What was collected as the case failed, as far as it has room.
fn diagnosis(case: &CaseRecord) -> String {
    let Some(diagnosis) = &case.diagnosis else { return String::new() };
    let mut text = String::new();
    for Evidence { title, kind, text: evidence, truncated } in &diagnosis.evidence {
        let part = if *truncated { ", in part" } else { "" };
        let block = format!("\n# {} of {}{part}\n{}\n", kind.word(), one_line(title), clean(evidence).trim_end());
        if text.len() + block.len() > EVIDENCE {
            text.push_str("\n# more evidence is in report.json\n");
            break;
        }
        text.push_str(&block);
    }
    text
}

/// Of the run. JUnit has no place for them but in each suite.
fn run_properties(report: &Report) -> Vec<(String, String)> {
    let run = &report.run;
    let mut all = vec![
        property("run.id", &run.id),
        property("meshproof.version", &run.meshproof_version),
        property("suite.name", &report.suite.name),
        property("suite.digest", &report.suite.digest),
    ];
    all.extend(run.shard.as_deref().map(|shard| property("run.shard", shard)));
    all.extend(report.suite.variables.iter().map(|(name, value)| property(&format!("variable.{name}"), &plain(value))));
    all
}

/// Of a cell: its values, its cluster, and every image with its digest.
fn cell_properties(cell: &CellRecord) -> Vec<(String, String)> {
    let mut all: Vec<_> =
        cell.values.iter().map(|(axis, value)| property(&format!("cell.{axis}"), &plain(value))).collect();
    all.extend(cell.not_run.as_deref().map(|reason| property("cell.notRun", reason)));
    let Some(cluster) = &cell.cluster else { return all };
    all.push(property("cluster.context", &cluster.context));
    all.push(property("cluster.provider", &cluster.provider));
    all.push(property("cluster.simulated", &cluster.simulated.to_string()));
    all.push(property("kubernetes.version", &cluster.kubernetes_version));
    let found = cluster.versions.iter().filter(|(name, _)| *name != "kubernetes");
    all.extend(found.map(|(name, version)| property(&format!("version.{name}"), version)));
    all.extend(cluster.images.iter().map(|seen| property(&format!("image.{}", seen.image), &seen.digest)));
    all
}

fn property(name: &str, value: &str) -> (String, String) {
    (one_line(name), one_line(value))
}

#[cfg(test)]
mod tests;
