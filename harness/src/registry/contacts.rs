//! Every address that was spoken to, and how much was said.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use reqwest::Url;

/// Shared by all who speak to something beyond this machine's process. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Contacts(Arc<Mutex<BTreeMap<String, Traffic>>>);

/// What went to and came from one address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub requests: u64,
    /// Of answers' bodies, as they were read.
    pub bytes: u64,
}

impl Contacts {
    /// A request to `url`, made now.
    pub fn request(&self, url: &Url) {
        self.with(&origin(url), |traffic| traffic.requests += 1);
    }

    /// Content that came from `url`.
    pub fn received(&self, url: &Url, bytes: u64) {
        self.with(&origin(url), |traffic| traffic.bytes += bytes);
    }

    /// An address that something else than HTTP was spoken to, as `https://host:port`.
    pub fn address(&self, origin: &str) {
        self.with(origin, |traffic| traffic.requests += 1);
    }

    /// Each address, as `https://host:port` without a port that goes without saying.
    pub fn all(&self) -> BTreeMap<String, Traffic> {
        self.0.lock().expect("no holder panics").clone()
    }

    /// All of it together.
    pub fn total(&self) -> Traffic {
        let add = |sum: Traffic, one: &Traffic| Traffic {
            requests: sum.requests + one.requests,
            bytes: sum.bytes + one.bytes,
        };
        self.0.lock().expect("no holder panics").values().fold(Traffic::default(), add)
    }

    fn with(&self, origin: &str, change: impl FnOnce(&mut Traffic)) {
        change(self.0.lock().expect("no holder panics").entry(origin.to_owned()).or_default());
    }
}

fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}
