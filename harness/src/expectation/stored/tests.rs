//! What is found, held against what is wanted.

use rstest::rstest;

use super::{
    judge::{Verdict, judge},
    look::{Found, Part, Seen, Sight},
};
use crate::{
    expectation::{ArtifactExpectation, Image, testing::expectation},
    images::{Lock, Locked},
    registry::{ImageConfig, Platform},
};

fn part(architecture: &str) -> Part {
    let config =
        serde_json::json!({"created": "2024-05-01T23:00:00Z", "config": {"User": "1337", "Entrypoint": ["/p"]}});
    Part {
        platform: Some(Platform { os: "linux".into(), architecture: architecture.into(), variant: None }),
        artifact_type: Some("application/x".into()),
        size: 1000,
        files: vec!["a.tar.gz".into()],
        config: Some(serde_json::from_value::<ImageConfig>(config).unwrap()),
    }
}

fn found(digest: &str) -> Found {
    Found {
        digest: digest.to_owned(),
        media_type: "application/index".to_owned(),
        index: true,
        parts: vec![part("amd64"), part("arm64")],
        flaws: Vec::new(),
    }
}

fn sight(item: usize, reference: &str, seen: Seen) -> Sight {
    Sight { item, reference: reference.to_owned(), seen }
}

fn flaws(verdict: Verdict) -> Vec<String> {
    match verdict {
        Verdict::Met { .. } => Vec::new(),
        Verdict::Unmet { flaws, .. } => flaws,
        Verdict::Unseen { troubles } => panic!("{troubles:?}"),
    }
}

#[rstest]
#[case("{images: [r/a:1]}", &[])]
#[case("{images: [r/a:1], digest: 'sha256:1', platforms: [linux/amd64, linux/arm64], mediaTypes: [application/index]}", &[])]
#[case("{images: [r/a:1], size: {atLeast: 1k, atMost: 1Ki}, created: {from: 2024-05-01, until: 2024-05-01}}", &[])]
#[case("{images: [r/a:1], user: '1337', entrypoint: [/p]}", &[])]
#[case("{images: [r/a:1], digest: 'sha256:2'}", &["r/a:1: expected the digest sha256:2, saw sha256:1"])]
#[case("{images: [r/a:1], mediaTypes: [a, b]}", &["r/a:1: expected the media type a or b, saw application/index"])]
#[case(
    "{images: [r/a:1], platforms: [linux/amd64, linux/s390x]}",
    &["r/a:1: expected the platform linux/s390x, saw linux/amd64 and linux/arm64"]
)]
#[case(
    "{images: [r/a:1], size: {atMost: 999}}",
    &[
        "r/a:1: for linux/amd64 expected at most 999 in size, saw 1000 bytes",
        "r/a:1: for linux/arm64 expected at most 999 in size, saw 1000 bytes"
    ]
)]
fn an_image_is_judged(#[case] yaml: &str, #[case] expected: &[&str]) {
    let image: Image = expectation(yaml);
    let wanted = image.wanted();
    let items = wanted.items(None).unwrap();
    let sights = [sight(0, "r/a:1", Seen::Found(found("sha256:1")))];
    assert_eq!(flaws(judge(&wanted, &items, &sights, None)), expected);
}

#[rstest]
#[case("created: {from: 2024-05-02}", "expected it built 2024-05-02 or later, saw 2024-05-01")]
#[case("created: {until: 2024-04-30}", "expected it built 2024-04-30 or before, saw 2024-05-01")]
#[case("user: ''", "expected the user ``, saw `1337`")]
#[case("entrypoint: [/q]", "expected the entry point [\"/q\"], saw [\"/p\"]")]
fn a_config_is_judged(#[case] wanted: &str, #[case] expected: &str) {
    let image: Image = expectation(&format!("{{images: [r/a:1], {wanted}}}"));
    let wanted = image.wanted();
    let mut one = found("sha256:1");
    (one.index, one.parts) = (false, vec![part("amd64")]);
    let sights = [sight(0, "r/a:1", Seen::Found(one))];
    let told = flaws(judge(&wanted, &wanted.items(None).unwrap(), &sights, None));
    assert_eq!(told, [format!("r/a:1: {expected}")]);
}

#[rstest]
#[case("artifactType: application/x, files: [a.tar.gz]", &[])]
#[case("artifactType: application/y", &["r/a:1: for linux/amd64 expected the artifact type application/y, saw application/x"])]
#[case("files: [b]", &["r/a:1: for linux/amd64 expected the file b, saw a.tar.gz"])]
fn an_artifact_is_judged(#[case] wanted: &str, #[case] expected: &[&str]) {
    let artifact: ArtifactExpectation = expectation(&format!("{{artifacts: [r/a:1], {wanted}}}"));
    let wanted = artifact.wanted();
    let mut one = found("sha256:1");
    one.parts.truncate(1);
    let sights = [sight(0, "r/a:1", Seen::Found(one))];
    assert_eq!(flaws(judge(&wanted, &wanted.items(None).unwrap(), &sights, None)), expected);
}

#[rstest]
#[case(true, &["s/a:1: expected the digest that r/a:1 has, sha256:1, saw sha256:2"])]
#[case(false, &[])]
fn a_name_has_one_digest_everywhere(#[case] same: bool, #[case] expected: &[&str]) {
    let image: Image = expectation(&format!("{{images: [a:1, b:1], registries: [r, s], sameDigest: {same}}}"));
    let wanted = image.wanted();
    let items = wanted.items(None).unwrap();
    let seen = |digest| Seen::Found(found(digest));
    let sights = [
        sight(0, "r/a:1", seen("sha256:1")),
        sight(0, "s/a:1", seen("sha256:2")),
        sight(1, "r/b:1", seen("sha256:3")),
        sight(1, "s/b:1", seen("sha256:3")),
    ];
    assert_eq!(flaws(judge(&wanted, &items, &sights, None)), expected);
}

#[test]
fn what_moved_since_the_lock_is_told_with_both_digests() {
    let locked = |reference: &str| Locked {
        reference: reference.to_owned(),
        digest: "sha256:1".to_owned(),
        ..Locked::default()
    };
    let lock = Lock::new("shop", vec![locked("elsewhere/istio/a:1")]);
    let image: Image = expectation("{images: [a:1, b:1], registries: [r], lock: images.lock.yaml}");
    let wanted = image.wanted();
    let sights = [sight(0, "r/a:1", Seen::Found(found("sha256:2"))), sight(1, "r/b:1", Seen::Found(found("sha256:2")))];
    let told = flaws(judge(&wanted, &wanted.items(None).unwrap(), &sights, Some(&lock)));
    assert_eq!(
        told,
        [
            "r/a:1: expected the digest of the lock file, sha256:1, saw sha256:2: it was moved since",
            "r/b:1: expected it in the lock file, and it is not there"
        ]
    );
}

#[test]
fn what_could_not_be_looked_at_is_no_failure_but_hides_none() {
    let image: Image = expectation("{images: [a:1], registries: [r, s]}");
    let wanted = image.wanted();
    let items = wanted.items(None).unwrap();
    let away = || sight(0, "r/a:1", Seen::Trouble("r/a:1: away".into()));
    let there = sight(0, "s/a:1", Seen::Found(found("sha256:1")));
    let verdict = judge(&wanted, &items, &[away(), there], None);
    assert_eq!(verdict, Verdict::Unseen { troubles: vec!["r/a:1: away".into()] });
    let lacking = sight(0, "s/a:1", Seen::Lacking("s/a:1: gone".into()));
    let verdict = judge(&wanted, &items, &[away(), lacking], None);
    let expected = Verdict::Unmet { flaws: vec!["s/a:1: gone".into()], troubles: vec!["r/a:1: away".into()] };
    assert_eq!(verdict, expected);
}

#[test]
fn images_of_an_output_are_looked_at_in_every_registry_that_has_them() {
    let image: Image = expectation("{inOutput: true, registries: [r.example/istio, s.example/istio]}");
    let pod = |image: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{image: '{image}'}}]}}}}\n---\n"
        )
    };
    let output = pod("r.example/istio/pilot:1") + &pod("docker.io/library/a:1");
    let wanted = image.wanted();
    let references: Vec<Vec<String>> =
        wanted.items(Some(&output)).unwrap().into_iter().map(|item| item.references).collect();
    let pilot = vec!["r.example/istio/pilot:1".to_owned(), "s.example/istio/pilot:1".to_owned()];
    assert_eq!(references, [vec!["docker.io/library/a:1".to_owned()], pilot]);
    assert!(wanted.items(Some("")).unwrap_err().contains("names no images"));
}
