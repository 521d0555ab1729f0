//! `image`: container images in registries.

use schemars::JsonSchema;
use serde::Deserialize;

use super::stored::{Kind, Period, Sizes, Wanted};
use crate::signature::Signature;

/// That images are in registries, and are what they should be. Each is looked at wherever it is named; everything that is wrong is told at
/// once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// `registry/repository:tag` or `…@sha256:…`; with `registries`, what comes after one of them: `pilot:1.20.0`.
    #[serde(default)]
    pub images: Vec<String>,
    /// Besides, all images that the manifests name that the case's last program wrote to standard output. Those of one of `registries`
    /// are looked at in all of them.
    #[serde(default)]
    pub in_output: bool,
    /// Registries, perhaps with a path, that each have all of them.
    #[serde(default)]
    pub registries: Vec<String>,
    /// That an image has the same digest in all registries: true if it is not given.
    pub same_digest: Option<bool>,
    /// The digest of its manifest, or of its index.
    pub digest: Option<String>,
    /// A file made by `meshproof images lock`, relative to that of the scenario: each image has the digest that stands there.
    pub lock: Option<String>,
    /// The media type of its manifest, or of its index, is one of these.
    #[serde(default)]
    pub media_types: Vec<String>,
    /// It is there for each of these, as in `linux/arm64`.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// Of its config and layers together, as they are transferred, for each platform.
    pub size: Option<Sizes>,
    /// When it was built.
    pub created: Option<Period>,
    /// As whom its containers run; an empty text is root.
    pub user: Option<String>,
    /// What its containers start.
    pub entrypoint: Option<Vec<String>>,
    /// That its config and every layer is there, each asked for without its content: true if it is not given.
    pub layers: Option<bool>,
    /// Who signed it. Of an index, it is the index that is signed.
    pub signature: Option<Signature>,
    /// That all of it can be pulled: everything is transferred, and its digest verified.
    #[serde(default)]
    pub deep: bool,
}

impl Image {
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            names: &self.images,
            in_output: self.in_output,
            registries: &self.registries,
            same_digest: self.same_digest.unwrap_or(true),
            digest: self.digest.as_deref(),
            lock: self.lock.as_deref(),
            media_types: &self.media_types,
            size: self.size.as_ref(),
            layers: self.layers.unwrap_or(true),
            signature: self.signature.as_ref(),
            deep: self.deep,
            kind: Kind::Image {
                platforms: &self.platforms,
                created: self.created.as_ref(),
                user: self.user.as_deref(),
                entrypoint: self.entrypoint.as_deref(),
            },
        }
    }
}
