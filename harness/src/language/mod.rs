//! The scenario language: its documents, its expressions, its schema.

mod cel;
mod check;
mod document;
mod fill;
pub mod formats;
mod quantity;
mod schema;
mod shape;
mod source;
mod step;
mod touch;

pub use check::{CheckNode, CheckOptions, PodSecurity, Question, Room};
pub use document::{
    ByVersion, Case, Condition, Document, Environment, KnownFailure, Metadata, Scenario, Suite, VariableKind,
    VariableSpec, VersionedValue,
};
pub use fill::{Filler, names_in};
pub use schema::{document_schema, published_schema};
pub use shape::{check_shape, prune};
pub use source::{Source, SourceNode};
pub use step::{
    ActionNode, ActionOptions, ActionStep, CollectNode, CollectStep, ExpectationNode, ExpectationOptions,
    ExpectationStep, StepError, UndoSpec,
};
pub use touch::{ListReference, Objects, Touch, TouchNode};

/// The API version that every document names.
pub const API_VERSION: &str = "meshproof.dev/v1alpha1";
