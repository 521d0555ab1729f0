//! A registry in this process that speaks the OCI distribution protocol's pull side and fails on demand.

mod archives;
mod responses;
mod server;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::http::header;
use oci_client::annotations::ORG_OPENCONTAINERS_IMAGE_TITLE;
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Digest;

pub(crate) use archives::{Item, gzip, tar, tar_gz};

/// Installs the TLS provider that `main` installs elsewhere.
pub(crate) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A running registry. Dropping it ends it.
pub(crate) struct TestRegistry {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// A request as the registry saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub route: Route,
    /// With the query.
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    Root,
    Token,
    Manifest,
    Blob,
    Referrers,
    Other,
}

/// Who may read.
#[derive(Debug, Clone, Default)]
pub(crate) enum Access {
    #[default]
    Anyone,
    /// Who sends this user name and password with each request.
    Basic(&'static str, &'static str),
    /// Who fetched a token.
    Token {
        login: Login,
        /// How many requests the first token is good for. Those that follow are good for any.
        uses: usize,
    },
    /// Who speaks something that nobody does.
    Unknown,
}

/// Who gets a token.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    Anyone,
    Password(&'static str, &'static str),
    Refresh(&'static str),
}

/// What happens to a request instead of the right answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Answer {
        status: u16,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
    },
    /// The right answer, after a while.
    Late(Duration),
    /// The right answer, piece by piece.
    Slow {
        piece: usize,
        pause: Duration,
    },
    /// Only the first bytes, as from a damaged store.
    Truncated {
        keep: usize,
        announced: bool,
    },
    /// More than there is, as from a damaged store.
    Longer {
        announced: bool,
    },
    /// It never ends.
    Endless,
    /// One bit is wrong.
    Flipped {
        at: usize,
    },
    /// The connection ends after the first bytes.
    CutOff {
        after: usize,
    },
    /// Another place has it.
    Elsewhere {
        origin: String,
    },
}

impl Fault {
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: &[], body: "" }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    /// By repository and digest.
    blobs: HashMap<(String, String), Vec<u8>>,
    /// By repository and tag or digest.
    manifests: HashMap<(String, String), (String, Vec<u8>)>,
    /// By repository and digest; what is not among them is answered as by a registry that lists no referrers.
    referrers: HashMap<(String, String), Vec<u8>>,
    access: Access,
    faults: HashMap<Route, VecDeque<(usize, Fault)>>,
    /// How many more requests each token is good for.
    tokens: HashMap<String, usize>,
    seen: Vec<Seen>,
    in_flight: usize,
    most_in_flight: usize,
}

impl TestRegistry {
    /// Starts an empty registry on a free port.
    pub async fn start() -> Self {
        install_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(server::serve).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, server }
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `host:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Stores a blob and gives its digest.
    pub fn push_blob(&self, repository: &str, content: impl Into<Vec<u8>>) -> String {
        let content = content.into();
        let digest = Digest::of(&content, None).to_string();
        self.content().blobs.insert((repository.to_owned(), digest.clone()), content);
        digest
    }

    /// Loses a blob.
    #[cfg(feature = "signatures")]
    pub fn remove_blob(&self, repository: &str, digest: &str) {
        self.content().blobs.remove(&(repository.to_owned(), digest.to_owned()));
    }

    /// Stores a manifest under its tag and its digest, and gives the digest.
    pub fn push_manifest(&self, repository: &str, tag: &str, media_type: &str, body: impl Into<Vec<u8>>) -> String {
        let body = body.into();
        let digest = Digest::of(&body, None).to_string();
        for name in [tag, &digest] {
            let key = (repository.to_owned(), name.to_owned());
            self.content().manifests.insert(key, (media_type.to_owned(), body.clone()));
        }
        digest
    }

    /// Stores an artifact as `oras push` does, and gives its digest.
    pub fn push_artifact(&self, repository: &str, tag: &str, layers: &[Layer]) -> String {
        let layers: Vec<Value> = layers.iter().map(|layer| layer.push(self, repository)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE_MEDIA_TYPE,
            "artifactType": "application/vnd.unknown.artifact.v1",
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": self.push_blob(repository, "{}"),
                "size": 2,
            },
            "layers": layers,
        });
        self.push_manifest(repository, tag, OCI_IMAGE_MEDIA_TYPE, manifest.to_string())
    }

    /// Lists what refers to a digest.
    #[cfg(feature = "signatures")]
    pub fn list_referrers(&self, repository: &str, digest: &str, index: impl Into<Vec<u8>>) {
        self.content().referrers.insert((repository.to_owned(), digest.to_owned()), index.into());
    }

    pub fn restrict(&self, access: Access) {
        self.content().access = access;
    }

    /// Lets the next `times` requests of `route` fail, after those that are to fail already.
    pub fn fail(&self, route: Route, fault: Fault, times: usize) {
        self.content().faults.entry(route).or_default().push_back((times, fault));
    }

    pub fn seen(&self, route: Route) -> Vec<Seen> {
        self.content().seen.iter().filter(|seen| seen.route == route).cloned().collect()
    }

    pub fn all_seen(&self) -> Vec<Seen> {
        self.content().seen.clone()
    }

    /// How many requests waited for an answer at the same time, at most.
    pub fn most_in_flight(&self) -> usize {
        self.content().most_in_flight
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A layer to push.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    content: Vec<u8>,
    media_type: String,
    annotations: BTreeMap<String, String>,
}

impl Layer {
    /// A file, of the media type that ORAS gives it.
    pub fn file(title: &str, content: impl Into<Vec<u8>>) -> Self {
        Self::untitled(content).annotated(ORG_OPENCONTAINERS_IMAGE_TITLE, title)
    }

    pub fn untitled(content: impl Into<Vec<u8>>) -> Self {
        let media_type = "application/vnd.oci.image.layer.v1.tar".to_owned();
        Self { content: content.into(), media_type, annotations: BTreeMap::new() }
    }

    /// A directory as ORAS packs it.
    pub fn directory(title: &str, content: impl Into<Vec<u8>>) -> Self {
        Self::file(title, content)
            .of_type("application/vnd.oci.image.layer.v1.tar+gzip")
            .annotated("io.deis.oras.content.unpack", "true")
    }

    pub fn of_type(mut self, media_type: &str) -> Self {
        media_type.clone_into(&mut self.media_type);
        self
    }

    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    fn push(&self, registry: &TestRegistry, repository: &str) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": registry.push_blob(repository, self.content.clone()),
            "size": self.content.len(),
            "annotations": self.annotations,
        })
    }
}

/// The header that a user name and a password become.
pub(crate) fn basic(user: &str, password: &str) -> String {
    let request = reqwest::Client::new().get("http://localhost").basic_auth(user, Some(password)).build().unwrap();
    request.headers()[header::AUTHORIZATION].to_str().unwrap().to_owned()
}
