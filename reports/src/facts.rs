//! What several renderings tell of a report besides its records; computed once here, so that they tell the same.

use indexmap::{IndexMap, IndexSet};

use crate::{
    record::{CaseRecord, CellRecord, Cluster, Report, Summary, Verdict},
    style::{count, word},
    text::one_line,
};

/// The heading of a guide, and the cases that prove it, by their places in the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading<'a> {
    pub heading: &'a str,
    pub cases: Vec<usize>,
}

impl CaseRecord {
    /// `scenario/case`: the same in every cell of a matrix.
    #[must_use]
    pub fn own_id(&self) -> &str {
        let behind = self.id.strip_prefix(self.cell.as_str()).and_then(|rest| rest.strip_prefix(':'));
        behind.filter(|_| !self.cell.is_empty()).unwrap_or(&self.id)
    }
}

/// The guide's headings in the order in which cases first name them.
pub(crate) fn coverage(report: &Report) -> Vec<Heading<'_>> {
    let mut headings: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for (place, case) in report.cases.iter().enumerate() {
        if let Some(guide) = &case.guide {
            headings.entry(guide).or_default().push(place);
        }
    }
    headings.into_iter().map(|(heading, cases)| Heading { heading, cases }).collect()
}

/// What is to be said, loudly, where not everything was proved on a real cluster.
pub(crate) fn simulated(report: &Report) -> Option<String> {
    let simulated = |cell: &&CellRecord| cell.cluster.as_ref().is_some_and(|cluster| cluster.simulated);
    let names: Vec<_> = report.cells.iter().filter(simulated).map(|cell| cell.name.as_str()).collect();
    let proved = report.cells.iter().filter(|cell| cell.cluster.is_some()).count();
    let whole = report.cells.is_empty() && report.cluster.as_ref().is_some_and(|cluster| cluster.simulated);
    match names.len() {
        0 if !whole => None,
        some if some < proved => Some(format!("simulated cells, not tested on a real cluster: {}", names.join("; "))),
        _ => Some("simulated: nothing was tested on a real cluster".to_owned()),
    }
}

/// So many are told of as slow, and only those that took this long.
const SLOWEST: usize = 5;
const SLOW_MS: u64 = 1_000;

/// The cases that took longest, first the slowest; in the plan's order where they took as long.
pub(crate) fn slowest(report: &Report) -> Vec<&CaseRecord> {
    let ran = |case: &&CaseRecord| {
        !matches!(case.verdict, None | Some(Verdict::Blocked | Verdict::Skipped | Verdict::NotRun))
    };
    let slow = report.cases.iter().filter(ran).filter(|case| case.duration_ms >= SLOW_MS);
    let mut cases: Vec<_> = slow.collect();
    cases.sort_by_key(|case| std::cmp::Reverse(case.duration_ms));
    cases.truncate(SLOWEST);
    cases
}

/// Cases that were not judged or do not count, together where the reason is the same, in the order in which the reasons first
/// appear for each verdict; what matters least first.
pub(crate) fn set_aside(report: &Report) -> Vec<(Option<Verdict>, String, Vec<&CaseRecord>)> {
    let verdicts =
        [Some(Verdict::NotRun), Some(Verdict::Skipped), Some(Verdict::KnownFail), None, Some(Verdict::Blocked)];
    let mut told = Vec::new();
    for verdict in verdicts {
        let mut by_reason: IndexMap<String, Vec<&CaseRecord>> = IndexMap::new();
        for case in report.cases.iter().filter(|case| case.verdict == verdict) {
            let reason = one_line(case.reason.as_deref().unwrap_or("no reason was given"));
            by_reason.entry(reason).or_default().push(case);
        }
        told.extend(by_reason.into_iter().map(|(reason, cases)| (verdict, reason, cases)));
    }
    told
}

/// `64 cases: 60 passed, 4 failed`, from the cases themselves.
pub(crate) fn counts(report: &Report) -> String {
    match report.cases.is_empty() {
        true => count(0, "case"),
        false => format!("{}: {}", count(report.cases.len(), "case"), each(Summary::of(&report.cases))),
    }
}

/// `60 passed, 4 failed`.
pub(crate) fn each(summary: Summary) -> String {
    summary.each().map(|(verdict, n)| format!("{n} {}", word(verdict))).collect::<Vec<_>>().join(", ")
}

/// A value as a person reads it: text without quotes, in one line.
pub(crate) fn plain(value: &serde_json::Value) -> String {
    one_line(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// What the run stood on, in a phrase: `on prod (kubeconfig), Kubernetes v1.28.15`.
pub(crate) fn ground(report: &Report) -> String {
    let clusters: IndexSet<String> = report.cells.iter().filter_map(|cell| cell.cluster.as_ref()).map(on).collect();
    match clusters.len() {
        0 => report.cluster.as_ref().map_or_else(|| "no cluster was reached".to_owned(), on),
        1 => clusters.into_iter().collect(),
        n => format!("on {n} clusters"),
    }
}

fn on(cluster: &Cluster) -> String {
    let Cluster { provider, context, kubernetes_version: version, .. } = cluster;
    match cluster.simulated {
        _ if provider == "none" => "without a cluster".to_owned(),
        true => format!("on a simulated cluster, Kubernetes {version}"),
        false => format!("on {context} ({provider}), Kubernetes {version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn an_id_without_a_cell_is_its_own() {
        assert_eq!(samples::case("a:b/c", None).own_id(), "a:b/c");
        assert_eq!(samples::matrix().cases[0].own_id(), "install/istio-installed");
    }

    #[test]
    fn a_heading_has_all_its_cases() {
        let mut report = samples::of_verdicts(&[Some(Verdict::Passed); 3]);
        report.cases[0].guide = Some("Two".to_owned());
        report.cases[1].guide = Some("One".to_owned());
        report.cases[2].guide = Some("Two".to_owned());
        let told: Vec<_> = coverage(&report).into_iter().map(|one| (one.heading, one.cases)).collect();
        assert_eq!(told, [("Two", vec![0, 2]), ("One", vec![1])]);
    }

    #[test]
    fn simulated_is_said_of_what_is() {
        let mut report = samples::matrix();
        assert_eq!(simulated(&report), None);
        report.cells[1].cluster.as_mut().expect("it has one").simulated = true;
        let name = "kubernetes=1.28,install=manifest";
        assert_eq!(simulated(&report), Some(format!("simulated cells, not tested on a real cluster: {name}")));
        report.cells[0].cluster.as_mut().expect("it has one").simulated = true;
        assert_eq!(simulated(&report), simulated(&samples::all_green()));
    }
}
