use base64::Engine;
use meshproof_reports::count_redacted;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn rules(text: &str) -> String {
    Redactor::default().text(text).into_owned()
}

#[rstest]
#[case::header("> Authorization: Bearer abc.def-123", "> Authorization: [redacted:credential]")]
#[case::bearer_in_a_line("GET /x with bearer sekritsekrit, 200", "GET /x with bearer [redacted:bearer-token], 200")]
#[case::header_in_a_line(r"headers=[Authorization: Basic dTpw] 200", "headers=[Authorization: [redacted:credential]")]
#[case::jwt("tok eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrOHMifQ.c2lnbmF0dXJl end", "tok [redacted:jwt] end")]
#[case::url(
    "pull from https://user:pa55@registry.example/v2/",
    "pull from https://[redacted:url-password]@registry.example/v2/"
)]
#[case::url_with_an_at_sign("https://u:p@ss@host/", "https://[redacted:url-password]@host/")]
#[case::key("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend", "[redacted:private-key]\nend")]
#[case::key_without_its_end("a\n-----BEGIN PRIVATE KEY-----\nMIIE\nmore", "a\n[redacted:private-key]")]
#[case::key_without_its_beginning("IIEow\nabc=\n-----END PRIVATE KEY-----\nb", "[redacted:private-key]\nb")]
#[case::kubeconfig(
    "users:\n- name: a\n  user:\n    client-key-data: LS0tLQ==\n    token: abc\n",
    "users:\n- name: a\n  user:\n    client-key-data: [redacted:credential]\n    token: [redacted:credential]\n"
)]
#[case::json(
    r#"{"user": {"token": "a\"b", "name": "c"}}"#,
    r#"{"user": {"token": "[redacted:credential]", "name": "c"}}"#
)]
#[case::json_in_json(
    r#"said {\"password\":\"abc\",\"x\":1}"#,
    r#"said {\"password\":\"[redacted:credential]\",\"x\":1}"#
)]
#[case::block("password: |\n  one\n  two\nname: a", "password: |\n[redacted:credential]name: a")]
#[case::variable("DB_PASSWORD=hunter2 LANG=C", "DB_PASSWORD=[redacted:credential] LANG=C")]
#[case::query("GET /a?access_token=abc&x=1", "GET /a?access_token=[redacted:credential]&x=1")]
#[case::flag("kubectl --token abc get pods", "kubectl --token [redacted:credential] get pods")]
#[case::annotation(
    "    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"a\":1}\n    b: c",
    "    kubectl.kubernetes.io/last-applied-configuration: |\n      [redacted:annotation]\n    b: c"
)]
#[case::secret_in_yaml(
    "apiVersion: v1\ndata:\n  user: YQ==\n  file: |\n    b\nkind: Secret\nmetadata: {name: a}\n",
    "apiVersion: v1\ndata: [redacted:secret-data]\nkind: Secret\nmetadata: {name: a}\n"
)]
#[case::secret_in_json(
    r#"{"kind": "Secret", "data": {"user": "YQ=="}, "a": 1}"#,
    r#"{"kind": "Secret", "data": [redacted:secret-data], "a": 1}"#
)]
#[case::secret_that_was_cut_off(
    r#"{"kind":"Secret","data":{"user":"YQ=="#,
    r#"{"kind":"Secret","data":[redacted:secret-data]"#
)]
fn left_out_by_rule(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(rules(text), expected);
    assert_eq!(rules(expected), expected, "once is enough");
    assert!(!count_redacted(expected).is_empty());
}

/// What people need to read.
#[rstest]
#[case("failed to authorize: failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized")]
#[case("secret \"nowhere\" not found")]
#[case("CreateContainerConfigError: secret \"nowhere\" not found")]
#[case("the server uses bearer authentication")]
#[case("automountServiceAccountToken: false\nsecretName: tls\ntoken: \"\"")]
#[case("pull http://registry.example:5000/v2/istio/pilot@sha256:abc")]
#[case("data:\n  key: value\nkind: ConfigMap")]
#[case("ssh user@host, mail a@b.example")]
#[case("tokens: 3, no secrets here")]
fn left_as_it_is(#[case] text: &str) {
    assert_eq!(rules(text), text);
}

#[test]
fn objects_keep_everything_but_secrets() {
    let mut object = json!({"kind": "List", "items": [
        {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "c2Vrcml0"}, "stringData": {"b": "plain"}},
        {"kind": "Pod", "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"kind\":\"Pod\"}",
            "note": "kept"}},
         "spec": {"containers": [{"name": "c", "env": [{"name": "LEVEL", "value": "env-value"},
            {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}}]}], "serviceAccountName": "kept"}},
        {"users": [{"user": {"token": "kubeconfig-token", "client-key-data": "a2V5"}}]}]});
    redact_object(&mut object);
    let text = object.to_string();
    for secret in ["c2Vrcml0", "plain", "{\\\"kind", "env-value", "kubeconfig-token", "a2V5"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for kept in ["\"note\":\"kept\"", "\"serviceAccountName\":\"kept\"", "LEVEL", "secretKeyRef", "\"key\":\"a\""] {
        assert!(text.contains(kept), "no {kept} in {text}");
    }
}

#[test]
fn objects_tell_what_is_secret_elsewhere() {
    let mut redactor = Redactor::default();
    redactor.learn_object(&json!({"kind": "Secret", "data": {
        "password": "aHVudGVyMi1odW50ZXIy", "namespace": "ZGVmYXVsdC1uYW1lc3BhY2U=",
        ".dockerconfigjson": "eyJhdXRocyI6eyJyIjp7ImF1dGgiOiJkWE5sY2pweVpXZHBjM1J5ZVMxd1lYTnoifX19"}}));
    redactor.learn_object(&json!({"spec": {"env": [{"name": "API_TOKEN", "value": "env-token-1"}, {"name": "LEVEL", "value": "information"}]}}));
    redactor.learn_object(&json!({"users": [{"user": {"token": "kubeconfig-token"}}]}));
    let text =
        "hunter2-hunter2 aHVudGVyMi1odW50ZXIy registry-pass env-token-1 kubeconfig-token default-namespace information";
    let mark = meshproof_reports::Redaction::KnownSecret.mark();
    assert_eq!(redactor.text(text), format!("{mark} {mark} {mark} {mark} {mark} default-namespace information"));
}

#[rstest]
#[case::inside_another("abcdefgh", "abcdefghij", "x abcdefghij y", "x [redacted:known-secret] y")]
#[case::short_ones_alone(
    "12",
    "7",
    "port 12, 120 and 7",
    "port [redacted:known-secret], 120 and [redacted:known-secret]"
)]
#[case::short_inside_short("a-b", "a", "x a-b y", "x [redacted:known-secret] y")]
#[case::as_a_mark(
    "redacted:jwt",
    "known-secret",
    "a [redacted:jwt] b known-secret",
    "a [redacted:jwt] b [redacted:known-secret]"
)]
#[case::in_a_url("p@ss/word!", "none-at-all", "x=p%40ss%2Fword%21", "x=[redacted:known-secret]")]
fn left_out_by_value(#[case] one: &str, #[case] other: &str, #[case] text: &str, #[case] expected: &str) {
    let mut redactor = Redactor::default();
    redactor.learn(one);
    redactor.learn(other);
    assert_eq!(redactor.text(text), expected);
}

/// Whether a part of the secret that tells something is in the text.
fn leaks(text: &str, secret: &str) -> bool {
    let characters: Vec<char> = secret.chars().collect();
    characters.windows(10).any(|window| text.contains(&window.iter().collect::<String>()))
}

/// Each text is looked through once, however much is known.
#[test]
fn much_may_be_known() {
    let mut redactor = Redactor::default();
    for number in 0..20_000 {
        redactor.learn(&format!("secret-number-{number}-of-many"));
    }
    redactor.learn("12");
    let text = "12 secret-number-19999-of-many and secret-number-20000-of-many, ".repeat(2_000);
    let redacted = redactor.text(&text).into_owned();
    assert!(
        !redacted.contains("19999") && !redacted.contains("12 ") && redacted.contains("20000"),
        "{}",
        &redacted[..200]
    );
}

proptest! {
    /// Wherever a text is cut off, nothing of a secret in it is told.
    #[test]
    fn no_cut_tells_a_secret(secret in "[A-Za-z0-9+/_!-]{16,40}", before in "[ a-z\n]{0,20}", after in "[ a-z\n]{0,20}",
        start in 0_usize..40, end in 0_usize..40) {
        let mut redactor = Redactor::default();
        redactor.learn(&secret);
        let text = format!("{before} {secret} {after}");
        let (from, to) = (start.min(text.len()), text.len().saturating_sub(end));
        prop_assume!(from < to);
        let cut = &text[from..to];
        // Both ends inside the secret leave a piece that could be anything.
        prop_assume!(from <= before.len() + 1 || to >= before.len() + 1 + secret.len());
        prop_assert!(!leaks(&redactor.text(cut), &secret), "{cut:?} became {:?}", redactor.text(cut));
    }

    #[test]
    fn once_is_enough(text in "(?:[ -~\n]{0,12}(?:token: |Bearer |eyJhbGciOiJ9\\.|https://|password=|@|\"secret\": \"|kind: Secret\n|data:\n)?){0,8}",
        secret in "[a-z:]{3,12}") {
        let mut redactor = Redactor::default();
        redactor.learn(&secret);
        let once = redactor.text(&text).into_owned();
        prop_assert_eq!(redactor.text(&once), once.as_str());
    }

    #[test]
    fn every_form_is_left_out(secret in "[!-~]{8,30}") {
        let mut redactor = Redactor::default();
        redactor.learn(&secret);
        for form in [secret.clone(), base64::engine::general_purpose::STANDARD.encode(&secret), serde_json::to_string(&secret).unwrap()] {
            let text = format!("a {form} b");
            let redacted = redactor.text(&text).into_owned();
            prop_assert!(!redacted.contains(form.trim_matches('"')), "{text} became {redacted}");
        }
    }
}
