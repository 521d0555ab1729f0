//! Who a registry lets read.

use rstest::rstest;

use super::*;
use crate::registry::Blame;
use crate::registry::testing::{Access, Fault, Login, Route, basic};

const FOREVER: usize = usize::MAX;

/// With `config.json` in Docker's folder, in which `REGISTRY` stands for the registry.
async fn bench(access: Access, config: &str) -> (Bench, TempDir) {
    let mut bench = Bench::with_release().await;
    bench.registry.restrict(access);
    let docker = TempDir::new().unwrap();
    fs::write(docker.path().join("config.json"), config.replace("REGISTRY", &bench.registry.host())).unwrap();
    bench.settings.docker_config = Some(docker.path().to_owned());
    (bench, docker)
}

const PASSWORD: &str = r#"{"auths": {"REGISTRY": {"username": "ann", "password": "secret"}}}"#;
const IDENTITY: &str = r#"{"auths": {"REGISTRY": {"identitytoken": "stored"}}}"#;
const NOTHING: &str = "{}";

#[rstest]
#[case::anonymous_token(Access::Token { login: Login::Anyone, uses: FOREVER }, NOTHING)]
#[case::token_for_a_password(Access::Token { login: Login::Password("ann", "secret"), uses: FOREVER }, PASSWORD)]
#[case::token_for_an_identity(Access::Token { login: Login::Refresh("stored"), uses: FOREVER }, IDENTITY)]
#[case::password(Access::Basic("ann", "secret"), PASSWORD)]
#[tokio::test]
async fn a_registry_gets_the_authorization_that_it_wants(#[case] access: Access, #[case] config: &str) {
    let (bench, _docker) = bench(access, config).await;
    bench.pull().await.unwrap();
}

#[rstest]
#[case::wrong_password(
    Access::Token { login: Login::Password("ann", "other"), uses: FOREVER }, PASSWORD,
    "expected leave to read it as `ann`, the registry answered at its token service 401 Unauthorized (DENIED"
)]
#[case::wrong_identity(
    Access::Token { login: Login::Refresh("other"), uses: FOREVER }, IDENTITY,
    "with Docker's stored identity token"
)]
#[case::token_that_is_not_enough(Access::Token { login: Login::Anyone, uses: 0 }, NOTHING, "read it anonymously")]
#[case::wrong_basic_password(Access::Basic("ann", "other"), PASSWORD, "as `ann`, the registry answered 401")]
#[case::no_password(
    Access::Basic("ann", "secret"),
    NOTHING,
    "anonymously, the registry answered 401 Unauthorized and wants a user"
)]
#[case::unknown_scheme(Access::Unknown, PASSWORD, "wants only Negotiate")]
#[tokio::test]
async fn no_leave_is_the_harness_failure(#[case] access: Access, #[case] config: &str, #[case] message: &str) {
    let (bench, _docker) = bench(access, config).await;
    let error = bench.pull().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Harness);
    assert!(error.to_string().contains(message), "{error}");
    assert!(error.hint().unwrap().contains("docker login"));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret") && !shown.contains("stored\""), "{shown}");
    // Nobody is locked out for trying again.
    assert!(bench.registry.seen(Route::Token).len() <= 1);
}

#[tokio::test]
async fn credentials_stay_here_unless_asked_for() {
    let (bench, _docker) = bench(Access::Anyone, PASSWORD).await;
    bench.pull().await.unwrap();
    assert!(bench.registry.all_seen().iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn a_password_goes_to_the_token_service_only() {
    let login = Login::Password("ann", "secret");
    let (bench, _docker) = bench(Access::Token { login, uses: FOREVER }, PASSWORD).await;
    bench.pull().await.unwrap();
    let password = Some(basic("ann", "secret"));
    for seen in bench.registry.all_seen() {
        assert_eq!(seen.authorization == password, seen.route == Route::Token, "{seen:?}");
    }
}

#[rstest]
#[case::password(Access::Basic("ann", "secret"), PASSWORD)]
#[case::token(Access::Token { login: Login::Password("ann", "secret"), uses: FOREVER }, PASSWORD)]
#[case::identity(Access::Token { login: Login::Refresh("stored"), uses: FOREVER }, IDENTITY)]
#[tokio::test]
async fn what_a_registry_was_told_is_known_to_be_secret(#[case] access: Access, #[case] config: &str) {
    let (bench, _docker) = bench(access, config).await;
    bench.pull().await.unwrap();
    let told: Vec<String> = bench.registry.all_seen().into_iter().filter_map(|seen| seen.authorization).collect();
    assert!(!told.is_empty());
    let told = told.iter().filter_map(|authorization| authorization.split_once(' ')).map(|(_, value)| value);
    for value in told.chain([if config == IDENTITY { "stored" } else { "secret" }]) {
        assert_eq!(bench.settings.secrets.text(&format!("it was {value} then")), "it was [redacted:known-secret] then");
    }
}

#[tokio::test]
async fn an_authorization_is_not_passed_on_to_another_host() {
    let (bench, _docker) = bench(Access::Basic("ann", "secret"), PASSWORD).await;
    let storage = TestRegistry::start().await;
    storage.push_artifact(REPOSITORY, "1.24.0", &[Layer::file("istio-1.24.0-linux-amd64.tar.gz", release())]);
    bench.registry.fail(Route::Blob, Fault::Elsewhere { origin: storage.origin() }, 1);
    bench.pull().await.unwrap();
    assert_eq!(storage.seen(Route::Blob)[0].authorization, None);
}

#[tokio::test]
async fn a_token_is_asked_for_this_repository_and_reading() {
    let (bench, _docker) = bench(Access::Token { login: Login::Anyone, uses: FOREVER }, NOTHING).await;
    bench.pull().await.unwrap();
    let scope = "scope=repository%3Acontainer_service%2Fistio%2Fistioctl-tool%3Apull";
    assert_eq!(bench.registry.seen(Route::Token)[0].path, format!("/token?{scope}&service=test"));
}

#[tokio::test]
async fn layers_share_one_token() {
    let (bench, _docker) = bench(Access::Token { login: Login::Anyone, uses: FOREVER }, NOTHING).await;
    let layers: Vec<_> = (0..8).map(|index| Layer::file(&index.to_string(), "content")).collect();
    bench.push(&layers);
    bench.pull().await.unwrap();
    assert_eq!(bench.registry.seen(Route::Token).len(), 1);
}

#[tokio::test]
async fn layers_that_a_token_expires_for_together_share_the_next() {
    let (bench, _docker) = bench(Access::Token { login: Login::Anyone, uses: 1 }, NOTHING).await;
    let layers: Vec<_> = (0..4).map(|index| Layer::file(&index.to_string(), "content")).collect();
    bench.push(&layers);
    bench.registry.fail(Route::Blob, Fault::Late(Duration::from_millis(30)), 4);
    bench.pull().await.unwrap();
    assert_eq!(bench.registry.seen(Route::Token).len(), 2);
}

#[tokio::test]
async fn a_token_that_expires_on_the_way_is_renewed() {
    let (bench, _docker) = bench(Access::Token { login: Login::Anyone, uses: 1 }, NOTHING).await;
    bench.pull().await.unwrap();
    assert_eq!(bench.registry.seen(Route::Token).len(), 2);
}

#[rstest]
#[case::recovers(2, true)]
#[case::stays_down(FOREVER, false)]
#[tokio::test]
async fn a_token_service_that_is_down_is_asked_again(#[case] times: usize, #[case] pulled: bool) {
    let (bench, _docker) = bench(Access::Token { login: Login::Anyone, uses: FOREVER }, NOTHING).await;
    bench.registry.fail(Route::Token, Fault::status(503), times);
    let result = bench.pull().await;
    assert_eq!(result.is_ok(), pulled);
    assert!(matches!(result, Ok(_) | Err(PullError::Registry(RegistryError::Unavailable { attempts: 3, .. }))));
}

#[tokio::test]
async fn a_broken_configuration_is_named_before_anything_is_sent() {
    let (bench, docker) = bench(Access::Anyone, "{").await;
    let error = bench.pull().await.unwrap_err();
    assert_eq!(error.blame(), Blame::Harness);
    assert!(error.to_string().contains(docker.path().join("config.json").to_str().unwrap()), "{error}");
    assert!(bench.registry.all_seen().is_empty());
}

#[tokio::test]
async fn a_helper_that_cannot_be_run_matters_only_if_the_registry_asks() {
    let config = r#"{"credsStore": "absent-from-any-path"}"#;
    let (open, _docker) = bench(Access::Anyone, config).await;
    open.pull().await.unwrap();
    let (closed, _docker) = bench(Access::Basic("ann", "secret"), config).await;
    let error = closed.pull().await.unwrap_err();
    assert!(matches!(error, PullError::Registry(RegistryError::Credentials { .. })), "{error}");
}
