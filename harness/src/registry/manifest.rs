//! Manifests: of one image or artifact, or an index of several
//! (<https://github.com/opencontainers/image-spec/blob/main/manifest.md>, <…/image-index.md>).

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use oci_client::manifest::{IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE};
use reqwest::{Method, header::HeaderValue};
use serde::Deserialize;

use super::{
    Blob, Digest, RegistryError, Repository,
    answer::{BodyError, read_to},
    repository::Ask,
    retry::Cause,
};

/// Registries accept no larger manifests, and ORAS reads none.
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// A config, or what a signature is made over, is held in memory; none that a tool writes is nearly as large.
const LARGEST_DOCUMENT: u64 = 8 * 1024 * 1024;

/// A manifest as it was received and verified.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub digest: Digest,
    /// Its own, else that of the answer.
    pub media_type: Option<String>,
    pub bytes: Bytes,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Image { artifact_type: Option<String>, config: Descriptor, layers: Vec<Descriptor> },
    Index { manifests: Vec<Descriptor> },
}

/// Content that is somewhere else in the same repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    #[serde(deserialize_with = "digest")]
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    pub platform: Option<Platform>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A manifest that refers to another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    #[serde(deserialize_with = "digest")]
    pub digest: Digest,
    /// What it is.
    pub artifact_type: Option<String>,
}

/// Where an image runs: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

/// What is said of an image besides its layers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ImageConfig {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
    pub variant: Option<String>,
    /// RFC 3339.
    pub created: Option<String>,
    #[serde(default)]
    pub config: Execution,
}

/// How its containers are started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
    #[serde(default)]
    pub user: String,
    pub entrypoint: Option<Vec<String>>,
}

impl Repository {
    /// The manifest that the reference names, verified against its digest and against what the registry announces.
    pub async fn manifest(&self) -> Result<Manifest, RegistryError> {
        let expected = self.reference.expected.clone();
        self.received(&Ask::manifest(Method::GET, &self.reference.manifest()), expected.as_ref()).await
    }

    /// One of an index' manifests.
    pub async fn manifest_of(&self, descriptor: &Descriptor) -> Result<Manifest, RegistryError> {
        self.manifest_called(&descriptor.digest).await
    }

    /// The manifest with this digest.
    pub async fn manifest_called(&self, digest: &Digest) -> Result<Manifest, RegistryError> {
        self.received(&Ask::manifest(Method::GET, &digest.to_string()), Some(digest)).await
    }

    /// The index of what refers to `digest` in the same repository: as the registry lists it, else as stands under the tag that clients keep
    /// where a registry cannot (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers>).
    pub async fn referrers_index(&self, digest: &Digest) -> Result<Option<Manifest>, RegistryError> {
        let listed = match self.received(&Ask::referrers(digest), None).await {
            Err(error) if error.is_absence() => self.beside(&digest.as_tag()).manifest().await,
            listed => listed,
        };
        match listed {
            Err(error) if error.is_absence() => Ok(None),
            listed => listed.map(Some),
        }
    }

    /// What stands in that index.
    pub async fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, RegistryError> {
        let Some(index) = self.referrers_index(digest).await? else { return Ok(Vec::new()) };
        let index: Referrers = serde_json::from_slice(&index.bytes).map_err(|error| {
            let reason = format!("the list of what refers to it cannot be read: {error}");
            RegistryError::ManifestInvalid { reference: self.shown(), reason }
        })?;
        Ok(index.manifests)
    }

    /// A manifest, or what is as small.
    async fn received(&self, ask: &Ask, expected: Option<&Digest>) -> Result<Manifest, RegistryError> {
        let reference = self.shown();
        let mut retries = self.retries();
        let (content_type, announced, bytes) = loop {
            let live = self.ask(ask, &mut retries).await?;
            let header = |name| live.response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
            let content_type = header("content-type").map(|value| value.split(';').next().unwrap_or(value).to_owned());
            // A digest that cannot be verified is ignored: the content is verified against what was asked for.
            let announced: Option<Digest> = header("docker-content-digest").and_then(|value| value.parse().ok());
            let (url, contacts) = (live.response.url().clone(), live.contacts().clone());
            match read_to(live.response, LARGEST_MANIFEST).await {
                Ok(body) => {
                    contacts.received(&url, body.len() as u64);
                    break (content_type, announced, Bytes::from(body));
                }
                Err(BodyError::TooLong) => {
                    let reason = "it is larger than 4 MiB".to_owned();
                    return Err(RegistryError::ManifestInvalid { reference, reason });
                }
                Err(BodyError::Interrupted { .. }) if self.again(&mut retries, Cause::Trouble).await => {}
                Err(BodyError::Interrupted { seen, reason }) => {
                    let reason = format!("the connection ended after {seen} bytes: {reason}");
                    let (url, attempts) = (self.host.origin.clone(), retries.made());
                    return Err(RegistryError::Unreachable { reference, url, attempts, reason });
                }
            }
        };
        if content_type.as_deref() == Some("text/html") {
            let url = self.host.origin.clone();
            return Err(RegistryError::NotARegistry { reference, url, answer: "a web page".to_owned() });
        }
        for expected in expected.into_iter().chain(&announced) {
            let seen = Digest::of(&bytes, Some(expected));
            if seen != *expected {
                let (expected, seen) = (expected.to_string(), seen.to_string());
                return Err(RegistryError::ManifestDigest { reference, expected, seen });
            }
        }
        let invalid = |reason: String| RegistryError::ManifestInvalid { reference: reference.clone(), reason };
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if head.schema_version != 2 {
            return Err(invalid(format!("its schema version is {}, not 2", head.schema_version)));
        }
        let digest = Digest::of(&bytes, expected);
        Ok(Manifest { digest, media_type: head.media_type.or(content_type), bytes })
    }

    /// The config of an image, from the cache where it was seen before: its digest says what it is.
    pub async fn config(&self, descriptor: &Descriptor) -> Result<ImageConfig, RegistryError> {
        let invalid = |reason: String| RegistryError::ManifestInvalid { reference: self.shown(), reason };
        let bytes = self.small(&self.bounded(descriptor, "its config")?).await?;
        serde_json::from_slice(&bytes).map_err(|error| invalid(format!("its config cannot be read: {error}")))
    }

    /// The content of a small blob, from the registry, whether it was seen before or not; `name` as people call it.
    pub async fn document(&self, descriptor: &Descriptor, name: &str) -> Result<Vec<u8>, RegistryError> {
        self.fresh(&self.bounded(descriptor, name)?).await
    }

    fn bounded(&self, descriptor: &Descriptor, name: &str) -> Result<Blob, RegistryError> {
        if descriptor.size > LARGEST_DOCUMENT {
            let reason = format!("{name} has {} bytes", descriptor.size);
            return Err(RegistryError::ManifestInvalid { reference: self.shown(), reason });
        }
        Ok(descriptor.blob(name))
    }
}

impl Manifest {
    /// What it says; `Err` says why that cannot be read.
    pub fn content(&self) -> Result<Content, String> {
        let body: Body = serde_json::from_slice(&self.bytes).map_err(|error| error.to_string())?;
        match (body.config, body.manifests) {
            (Some(config), None) => Ok(Content::Image {
                artifact_type: body.artifact_type.filter(|named| !named.is_empty()).or_else(|| {
                    let is_image =
                        matches!(config.media_type.as_str(), IMAGE_CONFIG_MEDIA_TYPE | IMAGE_DOCKER_CONFIG_MEDIA_TYPE);
                    (!is_image).then(|| config.media_type.clone())
                }),
                config,
                layers: body.layers,
            }),
            (None, Some(manifests)) => Ok(Content::Index { manifests }),
            (Some(_), Some(_)) => Err("it has both a config and manifests".to_owned()),
            (None, None) => Err("it has neither a config nor manifests".to_owned()),
        }
    }
}

impl Content {
    /// Whether it names nothing, as a registry's list of what refers to something that nothing refers to.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Index { manifests } if manifests.is_empty())
    }
}

impl Descriptor {
    /// What it names, as a blob; `name` as people call it.
    pub fn blob(&self, name: &str) -> Blob {
        Blob { digest: self.digest.clone(), size: self.size, name: name.to_owned() }
    }
}

impl ImageConfig {
    pub fn platform(&self) -> Platform {
        Platform { os: self.os.clone(), architecture: self.architecture.clone(), variant: self.variant.clone() }
    }
}

impl Platform {
    /// Whether it is the platform `wanted`, as `os/architecture` or `os/architecture/variant`.
    pub fn is(&self, wanted: &str) -> bool {
        let plain = format!("{}/{}", self.os, self.architecture);
        plain == wanted || self.to_string() == wanted
    }

    /// Whether it is one. Tools put what belongs to an image beside it, as of no platform.
    pub fn is_known(&self) -> bool {
        self.os != "unknown" && !self.os.is_empty()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Referrers {
    manifests: Vec<Referrer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    schema_version: u64,
    media_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

fn digest<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn manifest(text: &str) -> Manifest {
        let bytes = Bytes::from(text.to_owned());
        Manifest { digest: Digest::of(&bytes, None), media_type: None, bytes }
    }

    #[rstest]
    #[case(r#"{"schemaVersion": 2}"#, "neither a config nor manifests")]
    #[case(r#"{"manifests": [{"mediaType": "a", "digest": "md5:0", "size": 1}]}"#, "unsupported algorithm `md5`")]
    #[case(r#"{"manifests": [{"mediaType": "a", "digest": "sha256:0", "size": -1}]}"#, "expected u64")]
    fn a_manifest_that_says_nothing_is_told(#[case] text: &str, #[case] expected: &str) {
        let problem = manifest(text).content().unwrap_err();
        assert!(problem.contains(expected) || problem.contains("hexadecimals"), "{problem}");
    }

    #[rstest]
    #[case("linux/arm64", true)]
    #[case("linux/arm64/v8", true)]
    #[case("linux/arm", false)]
    fn a_variant_need_not_be_named(#[case] wanted: &str, #[case] is: bool) {
        let platform = Platform { os: "linux".into(), architecture: "arm64".into(), variant: Some("v8".into()) };
        assert_eq!(platform.is(wanted), is);
    }
}
