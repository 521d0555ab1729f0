//! The cells of the matrix.

use super::{Choices, variables::plain};
use crate::{
    diagnostic::Diagnostic,
    language::Suite,
    yaml::{Node, Text},
};

/// A matrix of more cells than this is a mistake.
const MOST: usize = 10_000;

/// One value for each axis.
pub type Cell = Vec<(String, Node)>;

/// The combinations of the matrix' values that are not excluded; one, empty, where there is none or none is asked for.
pub fn cells(suite: Option<&Suite>, choices: &Choices, diagnostics: &mut Vec<Diagnostic>) -> Vec<Cell> {
    let Some(suite) = suite else { return vec![Vec::new()] };
    let mistakes = mistakes(suite);
    let broken = !mistakes.is_empty();
    diagnostics.extend(mistakes);
    if broken || !choices.matrix {
        return vec![Vec::new()];
    }
    let mut cells: Vec<Cell> = vec![Vec::new()];
    for (axis, values) in suite.matrix.iter().filter(|(axis, _)| !choices.set.contains_key(axis.as_str())) {
        let with = |cell: Cell| {
            values.iter().map(move |value| [cell.clone(), vec![(axis.to_string(), value.clone())]].concat())
        };
        cells = cells.into_iter().flat_map(with).collect();
    }
    let is_of = |cell: &Cell, axis: &Text, value: &Node| match choices.set.get(axis.as_str()) {
        Some(text) => *text == plain(&value.to_json()),
        None => cell.iter().any(|(known, node)| known == axis.as_str() && node.to_json() == value.to_json()),
    };
    cells.retain(|cell| {
        let excluded = suite.exclude.iter().any(|exclude| exclude.iter().all(|(axis, value)| is_of(cell, axis, value)));
        cell.is_empty() || !excluded
    });
    if cells.is_empty() {
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

fn mistakes(suite: &Suite) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for (axis, values) in &suite.matrix {
        let wrong = |title: String| Diagnostic::error(title).at(&axis.span);
        if !suite.variables.contains_key(axis) {
            let known = suite.variables.keys().map(Text::as_str);
            mistakes.push(wrong(format!("unknown variable `{axis}`")).did_you_mean(axis.as_str(), known));
        }
        if suite.variables.get(axis).is_some_and(|spec| spec.secret) {
            let title = format!("`{axis}` is secret, and the ids of cases tell the values of the matrix");
            mistakes.push(wrong(title).help("leave it out of the matrix; --set or --env-file gives it its value"));
        }
        if values.is_empty() {
            mistakes.push(wrong(format!("`{axis}` has no values")).help("give it at least one, or remove it"));
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].iter().any(|earlier| earlier.to_json() == value.to_json()) {
                let title = format!("`{}` stands twice in the matrix", plain(&value.to_json()));
                mistakes.push(Diagnostic::error(title).at(&value.span).help("remove one of them"));
            }
        }
    }
    for (axis, value) in suite.exclude.iter().flatten() {
        match suite.matrix.get(axis) {
            None => {
                let title = format!("`{axis}` is not in the matrix");
                let known = suite.matrix.keys().map(Text::as_str);
                mistakes.push(Diagnostic::error(title).at(&axis.span).did_you_mean(axis.as_str(), known));
            }
            Some(values) if !values.iter().any(|known| known.to_json() == value.to_json()) => {
                let text = plain(&value.to_json());
                let known: Vec<String> = values.iter().map(|value| plain(&value.to_json())).collect();
                let diagnostic = Diagnostic::error(format!("`{text}` is not a value of `{axis}` in the matrix"));
                mistakes.push(diagnostic.at(&value.span).did_you_mean(&text, known.iter().map(String::as_str)));
            }
            Some(_) => {}
        }
    }
    let count = suite.matrix.values().try_fold(1usize, |count, values| count.checked_mul(values.len()));
    if let (true, Some((axis, _))) = (count.is_none_or(|count| count > MOST), suite.matrix.first()) {
        let title = format!("the matrix has more than {MOST} cells");
        mistakes.push(Diagnostic::error(title).at(&axis.span).help("give it fewer axes or values"));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use rstest::rstest;

    use super::*;
    use crate::plan::testing::{PODS, planned_as, scenario, suite};

    fn text(matrix: &str) -> String {
        let variables = "variables: {a: {type: integer, default: 1}, b: {type: string, default: x}}\n";
        suite(&format!("{variables}{matrix}\n")) + &scenario("s", &[&format!("one, {PODS}")])
    }

    #[rstest]
    #[case::all("matrix: {a: [1, 2], b: [x, y]}", &[], &["a=1,b=x:s/one", "a=1,b=y:s/one", "a=2,b=x:s/one", "a=2,b=y:s/one"])]
    #[case::without_one("matrix: {a: [1, 2], b: [x, y]}\nexclude: [{a: 1, b: y}]", &[], &["a=1,b=x:s/one", "a=2,b=x:s/one", "a=2,b=y:s/one"])]
    #[case::without_a_value("matrix: {a: [1, 2, 3], b: [x, y]}\nexclude: [{b: y}, {a: 2}]", &[], &["a=1,b=x:s/one", "a=3,b=x:s/one"])]
    #[case::an_axis_that_is_set("matrix: {a: [1, 2], b: [x, y]}", &[("b", "y")], &["a=1:s/one", "a=2:s/one"])]
    #[case::excluded_by_what_is_set("matrix: {a: [1, 2, 3], b: [x, y]}\nexclude: [{a: 1, b: y}]", &[("b", "y")], &["a=2:s/one", "a=3:s/one"])]
    #[case::one_cell("matrix: {a: [1]}", &[], &["s/one"])]
    fn cells_are_the_combinations_that_are_not_excluded(
        #[case] matrix: &str,
        #[case] set: &[(&str, &str)],
        #[case] expected: &[&str],
    ) {
        let set: IndexMap<String, String> =
            set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let (plan, mistakes) = planned_as(&text(matrix), &Choices { set, matrix: true, ..Choices::default() });
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(plan.cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("matrix: {c: [1]}", "5:10 unknown variable `c`; there are a, b")]
    #[case("matrix: {a: []}", "5:10 `a` has no values; give it at least one, or remove it")]
    #[case("matrix: {a: [1, 1]}", "5:17 `1` stands twice in the matrix; remove one of them")]
    #[case("matrix: {a: [1, 2]}\nexclude: [{b: x}]", "6:12 `b` is not in the matrix; there is only `a`")]
    #[case("matrix: {a: [1, 2]}\nexclude: [{a: 3}]", "6:15 `3` is not a value of `a` in the matrix; there are 1, 2")]
    #[case("matrix: {a: [1, x]}", "5:17 variable `a` must be an integer, not a string")]
    #[case(
        "matrix: {a: [1, 2]}\nexclude: [{a: 1}, {a: 2}]",
        "6:12 every cell of the matrix is excluded; remove one of `exclude`, or run without --matrix"
    )]
    fn a_matrix_that_cannot_be_is_told(#[case] matrix: &str, #[case] expected: &str) {
        assert_eq!(planned_as(&text(matrix), &Choices { matrix: true, ..Choices::default() }).1, [expected]);
    }
}
