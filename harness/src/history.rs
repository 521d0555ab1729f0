//! What earlier runs took, from their reports.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use meshproof_reports::{REPORT_JSON, Report, Verdict, from_json};

use crate::diagnostic::Diagnostic;

/// When each case ran, in one run or several.
#[derive(Debug, Clone, Default)]
pub struct History {
    cases: HashMap<String, Ran>,
    reports: usize,
}

#[derive(Debug, Clone, Copy)]
struct Ran {
    /// In which report.
    report: usize,
    /// Milliseconds since 1970.
    began: i64,
    ended: i64,
}

impl History {
    /// Reads reports, or the folders that they are in. Where a case is in several, the last counts.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Diagnostic> {
        let mut history = Self::default();
        for path in paths {
            history.add(&read(path)?);
        }
        Ok(history)
    }

    /// What the run took that left its report in `directory`; nothing if there is none that can be read.
    pub fn of_directory(directory: &Path) -> Self {
        let mut history = Self::default();
        if let Ok(report) = read(directory) {
            history.add(&report);
        }
        history
    }

    /// Takes in what a run says.
    pub fn add(&mut self, report: &Report) {
        for case in &report.cases {
            let ran = !matches!(case.verdict, None | Some(Verdict::Skipped | Verdict::Blocked | Verdict::NotRun));
            let began = case.started_at.as_deref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let (true, Some(began)) = (ran, began) else { continue };
            let began = began.as_millisecond();
            let ended = began.saturating_add_unsigned(case.duration_ms);
            self.cases.insert(case.id.clone(), Ran { report: self.reports, began, ended });
        }
        self.reports += 1;
    }

    /// Milliseconds that these cases took together, where time in which several ran side by side counts once; `None` if none of them
    /// is known.
    pub fn span<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Option<u64> {
        let mut spans: HashMap<usize, (i64, i64)> = HashMap::new();
        for ran in ids.into_iter().filter_map(|id| self.cases.get(id)) {
            let span = spans.entry(ran.report).or_insert((ran.began, ran.ended));
            *span = (span.0.min(ran.began), span.1.max(ran.ended));
        }
        let sum: i64 = spans.values().map(|(began, ended)| ended - began).sum();
        (!spans.is_empty()).then(|| u64::try_from(sum).unwrap_or_default())
    }
}

fn read(path: &Path) -> Result<Report, Diagnostic> {
    let file = if path.is_dir() { path.join(REPORT_JSON) } else { path.to_owned() };
    let failed = |reason: String| {
        Diagnostic::error(format!("--history {}: {reason}", path.display()))
            .help("name the --report-dir of an earlier run, or its report.json")
    };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| failed(format!("failed to read {}: {error}", file.display())))?;
    from_json(&text).map_err(|error| failed(format!("failed to {error}")))
}

#[cfg(test)]
mod tests {
    use meshproof_reports::{CaseRecord, RunInfo, SuiteInfo, Summary};

    use super::*;

    fn case(id: &str, verdict: Verdict, started_at: &str, duration_ms: u64) -> CaseRecord {
        let text = include_str!("../../reports/tests/schema-1.0.json");
        let case = from_json(text).unwrap().cases[0].clone();
        CaseRecord {
            id: id.to_owned(),
            verdict: Some(verdict),
            started_at: Some(format!("2026-11-23T09:00:{started_at}Z")),
            duration_ms,
            ..case
        }
    }

    fn report(cases: Vec<CaseRecord>) -> Report {
        let text = include_str!("../../reports/tests/schema-1.0.json");
        let Report { run, suite, .. } = from_json(text).unwrap();
        let (run, suite): (RunInfo, SuiteInfo) = (run, suite);
        Report {
            leftovers: Vec::new(),
            evidence: Vec::new(),
            schema_version: "1.1".to_owned(),
            run,
            suite,
            cluster: None,
            summary: Summary::default(),
            cells: Vec::new(),
            cases,
            problems: Vec::new(),
        }
    }

    #[test]
    fn time_side_by_side_counts_once() {
        let mut history = History::default();
        history.add(&report(vec![
            case("s/a", Verdict::Passed, "00", 4_000),
            case("s/b", Verdict::Failed, "01", 9_000),
            case("s/skipped", Verdict::Skipped, "30", 0),
        ]));
        assert_eq!(history.span(["s/a", "s/b", "s/skipped", "s/unknown"]), Some(10_000));
        assert_eq!(history.span(["s/skipped"]), None);
        // Another day: what was between counts for nothing, and what ran again counts as it did last.
        history.add(&report(vec![case("s/a", Verdict::Passed, "59", 1_000)]));
        assert_eq!(history.span(["s/a", "s/b"]), Some(10_000));
        assert_eq!(history.span(["s/a"]), Some(1_000));
    }

    #[test]
    fn what_is_no_report_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let problem = History::read(&[folder.path().to_owned()]).unwrap_err();
        assert!(problem.title.contains("failed to read") && problem.help.is_some(), "{problem}");
        std::fs::write(folder.path().join(REPORT_JSON), "{}").unwrap();
        let problem = History::read(&[folder.path().to_owned()]).unwrap_err();
        assert!(problem.title.contains("it has no `schemaVersion`"), "{problem}");
    }
}
