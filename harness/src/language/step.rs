//! Actions and expectations as they stand in a case: a verb, and beside it what holds for every verb.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::{formats::Span as Time, schema::step_schema, shape::check_shape, touch::TouchNode};
use crate::{
    action::Action,
    diagnose::Collect,
    diagnostic::{Diagnostic, Span},
    expectation::Expectation,
    yaml::{Node, Value, decode},
};

/// An action before its expressions are filled.
#[derive(Debug, Clone)]
pub struct ActionNode(pub Node);

/// An expectation before its expressions are filled.
#[derive(Debug, Clone)]
pub struct ExpectationNode(pub Node);

/// A thing to collect before its expressions are filled.
#[derive(Debug, Clone)]
pub struct CollectNode(pub Node);

/// What can stand beside an action's verb.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionOptions {
    /// How long it may take: 5m if it is not given.
    pub within: Option<Time>,
    /// How to take it back when the run ends, for what Meshproof cannot know: a program's work.
    pub undo: Option<UndoSpec>,
    /// What it touches on the cluster and beyond, where Meshproof cannot know: a program's work, what stands in a file that only an
    /// artifact has. An empty list says that it touches nothing.
    pub touches: Option<Vec<TouchNode>>,
}

/// How to take an action back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoSpec {
    /// An expectation; if it holds, there is nothing to take back.
    pub unless: Option<ExpectationNode>,
    /// Actions, in order. One that fails does not keep the others from being done.
    #[serde(rename = "do")]
    pub actions: Vec<ActionNode>,
}

/// What can stand beside an expectation's verb.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectationOptions {
    /// How long it may take to become so. For the cluster's state: 10s if it is not given. For an output: if it is given, the action is
    /// done again until its output is as expected.
    pub within: Option<Time>,
    /// How long it must then stay so.
    pub hold: Option<Time>,
    /// How long a hopeless state (an image that cannot be pulled, a crash loop) must last before it is believed: 2s if it is not
    /// given.
    pub patience: Option<Time>,
    /// For an output: give up once the same wrong answer has come for so long.
    pub settle: Option<Time>,
}

/// What can stand beside the verb of a thing to collect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CollectOptions {
    /// What reports call it; without it, what it does.
    pub title: Option<String>,
}

/// A thing to collect with its options.
#[derive(Debug)]
pub struct CollectStep {
    pub collect: Collect,
    pub options: CollectOptions,
}

/// An action with its options, and where it stands.
#[derive(Debug)]
pub struct ActionStep {
    pub action: Action,
    pub options: ActionOptions,
    pub span: Span,
}

/// An expectation with its options, and where it stands.
#[derive(Debug)]
pub struct ExpectationStep {
    pub expectation: Expectation,
    pub options: ExpectationOptions,
    pub span: Span,
}

/// All that is wrong with a step whose expressions are filled.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct StepError(pub Vec<Diagnostic>);

impl ActionStep {
    /// Reads a step whose expressions are filled.
    pub fn read(node: &Node) -> Result<Self, StepError> {
        checked(node, ActionNode::schema())?;
        let (verb, options) = split(node, is_action);
        Ok(Self { action: read(&verb)?, options: read(&options)?, span: node.span.clone() })
    }
}

impl ExpectationStep {
    /// Reads a step whose expressions are filled.
    pub fn read(node: &Node) -> Result<Self, StepError> {
        checked(node, ExpectationNode::schema())?;
        let (verb, options) = split(node, is_expectation);
        Ok(Self { expectation: read(&verb)?, options: read(&options)?, span: node.span.clone() })
    }
}

impl CollectStep {
    /// Reads a thing to collect whose expressions are filled.
    pub fn read(node: &Node) -> Result<Self, StepError> {
        checked(node, CollectNode::schema())?;
        let (verb, options) = split(node, |key| key != "title");
        Ok(Self { collect: read(&verb)?, options: read(&options)? })
    }
}

fn checked(node: &Node, schema: &serde_json::Value) -> Result<(), StepError> {
    let diagnostics = check_shape(node, schema);
    if diagnostics.is_empty() { Ok(()) } else { Err(StepError(diagnostics)) }
}

pub(super) fn read<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, StepError> {
    decode(node).map_err(|error| StepError(vec![error.into()]))
}

/// Two maps: one with the verb alone, one with everything else.
pub(super) fn split(node: &Node, is_verb: fn(&str) -> bool) -> (Node, Node) {
    let (verb, options) = node.entries().iter().cloned().partition(|entry| is_verb(&entry.key.value));
    let map = |entries| Node { value: Value::Map(entries), span: node.span.clone() };
    (map(verb), map(options))
}

fn is_action(key: &str) -> bool {
    !["within", "undo", "touches"].contains(&key)
}

fn is_expectation(key: &str) -> bool {
    !["within", "hold", "patience", "settle"].contains(&key)
}

impl ActionNode {
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
        SCHEMA.get_or_init(super::schema::root_of::<Self>)
    }
}

impl CollectNode {
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
        SCHEMA.get_or_init(super::schema::root_of::<Self>)
    }
}

impl ExpectationNode {
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
        SCHEMA.get_or_init(super::schema::root_of::<Self>)
    }
}

macro_rules! step_node {
    ($node:ident, $verbs:ident, $options:ident, $name:literal, $kind:literal) => {
        impl<'de> Deserialize<'de> for $node {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Node::deserialize(deserializer).map(Self)
            }
        }
        impl JsonSchema for $node {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                step_schema::<$verbs, $options>(generator, $kind)
            }
        }
    };
}

step_node!(ActionNode, Action, ActionOptions, "ActionStep", "action");
step_node!(CollectNode, Collect, CollectOptions, "CollectStep", "thing to collect");
step_node!(ExpectationNode, Expectation, ExpectationOptions, "ExpectationStep", "expectation");
