//! What several renderings tell of a report besides its records; computed once here, so that they tell the same.

use indexmap::IndexMap;

use crate::record::{CaseRecord, CellRecord, Report};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Verdict, samples};

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
