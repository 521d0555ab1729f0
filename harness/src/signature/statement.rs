//! What is signed: cosign's payload, and the bundle that newer ones write.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The type of cosign's payload.
const COSIGN: &str = "cosign container image signature";
/// The type of a bundle's payload.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// What an in-toto statement says that is a signature and no attestation of something else.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// What a signature is made over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub message: Vec<u8>,
    /// In Base64.
    pub signatures: Vec<String>,
    /// What it says; `Err` says why that cannot be read.
    pub statement: Result<Statement, String>,
}

/// What a signer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The digests of which it is said.
    pub digests: Vec<String>,
    pub annotations: BTreeMap<String, String>,
}

impl Signed {
    /// A payload whose signature stands beside it.
    pub fn payload(content: Vec<u8>, signature: &str) -> Self {
        let statement = payload(&content);
        Self { message: content, signatures: vec![signature.to_owned()], statement }
    }

    /// A bundle; `None` where it attests something else. `Err` says why it cannot be read.
    pub fn bundle(content: &[u8]) -> Result<Option<Self>, String> {
        let bundle: Bundle = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        let Some(Envelope { payload, payload_type, signatures }) = bundle.dsse_envelope else { return Ok(None) };
        let payload = STANDARD.decode(payload).map_err(|error| format!("its payload: {error}"))?;
        let statement = match (payload_type.as_str(), serde_json::from_slice::<InToto>(&payload)) {
            (IN_TOTO, Ok(statement)) if statement.predicate_type != SIGNED => return Ok(None),
            (IN_TOTO, Ok(statement)) => Ok(statement.into()),
            (IN_TOTO, Err(error)) => Err(error.to_string()),
            (other, _) => Err(format!("it is of the type {other}")),
        };
        // What is signed of an envelope (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
        let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
        message.extend(payload);
        let signatures = signatures.into_iter().map(|one| one.sig).collect();
        Ok(Some(Self { message, signatures, statement }))
    }
}

fn payload(content: &[u8]) -> Result<Statement, String> {
    let payload: Payload = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    let Critical { kind, image } = payload.critical;
    if kind != COSIGN {
        return Err(format!("it is of the type `{kind}`, not `{COSIGN}`"));
    }
    let annotations = texts(payload.optional.unwrap_or_default());
    Ok(Statement { digests: vec![image.docker_manifest_digest], annotations })
}

/// The members that are texts, as all are that cosign writes but the time.
fn texts(members: Map<String, Value>) -> BTreeMap<String, String> {
    members
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            _ => None,
        })
        .collect()
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
    optional: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InToto {
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Map<String, Value>,
}

impl From<InToto> for Statement {
    fn from(statement: InToto) -> Self {
        let (mut digests, mut annotations) = (Vec::new(), BTreeMap::new());
        for subject in statement.subject {
            digests.extend(subject.digest.iter().map(|(algorithm, hex)| format!("{algorithm}:{hex}")));
            annotations.extend(texts(subject.annotations));
        }
        Self { digests, annotations }
    }
}
