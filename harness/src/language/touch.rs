//! What a step touches that the step itself cannot know: a program's work, the objects of a file that only an artifact has.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::{formats::Selector, schema::step_schema, shape::check_shape, step::StepError};
use crate::{
    diagnostic::Diagnostic,
    effect::{ApiVerb, Resource},
    yaml::{Node, Text, decode},
};

/// One statement before its expressions are filled.
#[derive(Debug, Clone)]
pub struct TouchNode(pub Node);

/// What can be stated.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Touch {
    /// Network addresses that it speaks to, besides the API server.
    Addresses(Vec<String>),
    /// Images that the cluster pulls because of it.
    Images(Vec<String>),
    /// A list of the suite's own `touches`.
    List(ListReference),
    /// Objects of the cluster.
    Objects(Objects),
}

/// A list of the suite's, and what is done to its objects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListReference {
    pub name: Text,
    /// To those of its objects of which the list itself says no verbs.
    #[serde(default)]
    pub verbs: Vec<ApiVerb>,
}

/// Objects that something is done to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objects {
    /// Such as `Deployment`; with none, the statement says nothing.
    pub kinds: Vec<String>,
    /// Needed for kinds that are not Kubernetes' own.
    pub api_version: Option<String>,
    /// `exec`, `log`, `status`: that part of the objects.
    pub subresource: Option<String>,
    /// Without it, any.
    #[serde(default)]
    pub names: Vec<String>,
    /// For a reader: which ones. Rights know no selectors.
    pub selector: Option<Selector>,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// In every namespace.
    #[serde(default)]
    pub all_namespaces: bool,
    /// That a kind that is not Kubernetes' own has no namespaces.
    #[serde(default)]
    pub cluster_wide: bool,
    /// What is done to them, and what is asked of them on the way. Beside `apply` and `delete`, those do what they do.
    #[serde(default)]
    pub verbs: Vec<ApiVerb>,
    /// Made by what the step installs, with rights of its own: told to a reader, and no right of the run's.
    #[serde(default)]
    pub indirect: bool,
}

/// Nothing stands beside a statement.
#[derive(Debug, Default, JsonSchema)]
struct NoOptions {}

impl Touch {
    /// Reads a statement whose expressions are filled. `says_verbs`: whether the step that it stands beside does nothing by itself
    /// to objects.
    pub fn read(node: &Node, says_verbs: bool) -> Result<Self, StepError> {
        let problems = check_shape(node, TouchNode::schema());
        if !problems.is_empty() {
            return Err(StepError(problems));
        }
        let touch: Self = decode(node).map_err(|error| StepError(vec![error.into()]))?;
        let mistakes = match &touch {
            Self::Objects(objects) => objects.mistakes(node.get("objects").unwrap_or(node), says_verbs),
            _ => Vec::new(),
        };
        if mistakes.is_empty() { Ok(touch) } else { Err(StepError(mistakes)) }
    }
}

impl Objects {
    /// The resources of the kinds; those of no known group are mistakes, told before.
    pub fn resources(&self) -> Vec<Resource> {
        let found = self.kinds.iter().filter_map(|kind| Resource::of(self.api_version.as_deref(), kind));
        let found =
            found.map(|resource| Resource { namespaced: resource.namespaced && !self.cluster_wide, ..resource });
        match &self.subresource {
            Some(name) => found.map(|resource| resource.subresource(name)).collect(),
            None => found.collect(),
        }
    }

    fn mistakes(&self, node: &Node, says_verbs: bool) -> Vec<Diagnostic> {
        let at = |field: &str| node.get(field).map_or(&node.span, |node| &node.span);
        let mut mistakes = Vec::new();
        for kind in &self.kinds {
            let own = Resource::of(None, kind);
            if Resource::of(self.api_version.as_deref(), kind).is_none() {
                let title = format!("`{kind}` is not a kind of Kubernetes itself");
                let help = "say beside it its `apiVersion`, as in `networking.istio.io/v1`";
                mistakes.push(Diagnostic::error(title).at(at("kinds")).help(help));
            }
            if self.api_version.is_none() && self.cluster_wide && own.is_some_and(|own| own.namespaced) {
                let title = format!("a {kind} is never cluster-wide");
                mistakes.push(Diagnostic::error(title).at(at("clusterWide")).help("remove it"));
            }
        }
        if self.verbs.is_empty() && says_verbs && !self.indirect {
            let title = "it is not said what is done to these objects";
            mistakes.push(Diagnostic::error(title).at(at("kinds")).help("write beside them `verbs: […]`"));
        }
        if self.all_namespaces && self.namespace.is_some() {
            let title = "`namespace` and `allNamespaces` contradict each other";
            mistakes.push(Diagnostic::error(title).at(at("namespace")).help("remove one of them"));
        }
        mistakes
    }
}

impl TouchNode {
    pub fn schema() -> &'static serde_json::Value {
        static SCHEMA: std::sync::OnceLock<serde_json::Value> = std::sync::OnceLock::new();
        SCHEMA.get_or_init(super::schema::root_of::<Self>)
    }
}

impl<'de> Deserialize<'de> for TouchNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for TouchNode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Touch".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        step_schema::<Touch, NoOptions>(generator, "statement")
    }
}
