//! What answers, programs, registries and the API server say.

use super::*;

const ARTIFACT: &str = "registry.example/tool:1";

#[test]
fn a_page_that_says_something_else() {
    let concern = then(does("{http: {url: 'http://shop/'}}"), "{html: {select: title, text: Shop}}");
    let mut evidence = evidence(concern, Vec::new());
    evidence.symptom.expected = Some("`title` is `Shop`".into());
    evidence.symptom.seen = Some("`Other`".into());
    found(&evidence, "wrong-content", "GET http://shop/ brings other content: expected `title` is `Shop`, saw `Other`");
}

#[rstest]
#[case::first_error("checking\nError: no such thing\nmore\n", "shopctl check says: Error: no such thing")]
#[case::last_line("one\ntwo\n", "shopctl check says: two")]
fn a_program_says_why(#[case] output: &str, #[case] sentence: &str) {
    let mut evidence = evidence(does("{run: {program: /opt/shopctl, args: [check]}}"), Vec::new());
    evidence.symptom.output = Some(output.into());
    found(&evidence, "program-says", sentence);
}

/// The reasons are those that pulling gives.
#[rstest]
#[case::missing(PullError::Registry(RegistryError::ManifestUnknown { reference: ARTIFACT.into(), answer: "404 Not Found".into() }), false,
    "artifact-missing", "the registry does not have the artifact registry.example/tool:1: expected its manifest, the registry answered 404 Not Found")]
#[case::repository(PullError::Registry(RegistryError::RepositoryUnknown { reference: ARTIFACT.into(), answer: "NAME_UNKNOWN".into() }), false,
    "artifact-missing", "the registry does not have the artifact registry.example/tool:1: expected its repository, the registry answered NAME_UNKNOWN")]
#[case::digest(PullError::Registry(RegistryError::BlobDigest { reference: ARTIFACT.into(), what: "`a.tar.gz`".into(), expected: "sha256:1".into(), seen: "sha256:2".into() }), false,
    "artifact-damaged", "the artifact registry.example/tool:1 is damaged: expected `a.tar.gz` with digest sha256:1, saw sha256:2")]
#[case::archive(PullError::Archive { artifact: ARTIFACT.into(), file: "a.tar.gz".into(), error: ArchiveError::Broken { reason: "it ends early".into() } }, false,
    "artifact-damaged", "the artifact registry.example/tool:1 is damaged: unpack `a.tar.gz`: expected a complete archive, but it ends early")]
#[case::away(PullError::Registry(RegistryError::Unreachable { reference: ARTIFACT.into(), url: "https://registry.example/v2/".into(), attempts: 3, reason: "connection refused".into() }), true,
    "registry-away", "the registry does not give registry.example/tool:1: expected an answer from https://registry.example/v2/, saw none in 3 attempts: connection refused")]
#[case::disk(PullError::Disk { artifact: ARTIFACT.into(), action: "create a folder in", path: "/full".into(), error: std::io::Error::from_raw_os_error(28) }, true,
    "unknown", "the evidence tells no cause beyond the reason: failed to pull: pull registry.example/tool:1: create a folder in /full: No space left on device (os error 28)")]
fn an_artifact_that_is_not_pulled(
    #[case] error: PullError,
    #[case] errored: bool,
    #[case] cause: &str,
    #[case] sentence: &str,
) {
    let mut evidence = evidence(does(&format!("{{pull: {{artifact: '{ARTIFACT}'}}}}")), Vec::new());
    evidence.symptom.reason = format!("failed to pull: {error}");
    evidence.symptom.errored = errored;
    found(&evidence, cause, sentence);
}

#[rstest]
#[case::away("the API server cannot be reached: connection refused", true, "api-server-away")]
#[case::overloaded("ConfigMap a: the API server answered 503: try later", true, "api-server-away")]
#[case::while_a_program_ran("the API server was away while it ran: istioctl ended", true, "api-server-away")]
#[case::denied(
    "ConfigMap a: not allowed: configmaps is forbidden: User \"x\" cannot create resource",
    true,
    "not-allowed"
)]
#[case::kind("the cluster does not serve the kind Gateway of networking.istio.io/v1", false, "kind-not-served")]
fn what_the_api_server_says(#[case] reason: &str, #[case] errored: bool, #[case] cause: &str) {
    let mut evidence = evidence(expects(PODS), Vec::new());
    evidence.symptom.reason = reason.to_owned();
    evidence.symptom.errored = errored;
    assert_eq!(judge(&evidence).cause(), cause);
}
