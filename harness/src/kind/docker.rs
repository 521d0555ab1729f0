//! Docker itself: what it is, and which nodes it has of runs.

use std::{collections::HashMap, path::Path};

use testcontainers::{
    bollard,
    bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder},
    core::client::docker_client_instance,
};

use super::{KindError, Step};
use crate::{engine::RUN_LABEL, journal::Journal};

/// The file that a run's process has locked while it lives.
pub const LOCK_LABEL: &str = "meshproof.dev/lock";
/// On nodes that are to outlive their run: what they are, so that a later run finds them.
pub const KEPT_LABEL: &str = "meshproof.dev/kept";
/// `control-plane`, or which worker.
pub const ROLE_LABEL: &str = "meshproof.dev/role";

/// A Docker that has answered.
#[derive(Debug, Clone)]
pub struct Docker {
    pub(super) client: bollard::Docker,
    /// Of its host, in bytes.
    pub memory: u64,
}

/// A node that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    pub name: String,
    /// Whose it is; `None` for one that is kept.
    pub run: Option<String>,
    /// Whether the process that made it lives.
    pub in_use: bool,
}

impl Docker {
    /// Asks the Docker that `DOCKER_HOST` or the usual socket leads to.
    pub async fn reach() -> Result<Self, KindError> {
        let failed = |error: &bollard::errors::Error| KindError::docker(Step::Docker, error);
        let client =
            docker_client_instance().await.map_err(|error| KindError::container(Step::Docker, &error.into()))?;
        let info = client.info().await.map_err(|error| failed(&error))?;
        let memory = info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
        Ok(Self { client, memory })
    }

    /// Every node that a run of Meshproof has made, whatever became of the run.
    pub async fn nodes(&self) -> Result<Vec<Found>, KindError> {
        let filters = HashMap::from([("label", vec![ROLE_LABEL])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = self.client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| KindError::docker(Step::Docker, &error))?;
        let found = listed.into_iter().filter_map(|container| {
            let labels = container.labels.unwrap_or_default();
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            Some(Found {
                id: container.id?,
                name: name.trim_start_matches('/').to_owned(),
                run: labels.get(RUN_LABEL).cloned(),
                in_use: labels.get(LOCK_LABEL).is_some_and(|path| Journal::is_being_written(Path::new(path))),
            })
        });
        Ok(found.collect())
    }

    /// Removes a container with its volumes. One that is gone already is as well.
    pub async fn remove(&self, id: &str) -> Result<(), KindError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.client.remove_container(id, Some(options)).await {
            Ok(()) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) => Err(KindError::docker(Step::Container, &error)),
        }
    }

    /// Removes what a run made and could not remove itself, such as a container that was just being made as the run was interrupted.
    pub async fn sweep(&self, run: &str) -> Result<(), KindError> {
        for node in self.nodes().await?.iter().filter(|node| node.run.as_deref() == Some(run)) {
            self.remove(&node.id).await?;
        }
        Ok(())
    }
}
