//! How registries are spoken to: what the user says of them, and what is tolerated.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{Cache, RegistryMap, RetryPolicy, host_of};
use crate::{cluster::Reach, redact::Secrets};

/// Only tests choose another patience than the defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    pub retry: RetryPolicy,
    /// The folder of Docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// Requests to one registry at a time, and layers of one artifact.
    pub connections: usize,
    pub connect_timeout: Duration,
    /// How long a connection may stay silent. A slow download that moves is never cut off.
    pub silence_timeout: Duration,
    /// How registries are reached.
    pub reach: Reach,
    /// Who must not tell what registries are told.
    pub secrets: Secrets,
    /// What references are rewritten to.
    pub map: RegistryMap,
    /// Registries, as `host` or `host:port`, that speak plain HTTP. Loopback addresses always do.
    pub plain_http: BTreeSet<String>,
    /// Files of PEM certificates that are trusted besides the system's.
    pub authorities: Vec<PathBuf>,
    /// Where content is kept between runs; `None` keeps nothing.
    pub cache: Option<Cache>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            docker_config: docker_config_dir(),
            connections: 8,
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(30),
            reach: Reach::default(),
            secrets: Secrets::default(),
            map: RegistryMap::default(),
            plain_http: BTreeSet::new(),
            authorities: Vec::new(),
            cache: None,
        }
    }
}

impl Settings {
    /// Whether the registry, as `host` or `host:port`, was said to speak plain HTTP.
    pub fn is_plain(&self, registry: &str) -> bool {
        self.plain_http.contains(registry) || self.plain_http.contains(host_of(registry))
    }
}

/// Docker's rule: `$DOCKER_CONFIG`, else `~/.docker`.
fn docker_config_dir() -> Option<PathBuf> {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("DOCKER_CONFIG").or_else(|| named("HOME").map(|home| home.join(".docker")))
}
