//! `junit.xml`: the record for CI systems, which know three outcomes where Meshproof knows six.
//!
//! Passed is passed, failed a failure, errored and pending an error; blocked, skipped and known-fail are skipped, each
//! with its word before the reason. There is a failure or an error exactly when the exit code is not 0.
//! The format: <https://github.com/testmoapp/junitxml>.

use std::time::Duration;

use indexmap::IndexMap;
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use crate::{
    diagnosis::commands,
    exit::beyond_cases,
    record::{CaseRecord, Report, Verdict},
    style::{duration, word},
    text::{clean, one_line},
};

/// Completes "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("draw the JUnit report: {0}")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// The report as JUnit XML: a test suite for each scenario, in order of first appearance, and one named `run` for what
/// went wrong beyond the cases. Text is free of what XML 1.0 forbids.
pub fn to_junit(report: &Report) -> Result<String, JunitError> {
    let mut scenarios: IndexMap<&str, Vec<&CaseRecord>> = IndexMap::new();
    for case in &report.cases {
        scenarios.entry(&case.scenario).or_default().push(case);
    }
    let properties = properties(report);

    let mut root = quick_junit::Report::new(clean(&report.suite.name));
    root.timestamp = report.run.started_at.parse().ok();
    root.set_time(Duration::from_millis(report.run.duration_ms));
    for (scenario, cases) in scenarios {
        let mut suite = scenario_suite(scenario, &cases);
        suite.add_properties(properties.iter().cloned());
        root.add_test_suite(suite);
    }
    let reasons = beyond_cases(report);
    if !reasons.is_empty() {
        let mut suite = run_suite(&reasons);
        suite.timestamp = root.timestamp;
        suite.add_properties(properties);
        root.add_test_suite(suite);
    }
    Ok(root.to_string()?)
}

/// Its time is the sum of its cases' times, which is more than the time that passed where cases ran side by side.
fn scenario_suite(scenario: &str, cases: &[&CaseRecord]) -> TestSuite {
    let mut suite = TestSuite::new(clean(scenario));
    suite.set_time(Duration::from_millis(cases.iter().map(|case| case.duration_ms).sum()));
    suite.add_test_cases(cases.iter().map(|case| test_case(case)));
    suite.timestamp = suite.test_cases.iter().filter_map(|case| case.timestamp).min();
    suite
}

fn run_suite(reasons: &[String]) -> TestSuite {
    let mut suite = TestSuite::new("run");
    for (n, reason) in reasons.iter().enumerate() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("problem").set_message(one_line(reason)).set_description(clean(reason));
        let mut case = TestCase::new(format!("run/problem {}", n + 1), status);
        case.set_classname("run");
        suite.add_test_case(case);
    }
    suite
}

/// Named by the id, which is unique and stays when a title is reworded: CI systems follow a test by its name.
fn test_case(case: &CaseRecord) -> TestCase {
    let mut test = TestCase::new(one_line(&case.id), status(case));
    test.set_classname(clean(&case.scenario));
    test.timestamp = case.started_at.as_deref().and_then(|at| at.parse().ok());
    test.time = case.verdict.map(|_| Duration::from_millis(case.duration_ms));
    test.extra.insert("file".into(), one_line(&case.place.file).into());
    test.extra.insert("line".into(), case.place.line.to_string().into());
    test.add_property(Property::new("title", one_line(&case.title)));
    if let Some(guide) = &case.guide {
        test.add_property(Property::new("guide", one_line(guide)));
    }
    for tag in &case.tags {
        test.add_property(Property::new("tag", one_line(tag)));
    }
    let output = output(case) + &diagnosis(case);
    if !output.is_empty() {
        test.set_system_out(output);
    }
    test
}

fn status(case: &CaseRecord) -> TestCaseStatus {
    let reason = one_line(case.reason.as_deref().unwrap_or("no reason was given"));
    let (mut status, message) = match case.verdict {
        Some(Verdict::Passed) => return TestCaseStatus::success(),
        Some(Verdict::Failed | Verdict::Flaky) => (TestCaseStatus::non_success(NonSuccessKind::Failure), reason),
        Some(Verdict::Errored) => (TestCaseStatus::non_success(NonSuccessKind::Error), reason),
        None => {
            let message = "no verdict: the run ended before".to_owned();
            (TestCaseStatus::non_success(NonSuccessKind::Error), message)
        }
        Some(verdict @ (Verdict::Blocked | Verdict::Skipped | Verdict::KnownFail | Verdict::NotRun)) => {
            let word = verdict.word();
            let message = if reason.starts_with(word) { reason } else { format!("{word}: {reason}") };
            (TestCaseStatus::skipped(), message)
        }
    };
    status.set_type(word(case.verdict)).set_message(message);
    if !matches!(case.verdict, Some(Verdict::Blocked | Verdict::Skipped | Verdict::NotRun)) {
        status.set_description(description(case));
    }
    status
}

/// What a person needs who has nothing but the CI system's page.
fn description(case: &CaseRecord) -> String {
    let place = case.place.to_string();
    let look = commands(case).join("\n");
    let fields = [
        ("expected", case.expected.as_deref()),
        ("seen", case.seen.as_deref()),
        ("place", Some(place.as_str())),
        ("how to look", Some(look.as_str()).filter(|look| !look.is_empty())),
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

/// The most likely cause and how to see it. The evidence itself is in the JSON: it would drown a CI system's page.
fn diagnosis(case: &CaseRecord) -> String {
    let Some(diagnosis) = &case.diagnosis else { return String::new() };
    let mut text = format!("\n# finding\n{}\n", one_line(&diagnosis.finding));
    for command in &diagnosis.commands {
        text.push_str(&format!("  {}\n", one_line(command)));
    }
    if !diagnosis.evidence.is_empty() {
        let titles = diagnosis.evidence.iter().map(|each| format!("{} of {}", each.kind.word(), one_line(&each.title)));
        text.push_str(&format!("evidence in report.json: {}\n", titles.collect::<Vec<_>>().join("; ")));
    }
    text
}

/// Of the run. JUnit has no place for them but in each suite.
fn properties(report: &Report) -> Vec<Property> {
    let mut all = vec![
        ("run.id", report.run.id.clone()),
        ("meshproof.version", report.run.meshproof_version.clone()),
        ("suite.digest", report.suite.digest.clone()),
    ];
    if let Some(cluster) = &report.cluster {
        all.push(("cluster.context", cluster.context.clone()));
        all.push(("cluster.simulated", cluster.simulated.to_string()));
        all.push(("kubernetes.version", cluster.kubernetes_version.clone()));
    }
    let run = all.into_iter().map(|(name, value)| Property::new(name, one_line(&value)));
    let variables = report.suite.variables.iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Property::new(one_line(&format!("variable.{name}")), one_line(&value))
    });
    run.chain(variables).collect()
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, events::Event};
    use rstest::rstest;

    use super::*;
    use crate::{exit_code, samples};

    #[rstest]
    #[case::all_green("all_green", samples::all_green())]
    #[case::mixed("mixed", samples::mixed())]
    #[case::interrupted("interrupted", samples::interrupted())]
    #[case::matrix("matrix", samples::matrix())]
    #[case::empty("empty", samples::empty())]
    #[case::hostile("hostile", samples::hostile())]
    #[case::diagnosed("diagnosed", samples::diagnosed())]
    fn drawn(#[case] name: &str, #[case] report: Report) {
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(format!("{name}.junit.xml"), to_junit(&report).expect("it can be drawn"));
        });
    }

    /// The number of elements of each name. Fails on what is not well formed or holds what XML 1.0 forbids.
    fn elements(xml: &str) -> IndexMap<String, usize> {
        let is_char = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(xml.chars().all(is_char), "XML 1.0, 2.2: {xml:?}");
        let mut counts = IndexMap::new();
        let mut reader = Reader::from_str(xml);
        loop {
            match reader.read_event().expect("the XML is well formed") {
                Event::Start(tag) | Event::Empty(tag) => {
                    for attribute in tag.attributes() {
                        attribute.expect("the attribute is well formed");
                    }
                    let name = String::from_utf8(tag.name().as_ref().to_vec()).expect("names are UTF-8");
                    *counts.entry(name).or_default() += 1;
                }
                Event::Eof => return counts,
                _ => {}
            }
        }
    }

    #[rstest]
    #[case::mixed(samples::mixed())]
    #[case::interrupted(samples::interrupted())]
    #[case::hostile(samples::hostile())]
    fn a_test_case_for_each_case(#[case] report: Report) {
        let counts = elements(&to_junit(&report).expect("it can be drawn"));
        assert_eq!(counts["testcase"], report.cases.len() + beyond_cases(&report).len());
    }

    #[test]
    fn red_exactly_when_the_exit_code_is_not_zero() {
        for report in samples::every_combination() {
            let xml = to_junit(&report).expect("it can be drawn");
            let elements = elements(&xml);
            let of = |name: &str| elements.get(name).copied().unwrap_or(0);
            let counts = report.summary;
            assert_eq!(of("failure"), counts.failed + counts.flaky);
            assert_eq!(of("error"), counts.errored + counts.pending + beyond_cases(&report).len());
            assert_eq!(of("skipped"), counts.skipped + counts.blocked + counts.known_fail + counts.not_run);
            assert_eq!(of("failure") + of("error") == 0, exit_code(&report) == crate::PASSED, "{xml}");
        }
    }
}
