//! The cells of a plan: what a run knows of each, besides its cases.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::{
    checks::Check,
    matrix::{AxisValues, KUBERNETES_AXIS, KubernetesWish},
    variables::Values,
};
use crate::{
    diagnostic::Diagnostic,
    language::{CollectNode, CollectStep, Filler, StepError, Suite, names_in},
    yaml::Node,
};

/// Names that belong to one run.
#[derive(Debug, Clone)]
pub struct RunIdentity {
    /// Unique, and fit for names on a cluster.
    pub id: String,
    /// The folder for the run's files.
    pub directory: PathBuf,
}

/// A release of Istio, and the `registry/path` that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub registry: String,
    pub version: String,
}

/// One cell of the matrix: it is run by itself, on a cluster of its own or after others.
#[derive(Debug)]
pub struct Cell {
    /// Its number in the matrix.
    pub index: usize,
    /// `istioVersion=1.20.0,network=internet`; empty where no matrix was asked for.
    pub name: String,
    /// The run's own, with its number where the cell has a name: what cells make must never be taken for one another's.
    pub identity: RunIdentity,
    /// The cluster that it wants; any will do for `None`.
    pub kubernetes: Option<KubernetesWish>,
    /// What a simulated cluster finds in registries.
    pub release: Option<Release>,
    /// The value of each axis of the matrix that was not chosen otherwise.
    pub axes: IndexMap<String, Json>,
    pub values: Values,
    pub captured: BTreeSet<String>,
    /// What a cluster must be like before the run.
    pub checks: Vec<Check>,
    /// What is collected besides when a case fails; expressions over captures are not filled yet.
    pub diagnose: Vec<Node>,
}

impl RunIdentity {
    /// That of a cell.
    #[must_use]
    pub fn of_cell(&self, index: usize, name: &str) -> Self {
        match name.is_empty() {
            true => self.clone(),
            false => Self { id: format!("{}-{index}", self.id), directory: self.directory.join(index.to_string()) },
        }
    }

    /// Whether `id` is that of the run `run`, or of one of its cells.
    pub fn is_of(id: &str, run: &str) -> bool {
        let number = id.strip_prefix(run).and_then(|rest| rest.strip_prefix('-'));
        id == run || number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    }

    /// What expressions know the run by.
    pub fn values(&self) -> Values {
        let directory = self.directory.display().to_string();
        BTreeMap::from([("run".to_owned(), json!({"id": self.id, "directory": directory}))])
    }
}

impl Cell {
    /// Fills expressions with the cell's values and with `captures`; those over other captures stay as they are.
    pub fn filler(&self, captures: &BTreeMap<String, Json>) -> Filler {
        let mut values = self.values.clone();
        values.extend(captures.iter().map(|(name, value)| (name.clone(), value.clone())));
        Filler::new(values, self.captured.clone())
    }
}

/// The cluster that a cell wants, if the matrix says.
pub fn kubernetes(cell: &AxisValues) -> Option<KubernetesWish> {
    let (_, node) = cell.iter().find(|(axis, _)| axis == KUBERNETES_AXIS)?;
    node.as_str()?.parse().ok()
}

/// What the suite says that a simulated cluster of the cell finds.
pub fn release(suite: Option<&Suite>, cell: &Cell, diagnostics: &mut Vec<Diagnostic>) -> Option<Release> {
    let release = suite?.simulated.as_ref()?.istio.as_ref()?;
    let filler = cell.filler(&BTreeMap::new());
    let mut text = |name: &str, node: &Node| {
        let (filled, problems) = filler.fill(node);
        let told = filled.as_str().map(str::to_owned);
        if problems.is_empty() && told.is_none() {
            let title = format!("`{name}` must be a string, not {}", filled.kind());
            diagnostics.push(Diagnostic::error(title).at(&node.span));
        }
        diagnostics.extend(problems);
        told
    };
    Some(Release { registry: text("registry", &release.registry)?, version: text("version", &release.version)? })
}

/// What the suite wants to be collected, filled and read as far as that can be.
pub fn diagnose(suite: Option<&Suite>, cell: &Cell, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
    let filler = cell.filler(&BTreeMap::new());
    let mut filled = Vec::new();
    for CollectNode(written) in suite.iter().flat_map(|suite| &suite.diagnose) {
        let (node, problems) = filler.prepare(written);
        let whole = problems.is_empty() && names_in(&node).is_empty();
        diagnostics.extend(problems);
        if let (true, Err(StepError(problems))) = (whole, CollectStep::read(&node)) {
            diagnostics.extend(problems);
        }
        filled.push(node);
    }
    filled
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1234abcd", true)]
    #[case("1234abcd-0", true)]
    #[case("1234abcd-31", true)]
    #[case("1234abcd-", false)]
    #[case("1234abcd-x", false)]
    #[case("1234abcd0", false)]
    #[case("1234abc", false)]
    fn a_cell_is_of_its_run(#[case] id: &str, #[case] is_of: bool) {
        assert_eq!(RunIdentity::is_of(id, "1234abcd"), is_of);
    }
}
