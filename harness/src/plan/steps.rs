//! The steps of a case: filled as far as they can be, read, and held against each other.

use std::{collections::BTreeSet, path::Path};

use crate::{
    action::Action,
    diagnostic::Diagnostic,
    expectation::{Expectation, Subject},
    language::{
        ActionNode, ActionStep, Case, ExpectationNode, ExpectationOptions, ExpectationStep, Filler, StepError,
        UndoSpec, check_shape, formats::Cel, names_in,
    },
    signature::{self, Prover, SignatureError},
    yaml::{Entry, Node, Value},
};

/// A case's steps; expressions over captures are not filled yet.
#[derive(Debug)]
pub struct Steps {
    pub actions: Vec<Node>,
    pub expectations: Vec<Node>,
}

/// What the steps so far gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    Nothing,
    Output,
    Response,
}

impl Steps {
    /// Fills and reads the steps of `case`. What `waits` names gets its value only while the run goes on; a step with it is read
    /// when it has it, and until then only its shape is known.
    pub fn of(case: &Case, filler: &Filler, waits: &dyn Fn(&str) -> bool, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut steps = Self { actions: Vec::new(), expectations: Vec::new() };
        let mut gives = Gives::Nothing;
        for ActionNode(node) in &case.actions {
            let filled = fill(node, filler, diagnostics);
            diagnostics.extend(action(node, &filled, gives, waits));
            gives = match node.entries().iter().find_map(|entry| given_by(&entry.key.value)) {
                Some(given) => given,
                None => gives,
            };
            steps.actions.push(filled);
        }
        for ExpectationNode(node) in &case.expect {
            let filled = fill(node, filler, diagnostics);
            diagnostics.extend(expectation(node, &filled, gives, waits));
            steps.expectations.push(filled);
        }
        steps
    }
}

fn fill(node: &Node, filler: &Filler, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let (filled, problems) = filler.prepare(node);
    diagnostics.extend(problems);
    filled
}

fn given_by(verb: &str) -> Option<Gives> {
    match verb {
        "run" | "exec" | "pull" => Some(Gives::Output),
        "http" => Some(Gives::Response),
        _ => None,
    }
}

/// Whether a filled step can be read: its mistakes, if it has any, are not those of its shape, which are reported already, nor
/// of its expressions.
fn is_readable(written: &Node, filled: &Node, schema: &serde_json::Value, waits: &dyn Fn(&str) -> bool) -> bool {
    let unfilled = names_in(filled);
    let wrong = names_in(written).iter().any(|name| unfilled.contains(name) && !waits(name));
    !wrong && !unfilled.iter().any(|name| waits(name)) && check_shape(written, schema).is_empty()
}

fn action(written: &Node, filled: &Node, gives: Gives, waits: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    if !is_readable(written, filled, ActionNode::schema(), waits) {
        return Vec::new();
    }
    let step = match ActionStep::read(filled) {
        Ok(step) => step,
        Err(StepError(problems)) => return problems,
    };
    let mut found = Vec::new();
    if let Action::Capture(capture) = &step.action {
        let known: &[&str] = match &capture.of {
            Some(_) => &["object", "objects"],
            None => &["stdout", "stderr", "exitCode", "status", "body", "json"],
        };
        let value = filled.get("capture").and_then(|verb| verb.get("value"));
        found.extend(unknown_variables(&capture.value, known, value));
        if capture.of.is_none() && gives == Gives::Nothing {
            found.push(
                nothing_before(filled, "capture")
                    .help("do `run`, `exec`, `http` or `pull` before it, or say with `of` which object it is over"),
            );
        }
    }
    if let Some(UndoSpec { unless, actions }) = &step.options.undo {
        if let Some(ExpectationNode(node)) = unless {
            found.extend(expectation(node, node, Gives::Nothing, waits));
        }
        let mut gives = Gives::Nothing;
        for ActionNode(node) in actions {
            found.extend(action(node, node, gives, waits));
            gives = node.entries().iter().find_map(|entry| given_by(&entry.key.value)).unwrap_or(gives);
        }
    }
    found
}

fn expectation(written: &Node, filled: &Node, gives: Gives, waits: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let verb = written
        .entries()
        .iter()
        .map(|entry| entry.key.value.as_str())
        .find(|key| ["output", "html", "http"].contains(key));
    // This is so whatever the expressions are.
    match (verb, gives) {
        (Some(verb @ ("output" | "html")), Gives::Nothing) => found
            .push(nothing_before(written, verb).help("do `run`, `exec`, `http` or `pull` before it in the same case")),
        (Some("http"), Gives::Nothing) => {
            found.push(nothing_before(written, "http").help("do `http` before it in the same case"));
        }
        (Some("http"), Gives::Output) => found.push(
            at_verb(written, "http", "`http` is about a response, and the last action gives an output")
                .help("expect `output`, or do `http` last"),
        ),
        (Some("output"), Gives::Response) => found.push(
            at_verb(written, "output", "`output` is about a program, and the last action gives a response")
                .help("expect `http`, or do `run` or `exec` last"),
        ),
        _ => {}
    }
    found.extend(unbuilt(written));
    if !is_readable(written, filled, ExpectationNode::schema(), waits) {
        return found;
    }
    let step = match ExpectationStep::read(filled) {
        Ok(step) => step,
        Err(StepError(problems)) => {
            found.extend(problems);
            return found;
        }
    };
    let (expressions, place, known): (&[Cel], _, &[&str]) = match &step.expectation {
        Expectation::Object(object) => {
            (&object.cel, filled.get("object").and_then(|verb| verb.get("cel")), &["object"])
        }
        Expectation::Image(image) => {
            if image.in_output && gives != Gives::Output {
                found.push(nothing_before(filled, "image").help("do `run` before it in the same case"));
            }
            if image.images.is_empty() && !image.in_output {
                found
                    .push(at_verb(filled, "image", "`image` names none").help("give it `images`, or `inOutput: true`"));
            }
            (&[], None, &[])
        }
        Expectation::Output(output) => {
            (&output.json, filled.get("output").and_then(|verb| verb.get("json")), &["json"])
        }
        _ => (&[], None, &[]),
    };
    found.extend(keyless(filled, &step.expectation));
    for (index, expression) in expressions.iter().enumerate() {
        let node = place.and_then(|node| match &node.value {
            Value::List(items) => items.get(index),
            _ => None,
        });
        found.extend(unknown_variables(expression, known, node.or(place)));
    }
    found.extend(idle_options(filled, &step));
    found
}

/// A signature in a build that proves none; told whatever its expressions wait for.
fn unbuilt(node: &Node) -> Option<Diagnostic> {
    let field = signature_field(node).filter(|_| !signature::IS_BUILT)?;
    let error = SignatureError::NotBuilt;
    Some(Diagnostic::error(error.to_string()).at(&field.key.span).help(error.hint()))
}

/// Keys that are none.
fn keyless(node: &Node, expectation: &Expectation) -> Option<Diagnostic> {
    let Subject::Stored(wanted) = expectation.subject() else { return None };
    let wanted = wanted.signature.filter(|_| signature::IS_BUILT)?;
    let error = Prover::new(wanted, node.span.source.path.parent().unwrap_or(Path::new("."))).err()?;
    let keys = signature_field(node).and_then(|field| field.node.get("keys"));
    Some(Diagnostic::error(error.to_string()).at(&keys.unwrap_or(node).span).help(error.hint()))
}

fn signature_field(node: &Node) -> Option<&Entry> {
    let verbs = node.entries().iter().filter(|verb| ["artifact", "image"].contains(&verb.key.value.as_str()));
    verbs.flat_map(|verb| verb.node.entries()).find(|field| field.key.value == "signature")
}

/// Options that do nothing beside this verb.
fn idle_options(node: &Node, step: &ExpectationStep) -> Vec<Diagnostic> {
    let ExpectationOptions { settle, patience, hold, .. } = &step.options;
    let (is_state, is_stored) = match step.expectation.subject() {
        Subject::State(_) => (true, false),
        Subject::Gained(_) => (false, false),
        Subject::Stored(_) => (false, true),
    };
    let idle = [
        ("settle", settle.is_some() && (is_state || is_stored), "it is for `output`, `html` and `http`"),
        ("patience", patience.is_some() && !is_state, "it is for the cluster's state"),
        ("hold", hold.is_some() && is_stored, "registries are asked once"),
    ];
    let entries = node.entries();
    idle.into_iter()
        .filter(|(_, idle, _)| *idle)
        .filter_map(|(option, _, help)| {
            let entry = entries.iter().find(|entry| entry.key.value == option)?;
            Some(Diagnostic::error(format!("`{option}` has no meaning here")).at(&entry.key.span).help(help))
        })
        .collect()
}

fn nothing_before(node: &Node, verb: &str) -> Diagnostic {
    at_verb(node, verb, &format!("nothing before this `{verb}` gives an output"))
}

fn at_verb(node: &Node, verb: &str, title: &str) -> Diagnostic {
    let key = node.entries().iter().find(|entry| entry.key.value == verb).map(|entry| &entry.key.span);
    Diagnostic::error(title).at(key.unwrap_or(&node.span))
}

fn unknown_variables(expression: &Cel, known: &[&str], node: Option<&Node>) -> Vec<Diagnostic> {
    let unknown: BTreeSet<String> =
        expression.variables().into_iter().filter(|name| !known.contains(&name.as_str())).collect();
    unknown
        .iter()
        .map(|name| {
            let diagnostic = Diagnostic {
                span: node.map(|node| node.span.clone()),
                ..Diagnostic::error(format!("unknown variable `{name}` in a CEL expression"))
            };
            diagnostic.did_you_mean(name, known.iter().copied())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::plan::testing::{planned, scenario};

    #[rstest]
    #[case::of_a_program("do: [{run: {program: a}}], expect: [{output: {exitCode: 0}}, {html: {select: a}}]")]
    #[case::of_a_response("do: [{http: {url: a}}], expect: [{http: {status: 200}}, {html: {select: a}}]")]
    #[case::of_an_artifact("do: [{pull: {artifact: a}}], expect: [{output: {stdout: {contains: [b]}}}]")]
    #[case::of_the_last(
        "do: [{run: {program: a}}, {http: {url: a}}, {apply: {file: b}}], expect: [{http: {status: 200}}]"
    )]
    #[case::captured("do: [{run: {program: a}}, {capture: {name: b, value: 'stdout + json.items.map(i, i.name)[0]'}}]")]
    #[case::of_objects(
        "do: [{capture: {name: b, of: {kind: Pod}, value: 'objects.filter(p, p.metadata.name == object.kind)[0]'}}]"
    )]
    #[case::options(
        "do: [{http: {url: a}}], expect: [{http: {status: 200}, within: 1m, settle: 5s, hold: 1s}, {pods: {selector: a=b, count: 1}, patience: 5s}]"
    )]
    fn steps_that_go_together_are_right(#[case] case: &str) {
        assert_eq!(planned(&scenario("a", &[&format!("one, {case}")])).1, [""; 0]);
    }

    #[rstest]
    #[case("expect: [{html: {select: a}}]", "nothing before this `html` gives an output")]
    #[case(
        "do: [{apply: {file: a}}], expect: [{output: {exitCode: 0}}]",
        "nothing before this `output` gives an output"
    )]
    #[case("expect: [{http: {body: {contains: ['{{ run.id }}']}}}]", "nothing before this `http` gives an output")]
    #[case(
        "do: [{run: {program: a}}], expect: [{http: {status: 200}}]",
        "`http` is about a response, and the last action gives an output"
    )]
    #[case(
        "do: [{http: {url: a}}], expect: [{output: {exitCode: 0}}]",
        "`output` is about a program, and the last action gives a response"
    )]
    #[case(
        "do: [{capture: {name: b, value: stdout}}, {run: {program: a}}]",
        "nothing before this `capture` gives an output"
    )]
    #[case(
        "do: [{run: {program: a}}, {capture: {name: b, value: stdot}}]",
        "unknown variable `stdot` in a CEL expression; did you mean `stdout`?"
    )]
    #[case(
        "do: [{capture: {name: b, of: {kind: Pod}, value: stdout}}]",
        "unknown variable `stdout` in a CEL expression; there are object, objects"
    )]
    #[case(
        "expect: [{object: {of: {kind: Pod}, cel: ['true', objct.a]}}]",
        "unknown variable `objct` in a CEL expression"
    )]
    #[case(
        "expect: [{pods: {selector: a=b, count: 1}, settle: 5s}]",
        "`settle` has no meaning here; it is for `output`, `html` and `http`"
    )]
    #[case(
        "do: [{http: {url: a}}], expect: [{http: {status: 200}, patience: 5s}]",
        "`patience` has no meaning here; it is for the cluster's state"
    )]
    #[case("do: [{run: {program: a, args: ['{{ b }}']}}]", "unknown variable `b`")]
    #[case(
        "do: [{run: {program: a, args: ['{{ 2 }}']}}]",
        "not an integer (it is 2); make it a text: {{ … | string }}"
    )]
    #[case("do: [{run: {program: '{{ run.id.a }}'}}]", "`run.id` has no `a`")]
    #[case("expect: [{pods: {selector: 'a={{ run.directory }}', count: 1}}]", "`/run` is not a label value")]
    #[case("do: [{run: {program: a, undo: 1}}]", "unknown field `undo`")]
    #[case(
        "do: [{run: {program: a}, undo: {do: [{capture: {name: b, value: stdout}}]}}]",
        "nothing before this `capture` gives an output"
    )]
    #[case("title: a", "case `one` does and expects nothing")]
    fn what_does_not_go_together_is_told_before_the_run(#[case] case: &str, #[case] expected: &str) {
        let mistakes = planned(&scenario("a", &[&format!("one, {case}")])).1;
        assert!(mistakes.len() == 1 && mistakes[0].contains(expected), "{mistakes:#?}");
    }
}
