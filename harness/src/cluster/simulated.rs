//! A cluster inside this process.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use meshproof_simulator::{IstioRelease, Program, Settings, Simulator};
use semver::Version;

use super::{Cluster, ConnectError, ConnectOptions, Pace, Proxy, Reach, connect};
use crate::{plan::Release, redact::Secrets};

/// What cluster to simulate.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// Of Kubernetes.
    pub version: Version,
    /// How fast its time passes.
    pub pace: Pace,
    /// What its registries have.
    pub releases: Vec<Release>,
    /// As for a real cluster.
    pub secrets: Secrets,
}

/// The newest version of Kubernetes that the simulator was compared with.
pub const KUBERNETES: Version = Version::new(1, 28, 15);

/// The first argument by which this program is asked to be the istioctl of a simulated release.
pub const ISTIOCTL: &str = "simulated-istioctl";

/// A run's time is mostly waiting, which need not take long where nothing is really started.
pub const PACE: f64 = 20.0;

impl SimulateOptions {
    /// The minor versions of Kubernetes 1 that can be simulated.
    pub const MINORS: RangeInclusive<u64> = 25..=34;
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self { version: KUBERNETES, pace: Pace::times(PACE), releases: Vec::new(), secrets: Secrets::default() }
    }
}

/// A cluster that runs, and the files by which others find it.
#[derive(Debug)]
pub struct Simulated {
    pub simulator: Simulator,
    pub kubeconfig: PathBuf,
    pub proxy: Proxy,
}

/// Starts a cluster and connects to it; it lasts as long as what is given back. `directory` receives the kubeconfig for
/// programs.
pub async fn simulate(options: &SimulateOptions, directory: &Path) -> Result<Cluster, ConnectError> {
    let simulated = start_simulated(options, directory).await?;
    let connect_options = ConnectOptions {
        kubeconfig: Some(simulated.kubeconfig.clone()),
        secrets: options.secrets.clone(),
        ..ConnectOptions::default()
    };
    let mut cluster = connect(&connect_options, directory).await?;
    cluster.pace = options.pace;
    cluster.reach_by(Reach::Behind(simulated.proxy));
    cluster.simulator = Some(simulated.simulator);
    Ok(cluster)
}

/// Starts a cluster; `directory` receives its kubeconfig and the certificate of its authority.
pub async fn start_simulated(options: &SimulateOptions, directory: &Path) -> Result<Simulated, ConnectError> {
    let told = |error: std::io::Error| ConnectError::Simulate(error.to_string());
    // The release's istioctl is this program, asked to be it.
    let path = std::env::current_exe().map_err(told)?;
    let settings = Settings {
        version: options.version.clone(),
        pace: meshproof_simulator::clock::Pace::Scaled(options.pace.factor()),
        releases: options.releases.iter().map(release).collect::<Result<_, ConnectError>>()?,
        istioctl: Some(Program { path, arguments: vec![ISTIOCTL.to_owned()] }),
        ..Settings::default()
    };
    let simulator = Simulator::start(settings).await.map_err(told)?;
    let gate = simulator.gate();
    let kubeconfig = directory.join("simulated.kubeconfig");
    let authority_file = directory.join("simulated.pem");
    for (path, content) in [(&kubeconfig, simulator.kubeconfig()), (&authority_file, gate.authority().to_owned())] {
        let written = std::fs::write(path, content);
        written.map_err(|error| ConnectError::Write { path: path.clone(), reason: error.to_string() })?;
    }
    let proxy = Proxy { url: gate.url(), authority: gate.authority().to_owned(), authority_file };
    Ok(Simulated { simulator, kubeconfig, proxy })
}

fn release(release: &Release) -> Result<IstioRelease, ConnectError> {
    let version = Version::parse(&release.version)
        .map_err(|error| ConnectError::Simulate(format!("`{}` is not a version of Istio: {error}", release.version)))?;
    Ok(IstioRelease { registry: release.registry.clone(), version })
}
