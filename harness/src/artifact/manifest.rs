//! The artifact's manifest: which files it holds
//! (<https://github.com/opencontainers/image-spec/blob/main/manifest.md>).

use std::path::{Path, PathBuf};

use oci_client::annotations::ORG_OPENCONTAINERS_IMAGE_TITLE;
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};

use super::{PullError, names};
use crate::registry::{Blob, Digest, Manifest as Received, Reference, RegistryError, shown};

/// ORAS' annotations for a directory that it packed (oras-go, content/file/file.go).
const UNPACK: &str = "io.deis.oras.content.unpack";
const UNPACKED_DIGEST: &str = "io.deis.oras.content.digest";

pub(super) struct Manifest {
    pub digest: Digest,
    pub media_type: Option<String>,
    pub artifact_type: Option<String>,
    pub files: Vec<ArtifactFile>,
}

/// A layer with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArtifactFile {
    /// The title, made relative; empty if it is `.`, which ORAS allows for a directory.
    pub path: PathBuf,
    pub digest: Digest,
    pub size: u64,
    pub packing: Packing,
}

/// What becomes of a file after its download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packing {
    /// It stays as it is.
    None,
    /// It stays, and what it holds is put beside it.
    Tar,
    TarGz,
    /// A directory that ORAS packed: it goes, and the directory comes in its place.
    Directory {
        unpacked_digest: Option<Digest>,
    },
}

impl ArtifactFile {
    /// Where it will be, relative to the destination: `.` is the destination itself.
    pub fn place(&self) -> PathBuf {
        if self.path.as_os_str().is_empty() { PathBuf::from(".") } else { self.path.clone() }
    }

    /// As the registry has it.
    pub fn blob(&self) -> Blob {
        Blob { digest: self.digest.clone(), size: self.size, name: format!("`{}`", self.name()) }
    }

    /// As people are shown it.
    pub fn name(&self) -> String {
        shown(&self.place().to_string_lossy())
    }
}

/// Reads the manifest of the artifact `reference`. With `unpack`, archives are recognised by their names and media types.
pub(super) fn read(reference: &Reference, received: &Received, unpack: bool) -> Result<Manifest, PullError> {
    let artifact = reference.to_string();
    let invalid = |reason: String| RegistryError::ManifestInvalid { reference: artifact.clone(), reason };
    match received.media_type.as_deref() {
        Some(OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE | "application/json") | None => {}
        Some(index @ (OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE)) => {
            return Err(PullError::WrongMediaType { artifact, seen: format!("an index ({index})") });
        }
        Some(other) => return Err(PullError::WrongMediaType { artifact, seen: other.to_owned() }),
    }
    let manifest: OciImageManifest =
        serde_json::from_slice(&received.bytes).map_err(|error| invalid(error.to_string()))?;
    let files = files(reference, &manifest, unpack)?;
    if files.is_empty() {
        let seen = match manifest.config.media_type.as_str() {
            IMAGE_CONFIG_MEDIA_TYPE | IMAGE_DOCKER_CONFIG_MEDIA_TYPE => "a container image".to_owned(),
            other => format!("config of type {other}"),
        };
        return Err(PullError::NoFiles { artifact, layers: manifest.layers.len(), seen });
    }
    let (digest, media_type) = (received.digest.clone(), received.media_type.clone());
    Ok(Manifest { digest, media_type, artifact_type: artifact_type(&manifest), files })
}

/// As the referrers interface derives it: the manifest's own, else the config's unless that is an image's.
fn artifact_type(manifest: &OciImageManifest) -> Option<String> {
    let config = &manifest.config.media_type;
    let named = manifest.artifact_type.clone().filter(|named| !named.is_empty());
    named.or_else(|| {
        let is_image = matches!(config.as_str(), IMAGE_CONFIG_MEDIA_TYPE | IMAGE_DOCKER_CONFIG_MEDIA_TYPE);
        (!is_image && !config.is_empty()).then(|| config.clone())
    })
}

/// The titled layers. ORAS skips the others, and so does this.
fn files(target: &Reference, manifest: &OciImageManifest, unpack: bool) -> Result<Vec<ArtifactFile>, PullError> {
    let mut files: Vec<ArtifactFile> = Vec::new();
    for layer in &manifest.layers {
        let Some(title) = annotation(layer, ORG_OPENCONTAINERS_IMAGE_TITLE).filter(|title| !title.is_empty()) else {
            continue;
        };
        let invalid = |reason: String| RegistryError::ManifestInvalid { reference: target.to_string(), reason };
        let refused =
            |reason: String| PullError::UnsafeTitle { artifact: target.to_string(), title: shown(title), reason };
        let path = names::relative(Path::new(title)).map_err(|reason| refused(reason.to_owned()))?;
        let packing = packing(layer, title, unpack).map_err(invalid)?;
        if path.as_os_str().is_empty() && !matches!(packing, Packing::Directory { .. }) {
            return Err(refused("it names the destination itself".to_owned()));
        }
        if let Some(other) = files.iter().find(|other| other.path.starts_with(&path) || path.starts_with(&other.path)) {
            return Err(refused(format!("another layer's is `{}`", other.name())));
        }
        let digest = layer.digest.parse().map_err(invalid)?;
        let size =
            u64::try_from(layer.size).map_err(|_| invalid(format!("the size of `{title}` is {}", layer.size)))?;
        files.push(ArtifactFile { path, digest, size, packing });
    }
    Ok(files)
}

fn packing(layer: &OciDescriptor, title: &str, unpack: bool) -> Result<Packing, String> {
    if annotation(layer, UNPACK) == Some("true") {
        let unpacked_digest = annotation(layer, UNPACKED_DIGEST).map(str::parse).transpose()?;
        return Ok(Packing::Directory { unpacked_digest });
    }
    // The media type of a plain tar says nothing: it is what ORAS calls a file of which it knows none.
    let is_gzip_layer = layer.media_type.ends_with("tar+gzip") || layer.media_type.ends_with("tar.gzip");
    let title = title.to_ascii_lowercase();
    let mut extensions = title.rsplit('.');
    Ok(match (extensions.next(), extensions.next()) {
        _ if !unpack => Packing::None,
        (Some("gz"), Some("tar")) | (Some("tgz"), Some(_)) => Packing::TarGz,
        (Some("tar"), Some(_)) => Packing::Tar,
        _ if is_gzip_layer => Packing::TarGz,
        _ => Packing::None,
    })
}

fn annotation<'a>(layer: &'a OciDescriptor, name: &str) -> Option<&'a str> {
    layer.annotations.as_ref()?.get(name).map(String::as_str)
}
