//! What is done until a node can be used.

use std::fmt;

/// One step of the way up. The reports name the one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Docker is asked what it is and has.
    Docker,
    /// The node's image is there, or pulled.
    Image,
    /// The container runs.
    Container,
    /// Its systemd has started everything.
    Boot,
    /// Its containerd knows how the run's registries are spoken to.
    Registries,
    /// The images that were named are given to it.
    Load,
    /// The control plane is made.
    Init,
    /// Pods have a network.
    Network,
    /// Claims find a storage class.
    Storage,
    /// Further nodes are there.
    Join,
    /// Kubernetes says that every node is ready.
    Ready,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "find Docker",
            Self::Image => "find the node's image",
            Self::Container => "start the node's container",
            Self::Boot => "boot the node",
            Self::Registries => "give the nodes the way to registries",
            Self::Load => "load images into the node",
            Self::Init => "initialize the control plane",
            Self::Network => "install the pods' network",
            Self::Storage => "install the storage class",
            Self::Join => "join the workers",
            Self::Ready => "see the nodes ready",
        })
    }
}
