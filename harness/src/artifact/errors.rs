//! Why a pull failed, and whose failure it is.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::registry::{Blame, RegistryError, disk_hint};

/// Why a pull failed. Messages complete "failed to …" and hold their causes; `artifact` is `registry/repository:tag`.
#[derive(Debug, Error)]
pub enum PullError {
    // Either, as the registry's error says.
    #[error("pull {0}")]
    Registry(#[from] RegistryError),

    // The check could not be made.
    #[error("pull {artifact}: expected room for `{}`, saw a directory or file already there", path.display())]
    Occupied { artifact: String, path: PathBuf },
    #[error("pull {artifact}: {action} {}: {error}", path.display())]
    Disk { artifact: String, action: &'static str, path: PathBuf, error: io::Error },
    #[error("pull {artifact}: it was cancelled")]
    Cancelled { artifact: String },

    // The artifact is not as it should be.
    #[error("pull {artifact}: expected an image manifest that holds files, saw {seen}")]
    WrongMediaType { artifact: String, seen: String },
    #[error("pull {artifact}: expected a layer with a title, saw none among {layers} ({seen})")]
    NoFiles { artifact: String, layers: usize, seen: String },
    #[error(
        "pull {artifact}: expected the title of a layer to be a file below the destination, saw `{title}`: {reason}"
    )]
    UnsafeTitle { artifact: String, title: String, reason: String },

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
    pub fn blame(&self) -> Blame {
        match self {
            Self::Registry(error) => error.blame(),
            Self::Occupied { .. } | Self::Disk { .. } | Self::Cancelled { .. } => Blame::Harness,
            Self::WrongMediaType { .. } | Self::NoFiles { .. } | Self::UnsafeTitle { .. } => Blame::Product,
            Self::Archive { error, .. } => error.blame(),
        }
    }

    /// A way out, where there is one to name.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Registry(error) => error.hint()?,
            Self::Occupied { .. } => "remove it, or pull into an empty folder",
            Self::Disk { error, .. } => disk_hint(error)?,
            Self::WrongMediaType { .. } | Self::NoFiles { .. } => {
                "this was not pushed by `oras push`: perhaps it is a container image or an index"
            }
            Self::UnsafeTitle { .. } => "push the files by names relative to the folder that they are in",
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
            Self::Cancelled { .. } => return None,
        })
    }
}

impl ArchiveError {
    /// Whose failure this is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unsafe { .. } | Self::Broken { .. } | Self::TooLarge { .. } | Self::Content { .. } => Blame::Product,
            Self::Disk { .. } | Self::Cancelled => Blame::Harness,
        }
    }
}
