//! What is wrong with a matrix, whatever of it is asked for.

use super::kubernetes::{KUBERNETES_AXIS, KubernetesWish};
use crate::{
    diagnostic::Diagnostic,
    language::{Suite, formats::advice},
    plan::variables::plain,
    yaml::{Node, Text, Value},
};

/// A matrix of more cells than this is a mistake.
const MOST: usize = 10_000;

/// Every mistake of the matrix and of what is excluded from it and included.
pub fn of(suite: &Suite) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for (axis, values) in &suite.matrix {
        mistakes.extend(axis_mistake(suite, axis));
        if values.is_empty() {
            let diagnostic = Diagnostic::error(format!("`{axis}` has no values")).at(&axis.span);
            mistakes.push(diagnostic.help("give it at least one, or remove it"));
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].iter().any(|earlier| earlier.to_json() == value.to_json()) {
                let title = format!("`{}` stands twice in the matrix", plain(&value.to_json()));
                mistakes.push(Diagnostic::error(title).at(&value.span).help("remove one of them"));
            }
            mistakes.extend(version_mistake(axis, value));
        }
    }
    for (axis, value) in suite.exclude.iter().flatten() {
        match suite.matrix.get(axis) {
            None => mistakes.push(no_axis(suite, axis)),
            Some(values) if !values.iter().any(|known| known.to_json() == value.to_json()) => {
                let text = plain(&value.to_json());
                let known: Vec<String> = values.iter().map(|value| plain(&value.to_json())).collect();
                let diagnostic = Diagnostic::error(format!("`{text}` is not a value of `{axis}` in the matrix"));
                mistakes.push(diagnostic.at(&value.span).did_you_mean(&text, known.iter().map(String::as_str)));
            }
            Some(_) => {}
        }
    }
    for include in &suite.include {
        for (axis, value) in include {
            match suite.matrix.contains_key(axis) {
                true => mistakes.extend(version_mistake(axis, value)),
                false => mistakes.push(no_axis(suite, axis)),
            }
        }
        let missing: Vec<&str> =
            suite.matrix.keys().filter(|axis| !include.contains_key(*axis)).map(Text::as_str).collect();
        if let (false, Some((first, _))) = (missing.is_empty(), include.first()) {
            let title = format!("an included cell says nothing of `{}`", missing.join("`, `"));
            mistakes.push(Diagnostic::error(title).at(&first.span).help("give it a value for each axis of the matrix"));
        }
    }
    let count = suite.matrix.values().try_fold(1usize, |count, values| count.checked_mul(values.len()));
    if let (true, Some((axis, _))) = (count.is_none_or(|count| count > MOST), suite.matrix.first()) {
        let title = format!("the matrix has more than {MOST} cells");
        mistakes.push(Diagnostic::error(title).at(&axis.span).help("give it fewer axes or values"));
    }
    mistakes
}

fn axis_mistake(suite: &Suite, axis: &Text) -> Option<Diagnostic> {
    let is_variable = suite.variables.contains_key(axis);
    match axis.as_str() == KUBERNETES_AXIS {
        true if is_variable => {
            let title =
                format!("`{KUBERNETES_AXIS}` is the axis of the cluster's version, and cannot be a variable too");
            Some(Diagnostic::error(title).at(&axis.span).help("give the variable another name"))
        }
        false if !is_variable => {
            let known = suite.variables.keys().map(Text::as_str).chain([KUBERNETES_AXIS]);
            let diagnostic = Diagnostic::error(format!("unknown variable `{axis}`")).at(&axis.span);
            Some(diagnostic.did_you_mean(axis.as_str(), known))
        }
        false if suite.variables.get(axis).is_some_and(|spec| spec.secret) => {
            let title = format!("`{axis}` is secret, and the ids of cases tell the values of the matrix");
            let help = "leave it out of the matrix; --set or --env-file gives it its value";
            Some(Diagnostic::error(title).at(&axis.span).help(help))
        }
        _ => None,
    }
}

/// YAML takes 1.30 for the number 1.3.
fn version_mistake(axis: &Text, value: &Node) -> Option<Diagnostic> {
    if axis.as_str() != KUBERNETES_AXIS {
        return None;
    }
    let problem = match value.as_str() {
        Some(text) => text.parse::<KubernetesWish>().err()?,
        None if matches!(value.value, Value::Float(_) | Value::Int(_)) => {
            let title = format!("a version of Kubernetes must be a string, not {}", value.kind());
            let diagnostic = Diagnostic::error(title).at(&value.span);
            return Some(diagnostic.help(format!("quote it: \"{}\"", value.span.text())));
        }
        None => format!("a version of Kubernetes must be a string, not {}; write it like \"1.28\"", value.kind()),
    };
    let (title, help) = advice(&problem);
    Some(Diagnostic { help: help.map(str::to_owned), ..Diagnostic::error(title).at(&value.span) })
}

fn no_axis(suite: &Suite, axis: &Text) -> Diagnostic {
    let known = suite.matrix.keys().map(Text::as_str);
    Diagnostic::error(format!("`{axis}` is not in the matrix")).at(&axis.span).did_you_mean(axis.as_str(), known)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Sampling, tests::text};
    use crate::plan::{Choices, testing::planned_as};

    #[rstest]
    #[case("matrix: {c: [1]}", "5:10 unknown variable `c`; there are a, b, kubernetes")]
    #[case("matrix: {a: []}", "5:10 `a` has no values; give it at least one, or remove it")]
    #[case("matrix: {a: [1, 1]}", "5:17 `1` stands twice in the matrix; remove one of them")]
    #[case("matrix: {a: [1, 2]}\nexclude: [{b: x}]", "6:12 `b` is not in the matrix; there is only `a`")]
    #[case("matrix: {a: [1, 2]}\nexclude: [{a: 3}]", "6:15 `3` is not a value of `a` in the matrix; there are 1, 2")]
    #[case("matrix: {a: [1, 2]}\ninclude: [{b: x, a: 1}]", "6:12 `b` is not in the matrix; there is only `a`")]
    #[case(
        "matrix: {a: [1, 2], b: [x]}\ninclude: [{b: y}]",
        "6:12 an included cell says nothing of `a`; give it a value for each axis of the matrix"
    )]
    #[case("matrix: {a: [1, x]}", "5:17 variable `a` must be an integer, not a string")]
    #[case(
        "matrix: {a: [1, 2]}\nexclude: [{a: 1}, {a: 2}]",
        "6:12 every cell of the matrix is excluded; remove one of `exclude`, or run without --matrix"
    )]
    #[case(
        "matrix: {kubernetes: [1.30]}",
        "5:23 a version of Kubernetes must be a string, not a fraction; quote it: \"1.30\""
    )]
    #[case(
        "matrix: {kubernetes: [latest]}",
        "5:23 `latest` is not a version of Kubernetes; write it like 1.28 or 1.28.15"
    )]
    fn a_matrix_that_cannot_be_is_told(#[case] matrix: &str, #[case] expected: &str) {
        let choices = Choices { matrix: Sampling::All, ..Choices::default() };
        assert_eq!(planned_as(&text(matrix), &choices).1, [expected]);
    }
}
