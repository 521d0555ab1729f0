//! The cluster that a run is made on: one connection, one table of kinds, one watch for each kind and namespace.

mod connect;
mod kinds;
mod none;
mod pace;
mod reach;
mod request;
mod simulated;
mod store;
mod trouble;

pub use connect::{ConnectError, ConnectOptions, Connection, connect, write_private};
pub use kinds::{Kind, KindError, Kinds};
pub use none::no_cluster;
pub use pace::Pace;
pub use reach::{Proxy, Reach};
pub use request::{Answer, Verb};
pub use simulated::{ISTIOCTL, SimulateOptions, Simulated, simulate, start_simulated};
pub use store::{Object, Scope, Store, Watches, object_version};
pub use trouble::Trouble;

use std::{path::PathBuf, sync::Arc, time::Duration};

use meshproof_simulator::Simulator;
use tokio::{sync::OnceCell, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    redact::Secrets,
    registry::{Registries, Settings},
};

/// While the API server is away, deadlines rest; for so long at most.
pub const OUTAGE: Duration = Duration::from_secs(60);

/// A cluster that has answered.
pub struct Cluster {
    pub client: kube::Client,
    /// For a connection that no request has used yet.
    config: kube::Config,
    pub connection: Connection,
    pub kinds: Kinds,
    pub watches: Arc<Watches>,
    /// A kubeconfig of this connection alone, for the programs that scenarios run. Readable by the owner only.
    pub kubeconfig: PathBuf,
    /// While the API server is away, deadlines rest; for so long at most.
    pub outage: Duration,
    /// How fast its time passes.
    pub pace: Pace,
    /// How what lies beyond its API server is reached.
    pub reach: Reach,
    /// Registries, reached so.
    pub registries: Registries,
    /// The cluster itself, where it is a simulated one.
    pub simulator: Option<Simulator>,
    /// What no report may tell.
    pub secrets: Secrets,
    /// The uid of `kube-system`, once it is known.
    identity: OnceCell<String>,
}

/// So long an API server may take to answer a program's way of asking.
const ANSWER: Duration = Duration::from_secs(5);

/// So long what is asked outside any step's deadline may be in the way.
const HICCUP: Duration = Duration::from_secs(15);

/// Asks again while what is in the way may pass, a little later each time.
pub async fn patiently<T, F: Future<Output = Result<T, Trouble>>>(ask: impl Fn() -> F) -> Result<T, Trouble> {
    let given_up = Instant::now() + HICCUP;
    let mut waits = store::Reconnect::default();
    loop {
        match ask().await {
            Err(trouble) if trouble.is_passing() && Instant::now() < given_up => {
                tokio::time::sleep(waits.next().unwrap_or_default()).await;
            }
            answer => return answer,
        }
    }
}

impl Cluster {
    /// Reaches what lies beyond the API server so, registries too.
    pub fn reach_by(&mut self, reach: Reach) {
        self.reach = reach;
        self.speak_to_registries(&self.registries.settings().clone());
    }

    /// Speaks to registries as `settings` say, from where the cluster is.
    pub fn speak_to_registries(&mut self, settings: &Settings) {
        let (reach, secrets) = (self.reach.clone(), self.secrets.clone());
        let settings = Settings { reach, secrets, ..settings.clone() };
        self.registries = Registries::new(settings, self.registries.contacts().clone());
    }

    /// The uid of `kube-system`, which lives as long as the cluster: asked for once. `None` where it may not be seen.
    pub async fn identity(&self) -> Option<&str> {
        let asked = self.identity.get_or_try_init(|| async {
            let path = Kind::built_in("Namespace").expect("it is in the table").path(None, Some("kube-system"));
            let deadline = Instant::now() + 2 * ANSWER;
            let answer = self.request(&path, &Verb::Get, deadline, &CancellationToken::new()).await?;
            let uid = answer.body["metadata"]["uid"].as_str().map(str::to_owned);
            uid.ok_or_else(|| Trouble::Unreadable("kube-system has no uid".to_owned()))
        });
        asked.await.ok().map(String::as_str)
    }

    /// Whether programs could reach the API server all the time since `outages` were counted, and can now. An API server that
    /// ends keeps its open connections for a while and takes no new ones: watches go on, and programs find nothing.
    pub async fn was_reachable(&self, outages: u64) -> bool {
        let (times, away) = self.watches.outages();
        if away || times > outages {
            return false;
        }
        let Ok(client) = kube::Client::try_from(self.config.clone()) else { return true };
        let asked = tokio::time::timeout(ANSWER, client.apiserver_version()).await;
        asked.is_ok_and(|answer| answer.is_ok() || !answer.is_err_and(|error| Trouble::from(error).is_passing()))
    }

    /// Finds a kind as [`Kinds::find`] does, again while the API server is away.
    pub async fn kind(&self, api_version: Option<&str>, kind: &str) -> Result<Kind, KindError> {
        let mut waits = store::Reconnect::default();
        let given_up = Instant::now() + self.outage;
        loop {
            match self.kinds.find(api_version, kind).await {
                Err(KindError::Trouble(trouble)) if trouble.is_passing() && Instant::now() < given_up => {
                    tokio::time::sleep(waits.next().unwrap_or_default()).await;
                }
                found => return found,
            }
        }
    }
}
