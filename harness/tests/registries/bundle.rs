//! A bundle that is made from a registry in place of the guide's, loaded into another, and the run that it names.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::served::{PATH, Regions, VERSION};

const GUIDE: &str = "dfe965c3-kr1-registry.container.nhncloud.com";

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_load_prints_runs_the_same_from_the_other_registry_alone() {
    let mut regions = Regions::start().await;
    let folder = tempfile::tempdir().unwrap();
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/nks-registry");
    let (bundle, values) = (folder.path().join("it's a bundle"), folder.path().join("given.yaml"));
    std::fs::write(&values, "platforms: [linux/amd64, linux/arm64]\n").unwrap();
    let [near, far] = [0, 1].map(|place| regions.addresses[place].clone());
    let loaded = format!("{far}/mirror");
    let map = format!("{GUIDE}={near}");
    let set = format!("istioVersion={VERSION}");
    let values = values.to_str().unwrap();

    said(
        folder.path(),
        &[
            "bundle",
            "create",
            bundle.to_str().unwrap(),
            suite.to_str().unwrap(),
            "--env-file",
            values,
            "--set",
            &set,
            "--registry-map",
            &map,
        ],
    );
    let lock = std::fs::read_to_string(bundle.join("images.lock.yaml")).unwrap();
    assert!(lock.contains(&format!("{GUIDE}/{PATH}/pilot:{VERSION}")) && !lock.contains(&near), "{lock}");

    let printed = said(folder.path(), &["bundle", "load", bundle.to_str().unwrap(), &loaded]);
    let command = printed.lines().last().unwrap();
    let there = bundle.to_str().unwrap().replace('\'', "'\\''");
    let expected = format!(
        "meshproof run '{there}/suite' --env-file '{there}/values.yaml' --set {set} --registry-map {GUIDE}={loaded}"
    );
    assert_eq!(command, expected);

    regions.stop(0);
    let program = env!("CARGO_BIN_EXE_meshproof");
    let run = command.replacen("meshproof", &format!("'{program}'"), 1);
    let lock = format!("--set 'lock={there}/images.lock.yaml'");
    let output = shell(folder.path(), &format!("{run} {lock} --cluster none --report-dir report"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let report = std::fs::read_to_string(folder.path().join("report/report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let verdicts: Vec<&str> =
        report["cases"].as_array().unwrap().iter().filter_map(|case| case["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["passed"; 3]);
    let contacted = report["run"]["contacted"].as_array().unwrap();
    assert_eq!(
        contacted.iter().map(|one| &one["address"]).collect::<Vec<_>>(),
        [&Value::from(format!("http://{far}"))]
    );
}

fn said(folder: &Path, words: &[&str]) -> String {
    let output = alone(Command::new(env!("CARGO_BIN_EXE_meshproof")).args(words), folder).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn shell(folder: &Path, line: &str) -> std::process::Output {
    alone(Command::new("sh").args(["-c", line]), folder).output().unwrap()
}

/// Without what the user's own folders hold.
fn alone<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .current_dir(folder)
        .env("DOCKER_CONFIG", folder.join("nowhere"))
        .env("MESHPROOF_CACHE_DIR", folder.join("cache"))
}
