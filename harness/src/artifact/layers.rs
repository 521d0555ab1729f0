//! The layers, downloaded side by side to disk and verified on the way.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Response;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::spawn_blocking;

use super::PullError;
use super::answer::reason;
use super::digest::{Digest, Hasher};
use super::manifest::ArtifactFile;
use super::registry::{Registry, What};
use super::staging::Staging;

/// Chunks that may wait for the disk: a few megabytes at most, however large the layer is.
const WAITING_CHUNKS: usize = 16;

/// Downloads `files` into `staging`. The first error ends all of them.
pub(super) async fn download(
    registry: &Registry<'_>,
    files: &[ArtifactFile],
    staging: &Staging,
) -> Result<(), PullError> {
    // Collected because a closure over references that is kept across an await is not `Send`.
    let downloads: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, file)| fetch(registry, file, staging.download_path(index, file)))
        .collect();
    stream::iter(downloads).buffer_unordered(registry.settings.concurrent_layers).try_collect().await
}

async fn fetch(registry: &Registry<'_>, file: &ArtifactFile, path: PathBuf) -> Result<(), PullError> {
    let mut retries = registry.retries();
    let mut was_damaged = false;
    loop {
        let response = registry.get(What::Layer(file), &mut retries).await?;
        let flaw = match receive(response, file, &path).await {
            Ok(()) => return Ok(()),
            Err(flaw) => flaw,
        };
        tracing::debug!(artifact = %registry.target, file = %file.name(), ?flaw, "a layer was not received well");
        // What was damaged on the way may arrive well the next time; what is damaged in the registry does not.
        let again = match flaw {
            Flaw::Size(_) | Flaw::Digest(_) => !std::mem::replace(&mut was_damaged, true),
            Flaw::Interrupted { .. } => retries.again(None).await,
            Flaw::Disk(_) | Flaw::Cancelled => false,
        };
        if !again {
            return Err(flaw.into_error(registry, file, &path, retries.made()));
        }
    }
}

/// Why a layer was not received.
#[derive(Debug)]
enum Flaw {
    /// It has this many bytes; a stream that is too long is not read to its end.
    Size(u64),
    Digest(Digest),
    Interrupted {
        seen: u64,
        reason: String,
    },
    Disk(io::Error),
    Cancelled,
}

impl Flaw {
    fn into_error(self, registry: &Registry<'_>, layer: &ArtifactFile, path: &Path, attempts: u32) -> PullError {
        let (artifact, file, expected) = (registry.artifact(), layer.name(), layer.size);
        match self {
            Self::Size(seen) => PullError::LayerSize { artifact, file, expected, seen },
            Self::Digest(seen) => {
                let (expected, seen) = (layer.digest.to_string(), seen.to_string());
                PullError::LayerDigest { artifact, file, expected, seen }
            }
            Self::Interrupted { seen, reason } => {
                PullError::Interrupted { artifact, file, expected, seen, attempts, reason }
            }
            Self::Disk(error) => PullError::Disk { artifact, action: "write", path: path.to_owned(), error },
            Self::Cancelled => PullError::Cancelled { artifact },
        }
    }
}

/// Writes one response to `path`. Hashing and writing have a thread of their own, which ends when the sender goes,
/// also if that is because this future was dropped.
async fn receive(mut response: Response, layer: &ArtifactFile, path: &Path) -> Result<(), Flaw> {
    if let Some(length) = response.content_length().filter(|length| *length != layer.size) {
        return Err(Flaw::Size(length));
    }
    let file = File::create(path).map_err(Flaw::Disk)?;
    let hasher = layer.digest.hasher();
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    let writer = spawn_blocking(move || write(file, hasher, receiver));
    let relayed = async move {
        let mut seen = 0;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    seen += chunk.len() as u64;
                    // A writer that failed is gone, and says itself why.
                    if seen > layer.size || sender.send(chunk).await.is_err() {
                        return Ok(seen);
                    }
                }
                Ok(None) => return Ok(seen),
                Err(error) => return Err(Flaw::Interrupted { seen, reason: reason(error) }),
            }
        }
    };
    let relayed = relayed.await;
    let digest = writer.await.map_err(|_| Flaw::Cancelled)?.map_err(Flaw::Disk)?;
    match relayed? {
        seen if seen != layer.size => Err(Flaw::Size(seen)),
        _ if digest != layer.digest => Err(Flaw::Digest(digest)),
        _ => Ok(()),
    }
}

fn write(mut file: File, mut hasher: Hasher, mut chunks: Receiver<impl AsRef<[u8]>>) -> io::Result<Digest> {
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(chunk.as_ref());
        file.write_all(chunk.as_ref())?;
    }
    Ok(hasher.finish())
}
