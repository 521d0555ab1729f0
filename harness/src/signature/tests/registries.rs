//! Signatures where cosign puts them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::KeyPair;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Prover, payload, prover, sign, signature_tag};
use crate::registry::{
    Blame, Cache, Contacts, Digest, Registries, RegistryError, RetryPolicy, Settings,
    testing::{Access, Fault, Layer, Login, Route, TestRegistry},
};

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// A registry with `a:1`, and a key.
struct Bench {
    registry: TestRegistry,
    cache: tempfile::TempDir,
    digest: String,
    key: KeyPair,
}

impl Bench {
    async fn new() -> Self {
        let registry = TestRegistry::start().await;
        let digest = registry.push_artifact("a", "1", &[Layer::untitled("layer")]);
        let (cache, key) = (tempfile::tempdir().unwrap(), KeyPair::generate().unwrap());
        Self { registry, cache, digest, key }
    }

    fn tag(&self) -> String {
        signature_tag(&self.digest.parse().unwrap())
    }

    /// Puts payloads under cosign's tag, each with the signature of something.
    fn attach(&self, signed: &[(&str, &str)]) -> String {
        let layer = |(content, signature): &(&str, &str)| {
            Layer::untitled(*content).of_type(PAYLOAD).annotated(SIGNATURE, signature)
        };
        let layers: Vec<Layer> = signed.iter().map(layer).collect();
        self.registry.push_artifact("a", &self.tag(), &layers)
    }

    fn sign(&self, content: &str) {
        self.attach(&[(content, &sign(&self.key, content.as_bytes()))]);
    }

    async fn prove_by(&self, prover: &Prover) -> Result<Option<String>, RegistryError> {
        let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let cache = Some(Cache::new(self.cache.path()));
        let settings = Settings { retry, docker_config: None, cache, ..Settings::default() };
        let registries = Registries::new(settings, Contacts::default());
        let reference = registries.reference(&format!("{}/a:1", self.registry.host())).unwrap();
        let repository = registries.open(reference, None).unwrap();
        prover.prove(&repository, &self.digest.parse().unwrap()).await
    }

    async fn prove(&self) -> Option<String> {
        self.prove_by(&prover(&[&self.key.public_key_pem()], &[]).unwrap()).await.unwrap()
    }

    /// What is told, without what every flaw begins with.
    async fn seen(&self) -> String {
        let flaw = self.prove().await.expect("it does not hold");
        let expected = format!("a signature of {} by the key in the scenario", self.digest);
        let begin = format!("{}/a:1: expected {expected}, saw ", self.registry.host());
        flaw.strip_prefix(&begin).unwrap_or_else(|| panic!("expected {begin}, saw {flaw}")).to_owned()
    }
}

#[tokio::test]
async fn a_signature_by_the_key_holds() {
    let bench = Bench::new().await;
    bench.sign(&payload(&bench.digest, &Value::Null));
    assert_eq!(bench.prove().await, None);
    // Nothing else is asked where that is enough.
    assert_eq!(bench.registry.seen(Route::Manifest).len() + bench.registry.seen(Route::Blob).len(), 2);
    assert!(bench.registry.seen(Route::Referrers).is_empty());
}

#[tokio::test]
async fn one_of_several_signatures_by_one_of_several_keys_is_enough() {
    let bench = Bench::new().await;
    let (content, other) = (payload(&bench.digest, &Value::Null), KeyPair::generate().unwrap());
    let third = KeyPair::generate().unwrap();
    bench.attach(&[(&content, &sign(&other, content.as_bytes())), (&content, &sign(&bench.key, content.as_bytes()))]);
    let keys = [third.public_key_pem(), bench.key.public_key_pem()];
    let prover = prover(&[&keys[0], &keys[1]], &[]).unwrap();
    assert_eq!(bench.prove_by(&prover).await.unwrap(), None);
}

#[tokio::test]
async fn none_is_told_with_where_it_would_be() {
    let bench = Bench::new().await;
    let place = format!("{}/a:{}", bench.registry.host(), bench.tag());
    assert_eq!(bench.seen().await, format!("none: {place} is not there, and nothing that refers to it is one"));
}

#[tokio::test]
async fn one_by_another_key_is_told() {
    let bench = Bench::new().await;
    let content = payload(&bench.digest, &Value::Null);
    bench.attach(&[(&content, &sign(&KeyPair::generate().unwrap(), content.as_bytes()))]);
    let place = format!("{}/a:{}", bench.registry.host(), bench.tag());
    let expected = "one that was made by another key, or of other content than stands there now";
    assert_eq!(bench.seen().await, format!("in {place} {expected}"));
}

#[tokio::test]
async fn one_of_changed_content_is_told() {
    let bench = Bench::new().await;
    let other = payload(&format!("sha256:{}", "0".repeat(64)), &Value::Null);
    bench.attach(&[(&payload(&bench.digest, &Value::Null), &sign(&bench.key, other.as_bytes()))]);
    assert!(bench.seen().await.ends_with("or of other content than stands there now"));
}

#[tokio::test]
async fn one_that_was_moved_from_another_image_is_told_with_its_digest() {
    let bench = Bench::new().await;
    let other = format!("sha256:{}", "0".repeat(64));
    bench.sign(&payload(&other, &Value::Null));
    let seen = bench.seen().await;
    assert!(seen.ends_with(&format!(" one of another digest, {other}")), "{seen}");
}

#[rstest]
#[case::no_json("no JSON", "one whose payload cannot be read: expected ident at line 1 column 2")]
#[case::nothing_in_it("{}", "one whose payload cannot be read: missing field `critical` at line 1 column 2")]
#[case::of_another_kind(
    r#"{"critical": {"type": "vote", "image": {"docker-manifest-digest": "sha256:0"}}}"#,
    "one whose payload cannot be read: it is of the type `vote`, not `cosign container image signature`"
)]
#[tokio::test]
async fn a_broken_payload_is_told(#[case] content: &str, #[case] expected: &str) {
    let bench = Bench::new().await;
    bench.sign(content);
    let seen = bench.seen().await;
    assert!(seen.ends_with(expected), "{seen}");
}

#[tokio::test]
async fn what_is_no_signature_under_the_tag_is_told() {
    let bench = Bench::new().await;
    let tag = bench.tag();
    bench.registry.push_artifact("a", &tag, &[Layer::untitled("a")]);
    let place = format!("{}/a:{tag}", bench.registry.host());
    assert_eq!(bench.seen().await, format!("nothing in {place} that is a signature"));
    bench.registry.push_artifact("a", &tag, &[Layer::untitled("{}").of_type(PAYLOAD)]);
    assert_eq!(bench.seen().await, format!("in {place} one without the annotation {SIGNATURE}"));
    bench.registry.push_manifest("a", &tag, OCI, "no manifest");
    assert!(bench.seen().await.starts_with(&format!("{place}: expected a valid manifest, but ")));
}

#[tokio::test]
async fn a_payload_that_is_missing_does_not_hide_another_signature() {
    let bench = Bench::new().await;
    let content = payload(&bench.digest, &Value::Null);
    let signature = sign(&bench.key, content.as_bytes());
    let digest = format!("sha256:{}", "0".repeat(64));
    let gone = json!({"mediaType": PAYLOAD, "digest": digest, "size": 9, "annotations": {SIGNATURE: signature}});
    let config = json!({"mediaType": OCI, "digest": bench.digest, "size": 2});
    let there = json!({"mediaType": PAYLOAD, "digest": bench.registry.push_blob("a", content.clone()),
        "size": content.len(), "annotations": {SIGNATURE: signature}});
    let manifest = |layers: Value| json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
    bench.registry.push_manifest("a", &bench.tag(), OCI, manifest(json!([gone, there])));
    assert_eq!(bench.prove().await, None);
    bench.registry.push_manifest("a", &bench.tag(), OCI, manifest(json!([gone])));
    let seen = bench.seen().await;
    assert!(
        seen.contains(&format!("expected the payload of its signature {digest}, the registry answered 404")),
        "{seen}"
    );
}

#[tokio::test]
async fn a_payload_that_was_seen_before_must_still_be_there() {
    let bench = Bench::new().await;
    let content = payload(&bench.digest, &Value::Null);
    bench.sign(&content);
    assert_eq!(bench.prove().await, None);
    let digest = Digest::of(content.as_bytes(), None).to_string();
    bench.registry.remove_blob("a", &digest);
    let seen = bench.seen().await;
    assert!(
        seen.contains(&format!("expected the payload of its signature {digest}, the registry answered 404")),
        "{seen}"
    );
}

#[rstest]
#[case(&[("team", "mesh")], "")]
#[case(&[("team", "shop")], "that states team=mesh, not team=shop")]
#[case(&[("team", "mesh"), ("stage", "prod")], "that does not state stage=prod")]
#[tokio::test]
async fn what_is_stated_besides_is_proved_too(#[case] wanted: &[(&str, &str)], #[case] expected: &str) {
    let bench = Bench::new().await;
    bench.sign(&payload(&bench.digest, &json!({"team": "mesh", "timestamp": 1})));
    let prover = prover(&[&bench.key.public_key_pem()], wanted).unwrap();
    let flaw = bench.prove_by(&prover).await.unwrap();
    match expected {
        "" => assert_eq!(flaw, None),
        expected => assert!(flaw.as_ref().is_some_and(|flaw| flaw.ends_with(expected)), "{flaw:?}"),
    }
}

/// A bundle as newer ones attach it: an envelope with a statement of this type.
fn bundle(bench: &Bench, digest: &str, predicate: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate,
        "subject": [{"digest": {"sha256": hex}, "annotations": {"team": "mesh"}}]})
    .to_string();
    let kind = "application/vnd.in-toto+json";
    let message = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    let envelope = json!({"payload": STANDARD.encode(&statement), "payloadType": kind,
        "signatures": [{"sig": sign(&bench.key, message.as_bytes())}]});
    json!({"mediaType": BUNDLE, "verificationMaterial": {}, "dsseEnvelope": envelope}).to_string()
}

/// An index of what refers to something: what each is, and its bundle.
fn referrers(bench: &Bench, bundles: &[&str]) -> String {
    let mut manifests = Vec::new();
    for (place, content) in bundles.iter().enumerate() {
        let layer = Layer::untitled(*content).of_type(BUNDLE);
        let digest = bench.registry.push_artifact("a", &format!("referrer-{place}"), &[layer]);
        manifests.push(json!({"mediaType": OCI, "digest": digest, "size": 1, "artifactType": BUNDLE}));
    }
    let sbom = json!({"mediaType": OCI, "digest": bench.digest, "size": 1, "artifactType": "application/spdx+json"});
    manifests.push(sbom);
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string()
}

#[rstest]
#[case::by_the_registry(true)]
#[case::by_a_tag(false)]
#[tokio::test]
async fn a_bundle_that_refers_to_it_holds(#[case] listed: bool) {
    let bench = Bench::new().await;
    let content = bundle(&bench, &bench.digest, SIGNED);
    let attestation = bundle(&bench, &bench.digest, "https://slsa.dev/provenance/v1");
    let index = referrers(&bench, &[&attestation, &content]);
    if listed {
        bench.registry.list_referrers("a", &bench.digest, index);
    } else {
        // As cosign 2.6 keeps it.
        let index = index.replace(BUNDLE, "application/vnd.oci.empty.v1+json");
        bench.registry.push_manifest("a", &bench.digest.replace(':', "-"), INDEX, index);
    }
    assert_eq!(bench.prove().await, None);
    let prover = prover(&[&bench.key.public_key_pem()], &[("team", "mesh")]).unwrap();
    assert_eq!(bench.prove_by(&prover).await.unwrap(), None);
}

#[tokio::test]
async fn an_attestation_is_no_signature_and_a_bundle_of_another_digest_neither() {
    let bench = Bench::new().await;
    let attestation = bundle(&bench, &bench.digest, "https://slsa.dev/provenance/v1");
    bench.registry.list_referrers("a", &bench.digest, referrers(&bench, &[&attestation]));
    let seen = bench.seen().await;
    assert!(seen.starts_with("none: "), "{seen}");
    let other = format!("sha256:{}", "0".repeat(64));
    let index = referrers(&bench, &[&bundle(&bench, &other, SIGNED), "no JSON"]);
    bench.registry.list_referrers("a", &bench.digest, index);
    let seen = bench.seen().await;
    assert!(seen.contains(&format!(" one of another digest, {other}; in its referrer sha256:")), "{seen}");
    assert!(seen.ends_with(" one whose bundle cannot be read: expected ident at line 1 column 2"), "{seen}");
}

#[rstest]
#[case::the_signature(Route::Manifest)]
#[case::its_payload(Route::Blob)]
#[case::the_list(Route::Referrers)]
#[tokio::test]
async fn what_could_not_be_asked_is_no_flaw(#[case] route: Route) {
    let bench = Bench::new().await;
    if route == Route::Blob {
        bench.sign(&payload(&bench.digest, &Value::Null));
    }
    bench.registry.fail(route, Fault::status(503), 9);
    let error = bench.prove_by(&prover(&[&bench.key.public_key_pem()], &[]).unwrap()).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Harness, "{error}");
}

#[tokio::test]
async fn a_signature_is_fetched_as_everything_else_is() {
    let bench = Bench::new().await;
    bench.sign(&payload(&bench.digest, &Value::Null));
    bench.registry.restrict(Access::Token { login: Login::Anyone, uses: 9 });
    assert_eq!(bench.prove().await, None);
    assert_eq!(bench.registry.seen(Route::Token).len(), 1);
}
