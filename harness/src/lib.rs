//! Meshproof: scenarios that say what a working installation looks like, proved case by case on a real cluster.
//!
//! See `ARCHITECTURE.md` for the flow and the invariants.

pub mod action;
pub mod artifact;
pub mod brief;
pub mod cells;
pub mod cluster;
pub mod command;
pub mod conformance;
pub mod diagnose;
pub mod diagnostic;
pub mod effect;
pub mod engine;
pub mod expectation;
pub mod history;
pub mod images;
pub mod journal;
pub mod kind;
pub mod language;
pub mod load;
pub mod plan;
pub mod preflight;
pub mod redact;
pub mod registry;
pub mod safety;
pub mod signature;
#[cfg(feature = "otel")]
pub mod telemetry;
pub mod yaml;

/// The name under which the API server keeps what this program changes.
pub const FIELD_MANAGER: &str = "meshproof";
/// How this program names itself to every server.
pub const USER_AGENT: &str = concat!("meshproof/", env!("CARGO_PKG_VERSION"));
