//! What a registry is asked, and what becomes of it: against the simulator's, which knows ranges and pushing.

use std::{collections::BTreeMap, fs, io::Write as _, time::Duration};

use axum::{Router, extract::Request, response::IntoResponse as _};
use futures::StreamExt as _;
use meshproof_simulator::{
    clock::{Clock, Pace},
    registry::{Access, Fault, File, Image, Registry, Rule},
};
use reqwest::StatusCode;
use tokio::{net::TcpListener, time::Instant};

use super::{testing::install_tls, *};

const HOST: &str = "registry.example";

/// A registry that is served on a port of this machine.
struct Served {
    registry: Registry,
    address: String,
}

async fn served(access: impl FnOnce(&str) -> Access) -> Served {
    install_tls();
    let registry = Registry::new(Clock::new(Pace::Scaled(1000.0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    registry.add_host(HOST, access(&address));
    let answering = registry.clone();
    let answer = move |request: Request| {
        let registry = answering.clone();
        async move { registry.handle(HOST, request).await }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    Served { registry, address }
}

fn settings() -> Settings {
    let retry = RetryPolicy { first_pause: Duration::from_millis(1), ..RetryPolicy::default() };
    Settings { retry, docker_config: None, ..Settings::default() }
}

fn open(served: &Served, name: &str, settings: Settings) -> Repository {
    let registries = Registries::new(settings, Contacts::default());
    let reference = registries.reference(&format!("{}/{name}", served.address)).unwrap();
    registries.open(reference, Some(Instant::now() + Duration::from_secs(30))).unwrap()
}

/// The only layer of the artifact `a:1` with this content.
async fn layer(served: &Served, content: &[u8], settings: Settings) -> (Repository, Blob) {
    let file = File { name: "a.bin".to_owned(), content: content.to_vec().into() };
    served.registry.push_files(HOST, "a", "1", &[file]);
    let repository = open(served, "a:1", settings);
    let Content::Image { layers, .. } = repository.manifest().await.unwrap().content().unwrap() else { panic!() };
    (repository, layers[0].blob("`a.bin`"))
}

#[tokio::test]
async fn a_download_that_is_cut_off_goes_on_where_it_ended() {
    let served = served(|_| Access::Open).await;
    let content: Vec<u8> = (0..1_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let (repository, blob) = layer(&served, &content, settings()).await;
    served.registry.faults().add(Rule::always(Fault::Truncated).of("a", Some(&blob.digest.to_string())).times(3));
    let folder = tempfile::tempdir().unwrap();
    repository.download(&blob, &folder.path().join("a")).await.unwrap();
    assert!(fs::read(folder.path().join("a")).unwrap() == content);
    // Beginning again each time would have taken half of it three times more.
    let bytes = repository.registries.contacts().total().bytes;
    assert!(bytes < content.len() as u64 + 10_000, "{bytes}");
}

#[tokio::test]
async fn what_is_cached_is_proved_again_and_fetched_once() {
    let served = served(|_| Access::Open).await;
    let folder = tempfile::tempdir().unwrap();
    let cached = || Settings { cache: Some(Cache::new(folder.path())), ..settings() };
    let (first, blob) = layer(&served, b"content", cached()).await;
    let path = first.cached(&blob, folder.path()).await.unwrap();
    let (second, _) = layer(&served, b"content", cached()).await;
    let before = second.registries.contacts().total().requests;
    assert_eq!(second.cached(&blob, folder.path()).await.unwrap(), path);
    assert_eq!(second.registries.contacts().total().requests, before);
    fs::write(&path, "damaged").unwrap();
    assert_eq!(second.cached(&blob, folder.path()).await.unwrap(), path);
    assert_eq!(fs::read(&path).unwrap(), b"content");
}

#[tokio::test]
async fn a_storm_of_refusals_is_waited_out_until_the_deadline() {
    let served = served(|_| Access::Open).await;
    served.registry.push_image(HOST, "a", "1", &Image::default());
    let busy = Fault::Status { code: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(0) };
    served.registry.faults().add(Rule::always(busy.clone()).times(30));
    open(&served, "a:1", settings()).manifest().await.unwrap();
    served.registry.faults().add(Rule::always(busy));
    let registries = Registries::new(settings(), Contacts::default());
    let reference = registries.reference(&format!("{}/a:1", served.address)).unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = registries.open(reference, Some(deadline)).unwrap().manifest().await.unwrap_err();
    assert!(matches!(&error, RegistryError::Unavailable { .. }), "{error}");
    assert_eq!(error.blame(), Blame::Harness);
}

#[tokio::test]
async fn a_reference_is_asked_for_where_it_was_moved_to() {
    let served = served(|_| Access::Open).await;
    served.registry.push_image(HOST, "mirror/istio/pilot", "1", &Image::default());
    let rule = format!("docker.io/istio={}/mirror/istio", served.address);
    let map = RegistryMap::parse([rule.as_str()]).unwrap();
    let registries = Registries::new(Settings { map, ..settings() }, Contacts::default());
    let reference = registries.reference("docker.io/istio/pilot:1").unwrap();
    registries.open(reference, None).unwrap().manifest().await.unwrap();
    let contacted: Vec<String> = registries.contacts().all().into_keys().collect();
    assert_eq!(contacted, [format!("http://{}", served.address)]);
}

#[tokio::test]
async fn each_repository_has_a_token_of_its_own() {
    let token =
        |address: &str| Access::Token { origin: format!("http://{address}"), users: BTreeMap::new(), anonymous: true };
    let served = served(token).await;
    for name in ["a", "b"] {
        served.registry.push_image(HOST, name, "1", &Image::default());
    }
    let registries = Registries::new(settings(), Contacts::default());
    for name in ["a:1", "b:1", "a:1"] {
        let reference = registries.reference(&format!("{}/{name}", served.address)).unwrap();
        registries.open(reference, None).unwrap().manifest().await.unwrap();
    }
    // Two that are refused, two tokens, and three that are answered.
    assert_eq!(registries.contacts().total().requests, 7);
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_named() {
    install_tls();
    let authorities = vec!["/nowhere/ca.pem".into()];
    let registries = Registries::new(Settings { authorities, ..settings() }, Contacts::default());
    let reference = registries.reference("registry.example/a:1").unwrap();
    let error = registries.open(reference, None).unwrap_err();
    assert!(error.to_string().contains("expected PEM certificates in /nowhere/ca.pem, but No such file"), "{error}");
    assert_eq!(error.blame(), Blame::Harness);
}

#[tokio::test]
async fn what_is_pushed_is_there_with_the_same_digest_and_pushed_once() {
    let served = served(|_| Access::Open).await;
    let (from, blob) = layer(&served, b"content", settings()).await;
    let manifest = from.manifest().await.unwrap();
    let to = open(&served, "mirror/a:1", settings());
    let Content::Image { config, .. } = manifest.content().unwrap() else { panic!() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    for (blob, content) in [(config.blob("its config"), &b"{}"[..]), (blob, &b"content"[..])] {
        fs::write(&path, content).unwrap();
        assert!(to.lacks(&blob).await.unwrap());
        to.push_blob(&blob, &path).await.unwrap();
        assert!(!to.lacks(&blob).await.unwrap());
    }
    to.push_manifest("1", &manifest).await.unwrap();
    assert_eq!(to.manifest().await.unwrap().digest, manifest.digest);
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_not_there_is_not_taken() {
    let served = served(|_| Access::Open).await;
    let (from, _) = layer(&served, b"content", settings()).await;
    let manifest = from.manifest().await.unwrap();
    let error = open(&served, "mirror/a:1", settings()).push_manifest("1", &manifest).await.unwrap_err();
    assert!(error.to_string().contains("expected to push its manifest, the registry answered 404"), "{error}");
    assert_eq!(error.blame(), Blame::Harness);
}

/// The second half of what is pushed is written only once the registry has some of the first: nobody who wants all of it first gets on.
#[tokio::test]
async fn a_blob_is_on_its_way_before_all_of_it_is_read() {
    install_tls();
    let half = vec![7; 1 << 20];
    let content = [half.clone(), half.clone()].concat();
    let (some, arrived) = std::sync::mpsc::channel();
    let (all, mut received) = tokio::sync::mpsc::channel(1);
    let answer = move |request: Request| {
        let (some, all) = (some.clone(), all.clone());
        async move {
            if request.method() == "POST" {
                return (StatusCode::ACCEPTED, [("location", "/v2/a/blobs/uploads/1")]).into_response();
            }
            let length = request.headers()["content-length"].to_str().unwrap().to_owned();
            let mut frames = request.into_body().into_data_stream();
            let mut body = frames.next().await.unwrap().unwrap().to_vec();
            some.send(()).unwrap();
            while let Some(frame) = frames.next().await {
                body.extend(frame.unwrap());
            }
            all.send((length, body)).await.unwrap();
            StatusCode::CREATED.into_response()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let into = pipe.clone();
    std::thread::spawn(move || {
        let mut into = fs::OpenOptions::new().write(true).open(into).unwrap();
        into.write_all(&half).unwrap();
        arrived.recv().unwrap();
        into.write_all(&half).unwrap();
    });
    let registries = Registries::new(settings(), Contacts::default());
    let to = registries.open(registries.reference(&format!("{address}/a:1")).unwrap(), None).unwrap();
    let blob = Blob { digest: Digest::of(&content, None), size: content.len() as u64, name: "its layer".to_owned() };
    to.push_blob(&blob, &pipe).await.unwrap();
    let (length, body) = received.recv().await.unwrap();
    assert_eq!(length, content.len().to_string());
    assert!(body == content);
}
