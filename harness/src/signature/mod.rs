//! Signatures of what is in registries, by cosign's scheme and a public key
//! (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>).
//!
//! The feature `signatures`. A build without it refuses a scenario that asks for one: what nobody proved must not pass.

mod errors;
#[cfg(feature = "signatures")]
mod key;
#[cfg(feature = "signatures")]
mod prover;
#[cfg(feature = "signatures")]
mod statement;
#[cfg(all(test, feature = "signatures"))]
mod tests;
#[cfg(not(feature = "signatures"))]
mod unbuilt;

pub use errors::SignatureError;
#[cfg(feature = "signatures")]
pub use prover::Prover;
#[cfg(not(feature = "signatures"))]
pub use unbuilt::Prover;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::registry::Digest;

/// Whether this build proves any.
pub const IS_BUILT: bool = cfg!(feature = "signatures");

/// That somebody signed it, as `cosign sign --key` does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signature {
    /// Public keys, one of which verifies it: each in PEM, or a file with one, relative to that of the scenario.
    #[schemars(length(min = 1))]
    pub keys: Vec<String>,
    /// What was signed besides the digest, as by `cosign sign --annotations`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The tag under which cosign keeps the signatures of what has this digest, in the same repository.
pub fn signature_tag(digest: &Digest) -> String {
    format!("{}.sig", digest.as_tag())
}
