//! Disposable real clusters in Docker: the nodes of kind's images, started, initialized, used and removed without kind itself.

mod balance;
mod container;
mod docker;
mod error;
mod forward;
mod image;
mod kubeadm;
mod load;
mod registries;
mod step;
mod tunnel;
mod up;

pub use docker::{Docker, Found};
pub use error::KindError;
pub use image::{NodeImage, NodeImages, STANDARD};
pub use registries::NodeRegistries;
pub use step::Step;
pub use up::{KindCluster, Making, up};

use std::path::PathBuf;

use crate::plan::KubernetesWish;

/// How nodes are made.
#[derive(Debug, Clone, Default)]
pub struct KindOptions {
    pub images: NodeImages,
    /// Of Kubernetes, for cells that want none of their own.
    pub version: Option<KubernetesWish>,
    /// Archives of images that each node is given, as `docker save` or an OCI layout.
    pub load: Vec<PathBuf>,
    /// Nodes beside the control plane's.
    pub workers: u8,
    /// On loopback, of the API server; Docker chooses one if it is not given.
    pub api_port: Option<u16>,
    /// So many clusters at once; by the memory of Docker's host if it is not given.
    pub at_once: Option<usize>,
    /// Clusters are left when the run is over, and taken again by the next that keeps them.
    pub keep: bool,
}

/// What a node needs at least, in bytes: its control plane, a mesh and a small application.
const MEMORY: u64 = 2 << 30;

impl KindOptions {
    /// What a cluster needs at least, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        MEMORY * (1 + u64::from(self.workers))
    }
}
