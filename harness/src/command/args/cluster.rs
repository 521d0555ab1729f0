//! What the command line takes to name a cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use semver::Version;

use crate::{
    cluster::{ConnectOptions, SimulateOptions},
    diagnostic::Diagnostic,
    plan::KubernetesWish,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClusterKind {
    /// A cluster inside this process: nothing else is needed, and nothing else is reached.
    Simulated,
    /// A cluster of kind's node images, made in Docker for the run and removed with it: nothing but Docker is needed.
    Kind,
    /// The cluster of a kubeconfig's context.
    Kubeconfig,
    /// The cluster that Meshproof itself runs in, by its pod's service account.
    InCluster,
    /// None: for suites that ask only registries and addresses. These are really reached.
    None,
}

/// Which cluster.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The kind of cluster. A real one is used only when it is named.
    #[arg(long = "cluster", value_enum, default_value_t = ClusterKind::Simulated, env = "MESHPROOF_CLUSTER")]
    pub kind: ClusterKind,
    /// The version of Kubernetes to simulate, or that a kind cluster is to have, like 1.27 or 1.27.16.
    #[arg(long, value_name = "VERSION", value_parser = wish, env = "MESHPROOF_KUBERNETES")]
    pub kubernetes: Option<KubernetesWish>,
    /// In place of $KUBECONFIG and ~/.kube/config.
    #[arg(long, value_name = "FILE", env = "MESHPROOF_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// In place of the kubeconfig's current context.
    #[arg(long, value_name = "NAME", env = "MESHPROOF_CONTEXT")]
    pub context: Option<String>,
}

impl ClusterArgs {
    pub fn connect_options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            in_cluster: self.kind == ClusterKind::InCluster,
            ..ConnectOptions::default()
        }
    }

    /// The version of Kubernetes to simulate, if one is chosen; its patch is the first where it is left open.
    pub fn simulated_version(&self) -> Option<Version> {
        self.kubernetes.map(|wish| Version::new(wish.major, wish.minor, wish.patch.unwrap_or_default()))
    }

    /// Flags that say something of another kind of cluster than the one named.
    pub fn contradiction(&self) -> Option<Diagnostic> {
        let kubeconfig = self.kind == ClusterKind::Kubeconfig;
        let flag = match () {
            () if self.context.is_some() && !kubeconfig => "--context",
            () if self.kubeconfig.is_some() && !kubeconfig => "--kubeconfig",
            () if self.kubernetes.is_some() && !self.kind.is_made() => "--kubernetes",
            () => return None,
        };
        self.kind.means_nothing(flag)
    }
}

impl ClusterKind {
    /// Whether Meshproof makes the clusters itself, of any version.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Simulated | Self::Kind)
    }

    /// That a flag is of another kind of cluster.
    pub(super) fn means_nothing(self, flag: &str) -> Option<Diagnostic> {
        let named = self.to_possible_value()?;
        let help = match flag {
            "--cells" => "a real cluster takes one cell at a time; name several by --contexts",
            "--kubernetes" => "a real cluster has the version that it has; leave it out",
            "--load" | "--workers" | "--api-port" | "--keep-cluster" => "for a cluster in Docker, add --cluster kind",
            _ => "for a real cluster, add --cluster kubeconfig",
        };
        Some(Diagnostic::error(format!("{flag} means nothing to --cluster {}", named.get_name())).help(help))
    }
}

fn wish(text: &str) -> Result<KubernetesWish, String> {
    kubernetes(text)?;
    text.parse()
}

pub(super) fn kubernetes(text: &str) -> Result<Version, String> {
    let padded = if text.matches('.').count() == 1 { format!("{text}.0") } else { text.to_owned() };
    let version = Version::parse(padded.trim_start_matches('v')).map_err(|error| error.to_string())?;
    let known = version.major == 1 && SimulateOptions::MINORS.contains(&version.minor);
    known.then_some(version).ok_or_else(|| "1.25 to 1.34 can be simulated".to_owned())
}
