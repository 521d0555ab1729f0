//! Each file, or folder, of `fixtures/invalid` has one mistake and beside it the message; each of `fixtures/valid` the plan.
//! `# args: COMMAND …` on the first line says how it is read, where `check`, or `plan`, does not.

use std::path::{Path, PathBuf};

use crate::{committed, meshproof, repository};

#[test]
fn every_mistake_has_its_message() {
    hold("fixtures/invalid", "check", "txt", 2);
}

#[test]
fn every_valid_file_has_its_plan() {
    hold("fixtures/valid", "plan", "plan.txt", 0);
}

#[test]
fn a_signature_is_asked_for_only_by_a_build_that_can_prove_it() {
    if cfg!(feature = "signatures") {
        hold("fixtures/signatures/valid", "plan", "plan.txt", 0);
        hold("fixtures/signatures/invalid", "check", "txt", 2);
    } else {
        hold("fixtures/signatures/valid", "check", "unbuilt.txt", 2);
    }
}

#[test]
fn what_is_planned_is_also_checked() {
    for path in fixtures("fixtures/valid") {
        let checked = meshproof(&["check", &path]);
        assert_eq!(checked.status.code(), Some(0), "{path}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn mistakes_of_several_suites_are_told_in_one_go_sorted_by_place() {
    let paths = ["fixtures/invalid/several-files", "fixtures/invalid/bad-cel.yaml", "fixtures/invalid/bad-regex.yaml"];
    let checked = meshproof(&[&["check"], paths.as_slice()].concat());
    let stderr = String::from_utf8_lossy(&checked.stderr).into_owned();
    let places: Vec<&str> = stderr.lines().filter_map(|line| line.split_once(",-[")?.1.strip_suffix(']')).collect();
    let mut files: Vec<&str> = places.iter().filter_map(|place| place.split(':').next()).collect();
    let sorted = {
        let mut sorted = files.clone();
        sorted.sort_unstable();
        sorted
    };
    assert_eq!(files, sorted);
    files.dedup();
    assert_eq!(files.len(), 6, "{stderr}");
    assert_eq!(checked.status.code(), Some(2));
}

fn hold(folder: &str, command: &str, extension: &str, code: i32) {
    let problems: Vec<String> =
        fixtures(folder).iter().filter_map(|path| one(path, command, extension, code).err()).collect();
    assert!(problems.is_empty(), "{} fixtures:\n{}", problems.len(), problems.join("\n"));
}

fn one(path: &str, command: &str, extension: &str, code: i32) -> Result<(), String> {
    let full = repository().join(path);
    let described = if full.is_dir() { full.join("suite.yaml") } else { full.clone() };
    let text = std::fs::read_to_string(described).unwrap_or_default();
    let words: Vec<&str> = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# args: "))
        .map_or_else(|| vec![command], |words| words.split(' ').collect());
    let output = meshproof(&[&words[..1], &[path], &words[1..]].concat());
    let shown = if code == 0 { output.stdout } else { output.stderr };
    let shown = normalised(&String::from_utf8_lossy(&shown));
    if output.status.code() != Some(code) {
        return Err(format!("{path} ends with {}:\n{shown}", output.status));
    }
    committed(&full.with_extension(extension), &shown)
}

/// The files and folders of a folder, golden files left out.
fn fixtures(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository().join(folder)).expect("the fixtures lie there");
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(!paths.is_empty(), "{folder} is empty");
    let name = |path: &Path| path.file_name().map(|name| format!("{folder}/{}", name.to_string_lossy()));
    paths.iter().filter_map(|path| name(path)).collect()
}

/// Leaves out what differs from run to run (the run's id) and from edit to edit (the digest).
fn normalised(text: &str) -> String {
    let digest = regex::Regex::new("sha256:[0-9a-f]{64}").expect("a regular expression");
    let run = regex::Regex::new("shop-[0-9a-f]{8}").expect("a regular expression");
    run.replace_all(&digest.replace_all(text, "sha256:…"), "shop-<run.id>").into_owned()
}
