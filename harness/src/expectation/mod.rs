//! What a scenario can expect, each verb in a file of its own.
//!
//! Expectations of cluster state are judged by pure functions over what the watches have seen; expectations of an output are
//! judged over what the case's last program, command or request gave back; those of registries, over what these answered.

mod absent;
mod artifact;
mod cel;
mod deployments;
mod html;
mod http;
mod image;
mod inventory;
mod matcher;
mod object;
mod output;
mod pods;
mod services;
mod stored;
mod subset;
mod target;
#[cfg(test)]
pub mod testing;

pub use absent::Absent;
pub use artifact::ArtifactExpectation;
pub use cel::{CelError, evaluate, variables};
pub use deployments::Deployments;
pub use html::Html;
pub use http::Http;
pub use image::Image;
pub use inventory::Inventory;
pub use matcher::{Matcher, excerpt};
pub use object::ObjectExpectation;
pub use output::Output;
pub use pods::Pods;
pub use services::{ServicePort, Services, WantedService};
pub use stored::{
    Item, Kind as WantedKind, Seen, Verdict as StoredVerdict, Wanted, judge as judge_stored, look as look_at_stored,
};
pub use target::{Namespaces, Selection, Target};

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{action::Gained, cluster::Object, effect::Scene};

/// One expectation; in YAML a map with the verb as its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expectation {
    /// That no such object is there.
    Absent(Absent),
    /// OCI artifacts in registries.
    Artifact(ArtifactExpectation),
    /// Deployments and how far they are.
    Deployments(Deployments),
    /// What an HTML document holds: the standard output or response body of the case's last action.
    Html(Html),
    /// What a response says: that of the case's last `http` action.
    Http(Http),
    /// Container images in registries.
    Image(Image),
    /// That the objects of a kind are exactly these.
    Inventory(Inventory),
    /// What an object, or each of several, is like.
    Object(ObjectExpectation),
    /// What a program or command wrote and how it ended: the case's last `run` or `exec`.
    Output(Output),
    /// Pods and how far they are.
    Pods(Pods),
    /// Services with their types, ports and addresses.
    Services(Services),
}

/// How what is seen stands to what is expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// As expected; what was seen.
    Met { seen: String },
    /// Not as expected, and may become so.
    NotYet(Mismatch),
    /// Not as expected, and nothing that is under way will change it.
    Impossible { mismatch: Mismatch, reason: String },
}

/// The difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub expected: String,
    pub seen: String,
}

/// What an expectation is about.
pub enum Subject<'a> {
    /// Objects of the cluster.
    State(&'a dyn Watched),
    /// What an action gave back.
    Gained(&'a dyn Answered),
    /// What is in registries.
    Stored(Wanted<'a>),
}

/// An expectation of cluster state.
pub trait Watched: Send + Sync {
    /// The objects that it is about.
    fn target(&self) -> Target<'_>;
    /// Judges the objects of the target, of which there may be none.
    fn judge(&self, objects: &[Arc<Object>]) -> Judgement;
    /// Whether this object of the target could keep the expectation from being met.
    fn concerns(&self, object: &Object) -> bool {
        self.target().includes(object)
    }
    /// Whether there are fewer pods than it wants; `pods` are those that concern it.
    fn lacks_pods(&self, _pods: &[Arc<Object>]) -> bool {
        false
    }
}

/// An expectation of an output.
pub trait Answered: Send + Sync {
    fn judge(&self, gained: &Gained) -> Judgement;
}

impl Expectation {
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Absent(expectation) => Subject::State(expectation),
            Self::Artifact(expectation) => Subject::Stored(expectation.wanted()),
            Self::Deployments(expectation) => Subject::State(expectation),
            Self::Html(expectation) => Subject::Gained(expectation),
            Self::Http(expectation) => Subject::Gained(expectation),
            Self::Image(expectation) => Subject::Stored(expectation.wanted()),
            Self::Inventory(expectation) => Subject::State(expectation),
            Self::Object(expectation) => Subject::State(expectation),
            Self::Output(expectation) => Subject::Gained(expectation),
            Self::Pods(expectation) => Subject::State(expectation),
            Self::Services(expectation) => Subject::State(expectation),
        }
    }
}

impl Expectation {
    /// The rights that looking takes, and the addresses. An output has its own from the action that gives it.
    pub fn effects(&self, scene: &mut Scene<'_>) {
        match self.subject() {
            Subject::State(watched) => scene.watches(&watched.target()),
            Subject::Stored(wanted) => wanted.effects(scene),
            Subject::Gained(_) => {}
        }
    }
}

impl Judgement {
    pub fn is_met(&self) -> bool {
        matches!(self, Self::Met { .. })
    }

    pub fn met(seen: impl Into<String>) -> Self {
        Self::Met { seen: seen.into() }
    }

    pub fn not_yet(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::NotYet(Mismatch { expected: expected.into(), seen: seen.into() })
    }
}

/// `a, b and c`; `none` for no items.
pub fn enumerate<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}
