//! The reports as files, so written that whoever reads them, whenever, finds whole ones.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{html::to_html, json::to_json, junit::to_junit, markdown::to_markdown, record::Report};

/// The name of the file that [`crate::to_json`] fills.
pub const REPORT_JSON: &str = "report.json";
/// The name of the file that [`to_junit`] fills.
pub const JUNIT_XML: &str = "junit.xml";

/// The name of the file that [`to_html`] fills.
pub const REPORT_HTML: &str = "report.html";
/// The name of the file that [`to_markdown`] fills.
pub const REPORT_MD: &str = "report.md";

/// Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("make the directory {} for the reports: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("write {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// Writes [`REPORT_JSON`] and [`JUNIT_XML`] into `dir`, which is made if it is not there.
///
/// Each file replaces the one before in a single step, so a harness that is killed leaves the last whole report. They
/// are not synced to the disk: that would cost more than all else after each verdict, and only a power failure tells.
pub fn write_all(dir: &Path, report: &Report) -> Result<(), WriteError> {
    fs::create_dir_all(dir).map_err(|source| WriteError::Directory { path: dir.to_owned(), source })?;
    replace(dir, REPORT_JSON, &to_json(report))?;
    replace(dir, JUNIT_XML, &to_junit(report))
}

/// What [`write_all`] writes, [`REPORT_MD`] and [`REPORT_HTML`]: the files of a run that is over.
pub fn write_final(dir: &Path, report: &Report) -> Result<(), WriteError> {
    write_all(dir, report)?;
    replace(dir, REPORT_MD, &to_markdown(report))?;
    replace(dir, REPORT_HTML, &to_html(report))
}

/// Keeps the files of a run that is going on up to date, at a bounded cost.
///
/// Writing takes longer the more cases there are; after every verdict, the time for it would grow with their square.
/// After a write that took t, the next one waits 9 t: at most a tenth of a run is spent writing, and the
/// files of a usual suite are a few milliseconds old at most.
#[derive(Debug)]
pub struct Keeper {
    dir: PathBuf,
    rests_until: Option<Instant>,
}

impl Keeper {
    /// Nothing is written yet.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), rests_until: None }
    }

    /// Writes, or says when to offer the report again. Only the last offer counts, so one pending wake-up is enough; at
    /// the end of a run use [`write_all`].
    pub fn offer(&mut self, report: &Report) -> Result<Option<Instant>, WriteError> {
        let started = Instant::now();
        if self.rests_until.is_some_and(|until| started < until) {
            return Ok(self.rests_until);
        }
        write_all(&self.dir, report)?;
        self.rests_until = Some(Instant::now() + rest_after(started.elapsed()));
        Ok(None)
    }
}

fn rest_after(write: Duration) -> Duration {
    write * 9
}

/// Writes a file in a single step, so that nobody reads half of it. Who may read it says the umask.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let dir = path.parent().filter(|dir| *dir != Path::new("")).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Writes beside the file and renames, which is atomic within a directory.
    let write = || {
        let mut file = beside(dir, &name)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| WriteError::File { path: path.to_owned(), source })
}

fn replace(dir: &Path, name: &str, text: &str) -> Result<(), WriteError> {
    write_file(&dir.join(name), text.as_bytes())
}

fn beside(dir: &Path, name: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}.");
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A temporary file is its owner's alone; a report is for CI's uploader too. The umask still applies.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_json, samples};

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("the directory is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn makes_the_directory_and_leaves_whole_files_and_nothing_else() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = root.path().join("a/b");
        write_all(&dir, &samples::interrupted()).expect("it can be written");
        write_all(&dir, &samples::mixed()).expect("it can be written over");
        assert_eq!(names(&dir), [JUNIT_XML, REPORT_JSON]);
        let text = fs::read_to_string(dir.join(REPORT_JSON)).expect("it was written");
        assert_eq!(from_json(&text).expect("it is whole"), samples::mixed());
        let xml = fs::read_to_string(dir.join(JUNIT_XML)).expect("it was written");
        assert_eq!(xml, to_junit(&samples::mixed()));
    }

    #[test]
    fn a_run_that_is_over_has_its_pages_too() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_final(dir.path(), &samples::mixed()).expect("it can be written");
        assert_eq!(names(dir.path()), [JUNIT_XML, REPORT_HTML, REPORT_JSON, REPORT_MD]);
        let page = fs::read_to_string(dir.path().join(REPORT_HTML)).expect("it was written");
        assert_eq!(page, to_html(&samples::mixed()));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_as_the_umask_says() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_all(dir.path(), &samples::empty()).expect("it can be written");
        fs::write(dir.path().join("usual"), "").expect("it can be written");
        let mode = |name| fs::metadata(dir.path().join(name)).expect("it is there").permissions().mode();
        assert_eq!(mode(REPORT_JSON), mode("usual"));
    }

    #[test]
    fn errors_name_the_path() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let file = root.path().join("file");
        fs::write(&file, "").expect("it can be written");
        let error = write_all(&file.join("reports"), &samples::empty()).expect_err("a file is in the way");
        assert!(error.to_string().starts_with(&format!("make the directory {}", file.join("reports").display())));

        fs::create_dir_all(root.path().join("out").join(REPORT_JSON)).expect("it can be made");
        let error = write_all(&root.path().join("out"), &samples::empty()).expect_err("a directory is in the way");
        assert!(error.to_string().contains("out/report.json: "), "{error}");
        assert_eq!(names(&root.path().join("out")), [REPORT_JSON], "the temporary file is gone");
    }

    #[test]
    fn a_keeper_rests_nine_times_as_long_as_it_wrote() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut keeper = Keeper::new(dir.path());
        assert_eq!(keeper.offer(&samples::empty()).expect("it can be written"), None);
        keeper.rests_until = Some(Instant::now() + Duration::from_hours(1));
        assert_eq!(keeper.offer(&samples::mixed()).expect("nothing is written"), keeper.rests_until);
        let text = fs::read_to_string(dir.path().join(REPORT_JSON)).expect("it was written");
        assert_eq!(from_json(&text).expect("it is whole"), samples::empty());
        assert_eq!(rest_after(Duration::from_millis(2)), Duration::from_millis(18));
    }
}
