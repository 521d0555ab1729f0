//! Where cells are run: simulated clusters, made anew for each; or a real one that takes one cell after the other.

use std::path::PathBuf;

use indexmap::IndexMap;
use meshproof_reports::Cluster as ClusterRecord;
use semver::Version;

use super::docker::KindGround;
use crate::{
    cluster::{Cluster, ConnectError, ConnectOptions, Connection, SimulateOptions, connect, no_cluster, simulate},
    kind::KindOptions,
    plan::{Cell, KubernetesWish},
    redact::Secrets,
    registry::Settings,
};

/// The clusters of a run, as the user named them.
#[derive(Debug, Clone)]
pub enum Clusters {
    /// `version` is that of all of them, if it is chosen; so many run at once.
    Simulated { version: Option<Version>, at_once: usize },
    /// Each takes cells that it can prove. `provider` is what the reports call them.
    Real { provider: &'static str, contexts: Vec<ConnectOptions> },
    /// Made in Docker, one for each version of Kubernetes that cells want.
    Kind(KindOptions),
    /// None: the suite asks no cluster.
    None,
}

/// One place for one cell at a time.
pub enum Ground {
    Simulated {
        version: Option<Version>,
    },
    Real {
        provider: &'static str,
        options: ConnectOptions,
        directory: PathBuf,
        connection: Box<Connection>,
        first: Option<Box<Cluster>>,
    },
    Kind(Box<KindGround>),
    None,
}

impl Ground {
    /// Connects to a real cluster, which then waits for its first cell. `directory` receives kubeconfigs.
    pub async fn reach(
        provider: &'static str,
        options: ConnectOptions,
        directory: PathBuf,
    ) -> Result<Self, ConnectError> {
        let cluster = connect(&options, &directory).await?;
        let connection = Box::new(cluster.connection.clone());
        Ok(Self::Real { provider, options, directory, connection, first: Some(Box::new(cluster)) })
    }

    /// Why it cannot prove a cell that wants such a cluster.
    pub fn refuses(&self, wish: Option<KubernetesWish>) -> Option<String> {
        let wish = wish?;
        match self {
            Self::Simulated { version: Some(version) } => {
                (!wish.accepts(version)).then(|| format!("the simulated cluster is to be {version}"))
            }
            Self::Simulated { version: None } => {
                let known = wish.major == 1 && SimulateOptions::MINORS.contains(&wish.minor);
                let (least, most) = (SimulateOptions::MINORS.start(), SimulateOptions::MINORS.end());
                (!known).then(|| format!("1.{least} to 1.{most} can be simulated"))
            }
            Self::Kind(ground) => ground.refuses(wish),
            Self::None => Some("there is no cluster (--cluster none)".to_owned()),
            Self::Real { connection, .. } => {
                let Connection { context, git_version, version, .. } = connection.as_ref();
                (!wish.accepts(version)).then(|| format!("{context} is {git_version}"))
            }
        }
    }

    /// Whether a cell that wants such a cluster would find it up already.
    pub fn is_at_hand(&self, wish: Option<KubernetesWish>) -> bool {
        match self {
            Self::Kind(ground) => ground.is_at_hand(wish),
            _ => true,
        }
    }

    /// The cluster for a cell: one that has not been used for another.
    pub async fn cluster(
        &mut self,
        cell: &Cell,
        settings: &Settings,
        secrets: &Secrets,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Cluster, ConnectError> {
        match self {
            Self::Simulated { version } => {
                let standard = SimulateOptions::default();
                let version = version.clone().or(cell.kubernetes.map(simulated)).unwrap_or(standard.version.clone());
                let releases = cell.releases.clone();
                let options = SimulateOptions { version, releases, secrets: secrets.clone(), ..standard };
                simulate(&options, &cell.identity.directory).await
            }
            Self::Kind(ground) => ground.cluster(cell, settings, secrets, tell).await,
            Self::None => no_cluster(&cell.identity.directory, secrets),
            Self::Real { options, directory, first, .. } => match first.take() {
                Some(cluster) => Ok(*cluster),
                // A connection of its own: nothing that was seen for the cell before is taken for this one's.
                None => connect(options, directory).await,
            },
        }
    }

    /// What the reports say of it.
    pub fn describe(&self, cluster: &Cluster) -> ClusterRecord {
        let connection = &cluster.connection;
        let provider = match self {
            Self::Simulated { .. } => "simulated",
            Self::Real { provider, .. } => provider,
            Self::Kind(_) => "kind",
            Self::None => "none",
        };
        ClusterRecord {
            provider: provider.to_owned(),
            context: connection.context.clone(),
            server: connection.server.clone(),
            kubernetes_version: connection.git_version.clone(),
            simulated: cluster.simulator.is_some(),
            versions: IndexMap::from([("kubernetes".to_owned(), connection.git_version.clone())]),
            images: Vec::new(),
        }
    }
}

/// Where the patch is left open: of the simulator's own minor version the one that it was compared with, of others the first.
fn simulated(wish: KubernetesWish) -> Version {
    let standard = SimulateOptions::default().version;
    match wish.patch {
        Some(patch) => Version::new(wish.major, wish.minor, patch),
        None if wish.accepts(&standard) => standard,
        None => Version::new(wish.major, wish.minor, 0),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.28", "1.28.15")]
    #[case("1.28.3", "1.28.3")]
    #[case("1.25", "1.25.0")]
    fn a_simulated_cluster_is_of_the_version_that_is_wanted(#[case] wish: &str, #[case] version: &str) {
        assert_eq!(simulated(wish.parse().unwrap()).to_string(), version);
    }

    #[rstest]
    #[case(None, "1.28", None)]
    #[case(None, "1.40", Some("1.25 to 1.34 can be simulated"))]
    #[case(None, "2.28", Some("1.25 to 1.34 can be simulated"))]
    #[case(Some("1.28.15"), "1.28", None)]
    #[case(Some("1.28.15"), "1.27", Some("the simulated cluster is to be 1.28.15"))]
    fn what_cannot_be_proved_is_told(#[case] version: Option<&str>, #[case] wish: &str, #[case] reason: Option<&str>) {
        let ground = Ground::Simulated { version: version.map(|version| version.parse().unwrap()) };
        assert_eq!(ground.refuses(wish.parse().ok()).as_deref(), reason);
    }
}
