//! Leases against a second run that would spoil this one.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    action::Undone,
    cluster::{Kind, Trouble, Verb},
    engine::{Context, Event, RUN_LABEL, Shared},
    journal::{Change, Changing, Journal, intent, journal_path},
    plan::Claim,
};

use super::Until;

/// Where leases lie: a namespace that every cluster has.
pub const NAMESPACE: &str = "default";
/// A run that has not renewed its lease for so long is dead.
const LASTS: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(5);

/// A lease that this run has.
#[derive(Debug, Clone)]
pub struct Lease {
    pub change: Change,
    uid: String,
}

/// Why a lease was not had.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A run that lives has it.
    #[error("{0}")]
    Taken(String),
    #[error("{0}")]
    Undone(Undone),
}

impl<T: Into<Undone>> From<T> for Refusal {
    fn from(undone: T) -> Self {
        Self::Undone(undone.into())
    }
}

/// Who has it.
struct Holder {
    run: String,
    told: String,
    /// As it was written: whether it changes says whether the run lives.
    renewed: String,
}

/// Takes one lease; one that another run has, once that has let go of it or is dead. `wait` is how long a living one may take.
pub async fn take(
    shared: &Shared,
    claim: &Claim,
    suite: &str,
    state: &std::path::Path,
    wait: Duration,
) -> Result<Lease, Refusal> {
    let kind = Kind::built_in("Lease").expect("it is in the table");
    let change = Change::of(&kind, Some(NAMESPACE), &claim.name());
    let given_up = Instant::now() + wait;
    loop {
        // No step's deadline: an API server that is away for long is an error.
        let context = shared.context(Some(NAMESPACE), Instant::now() + Duration::from_secs(60), &shared.cancel);
        let object = object(&context, &change.name, suite);
        let changing = Changing { change: change.clone(), before: None, set: intent(&object) };
        shared.ledger.changing(vec![changing])?;
        let path = kind.path(Some(NAMESPACE), None);
        let made = context.cluster.request(&path, &Verb::Create(object), context.deadline, context.cancel).await;
        context.cluster.watches.changed();
        match made {
            Ok(answer) => {
                shared.ledger.changed(&change, &answer);
                let uid = answer.body["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
                return Ok(Lease { change, uid });
            }
            Err(Trouble::Conflict { .. }) => {}
            Err(trouble) => return Err(trouble.into()),
        }
        let Some(found) = context.get(&change).await? else { continue };
        // A request of this run whose answer was lost.
        if found["spec"]["holderIdentity"] == *shared.run_id {
            let uid = found["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            return Ok(Lease { change, uid });
        }
        let holder = Holder::of(&found);
        if is_over(&context, &change, &holder, state, given_up).await? {
            remove(&context, &change, found["metadata"]["uid"].as_str()).await?;
        }
    }
}

fn object(context: &Context<'_>, name: &str, suite: &str) -> Value {
    let now = now();
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": name, "namespace": NAMESPACE,
            "labels": {RUN_LABEL: context.run_id},
            "annotations": {
                crate::engine::MADE_ANNOTATION: context.run_id,
                "meshproof.dev/holder": format!("suite {suite}, process {} on {}", std::process::id(), super::host()),
            },
        },
        "spec": {"holderIdentity": context.run_id, "leaseDurationSeconds": LASTS.as_secs(), "acquireTime": now,
            "renewTime": now},
    })
}

/// Waits until the holder's time is over: `false` where the lease is gone already. `Err` where the holder lives longer than it may.
async fn is_over(
    context: &Context<'_>,
    change: &Change,
    holder: &Holder,
    state: &std::path::Path,
    given_up: Instant,
) -> Result<bool, Refusal> {
    // The system knows of the runs of this machine.
    let journal = journal_path(state, &holder.run);
    if journal.exists() {
        if !Journal::is_being_written(&journal) {
            return Ok(true);
        }
        if Instant::now() >= given_up {
            return Err(holder.lives());
        }
    }
    let renewed = |object: Option<&crate::cluster::Object>| {
        object.and_then(|object| object.text("/spec/renewTime")).map(str::to_owned)
    };
    let mut last = holder.renewed.clone();
    let _ = context.events.send(Event::Note(format!(
        "waiting for run {} to end ({}); it is dead if it is not heard of for {} s",
        holder.run,
        holder.told,
        LASTS.as_secs()
    )));
    loop {
        let deadline = Instant::now() + context.cluster.pace.deadline(LASTS);
        let patient = Context { deadline, gained: None, ..*context };
        let what = format!("run {} to end ({})", holder.run, holder.told);
        let changed = patient.until(&change.kind, Some(NAMESPACE), &change.name, &what, |object| {
            renewed(object).as_ref() != Some(&last)
        });
        match changed.await {
            Ok(()) => {}
            Err(Undone::Failed { .. }) => return Ok(true),
            Err(other) => return Err(other.into()),
        }
        match context.get(change).await? {
            Some(now) if now["spec"]["holderIdentity"] == holder.run.as_str() => {
                if Instant::now() >= given_up {
                    return Err(holder.lives());
                }
                last = Holder::of(&now).renewed;
            }
            _ => return Ok(false),
        }
    }
}

impl Holder {
    fn lives(&self) -> Refusal {
        Refusal::Taken(format!(
            "another run is under way on this cluster: {} ({}); wait for it with --wait 30m",
            self.run, self.told
        ))
    }

    fn of(lease: &Value) -> Self {
        let text = |pointer| lease.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            run: text("/spec/holderIdentity"),
            told: format!(
                "{}, since {}",
                text("/metadata/annotations/meshproof.dev~1holder"),
                text("/spec/acquireTime")
            ),
            renewed: text("/spec/renewTime"),
        }
    }
}

/// Renews the leases; one that is not this run's any more interrupts the run.
pub async fn renew(shared: &Shared, leases: &[Lease], until: &Until) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(shared.cluster.pace.outside(RENEWED)) => {}
            () = until.end.cancelled() => return,
        }
        for lease in leases {
            let patch = json!({"metadata": {"uid": lease.uid}, "spec": {"renewTime": now()}});
            let deadline = Instant::now() + RENEWED;
            let renewed = shared.cluster.request(&lease.change.path(), &Verb::Merge(patch), deadline, &until.end).await;
            let lost = matches!(renewed, Err(Trouble::NotFound { .. } | Trouble::Conflict { .. }));
            if lost && !until.leaving.is_cancelled() {
                let told = format!("{} was taken away: the run ends", lease.change.describe());
                let _ = shared.events.send(Event::Problem(told));
                shared.cancel.cancel();
                return;
            }
        }
    }
}

/// Lets go of a lease.
pub async fn let_go(shared: &Shared, lease: &Lease) -> Result<(), Undone> {
    // Also when the run has been interrupted.
    let never = CancellationToken::new();
    let context = shared.context(Some(NAMESPACE), Instant::now() + LASTS, &never);
    remove(&context, &lease.change, Some(&lease.uid)).await?;
    shared.ledger.deleted(&lease.change);
    Ok(())
}

/// One that is another run's by now is no matter.
async fn remove(context: &Context<'_>, change: &Change, uid: Option<&str>) -> Result<(), Undone> {
    match context.delete(change, uid).await {
        Ok(_) | Err(Trouble::Conflict { .. }) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}

/// As a Lease has its times.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
