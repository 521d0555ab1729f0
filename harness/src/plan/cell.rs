//! The cells of a plan: what a run knows of each, besides its cases.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::{
    checks::{Check, Reading},
    matrix::{AxisValues, KUBERNETES_AXIS, KubernetesWish},
    sources::sources,
    variables::Values,
};
use crate::{
    diagnostic::Diagnostic,
    language::{CollectNode, CollectStep, Filler, StepError, Suite, VariableSpec, names_in},
    yaml::{Node, Text},
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
    pub releases: Vec<Release>,
    /// The value of each axis of the matrix that was not chosen otherwise.
    pub axes: IndexMap<String, Json>,
    pub values: Values,
    pub captured: BTreeSet<String>,
    /// What a cluster must be like before the run.
    pub checks: Vec<Check>,
    /// What is collected besides when a case fails; expressions over captures are not filled yet.
    pub diagnose: Vec<Node>,
    /// Where images come from; expressions over captures are not filled yet.
    pub sources: Vec<Node>,
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
pub fn releases(suite: Option<&Suite>, cell: &Cell, diagnostics: &mut Vec<Diagnostic>) -> Vec<Release> {
    let release = suite.and_then(|suite| suite.simulated.as_ref()?.istio.as_ref());
    let Some(release) = release else { return Vec::new() };
    let filler = cell.filler(&BTreeMap::new());
    let mut texts = |name: &str, node: &Node, wanted: &str| {
        let (filled, problems) = filler.fill(node);
        let told: Option<Vec<String>> = match filled.to_json() {
            Json::String(text) if wanted == "a string" => Some(vec![text]),
            Json::Array(items) if wanted != "a string" => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        if problems.is_empty() && told.is_none() {
            let title = format!("`{name}` must be {wanted}, not {}", filled.kind());
            diagnostics.push(Diagnostic::error(title).at(&node.span));
        }
        diagnostics.extend(problems);
        told.unwrap_or_default()
    };
    let mut registries = texts("registry", &release.registry, "a string");
    let version = texts("version", &release.version, "a string").pop();
    if let Some(node) = &release.mirrors {
        registries.extend(texts("mirrors", node, "a list of strings"));
    }
    let Some(version) = version else { return Vec::new() };
    registries.into_iter().map(|registry| Release { registry, version: version.clone() }).collect()
}

/// Where the suite says that its images come from.
pub fn image_sources(
    suite: Option<&Suite>,
    cell: &Cell,
    variables: &IndexMap<Text, VariableSpec>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let Some(suite) = suite else { return Vec::new() };
    let filler = cell.filler(&BTreeMap::new());
    let run = &cell.identity.id;
    let reading = Reading { variables, values: &cell.values, filler: &filler, namespace: None, run };
    sources(&suite.images, &reading, diagnostics)
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
