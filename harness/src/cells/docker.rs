//! A ground in Docker: the cluster of kind's nodes that the last cell was run on, or none.

use std::{path::PathBuf, sync::Arc};

use crate::{
    cluster::{Cluster, ConnectError, ConnectOptions, connect},
    kind::{Docker, KindCluster, KindError, KindOptions, Making, NodeRegistries, STANDARD, Step, up},
    plan::{Cell, KubernetesWish, RunIdentity},
    redact::Secrets,
    registry::Settings,
};

/// A file that this process has locked: nodes name it, so that others can tell whether their run lives.
#[derive(Debug)]
pub struct Lock {
    pub path: PathBuf,
    _file: std::fs::File,
}

/// What takes one cell after the other, each on a cluster of the version that it wants.
pub struct KindGround {
    docker: Docker,
    options: Arc<KindOptions>,
    run: String,
    lock: Arc<Lock>,
    /// Names its nodes; its files lie there.
    name: String,
    directory: PathBuf,
    up: Option<(KubernetesWish, KindCluster)>,
}

impl KindGround {
    /// As many as there is memory for and cells could use.
    pub async fn reach(options: KindOptions, run: &RunIdentity, versions: usize) -> Result<Vec<Self>, String> {
        let docker = Docker::reach().await.map_err(|error| error.to_string())?;
        let lock = Arc::new(Lock::take(run.directory.join("kind.lock"))?);
        let room = usize::try_from(docker.memory / options.memory()).unwrap_or(1);
        // Half of it: the host and what it does otherwise have the rest.
        let at_once = options.at_once.unwrap_or(room / 2).clamp(1, versions.max(1));
        let options = Arc::new(options);
        let ground = |n: usize| -> Result<Self, String> {
            let directory = run.directory.join(format!("kind-{n}"));
            std::fs::create_dir_all(&directory)
                .map_err(|error| format!("failed to make {}: {error}", directory.display()))?;
            Ok(Self {
                docker: docker.clone(),
                options: Arc::clone(&options),
                run: run.id.clone(),
                lock: Arc::clone(&lock),
                name: format!("meshproof-{}-{n}", run.id),
                directory,
                up: None,
            })
        };
        (1..=at_once).map(ground).collect()
    }

    /// Why it cannot prove a cell that wants such a cluster.
    pub fn refuses(&self, wish: KubernetesWish) -> Option<String> {
        if let Some(version) = self.options.version.filter(|version| !version.agrees(wish)) {
            return Some(format!("the kind clusters are to be {version}"));
        }
        self.image(wish).err()
    }

    fn image(&self, wanted: KubernetesWish) -> Result<String, String> {
        let images = &self.options.images;
        let unknown = || format!("node images are known of {}; name one with --node-image", images.known());
        images.of(wanted).ok_or_else(unknown)
    }

    pub fn is_at_hand(&self, wish: Option<KubernetesWish>) -> bool {
        self.up.as_ref().is_some_and(|(version, _)| *version == self.wanted(wish))
    }

    fn wanted(&self, wish: Option<KubernetesWish>) -> KubernetesWish {
        self.options.version.or(wish).unwrap_or(STANDARD)
    }

    /// The cluster of the version that a cell wants, which is brought up unless it is there. Its nodes speak to registries as the
    /// cell does.
    pub async fn cluster(
        &mut self,
        cell: &Cell,
        settings: &Settings,
        secrets: &Secrets,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Cluster, ConnectError> {
        let registries = NodeRegistries::of(settings, cell.values.values());
        if self.is_at_hand(cell.kubernetes) {
            if let Some((_, cluster)) = &mut self.up {
                cluster.speak_to(&registries).await?;
            }
        } else {
            self.end().await?;
            let wanted = self.wanted(cell.kubernetes);
            let image = self.image(wanted).map_err(|reason| KindError::new(Step::Image, reason))?;
            let name = match self.options.keep {
                true => format!("meshproof-kept-{wanted}"),
                false => format!("{}-{wanted}", self.name),
            };
            let making = Making {
                docker: &self.docker,
                options: &self.options,
                image: &image,
                name: &name,
                run: &self.run,
                lock: &self.lock.path,
                registries: &registries,
                directory: &self.directory,
                tell,
            };
            self.up = Some((wanted, up(&making).await?));
        }
        let (kubeconfig, reach) =
            self.up.as_ref().map(|(_, cluster)| (cluster.kubeconfig.clone(), cluster.reach())).unzip();
        let options = ConnectOptions { kubeconfig, secrets: secrets.clone(), ..ConnectOptions::default() };
        let mut cluster = connect(&options, &self.directory).await?;
        cluster.reach_by(reach.unwrap_or_default());
        Ok(cluster)
    }

    /// Removes its cluster; gives the names of nodes that are to be kept.
    pub async fn end(&mut self) -> Result<Vec<String>, KindError> {
        match self.up.take() {
            Some((_, cluster)) => cluster.down().await,
            None => Ok(Vec::new()),
        }
    }

    /// Removes what the run's nodes left that it does not know of any more.
    pub async fn sweep(&self) -> Result<(), KindError> {
        self.docker.sweep(&self.run).await
    }
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self, String> {
        let failed = |reason: String| format!("failed to lock {}: {reason}", path.display());
        let file = std::fs::File::create(&path).map_err(|error| failed(error.to_string()))?;
        file.try_lock().map_err(|error| failed(error.to_string()))?;
        Ok(Self { path, _file: file })
    }
}
