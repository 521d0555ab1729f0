//! The suite's preflight checks that apply, filled and read.

use std::path::Path;

use indexmap::IndexMap;

use super::{
    condition::{Applies, applies},
    variables::Values,
};
use crate::{
    diagnostic::{Diagnostic, Span},
    effect::{ApiVerb, Effect, RUN, Scene},
    expectation::Subject,
    language::{
        CheckNode, CheckOptions, Condition, ExpectationNode, ExpectationStep, Filler, Question, Room, StepError,
        VariableSpec, check_shape, formats::VersionRange,
    },
    yaml::{Entry, Node, Text, Value, decode},
};

/// A check that is made before the run.
#[derive(Debug)]
pub struct Check {
    pub question: Asked,
    pub options: CheckOptions,
    /// The namespace of an expectation that names none.
    pub namespace: Option<String>,
    pub effects: Vec<Effect>,
    pub span: Span,
    /// As it was filled, without the run's id: by which the cells of a matrix are known to ask the same.
    pub text: String,
}

/// What is asked.
#[derive(Debug)]
pub enum Asked {
    Expect(Box<ExpectationStep>),
    Kubernetes(VersionRange),
    Room(Room),
}

/// What checks are read with.
pub struct Reading<'a> {
    pub variables: &'a IndexMap<Text, VariableSpec>,
    pub values: &'a Values,
    pub filler: &'a Filler,
    pub namespace: Option<&'a str>,
    /// The run's id, which is in no effect.
    pub run: &'a str,
}

/// Reads the checks that apply where the variables have these values.
pub fn checks(nodes: &[CheckNode], reading: &Reading<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Check> {
    nodes.iter().filter_map(|CheckNode(node)| check(node, reading, diagnostics)).collect()
}

fn check(node: &Node, reading: &Reading<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Check> {
    let (applies, rest) = conditional(node, reading, diagnostics);
    let (filled, problems) = reading.filler.fill(&rest);
    let broken = !problems.is_empty();
    diagnostics.extend(problems);
    if broken || !check_shape(node, CheckNode::schema()).is_empty() {
        return None;
    }
    match read(&filled, reading) {
        Ok(check) => (applies.skip.is_none() && applies.pending.is_empty()).then_some(check),
        Err(StepError(problems)) => {
            diagnostics.extend(problems);
            None
        }
    }
}

/// Whether what a node says under its `when` applies, and the rest of it.
pub fn conditional(node: &Node, reading: &Reading<'_>, diagnostics: &mut Vec<Diagnostic>) -> (Applies, Node) {
    let (when, rest): (Vec<Entry>, Vec<Entry>) =
        node.entries().iter().cloned().partition(|entry| entry.key.value == "when");
    let conditions: Vec<Condition> = when.first().and_then(|entry| decode(&entry.node).ok()).unwrap_or_default();
    let mut applies = applies(conditions.iter(), reading.variables, reading.values, reading.filler);
    diagnostics.append(&mut applies.diagnostics);
    (applies, Node { value: Value::Map(rest), span: node.span.clone() })
}

fn read(filled: &Node, reading: &Reading<'_>) -> Result<Check, StepError> {
    let problems = check_shape(filled, CheckNode::schema());
    if !problems.is_empty() {
        return Err(StepError(problems));
    }
    let is_question = |entry: &Entry| ["expect", "kubernetes", "room"].contains(&entry.key.value.as_str());
    let (question, options) = filled.entries().iter().cloned().partition(is_question);
    let map = |entries: Vec<Entry>| Node { value: Value::Map(entries), span: filled.span.clone() };
    let wrong = |error: crate::yaml::DecodeError| StepError(vec![error.into()]);
    let question: Question = decode(&map(question)).map_err(wrong)?;
    let options: CheckOptions = decode(&map(options)).map_err(wrong)?;
    let directory = filled.span.source.path.parent().unwrap_or(Path::new("."));
    let namespace = reading.namespace;
    let mut scene = Scene { namespace: namespace.map(str::to_owned), directory, touches: None, effects: Vec::new() };
    let question = match question {
        Question::Kubernetes(range) => Asked::Kubernetes(range),
        Question::Room(room) => Asked::Room(room),
        Question::Expect(ExpectationNode(node)) => {
            let step = ExpectationStep::read(&node)?;
            let Subject::State(watched) = step.expectation.subject() else {
                let diagnostic = Diagnostic::error("a preflight check asks of the cluster's state").at(&node.span);
                let help = "nothing is run before it: use an expectation of objects";
                return Err(StepError(vec![diagnostic.help(help)]));
            };
            let target = watched.target();
            if let Some(resource) = scene.resource(target.api_version, target.kind) {
                let place = scene.place(&resource, target.namespace);
                scene.needs(&resource, &place, None, &[ApiVerb::List]);
            }
            Asked::Expect(Box::new(step))
        }
    };
    Ok(Check {
        question,
        options,
        namespace: namespace.map(str::to_owned),
        effects: scene.effects.into_iter().map(|effect| effect.without_run(reading.run)).collect(),
        span: filled.span.clone(),
        text: filled.to_json().to_string().replace(reading.run, RUN),
    })
}
