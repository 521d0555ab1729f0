//! The files that an archive's entries become.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::{Entry, EntryType};

use super::ArchiveError;
use super::guard::Gauge;
use super::names;
use crate::registry::shown;

/// A folder that only this process changes, so that what was checked once stays so: no directory in it is ever
/// removed or replaced, none is reached through a link, and no link leads out of it.
pub(super) struct Tree<'a> {
    folder: &'a Path,
    below: &'a Path,
    protected: &'a HashSet<PathBuf>,
    gauge: &'a Gauge,
    /// Directories that are there and are no links, relative to the folder as all paths here.
    known: HashSet<PathBuf>,
    /// Top-level directories.
    pub roots: BTreeSet<PathBuf>,
}

/// Why an entry became no file.
enum Obstacle {
    Refused(String),
    Other(ArchiveError),
}

impl<'a> Tree<'a> {
    /// A tree in `folder` that accepts entries below `below`, except at the `protected` paths.
    pub fn new(folder: &'a Path, below: &'a Path, protected: &'a HashSet<PathBuf>, gauge: &'a Gauge) -> Self {
        Self { folder, below, protected, gauge, known: HashSet::new(), roots: BTreeSet::new() }
    }

    /// Makes what `entry` describes. Of several entries with one name the last wins, as with `tar`.
    pub fn add(&mut self, entry: &mut Entry<'_, impl Read>, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.make(entry, buffer).map_err(|obstacle| match obstacle {
            Obstacle::Refused(reason) => {
                ArchiveError::Unsafe { entry: shown(&String::from_utf8_lossy(&entry.path_bytes())), reason }
            }
            Obstacle::Other(error) => error,
        })
    }

    fn make(&mut self, entry: &mut Entry<'_, impl Read>, buffer: &mut [u8]) -> Result<(), Obstacle> {
        let kind = entry.header().entry_type();
        // A comment on the whole archive, as `git archive` writes one, is no file.
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let path =
            names::relative(&entry.path().map_err(|error| self.unreadable(error))?).map_err(Obstacle::refused)?;
        if !path.starts_with(self.below) {
            return Err(Obstacle::Refused(format!("it is not in the directory `{}`", self.below.display())));
        }
        if self.protected.contains(&path) {
            return Err(Obstacle::refused("it would replace a file of the artifact"));
        }
        // Before directories had a type, a slash marked them.
        if kind.is_dir() || (kind.is_file() && entry.path_bytes().ends_with(b"/")) {
            return self.directory(&path, entry.header().mode().unwrap_or(0o755));
        }
        let parent = path.parent().ok_or_else(|| Obstacle::refused("it names the destination itself"))?;
        self.directory(parent, 0o755)?;
        let place = self.folder.join(&path);
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.write(entry, &place, buffer),
            EntryType::Symlink => {
                let target = self.link_name(entry)?;
                names::link_target(parent, &target).map_err(Obstacle::refused)?;
                replacing(&place, || symlink(&target, &place))
            }
            EntryType::Link => {
                let target = names::relative(&self.link_name(entry)?)
                    .map_err(|_| Obstacle::refused("its target lies outside"))?;
                if target == path || !self.is_file(&target) {
                    let reason =
                        format!("its target `{}` is no file that came before it", shown(&target.to_string_lossy()));
                    return Err(Obstacle::Refused(reason));
                }
                replacing(&place, || fs::hard_link(self.folder.join(&target), &place))
            }
            EntryType::Char | EntryType::Block => Err(Obstacle::refused("it is a device")),
            EntryType::Fifo => Err(Obstacle::refused("it is a named pipe")),
            other => Err(Obstacle::Refused(format!("it has the unknown type {:?}", char::from(other.as_byte())))),
        }
    }

    /// Makes sure that `path` is a directory, not counting links to some. Its owner may always write to it, as the
    /// entries in it and its removal need.
    fn directory(&mut self, path: &Path, mode: u32) -> Result<(), Obstacle> {
        if self.known.contains(path) {
            return Ok(());
        }
        if let Some(root) = path.iter().next() {
            self.roots.insert(PathBuf::from(root));
        }
        let mut reached = PathBuf::new();
        for part in path {
            reached.push(part);
            if self.known.contains(&reached) {
                continue;
            }
            let place = self.folder.join(&reached);
            match fs::symlink_metadata(&place) {
                Ok(there) if there.is_dir() => {}
                Ok(there) => {
                    let what = if there.is_symlink() { "symbolic link" } else { "file" };
                    return Err(Obstacle::Refused(format!(
                        "`{}` is a {what} already",
                        shown(&reached.to_string_lossy())
                    )));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // They count as entries, because one entry can bring a thousand of them.
                    self.gauge.count(0).map_err(Obstacle::Other)?;
                    let mut builder = DirBuilder::new();
                    builder.mode(if reached == path { mode & 0o777 | 0o700 } else { 0o755 });
                    builder.create(&place).map_err(|error| Obstacle::disk(&place, error))?;
                }
                Err(error) => return Err(Obstacle::disk(&place, error)),
            }
            self.known.insert(reached.clone());
        }
        Ok(())
    }

    fn write(&self, entry: &mut Entry<'_, impl Read>, place: &Path, buffer: &mut [u8]) -> Result<(), Obstacle> {
        // No set-user-ID and the like, and always readable for its owner.
        let mode = entry.header().mode().unwrap_or(0o644) & 0o777 | 0o600;
        let mut file = replacing(place, || OpenOptions::new().write(true).create_new(true).mode(mode).open(place))?;
        let mut missing = entry.size();
        while missing > 0 {
            let count = match entry.read(buffer).map_err(|error| self.unreadable(error))? {
                0 => return Err(self.unreadable(ErrorKind::UnexpectedEof.into())),
                count => count,
            };
            file.write_all(&buffer[..count]).map_err(|error| Obstacle::disk(place, error))?;
            missing = missing.saturating_sub(count as u64);
        }
        date(&file, entry.header().mtime().unwrap_or(0));
        Ok(())
    }

    fn link_name(&self, entry: &Entry<'_, impl Read>) -> Result<PathBuf, Obstacle> {
        let target = entry.link_name().map_err(|error| self.unreadable(error))?;
        target.map(Cow::into_owned).ok_or_else(|| Obstacle::refused("it is a link without a target"))
    }

    fn unreadable(&self, error: io::Error) -> Obstacle {
        Obstacle::Other(self.gauge.error(error))
    }

    /// Whether a regular file is at `path`, with no link on the way.
    fn is_file(&self, path: &Path) -> bool {
        let kind = |path: &Path| fs::symlink_metadata(self.folder.join(path)).ok().map(|there| there.file_type());
        let mut parents = path.ancestors().skip(1);
        parents.all(|parent| kind(parent).is_some_and(|kind| kind.is_dir()))
            && kind(path).is_some_and(|kind| kind.is_file())
    }
}

impl Obstacle {
    fn refused(reason: &str) -> Self {
        Self::Refused(reason.to_owned())
    }

    /// Some of the system's errors are the entry's doing.
    fn disk(place: &Path, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidFilename => Self::refused("its name is longer than the file system allows"),
            ErrorKind::AlreadyExists => Self::refused("it would replace a directory"),
            _ => Self::Other(ArchiveError::Disk { action: "write", path: place.to_owned(), error }),
        }
    }
}

/// Makes something at `place`, instead of the file or link that may be there. What a link names is left alone.
fn replacing<T>(place: &Path, make: impl Fn() -> io::Result<T>) -> Result<T, Obstacle> {
    let is_directory = || place.symlink_metadata().is_ok_and(|there| there.is_dir());
    let result = match make() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !is_directory() => {
            fs::remove_file(place).and_then(|()| make())
        }
        result => result,
    };
    result.map_err(|error| Obstacle::disk(place, error))
}

/// A date that cannot be set is not worth failing for.
fn date(file: &File, seconds: u64) {
    if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        let _ = file.set_modified(time);
    }
}
