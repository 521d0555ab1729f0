//! Waits until the cluster is as expected: converge within a deadline, then hold for a window.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::{
    context::Context,
    hopeless::{Patience, Ripeness, Workloads, states},
};
use crate::{
    action::Undone,
    cluster::{Cluster, Kind, KindError, Object, Scope, Store, Trouble},
    expectation::{Judgement, Mismatch, Target, Watched},
};

/// How long to wait, and for how long it must then stay so.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub deadline: Instant,
    pub hold: Duration,
    pub patience: Duration,
}

/// How waiting ended.
#[derive(Debug, Clone)]
pub enum Converged {
    Met {
        seen: String,
    },
    /// The product is not as expected; why it was given up, if before the deadline.
    Unmet {
        mismatch: Mismatch,
        reason: Option<String>,
    },
    /// Whether it is as expected could not be seen.
    Unseen(String),
    Interrupted,
}

/// Judges `expectation` at once and after each change that could matter, until it is decided. Also gives the number of looks.
pub async fn converge(context: &Context<'_>, expectation: &dyn Watched, timing: Timing) -> (Converged, u64) {
    let mut attempts = 0;
    let converged = match Watching::open(context, expectation, timing, &mut attempts).await {
        Ok(mut watching) => watching.run(&mut attempts).await,
        Err(converged) => converged,
    };
    (converged, attempts)
}

struct Watching<'a> {
    context: &'a Context<'a>,
    expectation: &'a dyn Watched,
    target: Target<'a>,
    timing: Timing,
    store: Arc<Store>,
    changes: watch::Receiver<u64>,
    workloads: Option<WorkloadStores>,
    patience: Patience,
}

impl<'a> Watching<'a> {
    /// Finds the kind, waiting for it to be served, and opens its watch.
    async fn open(
        context: &'a Context<'a>,
        expectation: &'a dyn Watched,
        timing: Timing,
        attempts: &mut u64,
    ) -> Result<Self, Converged> {
        let target = expectation.target();
        let kind = served(context, expectation, timing, attempts).await?;
        let namespace = match context.namespace_of(&kind, target.namespace) {
            Ok(namespace) => namespace,
            Err(Undone::Errored(reason)) => return Err(Converged::Unseen(reason)),
            Err(_) => return Err(Converged::Interrupted),
        };
        let store = context.cluster.watches.open(&Scope { kind, namespace: namespace.clone() });
        let changes = store.subscribe(target.name);
        // A list takes a moment even where nothing may be waited for.
        let patient = timing.deadline.max(Instant::now() + Duration::from_secs(30));
        tokio::select! {
            caught_up = context.cluster.watches.catch_up(&store, patient) => {
                caught_up.map_err(|trouble| Converged::Unseen(trouble.to_string()))?;
            }
            () = context.cancel.cancelled() => return Err(Converged::Interrupted),
        }
        let workloads = WorkloadStores::open(context, &target, namespace.as_deref());
        Ok(Self { context, expectation, target, timing, store, changes, workloads, patience: Patience::default() })
    }

    async fn run(&mut self, attempts: &mut u64) -> Converged {
        let mut met_since: Option<(Instant, String)> = None;
        let before = self.store.away();
        let mut told = Told::default();
        loop {
            self.changes.borrow_and_update();
            if let Some(workloads) = &mut self.workloads {
                workloads.mark_seen();
            }
            let judgement = self.judge();
            told.tell(self.context, &judgement);
            *attempts += 1;
            let now = Instant::now();
            let wake = match judgement {
                Judgement::Met { seen } => {
                    let (since, _) = met_since.get_or_insert((now, seen.clone()));
                    let until = *since + self.timing.hold;
                    if now >= until {
                        match self.outage(now, until) {
                            Outage::None => {
                                self.saw();
                                return Converged::Met { seen };
                            }
                            Outage::Rests(wake) => wake,
                            Outage::TooLong(trouble) => return unseen(&trouble),
                        }
                    } else {
                        until
                    }
                }
                Judgement::NotYet(mismatch) | Judgement::Impossible { mismatch, .. } if met_since.is_some() => {
                    let held = met_since.map(|(since, _)| now - since).unwrap_or_default();
                    let reason = format!(
                        "was as expected, but only for {} of {}; then expected {}, saw {}",
                        crate::language::formats::spell(self.context.cluster.pace.inside(held)),
                        crate::language::formats::spell(self.context.cluster.pace.inside(self.timing.hold)),
                        mismatch.expected,
                        mismatch.seen,
                    );
                    return Converged::Unmet { mismatch, reason: Some(reason) };
                }
                Judgement::Impossible { mismatch, reason } => {
                    return Converged::Unmet { mismatch, reason: Some(reason) };
                }
                Judgement::NotYet(mismatch) => {
                    // Whoever works on it could not see the API server either.
                    let away = self.store.away().saturating_sub(before).min(self.context.cluster.outage);
                    let deadline = self.timing.deadline + away;
                    let wake = match self.hopeless(now) {
                        Ripeness::Ripe(state) => {
                            return Converged::Unmet { mismatch, reason: Some(state.to_string()) };
                        }
                        Ripeness::Wait(at) => at,
                        Ripeness::Hopeful => deadline,
                    };
                    if now < deadline {
                        wake.min(deadline)
                    } else {
                        match self.outage(now, self.timing.deadline) {
                            Outage::None => return Converged::Unmet { mismatch, reason: None },
                            Outage::Rests(wake) => wake,
                            Outage::TooLong(trouble) => return unseen(&trouble),
                        }
                    }
                }
            };
            tokio::select! {
                _ = self.changes.changed() => {}
                () = changed(&mut self.workloads) => {}
                () = tokio::time::sleep_until(wake) => {}
                () = self.context.cancel.cancelled() => return Converged::Interrupted,
            }
        }
    }

    fn judge(&self) -> Judgement {
        self.expectation.judge(&self.objects())
    }

    fn objects(&self) -> Vec<Arc<Object>> {
        self.store.objects().into_iter().filter(|object| self.target.includes(object)).collect()
    }

    fn saw(&self) {
        if self.target.kind == "Pod" {
            self.context.saw_pods(&self.objects());
        }
    }

    /// What the watch does not show now cannot be judged: the deadline moves on while it is away.
    fn outage(&self, now: Instant, planned: Instant) -> Outage {
        match self.store.trouble() {
            Some(trouble) if !matches!(trouble, Trouble::NotFound { .. }) => {
                if !trouble.is_passing() || now >= planned + self.context.cluster.outage {
                    return Outage::TooLong(trouble);
                }
                Outage::Rests((now + Duration::from_secs(1)).min(planned + self.context.cluster.outage))
            }
            _ => Outage::None,
        }
    }

    fn hopeless(&mut self, now: Instant) -> Ripeness {
        let Some(stores) = &self.workloads else { return Ripeness::Hopeful };
        let workloads = stores.relevant(self.expectation, &self.target);
        self.patience.judge(states(&workloads), now, self.timing.patience)
    }
}

/// What the case was last told to see.
#[derive(Default)]
pub(super) struct Told(Option<(bool, String)>);

impl Told {
    /// Tells what a judgement saw, unless it is what was told last.
    pub(super) fn tell(&mut self, context: &Context<'_>, judgement: &Judgement) {
        let now = match judgement {
            Judgement::Met { seen } => (true, seen),
            Judgement::NotYet(mismatch) | Judgement::Impossible { mismatch, .. } => (false, &mismatch.seen),
        };
        if self.0.as_ref().is_none_or(|(met, seen)| (*met, seen) != now) {
            context.saw(now.1, now.0);
            self.0 = Some((now.0, now.1.clone()));
        }
    }
}

enum Outage {
    None,
    Rests(Instant),
    TooLong(Trouble),
}

fn unseen(trouble: &Trouble) -> Converged {
    Converged::Unseen(trouble.to_string())
}

async fn changed(workloads: &mut Option<WorkloadStores>) {
    match workloads {
        Some(workloads) => workloads.changed().await,
        None => std::future::pending().await,
    }
}

/// Finds the expectation's kind. One that is not served holds no objects, and may come to be served: definitions are watched
/// until it is.
async fn served(
    context: &Context<'_>,
    expectation: &dyn Watched,
    timing: Timing,
    attempts: &mut u64,
) -> Result<Kind, Converged> {
    let target = expectation.target();
    let definitions =
        Scope { kind: Kind::built_in("CustomResourceDefinition").expect("in the table"), namespace: None };
    let mut changes = None;
    loop {
        let error = match context.cluster.kind(target.api_version, target.kind).await {
            Ok(kind) => return Ok(kind),
            Err(KindError::NotServed(kind)) => KindError::NotServed(kind),
            Err(error) => return Err(Converged::Unseen(error.to_string())),
        };
        *attempts += 1;
        let mismatch = match expectation.judge(&[]) {
            Judgement::Met { seen } => return Err(Converged::Met { seen }),
            Judgement::NotYet(mismatch) | Judgement::Impossible { mismatch, .. } => mismatch,
        };
        let changes = changes.get_or_insert_with(|| context.cluster.watches.open(&definitions).subscribe(None));
        let wait = async {
            // Serving begins a moment after the definition's last change; asking again is then the only way to know.
            let _ = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
        };
        tokio::select! {
            () = wait => {}
            () = tokio::time::sleep_until(timing.deadline) => {
                return Err(Converged::Unmet { mismatch, reason: Some(error.to_string()) });
            }
            () = context.cancel.cancelled() => return Err(Converged::Interrupted),
        }
    }
}

/// The watches by which workloads that cannot come up are seen. Without the right to watch them, waiting goes on to the
/// deadline.
pub(super) struct WorkloadStores {
    stores: [Arc<Store>; 3],
    changes: [watch::Receiver<u64>; 3],
}

impl WorkloadStores {
    /// For an expectation of pods or deployments; nothing for others.
    fn open(context: &Context<'_>, target: &Target<'_>, namespace: Option<&str>) -> Option<Self> {
        match target.kind {
            "Pod" | "Deployment" => Some(Self::of(context.cluster, namespace)),
            _ => None,
        }
    }

    pub(super) fn of(cluster: &Cluster, namespace: Option<&str>) -> Self {
        let stores = ["Pod", "ReplicaSet", "Deployment"].map(|kind| {
            let kind = Kind::built_in(kind).expect("it is in the table");
            cluster.watches.open(&Scope { kind, namespace: namespace.map(str::to_owned) })
        });
        let changes = stores.each_ref().map(|store| store.subscribe(None));
        Self { stores, changes }
    }

    /// Waits until each watch knows what is there; one that may not be opened knows nothing.
    pub(super) async fn first_lists(&self, cluster: &Cluster, deadline: Instant) {
        for store in &self.stores {
            let _ = cluster.watches.catch_up(store, deadline).await;
        }
    }

    pub(super) async fn changed(&mut self) {
        let [pods, sets, deployments] = &mut self.changes;
        tokio::select! {
            _ = pods.changed() => {}
            _ = sets.changed() => {}
            _ = deployments.changed() => {}
        }
    }

    pub(super) fn mark_seen(&mut self) {
        for changes in &mut self.changes {
            changes.borrow_and_update();
        }
    }

    pub(super) fn all(&self) -> Workloads {
        let [pods, replica_sets, deployments] = self.stores.each_ref().map(|store| store.objects());
        Workloads { pods, replica_sets, deployments, wants_pods: false }
    }

    /// Those that the expectation is about, and those that they come from or give rise to.
    fn relevant(&self, expectation: &dyn Watched, target: &Target<'_>) -> Workloads {
        let all = self.all();
        if target.kind == "Pod" {
            let makes = |owner: &Arc<Object>| match target.selector {
                Some(selector) => {
                    let labels = owner.at("/spec/template/metadata/labels").cloned().unwrap_or_default();
                    selector.matches(&serde_json::from_value(labels).unwrap_or_default())
                }
                None => target.name.is_none_or(|name| name.starts_with(&format!("{}-", owner.name))),
            };
            let pods: Vec<_> = all.pods.into_iter().filter(|pod| expectation.concerns(pod)).collect();
            let deployments: Vec<_> = all.deployments.into_iter().filter(makes).collect();
            // As long as the controllers have pods to make, one that is scaled to zero is not what is in the way.
            let asked: i64 = deployments.iter().map(|owner| owner.number("/spec/replicas").unwrap_or(1)).sum();
            let none_to_come = usize::try_from(asked).is_ok_and(|asked| asked <= pods.len());
            return Workloads {
                wants_pods: none_to_come && expectation.lacks_pods(&pods),
                replica_sets: all.replica_sets.into_iter().filter(makes).collect(),
                pods,
                deployments,
            };
        }
        let deployments: Vec<_> = all.deployments.into_iter().filter(|object| expectation.concerns(object)).collect();
        let replica_sets: Vec<_> = all.replica_sets.into_iter().filter(|set| is_owned(set, &deployments)).collect();
        let pods = all.pods.into_iter().filter(|pod| is_owned(pod, &replica_sets)).collect();
        Workloads { pods, replica_sets, deployments, wants_pods: expectation.lacks_pods(&[]) }
    }
}

fn is_owned(object: &Object, owners: &[Arc<Object>]) -> bool {
    object.items("/metadata/ownerReferences").iter().any(|reference| {
        owners.iter().any(|owner| reference["uid"].is_string() && owner.at("/metadata/uid") == Some(&reference["uid"]))
    })
}
