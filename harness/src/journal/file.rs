//! The file of a journal, as it is written.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::line::{Begun, Line};

/// A journal that is being written, locked as long. Readable by its owner only: it holds objects as they were, secrets among them.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// Why a line is not on disk; what it announces must not be done.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the journal {path}: {error}")]
pub struct JournalError {
    pub path: PathBuf,
    pub error: std::io::Error,
}

impl Journal {
    /// Begins a new file at `path`, whose folder is made if it has to be.
    pub fn begin(path: &Path, begun: Begun) -> Result<Self, JournalError> {
        let failed = |error| JournalError { path: path.to_owned(), error };
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        lock(&file).map_err(failed)?;
        let mut journal = Self { path: path.to_owned(), file };
        if let Err(error) = journal.write(&Line::Begun(Box::new(begun))) {
            // A full disk: nobody has a use for the beginning of a line.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(journal)
    }

    /// Goes on with one that another process left.
    pub fn go_on(path: &Path) -> Result<Self, JournalError> {
        let failed = |error| JournalError { path: path.to_owned(), error };
        let mut file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        lock(&file).map_err(failed)?;
        // What that process was writing as it ended is no line.
        file.write_all(b"\n").map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Whether a process that lives has it: the system lets go of a lock with its process.
    pub fn is_being_written(path: &Path) -> bool {
        let file = OpenOptions::new().append(true).open(path);
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Writes a line. One that announces a change is on the disk itself when this returns; others survive the process, and
    /// what follows from their loss is that something is asked about that is known.
    pub fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        let failed = |error| JournalError { path: self.path.clone(), error };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(failed)?;
        match line {
            Line::Begun(_) | Line::Changing { .. } | Line::Running(_) | Line::Undoing { .. } => {
                self.file.sync_data().map_err(failed)
            }
            Line::Changed { .. } | Line::Deleted { .. } | Line::TakenBack { .. } | Line::Kept | Line::Ended => Ok(()),
        }
    }

    /// Ends the journal: nothing is left to take back, and nobody needs the file.
    pub fn end(mut self) -> Result<(), JournalError> {
        self.write(&Line::Ended)?;
        std::fs::remove_file(&self.path).map_err(|error| JournalError { path: self.path, error })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A program that is just being started has, for a moment, everything open that its parent has open, locks among it: that its
/// writer is gone can show a moment later.
fn lock(file: &File) -> std::io::Result<()> {
    let given_up = Instant::now() + Duration::from_secs(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < given_up => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(std::io::Error::other("the process that writes it is still under way"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
