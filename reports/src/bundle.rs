//! One archive with all that a run left, to be sent to whoever is to help.
//!
//! Everything in it is drawn from the report, so nothing else that lies in a folder comes along by mistake. The same report
//! gives the same bytes.

use std::{collections::BTreeMap, io};

use flate2::{Compression, GzBuilder};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    diagnosis::{Evidence, commands},
    file::{JUNIT_XML, REPORT_JSON},
    json::to_json,
    junit::to_junit,
    record::{CaseRecord, Report},
    redacted::count_redacted,
    text::{clean, one_line},
};

/// The name of the file that says what is inside.
const MANIFEST_JSON: &str = "manifest.json";
/// The version of its shape, counted as the report's.
const MANIFEST_VERSION: &str = "1.0";

/// Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("pack the bundle: {0}")]
    Pack(#[from] io::Error),
}

/// A gzipped tar archive with the folder `meshproof-RUN`: the report in each format, what was collected for each case as files,
/// the digests of the suite's files, the versions, and a manifest of all of these. Secrets must be left out of the report
/// already; the manifest counts their marks.
pub fn bundle(report: &Report) -> Result<Vec<u8>, BundleError> {
    let mut files = BTreeMap::new();
    files.insert(REPORT_JSON.to_owned(), to_json(report));
    files.insert(JUNIT_XML.to_owned(), to_junit(report));
    files.insert("versions.json".to_owned(), json(&versions(report)));
    files.insert("suite-files.txt".to_owned(), suite_files(report));
    for (number, case) in report.cases.iter().enumerate() {
        evidence(number + 1, case, &mut files);
    }
    files.insert(MANIFEST_JSON.to_owned(), json(&manifest(report, &files)));
    pack(&format!("meshproof-{}", plain(&report.run.id)), &files)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    version: &'static str,
    meshproof_version: &'a str,
    run: &'a str,
    suite: &'a str,
    simulated: bool,
    /// How often something was left out of all files, by the reason.
    redacted: BTreeMap<&'static str, usize>,
    files: Vec<Packed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Packed<'a> {
    path: &'a str,
    /// Bytes.
    size: usize,
    sha256: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    redacted: BTreeMap<&'static str, usize>,
}

fn manifest<'a>(report: &'a Report, files: &'a BTreeMap<String, String>) -> Manifest<'a> {
    let mut redacted = BTreeMap::new();
    let packed = files.iter().map(|(path, text)| {
        let counts = count_redacted(text);
        for (kind, count) in &counts {
            *redacted.entry(*kind).or_default() += count;
        }
        Packed { path, size: text.len(), sha256: sha256(text.as_bytes()), redacted: counts }
    });
    let packed = packed.collect();
    Manifest {
        version: MANIFEST_VERSION,
        meshproof_version: &report.run.meshproof_version,
        run: &report.run.id,
        suite: &report.suite.name,
        simulated: report.cluster.as_ref().is_some_and(|cluster| cluster.simulated),
        redacted,
        files: packed,
    }
}

fn versions(report: &Report) -> serde_json::Value {
    let cluster = report.cluster.as_ref();
    serde_json::json!({
        "meshproof": report.run.meshproof_version,
        "kubernetes": cluster.map(|cluster| &cluster.kubernetes_version),
        "found": cluster.map(|cluster| &cluster.versions),
        "images": cluster.map(|cluster| &cluster.images),
    })
}

/// As `sha256sum` writes and checks them.
fn suite_files(report: &Report) -> String {
    let line = |file: &crate::FileDigest| {
        let digest = file.digest.strip_prefix("sha256:").unwrap_or(&file.digest);
        format!("{digest}  {}\n", one_line(&file.path))
    };
    report.suite.files.iter().map(line).collect()
}

/// A folder for each case of which something was collected: the finding, then each text in a file of its own.
fn evidence(number: usize, case: &CaseRecord, files: &mut BTreeMap<String, String>) {
    let Some(diagnosis) = &case.diagnosis else { return };
    let folder = format!("evidence/{number:03}-{}", plain(&case.id));
    let mut told =
        format!("{}\n\nfinding ({}): {}\n", one_line(&case.id), diagnosis.cause, one_line(&diagnosis.finding));
    for (label, text) in [("reason", &case.reason), ("expected", &case.expected), ("seen", &case.seen)] {
        if let Some(text) = text {
            told.push_str(&format!("{label}: {}\n", clean(text).trim_end()));
        }
    }
    for command in commands(case) {
        told.push_str(&format!("look: {}\n", clean(command)));
    }
    for lacking in &diagnosis.not_collected {
        told.push_str(&format!("not collected: {}\n", one_line(lacking)));
    }
    files.insert(format!("{folder}/finding.txt"), told);
    for (place, Evidence { title, kind, text, truncated }) in diagnosis.evidence.iter().enumerate() {
        let path = format!("{folder}/{:02}-{}-{}.txt", place + 1, kind.word(), plain(title));
        let more = if *truncated { " (in part)" } else { "" };
        files.insert(path, format!("# {} of {}{more}\n{}\n", kind.word(), one_line(title), clean(text).trim_end()));
    }
}

/// The text as it can be part of a file's name on any system: short, and free of what has a meaning there.
fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = text.chars().map(safe).take(80).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("every map of it has strings for keys");
    text.push('\n');
    text
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// No times, owners or machine's ways are in it.
fn pack(folder: &str, files: &BTreeMap<String, String>) -> Result<Vec<u8>, BundleError> {
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, format!("{folder}/{path}"), text.as_bytes())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::Value;

    use super::*;
    use crate::{from_json, samples};

    fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
        let entries = archive.entries().expect("it is an archive").map(|entry| {
            let mut entry = entry.expect("it is whole");
            let path = entry.path().expect("it has a name").to_string_lossy().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("it is text");
            (path, text)
        });
        entries.collect()
    }

    #[test]
    fn holds_the_reports_and_what_was_collected() {
        let files = unpacked(&bundle(&samples::diagnosed()).expect("it can be packed"));
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "meshproof-mp-7f3a/evidence/001-bookinfo-six-pods-are-2-2/01-containers-pods.txt",
                "meshproof-mp-7f3a/evidence/001-bookinfo-six-pods-are-2-2/02-logs-details-v1-abc-istio-proxy.txt",
                "meshproof-mp-7f3a/evidence/001-bookinfo-six-pods-are-2-2/finding.txt",
                "meshproof-mp-7f3a/junit.xml",
                "meshproof-mp-7f3a/manifest.json",
                "meshproof-mp-7f3a/report.json",
                "meshproof-mp-7f3a/suite-files.txt",
                "meshproof-mp-7f3a/versions.json",
            ]
        );
        let report = from_json(&files["meshproof-mp-7f3a/report.json"]).expect("it is whole");
        assert_eq!(report, samples::diagnosed());
        assert_eq!(files["meshproof-mp-7f3a/suite-files.txt"], format!("{}  suite.yaml\n", "cd".repeat(32)));
        insta::assert_snapshot!(files["meshproof-mp-7f3a/evidence/001-bookinfo-six-pods-are-2-2/finding.txt"], @r"
        bookinfo/six-pods-are-2-2

        finding (image-not-pullable): the image registry.example/details:9 of pod details-v1-abc cannot be pulled: manifest unknown
        reason: ErrImagePull
        look: kubectl --context nks-prod -n mp-7f3a get pods -o wide
        look: kubectl --context nks-prod -n mp-7f3a describe pod details-v1-abc
        not collected: nodes: not allowed: nodes is forbidden
        ");
    }

    #[test]
    fn the_manifest_is_true_of_every_other_file() {
        let files = unpacked(&bundle(&samples::diagnosed()).expect("it can be packed"));
        let manifest: Value = serde_json::from_str(&files["meshproof-mp-7f3a/manifest.json"]).expect("it is JSON");
        let listed = manifest["files"].as_array().expect("a list");
        assert_eq!(listed.len(), files.len() - 1);
        for file in listed {
            let text = &files[&format!("meshproof-mp-7f3a/{}", file["path"].as_str().expect("a path"))];
            assert_eq!(file["size"].as_u64(), Some(text.len() as u64));
            assert_eq!(file["sha256"], sha256(text.as_bytes()));
        }
        // In the report, in the JUnit report and in the file of the log.
        assert_eq!(manifest["redacted"], serde_json::json!({"bearer-token": 3}));
    }

    #[test]
    fn the_same_report_gives_the_same_bytes() {
        for report in [samples::diagnosed(), samples::mixed(), samples::hostile(), samples::empty()] {
            assert_eq!(bundle(&report).expect("it can be packed"), bundle(&report.clone()).expect("it can be packed"));
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let mut report = samples::diagnosed();
        report.run.id = "../../etc".to_owned();
        report.cases[0].id = "../../../home/someone/.ssh/authorized_keys".to_owned();
        if let Some(diagnosis) = &mut report.cases[0].diagnosis {
            diagnosis.evidence[0].title = "/../..".to_owned();
        }
        for path in unpacked(&bundle(&report).expect("it can be packed")).keys() {
            assert!(path.split('/').all(|part| !part.is_empty() && part != ".."), "{path}");
            assert!(path.starts_with("meshproof-etc/"), "{path}");
        }
    }
}
