//! Requests to one registry for one artifact: who asks, how often, and what an answer other than 200 means
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>).

use std::fmt;

use jiff::Timestamp;
use oci_client::errors::OciErrorCode;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::{Client, Response, StatusCode};
use tokio::sync::Mutex;

use super::PullError;
use super::answer::{Answer, is_hopeless, reason};
use super::credentials::{Credential, Credentials};
use super::manifest::ArtifactFile;
use super::retry::{Retries, is_transient, retry_after};
use super::settings::Settings;
use super::target::Target;
use super::token::{Authorization, Challenge, TokenService};

pub(super) struct Registry<'a> {
    pub target: &'a Target,
    pub settings: &'a Settings,
    client: Client,
    credentials: Credentials,
    session: Mutex<Session>,
}

/// What is asked of the registry.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Manifest,
    Layer(&'a ArtifactFile),
}

/// Who the registry takes us for. Layers that are pulled at the same time share it.
#[derive(Clone, Default)]
struct Session {
    authorization: Authorization,
    /// Counts the changes, so that of several requests that a token's expiry fails only one fetches a new one.
    generation: u32,
    identity: Option<String>,
}

impl<'a> Registry<'a> {
    /// Prepares to speak to the registry. Nothing is sent.
    pub fn connect(target: &'a Target, settings: &'a Settings) -> Result<Self, PullError> {
        let credentials = Credentials::load(settings.docker_config.as_deref(), target)?;
        credentials.stored().iter().for_each(|secret| settings.secrets.learn(secret));
        let builder = || {
            let builder = Client::builder()
                .user_agent(crate::USER_AGENT)
                .connect_timeout(settings.connect_timeout)
                .read_timeout(settings.silence_timeout)
                // A digest is that of the bytes as they are stored.
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_zstd();
            // Unlike Go's, this client would look for a loopback registry through the proxy.
            if target.is_loopback() { Ok(builder.no_proxy()) } else { settings.reach.lead(builder) }
        };
        let built = match builder().and_then(reqwest::ClientBuilder::build) {
            // A host without any certificate authority can still use plain HTTP.
            Err(_) if target.is_plain() => builder().and_then(|builder| builder.tls_certs_only([]).build()),
            built => built,
        };
        let client =
            built.map_err(|error| PullError::Client { artifact: target.to_string(), reason: reason(error) })?;
        Ok(Self { target, settings, client, credentials, session: Mutex::default() })
    }

    pub fn artifact(&self) -> String {
        self.target.to_string()
    }

    pub fn retries(&self) -> Retries<'a> {
        self.settings.retry.start()
    }

    /// The registry's answer 200. Credentials are used only once the registry asks for them.
    pub async fn get(&self, what: What<'_>, retries: &mut Retries<'_>) -> Result<Response, PullError> {
        let url = format!("{}/v2/{}/{}", self.target.origin(), self.target.repository, what.path(self.target));
        let mut challenged = false;
        loop {
            let session = self.session.lock().await.clone();
            let request = self.client.get(&url).header(ACCEPT, what.accept());
            let response = match session.authorization.apply(request).send().await {
                Ok(response) => response,
                Err(error) if !is_hopeless(&error) && retries.again(None).await => continue,
                Err(error) => return Err(self.unreachable(&url, retries, error)),
            };
            let status = response.status();
            if status == StatusCode::OK {
                return Ok(response);
            }
            if status == StatusCode::UNAUTHORIZED && !challenged {
                challenged = true;
                self.authorize(response.headers(), session.generation, retries).await?;
                continue;
            }
            if is_transient(status) && retries.again(retry_after(response.headers(), Timestamp::now())).await {
                tracing::debug!(%url, %status, attempt = retries.made(), "the registry is asked again");
                continue;
            }
            return Err(self.refusal(what, Answer::read(response).await, retries).await);
        }
    }

    /// Answers a challenge, unless another request did since `generation`.
    async fn authorize(
        &self,
        headers: &HeaderMap,
        generation: u32,
        retries: &mut Retries<'_>,
    ) -> Result<(), PullError> {
        let mut session = self.session.lock().await;
        if session.generation != generation {
            return Ok(());
        }
        let credential = self.credentials.find().await?;
        // A helper's is in no file.
        credential.iter().flat_map(Credential::secrets).for_each(|secret| self.settings.secrets.learn(&secret));
        let identity = match &credential {
            None => "anonymously".to_owned(),
            Some(Credential::Password { user, .. }) => format!("as `{user}`"),
            Some(Credential::Identity(_)) => "with Docker's stored identity token".to_owned(),
        };
        let unauthorized =
            |answer: String| PullError::Unauthorized { artifact: self.artifact(), identity: identity.clone(), answer };
        let authorization = match (Challenge::read(headers), credential) {
            (Challenge::Bearer(service), credential) => {
                let token = self.token(&service, credential.as_ref(), retries, &unauthorized).await?;
                self.settings.secrets.learn(&token);
                Authorization::Bearer(token)
            }
            (Challenge::Basic, Some(Credential::Password { user, password })) => {
                Authorization::Basic { user, password }
            }
            (Challenge::Basic, _) => {
                return Err(unauthorized("401 Unauthorized and wants a user name and password".to_owned()));
            }
            (Challenge::Other(schemes), _) if schemes.is_empty() => {
                return Err(unauthorized("401 Unauthorized without naming a way to log in".to_owned()));
            }
            (Challenge::Other(schemes), _) => {
                return Err(unauthorized(format!("401 Unauthorized and wants only {}", schemes.join(", "))));
            }
        };
        *session = Session { authorization, generation: generation + 1, identity: Some(identity) };
        Ok(())
    }

    async fn token(
        &self,
        service: &TokenService,
        credential: Option<&Credential>,
        retries: &mut Retries<'_>,
        unauthorized: &impl Fn(String) -> PullError,
    ) -> Result<String, PullError> {
        let what = "a token from its token service";
        loop {
            let request = service
                .request(&self.client, self.target.is_plain(), &self.target.repository, credential)
                .map_err(unauthorized)?;
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) if !is_hopeless(&error) && retries.again(None).await => continue,
                Err(error) => return Err(self.unreachable("its token service", retries, error)),
            };
            let status = response.status();
            if is_transient(status) && retries.again(retry_after(response.headers(), Timestamp::now())).await {
                continue;
            }
            let answer = Answer::read(response).await;
            return match status {
                StatusCode::OK => TokenService::read(&answer.body).ok_or_else(|| PullError::UnexpectedAnswer {
                    artifact: self.artifact(),
                    what: what.to_owned(),
                    answer: format!("{} without one", answer.status),
                }),
                status if is_transient(status) => Err(self.unavailable(what.to_owned(), &answer, retries)),
                _ => Err(unauthorized(format!("at its token service {answer}"))),
            };
        }
    }

    /// What an answer other than 200 means, once nothing is left to try.
    async fn refusal(&self, what: What<'_>, answer: Answer, retries: &Retries<'_>) -> PullError {
        let artifact = self.artifact();
        match (answer.status, what) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                let identity = self.session.lock().await.identity.clone();
                let identity = identity.unwrap_or_else(|| "anonymously".to_owned());
                PullError::Unauthorized { artifact, identity, answer: answer.to_string() }
            }
            (StatusCode::NOT_FOUND, What::Layer(file)) => PullError::LayerUnknown {
                artifact,
                file: file.name(),
                digest: file.digest.to_string(),
                answer: answer.to_string(),
            },
            (StatusCode::NOT_FOUND, What::Manifest) => match answer.code {
                Some(OciErrorCode::NameUnknown) => {
                    PullError::RepositoryUnknown { artifact, answer: answer.to_string() }
                }
                None if !self.is_registry().await => {
                    PullError::NotARegistry { artifact, url: self.target.origin(), answer: answer.to_string() }
                }
                _ => PullError::ManifestUnknown { artifact, answer: answer.to_string() },
            },
            (status, _) if is_transient(status) => self.unavailable(what.to_string(), &answer, retries),
            _ => PullError::UnexpectedAnswer { artifact, what: what.to_string(), answer: answer.to_string() },
        }
    }

    /// Whether the interface's root answers as a registry's does. Doubt speaks for it.
    async fn is_registry(&self) -> bool {
        let answer = self.client.get(format!("{}/v2/", self.target.origin())).send().await;
        answer.map_or(true, |answer| matches!(answer.status(), StatusCode::OK | StatusCode::UNAUTHORIZED))
    }

    fn unreachable(&self, url: &str, retries: &Retries<'_>, error: reqwest::Error) -> PullError {
        let (artifact, attempts) = (self.artifact(), retries.made());
        PullError::Unreachable { artifact, url: url.to_owned(), attempts, reason: reason(error) }
    }

    fn unavailable(&self, what: String, answer: &Answer, retries: &Retries<'_>) -> PullError {
        let (artifact, attempts) = (self.artifact(), retries.made());
        PullError::Unavailable { artifact, what, answer: answer.to_string(), attempts }
    }
}

impl What<'_> {
    fn path(self, target: &Target) -> String {
        match self {
            Self::Manifest => format!("manifests/{}", target.manifest()),
            Self::Layer(file) => format!("blobs/{}", file.digest),
        }
    }

    /// Indexes are accepted so that a registry shows one, instead of calling the manifest unknown.
    fn accept(self) -> String {
        match self {
            Self::Manifest => [
                OCI_IMAGE_MEDIA_TYPE,
                IMAGE_MANIFEST_MEDIA_TYPE,
                OCI_IMAGE_INDEX_MEDIA_TYPE,
                IMAGE_MANIFEST_LIST_MEDIA_TYPE,
            ]
            .join(", "),
            Self::Layer(_) => "*/*".to_owned(),
        }
    }
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("its manifest"),
            Self::Layer(file) => write!(f, "the layer of `{}`", file.name()),
        }
    }
}
