//! What an action or expectation has at hand.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use meshproof_reports::ImageSeen;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    converge::{Converged, Timing, WorkloadStores, converge},
    event::{Event, Events},
    hopeless::{Hopeless, PATIENCE, Patience, Ripeness, states},
    ledger::Ledger,
};
use crate::{
    action::{Gained, Undone},
    cluster::{Cluster, Kind, Object, Scope, Trouble, Verb},
    expectation::{Namespaces, Target, Watched},
    journal::Change,
};

/// What one step of one case works with.
pub struct Context<'a> {
    pub cluster: &'a Cluster,
    pub ledger: &'a Ledger,
    pub http: &'a reqwest::Client,
    /// The run's folder for files.
    pub work: &'a Path,
    /// The folder of the scenario's file.
    pub directory: &'a Path,
    /// The scenario's namespace.
    pub default_namespace: Option<&'a str>,
    pub run_id: &'a str,
    /// When the run began, by the cluster's clock.
    pub began: Option<jiff::Timestamp>,
    pub deadline: Instant,
    pub cancel: &'a CancellationToken,
    /// What the case's last action gave back.
    pub gained: Option<Gained>,
    /// Images seen in pods that were waited for.
    pub images: &'a Mutex<BTreeSet<ImageSeen>>,
    pub events: &'a Events,
    /// The place of the case in the plan; `None` in teardown.
    pub index: Option<usize>,
}

/// The label that every object of a run carries: the run's id.
pub const RUN_LABEL: &str = "meshproof.dev/run";
/// The annotation of those that the run made, rather than found: the run's id.
pub const MADE_ANNOTATION: &str = "meshproof.dev/made";

impl Context<'_> {
    /// The namespace named, or the scenario's.
    pub fn namespace<'b>(&'b self, named: Option<&'b str>) -> Result<&'b str, Undone> {
        named.or(self.default_namespace).ok_or_else(|| {
            Undone::Errored("no namespace: give the step, the scenario or the suite a `namespace`".to_owned())
        })
    }

    /// The namespace to look in; `None` for all of them and for cluster-wide kinds.
    pub fn namespace_of(&self, kind: &Kind, namespaces: Namespaces<'_>) -> Result<Option<String>, Undone> {
        match namespaces {
            _ if !kind.namespaced => Ok(None),
            Namespaces::All => Ok(None),
            Namespaces::Named(namespace) => Ok(Some(namespace.to_owned())),
            Namespaces::Default => self.namespace(None).map(|namespace| Some(namespace.to_owned())),
        }
    }

    /// A path of the scenario: relative ones are meant from its file.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// A new folder of the run.
    pub fn folder(&self, prefix: &str) -> Result<PathBuf, Undone> {
        let folder = tempfile::Builder::new().prefix(&format!("{prefix}-")).tempdir_in(self.work);
        let failed = |error| Undone::Errored(format!("failed to make a folder in {}: {error}", self.work.display()));
        // It goes with the run's folder.
        folder.map(tempfile::TempDir::keep).map_err(failed)
    }

    /// Marks an object that is about to be applied as the run's, and as made by it where it was not there before.
    pub fn mark_as_own(&self, object: &mut Value, is_new: bool) {
        let Some(metadata) = object["metadata"].as_object_mut() else { return };
        let mut mark = |field: &str, key: &str| {
            let marks = metadata.entry(field).or_insert_with(|| json!({}));
            if marks.is_object() {
                marks[key] = self.run_id.into();
            }
        };
        mark("labels", RUN_LABEL);
        if is_new {
            mark("annotations", MADE_ANNOTATION);
        }
    }

    /// What an object is before the run changes it, `None` if it is not there: nothing is asked of one that the run knows, or that
    /// can only be there if the run made it.
    pub async fn before(&self, change: &Change) -> Result<Option<Value>, Undone> {
        if let Some(known) = self.ledger.before(change) {
            return Ok(known);
        }
        if self.ledger.made(change) {
            return Ok(None);
        }
        Ok(self.get(change).await?)
    }

    /// The object as it is now, `None` if it is not there.
    pub async fn get(&self, change: &Change) -> Result<Option<Value>, Trouble> {
        match self.cluster.request(&change.path(), &Verb::Get, self.deadline, self.cancel).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(Trouble::NotFound { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks for the deletion, and does not wait for it; `false` if there is no object of that name. With a uid, an object that somebody
    /// made by that name since is a conflict.
    pub async fn delete(&self, change: &Change, uid: Option<&str>) -> Result<bool, Trouble> {
        let uid = uid.filter(|uid| !uid.is_empty()).map(str::to_owned);
        let verb = Verb::Delete { propagation: "Background", uid };
        let answer = self.cluster.request(&change.path(), &verb, self.deadline, self.cancel).await;
        self.cluster.watches.changed();
        match answer {
            Ok(_) => Ok(true),
            Err(Trouble::NotFound { .. }) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// Whether an object was there before the run began, as far as its own words tell. What an earlier run made and could not
    /// take back is nobody's.
    pub fn was_there_before(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let made_at = metadata["creationTimestamp"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let is_older = made_at.zip(self.began).is_some_and(|(made_at, began)| made_at < began);
        is_older && !metadata["annotations"][MADE_ANNOTATION].is_string()
    }

    /// Says what is waited for.
    pub fn note(&self, what: String) {
        if let Some(index) = self.index {
            // Nobody listens any more once the run is over.
            let _ = self.events.send(Event::Waiting { index, what, deadline: self.deadline, at: Instant::now() });
        }
    }

    /// Tells what the case sees of what it waits for. Call it only when that is not as before.
    pub fn saw(&self, what: &str, met: bool) {
        if let Some(index) = self.index {
            let _ = self.events.send(Event::Seen { index, what: what.to_owned(), met, at: Instant::now() });
        }
    }

    /// The objects of the target as they are now, every change of the run's own included.
    pub async fn objects(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        target: &Target<'_>,
    ) -> Result<Vec<Arc<Object>>, Undone> {
        let store = self.cluster.watches.open(&Scope { kind: kind.clone(), namespace: namespace.map(str::to_owned) });
        self.cluster.watches.catch_up(&store, self.deadline).await?;
        Ok(store.objects().into_iter().filter(|object| target.includes(object)).collect())
    }

    /// Waits until `is_so` holds of the object called `name`, which need not be there. `what` completes "waits for".
    pub async fn until(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        what: &str,
        is_so: impl Fn(Option<&Object>) -> bool,
    ) -> Result<(), Undone> {
        self.note(what.to_owned());
        let store = self.cluster.watches.open(&Scope { kind: kind.clone(), namespace: namespace.map(str::to_owned) });
        let mut changes = store.subscribe(Some(name));
        self.cluster.watches.catch_up(&store, self.deadline).await?;
        loop {
            changes.borrow_and_update();
            let object = store.objects().into_iter().find(|object| object.name == name);
            if is_so(object.as_deref()) {
                return Ok(());
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(self.deadline) => {
                    let seen = object.map(|object| describe(&object));
                    return Err(match store.trouble() {
                        Some(trouble) if trouble.is_passing() => trouble.into(),
                        _ => Undone::Failed { reason: format!("waited in vain for {what}"), seen, output: None },
                    });
                }
                () = self.cancel.cancelled() => return Err(Undone::Interrupted),
            }
        }
    }

    /// Waits, until the deadline, for what an action needs before it can be done.
    pub async fn converge(&self, wanted: &dyn Watched) -> Result<(), Undone> {
        let timing = Timing {
            deadline: self.deadline,
            hold: std::time::Duration::ZERO,
            patience: self.cluster.pace.outside(PATIENCE),
        };
        match converge(self, wanted, timing).await.0 {
            Converged::Met { .. } => Ok(()),
            Converged::Unmet { mismatch, reason } => {
                let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                let reason = format!("expected {}, saw {}{why}", mismatch.expected, mismatch.seen);
                Err(Undone::Failed { reason, seen: Some(mismatch.seen), output: None })
            }
            Converged::Unseen(reason) => Err(Undone::Errored(reason)),
            Converged::Interrupted => Err(Undone::Interrupted),
        }
    }

    /// Ends when a workload of one of the namespaces turns hopeless that was not when this began; else never.
    pub async fn hopeless(&self, namespaces: &[String]) -> Hopeless {
        let watches = namespaces.iter().map(|namespace| Box::pin(self.hopeless_in(namespace)));
        match namespaces {
            [] => std::future::pending().await,
            _ => futures::future::select_all(watches).await.0,
        }
    }

    async fn hopeless_in(&self, namespace: &str) -> Hopeless {
        let mut stores = WorkloadStores::of(self.cluster, Some(namespace));
        stores.first_lists(self.cluster, self.deadline).await;
        let mut patience = Patience::default();
        patience.ignore(&states(&stores.all()));
        loop {
            stores.mark_seen();
            let wake = match patience.judge(states(&stores.all()), Instant::now(), self.cluster.pace.outside(PATIENCE))
            {
                Ripeness::Ripe(state) => return state,
                Ripeness::Wait(at) => at,
                Ripeness::Hopeful => self.deadline + std::time::Duration::from_secs(60),
            };
            tokio::select! {
                () = stores.changed() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// Remembers the images of pods that the run waited for.
    pub fn saw_pods(&self, pods: &[Arc<Object>]) {
        let mut images = self.images.lock().expect("no holder panics");
        for pod in pods {
            let statuses =
                pod.items("/status/containerStatuses").iter().chain(pod.items("/status/initContainerStatuses"));
            for status in statuses {
                if let (Some(image), Some(id)) = (status["image"].as_str(), status["imageID"].as_str()) {
                    let digest = id.rsplit('@').next().unwrap_or(id);
                    if !digest.is_empty() {
                        images.insert(ImageSeen { image: image.to_owned(), digest: digest.to_owned() });
                    }
                }
            }
        }
    }
}

/// What is worth knowing of an object that does not come, or does not go.
fn describe(object: &Object) -> String {
    let finalizers: Vec<&str> = object.items("/metadata/finalizers").iter().filter_map(Value::as_str).collect();
    let conditions: Vec<&str> = object
        .items("/status/conditions")
        .iter()
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["message"].as_str())
        .collect();
    let mut parts = vec![if object.is_terminating() { "terminating" } else { "there" }.to_owned()];
    if !finalizers.is_empty() {
        parts.push(format!("held by {}", finalizers.join(", ")));
    }
    parts.extend(conditions.iter().map(|message| (*message).to_owned()));
    parts.join("; ")
}
