//! The cells of the matrix.

mod kubernetes;
mod mistakes;
mod pairwise;

pub use kubernetes::{KUBERNETES_AXIS, KubernetesWish};

use super::{Choices, variables::plain};
use crate::{
    diagnostic::{Diagnostic, closest},
    language::Suite,
    yaml::{Node, Text},
};

/// One value for each axis.
pub type AxisValues = Vec<(String, Node)>;

/// Which cells of the matrix are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sampling {
    /// None: there is one cell, without a name, and the variables say what it is.
    #[default]
    Variables,
    All,
    /// Few cells in which each two values that go together are together once at least.
    Pairwise,
    /// Those of these names.
    Named(Vec<String>),
}

/// The cells that are asked for, in the order of the matrix: its combinations that are not excluded, then what is included.
pub fn cells(suite: Option<&Suite>, choices: &Choices, diagnostics: &mut Vec<Diagnostic>) -> Vec<AxisValues> {
    let Some(suite) = suite else { return vec![Vec::new()] };
    let mistakes = mistakes::of(suite);
    let broken = !mistakes.is_empty();
    diagnostics.extend(mistakes);
    if broken {
        return vec![Vec::new()];
    }
    let all = || all(suite, choices);
    let cells = match &choices.matrix {
        Sampling::Variables => return vec![Vec::new()],
        Sampling::All => all(),
        Sampling::Pairwise => pairwise::cover(all()),
        Sampling::Named(names) => {
            let all = all();
            diagnostics.extend(names.iter().filter_map(|name| unknown(name, &all)));
            all.into_iter().filter(|cell| names.contains(&name_of(cell))).collect()
        }
    };
    if cells.is_empty() && !matches!(choices.matrix, Sampling::Named(_)) {
        let span = suite.exclude.iter().find_map(|exclude| exclude.keys().next()).map(|axis| axis.span.clone());
        let diagnostic = Diagnostic::error("every cell of the matrix is excluded");
        diagnostics.push(Diagnostic { span, ..diagnostic }.help("remove one of `exclude`, or run without --matrix"));
    }
    cells
}

/// `istioVersion=1.20.0,network=internet`.
pub fn name_of(cell: &[(String, Node)]) -> String {
    cell.iter().map(|(axis, node)| format!("{axis}={}", plain(&node.to_json()))).collect::<Vec<_>>().join(",")
}

/// An axis that `--set` gives a value is none any more; what is excluded or included with other values of it does not count.
fn all(suite: &Suite, choices: &Choices) -> Vec<AxisValues> {
    let is_set = |axis: &Text| choices.set.contains_key(axis.as_str());
    let mut cells: Vec<AxisValues> = vec![Vec::new()];
    for (axis, values) in suite.matrix.iter().filter(|(axis, _)| !is_set(axis)) {
        let with = |cell: AxisValues| {
            values.iter().map(move |value| [cell.clone(), vec![(axis.to_string(), value.clone())]].concat())
        };
        cells = cells.into_iter().flat_map(with).collect();
    }
    let is_of = |cell: &AxisValues, axis: &Text, value: &Node| match choices.set.get(axis.as_str()) {
        Some(text) => *text == plain(&value.to_json()),
        None => cell.iter().any(|(known, node)| known == axis.as_str() && node.to_json() == value.to_json()),
    };
    cells.retain(|cell| {
        let excluded = suite.exclude.iter().any(|exclude| exclude.iter().all(|(axis, value)| is_of(cell, axis, value)));
        cell.is_empty() || !excluded
    });
    for include in &suite.include {
        // In the order of the matrix, so that a cell has one name.
        let cell: AxisValues = suite
            .matrix
            .keys()
            .filter(|axis| !is_set(axis))
            .filter_map(|axis| Some((axis.to_string(), include.get(axis)?.clone())))
            .collect();
        let applies = include.iter().all(|(axis, value)| is_of(&cell, axis, value));
        if applies && !cells.iter().any(|known| name_of(known) == name_of(&cell)) {
            cells.push(cell);
        }
    }
    cells
}

fn unknown(name: &str, cells: &[AxisValues]) -> Option<Diagnostic> {
    let known: Vec<String> = cells.iter().map(|cell| name_of(cell)).filter(|name| !name.is_empty()).collect();
    if known.iter().any(|known| known == name) {
        return None;
    }
    let diagnostic = Diagnostic::error(format!("--cell {name}: the matrix has no such cell"));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Some(match closest(name, &known) {
        _ if known.is_empty() => diagnostic.help("the suite has no matrix, or --set gives each of its axes a value"),
        Some(best) => diagnostic.help(format!("did you mean `{best}`?")),
        None => diagnostic.help("`meshproof list --matrix` names them before each case"),
    })
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use rstest::rstest;

    use super::*;
    use crate::plan::testing::{PODS, planned_as, scenario, suite};

    pub fn text(matrix: &str) -> String {
        let variables = "variables: {a: {type: integer, default: 1}, b: {type: string, default: x}}\n";
        suite(&format!("{variables}{matrix}\n")) + &scenario("s", &[&format!("one, {PODS}")])
    }

    fn set(set: &[(&str, &str)]) -> IndexMap<String, String> {
        set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[rstest]
    #[case::all("matrix: {a: [1, 2], b: [x, y]}", &[], &["a=1,b=x", "a=1,b=y", "a=2,b=x", "a=2,b=y"])]
    #[case::without_one("matrix: {a: [1, 2], b: [x, y]}\nexclude: [{a: 1, b: y}]", &[], &["a=1,b=x", "a=2,b=x", "a=2,b=y"])]
    #[case::without_a_value("matrix: {a: [1, 2, 3], b: [x, y]}\nexclude: [{b: y}, {a: 2}]", &[], &["a=1,b=x", "a=3,b=x"])]
    #[case::an_axis_that_is_set("matrix: {a: [1, 2], b: [x, y]}", &[("b", "y")], &["a=1", "a=2"])]
    #[case::excluded_by_what_is_set("matrix: {a: [1, 2, 3], b: [x, y]}\nexclude: [{a: 1, b: y}]", &[("b", "y")], &["a=2", "a=3"])]
    #[case::one_cell("matrix: {a: [1]}", &[], &["a=1"])]
    #[case::with_one_more("matrix: {a: [1, 2], b: [x]}\ninclude: [{b: z, a: 3}]", &[], &["a=1,b=x", "a=2,b=x", "a=3,b=z"])]
    #[case::included_though_excluded("matrix: {a: [1, 2], b: [x, y]}\nexclude: [{a: 2}]\ninclude: [{a: 2, b: y}]", &[], &["a=1,b=x", "a=1,b=y", "a=2,b=y"])]
    #[case::included_where_set("matrix: {a: [1], b: [x]}\ninclude: [{a: 3, b: z}]", &[("b", "z")], &["a=1", "a=3"])]
    #[case::not_included_where_set("matrix: {a: [1], b: [x]}\ninclude: [{a: 3, b: z}]", &[("b", "x")], &["a=1"])]
    #[case::of_clusters("matrix: {kubernetes: ['1.27', 1.28.15], a: [1]}", &[], &["kubernetes=1.27,a=1", "kubernetes=1.28.15,a=1"])]
    fn cells_are_the_combinations_that_are_not_excluded(
        #[case] matrix: &str,
        #[case] given: &[(&str, &str)],
        #[case] expected: &[&str],
    ) {
        let choices = Choices { set: set(given), matrix: Sampling::All, ..Choices::default() };
        let (plan, mistakes) = planned_as(&text(matrix), &choices);
        assert_eq!(mistakes, [""; 0]);
        let ids: Vec<String> = expected.iter().map(|cell| format!("{cell}:s/one")).collect();
        assert_eq!(plan.cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn where_every_axis_is_set_the_cell_has_no_name() {
        let choices = Choices { set: set(&[("a", "2")]), matrix: Sampling::All, ..Choices::default() };
        let (plan, mistakes) = planned_as(&text("matrix: {a: [1, 2]}"), &choices);
        assert_eq!((plan.cases[0].id.as_str(), mistakes.len()), ("s/one", 0));
    }

    #[rstest]
    #[case::one(&["a=2,b=x"], &["a=2,b=x:s/one"], &[])]
    #[case::in_the_order_of_the_matrix(&["a=2,b=x", "a=1,b=y"], &["a=1,b=y:s/one", "a=2,b=x:s/one"], &[])]
    #[case::mistyped(&["a=2,b=xx"], &[], &["--cell a=2,b=xx: the matrix has no such cell; did you mean `a=2,b=x`?"])]
    #[case::unlike_any(&["prod"], &[], &["--cell prod: the matrix has no such cell; `meshproof list --matrix` names them before each case"])]
    fn a_cell_is_known_by_its_name(#[case] names: &[&str], #[case] ids: &[&str], #[case] mistakes: &[&str]) {
        let named = Sampling::Named(names.iter().map(ToString::to_string).collect());
        let choices = Choices { matrix: named, ..Choices::default() };
        let (plan, told) = planned_as(&text("matrix: {a: [1, 2], b: [x, y]}"), &choices);
        assert_eq!(told, mistakes);
        assert_eq!(plan.cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ids);
    }
}
