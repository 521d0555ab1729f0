//! What a run does to a cluster and to the world, known before anything is contacted: derived from each action and expectation, and
//! from what the suite states of programs and files (`touches`).

mod own;
mod resource;
mod rules;
mod scene;

pub use own::{Extent, OPTIONAL, OWN, Optional, OwnRule};
pub use resource::Resource;
pub use rules::{ACCOUNT, ACCOUNT_NAMESPACE, Rule, Rules};
pub use scene::Scene;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{RegistryMap, normal_image};

/// One thing that follows from a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Makes(Thing),
    Changes(Thing),
    Deletes(Thing),
    /// Fetched by the run itself.
    PullsArtifact(String),
    /// Fetched by the cluster's nodes.
    PullsImage(String),
    /// An address that the run speaks to, besides the API server.
    Contacts(String),
    Needs(Right),
    /// What cannot be known, in a sentence.
    Unknown(String),
}

/// An object, or the objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    pub resource: Resource,
    pub place: Place,
    /// `None`: which ones is not known before.
    pub name: Option<String>,
    /// Which ones, where that is a matter of labels.
    pub selector: Option<String>,
    pub by: By,
}

/// Who does it: what the run itself applies is taken back by what was there before, a program's work by what the suite says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Meshproof,
    Program,
    /// What was installed, with rights of its own.
    Installed,
}

/// Where objects are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The kind has no namespaces.
    Cluster,
    Namespace(String),
    /// In any namespace.
    Everywhere,
}

/// One verb on one resource: what one SelfSubjectAccessReview asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// `None`: in all namespaces, or cluster-wide.
    pub namespace: Option<String>,
    pub group: String,
    /// The plural, with its subresource: `pods/exec`.
    pub resource: String,
    /// `None`: any.
    pub name: Option<String>,
    pub verb: ApiVerb,
}

/// What can be done to a resource, as RBAC names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiVerb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
    Bind,
    Escalate,
    Impersonate,
    Use,
}

/// The run's id in a name: what it will be is not known before the run, and no rule can name it.
pub const RUN: &str = "<run>";

impl ApiVerb {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Bind => "bind",
            Self::Escalate => "escalate",
            Self::Impersonate => "impersonate",
            Self::Use => "use",
        }
    }

    /// Whether an object may come of it, or be another after it.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch)
    }

    /// Whether a rule may name the objects. A list or a watch asks for all of them.
    pub fn knows_names(self) -> bool {
        !matches!(self, Self::List | Self::Watch | Self::DeleteCollection)
    }
}

/// `pods/exec`, `deployments.apps/scale`: as kubectl takes a resource.
pub fn qualified(group: &str, resource: &str) -> String {
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    match resource.split_once('/') {
        Some((plural, subresource)) => format!("{plural}{group}/{subresource}"),
        None => format!("{resource}{group}"),
    }
}

impl Effect {
    /// The same with the run's id taken out of every name.
    #[must_use]
    pub fn without_run(mut self, id: &str) -> Self {
        let hide = |text: &mut String| {
            if text.contains(id) {
                *text = text.replace(id, RUN);
            }
        };
        match &mut self {
            Self::Makes(thing) | Self::Changes(thing) | Self::Deletes(thing) => {
                if let Place::Namespace(namespace) = &mut thing.place {
                    hide(namespace);
                }
                thing.name.iter_mut().chain(&mut thing.selector).for_each(hide);
            }
            Self::Needs(right) => right.namespace.iter_mut().chain(&mut right.name).for_each(hide),
            Self::PullsArtifact(text) | Self::PullsImage(text) | Self::Contacts(text) | Self::Unknown(text) => {
                hide(text);
            }
        }
        self
    }
}

impl Effect {
    /// The same with what is pulled moved to other registries.
    #[must_use]
    pub fn moved(self, map: &RegistryMap) -> Self {
        match self {
            Self::PullsArtifact(reference) => Self::PullsArtifact(map.apply(&reference)),
            Self::Contacts(address) => match address.split_once("://") {
                Some((scheme, place)) => {
                    let moved = map.apply(place);
                    let registry = moved.split('/').next().unwrap_or_default();
                    Self::Contacts(if moved == place { address } else { format!("{scheme}://{registry}") })
                }
                None => Self::Contacts(address),
            },
            Self::PullsImage(reference) if !map.is_empty() => Self::PullsImage(map.apply(&normal_image(&reference))),
            other => other,
        }
    }
}

impl Thing {
    pub fn is_cluster_wide(&self) -> bool {
        self.place == Place::Cluster
    }

    /// ` in istio-system`, ` in any namespace`, or nothing.
    pub fn place_told(&self) -> String {
        match &self.place {
            Place::Cluster => String::new(),
            Place::Namespace(namespace) => format!(" in {namespace}"),
            Place::Everywhere => " in any namespace".to_owned(),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource.kind)?;
        match (&self.name, &self.selector) {
            (Some(name), _) => write!(f, " {name}")?,
            (None, Some(selector)) => write!(f, " with {selector}")?,
            (None, None) => {}
        }
        f.write_str(&self.place_told())
    }
}

impl fmt::Display for Right {
    /// `create pods/exec in istio-system`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), qualified(&self.group, &self.resource))?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}
