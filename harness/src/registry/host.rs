//! One registry: a client, who we are to it, and how much it is asked at once.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{Certificate, Client, redirect};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    Contacts, Reference, RegistryError, Repository, Settings,
    answer::reason,
    credentials::{Credential, Credentials},
    repository::Session,
};

/// All registries of a run. Cheap to clone; all clones are one, with the same connections, tokens and counts.
#[derive(Debug, Clone, Default)]
pub struct Registries(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    settings: Settings,
    contacts: Contacts,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

type SharedSession = Arc<tokio::sync::Mutex<Session>>;

/// One registry at one address.
pub(super) struct Host {
    pub origin: String,
    pub client: Client,
    pub contacts: Contacts,
    credentials: Credentials,
    found: tokio::sync::OnceCell<Option<Credential>>,
    /// How many may ask at once.
    pub permits: Arc<Semaphore>,
    /// Until when the registry wants to be left alone.
    quiet: Mutex<Option<Instant>>,
    /// By repository, and whether it is written to.
    sessions: Mutex<HashMap<(String, bool), SharedSession>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Registries {
    pub fn new(settings: Settings, contacts: Contacts) -> Self {
        Self(Arc::new(Inner { settings, contacts, hosts: Mutex::default() }))
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub fn contacts(&self) -> &Contacts {
        &self.0.contacts
    }

    /// Reads a reference, as it is after the rules that move it.
    pub fn reference(&self, text: &str) -> Result<Reference, RegistryError> {
        let moved = self.0.settings.map.apply(text);
        let mut reference = Reference::parse(&moved, None, false)?;
        reference.plain_http |= self.0.settings.is_plain(&reference.registry);
        Ok(reference)
    }

    /// Prepares to speak of what `reference` names, until `deadline` at most. Nothing is sent.
    pub fn open(&self, reference: Reference, deadline: Option<Instant>) -> Result<Repository, RegistryError> {
        let origin = reference.origin();
        let known = self.0.hosts.lock().expect("no holder panics").get(&origin).cloned();
        let host = match known {
            Some(host) => host,
            None => {
                let host = Arc::new(Host::connect(&reference, self)?);
                let mut hosts = self.0.hosts.lock().expect("no holder panics");
                Arc::clone(hosts.entry(origin).or_insert(host))
            }
        };
        Ok(Repository::new(self.clone(), host, reference, deadline))
    }
}

impl Host {
    fn connect(reference: &Reference, registries: &Registries) -> Result<Self, RegistryError> {
        let settings = registries.settings();
        let failed = |reason: String| RegistryError::Client { reference: reference.to_string(), reason };
        let credentials = Credentials::load(settings.docker_config.as_deref(), reference.credentials_key())
            .map_err(|broken| broken.of(reference))?;
        credentials.stored().iter().for_each(|secret| settings.secrets.learn(secret));
        let mut authorities = Vec::new();
        for path in &settings.authorities {
            let unreadable = |error: &dyn std::fmt::Display| {
                failed(format!("expected PEM certificates in {}, but {error}", path.display()))
            };
            let pem = fs::read(path).map_err(|error| unreadable(&error))?;
            let read = Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(&reason(error)))?;
            if read.is_empty() {
                return Err(unreadable(&"there are none"));
            }
            authorities.extend(read);
        }
        let builder = || {
            let builder = Client::builder()
                .user_agent(crate::USER_AGENT)
                .connect_timeout(settings.connect_timeout)
                .read_timeout(settings.silence_timeout)
                .redirect(told(registries.contacts().clone()))
                // A digest is that of the bytes as they are stored.
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_zstd();
            let builder = if authorities.is_empty() { builder } else { builder.tls_certs_merge(authorities.clone()) };
            // Unlike Go's, this client would look for a loopback registry through the proxy.
            if reference.is_loopback() { Ok(builder.no_proxy()) } else { settings.reach.lead(builder) }
        };
        let built = match builder().and_then(reqwest::ClientBuilder::build) {
            // A host without any certificate authority can still use plain HTTP.
            Err(_) if reference.is_plain() => builder().and_then(|builder| builder.tls_certs_only([]).build()),
            built => built,
        };
        Ok(Self {
            origin: reference.origin(),
            client: built.map_err(|error| failed(reason(error)))?,
            contacts: registries.contacts().clone(),
            credentials,
            found: tokio::sync::OnceCell::new(),
            permits: Arc::new(Semaphore::new(settings.connections)),
            quiet: Mutex::default(),
            sessions: Mutex::default(),
        })
    }

    /// The credential for the registry, if one is configured. A helper is asked once.
    pub async fn credential(&self, reference: &Reference) -> Result<Option<Credential>, RegistryError> {
        let found = self.found.get_or_try_init(|| self.credentials.find()).await;
        found.cloned().map_err(|broken| broken.of(reference))
    }

    pub fn session(&self, repository: &str, writes: bool) -> SharedSession {
        let mut sessions = self.sessions.lock().expect("no holder panics");
        Arc::clone(sessions.entry((repository.to_owned(), writes)).or_default())
    }

    /// Waits until the registry may be asked again.
    pub async fn quiet(&self) {
        let until = *self.quiet.lock().expect("no holder panics");
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    /// The registry asked everybody for a pause.
    pub fn hush(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut quiet = self.quiet.lock().expect("no holder panics");
        *quiet = Some(quiet.map_or(until, |known| known.max(until)));
    }
}

/// Follows redirects as usual, and remembers where they lead.
fn told(contacts: Contacts) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > 10 {
            return attempt.error("it redirects in a circle");
        }
        contacts.request(attempt.url());
        attempt.follow()
    })
}
