//! What a pull tolerates. Only tests choose anything else than the defaults.

use std::path::PathBuf;
use std::time::Duration;

use super::retry::RetryPolicy;
use super::unpack::Limits;
use crate::{cluster::Reach, redact::Secrets};

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub retry: RetryPolicy,
    pub limits: Limits,
    /// The folder of Docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    pub concurrent_layers: usize,
    pub connect_timeout: Duration,
    /// How long a connection may stay silent. A slow download that moves is never cut off.
    pub silence_timeout: Duration,
    /// How registries are reached.
    pub reach: Reach,
    /// Who must not tell what registries are told.
    pub secrets: Secrets,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            limits: Limits::default(),
            docker_config: docker_config_dir(),
            concurrent_layers: 4,
            connect_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(30),
            reach: Reach::default(),
            secrets: Secrets::default(),
        }
    }
}

/// Docker's rule: `$DOCKER_CONFIG`, else `~/.docker`.
fn docker_config_dir() -> Option<PathBuf> {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("DOCKER_CONFIG").or_else(|| named("HOME").map(|home| home.join(".docker")))
}
