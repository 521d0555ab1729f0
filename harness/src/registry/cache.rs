//! Content by its digest, kept between runs.
//!
//! Each file is written beside its place and renamed into it when its digest is proved, so that a second process sees all of it or
//! nothing, and of two that write the same, either is right. Whoever reads proves it again: a disk may be damaged, too.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use super::{Blob, Digest, RegistryError, Repository};

/// A folder of content by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    directory: PathBuf,
}

/// `meshproof` in `$XDG_CACHE_HOME`, else in `~/.cache`.
pub fn cache_directory() -> Option<PathBuf> {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || named("HOME").map(|home| home.join(".cache"));
    named("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(home).map(|cache| cache.join("meshproof"))
}

impl Cache {
    /// In `directory`, which is made when something is put there.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        let text = digest.to_string();
        let (algorithm, hex) = text.split_once(':').unwrap_or(("", &text));
        self.directory.join("blobs").join(algorithm).join(&hex[..2]).join(hex)
    }

    /// The file with this content, if it is there and whole; one that is damaged is removed.
    fn find(&self, blob: &Blob) -> Option<PathBuf> {
        let path = self.place(&blob.digest);
        let mut file = File::open(&path).ok()?;
        match Digest::read(&mut file, &blob.digest) {
            Ok(digest) if digest == blob.digest => Some(path),
            _ => {
                tracing::debug!(path = %path.display(), "content in the cache is damaged, and goes");
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// A folder on the same file system, for what is not proved yet.
    fn room(&self) -> io::Result<tempfile::TempDir> {
        fs::create_dir_all(&self.directory)?;
        tempfile::Builder::new().prefix(".meshproof-").tempdir_in(&self.directory)
    }

    fn keep(&self, digest: &Digest, from: &Path) -> io::Result<PathBuf> {
        let path = self.place(digest);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(from, &path).map(|()| path)
    }
}

impl Repository {
    /// A file with the blob's content: that of the cache, or a new one in `folder` where nothing is kept. It is not to be changed.
    pub async fn cached(&self, blob: &Blob, folder: &Path) -> Result<PathBuf, RegistryError> {
        let Some(cache) = self.registries.settings().cache.clone() else {
            let path = folder.join(blob.digest.to_string().replace(':', "-"));
            self.download(blob, &path).await?;
            return Ok(path);
        };
        let disk = |action, error| RegistryError::Disk {
            reference: self.shown(),
            action,
            path: cache.directory.clone(),
            error,
        };
        let (wanted, known) = (blob.clone(), cache.clone());
        if let Ok(Some(path)) = spawn_blocking(move || known.find(&wanted)).await {
            return Ok(path);
        }
        let room = cache.room().map_err(|error| disk("make a folder in", error))?;
        let path = room.path().join("content");
        self.download(blob, &path).await?;
        cache.keep(&blob.digest, &path).map_err(|error| disk("write to", error))
    }

    /// The content of a small blob.
    pub(super) async fn small(&self, blob: &Blob) -> Result<Vec<u8>, RegistryError> {
        let folder = tempfile::tempdir().map_err(|error| self.no_room(error))?;
        let path = self.cached(blob, folder.path()).await?;
        fs::read(path).map_err(|error| self.no_room(error))
    }

    /// The content of a small blob as the registry has it now.
    pub(super) async fn fresh(&self, blob: &Blob) -> Result<Vec<u8>, RegistryError> {
        let folder = tempfile::tempdir().map_err(|error| self.no_room(error))?;
        let path = folder.path().join("content");
        self.download(blob, &path).await?;
        fs::read(path).map_err(|error| self.no_room(error))
    }

    fn no_room(&self, error: io::Error) -> RegistryError {
        RegistryError::Disk { reference: self.shown(), action: "read in", path: std::env::temp_dir(), error }
    }
}
