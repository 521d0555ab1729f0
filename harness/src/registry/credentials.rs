//! Docker's stored credentials.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde_json::Value;

use super::{Reference, RegistryError};

/// What a registry is told about who pulls.
#[derive(Clone)]
pub(super) enum Credential {
    Password {
        user: String,
        password: String,
    },
    /// A refresh token, to be exchanged with the registry's token service.
    Identity(String),
}

impl Credential {
    /// What nobody may be told of it: the password, also as it goes over the wire.
    pub fn secrets(&self) -> Vec<String> {
        match self {
            Self::Password { user, password } => vec![password.clone(), format!("{user}:{password}")],
            Self::Identity(token) => vec![token.clone()],
        }
    }
}

/// Docker's configuration, read before the first request. A helper is asked only if the registry wants credentials.
#[derive(Clone)]
pub(super) struct Credentials {
    /// The registry's key in it.
    registry: String,
    config: Option<(PathBuf, Vec<u8>)>,
}

/// Why the configuration is of no use.
#[derive(Debug)]
pub(super) struct Broken {
    file: PathBuf,
    reason: String,
}

impl Broken {
    /// The error of whoever asked for `reference`.
    pub fn of(self, reference: &Reference) -> RegistryError {
        RegistryError::Credentials { reference: reference.to_string(), file: self.file, reason: self.reason }
    }
}

impl Credentials {
    /// Reads `config.json` of `folder` for the registry with this key. It need not be there, but if it is, it must be readable JSON.
    pub fn load(folder: Option<&Path>, registry: &str) -> Result<Self, Broken> {
        let registry = registry.to_owned();
        let Some(file) = folder.map(|folder| folder.join("config.json")) else {
            return Ok(Self { registry, config: None });
        };
        let content = match fs::read(&file) {
            Ok(content) => content,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self { registry, config: None });
            }
            Err(error) => return Err(Broken { reason: format!("it cannot be read: {error}"), file }),
        };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&content) {
            return Err(Broken { reason: format!("it is not JSON: {error}"), file });
        }
        Ok(Self { registry, config: Some((file, content)) })
    }

    /// Every secret that lies in the file, whichever registry it is for: programs of a suite may read it, too.
    pub fn stored(&self) -> Vec<String> {
        let config: Value =
            self.config.as_ref().and_then(|(_, content)| serde_json::from_slice(content).ok()).unwrap_or_default();
        let entries = config["auths"].as_object().into_iter().flat_map(|auths| auths.values());
        let secrets = entries.flat_map(|entry| {
            let text = |field: &str| entry[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            // user:password, whose encoded form is what stands there.
            let auth = text("auth").and_then(|auth| String::from_utf8(STANDARD.decode(auth).ok()?).ok());
            let password = auth.as_ref().and_then(|auth| Some(auth.split_once(':')?.1.to_owned()));
            [text("auth"), auth, password, text("password"), text("identitytoken"), text("registrytoken")]
        });
        secrets.flatten().collect()
    }

    /// The credential for the registry, if one is configured.
    pub async fn find(&self) -> Result<Option<Credential>, Broken> {
        let this = self.clone();
        // A credential helper is a program, and it may ask a keychain or a person.
        match tokio::task::spawn_blocking(move || this.find_blocking()).await {
            Ok(found) => found,
            Err(_) => {
                Err(Broken { file: PathBuf::from("config.json"), reason: "asking for it was cancelled".to_owned() })
            }
        }
    }

    fn find_blocking(&self) -> Result<Option<Credential>, Broken> {
        let Some((file, content)) = &self.config else { return Ok(None) };
        let reason = match get_credential_from_reader(content.as_slice(), &self.registry) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Some(Credential::Password { user, password }));
            }
            Ok(DockerCredential::IdentityToken(token)) => return Ok(Some(Credential::Identity(token))),
            Err(CredentialRetrievalError::NoCredentialConfigured) => return Ok(None),
            // Helpers say so on standard output (docker-credential-helpers, credentials/error.go).
            Err(CredentialRetrievalError::HelperFailure { stdout, .. })
                if stdout.contains("credentials not found in native keychain") =>
            {
                return Ok(None);
            }
            Err(CredentialRetrievalError::HelperFailure { helper, stdout, stderr }) => {
                let said = [stderr, stdout].into_iter().find(|said| !said.trim().is_empty()).unwrap_or_default();
                format!("its helper `{helper}` failed: {}", said.trim().lines().next().unwrap_or_default())
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => {
                "the credential helper that it names for this registry cannot be run".to_owned()
            }
            Err(CredentialRetrievalError::MalformedHelperResponse) => {
                "the credential helper that it names for this registry answered something else than credentials"
                    .to_owned()
            }
            Err(CredentialRetrievalError::CredentialDecodingError) => {
                format!("the `auth` of `{}` is not user:password in base64", self.registry)
            }
            Err(CredentialRetrievalError::CredentialMismatchError) => {
                format!("the `auth` of `{}` contradicts its user name and password", self.registry)
            }
            Err(CredentialRetrievalError::ConfigReadError | CredentialRetrievalError::ConfigNotFound) => {
                "its fields are not those of Docker's configuration".to_owned()
            }
        };
        Err(Broken { file: file.clone(), reason })
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    fn key(registry: &str) -> String {
        Reference::parse(&format!("{registry}/istio/tool:1"), None, false).unwrap().credentials_key().to_owned()
    }

    fn told(broken: Broken) -> String {
        broken.of(&Reference::parse("r.io/istio/tool:1", None, false).unwrap()).to_string()
    }

    fn folder(config: &str) -> TempDir {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        folder
    }

    fn shown(credential: Option<Credential>) -> Option<String> {
        credential.map(|credential| match credential {
            Credential::Password { user, password } => format!("{user}:{password}"),
            Credential::Identity(token) => format!("identity {token}"),
        })
    }

    #[rstest]
    #[case::auth("r.io", r#"{"auths": {"r.io": {"auth": "dXNlcjpwYTpzcw=="}}}"#, Some("user:pa:ss"))]
    #[case::user_and_password("r.io", r#"{"auths": {"r.io": {"username": "u", "password": "p"}}}"#, Some("u:p"))]
    #[case::identity("r.io", r#"{"auths": {"r.io": {"identitytoken": "t"}}}"#, Some("identity t"))]
    #[case::docker_hub("docker.io", r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}}"#, Some("u:p"))]
    #[case::another_registry("r.io", r#"{"auths": {"other.io": {"auth": "dTpw"}}}"#, None)]
    #[case::another_port("r.io:5000", r#"{"auths": {"r.io": {"auth": "dTpw"}}}"#, None)]
    #[case::empty("r.io", "{}", None)]
    #[tokio::test]
    async fn a_registry_gets_its_own_credential(
        #[case] registry: &str,
        #[case] config: &str,
        #[case] expected: Option<&str>,
    ) {
        let folder = folder(config);
        let credentials = Credentials::load(Some(folder.path()), &key(registry)).unwrap();
        assert_eq!(shown(credentials.find().await.unwrap()).as_deref(), expected);
    }

    #[test]
    fn every_secret_of_the_file_is_known() {
        let config = r#"{"auths": {"r.io": {"auth": "dXNlcjpwYTpzcw=="}, "other.io": {"username": "u", "password": "word"},
            "third.io": {"auth": "", "identitytoken": "stored", "registrytoken": "given"}}, "credsStore": "x"}"#;
        let folder = folder(config);
        let mut stored = Credentials::load(Some(folder.path()), &key("r.io")).unwrap().stored();
        stored.sort();
        assert_eq!(stored, ["dXNlcjpwYTpzcw==", "given", "pa:ss", "stored", "user:pa:ss", "word"]);
    }

    #[test]
    fn an_absent_file_is_no_error() {
        let folder = TempDir::new().unwrap();
        assert!(Credentials::load(Some(folder.path()), &key("r.io")).is_ok());
        assert!(Credentials::load(Some(&folder.path().join("absent")), &key("r.io")).is_ok());
        assert!(Credentials::load(None, &key("r.io")).is_ok());
    }

    #[test]
    fn a_file_that_is_not_json_is_named_with_the_place() {
        let folder = folder("{\"auths\": {\n oops");
        let error = Credentials::load(Some(folder.path()), &key("r.io")).err().map(told).unwrap();
        assert!(error.contains("config.json") && error.contains("line 2"), "{error}");
    }

    #[rstest]
    #[case::wrong_shape(r#"{"auths": []}"#, "not those of Docker's configuration")]
    #[case::not_base64(r#"{"auths": {"r.io": {"auth": "!"}}}"#, "not user:password in base64")]
    #[case::no_helper(r#"{"credsStore": "absent-from-any-path"}"#, "cannot be run")]
    #[tokio::test]
    async fn what_cannot_be_used_is_an_error_that_names_the_file(#[case] config: &str, #[case] reason: &str) {
        let folder = folder(config);
        let credentials = Credentials::load(Some(folder.path()), &key("r.io")).unwrap();
        let error = credentials.find().await.err().map(told).unwrap();
        assert!(error.contains("config.json") && error.contains(reason), "{error}");
    }

    /// Helpers are found in `PATH`, which a test may set only for a process of its own.
    #[rstest]
    #[case::password(r#"echo '{"Username": "u", "Secret": "'$registry'"}'"#, "u:r.io")]
    #[case::identity(r#"echo '{"Username": "<token>", "Secret": "t"}'"#, "identity t")]
    #[case::none("echo credentials not found in native keychain; exit 1", "none")]
    #[case::failing(
        "echo the keychain is locked >&2; exit 1",
        "`docker-credential-test` failed: the keychain is locked"
    )]
    #[case::nonsense("echo nonsense", "answered something else than credentials")]
    fn a_helper_is_asked(#[case] script: &str, #[case] expected: &str) {
        let folder = folder(r#"{"credHelpers": {"r.io": "test"}}"#);
        // The helper is a shell that gets the script `get` to run. A program that was only just written might still be
        // open in a process that another test forked, and then it cannot be run.
        symlink("/bin/sh", folder.path().join("docker-credential-test")).unwrap();
        fs::write(folder.path().join("get"), format!("read registry\n{script}\n")).unwrap();
        let (_, module) = module_path!().split_once("::").unwrap();
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", &format!("{module}::ask_the_helper")])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{}", folder.path().display(), env::var("PATH").unwrap()))
            .env("MESHPROOF_TEST_DOCKER_CONFIG", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = said.lines().find_map(|line| line.strip_prefix("answer: ")).unwrap_or(&said);
        assert!(answer.ends_with(expected), "{answer}");
    }

    #[tokio::test]
    #[ignore = "only a part of another test"]
    async fn ask_the_helper() {
        let folder = PathBuf::from(env::var_os("MESHPROOF_TEST_DOCKER_CONFIG").unwrap());
        let credentials = Credentials::load(Some(&folder), &key("r.io")).unwrap();
        match credentials.find().await {
            Ok(found) => eprintln!("answer: {}", shown(found).unwrap_or_else(|| "none".to_owned())),
            Err(broken) => eprintln!("answer: {}", told(broken)),
        }
    }
}
