//! What a cluster must be like before a run may begin on it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::{
    document::Condition,
    formats::{Cel, Quantity, VersionRange},
    schema::step_schema,
    step::ExpectationNode,
};
use crate::yaml::Node;

/// One check before its expressions are filled.
#[derive(Debug, Clone)]
pub struct CheckNode(pub Node);

/// What is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// An expectation of the cluster's state, that holds now, with or without what an earlier run left behind.
    Expect(ExpectationNode),
    /// That the cluster's version is of this range.
    Kubernetes(VersionRange),
    /// That there is room for what the suite runs in a namespace.
    Room(Room),
}

/// What stands beside the question.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckOptions {
    /// Where the question is asked.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// What a reader is told where it does not hold; what was seen is told behind it.
    pub message: Option<String>,
    /// What was seen, in the author's words: a text or a list of texts over the `objects` of the expectation.
    pub seen: Option<Cel>,
    /// The way out.
    pub hint: Option<String>,
    /// The run begins all the same.
    #[serde(default)]
    pub note: bool,
}

/// What runs in a namespace.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Room {
    pub namespace: String,
    pub pods: Option<u32>,
    /// All requests of all pods together, in cores.
    pub cpu: Option<Quantity>,
    /// The same in bytes.
    pub memory: Option<Quantity>,
    /// The strictest Pod Security level under which the pods are admitted.
    pub pod_security: Option<PodSecurity>,
    /// Whether a service there has to be given an address.
    #[serde(default)]
    pub load_balancer: bool,
}

/// A level of Pod Security, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PodSecurity {
    Restricted,
    Baseline,
    Privileged,
}

impl PodSecurity {
    /// As the label of a namespace has it; what it does not know is taken for the strictest.
    pub fn of_label(text: &str) -> Self {
        match text {
            "privileged" => Self::Privileged,
            "baseline" => Self::Baseline,
            _ => Self::Restricted,
        }
    }
}

impl CheckNode {
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
        SCHEMA.get_or_init(super::schema::root_of::<Self>)
    }
}

impl<'de> Deserialize<'de> for CheckNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for CheckNode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PreflightCheck".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        step_schema::<Question, CheckOptions>(generator, "question")
    }
}
