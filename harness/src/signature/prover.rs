//! Looks for a signature of a digest, and proves it.

use std::{collections::BTreeMap, path::Path};

use indexmap::IndexSet;

use super::{Signature, SignatureError, key::Key, signature_tag, statement::Signed};
use crate::registry::{Blame, Content, Descriptor, Digest, Manifest, Referrer, RegistryError, Repository};

/// A layer with a payload, whose signature stands in its annotations.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with a payload's signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// How the types of bundles begin, whatever their version.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.";
/// What a manifest of payloads is called among referrers.
const PAYLOADS: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
/// The types of the configs of what cosign pushes.
const NO_CONFIG: &str = "application/vnd.oci.empty.v1+json";
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What a signature must be like.
#[derive(Debug)]
pub struct Prover {
    keys: Vec<Key>,
    annotations: BTreeMap<String, String>,
}

impl Prover {
    /// Reads the keys, files beneath `directory`.
    pub fn new(signature: &Signature, directory: &Path) -> Result<Self, SignatureError> {
        let keys = signature.keys.iter().map(|text| Key::read(text, directory)).collect::<Result<_, _>>()?;
        Ok(Self { keys, annotations: signature.annotations.clone() })
    }

    /// Looks for a signature of `digest` in its repository: under cosign's tag, else among what refers to it. `None` where one holds, else a
    /// sentence with what was expected and seen. `Err` where something could not be asked.
    pub async fn prove(&self, repository: &Repository, digest: &Digest) -> Result<Option<String>, RegistryError> {
        let mut seen = Vec::new();
        let tagged = repository.beside(&signature_tag(digest));
        match self.holds(&tagged, tagged.manifest().await, digest, &mut seen).await {
            Ok(true) => return Ok(None),
            Ok(false) if seen.is_empty() => seen.push(format!("nothing in {} that is a signature", tagged.shown())),
            Ok(false) => {}
            Err(error) if error.is_absence() => {}
            Err(error) if error.blame() == Blame::Product => seen.push(error.to_string()),
            Err(error) => return Err(error),
        }
        let referrers = match repository.referrers(digest).await {
            Err(error) if error.blame() == Blame::Product => {
                seen.push(error.to_string());
                Vec::new()
            }
            referrers => referrers?,
        };
        for referrer in referrers.iter().filter(|referrer| may_sign(referrer)) {
            let manifest = repository.manifest_called(&referrer.digest).await;
            match self.holds(repository, manifest, digest, &mut seen).await {
                Ok(true) => return Ok(None),
                Ok(false) => {}
                Err(error) if error.blame() == Blame::Product => seen.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        let seen = match seen.as_slice() {
            [] => format!("none: {} is not there, and nothing that refers to it is one", tagged.shown()),
            all => all.join("; "),
        };
        Ok(Some(format!("{}: expected {}, saw {seen}", repository.shown(), self.wanted(digest))))
    }

    fn wanted(&self, digest: &Digest) -> String {
        let names: IndexSet<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let stated: Vec<String> = self.annotations.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let stated = if stated.is_empty() { String::new() } else { format!(" that states {}", stated.join(", ")) };
        format!("a signature of {digest} by {}{stated}", names.join(" or "))
    }

    /// Whether one of a manifest's signatures holds; what the others are instead is added to `seen`.
    async fn holds(
        &self,
        repository: &Repository,
        manifest: Result<Manifest, RegistryError>,
        digest: &Digest,
        seen: &mut Vec<String>,
    ) -> Result<bool, RegistryError> {
        let manifest = manifest?;
        let place = match repository.reference.tag.as_deref() {
            Some(tag) if tag == signature_tag(digest) => repository.shown(),
            _ => format!("its referrer {}", manifest.digest),
        };
        let invalid = |reason: String| RegistryError::ManifestInvalid { reference: place.clone(), reason };
        let Content::Image { layers, .. } = manifest.content().map_err(invalid)? else { return Ok(false) };
        for layer in &layers {
            let signed = match signed(repository, layer).await {
                Ok(Some(signed)) => signed,
                Ok(None) => continue,
                Err(Flaw::Registry(error)) if error.blame() == Blame::Product => {
                    seen.push(error.to_string());
                    continue;
                }
                Err(Flaw::Registry(error)) => return Err(error),
                Err(Flaw::Content(flaw)) => {
                    seen.push(format!("in {place} one {flaw}"));
                    continue;
                }
            };
            match self.flaw(&signed, digest) {
                None => return Ok(true),
                Some(flaw) => seen.push(format!("in {place} one {flaw}")),
            }
        }
        Ok(false)
    }

    /// What is wrong with a signature; a relative clause. Nothing that is said is believed before it is known who says it.
    fn flaw(&self, signed: &Signed, digest: &Digest) -> Option<String> {
        let made = |key: &Key| signed.signatures.iter().any(|signature| key.verifies(signature, &signed.message));
        if !self.keys.iter().any(made) {
            return Some("that was made by another key, or of other content than stands there now".to_owned());
        }
        let statement = match &signed.statement {
            Ok(statement) => statement,
            Err(reason) => return Some(format!("whose payload cannot be read: {reason}")),
        };
        if !statement.digests.contains(&digest.to_string()) {
            return Some(format!("of another digest, {}", statement.digests.join(", ")));
        }
        let (name, wanted) =
            self.annotations.iter().find(|(name, wanted)| statement.annotations.get(*name) != Some(wanted))?;
        Some(match statement.annotations.get(name) {
            Some(other) => format!("that states {name}={other}, not {name}={wanted}"),
            None => format!("that does not state {name}={wanted}"),
        })
    }
}

/// Why a signature could not be read.
enum Flaw {
    Registry(RegistryError),
    /// A relative clause.
    Content(String),
}

/// What a layer has; `None` where it is no signature.
async fn signed(repository: &Repository, layer: &Descriptor) -> Result<Option<Signed>, Flaw> {
    if layer.media_type == PAYLOAD {
        let signature = layer.annotations.get(SIGNATURE);
        let signature = signature.ok_or_else(|| Flaw::Content(format!("without the annotation {SIGNATURE}")))?;
        let content = repository.document(layer, "the payload of its signature").await.map_err(Flaw::Registry)?;
        return Ok(Some(Signed::payload(content, signature)));
    }
    if !layer.media_type.starts_with(BUNDLE) {
        return Ok(None);
    }
    let content = repository.document(layer, "the bundle of its signature").await.map_err(Flaw::Registry)?;
    Signed::bundle(&content).map_err(|reason| Flaw::Content(format!("whose bundle cannot be read: {reason}")))
}

/// Whether something that refers to a digest may be a signature of it. Where cosign keeps the list by itself, it gives the type of the
/// manifest's config for its own.
fn may_sign(referrer: &Referrer) -> bool {
    match referrer.artifact_type.as_deref() {
        Some(kind) => [PAYLOADS, NO_CONFIG, IMAGE_CONFIG].contains(&kind) || kind.starts_with(BUNDLE),
        None => true,
    }
}
