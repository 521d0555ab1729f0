//! What a pull leaves in its destination.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use rstest::rstest;

use super::*;
use crate::artifact::pull;
use crate::registry::Blame;
use crate::registry::Digest;
use crate::registry::testing::{Fault, Route, gzip, tar};

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[tokio::test]
async fn a_release_is_there_as_oras_pull_and_tar_leave_it() {
    let bench = Bench::new().await;
    let digest = bench.push(&[Layer::file("istio-1.24.0-linux-amd64.tar.gz", release())]);
    let expected = Pulled {
        reference: format!("{}@{digest}", bench.request.reference),
        digest,
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        artifact_type: Some("application/vnd.unknown.artifact.v1".to_owned()),
        files: paths(&["istio-1.24.0-linux-amd64.tar.gz"]),
        roots: paths(&["istio-1.24.0"]),
        bytes: release().len() as u64,
    };
    assert_eq!(bench.pull().await.unwrap(), expected);
    assert_eq!(
        bench.found(),
        [
            "istio-1.24.0-linux-amd64.tar.gz",
            "istio-1.24.0/",
            "istio-1.24.0/bin/",
            "istio-1.24.0/bin/istioctl",
            "istio-1.24.0/manifest.yaml",
        ]
    );
}

#[tokio::test]
async fn programs_stay_executable_but_get_no_other_rights() {
    let bench = Bench::with_release().await;
    bench.pull().await.unwrap();
    let program = bench.destination.path().join("istio-1.24.0/bin/istioctl").metadata().unwrap();
    assert_eq!(program.permissions().mode() & 0o7777 & !0o022, 0o755);
    assert_eq!(program.mtime(), 1_700_000_000);
}

#[tokio::test]
async fn archives_stay_packed_unless_asked() {
    let mut bench = Bench::with_release().await;
    bench.request.unpack = false;
    assert!(bench.pull().await.unwrap().roots.is_empty());
    assert_eq!(bench.found(), ["istio-1.24.0-linux-amd64.tar.gz"]);
}

#[rstest]
#[case::tar_gz(Layer::file("a.tar.gz", release()), true)]
#[case::tgz(Layer::file("a.TGZ", release()), true)]
#[case::tar(Layer::file("a.tar", tar(&[Item::File("istio-1.24.0/a", "")])), true)]
#[case::media_type(Layer::file("a", release()).of_type("application/vnd.oci.image.layer.v1.tar+gzip"), true)]
#[case::only_an_extension(Layer::file("tgz", "not an archive"), false)]
#[case::the_media_type_of_any_file(Layer::file("values.yaml", "not an archive"), false)]
#[tokio::test]
async fn an_archive_is_known_by_its_name_or_media_type(#[case] layer: Layer, #[case] unpacked: bool) {
    let bench = Bench::new().await;
    bench.push(&[layer]);
    assert_eq!(!bench.pull().await.unwrap().roots.is_empty(), unpacked);
}

#[rstest]
#[case::of_its_name("charts", &["charts/", "charts/base.yaml"], &["charts"])]
#[case::that_is_the_whole_destination(".", &["charts/", "charts/base.yaml"], &["charts"])]
#[tokio::test]
async fn a_directory_that_oras_packed_is_always_unpacked(
    #[case] title: &str,
    #[case] found: &[&str],
    #[case] roots: &[&str],
) {
    let mut bench = Bench::new().await;
    bench.request.unpack = false;
    let items = tar(&[Item::Directory("charts"), Item::File("charts/base.yaml", "a: 1\n")]);
    let digest = Digest::of(&items, None).to_string();
    bench.push(&[Layer::directory(title, gzip(&items)).annotated("io.deis.oras.content.digest", &digest)]);
    let pulled = bench.pull().await.unwrap();
    assert_eq!(bench.found(), found);
    assert_eq!((pulled.files, pulled.roots), (paths(&[title]), paths(roots)));
}

#[tokio::test]
async fn titles_may_have_folders() {
    let bench = Bench::new().await;
    bench.push(&[Layer::file("charts/base/values.yaml", "a: 1\n"), Layer::file("./README", "")]);
    assert_eq!(bench.pull().await.unwrap().files, paths(&["charts/base/values.yaml", "README"]));
    assert_eq!(bench.found(), ["README", "charts/", "charts/base/", "charts/base/values.yaml"]);
}

#[tokio::test]
async fn layers_without_a_title_are_not_downloaded() {
    let bench = Bench::new().await;
    bench.push(&[Layer::untitled("something"), Layer::file("a", "")]);
    bench.pull().await.unwrap();
    assert_eq!((bench.found(), bench.registry.seen(Route::Blob).len()), (vec!["a".to_owned()], 1));
}

#[rstest]
#[case::sha256("sha256")]
#[case::sha512("sha512")]
#[tokio::test]
async fn a_manifest_is_pulled_by_its_digest(#[case] algorithm: &str) {
    let mut bench = Bench::new().await;
    bench.push(&[Layer::file("a", "")]);
    let tagged = reqwest::get(format!("{}/v2/{REPOSITORY}/manifests/1.24.0", bench.registry.origin())).await.unwrap();
    let body = tagged.bytes().await.unwrap();
    let like = format!("{algorithm}:{}", "0".repeat(if algorithm == "sha512" { 128 } else { 64 })).parse().unwrap();
    let digest = Digest::of(&body, Some(&like)).to_string();
    bench.registry.push_manifest(REPOSITORY, &digest, "application/vnd.oci.image.manifest.v1+json", body);
    bench.request.reference = format!("{}/{REPOSITORY}@{digest}", bench.registry.host());
    let pulled = bench.pull().await.unwrap();
    assert_eq!((pulled.reference, pulled.digest), (bench.request.reference.clone(), digest));
}

#[tokio::test]
async fn layers_are_downloaded_side_by_side_but_not_all_at_once() {
    let bench = Bench::new().await;
    let layers: Vec<_> = (0..10).map(|index| Layer::file(&index.to_string(), index.to_string())).collect();
    bench.push(&layers);
    bench.registry.fail(Route::Blob, Fault::Late(Duration::from_millis(30)), 10);
    assert_eq!(bench.pull().await.unwrap().files.len(), 10);
    assert_eq!(bench.registry.most_in_flight(), crate::artifact::layers::CONCURRENT);
}

#[tokio::test]
async fn files_already_there_are_replaced_and_others_stay() {
    let bench = Bench::new().await;
    bench.push(&[Layer::file("a", "new")]);
    let at = |name: &str| bench.destination.path().join(name);
    fs::write(at("a"), "old").unwrap();
    fs::write(at("b"), "mine").unwrap();
    bench.pull().await.unwrap();
    assert_eq!(fs::read_to_string(at("a")).unwrap(), "new");
    assert_eq!(bench.found(), ["a", "b"]);
}

#[rstest]
#[case::of_a_title("charts/base.yaml", "charts", 0)]
#[case::of_an_archive("a.tar.gz", "istio-1.24.0", 1)]
#[tokio::test]
async fn a_directory_already_there_is_not_touched(#[case] title: &str, #[case] there: &str, #[case] downloads: usize) {
    let bench = Bench::new().await;
    bench.push(&[Layer::file(title, release())]);
    fs::create_dir(bench.destination.path().join(there)).unwrap();
    let error = bench.pull().await.unwrap_err();
    assert!(matches!(&error, PullError::Occupied { path, .. } if path.ends_with(there)), "{error}");
    assert_eq!((bench.found(), bench.registry.seen(Route::Blob).len()), (vec![format!("{there}/")], downloads));
}

#[tokio::test]
async fn a_destination_that_cannot_be_made_is_the_harness_failure() {
    let bench = Bench::with_release().await;
    let file = bench.destination.path().join("file");
    fs::write(&file, "").unwrap();
    let error = pull(&bench.request, &file.join("below"), &bench.registries()).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Harness);
    assert!(error.to_string().contains("create"), "{error}");
}

#[tokio::test]
async fn dropping_a_pull_while_it_downloads_leaves_nothing() {
    let bench = Bench::with_release().await;
    bench.registry.fail(Route::Blob, Fault::Slow { piece: 10, pause: Duration::from_mins(1) }, 1);
    let reached = async {
        while bench.registry.seen(Route::Blob).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        pulled = bench.pull() => panic!("{pulled:?}"),
        () = reached => {}
    }
    assert!(bench.found().is_empty());
}

#[tokio::test]
async fn dropping_a_pull_while_it_unpacks_publishes_nothing() {
    let bench = Bench::new().await;
    let large = vec![Item::File("istio/a", "0123456789"); 5_000];
    bench.push(&[Layer::file("a.tar.gz", tar_gz(&large))]);
    let staged = async {
        while !bench.found().iter().any(|path| path.ends_with("tree/istio/")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        pulled = bench.pull() => panic!("{pulled:?}"),
        () = staged => {}
    }
    // The thread ends by itself, and takes what it made with it.
    while bench.destination.path().read_dir().unwrap().next().is_some() {
        assert!(!bench.destination.path().join("istio").exists());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_pull_can_be_spawned() {
    fn is_send(_: impl Send) {}
    let request = PullRequest { reference: String::new(), plain_http: false, digest: None, unpack: false };
    is_send(pull(&request, Path::new(""), &Registries::default()));
}
