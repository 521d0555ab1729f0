//! The documents of a suite, as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    check::CheckNode,
    formats::{Name, VersionRange},
    source::SourceNode,
    step::{ActionNode, CollectNode, ExpectationNode},
    touch::TouchNode,
};
use crate::yaml::{Node, Text};

/// One document of a file.
#[derive(Debug)]
pub enum Document {
    Suite(Box<Suite>),
    Scenario(Box<Scenario>),
}

/// What the scenarios beneath the file's folder have in common. A folder of scenarios without one has no variables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suite {
    /// `meshproof.dev/v1alpha1`.
    pub api_version: String,
    /// `Suite`.
    pub kind: String,
    pub metadata: Metadata,
    /// The address of the guide whose headings the cases name; reports link to it.
    #[schemars(regex(pattern = "^https?://"))]
    pub guide_url: Option<String>,
    /// What expressions can refer to, by name.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "identifier"}))]
    pub variables: IndexMap<Text, VariableSpec>,
    /// For each variable named, the values of the matrix; every combination is a cell. `kubernetes` is no variable: its values are
    /// versions of the cluster, like "1.28".
    #[serde(default)]
    pub matrix: IndexMap<Text, Vec<Node>>,
    /// Cells that are left out: those that have all the values of one of these.
    #[serde(default)]
    pub exclude: Vec<IndexMap<Text, Node>>,
    /// Cells besides the combinations: a value for each axis of the matrix, also one that is not in it.
    #[serde(default)]
    pub include: Vec<IndexMap<Text, Node>>,
    /// The namespace of scenarios that name none.
    pub namespace: Option<Node>,
    /// What is collected besides when a case fails: within seconds, with the rights at hand, and at the same time.
    #[serde(default)]
    pub diagnose: Vec<CollectNode>,
    /// Lists of what steps touch, by names by which steps refer to them.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "name"}))]
    pub touches: IndexMap<Text, Vec<TouchNode>>,
    /// What a cluster must be like before a run may begin on it.
    #[serde(default)]
    pub preflight: Vec<CheckNode>,
    /// Where the images come from that the suite pulls: what `meshproof images` looks through.
    #[serde(default)]
    pub images: Vec<SourceNode>,
    /// What a simulated cluster finds outside of itself. Real clusters find what is there.
    pub simulated: Option<Surroundings>,
}

/// What is outside of a simulated cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Surroundings {
    /// A release of Istio in a registry: its artifact `istioctl-tool` and its images.
    pub istio: Option<IstioRelease>,
}

/// A release of Istio in a registry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IstioRelease {
    /// `registry/path`, beneath which the artifact and the images are.
    pub registry: Node,
    pub version: Node,
    /// Others that have the same: a list.
    pub mirrors: Option<Node>,
}

/// A group of cases that belong together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// `meshproof.dev/v1alpha1`.
    pub api_version: String,
    /// `Scenario`.
    pub kind: String,
    pub metadata: Metadata,
    /// The heading of the guide that its cases prove.
    pub guide: Option<Text>,
    /// The namespace of objects that name none. In place of the suite's.
    pub namespace: Option<Node>,
    /// Scenarios, or `scenario/case`, that must not have failed before these cases begin; else they are blocked.
    #[serde(default)]
    pub needs: Vec<Text>,
    /// Scenarios, or `scenario/case`, that must have ended before, however they ended.
    #[serde(default)]
    pub after: Vec<Text>,
    /// Where all its cases apply; elsewhere they are skipped.
    #[serde(default)]
    pub when: Vec<Condition>,
    #[serde(default)]
    pub tags: Vec<Name>,
    #[schemars(length(min = 1))]
    pub cases: Vec<Case>,
}

/// The name of a document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    #[schemars(extend("format" = "name"))]
    pub name: Text,
    /// As a person reads it.
    pub title: Option<String>,
}

/// One thing that is proved. Cases run side by side unless `needs` or `after` orders them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// Unique in the scenario; `scenario/name` is what filters and reports know it by.
    #[schemars(extend("format" = "name"))]
    pub name: Text,
    /// As a person reads it.
    pub title: Option<String>,
    /// The heading of the guide that it proves. In place of the scenario's.
    pub guide: Option<Text>,
    /// The commands of the guide that it proves, each as the guide writes it, or its beginning.
    #[serde(default)]
    pub proves: Vec<Text>,
    /// Besides the scenario's: `case` of this scenario, `scenario/case`, or a scenario.
    #[serde(default)]
    pub needs: Vec<Text>,
    /// Besides the scenario's.
    #[serde(default)]
    pub after: Vec<Text>,
    /// Besides the scenario's.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// Besides the scenario's.
    #[serde(default)]
    pub tags: Vec<Name>,
    /// That it fails for now is known.
    pub known_failure: Option<KnownFailure>,
    /// What it does, in order.
    #[serde(default, rename = "do")]
    pub actions: Vec<ActionNode>,
    /// What must then be so, in order. `within` of each counts from when the one before was met.
    #[serde(default)]
    pub expect: Vec<ExpectationNode>,
}

/// Where a case applies: one question, all conditions of a case together must hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// The variable that is asked about; give this, `kubernetes` or `reachable`.
    pub variable: Option<Text>,
    /// That the variable has this value.
    pub is: Option<Node>,
    /// That it has one of these.
    #[serde(rename = "in")]
    pub one_of: Option<Vec<Node>>,
    /// That it has not this value.
    #[serde(rename = "not")]
    pub is_not: Option<Node>,
    /// That it is a version of this range.
    pub range: Option<VersionRange>,
    /// That the cluster's version is of this range.
    pub kubernetes: Option<VersionRange>,
    /// That this address can be reached from where Meshproof runs, `https://` if it has no scheme: its name is known, and something answers
    /// there or refuses to. One that is reached and does not work is no reason to skip. An empty text asks nothing.
    pub reachable: Option<Node>,
    /// What a reader is told where it does not hold; otherwise the condition itself is told.
    pub reason: Option<Node>,
}

/// A failure that is known.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownFailure {
    /// Where it is being worked on.
    pub issue: String,
    /// The last day on which it is accepted, `2026-12-31`; from the next on, it fails like any other.
    #[schemars(extend("format" = "day"))]
    pub expires: Option<Text>,
}

/// A variable. Its value comes from `--set`, the matrix, the environment file, or from here, in this order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VariableSpec {
    #[serde(rename = "type")]
    pub kind: VariableKind,
    /// Shown by `meshproof plan`.
    pub description: Option<String>,
    /// Its value where nothing else gives one; may refer to other variables.
    pub default: Option<Node>,
    /// Its value by the range in which a version variable lies.
    pub by_version: Option<ByVersion>,
    /// All values that it can have.
    #[serde(default)]
    pub one_of: Vec<Node>,
    /// Left out of reports.
    #[serde(default)]
    pub secret: bool,
}

/// Values by version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ByVersion {
    /// The version variable.
    pub of: Text,
    /// The first whose range holds the version counts.
    pub values: Vec<VersionedValue>,
}

/// A value for a range of versions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionedValue {
    pub range: VersionRange,
    pub value: Node,
}

/// The type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VariableKind {
    String,
    Integer,
    Boolean,
    Version,
    Duration,
    List,
    Map,
}

/// A file of values, for `--env-file`: a map from variables to values.
pub type Environment = IndexMap<Text, Node>;
