//! What stands around a run, so that the cluster is afterwards as it was: the journal, leases, what dead runs left, and the
//! comparison of what was there before with what is there then.

mod compare;
mod footprint;
mod labels;
mod lease;
mod orphans;
mod recover;

pub use compare::{Difference, Doer, compare};
pub use footprint::{Footprint, Key, Seen};
pub use labels::find as by_labels;
pub use lease::{NAMESPACE as LEASE_NAMESPACE, Refusal};
pub use orphans::{RUN_VARIABLE, UNDER_WAY};
pub use recover::{Unrecovered, is_home, recover};

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    cluster::{Cluster, Kind, Trouble},
    engine::Shared,
    journal::{Begun, Held, Home, Journal, ReadError, Thing, VERSION, entries, journal_path},
    plan::{Claim, Plan, RunIdentity, claims},
};
use lease::Lease;

/// How a run is kept safe.
#[derive(Debug, Clone)]
pub struct Safety {
    /// Where journals lie.
    pub state: PathBuf,
    /// How long another run may take that this one would spoil.
    pub wait: Duration,
    /// Whether the cluster's objects are compared.
    pub inventory: bool,
}

/// A run that has begun safely.
#[derive(Debug)]
pub struct Stay {
    leases: Vec<Lease>,
    renewing: Option<AbortOnDropHandle<()>>,
    until: Until,
    before: Option<Footprint>,
    before_path: PathBuf,
    namespaces: BTreeSet<String>,
    /// Whether the run does anything beyond namespaces.
    cluster: bool,
}

/// How long leases are renewed.
#[derive(Debug, Clone, Default)]
pub struct Until {
    /// From here on, that a lease is gone is as it should be.
    pub leaving: CancellationToken,
    pub end: CancellationToken,
}

/// How long what goes by itself may take to be gone in the end.
const SETTLES: Duration = Duration::from_secs(15);

/// The name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Where a run's first footprint lies.
pub fn footprint_path(state: &Path, run: &str) -> PathBuf {
    journal_path(state, run).with_extension("before")
}

/// Begins the journal.
pub async fn begin(safety: &Safety, cluster: &Cluster, plan: &Plan, run: &RunIdentity) -> Result<Journal, String> {
    let begun = Begun {
        version: VERSION,
        run: run.id.clone(),
        at: crate::engine::now(),
        began: cluster.connection.answered_at,
        pid: std::process::id(),
        host: host(),
        suite: plan.suite.clone(),
        directory: run.directory.clone(),
        home: home(cluster).await,
    };
    let path = journal_path(&safety.state, &run.id);
    Journal::begin(&path, begun).map_err(|error| {
        format!("{error}; choose another folder with --state-dir, for without one nothing can be taken back")
    })
}

/// Which cluster it is.
pub async fn home(cluster: &Cluster) -> Home {
    let connection = &cluster.connection;
    Home {
        uid: cluster.identity().await.map(str::to_owned),
        server: connection.server.clone(),
        context: connection.context.clone(),
        kubeconfig: connection.kubeconfig.clone(),
        in_cluster: connection.in_cluster,
        simulated: cluster.simulator.is_some(),
    }
}

/// Takes what the run must have to itself, and counts what is there.
pub async fn enter(shared: &Arc<Shared>, plan: &Plan, run: &RunIdentity, safety: &Safety) -> Result<Stay, Refusal> {
    let claimed = claims(plan, run);
    let mut leases = Vec::new();
    for claim in &claimed {
        match lease::take(shared, claim, &plan.suite, &safety.state, safety.wait).await {
            Ok(lease) => leases.push(lease),
            Err(refusal) => {
                for lease in &leases {
                    let _ = lease::let_go(shared, lease).await;
                }
                return Err(refusal);
            }
        }
    }
    let until = Until::default();
    let renewing = (!leases.is_empty()).then(|| {
        let (shared, leases, until) = (Arc::clone(shared), leases.clone(), until.clone());
        AbortOnDropHandle::new(tokio::spawn(async move { lease::renew(&shared, &leases, &until).await }))
    });
    let cluster = claimed.contains(&Claim::Cluster);
    let namespaces = claimed.into_iter().filter_map(|claim| match claim {
        Claim::Namespace(name) => Some(name),
        Claim::Cluster => None,
    });
    let before_path = footprint_path(&safety.state, &run.id);
    let mut stay =
        Stay { leases, renewing, until, before: None, before_path, namespaces: namespaces.collect(), cluster };
    if safety.inventory {
        match footprint::take(&shared.cluster).await {
            Ok(before) => {
                // Only whoever cleans up after this process needs the file.
                if let Err(error) = write(&stay.before_path, &before) {
                    shared.tell(format!("failed to write {}: {error}", stay.before_path.display()));
                }
                if let Some(told) = before.told_unseen() {
                    shared.note(format!("note: {told}; `meshproof plan --rbac --with inventory` has the rights"));
                }
                stay.before = Some(before);
            }
            Err(trouble) => {
                shared.tell(format!("the cluster's objects could not be listed, and are not compared: {trouble}"));
            }
        }
    }
    Ok(stay)
}

/// What earlier runs of this machine left on this cluster. One that was told to keep is left alone.
pub async fn take_back_of_the_dead(shared: &Shared, safety: &Safety) {
    let here = home(&shared.cluster).await;
    for entry in entries(&safety.state).unwrap_or_default() {
        let found = match &entry.read {
            Ok(found) => found,
            Err(ReadError::Unbegun { .. }) => continue,
            Err(error) => {
                shared.note(format!(
                    "note: {error}; what that run left is not taken back (`meshproof clean` tells more)"
                ));
                continue;
            }
        };
        if found.kept || !is_home(&here, &found.begun.home) || Journal::is_being_written(&entry.path) {
            continue;
        }
        let told = format!("taking back what run {} left, which ended without doing so", entry.run);
        shared.note(told);
        let cancel = shared.cancel.child_token();
        match recover(&shared.cluster, &entry, &safety.state, shared.events.clone(), &cancel).await {
            Ok(left) => left.into_iter().for_each(|left| shared.tell(format!("run {}: {left}", entry.run))),
            Err(error) => shared.tell(error.to_string()),
        }
    }
}

impl Stay {
    /// Where the run worked, its own namespaces among them; to be called before anything is taken back.
    pub fn worked(&mut self, shared: &Shared) {
        let of = |thing: &Thing| match &thing.held {
            Held::Object(object) => object.change.namespace.clone(),
            Held::Program(_) => None,
        };
        let namespaces = shared.ledger.things().iter().filter_map(of).collect::<Vec<_>>();
        self.namespaces.extend(namespaces.into_iter().filter(|namespace| namespace != LEASE_NAMESPACE));
        self.until.leaving.cancel();
    }

    /// Compares, once what goes by itself has had time to. Gives what the run left or took, a line each.
    pub async fn compare(&self, shared: &Shared, give_up: &CancellationToken) -> Vec<String> {
        let Some(before) = &self.before else { return Vec::new() };
        let doer = Doer {
            run: shared.run_id.clone(),
            began: shared.began,
            namespaces: self.namespaces.clone(),
            cluster: self.cluster,
        };
        differences(shared, before, &doer, give_up).await
    }

    /// Ends what goes on beside the run, and lets go of its leases if that is not done yet.
    pub async fn end(self, shared: &Shared) {
        self.until.end.cancel();
        if let Some(renewing) = self.renewing {
            // It ends at the token.
            let _ = renewing.await;
        }
        for lease in &self.leases {
            if shared.ledger.before(&lease.change).is_some()
                && let Err(undone) = lease::let_go(shared, lease).await
            {
                shared.tell(format!("left behind: {}: {undone}", lease.change.describe()));
            }
        }
        let _ = std::fs::remove_file(&self.before_path);
    }
}

/// What is not as it was in `before` by a run's doing, a line each.
async fn differences(shared: &Shared, before: &Footprint, doer: &Doer, give_up: &CancellationToken) -> Vec<String> {
    let deadline = Instant::now() + shared.cluster.pace.deadline(SETTLES);
    let look = || async {
        let after = footprint::take(&shared.cluster).await?;
        Ok::<_, Trouble>((compare(before, &after, doer), after.kinds))
    };
    let found = match look().await {
        Ok((found, _)) if found.left.is_empty() => found,
        // What is collected as garbage goes a moment after what it belonged to.
        Ok((found, kinds)) => {
            let left = found.left.iter().filter_map(|key| Some((key, kinds.get(&key.resource)?)));
            let waits = left.map(|(key, kind)| gone(shared, key, kind, deadline, give_up));
            futures::future::join_all(waits).await;
            look().await.map_or(found, |(found, _)| found)
        }
        Err(trouble) => {
            shared.tell(format!("the cluster's objects could not be listed, and are not compared: {trouble}"));
            return Vec::new();
        }
    };
    for other in &found.others {
        tracing::info!("not by this run: {other}");
    }
    found.told()
}

async fn gone(shared: &Shared, key: &Key, kind: &Kind, deadline: Instant, give_up: &CancellationToken) {
    let namespace = Some(key.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let context = shared.context(namespace, deadline, give_up);
    let what = format!("{} to be gone", key.describe());
    // Whether it is gone is looked at once more for all.
    let _ = context.until(kind, namespace, &key.name, &what, |object| object.is_none()).await;
}

fn write(path: &Path, footprint: &Footprint) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    serde_json::to_writer(std::io::BufWriter::new(file), footprint).map_err(Into::into)
}

fn read(path: &Path) -> Option<Footprint> {
    let text: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    serde_json::from_value(text).ok()
}
