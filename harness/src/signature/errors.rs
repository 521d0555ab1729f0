//! Why no signature can be proved at all.

use std::{io, path::PathBuf};

use thiserror::Error;

/// What is wrong with how a signature is asked for.
#[derive(Debug, Error)]
pub enum SignatureError {
    #[error("`signature` needs the feature `signatures`, which this build of Meshproof does not have")]
    NotBuilt,
    #[error("no public key could be read from {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// `place` is a file, or words for a key that stands in the scenario.
    #[error("expected a public key in {place}, saw {seen}")]
    NotAKey { place: String, seen: String },
}

impl SignatureError {
    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotBuilt => "build it with that feature: cargo build --release -p meshproof --features signatures",
            Self::Unreadable { .. } => {
                "a file is named relative to that of the scenario; a key in the scenario begins with -----BEGIN"
            }
            Self::NotAKey { .. } => {
                "give it what `cosign public-key` writes: PEM, of ECDSA with P-256 or P-384, Ed25519 or RSA"
            }
        }
    }
}
