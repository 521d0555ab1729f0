//! The gate of `scenarios/nks-registry`, by the program itself, against two registries in this process: whole, and broken in each way.

mod bundle;
mod served;

use std::{collections::BTreeMap, path::Path};

use meshproof_simulator::registry::{Access, Fault, Image, Rule};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::Value;
use served::{PATH, Regions, VERSION};

/// What the gate says of the second region.
struct Told {
    code: Option<i32>,
    /// The reasons of cases that did not pass, with their verdicts.
    reasons: Vec<(String, String)>,
    report: Value,
}

fn gate(regions: &Regions, more: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/nks-registry");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_meshproof"));
    command.args([
        "run",
        suite.to_str().unwrap(),
        "--cluster",
        "none",
        "--report-dir",
        folder.path().to_str().unwrap(),
    ]);
    for (name, value) in [
        ("istioVersion", VERSION.to_owned()),
        ("reference", format!("{}/{PATH}", regions.addresses[0])),
        ("registry", format!("{}/{PATH}", regions.addresses[1])),
        ("platforms", "[linux/amd64, linux/arm64]".to_owned()),
    ] {
        command.args(["--set", &format!("{name}={value}")]);
    }
    let nowhere = folder.path().join("nowhere");
    command.args(more).env("DOCKER_CONFIG", &nowhere).env("MESHPROOF_CACHE_DIR", folder.path().join("cache"));
    let output = command.output().unwrap();
    let text = std::fs::read_to_string(folder.path().join("report.json"));
    let text = text.unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    let report: Value = serde_json::from_str(&text).unwrap();
    let told = |case: &Value| {
        let verdict = case["verdict"].as_str()?.to_owned();
        (verdict != "passed").then(|| (verdict, case["reason"].as_str().unwrap_or_default().to_owned()))
    };
    let reasons = report["cases"].as_array().unwrap().iter().filter_map(told).collect();
    Told { code: output.status.code(), reasons, report }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_where_there_is_no_cluster_fails_its_case() {
    let regions = Regions::start().await;
    let told = gate(&regions, &["--set", "profile=nobody-has"]);
    assert_eq!(told.code, Some(1), "{:#?}", told.reasons);
    let failed = told.reasons.iter().find(|(verdict, _)| verdict == "failed").expect("one that failed");
    assert!(failed.1.contains("profile \"nobody-has\" not found"), "{}", failed.1);
}

/// That a case ended with `verdict`, for a reason that begins with the reference in the second region and has all of `parts`.
fn assert_told(told: &Told, regions: &Regions, verdict: &str, name: &str, parts: &[&str]) {
    let reference = format!("{}/{PATH}/{name}:{VERSION}", regions.addresses[1]);
    let is_it = |(seen, reason): &(String, String)| {
        seen == verdict && reason.contains(&reference) && parts.iter().all(|part| reason.contains(part))
    };
    assert!(told.reasons.iter().any(is_it), "{reference} {parts:?}: {:#?}", told.reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_and_the_same_passes_and_only_registries_are_contacted() {
    let regions = Regions::start().await;
    let told = gate(&regions, &["--set", "deep=true"]);
    let skipped = [("skipped".to_owned(), "no lock file was named (--set lock=FILE)".to_owned())];
    assert_eq!((told.code, told.reasons.as_slice()), (Some(0), &skipped[..]));
    let contacted: Vec<String> = told.report["run"]["contacted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["address"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = regions.addresses.clone().map(|address| format!("http://{address}"));
    expected.sort();
    assert_eq!(contacted, expected);
}

#[rstest]
#[case::artifact("istioctl-tool")]
#[case::image("proxyv2")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_in_one_region_fails(#[case] name: &str) {
    let regions = Regions::start().await;
    assert!(regions.registry.remove_tag(&regions.addresses[1], &format!("{PATH}/{name}"), VERSION));
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(1));
    assert_told(&told, &regions, "failed", name, &["expected its manifest", "404 Not Found (MANIFEST_UNKNOWN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_build_in_one_region_fails_with_both_digests() {
    let regions = Regions::start().await;
    let other = Image { entrypoint: vec!["/other".to_owned()], ..Image::default() };
    let digest = regions.registry.push_image(&regions.addresses[1], &format!("{PATH}/pilot"), VERSION, &other);
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(1));
    let first = format!("expected the digest that {}/{PATH}/pilot:{VERSION} has", regions.addresses[0]);
    assert_told(&told, &regions, "failed", "pilot", &[&first, &format!("saw {digest}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_missing_fails() {
    let regions = Regions::start().await;
    let only = Image { architectures: vec!["amd64".to_owned()], ..Image::default() };
    for address in &regions.addresses {
        regions.registry.push_image(address, &format!("{PATH}/pilot"), VERSION, &only);
    }
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(1));
    assert_told(&told, &regions, "failed", "pilot", &["expected the platform linux/arm64, saw linux/amd64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_missing_behind_a_manifest_fails() {
    let regions = Regions::start().await;
    let layer = regions.remove_layer(1, "pilot").await;
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(1));
    assert_told(
        &told,
        &regions,
        "failed",
        "pilot",
        &["of 127", &format!("expected its layer {layer}"), "404 Not Found"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_damaged_fails_where_all_of_it_is_transferred() {
    let regions = Regions::start().await;
    regions
        .registry
        .faults()
        .add(Rule::always(Fault::Damaged).at(&regions.addresses[1]).of(&format!("{PATH}/pilot"), None));
    assert_eq!(gate(&regions, &[]).code, Some(0));
    let told = gate(&regions, &["--set", "deep=true"]);
    assert_eq!(told.code, Some(1));
    assert_told(&told, &regions, "failed", "pilot", &["with digest sha256:", "saw sha256:"]);
}

/// One that asks for more patience than anybody has is given up on at once.
#[rstest]
#[case::too_many(StatusCode::TOO_MANY_REQUESTS, Some(3600), "still answered 429 Too Many Requests")]
#[case::overloaded(StatusCode::SERVICE_UNAVAILABLE, Some(3600), "still answered 503 Service Unavailable")]
#[case::no_leave(
    StatusCode::FORBIDDEN,
    None,
    "expected leave to read it anonymously, the registry answered 403 Forbidden"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_cannot_be_asked_errs(
    #[case] code: StatusCode,
    #[case] retry_after: Option<u64>,
    #[case] expected: &str,
) {
    let regions = Regions::start().await;
    regions.registry.faults().add(Rule::always(Fault::Status { code, retry_after }).at(&regions.addresses[1]));
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(2));
    assert_told(&told, &regions, "errored", "istioctl-tool", &[expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_errs() {
    let regions = Regions::start().await;
    let origin = format!("http://{}", regions.addresses[1]);
    regions
        .registry
        .add_host(&regions.addresses[1], Access::Token { origin, users: BTreeMap::new(), anonymous: false });
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(2));
    assert_told(
        &told,
        &regions,
        "errored",
        "istioctl-tool",
        &["at its token service 401 Unauthorized", "docker login"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down_errs() {
    let mut regions = Regions::start().await;
    regions.stop(1);
    let told = gate(&regions, &[]);
    assert_eq!(told.code, Some(2));
    assert_told(&told, &regions, "errored", "istioctl-tool", &["saw none in 5 attempts", "Connection refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_references_are_looked_at_with_few_connections() {
    let regions = Regions::start().await;
    let names: Vec<String> = (0..250).map(|n| format!("image-{n}:1")).collect();
    for address in &regions.addresses {
        for n in 0..250 {
            regions.registry.push_image(address, &format!("many/image-{n}"), "1", &Image::default());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("many.yaml");
    let registries = regions.addresses.clone().map(|address| format!("{address}/many"));
    let scenario = serde_json::json!({
        "apiVersion": "meshproof.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "many"},
        "cases": [{"name": "all", "expect": [{"image": {"images": names, "registries": registries}}]}],
    });
    std::fs::write(&suite, scenario.to_string()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_meshproof"));
    command.args(["run", suite.to_str().unwrap(), "--cluster", "none"]).env("DOCKER_CONFIG", folder.path());
    let output = command.env("MESHPROOF_CACHE_DIR", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    for place in 0..2 {
        assert!((1..=8).contains(&regions.most_at_once(place)), "{}", regions.most_at_once(place));
    }
}
