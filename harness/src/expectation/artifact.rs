//! `artifact`: OCI artifacts in registries.

use schemars::JsonSchema;
use serde::Deserialize;

use super::stored::{Kind, Sizes, Wanted};
use crate::signature::Signature;

/// That artifacts are in registries, and are what they should be. Each is looked at wherever it is named; everything that is wrong is
/// told at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactExpectation {
    /// `registry/repository:tag` or `…@sha256:…`; with `registries`, what comes after one of them: `istioctl-tool:1.20.0`.
    #[schemars(length(min = 1))]
    pub artifacts: Vec<String>,
    /// Registries, perhaps with a path, that each have all of them.
    #[serde(default)]
    pub registries: Vec<String>,
    /// That an artifact has the same digest in all registries: true if it is not given.
    pub same_digest: Option<bool>,
    /// The digest of its manifest.
    pub digest: Option<String>,
    /// A file made by `meshproof images lock`, relative to that of the scenario: each artifact has the digest that stands there.
    pub lock: Option<String>,
    /// The media type of its manifest is one of these.
    #[serde(default)]
    pub media_types: Vec<String>,
    /// What it says that it is; where it says nothing, the media type of its config.
    pub artifact_type: Option<String>,
    /// It holds files of these names.
    #[serde(default)]
    pub files: Vec<String>,
    /// Of its config and layers together, as they are transferred.
    pub size: Option<Sizes>,
    /// That its config and every layer is there, each asked for without its content: true if it is not given.
    pub layers: Option<bool>,
    /// Who signed it.
    pub signature: Option<Signature>,
    /// That all of it can be pulled: everything is transferred, and its digest verified.
    #[serde(default)]
    pub deep: bool,
}

impl ArtifactExpectation {
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            names: &self.artifacts,
            in_output: false,
            registries: &self.registries,
            same_digest: self.same_digest.unwrap_or(true),
            digest: self.digest.as_deref(),
            lock: self.lock.as_deref(),
            media_types: &self.media_types,
            size: self.size.as_ref(),
            layers: self.layers.unwrap_or(true),
            signature: self.signature.as_ref(),
            deep: self.deep,
            kind: Kind::Artifact { artifact_type: self.artifact_type.as_deref(), files: &self.files },
        }
    }
}
