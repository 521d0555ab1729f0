//! Pulls an OCI artifact as `oras pull` does and unpacks it as `tar -zxf` does.
//!
//! An artifact is an image manifest whose layers carry a file name in `org.opencontainers.image.title`. Nothing appears
//! under its final name until everything is downloaded, verified and unpacked.

mod errors;
mod guard;
mod layers;
mod manifest;
mod names;
mod staging;
#[cfg(test)]
mod tests;
mod tree;
mod unpack;

use std::path::{Path, PathBuf};

pub use errors::{ArchiveError, PullError};

use crate::registry::{Reference, Registries};
use staging::Staging;
use unpack::Limits;

/// What to pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// `registry/repository:tag`, `registry/repository@digest`, or both. The registry and one of tag and digest are
    /// required, as ORAS requires them: a default would prove something else than what was asked.
    pub reference: String,
    /// Speak HTTP instead of HTTPS. Loopback registries (`localhost`, `127.0.0.0/8`, `[::1]`) always do.
    pub plain_http: bool,
    /// The digest that the manifest must have, as `sha256:…`.
    pub digest: Option<String>,
    /// Unpack `.tar.gz`, `.tgz` and `.tar` files too, and layers of a `tar+gzip` media type. Directories that ORAS
    /// packed itself (`io.deis.oras.content.unpack`) are always unpacked, as `oras pull` does.
    pub unpack: bool,
}

/// What a pull left in its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The reference with the manifest's digest: `registry/repository:tag@sha256:…`.
    pub reference: String,
    /// The manifest's digest.
    pub digest: String,
    /// The manifest's media type.
    pub media_type: Option<String>,
    /// The manifest's `artifactType`, else the media type of a config that is not an image's.
    pub artifact_type: Option<String>,
    /// The titled files and directories in the manifest's order, relative to the destination. Archives stay.
    pub files: Vec<PathBuf>,
    /// Top-level directories that unpacking made, sorted, relative to the destination: `istio-1.24.0`.
    pub roots: Vec<PathBuf>,
    /// The size of the titled layers, in bytes.
    pub bytes: u64,
}

/// Pulls `request` into `destination`, which is created if need be.
///
/// Files already there are replaced; a directory already there is never touched, but an error
/// ([`PullError::Occupied`]). Dropping the future leaves nothing behind. A rustls provider must be installed.
pub async fn pull(request: &PullRequest, destination: &Path, registries: &Registries) -> Result<Pulled, PullError> {
    let moved = registries.settings().map.apply(&request.reference);
    let plain_http = request.plain_http || registries.settings().is_plain(moved.split('/').next().unwrap_or_default());
    let reference = Reference::parse(&moved, request.digest.as_deref(), plain_http)?;
    let repository = registries.open(reference, None)?;
    let reference = &repository.reference;
    let manifest = manifest::read(reference, &repository.manifest().await?, request.unpack)?;
    let staging = Staging::inside(destination, reference, &manifest.files)?;
    layers::download(&repository, &manifest.files, &staging).await?;
    let roots = staging::finish(staging, &manifest.files, &Limits::default()).await?;
    Ok(Pulled {
        reference: reference.pinned(&manifest.digest),
        digest: manifest.digest.to_string(),
        media_type: manifest.media_type,
        artifact_type: manifest.artifact_type,
        bytes: manifest.files.iter().map(|file| file.size).sum(),
        files: manifest.files.iter().map(manifest::ArtifactFile::place).collect(),
        roots,
    })
}
