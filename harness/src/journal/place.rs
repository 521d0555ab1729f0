//! Where journals lie.

use std::path::{Path, PathBuf};

use super::read::{ReadError, Recovered, read};

/// A journal that was found.
#[derive(Debug)]
pub struct Entry {
    pub run: String,
    pub path: PathBuf,
    pub read: Result<Recovered, ReadError>,
}

const ENDING: &str = "journal";

/// `meshproof` in `$XDG_STATE_HOME` or `~/.local/state`; `None` where there is no home.
pub fn state_directory() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .map(|state| state.join("meshproof"))
        .or_else(|| set("HOME").map(|home| home.join(".local/state/meshproof")))
}

/// Where the journal of a run is written.
pub fn journal_path(state: &Path, run: &str) -> PathBuf {
    state.join("runs").join(format!("{run}.{ENDING}"))
}

/// The journals that are there, oldest first. A folder that is not there has none.
pub fn entries(state: &Path) -> std::io::Result<Vec<Entry>> {
    let files = match std::fs::read_dir(state.join("runs")) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for file in files {
        let path = file?.path();
        let run = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            found.push(Entry { run, read: read(&path), path });
        }
    }
    found.sort_by_cached_key(|entry| (entry.read.as_ref().map(|read| read.begun.at.clone()).ok(), entry.run.clone()));
    Ok(found)
}

/// The journal of one run.
pub fn find(state: &Path, run: &str) -> Option<Entry> {
    let path = journal_path(state, run);
    path.exists().then(|| Entry { run: run.to_owned(), read: read(&path), path })
}
