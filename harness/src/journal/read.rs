//! A journal, read by somebody else than who wrote it.

use std::path::{Path, PathBuf};

use super::{
    holdings::Holdings,
    line::{Begun, Line, VERSION},
};

/// What a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    pub begun: Begun,
    pub holdings: Holdings,
    /// Whether the run was told to leave what it made.
    pub kept: bool,
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("failed to read the journal {path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    /// The process ended while it began the journal, before it could change anything.
    #[error("failed to read the journal {path}: its run ended before it had begun")]
    Unbegun { path: PathBuf },
    #[error("failed to read the journal {path}: it does not begin with a run")]
    NoBeginning { path: PathBuf },
    #[error("failed to read the journal {path}: it is of version {found}, and this Meshproof knows {VERSION}")]
    Version { path: PathBuf, found: u32 },
    /// Carries the number of the line, from 1.
    #[error("failed to read the journal {path}: line {line} is damaged: {error}")]
    Damaged { path: PathBuf, line: usize, error: serde_json::Error },
}

/// Reads a journal. What its process was writing as it ended is passed over: it had not been done yet.
pub fn read(path: &Path) -> Result<Recovered, ReadError> {
    let bytes = std::fs::read(path).map_err(|error| ReadError::File { path: path.to_owned(), error })?;
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()).peekable();
    let no_beginning = || ReadError::NoBeginning { path: path.to_owned() };
    if !bytes.contains(&b'\n') {
        return Err(ReadError::Unbegun { path: path.to_owned() });
    }
    let (_, first) = lines.next().ok_or_else(no_beginning)?;
    let Ok(Line::Begun(begun)) = serde_json::from_slice(first) else { return Err(no_beginning()) };
    if begun.version != VERSION {
        return Err(ReadError::Version { path: path.to_owned(), found: begun.version });
    }
    let mut recovered = Recovered { begun: *begun, holdings: Holdings::default(), kept: false };
    while let Some((number, line)) = lines.next() {
        match serde_json::from_slice(line) {
            Ok(line) => {
                recovered.kept |= line == Line::Kept;
                recovered.holdings.take_in(&line);
            }
            // A line is one write: only the last of a process can be half of one.
            Err(error) if error.is_eof() || lines.peek().is_none() => {}
            Err(error) => return Err(ReadError::Damaged { path: path.to_owned(), line: number + 1, error }),
        }
    }
    Ok(recovered)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        cluster::Kind,
        journal::{Change, Changing, Home, Journal, Undo},
    };

    fn begun() -> Begun {
        let home = Home {
            uid: Some("u".to_owned()),
            server: "https://a".to_owned(),
            context: "c".to_owned(),
            kubeconfig: None,
            in_cluster: false,
            simulated: false,
        };
        Begun {
            version: VERSION,
            run: "0123abcd".to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            began: None,
            pid: 1,
            host: "h".to_owned(),
            suite: "s".to_owned(),
            directory: "/nowhere".into(),
            home,
        }
    }

    fn lines() -> Vec<Line> {
        let secret = |name| Change::of(&Kind::built_in("Secret").unwrap(), Some("n"), name);
        let undo =
            Undo { title: "p".to_owned(), unless: None, actions: vec![json!({})], namespace: None, file: "f".into() };
        let changing = |name| Changing { change: secret(name), before: None, set: json!({"data": {"k": "dg=="}}) };
        vec![
            Line::Changing { changes: vec![changing("a"), changing("b")] },
            Line::Changed { change: secret("a"), made: Some("1".to_owned()), set: json!({"data": {"k": "dg=="}}) },
            Line::Running(undo),
            Line::Deleted { change: secret("b") },
            Line::TakenBack { number: 2 },
        ]
    }

    fn holdings(lines: &[Line]) -> Holdings {
        let mut holdings = Holdings::default();
        for line in lines {
            holdings.take_in(line);
        }
        holdings
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("runs").join("0123abcd.journal");
        let mut journal = Journal::begin(&path, begun()).unwrap();
        for line in lines() {
            journal.write(&line).unwrap();
        }
        path
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let recovered = read(&written(folder.path())).unwrap();
        assert_eq!(recovered, Recovered { begun: begun(), holdings: holdings(&lines()), kept: false });
    }

    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_line_that_is_damaged_in_the_middle_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = std::fs::read_to_string(&path).unwrap().replace("\"changed\"", "\"chang?d\"");
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 3 is damaged"), "{error}");
    }

    #[test]
    fn one_that_ends_in_its_first_line_changed_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = std::fs::read_to_string(&path).unwrap();
        for end in [0, 1, text.find('\n').unwrap()] {
            std::fs::write(&path, &text[..end]).unwrap();
            assert!(matches!(read(&path), Err(ReadError::Unbegun { .. })));
        }
    }

    #[test]
    fn one_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        Journal::begin(&path, Begun { version: VERSION + 1, ..begun() }).unwrap();
        assert!(matches!(read(&path), Err(ReadError::Version { found, .. }) if found == VERSION + 1));
    }

    proptest! {
        /// A process can end in the middle of any write.
        #[test]
        fn a_journal_that_ends_anywhere_holds_what_was_whole(cut in 0.0..1.0_f64) {
            let folder = tempfile::tempdir().unwrap();
            let path = written(folder.path());
            let bytes = std::fs::read(&path).unwrap();
            let beginning = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in the file")]
            let length = beginning + ((bytes.len() - beginning) as f64 * cut) as usize;
            std::fs::write(&path, &bytes[..length]).unwrap();
            let whole = bytes[..length].split(|byte| *byte == b'\n').count() - 2;
            // The last line may be whole but for its end.
            let found = read(&path).unwrap().holdings;
            let (least, most) = (holdings(&lines()[..whole]), holdings(&lines()[..lines().len().min(whole + 1)]));
            prop_assert!(found == least || found == most);
            // And another process goes on from there.
            let mut journal = Journal::go_on(&path).unwrap();
            journal.write(&Line::TakenBack { number: 0 }).unwrap();
            let gone_on = read(&path).unwrap().holdings;
            prop_assert!(gone_on.newest_first().iter().all(|thing| thing.number != 0));
        }

        /// What comes after whole lines takes nothing of them away without a word.
        #[test]
        fn garbage_at_the_end_loses_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let folder = tempfile::tempdir().unwrap();
            let path = written(folder.path());
            let mut text = std::fs::read(&path).unwrap();
            text.extend(bytes);
            std::fs::write(&path, text).unwrap();
            match read(&path) {
                Ok(found) => prop_assert_eq!(found.holdings, holdings(&lines())),
                Err(error) => prop_assert!(matches!(error, ReadError::Damaged { line, .. } if line > lines().len() + 1), "{}", error),
            }
        }

        /// Whatever a disk does to it, it is read or refused with the line's number.
        #[test]
        fn garbage_anywhere_is_read_or_refused(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..20)) {
            let folder = tempfile::tempdir().unwrap();
            let path = written(folder.path());
            let mut text = std::fs::read(&path).unwrap();
            let (start, all) = (at.index(text.len()), text.len());
            text.splice(start..(start + bytes.len()).min(all), bytes);
            std::fs::write(&path, &text).unwrap();
            let count = text.split(|byte| *byte == b'\n').count();
            if let Err(ReadError::Damaged { line, .. }) = read(&path) {
                prop_assert!(line <= count);
            }
        }
    }
}
