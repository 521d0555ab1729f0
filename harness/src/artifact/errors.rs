//! Why a pull failed, and whose failure it is.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Whether a failed pull says something about the artifact, or only that it could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFailure {
    /// The registry answered, and the artifact is not as it should be.
    Product,
    /// The check could not be made.
    Harness,
}

/// Why a pull failed. Messages complete "failed to …" and hold their causes; `artifact` is `registry/repository:tag`.
#[derive(Debug, Error)]
pub enum PullError {
    // The check could not be made.
    #[error("pull `{reference}`: expected registry/repository:tag, but {reason}")]
    InvalidReference { reference: String, reason: String },
    #[error("pull {artifact}: expected Docker's configuration in {}, but {reason}", file.display())]
    Credentials { artifact: String, file: PathBuf, reason: String },
    #[error("pull {artifact}: set up the connection: {reason}")]
    Client { artifact: String, reason: String },
    #[error("pull {artifact}: expected an answer from {url}, saw none in {attempts} attempts: {reason}")]
    Unreachable { artifact: String, url: String, attempts: u32, reason: String },
    #[error(
        "pull {artifact}: expected {expected} bytes of `{file}`, \
         the connection ended after {seen} ({attempts} attempts): {reason}"
    )]
    Interrupted { artifact: String, file: String, expected: u64, seen: u64, attempts: u32, reason: String },
    #[error("pull {artifact}: expected leave to read it {identity}, the registry answered {answer}")]
    Unauthorized { artifact: String, identity: String, answer: String },
    #[error("pull {artifact}: expected {what}, the registry still answered {answer} at attempt {attempts}")]
    Unavailable { artifact: String, what: String, answer: String, attempts: u32 },
    #[error("pull {artifact}: expected {what}, the registry answered {answer}")]
    UnexpectedAnswer { artifact: String, what: String, answer: String },
    #[error("pull {artifact}: expected an OCI registry at {url}, saw {answer}")]
    NotARegistry { artifact: String, url: String, answer: String },
    #[error("pull {artifact}: expected room for `{}`, saw a directory or file already there", path.display())]
    Occupied { artifact: String, path: PathBuf },
    #[error("pull {artifact}: {action} {}: {error}", path.display())]
    Disk { artifact: String, action: &'static str, path: PathBuf, error: io::Error },
    #[error("pull {artifact}: it was cancelled")]
    Cancelled { artifact: String },

    // The artifact is not as it should be.
    #[error("pull {artifact}: expected its repository, the registry answered {answer}")]
    RepositoryUnknown { artifact: String, answer: String },
    #[error("pull {artifact}: expected its manifest, the registry answered {answer}")]
    ManifestUnknown { artifact: String, answer: String },
    #[error("pull {artifact}: expected the manifest {expected}, saw {seen}")]
    ManifestDigest { artifact: String, expected: String, seen: String },
    #[error("pull {artifact}: expected a valid manifest, but {reason}")]
    ManifestInvalid { artifact: String, reason: String },
    #[error("pull {artifact}: expected an image manifest that holds files, saw {seen}")]
    WrongMediaType { artifact: String, seen: String },
    #[error("pull {artifact}: expected a layer with a title, saw none among {layers} ({seen})")]
    NoFiles { artifact: String, layers: usize, seen: String },
    #[error(
        "pull {artifact}: expected the title of a layer to be a file below the destination, saw `{title}`: {reason}"
    )]
    UnsafeTitle { artifact: String, title: String, reason: String },
    #[error("pull {artifact}: expected the layer {digest} of `{file}`, the registry answered {answer}")]
    LayerUnknown { artifact: String, file: String, digest: String, answer: String },
    #[error("pull {artifact}: expected {expected} bytes of `{file}`, saw {seen}")]
    LayerSize { artifact: String, file: String, expected: u64, seen: u64 },
    #[error("pull {artifact}: expected `{file}` with digest {expected}, saw {seen}")]
    LayerDigest { artifact: String, file: String, expected: String, seen: String },

    // Either, as the archive's error says.
    #[error("pull {artifact}: unpack `{file}`: {error}")]
    Archive { artifact: String, file: String, error: ArchiveError },
}

/// Why an archive could not be unpacked.
#[derive(Debug, Error)]
pub enum ArchiveError {
    #[error("expected an entry that stays below the destination, saw `{entry}`: {reason}")]
    Unsafe { entry: String, reason: String },
    #[error("expected a complete archive, but {reason}")]
    Broken { reason: String },
    #[error("expected at most {limit}, saw more")]
    TooLarge { limit: String },
    #[error("expected content with digest {expected}, saw {seen}")]
    Content { expected: String, seen: String },
    #[error("{action} {}: {error}", path.display())]
    Disk { action: &'static str, path: PathBuf, error: io::Error },
    #[error("it was cancelled")]
    Cancelled,
}

impl PullError {
    /// Whose failure this is.
    pub fn kind(&self) -> PullFailure {
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
            | Self::Occupied { .. }
            | Self::Disk { .. }
            | Self::Cancelled { .. } => PullFailure::Harness,
            Self::RepositoryUnknown { .. }
            | Self::ManifestUnknown { .. }
            | Self::ManifestDigest { .. }
            | Self::ManifestInvalid { .. }
            | Self::WrongMediaType { .. }
            | Self::NoFiles { .. }
            | Self::UnsafeTitle { .. }
            | Self::LayerUnknown { .. }
            | Self::LayerSize { .. }
            | Self::LayerDigest { .. } => PullFailure::Product,
            Self::Archive { error, .. } => error.kind(),
        }
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
            Self::Occupied { .. } => "remove it, or pull into an empty folder",
            Self::Disk { error, .. } => disk_hint(error)?,
            Self::RepositoryUnknown { .. } => {
                "check the repository's name and that the artifact was pushed to this registry"
            }
            Self::ManifestUnknown { .. } => {
                "check that it was pushed to this registry: `oras repo tags` lists a repository's tags"
            }
            Self::ManifestDigest { .. } => {
                "the tag was moved or the registry's copy differs: push it again, or correct the expected digest"
            }
            Self::WrongMediaType { .. } | Self::NoFiles { .. } => {
                "this was not pushed by `oras push`: perhaps it is a container image or an index"
            }
            Self::UnsafeTitle { .. } => "push the files by names relative to the folder that they are in",
            Self::ManifestInvalid { .. }
            | Self::LayerUnknown { .. }
            | Self::LayerSize { .. }
            | Self::LayerDigest { .. } => "the registry's copy is damaged: push the artifact again",
            Self::Archive { error, .. } => match error {
                ArchiveError::Disk { error, .. } => disk_hint(error)?,
                ArchiveError::Cancelled => return None,
                ArchiveError::Unsafe { .. } | ArchiveError::TooLarge { .. } => {
                    "do not trust this archive before knowing where it comes from"
                }
                ArchiveError::Broken { .. } | ArchiveError::Content { .. } => {
                    "the archive was damaged before it was pushed: build and push it again"
                }
            },
            Self::UnexpectedAnswer { .. } | Self::Cancelled { .. } => return None,
        })
    }
}

impl ArchiveError {
    /// Whose failure this is.
    pub fn kind(&self) -> PullFailure {
        match self {
            Self::Unsafe { .. } | Self::Broken { .. } | Self::TooLarge { .. } | Self::Content { .. } => {
                PullFailure::Product
            }
            Self::Disk { .. } | Self::Cancelled => PullFailure::Harness,
        }
    }
}

/// The texts are rustls', hyper's and the system's; one that changes costs a better hint and nothing else.
fn connection_hint(reason: &str) -> &'static str {
    let says = |any: &[&str]| any.iter().any(|text| reason.contains(text));
    if says(&["UnknownIssuer", "invalid peer certificate", "CA certificates"]) {
        "make the registry's certificate authority known: SSL_CERT_FILE names a file of PEM certificates"
    } else if says(&["InvalidContentType", "corrupt message"]) {
        "the registry may speak plain HTTP: ask for it with plain_http"
    } else if says(&["dns error", "failed to lookup"]) {
        "check the registry's name, the DNS, and the proxy settings (HTTPS_PROXY, NO_PROXY)"
    } else {
        "check that the registry runs and can be reached from here, and the proxy settings (HTTPS_PROXY, NO_PROXY)"
    }
}

fn disk_hint(error: &io::Error) -> Option<&'static str> {
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
