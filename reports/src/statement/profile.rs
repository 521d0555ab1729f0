//! The result of one scenario in one cell, in the Gateway API's words.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    record::{CaseRecord, Report, Verdict},
    style::count,
    text::one_line,
};

/// One scenario in one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The scenario.
    pub name: String,
    /// Absent where no matrix was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// The result in a sentence.
    pub summary: String,
    pub core: Status,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub result: StatusResult,
    pub statistics: Statistics,
    /// Cases that were skipped, or that no cluster could prove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_tests: Vec<String>,
    /// Cases that failed, are flaky, could not be checked or have no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<String>,
    /// Cases that fail as the suite says that they do for now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_failed_tests: Vec<KnownFailedTest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StatusResult {
    /// Every case passed.
    Success,
    /// None failed, but some were skipped or fail as known.
    Partial,
    Failure,
}

/// As the Gateway API writes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Statistics {
    pub passed: usize,
    pub skipped: usize,
    pub failed: usize,
    pub known_failed: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownFailedTest {
    pub name: String,
    /// The issue, and until when it is known.
    pub reason: String,
}

/// In the order in which the scenarios first appear in their cells.
pub(super) fn profiles(report: &Report) -> Vec<Profile> {
    let mut groups: IndexMap<(&str, &str), Vec<&CaseRecord>> = IndexMap::new();
    for case in &report.cases {
        groups.entry((&case.cell, &case.scenario)).or_default().push(case);
    }
    groups.into_iter().map(|((cell, scenario), cases)| profile(cell, scenario, &cases)).collect()
}

fn profile(cell: &str, scenario: &str, cases: &[&CaseRecord]) -> Profile {
    let mut core = Status {
        result: StatusResult::Success,
        statistics: Statistics::default(),
        skipped_tests: Vec::new(),
        failed_tests: Vec::new(),
        known_failed_tests: Vec::new(),
    };
    for case in cases {
        let name = one_line(case.own_id());
        match case.verdict {
            Some(Verdict::Passed) => core.statistics.passed += 1,
            Some(Verdict::Skipped | Verdict::NotRun) => core.skipped_tests.push(name),
            Some(Verdict::KnownFail) => {
                let reason = one_line(case.reason.as_deref().unwrap_or("no reason was given"));
                core.known_failed_tests.push(KnownFailedTest { name, reason });
            }
            Some(Verdict::Failed | Verdict::Flaky | Verdict::Errored | Verdict::Blocked) | None => {
                core.failed_tests.push(name);
            }
        }
    }
    core.statistics.skipped = core.skipped_tests.len();
    core.statistics.failed = core.failed_tests.len();
    core.statistics.known_failed = core.known_failed_tests.len();
    core.result = match core.statistics {
        Statistics { failed: 1.., .. } => StatusResult::Failure,
        Statistics { skipped: 0, known_failed: 0, .. } => StatusResult::Success,
        _ => StatusResult::Partial,
    };
    Profile {
        name: one_line(scenario),
        cell: (!cell.is_empty()).then(|| one_line(cell)),
        summary: summary(&core, cases.len()),
        core,
    }
}

fn summary(core: &Status, cases: usize) -> String {
    let Statistics { passed, skipped, failed, known_failed } = core.statistics;
    let mut told = match core.result {
        StatusResult::Success => format!("Core tests succeeded: {}", count(passed, "case")),
        StatusResult::Partial => format!("Core tests partially succeeded: {passed} of {}", count(cases, "case")),
        StatusResult::Failure => format!("Core tests failed: {failed} of {}", count(cases, "case")),
    };
    for (n, what) in [(skipped, "skipped"), (known_failed, "known to fail")] {
        if n > 0 {
            told.push_str(&format!(", {n} {what}"));
        }
    }
    told + "."
}
