//! Where a case applies.

use indexmap::IndexMap;

use crate::{
    diagnostic::{Diagnostic, Span},
    language::{
        Condition, Filler, VariableKind, VariableSpec,
        formats::{VersionRange, version},
    },
    plan::{Values, variables::plain},
    yaml::{Node, Text},
};

/// A condition that only the cluster can answer.
#[derive(Debug, Clone)]
pub struct Pending {
    pub kubernetes: VersionRange,
    pub reason: Option<String>,
}

/// A condition that only the network can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    pub address: String,
    pub reason: Option<String>,
}

/// What the variables say of a case.
#[derive(Debug)]
pub struct Applies {
    /// Why it does not apply, if so.
    pub skip: Option<String>,
    pub pending: Vec<Pending>,
    pub reachable: Vec<Reachable>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Holds `conditions` against `values`. The first that does not hold is the reason.
pub fn applies<'a>(
    conditions: impl Iterator<Item = &'a Condition>,
    variables: &IndexMap<Text, VariableSpec>,
    values: &Values,
    filler: &Filler,
) -> Applies {
    let mut applies = Applies { skip: None, pending: Vec::new(), reachable: Vec::new(), diagnostics: Vec::new() };
    for condition in conditions {
        let mistakes = mistakes(condition, variables, filler);
        if !mistakes.is_empty() {
            applies.diagnostics.extend(mistakes);
            continue;
        }
        if let Some(kubernetes) = &condition.kubernetes {
            let reason = condition.reason.as_ref().and_then(|reason| told(reason, filler).ok());
            applies.pending.push(Pending { kubernetes: kubernetes.clone(), reason });
        }
        if let Some(address) = &condition.reachable {
            match told(address, filler) {
                Ok(address) if address.is_empty() => {}
                Ok(address) => {
                    let reason = condition.reason.as_ref().and_then(|reason| told(reason, filler).ok());
                    applies.reachable.push(Reachable { address, reason });
                }
                Err(diagnostics) => applies.diagnostics.extend(diagnostics),
            }
        }
        match holds(condition, values, filler) {
            Ok(None) => {}
            Ok(Some(reason)) => {
                let told = match &condition.reason {
                    Some(reason) => match told(reason, filler) {
                        Ok(told) => told,
                        Err(diagnostics) => {
                            applies.diagnostics.extend(diagnostics);
                            continue;
                        }
                    },
                    None => reason,
                };
                applies.skip.get_or_insert(told);
            }
            Err(diagnostics) => applies.diagnostics.extend(diagnostics),
        }
    }
    applies
}

/// The reason that the suite's author wrote, its expressions filled.
fn told(reason: &Node, filler: &Filler) -> Result<String, Vec<Diagnostic>> {
    let (filled, problems) = filler.fill(reason);
    if problems.is_empty() { Ok(plain(&filled.to_json())) } else { Err(problems) }
}

/// What is wrong with the condition, whatever the values are.
fn mistakes(condition: &Condition, variables: &IndexMap<Text, VariableSpec>, filler: &Filler) -> Vec<Diagnostic> {
    let answers: Vec<&Node> =
        condition.is.iter().chain(&condition.is_not).chain(condition.one_of.iter().flatten()).collect();
    let answered = condition.one_of.is_some() || condition.range.is_some() || !answers.is_empty();
    let Some(variable) = &condition.variable else {
        let wrong = |title: &str| {
            let diagnostic = Diagnostic { span: place(condition), ..Diagnostic::error(title) };
            let help = "write `variable: name` beside what it must be, `kubernetes: RANGE` or `reachable: ADDRESS`";
            vec![diagnostic.help(help)]
        };
        return match (answered, condition.kubernetes.is_some() || condition.reachable.is_some()) {
            (true, _) => wrong("a condition asks about no variable"),
            (false, false) => wrong("a condition asks nothing"),
            (false, true) => Vec::new(),
        };
    };
    let name = variable.as_str();
    let wrong = |title: String| Diagnostic::error(title).at(&variable.span);
    if !filler.knows(name) {
        let known = variables.keys().map(Text::as_str);
        return vec![wrong(format!("unknown variable `{name}`")).did_you_mean(name, known)];
    }
    if !answered {
        let help = "write beside it `is`, `in`, `not` or `range`";
        return vec![wrong(format!("it is not said what `{name}` must be")).help(help)];
    }
    let Some(spec) = variables.get(name) else {
        let help = "conditions are answered before the run: they ask about variables";
        return vec![wrong(format!("`{name}` is not a variable")).help(help)];
    };
    let mut mistakes = Vec::new();
    if condition.range.is_some() && spec.kind != VariableKind::Version {
        mistakes.push(wrong(format!("`{name}` is not a version variable")).help("give it `type: version`"));
    }
    let allowed: Vec<String> = spec.one_of.iter().map(|node| plain(&node.to_json())).collect();
    for answer in answers {
        let text = plain(&answer.to_json());
        if !allowed.is_empty() && !text.contains("{{") && !allowed.contains(&text) {
            let diagnostic =
                Diagnostic::error(format!("`{text}` is not a value of variable `{name}`")).at(&answer.span);
            mistakes.push(diagnostic.did_you_mean(&text, allowed.iter().map(String::as_str)));
        }
    }
    mistakes
}

fn place(condition: &Condition) -> Option<Span> {
    let nodes = condition.is.iter().chain(&condition.is_not).chain(condition.one_of.iter().flatten());
    nodes.chain(&condition.reason).next().map(|node| node.span.clone())
}

/// Why the condition does not hold, if so.
fn holds(condition: &Condition, values: &Values, filler: &Filler) -> Result<Option<String>, Vec<Diagnostic>> {
    let Some(variable) = &condition.variable else { return Ok(None) };
    let name = &variable.value;
    // Its value is not known for a mistake that is reported already.
    let Some(value) = values.get(name) else { return Ok(None) };
    let fill = |node: &Node| {
        let (node, problems) = filler.fill(node);
        if problems.is_empty() { Ok(node.to_json()) } else { Err(problems) }
    };
    let seen = plain(value);
    if let Some(wanted) = &condition.is {
        let wanted = fill(wanted)?;
        if wanted != *value {
            return Ok(Some(format!("{name} is {seen}, not {}", plain(&wanted))));
        }
    }
    if let Some(unwanted) = &condition.is_not
        && fill(unwanted)? == *value
    {
        return Ok(Some(format!("{name} is {seen}")));
    }
    if let Some(choices) = &condition.one_of {
        let choices = choices.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        if !choices.contains(value) {
            let words: Vec<String> = choices.iter().map(plain).collect();
            return Ok(Some(format!("{name} is {seen}, not one of {}", words.join(", "))));
        }
    }
    if let Some(range) = &condition.range {
        let version = version(&seen).map_err(|problem| vec![Diagnostic::error(problem).at(&variable.span)])?;
        if !range.contains(&version) {
            return Ok(Some(format!("{name} is {seen}; this applies to {}", range.as_str())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Reachable;
    use crate::plan::testing::{PODS, planned, scenario, sound, suite};

    fn text(condition: &str) -> String {
        let variables = "variables:
  version: {type: version, default: 1.20.0}
  network: {type: string, oneOf: [internet, closed], default: internet}
  count: {type: integer, default: 3}
";
        suite(variables) + &scenario("a", &[&format!("one, when: [{condition}], {PODS}")])
    }

    #[rstest]
    #[case("{variable: network, is: internet}", None)]
    #[case("{variable: network, is: closed}", Some("network is internet, not closed"))]
    #[case("{variable: network, not: closed}", None)]
    #[case("{variable: network, not: internet}", Some("network is internet"))]
    #[case("{variable: network, in: [closed, internet]}", None)]
    #[case("{variable: count, in: [1, 2]}", Some("count is 3, not one of 1, 2"))]
    #[case("{variable: count, is: '{{ count }}'}", None)]
    #[case("{variable: count, is: '3'}", Some("count is 3, not 3"))]
    #[case("{variable: version, range: '>=1.19'}", None)]
    #[case("{variable: version, range: '<1.20'}", Some("version is 1.20.0; this applies to <1.20"))]
    #[case("{variable: network, is: closed, reason: 'not with {{ network }}'}", Some("not with internet"))]
    #[case("{variable: count, is: 4}, {variable: count, is: 5}", Some("count is 3, not 4"))]
    fn a_case_applies_where_all_conditions_hold(#[case] condition: &str, #[case] expected: Option<&str>) {
        assert_eq!(sound(&text(condition)).cases[0].skip.as_deref(), expected);
    }

    #[rstest]
    #[case("{variable: netwrok, is: a}", "unknown variable `netwrok`; did you mean `network`?")]
    #[case(
        "{variable: network}",
        "it is not said what `network` must be; write beside it `is`, `in`, `not` or `range`"
    )]
    #[case(
        "{is: internet}",
        "a condition asks about no variable; write `variable: name` beside what it must be, `kubernetes: RANGE` or `reachable: ADDRESS`"
    )]
    #[case(
        "{}",
        "a condition asks nothing; write `variable: name` beside what it must be, `kubernetes: RANGE` or `reachable: ADDRESS`"
    )]
    #[case("{variable: network, range: '>=1.20'}", "`network` is not a version variable; give it `type: version`")]
    #[case(
        "{variable: network, in: [closed, intern]}",
        "`intern` is not a value of variable `network`; did you mean `internet`?"
    )]
    #[case(
        "{variable: run, is: a}",
        "`run` is not a variable; conditions are answered before the run: they ask about variables"
    )]
    fn a_condition_that_means_nothing_is_told(#[case] condition: &str, #[case] expected: &str) {
        let mistakes = planned(&text(condition)).1;
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
        assert!(mistakes[0].ends_with(expected), "{mistakes:#?}");
    }

    #[test]
    fn what_the_network_has_to_answer_is_left_for_it() {
        let plan = sound(&text("{reachable: 'https://{{ network }}.example', reason: 'no way to {{ network }}'}"));
        let asked =
            Reachable { address: "https://internet.example".to_owned(), reason: Some("no way to internet".to_owned()) };
        assert_eq!((plan.cases[0].reachable.as_slice(), plan.cases[0].skip.as_deref()), (&[asked][..], None));
    }

    #[test]
    fn what_the_cluster_has_to_answer_is_left_for_it() {
        let plan = sound(&text("{kubernetes: '>=1.27', reason: 'old {{ network }}'}"));
        let pending = &plan.cases[0].pending;
        assert_eq!((pending.len(), plan.cases[0].skip.as_deref()), (1, None));
        assert_eq!((pending[0].kubernetes.as_str(), pending[0].reason.as_deref()), (">=1.27", Some("old internet")));
    }
}
