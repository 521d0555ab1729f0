//! YAML as a tree that remembers where each value stands.
//!
//! This module is the only one that knows the YAML library. Scenario files become [`Node`]s; manifests become plain JSON.

mod decode;
mod manifest;
mod node;
mod parse;

pub use decode::{DecodeError, decode};
pub use manifest::{ManifestError, manifests};
pub use node::{Entry, Node, Text, Value};
pub use parse::{MAX_BYTES, parse};
