//! Why a registry did not give what it was asked for, and whose failure that is.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Whether what went wrong says something about what is in the registry, or only that it could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The registry answered, and what it has is not as it should be.
    Product,
    /// The check could not be made.
    Harness,
}

/// What went wrong. Messages complete "failed to pull …" and hold their causes; `reference` is `registry/repository:tag`.
#[derive(Debug, Error)]
pub enum RegistryError {
    // The check could not be made.
    #[error("`{reference}`: expected registry/repository:tag, but {reason}")]
    InvalidReference { reference: String, reason: String },
    #[error("{reference}: expected Docker's configuration in {}, but {reason}", file.display())]
    Credentials { reference: String, file: PathBuf, reason: String },
    #[error("{reference}: set up the connection: {reason}")]
    Client { reference: String, reason: String },
    #[error("{reference}: expected an answer from {url}, saw none in {attempts} attempts: {reason}")]
    Unreachable { reference: String, url: String, attempts: u32, reason: String },
    #[error(
        "{reference}: expected {expected} bytes of {what}, \
         the connection ended after {seen} ({attempts} attempts): {reason}"
    )]
    Interrupted { reference: String, what: String, expected: u64, seen: u64, attempts: u32, reason: String },
    #[error("{reference}: expected leave to {deed} it {identity}, the registry answered {answer}")]
    Unauthorized { reference: String, deed: &'static str, identity: String, answer: String },
    #[error("{reference}: expected {what}, the registry still answered {answer} at attempt {attempts}")]
    Unavailable { reference: String, what: String, answer: String, attempts: u32 },
    #[error("{reference}: expected {what}, the registry answered {answer}")]
    UnexpectedAnswer { reference: String, what: String, answer: String },
    #[error("{reference}: expected an OCI registry at {url}, saw {answer}")]
    NotARegistry { reference: String, url: String, answer: String },
    #[error("{reference}: {action} {}: {error}", path.display())]
    Disk { reference: String, action: &'static str, path: PathBuf, error: io::Error },
    #[error("{reference}: it was cancelled")]
    Cancelled { reference: String },

    // What is there is not as it should be.
    #[error("{reference}: expected its repository, the registry answered {answer}")]
    RepositoryUnknown { reference: String, answer: String },
    #[error("{reference}: expected its manifest, the registry answered {answer}")]
    ManifestUnknown { reference: String, answer: String },
    #[error("{reference}: expected the manifest {expected}, saw {seen}")]
    ManifestDigest { reference: String, expected: String, seen: String },
    #[error("{reference}: expected a valid manifest, but {reason}")]
    ManifestInvalid { reference: String, reason: String },
    #[error("{reference}: expected {what}, the registry answered {answer}")]
    BlobUnknown { reference: String, what: String, answer: String },
    #[error("{reference}: expected {expected} bytes of {what}, saw {seen}")]
    BlobSize { reference: String, what: String, expected: u64, seen: u64 },
    #[error("{reference}: expected {what} with digest {expected}, saw {seen}")]
    BlobDigest { reference: String, what: String, expected: String, seen: String },
}

impl RegistryError {
    /// Whose failure this is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::InvalidReference { .. }
            | Self::Credentials { .. }
            | Self::Client { .. }
            | Self::Unreachable { .. }
            | Self::Interrupted { .. }
            | Self::Unauthorized { .. }
            | Self::Unavailable { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::NotARegistry { .. }
            | Self::Disk { .. }
            | Self::Cancelled { .. } => Blame::Harness,
            Self::RepositoryUnknown { .. }
            | Self::ManifestUnknown { .. }
            | Self::ManifestDigest { .. }
            | Self::ManifestInvalid { .. }
            | Self::BlobUnknown { .. }
            | Self::BlobSize { .. }
            | Self::BlobDigest { .. } => Blame::Product,
        }
    }

    /// Whether the registry says that there is no such manifest.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::ManifestUnknown { .. } | Self::RepositoryUnknown { .. })
    }

    /// A way out, where there is one to name.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidReference { .. } => {
                "name the registry and the tag or digest, as in registry.example.com/istio/istioctl-tool:1.24.0"
            }
            Self::Credentials { .. } => {
                "repair the file or the credential helper that it names, or point DOCKER_CONFIG at another folder"
            }
            Self::Client { reason, .. } | Self::Unreachable { reason, .. } => connection_hint(reason),
            Self::Interrupted { .. } => {
                "the network or a proxy cut the download off: try again, or pull from a nearer registry"
            }
            Self::Unauthorized { .. } => {
                "log in with `docker login` or `oras login`; some registries answer so if there is no such repository"
            }
            Self::Unavailable { .. } => "the registry is overloaded or down; try again later",
            Self::NotARegistry { .. } => "check the registry's host and port, and whether a proxy answers in its place",
            Self::Disk { error, .. } => disk_hint(error)?,
            Self::RepositoryUnknown { .. } => {
                "check the repository's name and that the artifact was pushed to this registry"
            }
            Self::ManifestUnknown { .. } => {
                "check that it was pushed to this registry: `oras repo tags` lists a repository's tags"
            }
            Self::ManifestDigest { .. } => {
                "the tag may have moved to another build, or what was pushed was replaced: compare the registries"
            }
            Self::ManifestInvalid { .. } => "it was not pushed by a tool for OCI artifacts: push it again",
            Self::BlobUnknown { .. } | Self::BlobSize { .. } | Self::BlobDigest { .. } => {
                "the registry's copy is damaged: push it again, or pull from another region's registry"
            }
            Self::UnexpectedAnswer { .. } | Self::Cancelled { .. } => return None,
        })
    }

    /// The error with its way out, in one sentence.
    pub fn told(&self) -> String {
        let hint = self.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{self}{hint}")
    }
}

/// The texts are rustls', hyper's and the system's; one that changes costs a better hint and nothing else.
fn connection_hint(reason: &str) -> &'static str {
    let says = |any: &[&str]| any.iter().any(|text| reason.contains(text));
    if says(&["UnknownIssuer", "invalid peer certificate", "CA certificates"]) {
        "make the registry's certificate authority known: --registry-ca names a file of PEM certificates"
    } else if says(&["InvalidContentType", "corrupt message"]) {
        "the registry may speak plain HTTP: name it with --plain-http, or in a `pull` with plainHttp"
    } else if says(&["dns error", "failed to lookup"]) {
        "check the registry's name, the DNS, and the proxy settings (HTTPS_PROXY, NO_PROXY)"
    } else {
        "check that the registry runs and can be reached from here, and the proxy settings (HTTPS_PROXY, NO_PROXY)"
    }
}

pub(crate) fn disk_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room on the disk, or pull to another one")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("choose a folder that can be written to")
        }
        _ => None,
    }
}
