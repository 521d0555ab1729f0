//! Public keys, read from PEM.

use std::{fs, path::Path};

use sigstore::crypto::{CosignVerificationKey, Signature as Encoded};

use super::SignatureError;

/// A key, and what a person calls it.
#[derive(Debug, Clone)]
pub struct Key {
    pub name: String,
    key: CosignVerificationKey,
}

impl Key {
    /// Reads `text`, which is a key in PEM, or a file with one beneath `directory`.
    pub fn read(text: &str, directory: &Path) -> Result<Self, SignatureError> {
        let (name, pem) = if text.trim_start().starts_with("-----BEGIN") {
            ("the key in the scenario".to_owned(), text.to_owned())
        } else {
            let path = directory.join(text);
            let pem = fs::read_to_string(&path).map_err(|error| SignatureError::Unreadable { path, error })?;
            (format!("`{text}`"), pem)
        };
        let wrong = |seen: String| SignatureError::NotAKey { place: name.clone(), seen };
        // The library takes the first of several, and a private key for something that it cannot parse.
        let mut begun = pem.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
        match (begun.next(), begun.count()) {
            (None, _) => return Err(wrong("no PEM".to_owned())),
            (Some("PUBLIC KEY"), 0) => {}
            (Some("PUBLIC KEY"), more) => {
                return Err(wrong(format!("{} of them; each has an item of its own", more + 1)));
            }
            (Some(other), _) => return Err(wrong(format!("PEM of another thing: {other}"))),
        }
        let key = CosignVerificationKey::try_from_pem(pem.as_bytes())
            .map_err(|error| wrong(format!("one that is not supported: {error}")))?;
        Ok(Self { name, key })
    }

    /// Whether it made `signature`, in Base64, of `message`.
    pub fn verifies(&self, signature: &str, message: &[u8]) -> bool {
        self.key.verify_signature(Encoded::Base64Encoded(signature.as_bytes()), message).is_ok()
    }
}
