//! What `meshproof simulate` takes.

use std::path::PathBuf;

use clap::Args;
use semver::Version;

use super::cluster::kubernetes;
use crate::plan::Release;

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Write the kubeconfig there. The file must not be there yet; it goes with the cluster.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: PathBuf,
    /// The version of Kubernetes, like 1.27.16.
    #[arg(long, value_name = "VERSION", value_parser = kubernetes)]
    pub kubernetes: Option<Version>,
    /// How many times as fast as real time the cluster's time passes.
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = pace)]
    pub pace: f64,
    /// A release of Istio that a registry has, like registry.example/istio:1.24.0. May be given several times.
    #[arg(long = "release", value_name = "REGISTRY:VERSION", value_parser = release)]
    pub releases: Vec<Release>,
}

fn pace(text: &str) -> Result<f64, String> {
    let times: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (times > 0.0 && times <= 10_000.0).then_some(times).ok_or_else(|| "more than 0, and 10000 at most".to_owned())
}

fn release(text: &str) -> Result<Release, String> {
    let (registry, version) = text.rsplit_once(':').ok_or("write it like registry.example/istio:1.24.0")?;
    Version::parse(version).map_err(|error| format!("`{version}` is not a version: {error}"))?;
    Ok(Release { registry: registry.to_owned(), version: version.to_owned() })
}
