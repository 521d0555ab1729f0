//! Requests to one repository of a registry: how often, and what an answer other than the wanted one means.

use std::{path::PathBuf, sync::Arc};

use oci_client::{
    errors::OciErrorCode,
    manifest::{
        IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    },
};
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, HeaderMap, HeaderName, HeaderValue},
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    Contacts, Digest, Reference, Registries, RegistryError,
    answer::{Answer, is_hopeless, reason},
    body::Body,
    credentials::Credential,
    host::Host,
    retry::{Cause, Retries, cause, is_transient},
    token::{Authorization, Challenge, TokenService},
};

/// What one reference names, and how to ask for it.
#[derive(Debug, Clone)]
pub struct Repository {
    pub reference: Reference,
    pub registries: Registries,
    pub(super) host: Arc<Host>,
    deadline: Option<Instant>,
}

/// Who the registry takes us for. Requests that are made at the same time share it.
#[derive(Clone, Default)]
pub(super) struct Session {
    authorization: Authorization,
    /// Counts the changes, so that of several requests that a token's expiry fails only one fetches a new one.
    generation: u32,
    identity: Option<String>,
}

/// What is asked of the registry.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub method: Method,
    /// Beneath `/v2/REPOSITORY/`, or a whole URL that the registry gave.
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Body,
    pub thing: Thing,
    /// The answers that are wanted.
    pub wanted: &'static [StatusCode],
}

/// What an answer is about.
#[derive(Debug, Clone)]
pub(super) enum Thing {
    Manifest,
    /// As in `the layer sha256:…`.
    Blob(String),
    /// Something pushed, as in `to push its manifest`.
    Push(String),
}

/// An answer that is wanted. As long as it is not read to its end, it is one of the connections that a registry is given.
pub(super) struct Live {
    pub response: Response,
    host: Arc<Host>,
    _permit: OwnedSemaphorePermit,
}

impl Live {
    pub fn contacts(&self) -> &Contacts {
        &self.host.contacts
    }
}

impl Ask {
    pub fn manifest(method: Method, name: &str) -> Self {
        // Indexes are accepted so that a registry shows one, instead of calling the manifest unknown.
        let accept = [
            OCI_IMAGE_MEDIA_TYPE,
            IMAGE_MANIFEST_MEDIA_TYPE,
            OCI_IMAGE_INDEX_MEDIA_TYPE,
            IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        ]
        .join(", ");
        let accept = HeaderValue::from_str(&accept).expect("media types are plain");
        Self {
            method,
            path: format!("manifests/{name}"),
            headers: vec![(ACCEPT, accept)],
            body: Body::none(),
            thing: Thing::Manifest,
            wanted: &[StatusCode::OK],
        }
    }

    /// What refers to a digest, as an index.
    pub fn referrers(digest: &Digest) -> Self {
        Self { path: format!("referrers/{digest}"), ..Self::manifest(Method::GET, "") }
    }

    pub fn blob(method: Method, digest: &str, what: &str) -> Self {
        Self {
            method,
            path: format!("blobs/{digest}"),
            headers: vec![(ACCEPT, HeaderValue::from_static("*/*"))],
            body: Body::none(),
            thing: Thing::Blob(what.to_owned()),
            wanted: &[StatusCode::OK, StatusCode::PARTIAL_CONTENT],
        }
    }

    fn writes(&self) -> bool {
        matches!(self.thing, Thing::Push(_))
    }
}

impl Repository {
    pub(super) fn new(
        registries: Registries,
        host: Arc<Host>,
        reference: Reference,
        deadline: Option<Instant>,
    ) -> Self {
        Self { reference, registries, host, deadline }
    }

    /// What `tag` names in the same repository.
    #[must_use]
    pub fn beside(&self, tag: &str) -> Self {
        Self { reference: self.reference.beside(tag), ..self.clone() }
    }

    /// As people are shown it.
    pub fn shown(&self) -> String {
        self.reference.to_string()
    }

    pub(super) fn retries(&self) -> Retries {
        self.registries.settings().retry.start(self.deadline)
    }

    /// Pauses before another attempt, if one is left.
    pub(super) async fn again(&self, retries: &mut Retries, cause: Cause) -> bool {
        let Some(pause) = retries.again(cause) else { return false };
        if let Cause::Asked(_) = cause {
            self.host.hush(pause);
        }
        // Nothing announces that a registry is well again, so that this waits for time and not for an event.
        tokio::time::sleep(pause).await;
        true
    }

    /// The registry's wanted answer. Credentials are used only once the registry asks for them.
    pub(super) async fn ask(&self, ask: &Ask, retries: &mut Retries) -> Result<Live, RegistryError> {
        let url = if ask.path.contains("://") {
            ask.path.clone()
        } else {
            format!("{}/v2/{}/{}", self.host.origin, self.reference.repository, ask.path)
        };
        let url = Url::parse(&url).map_err(|error| RegistryError::UnexpectedAnswer {
            reference: self.shown(),
            what: ask.what(),
            answer: format!("with the address `{url}`: {error}"),
        })?;
        let session = self.host.session(&self.reference.repository, ask.writes());
        let is_own = Url::parse(&self.host.origin).is_ok_and(|own| own.origin() == url.origin());
        let mut challenged = !is_own;
        loop {
            self.host.quiet().await;
            let permit = Arc::clone(&self.host.permits).acquire_owned().await.expect("it is never closed");
            let known = session.lock().await.clone();
            let mut request = self.host.client.request(ask.method.clone(), url.clone());
            for (name, value) in &ask.headers {
                request = request.header(name, value);
            }
            if ask.writes() {
                request = request.body(self.begin_body(&ask.body).await?);
            }
            self.host.contacts.request(&url);
            // Where uploads go is the registry's word, and may be another's address: nobody else is told who we are.
            let request = if is_own { known.authorization.apply(request) } else { request };
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => {
                    drop(permit);
                    if !is_hopeless(&error) && self.again(retries, Cause::Trouble).await {
                        continue;
                    }
                    return Err(self.unreachable(url.as_str(), retries, error));
                }
            };
            let status = response.status();
            if ask.wanted.contains(&status) {
                return Ok(Live { response, host: Arc::clone(&self.host), _permit: permit });
            }
            drop(permit);
            if status == StatusCode::UNAUTHORIZED && !challenged {
                challenged = true;
                let mut session = session.lock().await;
                if session.generation == known.generation {
                    *session = self.authorize(response.headers(), known.generation, ask.writes(), retries).await?;
                }
                continue;
            }
            if let Some(cause) = cause(status, response.headers())
                && self.again(retries, cause).await
            {
                tracing::debug!(%url, %status, attempt = retries.made(), "the registry is asked again");
                continue;
            }
            let identity = session.lock().await.identity.clone();
            return Err(self.refusal(ask, Answer::read(response).await, identity, retries).await);
        }
    }

    async fn begin_body(&self, body: &Body) -> Result<reqwest::Body, RegistryError> {
        let path = match body {
            Body::File { path, .. } => path.clone(),
            Body::Memory(_) => PathBuf::new(),
        };
        let unreadable = |error| RegistryError::Disk { reference: self.shown(), action: "read", path, error };
        body.begin().await.map_err(unreadable)
    }

    /// Answers a challenge.
    async fn authorize(
        &self,
        headers: &HeaderMap,
        generation: u32,
        writes: bool,
        retries: &mut Retries,
    ) -> Result<Session, RegistryError> {
        let credential = self.host.credential(&self.reference).await?;
        let secrets = &self.registries.settings().secrets;
        // A helper's is in no file.
        credential.iter().flat_map(Credential::secrets).for_each(|secret| secrets.learn(&secret));
        let identity = match &credential {
            None => "anonymously".to_owned(),
            Some(Credential::Password { user, .. }) => format!("as `{user}`"),
            Some(Credential::Identity(_)) => "with Docker's stored identity token".to_owned(),
        };
        let unauthorized = |answer: String| RegistryError::Unauthorized {
            reference: self.shown(),
            deed: deed(writes),
            identity: identity.clone(),
            answer,
        };
        let authorization = match (Challenge::read(headers), credential) {
            (Challenge::Bearer(service), credential) => {
                let token = self.token(&service, credential.as_ref(), writes, retries, &unauthorized).await?;
                secrets.learn(&token);
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
        Ok(Session { authorization, generation: generation + 1, identity: Some(identity) })
    }

    async fn token(
        &self,
        service: &TokenService,
        credential: Option<&Credential>,
        writes: bool,
        retries: &mut Retries,
        unauthorized: &impl Fn(String) -> RegistryError,
    ) -> Result<String, RegistryError> {
        let what = "a token from its token service";
        loop {
            let request = service
                .request(
                    &self.host.client,
                    self.reference.is_plain(),
                    &self.reference.repository,
                    if writes { "pull,push" } else { "pull" },
                    credential,
                )
                .map_err(unauthorized)?;
            let (client, request) = request.build_split();
            let request = request.map_err(|error| self.unreachable("its token service", retries, error))?;
            self.host.contacts.request(request.url());
            let response = match client.execute(request).await {
                Ok(response) => response,
                Err(error) if !is_hopeless(&error) && self.again(retries, Cause::Trouble).await => continue,
                Err(error) => return Err(self.unreachable("its token service", retries, error)),
            };
            let status = response.status();
            if let Some(cause) = cause(status, response.headers())
                && self.again(retries, cause).await
            {
                continue;
            }
            let answer = Answer::read(response).await;
            return match status {
                StatusCode::OK => TokenService::read(&answer.body).ok_or_else(|| RegistryError::UnexpectedAnswer {
                    reference: self.shown(),
                    what: what.to_owned(),
                    answer: format!("{} without one", answer.status),
                }),
                status if is_transient(status) => Err(self.unavailable(what.to_owned(), &answer, retries)),
                _ => Err(unauthorized(format!("at its token service {answer}"))),
            };
        }
    }

    /// What an answer other than the wanted one means, once nothing is left to try.
    async fn refusal(&self, ask: &Ask, answer: Answer, identity: Option<String>, retries: &Retries) -> RegistryError {
        let (reference, shown) = (self.shown(), answer.to_string());
        match (answer.status, &ask.thing) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                let identity = identity.unwrap_or_else(|| "anonymously".to_owned());
                RegistryError::Unauthorized { reference, deed: deed(ask.writes()), identity, answer: shown }
            }
            (StatusCode::NOT_FOUND, Thing::Blob(what)) => {
                RegistryError::BlobUnknown { reference, what: what.clone(), answer: shown }
            }
            (StatusCode::NOT_FOUND, Thing::Manifest) => match answer.code {
                Some(OciErrorCode::NameUnknown) => RegistryError::RepositoryUnknown { reference, answer: shown },
                None if !self.is_registry().await => {
                    RegistryError::NotARegistry { reference, url: self.host.origin.clone(), answer: shown }
                }
                _ => RegistryError::ManifestUnknown { reference, answer: shown },
            },
            (status, _) if is_transient(status) => self.unavailable(ask.what(), &answer, retries),
            _ => RegistryError::UnexpectedAnswer { reference, what: ask.what(), answer: shown },
        }
    }

    /// Whether the interface's root answers as a registry's does. Doubt speaks for it.
    async fn is_registry(&self) -> bool {
        let answer = self.host.client.get(format!("{}/v2/", self.host.origin)).send().await;
        answer.map_or(true, |answer| matches!(answer.status(), StatusCode::OK | StatusCode::UNAUTHORIZED))
    }

    pub(super) fn unreachable(&self, url: &str, retries: &Retries, error: reqwest::Error) -> RegistryError {
        let (reference, attempts) = (self.shown(), retries.made());
        RegistryError::Unreachable { reference, url: url.to_owned(), attempts, reason: reason(error) }
    }

    fn unavailable(&self, what: String, answer: &Answer, retries: &Retries) -> RegistryError {
        let (reference, attempts) = (self.shown(), retries.made());
        RegistryError::Unavailable { reference, what, answer: answer.to_string(), attempts }
    }
}

impl Ask {
    fn what(&self) -> String {
        match &self.thing {
            Thing::Manifest => "its manifest".to_owned(),
            Thing::Blob(what) | Thing::Push(what) => what.clone(),
        }
    }
}

fn deed(writes: bool) -> &'static str {
    if writes { "write" } else { "read" }
}
