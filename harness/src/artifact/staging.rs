//! A folder inside the destination where everything is made, and the renames that make it visible.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::manifest::{ArtifactFile, Packing};
use super::unpack::{self, Limits, Source};
use super::{ArchiveError, PullError};
use crate::registry::Reference;

/// Dropping it removes whatever was not published.
pub(super) struct Staging {
    folder: TempDir,
    destination: PathBuf,
    artifact: String,
}

impl Staging {
    /// Makes room for `files`, on the same file system as `destination` so that publishing is renaming.
    pub fn inside(destination: &Path, target: &Reference, files: &[ArtifactFile]) -> Result<Self, PullError> {
        let artifact = target.to_string();
        let disk = |action, path: &Path, error| PullError::Disk {
            artifact: artifact.clone(),
            action,
            path: path.to_owned(),
            error,
        };
        fs::create_dir_all(destination).map_err(|error| disk("create", destination, error))?;
        let folder = tempfile::Builder::new()
            .prefix(".meshproof-pull-")
            .tempdir_in(destination)
            .map_err(|error| disk("create a folder in", destination, error))?;
        let staging = Self { folder, destination: destination.to_owned(), artifact: artifact.clone() };
        for path in [staging.tree(), staging.packed(), staging.replaced()] {
            fs::create_dir(&path).map_err(|error| disk("create", &path, error))?;
        }
        for file in files {
            // Known before the download, so that nobody waits for it in vain.
            if let Some(top) = file.path.iter().next() {
                let is_directory =
                    file.path.iter().nth(1).is_some() || matches!(file.packing, Packing::Directory { .. });
                check_room(&staging.destination.join(top), is_directory).map_err(|error| staging.error(error))?;
            }
            if let Some(parent) = file.path.parent() {
                let parent = staging.tree().join(parent);
                fs::create_dir_all(&parent).map_err(|error| disk("create", &parent, error))?;
            }
        }
        Ok(staging)
    }

    /// Where the bytes of the manifest's file number `index` go.
    pub fn download_path(&self, index: usize, file: &ArtifactFile) -> PathBuf {
        match file.packing {
            Packing::Directory { .. } => self.packed().join(index.to_string()),
            Packing::None | Packing::Tar | Packing::TarGz => self.tree().join(&file.path),
        }
    }

    /// What will be in the destination.
    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// The directories that ORAS packed.
    fn packed(&self) -> PathBuf {
        self.folder.path().join("packed")
    }

    /// What was in the destination until the last moment.
    fn replaced(&self) -> PathBuf {
        self.folder.path().join("replaced")
    }

    fn error(&self, error: PublishError) -> PullError {
        let artifact = self.artifact.clone();
        match error {
            PublishError::Occupied(path) => PullError::Occupied { artifact, path },
            PublishError::Rename(path, error) => PullError::Disk { artifact, action: "rename", path, error },
        }
    }

    fn finish(
        self,
        files: &[ArtifactFile],
        limits: &Limits,
        cancelled: &AtomicBool,
    ) -> Result<Vec<PathBuf>, PullError> {
        let roots = self.unpack(files, limits, cancelled)?;
        if cancelled.load(Ordering::Relaxed) {
            return Err(PullError::Cancelled { artifact: self.artifact.clone() });
        }
        publish(&self.tree(), &self.destination, &self.replaced()).map_err(|error| self.error(error))?;
        Ok(roots.into_iter().collect())
    }

    fn unpack(
        &self,
        files: &[ArtifactFile],
        limits: &Limits,
        cancelled: &AtomicBool,
    ) -> Result<BTreeSet<PathBuf>, PullError> {
        let plain = files.iter().filter(|file| !matches!(file.packing, Packing::Directory { .. }));
        let protected = plain.map(|file| file.path.clone()).collect();
        let mut roots = BTreeSet::new();
        for (index, file) in files.iter().enumerate() {
            let archive = self.download_path(index, file);
            let source = match &file.packing {
                Packing::None => continue,
                Packing::Tar => Source::tar(&archive),
                Packing::TarGz => Source::tar_gz(&archive),
                Packing::Directory { unpacked_digest } => {
                    Source::directory(&archive, &file.path, unpacked_digest.as_ref())
                }
            };
            match unpack::unpack(&source, &self.tree(), &protected, limits, cancelled) {
                Ok(found) => roots.extend(found),
                Err(ArchiveError::Cancelled) => return Err(PullError::Cancelled { artifact: self.artifact.clone() }),
                Err(error) => {
                    return Err(PullError::Archive { artifact: self.artifact.clone(), file: file.name(), error });
                }
            }
        }
        Ok(roots)
    }
}

/// Unpacks and publishes in a thread of its own, and gives the top-level directories that came out of archives. If
/// the future is dropped, the thread stops, and nothing is published.
pub(super) async fn finish(
    staging: Staging,
    files: &[ArtifactFile],
    limits: &Limits,
) -> Result<Vec<PathBuf>, PullError> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let _guard = SetOnDrop(Arc::clone(&cancelled));
    let (artifact, files, limits) = (staging.artifact.clone(), files.to_vec(), limits.clone());
    match spawn_blocking(move || staging.finish(&files, &limits, &cancelled)).await {
        Ok(finished) => finished,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(PullError::Cancelled { artifact }),
        },
    }
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum PublishError {
    Occupied(PathBuf),
    Rename(PathBuf, io::Error),
}

/// Renames what is in `tree` into `destination`: all of it, or on an error nothing. Files that are replaced wait in
/// `replaced` until then.
fn publish(tree: &Path, destination: &Path, replaced: &Path) -> Result<(), PublishError> {
    let renamed = |path: &Path| {
        let path = path.to_owned();
        move |error| PublishError::Rename(path, error)
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(tree).map_err(renamed(tree))? {
        let entry = entry.map_err(renamed(tree))?;
        let kind = entry.file_type().map_err(renamed(&entry.path()))?;
        check_room(&destination.join(entry.file_name()), kind.is_dir())?;
        names.push(entry.file_name());
    }
    names.sort();
    let mut undo: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut rename = |from: PathBuf, to: PathBuf| {
        let result = fs::rename(&from, &to).map_err(renamed(&to));
        if result.is_ok() {
            undo.push((to, from));
        }
        result
    };
    let result = names.iter().try_for_each(|name| {
        let place = destination.join(name);
        match rename(place.clone(), replaced.join(name)) {
            Err(PublishError::Rename(_, error)) if error.kind() != ErrorKind::NotFound => Err(renamed(&place)(error)),
            _ => rename(tree.join(name), place),
        }
    });
    if result.is_err() {
        for (from, to) in undo.into_iter().rev() {
            let _ = fs::rename(from, to);
        }
    }
    result
}

/// A file may take a file's place. A directory takes none, and none is replaced: it may hold what nobody can restore.
fn check_room(place: &Path, is_directory: bool) -> Result<(), PublishError> {
    match fs::symlink_metadata(place) {
        Ok(there) if is_directory || there.is_dir() => Err(PublishError::Occupied(place.to_owned())),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(PublishError::Rename(place.to_owned(), error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_published_once_it_is_cancelled() {
        let destination = TempDir::new().unwrap();
        let target = Reference::parse("r.io/a:1", None, false).unwrap();
        let staging = Staging::inside(destination.path(), &target, &[]).unwrap();
        fs::write(staging.tree().join("a"), "").unwrap();
        let result = staging.finish(&[], &Limits::default(), &AtomicBool::new(true));
        assert!(matches!(result, Err(PullError::Cancelled { .. })));
        assert_eq!(fs::read_dir(&destination).unwrap().count(), 0);
    }

    fn folders() -> (TempDir, PathBuf, PathBuf, PathBuf) {
        let folder = TempDir::new().unwrap();
        let [tree, destination, replaced] = ["tree", "destination", "replaced"].map(|name| folder.path().join(name));
        for path in [&tree, &destination, &replaced] {
            fs::create_dir(path).unwrap();
        }
        (folder, tree, destination, replaced)
    }

    #[test]
    fn a_file_takes_the_place_of_a_file() {
        let (_folder, tree, destination, replaced) = folders();
        fs::write(tree.join("a"), "new").unwrap();
        fs::write(destination.join("a"), "old").unwrap();
        publish(&tree, &destination, &replaced).unwrap();
        assert_eq!(fs::read_to_string(destination.join("a")).unwrap(), "new");
    }

    #[test]
    fn a_directory_that_is_there_stays_as_it_is_and_nothing_is_published() {
        let (_folder, tree, destination, replaced) = folders();
        fs::write(tree.join("a"), "new").unwrap();
        fs::create_dir(tree.join("b")).unwrap();
        fs::create_dir(destination.join("b")).unwrap();
        fs::write(destination.join("b/mine"), "mine").unwrap();
        let error = publish(&tree, &destination, &replaced).unwrap_err();
        assert!(matches!(error, PublishError::Occupied(path) if path.ends_with("b")));
        assert_eq!(fs::read_to_string(destination.join("b/mine")).unwrap(), "mine");
        assert!(!destination.join("a").exists());
    }

    #[test]
    fn an_error_half_way_restores_what_was_there() {
        let (_folder, tree, destination, replaced) = folders();
        for name in ["a", "b", "c"] {
            fs::write(tree.join(name), "new").unwrap();
            fs::write(destination.join(name), "old").unwrap();
        }
        // A directory that is not empty refuses the second file that is to wait there.
        fs::create_dir_all(replaced.join("b/full")).unwrap();
        assert!(publish(&tree, &destination, &replaced).is_err());
        for name in ["a", "b", "c"] {
            assert_eq!(fs::read_to_string(destination.join(name)).unwrap(), "old");
        }
    }
}
