//! The names that get their values while the run goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, id};
use crate::{
    diagnostic::{Diagnostic, Span},
    language::{Case, Scenario, names_in},
    yaml::{Node, Value},
};

/// Each captured name, with the cases that capture it.
pub type Captured = BTreeMap<String, Vec<usize>>;

/// Finds what cases capture.
pub fn captured(scenarios: &[(Scenario, Span)]) -> Captured {
    let mut captured = Captured::new();
    for (index, case) in scenarios.iter().flat_map(|(scenario, _)| &scenario.cases).enumerate() {
        for (name, _) in case.actions.iter().filter_map(|action| name_of(&action.0)) {
            captured.entry(name.to_owned()).or_default().push(index);
        }
    }
    captured
}

/// Reports expressions that refer to a capture which nothing makes before them, and captures that hide a variable.
pub fn check(
    scenarios: &[(Scenario, Span)],
    captured: &Captured,
    graph: &Graph,
    variables: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if captured.is_empty() {
        return diagnostics;
    }
    for (index, case) in scenarios.iter().flat_map(|(scenario, _)| &scenario.cases).enumerate() {
        let needs = graph.all_needs(index);
        let mut made: BTreeSet<&str> = captured
            .iter()
            .filter(|(_, makers)| makers.iter().any(|maker| needs.contains(maker)))
            .map(|(name, _)| name.as_str())
            .collect();
        for (node, name) in steps(case) {
            for (unmade, span) in references(node, captured, &made) {
                let makers: Vec<String> = captured[&unmade].iter().map(|maker| id(scenarios, *maker)).collect();
                let help = match captured[&unmade].contains(&index) {
                    true => "it is captured further down in this case; capture it before".to_owned(),
                    false => format!("it is captured by {}; add that to `needs`", makers.join(", ")),
                };
                diagnostics
                    .push(Diagnostic::error(format!("`{unmade}` may not have a value here")).at(&span).help(help));
            }
            if let Some((name, span)) = name {
                if variables.contains(name) {
                    diagnostics.push(
                        Diagnostic::error(format!("capture `{name}` has the name of a variable"))
                            .at(span)
                            .help("give the capture another name"),
                    );
                }
                made.insert(name);
            }
        }
    }
    diagnostics
}

fn steps(case: &Case) -> impl Iterator<Item = (&Node, Option<(&str, &Span)>)> {
    let actions = case.actions.iter().map(|action| (&action.0, name_of(&action.0)));
    actions.chain(case.expect.iter().map(|expectation| (&expectation.0, None)))
}

/// The name that an action captures, and where it stands.
fn name_of(node: &Node) -> Option<(&str, &Span)> {
    let named = |verb: &str, field: &str| {
        let node = node.get(verb)?.get(field)?;
        Some((node.as_str()?, &node.span))
    };
    named("capture", "name").or_else(|| named("pull", "as"))
}

/// The captures referred to in the tree that are not made yet, each with its place.
fn references(node: &Node, captured: &Captured, made: &BTreeSet<&str>) -> Vec<(String, Span)> {
    match &node.value {
        Value::String(_) => names_in(node)
            .into_iter()
            .filter(|name| captured.contains_key(name) && !made.contains(name.as_str()))
            .map(|name| (name, node.span.clone()))
            .collect(),
        Value::List(items) => items.iter().flat_map(|item| references(item, captured, made)).collect(),
        Value::Map(entries) => entries.iter().flat_map(|entry| references(&entry.node, captured, made)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::plan::testing::{PODS, planned, scenario, suite};

    const CAPTURE: &str = "{capture: {name: host, of: {kind: Service, name: shop}, value: object.spec.clusterIP}}";
    const USE: &str = "{http: {url: 'http://{{ host }}'}}";

    #[rstest]
    #[case::after_it(&["one, do: [CAPTURE, USE]"])]
    #[case::in_a_case_that_needs_it(&["one, do: [CAPTURE]", "two, needs: [one], do: [USE]"])]
    #[case::over_another_case(
        &["one, do: [CAPTURE]", "two, needs: [one], PODS", "three, needs: [two], do: [USE]"]
    )]
    #[case::in_an_expectation(&["one, do: [CAPTURE], expect: [{absent: {kind: Pod, name: '{{ host }}'}}]"])]
    #[case::the_folder_of_an_artifact(
        &["one, do: [{pull: {artifact: a, as: host}}, {apply: {file: '{{ host }}/a.yaml'}}]"]
    )]
    fn a_capture_has_a_value_after_it_is_made(#[case] cases: &[&str]) {
        assert_eq!(planned(&text(cases)).1, [""; 0]);
    }

    #[rstest]
    #[case::before(&["one, do: [USE, CAPTURE]"], "it is captured further down in this case; capture it before")]
    #[case::beside(&["one, do: [CAPTURE]", "two, do: [USE]"], "it is captured by a/one; add that to `needs`")]
    #[case::only_after(
        &["one, do: [CAPTURE]", "two, after: [one], do: [USE]"], "it is captured by a/one; add that to `needs`"
    )]
    fn a_capture_may_have_no_value_elsewhere(#[case] cases: &[&str], #[case] help: &str) {
        let mistakes = planned(&text(cases)).1;
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
        assert!(mistakes[0].ends_with(&format!("`host` may not have a value here; {help}")), "{mistakes:#?}");
    }

    #[test]
    fn a_capture_does_not_hide_a_variable() {
        let text = suite("variables: {host: {type: string, default: a}}\n") + &text(&["one, do: [CAPTURE]"]);
        assert_eq!(
            planned(&text).1,
            ["10:39 capture `host` has the name of a variable; give the capture another name"]
        );
    }

    #[rstest]
    #[case("namespace: '{{ host }}'", "`namespace` cannot be a capture")]
    #[case("when: [{variable: host, is: a}]", "`host` is not a variable")]
    fn what_is_known_before_the_run_is_no_capture(#[case] line: &str, #[case] expected: &str) {
        let text = text(&["one, do: [CAPTURE]"]).replace("cases:", &format!("{line}\ncases:"));
        let mistakes = planned(&text).1;
        assert!(mistakes.len() == 1 && mistakes[0].contains(expected), "{mistakes:#?}");
    }

    fn text(cases: &[&str]) -> String {
        let filled = |case: &&str| case.replace("CAPTURE", CAPTURE).replace("USE", USE).replace("PODS", PODS);
        let cases: Vec<String> = cases.iter().map(filled).collect();
        scenario("a", &cases.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
