//! No cluster at all: for suites that ask only what lies beyond one.

use std::path::Path;

use kube::{Client, Config, config::Kubeconfig};
use semver::Version;

use super::{Cluster, ConnectError, Connection, Kinds, Pace, Reach, Watches, write_private};
use crate::{
    redact::Secrets,
    registry::{Contacts, Registries, Settings},
};

/// A name that leads nowhere, by RFC 2606. Whoever runs a plan without a cluster has seen to it that no case asks one.
const NOWHERE: &str = "http://no-cluster.invalid";

/// What a run has in place of a cluster; addresses beyond it are reached directly. `directory` receives a kubeconfig without any cluster,
/// so that programs do not find the user's.
pub fn no_cluster(directory: &Path, secrets: &Secrets) -> Result<Cluster, ConnectError> {
    let config = Config::new(NOWHERE.parse().expect("a constant URL"));
    let client = Client::try_from(config.clone())
        .map_err(|error| ConnectError::Client { server: NOWHERE.to_owned(), reason: error.to_string() })?;
    let kubeconfig = directory.join("kubeconfig");
    write_private(&kubeconfig, &Kubeconfig::default())?;
    Ok(Cluster {
        kinds: Kinds::new(client.clone()),
        watches: Watches::new(client.clone(), secrets.clone()),
        secrets: secrets.clone(),
        client,
        config,
        connection: Connection {
            context: "no cluster".to_owned(),
            server: String::new(),
            git_version: "none".to_owned(),
            version: Version::new(0, 0, 0),
            answered_at: None,
            kubeconfig: None,
            in_cluster: false,
        },
        kubeconfig,
        outage: super::OUTAGE,
        pace: Pace::REAL,
        reach: Reach::default(),
        registries: Registries::new(Settings { secrets: secrets.clone(), ..Settings::default() }, Contacts::default()),
        identity: tokio::sync::OnceCell::new(),
        simulator: None,
    })
}
