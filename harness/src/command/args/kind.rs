//! What the command line takes to make clusters in Docker.

use std::path::PathBuf;

use clap::Args;

use crate::kind::NodeImage;

/// How `--cluster kind` makes its nodes.
#[derive(Debug, Clone, Args)]
pub struct KindArgs {
    /// The image of nodes of a version, in place of kind's own, like 1.28=registry.example/node:v1.28.15. May be given several times.
    #[arg(long = "node-image", value_name = "VERSION=IMAGE", env = "MESHPROOF_NODE_IMAGE", value_delimiter = ',')]
    pub node_images: Vec<NodeImage>,
    /// An archive of images that kind's nodes are given, as `docker save` writes it or an OCI layout packed by tar. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub load: Vec<PathBuf>,
    /// So many further nodes in each kind cluster.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub workers: u8,
    /// Publish the API server of a kind cluster at this port of 127.0.0.1, in place of one that Docker chooses. For one cluster at a time.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub api_port: Option<u16>,
    /// Leave kind's clusters, without what the run made on them; the next run with this flag uses them again.
    #[arg(long)]
    pub keep_cluster: bool,
}

impl KindArgs {
    /// Which of them is given on the command line, if any: the first.
    pub(super) fn named(&self) -> Option<&'static str> {
        match () {
            () if !self.load.is_empty() => Some("--load"),
            () if self.workers > 0 => Some("--workers"),
            () if self.api_port.is_some() => Some("--api-port"),
            () if self.keep_cluster => Some("--keep-cluster"),
            () => None,
        }
    }
}
