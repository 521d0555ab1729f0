//! The cells of several runs: what those are called that had no name, and their order.

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::{MergeError, Part};
use crate::{facts::plain, record::Report};

/// The axis that tells the cluster's version where no variable does.
const KUBERNETES: &str = "kubernetes";

/// Gives a name to the cell of each run without a matrix: its values on the axes of the others, or, where no run has a matrix, on
/// whatever differs between the runs. Runs between which nothing differs keep their one cell without a name.
pub(super) fn name(parts: &mut [Part]) -> Result<(), MergeError> {
    let known: IndexSet<String> = parts
        .iter()
        .flat_map(|part| &part.report.cells)
        .filter(|cell| !cell.name.is_empty())
        .flat_map(|cell| cell.values.keys().cloned())
        .collect();
    let axes = if known.is_empty() { differing(parts) } else { known };
    if axes.is_empty() {
        return Ok(());
    }
    for part in parts {
        let nameless = part.report.cells.iter().position(|cell| cell.name.is_empty());
        let Some(place) = nameless else { continue };
        let mut values = IndexMap::new();
        for axis in &axes {
            let value = value(&part.report, axis);
            let value = value.ok_or_else(|| MergeError::NoPlace { from: part.from.clone(), axis: axis.clone() })?;
            values.insert(axis.clone(), value);
        }
        let name = values.iter().map(|(axis, value)| format!("{axis}={}", plain(value))).collect::<Vec<_>>().join(",");
        let cell = &mut part.report.cells[place];
        cell.name.clone_from(&name);
        cell.values = values;
        for case in part.report.cases.iter_mut().filter(|case| case.cell.is_empty()) {
            case.id = format!("{name}:{}", case.id);
            case.cell.clone_from(&name);
        }
    }
    Ok(())
}

/// The version of the cluster, and each plain variable, that is not the same for all.
fn differing(parts: &[Part]) -> IndexSet<String> {
    let variables = parts.iter().flat_map(|part| part.report.suite.variables.keys().cloned());
    let candidates: IndexSet<String> = std::iter::once(KUBERNETES.to_owned()).chain(variables).collect();
    let differs = |axis: &String| {
        let values: Vec<_> = parts.iter().map(|part| value(&part.report, axis)).collect();
        let told =
            values.iter().all(|value| value.as_ref().is_some_and(|value| !value.is_array() && !value.is_object()));
        let same = |part: &Part| value(&part.report, axis).map(|value| plain(&value).replace(&part.report.run.id, ""));
        told && parts.iter().any(|part| same(part) != same(&parts[0]))
    };
    candidates.into_iter().filter(differs).collect()
}

/// Of a run without a matrix. The cluster's version is that of the API, as a matrix names it: `1.28`.
fn value(report: &Report, axis: &str) -> Option<Value> {
    if let Some(value) = report.suite.variables.get(axis) {
        return Some(value.clone());
    }
    let version = &report.cluster.as_ref().filter(|_| axis == KUBERNETES)?.kubernetes_version;
    let minor: Vec<&str> = version.trim_start_matches('v').split('.').take(2).collect();
    Some(Value::String(minor.join(".")))
}

/// The names of all cells: in the order of their values, axis by axis; versions by number, others as they come. Cells without values
/// come last.
pub(super) fn ordered(parts: &[Part]) -> IndexMap<&str, ()> {
    let mut cells: IndexMap<&str, &IndexMap<String, Value>> = IndexMap::new();
    let mut axes: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for cell in parts.iter().flat_map(|part| &part.report.cells) {
        cells.entry(&cell.name).or_insert(&cell.values);
        for (axis, value) in &cell.values {
            axes.entry(axis).or_default().insert(plain(value));
        }
    }
    for values in axes.values_mut().filter(|values| values.iter().all(|value| numbers(value).is_some())) {
        values.sort_by_key(|value| numbers(value));
    }
    let rank = |values: &IndexMap<String, Value>| -> Vec<usize> {
        let of = |(axis, known): (&&str, &IndexSet<String>)| {
            let place = values.get(*axis).and_then(|value| known.get_index_of(&plain(value)));
            place.unwrap_or(usize::MAX)
        };
        axes.iter().map(of).collect()
    };
    cells.sort_by_cached_key(|_, values| rank(values));
    cells.into_keys().map(|name| (name, ())).collect()
}

/// `1.28.15` as numbers; `None` for what is no version.
fn numbers(text: &str) -> Option<Vec<u64>> {
    text.trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect()
}
