//! What a build without the feature has in place of a prover: none.

use std::path::Path;

use super::{Signature, SignatureError};
use crate::registry::{Digest, RegistryError, Repository};

/// There is none.
#[derive(Debug)]
pub enum Prover {}

impl Prover {
    /// Always the error that says how to build one.
    pub fn new(_: &Signature, _: &Path) -> Result<Self, SignatureError> {
        Err(SignatureError::NotBuilt)
    }

    #[expect(clippy::unused_async, reason = "the other build's is asynchronous")]
    pub async fn prove(&self, _: &Repository, _: &Digest) -> Result<Option<String>, RegistryError> {
        match *self {}
    }
}
