//! Pulls from a registry in this process. Each test states one behaviour.

mod access;
mod answers;
mod contents;

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::{PullError, PullRequest, Pulled, pull};
use crate::registry::testing::{Item, Layer, TestRegistry, tar_gz};
use crate::registry::{Contacts, Registries, RegistryError, RetryPolicy, Settings};

const REPOSITORY: &str = "container_service/istio/istioctl-tool";

/// A registry, a destination, and what a pull from one to the other tolerates.
struct Bench {
    registry: TestRegistry,
    destination: TempDir,
    settings: Settings,
    request: PullRequest,
}

impl Bench {
    async fn new() -> Self {
        let registry = TestRegistry::start().await;
        let reference = format!("{}/{REPOSITORY}:1.24.0", registry.host());
        let retry = RetryPolicy {
            attempts: 3,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(2),
            ..RetryPolicy::default()
        };
        Self {
            registry,
            destination: TempDir::new().unwrap(),
            settings: Settings { retry, docker_config: None, ..Settings::default() },
            request: PullRequest { reference, plain_http: false, digest: None, unpack: true },
        }
    }

    /// With an Istio release in the shape of the real one.
    async fn with_release() -> Self {
        let bench = Self::new().await;
        bench.push(&[Layer::file("istio-1.24.0-linux-amd64.tar.gz", release())]);
        bench
    }

    fn push(&self, layers: &[Layer]) -> String {
        self.registry.push_artifact(REPOSITORY, "1.24.0", layers)
    }

    fn registries(&self) -> Registries {
        Registries::new(self.settings.clone(), Contacts::default())
    }

    async fn pull(&self) -> Result<Pulled, PullError> {
        pull(&self.request, self.destination.path(), &self.registries()).await
    }

    /// Everything in the destination, with the content of files.
    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.destination.path(), Path::new(""), &mut found);
        found.sort();
        found
    }
}

fn list(folder: &Path, below: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.push(format!("{}/", path.display()));
            list(folder, &path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}

fn release() -> Vec<u8> {
    tar_gz(&[
        Item::Directory("istio-1.24.0/"),
        Item::Directory("istio-1.24.0/bin/"),
        Item::Program("istio-1.24.0/bin/istioctl", "#!/bin/sh\n"),
        Item::File("istio-1.24.0/manifest.yaml", "version: 1.24.0\n"),
    ])
}
