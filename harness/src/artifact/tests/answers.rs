//! What a registry's answers mean.

use rstest::rstest;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::registry::Blame::{self, Harness, Product};
use crate::registry::testing::{Fault, Route, gzip};

const ALWAYS: usize = usize::MAX;

fn zeros() -> String {
    format!("sha256:{}", "0".repeat(64))
}

/// The failure, which must name the artifact and leave nothing behind.
async fn failure(bench: &Bench) -> PullError {
    let error = bench.pull().await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("pull {}: ", bench.request.reference)), "{error}");
    assert!(bench.found().is_empty(), "{:?}", bench.found());
    error
}

#[rstest]
#[case::manifest_unknown(
    Fault::Answer { status: 404, headers: &[], body: r#"{"errors": [{"code": "MANIFEST_UNKNOWN"}]}"# },
    Product, "expected its manifest, the registry answered 404 Not Found (MANIFEST_UNKNOWN)", 1
)]
#[case::no_code(Fault::status(404), Product, "expected its manifest, the registry answered 404 Not Found", 1)]
#[case::name_unknown(
    Fault::Answer { status: 404, headers: &[], body: r#"{"errors": [{"code": "NAME_UNKNOWN", "message": "no"}]}"# },
    Product, "expected its repository, the registry answered 404 Not Found (NAME_UNKNOWN: no)", 1
)]
#[case::forbidden(
    Fault::Answer { status: 403, headers: &[], body: r#"{"errors": [{"code": "DENIED"}]}"# },
    Harness, "expected leave to read it anonymously, the registry answered 403 Forbidden (DENIED)", 1
)]
#[case::unauthorized(Fault::status(401), Harness, "without naming a way to log in", 1)]
#[case::bad_request(Fault::status(400), Harness, "expected its manifest, the registry answered 400 Bad Request", 1)]
#[case::down(Fault::status(503), Harness, "still answered 503 Service Unavailable at attempt 3", 3)]
#[case::too_many_requests(
    Fault::Answer { status: 429, headers: &[("retry-after", "0")], body: "" },
    Harness, "still answered 429 Too Many Requests at attempt 3", 3
)]
#[case::too_much_patience(
    Fault::Answer { status: 429, headers: &[("retry-after", "3600")], body: "" },
    Harness, "still answered 429 Too Many Requests at attempt 1", 1
)]
#[case::web_page(
    Fault::Answer { status: 200, headers: &[("content-type", "text/html")], body: "<html>Log in</html>" },
    Harness, "expected an OCI registry at http://127.0.0.1", 1
)]
#[case::nonsense(Fault::Answer { status: 200, headers: &[], body: "{}" }, Product, "missing field `schemaVersion`", 1)]
#[case::old_schema(
    Fault::Answer { status: 200, headers: &[], body: r#"{"schemaVersion": 1}"# },
    Product, "its schema version is 1, not 2", 1
)]
#[case::index(
    Fault::Answer {
        status: 200,
        headers: &[("content-type", "application/vnd.oci.image.index.v1+json; charset=utf-8")],
        body: r#"{"schemaVersion": 2, "manifests": []}"#,
    },
    Product, "saw an index (application/vnd.oci.image.index.v1+json)", 1
)]
#[case::unknown_type(
    Fault::Answer { status: 200, headers: &[], body: r#"{"schemaVersion": 2, "mediaType": "application/x"}"# },
    Product, "expected an image manifest that holds files, saw application/x", 1
)]
#[case::cut_off(Fault::CutOff { after: 10 }, Harness, "the connection ended after 10 bytes", 3)]
#[tokio::test]
async fn a_manifest_request_fails(
    #[case] fault: Fault,
    #[case] kind: Blame,
    #[case] message: &str,
    #[case] requests: usize,
) {
    let bench = Bench::with_release().await;
    bench.registry.fail(Route::Manifest, fault, ALWAYS);
    let error = failure(&bench).await;
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!((error.blame(), bench.registry.seen(Route::Manifest).len()), (kind, requests));
}

#[rstest]
#[case::gone(Fault::status(404), Product, "of `istio-1.24.0-linux-amd64.tar.gz`, the registry answered 404", 1)]
#[case::down(Fault::status(500), Harness, "still answered 500 Internal Server Error at attempt 3", 3)]
#[case::shorter(Fault::Truncated { keep: 10, announced: true }, Product, "linux-amd64.tar.gz`, saw 10", 2)]
#[case::shorter_chunked(Fault::Truncated { keep: 10, announced: false }, Product, "linux-amd64.tar.gz`, saw 10", 2)]
#[case::longer(Fault::Longer { announced: true }, Product, "bytes of `istio-1.24.0-linux-amd64.tar.gz`, saw", 2)]
#[case::longer_chunked(Fault::Longer { announced: false }, Product, "bytes of `istio-1.24.0-linux", 2)]
#[case::endless(Fault::Endless, Product, "bytes of `istio-1.24.0-linux", 2)]
#[case::damaged(Fault::Flipped { at: 50 }, Product, "with digest sha256:", 2)]
#[case::cut_off(Fault::CutOff { after: 10 }, Harness, "the connection ended after 10 (3 attempts)", 3)]
#[tokio::test]
async fn a_layer_request_fails(
    #[case] fault: Fault,
    #[case] kind: Blame,
    #[case] message: &str,
    #[case] requests: usize,
) {
    let bench = Bench::with_release().await;
    bench.registry.fail(Route::Blob, fault, ALWAYS);
    let error = failure(&bench).await;
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!((error.blame(), bench.registry.seen(Route::Blob).len()), (kind, requests));
}

#[rstest]
#[case::manifest_unavailable(Route::Manifest, Fault::status(500), 2)]
#[case::manifest_limited(
    Route::Manifest,
    Fault::Answer { status: 429, headers: &[("retry-after", "0")], body: "" },
    2
)]
#[case::manifest_cut_off(Route::Manifest, Fault::CutOff { after: 10 }, 2)]
#[case::layer_unavailable(Route::Blob, Fault::status(502), 2)]
#[case::layer_cut_off(Route::Blob, Fault::CutOff { after: 10 }, 2)]
#[case::layer_damaged(Route::Blob, Fault::Flipped { at: 50 }, 1)]
#[case::layer_slow(Route::Blob, Fault::Slow { piece: 64, pause: Duration::from_millis(1) }, 1)]
#[tokio::test]
async fn what_passes_is_survived(#[case] route: Route, #[case] fault: Fault, #[case] times: usize) {
    let bench = Bench::with_release().await;
    bench.registry.fail(route, fault, times);
    bench.pull().await.unwrap();
    assert!(bench.destination.path().join("istio-1.24.0/bin/istioctl").exists());
}

#[rstest]
#[case::before_the_answer(Route::Manifest, Fault::Late(Duration::from_mins(1)), "an answer from http://")]
#[case::within_it(Route::Blob, Fault::Slow { piece: 9, pause: Duration::from_mins(1) }, "the connection ended after 0")]
#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up_on(
    #[case] route: Route,
    #[case] fault: Fault,
    #[case] message: &str,
) {
    let mut bench = Bench::with_release().await;
    bench.settings.silence_timeout = Duration::from_millis(50);
    bench.registry.fail(route, fault, ALWAYS);
    let error = failure(&bench).await;
    assert!(error.to_string().contains(message) && error.to_string().contains("3 attempts"), "{error}");
    assert_eq!(error.blame(), Harness);
}

#[tokio::test]
async fn no_connection_is_the_harness_failure() {
    let mut bench = Bench::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bench.request.reference = format!("{}/{REPOSITORY}:1.24.0", listener.local_addr().unwrap());
    drop(listener);
    let error = failure(&bench).await;
    assert!(matches!(error, PullError::Registry(RegistryError::Unreachable { attempts: 3, .. })), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_no_registry_is_not_taken_for_one_without_the_artifact() {
    let bench = Bench::new().await;
    bench.registry.fail(Route::Manifest, Fault::status(404), ALWAYS);
    bench.registry.fail(Route::Root, Fault::status(404), ALWAYS);
    let error = failure(&bench).await;
    assert!(matches!(error, PullError::Registry(RegistryError::NotARegistry { .. })), "{error}");
}

#[tokio::test]
async fn a_tag_that_names_another_manifest_than_expected_fails() {
    let mut bench = Bench::with_release().await;
    let expected = zeros();
    bench.request.digest = Some(expected.clone());
    let error = failure(&bench).await;
    assert!(error.to_string().contains(&format!("expected the manifest {expected}, saw sha256:")), "{error}");
    assert_eq!((error.blame(), bench.registry.seen(Route::Blob).len()), (Product, 0));
}

#[rstest]
#[case::by_tag(false)]
#[case::by_digest(true)]
#[tokio::test]
async fn a_damaged_manifest_fails(#[case] by_digest: bool) {
    let mut bench = Bench::new().await;
    let digest = bench.push(&[Layer::file("a", "")]);
    if by_digest {
        bench.request.reference = format!("{}/{REPOSITORY}@{digest}", bench.registry.host());
    }
    bench.registry.fail(Route::Manifest, Fault::Flipped { at: 100 }, ALWAYS);
    assert!(matches!(failure(&bench).await, PullError::Registry(RegistryError::ManifestDigest { .. })));
}

#[tokio::test]
async fn a_manifest_of_any_size_is_not_read() {
    let bench = Bench::new().await;
    let body = vec![b' '; 5 << 20];
    bench.registry.push_manifest(REPOSITORY, "1.24.0", "application/vnd.oci.image.manifest.v1+json", body);
    let error = failure(&bench).await;
    assert!(error.to_string().contains("larger than 4 MiB"), "{error}");
}

#[tokio::test]
async fn a_container_image_is_no_artifact() {
    let bench = Bench::new().await;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": zeros(),
            "size": 2,
        },
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "digest": zeros(),
            "size": 2,
        }],
    });
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    bench.registry.push_manifest(REPOSITORY, "1.24.0", media_type, manifest.to_string());
    let error = failure(&bench).await;
    assert!(error.to_string().contains("saw none among 1 (a container image)"), "{error}");
    assert_eq!(error.blame(), Product);
}

#[rstest]
#[case::climbs(&["../../x"], "it climbs out with `..`")]
#[case::climbs_inside(&["a/../../x"], "it climbs out with `..`")]
#[case::absolute(&["/etc/passwd"], "it is absolute")]
#[case::the_destination(&["."], "it names the destination itself")]
#[case::twice(&["a", "./a"], "another layer's is `a`")]
#[case::file_and_folder(&["a", "a/b"], "another layer's is `a`")]
#[tokio::test]
async fn a_title_that_is_no_place_of_its_own_fails(#[case] titles: &[&str], #[case] reason: &str) {
    let bench = Bench::new().await;
    bench.push(&titles.iter().map(|title| Layer::file(title, "content")).collect::<Vec<_>>());
    let error = failure(&bench).await;
    assert!(matches!(error, PullError::UnsafeTitle { .. }), "{error}");
    assert!(error.to_string().ends_with(reason), "{error}");
    assert_eq!((error.blame(), bench.registry.seen(Route::Blob).len()), (Product, 0));
}

#[rstest]
#[case::unsupported("md5:900150983cd24fb0d6963f7d28e17f72", 3, "unsupported algorithm `md5`")]
#[case::negative_size("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", -1, "is -1")]
#[tokio::test]
async fn a_layer_that_cannot_be_verified_fails(#[case] digest: &str, #[case] size: i64, #[case] reason: &str) {
    let bench = Bench::new().await;
    let descriptor = json!({
        "mediaType": "application/octet-stream",
        "digest": digest,
        "size": size,
        "annotations": {"org.opencontainers.image.title": "a"},
    });
    let manifest = json!({"schemaVersion": 2, "config": descriptor, "layers": [descriptor]});
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    bench.registry.push_manifest(REPOSITORY, "1.24.0", media_type, manifest.to_string());
    let error = failure(&bench).await;
    assert!(
        matches!(&error, PullError::Registry(RegistryError::ManifestInvalid { reason: seen, .. }) if seen.contains(reason)),
        "{error}"
    );
}

#[rstest]
#[case::not_an_archive(Layer::file("a.tar.gz", "nonsense"), "expected a complete archive")]
#[case::escaping(Layer::file("a.tar.gz", tar_gz(&[Item::File("../x", "")])), "saw `../x`: it climbs out with `..`")]
#[case::replacing_itself(Layer::file("a.tgz", tar_gz(&[Item::File("a.tgz", "")])), "would replace a file of")]
#[case::beside_its_directory(
    Layer::directory("charts", tar_gz(&[Item::File("other/a", "")])),
    "it is not in the directory `charts`"
)]
#[case::of_another_digest(
    Layer::directory("charts", gzip(b"")).annotated("io.deis.oras.content.digest", &zeros()),
    "expected content with digest sha256:0000"
)]
#[tokio::test]
async fn an_archive_that_cannot_be_trusted_is_the_product_failure(#[case] layer: Layer, #[case] message: &str) {
    let bench = Bench::new().await;
    bench.push(&[Layer::file("good", "content"), layer]);
    let error = failure(&bench).await;
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!(error.blame(), Product);
}
