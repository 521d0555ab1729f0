//! Keys as they are given, and what they verify.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm};
use rstest::rstest;

use super::{super::key::Key, sign};

/// By `openssl genrsa` and `openssl dgst -sha256 -sign`, of `content`.
const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1JuzMNybMAKbTR6UK98/
bzyjgkJP2wdWECz2wDN2SglXFjN0lPrctXFsM2D3eNXYDwNRAVPRKx3CM9XU5SYP
UqvJm0NIjfKZrogQnrMETD04RJl78KTeDhzD3+A/bkrV8sG/0DLjqUQLsIklxQVi
wjY0z7SO63BiphVBl+yig9sCNu0rMm9vo7HR87r4bF042Z3nfN28mJhYPLQBRSzl
w/dZIsu/eQz17UDiyKoFp9tgfStHnctHJN6WGJIiNRT9P+UI/wrzB5EHlnpMIKz6
IQTnknFiHDVDlDAJKGqFqf81E1/TjQ7R4ZYe+k+PYaIL3pETXPtjJxkDHLnW0LIe
GQIDAQAB
-----END PUBLIC KEY-----
";
const BY_RSA: &str = concat!(
    "Qa6McZ5EbefDmccJ82DgmHCkQsnPhM+pUn+30HWCX8Ij3y/ZkZQyV6D7KWONkC7ZZkTvDX4CxPvG6ZACEVaq50npJDaGqQde2Wo0URYsxHuy",
    "+I6ePKVTCp95u0RSSbJW+eU+D4JyP+CVizbxyhjHmbKxr4liDMBqlU2v6UJi5DjOMwwF8PcXwx3gR3jDQA8k5KLktvLiRNda1T/isAx+r5KB",
    "mM6vthIg2PLOfjLT/Q2ek9v7rsUIE90iC/fI/AD3hHBL26SamOmYQFaxoy0Ewa4Y+u+VgKvcZJ4F7FGkO88UpT8rivSr2L5l4fvcJEOsw2gs",
    "0qtt5LSJLTa/68sW+A=="
);

fn key(pem: &str) -> Key {
    Key::read(pem, std::path::Path::new("/nowhere")).unwrap()
}

#[rstest]
#[case::p256(&PKCS_ECDSA_P256_SHA256)]
#[case::p384(&PKCS_ECDSA_P384_SHA384)]
#[case::ed25519(&PKCS_ED25519)]
fn a_key_verifies_what_it_signed_and_nothing_else(#[case] algorithm: &'static SignatureAlgorithm) {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    let other = key(&KeyPair::generate_for(algorithm).unwrap().public_key_pem());
    let (own, signature) = (key(&pair.public_key_pem()), sign(&pair, b"content"));
    assert!(own.verifies(&signature, b"content"));
    assert!(!own.verifies(&signature, b"Content"));
    assert!(!own.verifies(&sign(&pair, b"Content"), b"content"));
    assert!(!other.verifies(&signature, b"content"));
    assert!(!own.verifies("no Base64", b"content") && !own.verifies("", b"content"));
}

#[test]
fn rsa_is_verified_as_openssl_signs_it() {
    assert!(key(RSA).verifies(BY_RSA, b"content"));
    assert!(!key(RSA).verifies(BY_RSA, b"Content"));
}

#[rstest]
#[case::of_another_thing(
    "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----",
    "PEM of another thing: CERTIFICATE"
)]
#[case::private("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----", "PEM of another thing: PRIVATE KEY")]
#[case::no_key("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----", "one that is not supported")]
#[case::several(&RSA.repeat(2), "2 of them")]
fn what_is_no_key_is_told(#[case] text: &str, #[case] expected: &str) {
    let error = Key::read(text, std::path::Path::new("/nowhere")).unwrap_err().to_string();
    assert!(
        error.contains("expected a public key in the scenario") || error.contains("in the key in the scenario"),
        "{error}"
    );
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_file_is_read_beside_the_scenario_and_named_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/cosign.pub"), RSA).unwrap();
    let key = Key::read("keys/cosign.pub", folder.path()).unwrap();
    assert_eq!(key.name, "`keys/cosign.pub`");
    assert!(key.verifies(BY_RSA, b"content"));
    std::fs::write(folder.path().join("cosign.pub"), "a note").unwrap();
    let told = |name: &str| Key::read(name, folder.path()).unwrap_err().to_string();
    assert_eq!(told("cosign.pub"), "expected a public key in `cosign.pub`, saw no PEM");
    assert!(told("none.pub").ends_with("none.pub: No such file or directory (os error 2)"), "{}", told("none.pub"));
}
