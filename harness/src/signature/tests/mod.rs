//! Signatures that ring and OpenSSL made, proved by the library's own arithmetic, against a registry in this process.

mod keys;
mod registries;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};

use super::{Prover, Signature, SignatureError, signature_tag};

/// Signs `message`; Base64.
fn sign(key: &KeyPair, message: &[u8]) -> String {
    STANDARD.encode(key.sign(message).unwrap())
}

/// What cosign signs of a digest.
fn payload(digest: &str, annotations: &Value) -> String {
    json!({
        "critical": {
            "identity": {"docker-reference": "r.example/a"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": annotations,
    })
    .to_string()
}

fn prover(keys: &[&str], annotations: &[(&str, &str)]) -> Result<Prover, SignatureError> {
    let keys = keys.iter().map(ToString::to_string).collect();
    let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Prover::new(&Signature { keys, annotations }, std::path::Path::new("/nowhere"))
}
