//! `meshproof report` as a person uses it: files in, files and exit codes out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A run of the suite's two cells, as an old Meshproof wrote it: one case passed, one was skipped.
const RUN: &str = include_str!("../../reports/tests/schema-1.0.json");

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A run of this id, with everything else replaced as `changes` say.
    fn run(&self, id: &str, changes: &[(&str, &str)]) -> PathBuf {
        let id_of = |text: &str| text.split_once("\"id\": \"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let mut text = RUN.replacen(&id_of(RUN), id, 1);
        for (from, to) in changes {
            assert!(text.contains(from), "{from} in {text}");
            text = text.replacen(from, to, 1);
        }
        let folder = self.path(id);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("report.json"), text).unwrap();
        folder
    }
}

fn meshproof(arguments: &[&str], paths: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshproof"));
    command.arg("report").args(arguments).args(paths).env("NO_COLOR", "1").output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const FAILED: (&str, &str) =
    ("\"verdict\": \"passed\", \"reason\": null", "\"verdict\": \"failed\", \"reason\": \"no answer\"");

#[test]
fn every_form_is_drawn() {
    let folder = Folder::new();
    let run = folder.run("11111111", &[]);
    for (format, begins) in [
        ("text", "1 case skipped"),
        ("html", "<!doctype html>"),
        ("markdown", "## ✅ passed"),
        ("junit", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
        ("json", "{\n  \"schemaVersion\": \""),
    ] {
        let (code, out, err) = said(&meshproof(&["render", "--format", format], &[&run]));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{format}");
        assert!(out.starts_with(begins), "{format}: {out}");
        let file = folder.path(format);
        let written =
            meshproof(&["render", "--format", format, "-o", file.to_str().unwrap()], &[&run.join("report.json")]);
        assert_eq!(written.status.code(), Some(0));
        assert!(fs::read_to_string(file).unwrap().starts_with(begins), "{format}");
    }
}

#[test]
fn a_statement_names_who_vouches() {
    let folder = Folder::new();
    let run = folder.run("11111111", &[]);
    let (code, _, err) = said(&meshproof(&["render", "--format", "statement"], &[&run]));
    assert_eq!(code, Some(2));
    assert!(err.contains("--organization"), "{err}");
    let flags = ["render", "--format", "statement", "--organization", "Acme", "--product-version", "1.20.0"];
    let (code, out, _) = said(&meshproof(&flags, &[&run]));
    assert_eq!(code, Some(0));
    assert!(out.contains("kind: ConformanceStatement\n") && out.contains("organization: Acme\n"), "{out}");
    let (code, _, err) = said(&meshproof(&["render", "--url", "https://example.com/"], &[&run]));
    assert_eq!(
        (code, err.as_str()),
        (Some(2), "failed to draw the report: --url is of a statement; add --format statement\n")
    );
}

#[test]
fn merged_runs_have_every_form_and_the_exit_code_of_all() {
    let folder = Folder::new();
    let (one, other) = (folder.run("11111111", &[]), folder.run("22222222", &[FAILED]));
    let into = folder.path("merged");
    let merge = |allow: &[&str]| {
        said(&meshproof(&[&["merge", "--into", into.to_str().unwrap()], allow].concat(), &[&one, &other]))
    };
    let (code, _, err) = merge(&[]);
    assert_eq!(code, Some(2));
    assert!(err.starts_with("failed to merge: what was proved contradicts itself: "), "{err}");
    assert!(!into.exists(), "nothing is written then");

    let (code, out, _) = merge(&["--allow", "contradictions"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("flaky") && out.ends_with(&format!("merged 2 runs: {}\n", into.display())), "{out}");
    for name in ["report.json", "junit.xml", "report.md", "report.html"] {
        assert!(into.join(name).exists(), "{name}");
    }
    let (code, _, err) = said(&meshproof(&["merge", "--into", one.to_str().unwrap()], &[&one, &other]));
    assert_eq!(code, Some(2));
    assert!(err.contains("its report is one of those to be merged"), "{err}");
}

#[test]
fn a_regression_is_exit_code_1_unless_it_is_known() {
    let folder = Folder::new();
    let (before, after) = (folder.run("11111111", &[]), folder.run("22222222", &[FAILED]));
    let (code, out, _) = said(&meshproof(&["diff"], &[&before, &after]));
    assert_eq!(code, Some(1));
    assert!(out.contains("newly failing: 1\n") && out.ends_with("\n1 regression\n"), "{out}");
    assert_eq!(said(&meshproof(&["diff"], &[&after, &before])).0, Some(0), "the other way round it is mended");
    let (_, json, _) = said(&meshproof(&["diff", "--format", "json"], &[&before, &after]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["regressed"], true);

    let baseline = folder.path("baseline.yaml");
    let take = || said(&meshproof(&["baseline", "-o", baseline.to_str().unwrap()], &[&before]));
    assert_eq!(take().0, Some(0));
    let text = fs::read_to_string(&baseline).unwrap();
    let know = |expires: &str| {
        let case = json["newlyFailing"][0]["id"].as_str().unwrap();
        let known = format!("knownFailures:\n- {{case: \"{case}\", issue: MESH-1, expires: {expires}}}\n");
        fs::write(&baseline, text.replace("knownFailures: []\n", &known)).unwrap();
        said(&meshproof(&["diff"], &[&baseline, &after]))
    };
    let (code, out, _) = know("2999-12-31");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("fails, until 2999-12-31: MESH-1"), "{out}");
    let (code, out, _) = know("2020-01-01");
    assert_eq!(code, Some(1));
    assert!(out.contains("has expired on 2020-01-01"), "{out}");
    assert_eq!(take().0, Some(0));
    assert!(fs::read_to_string(&baseline).unwrap().contains("MESH-1"), "taken anew, it keeps what a person wrote");
}

#[test]
fn what_is_no_report_is_told() {
    let folder = Folder::new();
    let (code, _, err) = said(&meshproof(&["render"], &[&folder.path("nowhere")]));
    assert_eq!(code, Some(2));
    assert!(
        err.starts_with("failed to read ") && err.ends_with("name the folder that `--report-dir` named\n"),
        "{err}"
    );
    let file = folder.path("pod.yaml");
    fs::write(&file, "kind: Pod\n").unwrap();
    let (code, _, err) = said(&meshproof(&["diff"], &[&file, &file]));
    assert_eq!(code, Some(2));
    assert!(err.contains("pod.yaml: read the baseline: "), "{err}");
}
