//! Where a suite's images come from: what is looked through to know them all.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::{
    document::Condition,
    schema::step_schema,
    shape::check_shape,
    step::{StepError, read, split},
};
use crate::{
    action::{Pull, Run},
    yaml::Node,
};

/// One source before its expressions are filled.
#[derive(Debug, Clone)]
pub struct SourceNode(pub Node);

/// What is looked through.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A file of manifests.
    File(String),
    /// An artifact, which is one of those that are pulled; sources after it find its files.
    Pull(Pull),
    /// References to images, as they are.
    References(Vec<String>),
    /// A program that writes manifests to its standard output and changes nothing.
    Run(Run),
}

/// What stands beside the source.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "for the schema; the plan reads it before expressions are filled")]
struct SourceOptions {
    /// Where it is looked through.
    #[schemars(default)]
    when: Vec<Condition>,
}

impl Source {
    /// Reads a source whose expressions are filled.
    pub fn read(node: &Node) -> Result<Self, StepError> {
        let problems = check_shape(node, SourceNode::schema());
        if !problems.is_empty() {
            return Err(StepError(problems));
        }
        let (verb, _) = split(node, |key| key != "when");
        read(&verb)
    }
}

impl SourceNode {
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
        SCHEMA.get_or_init(super::schema::root_of::<Self>)
    }
}

impl<'de> Deserialize<'de> for SourceNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for SourceNode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ImageSource".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        step_schema::<Source, SourceOptions>(generator, "source of images")
    }
}
