//! Takes back what the run changed, newest first.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    case::{Shared, holds},
    context::{Context, RUN_LABEL},
    event::Event,
    ledger::{Change, Entry, Undo},
};
use crate::{
    cluster::{Answer, Trouble, Verb},
    language::{ActionStep, ExpectationStep},
};

/// Takes everything back, each thing within `each`, until `give_up`. Gives what is left, a line each.
pub async fn teardown(shared: &Shared, each: Duration, give_up: &CancellationToken) -> Vec<String> {
    let entries = shared.ledger.take();
    if entries.is_empty() {
        return Vec::new();
    }
    let _ = shared.events.send(Event::TeardownStarted { changes: entries.len() });
    let mut left = Vec::new();
    for entry in entries {
        let started = Instant::now();
        let what = describe(&entry);
        let taken = tokio::select! {
            taken = take_back(shared, &entry, each, give_up) => taken,
            () = give_up.cancelled() => Err("given up".to_owned()),
        };
        let trouble = taken.err();
        if let Some(trouble) = &trouble {
            left.push(format!("left behind: {what}: {trouble}"));
        }
        let _ = shared.events.send(Event::TornDown { what, trouble, took: started.elapsed() });
    }
    left
}

/// What is still to be taken back, a line each: for runs that keep everything.
pub fn kept(shared: &Shared) -> Vec<String> {
    shared.ledger.take().iter().map(describe).collect()
}

fn describe(entry: &Entry) -> String {
    match entry {
        Entry::Applying(change) | Entry::Made(change) => change.describe(),
        Entry::Touched(change) => format!("fields of {}", change.describe()),
        Entry::Labeled { change, set, .. } => {
            format!("labels {} of {}", set.keys().cloned().collect::<Vec<_>>().join(", "), change.describe())
        }
        Entry::Program(undo) => format!("the work of `{}`", undo.title),
    }
}

async fn take_back(shared: &Shared, entry: &Entry, each: Duration, cancel: &CancellationToken) -> Result<(), String> {
    let deadline = Instant::now() + each;
    match entry {
        Entry::Made(change) => remove(shared, change, deadline, cancel).await,
        Entry::Applying(change) => match get(shared, change, deadline).await? {
            Some(object) if object["metadata"]["labels"][RUN_LABEL] == *shared.run_id => {
                remove(shared, change, deadline, cancel).await
            }
            _ => Ok(()),
        },
        Entry::Touched(change) => release(shared, change, deadline).await,
        Entry::Labeled { change, set, before } => restore(shared, change, set, before, deadline).await,
        Entry::Program(undo) => undo_program(shared, undo, each, cancel).await,
    }
}

/// Giving up ends all of teardown, this with it.
async fn request(shared: &Shared, change: &Change, verb: &Verb, deadline: Instant) -> Result<Answer, Trouble> {
    shared.cluster.request(&change.path(), verb, deadline, &CancellationToken::new()).await
}

async fn get(shared: &Shared, change: &Change, deadline: Instant) -> Result<Option<Value>, String> {
    match request(shared, change, &Verb::Get, deadline).await {
        Ok(answer) => Ok(Some(answer.body)),
        Err(Trouble::NotFound { .. }) => Ok(None),
        Err(trouble) => Err(trouble.to_string()),
    }
}

async fn remove(shared: &Shared, change: &Change, deadline: Instant, cancel: &CancellationToken) -> Result<(), String> {
    let verb = Verb::Delete { propagation: "Background" };
    match request(shared, change, &verb, deadline).await {
        Ok(_) => {}
        Err(Trouble::NotFound { .. }) => return Ok(()),
        Err(trouble) => return Err(trouble.to_string()),
    }
    shared.cluster.watches.changed();
    let context = context(shared, change.namespace.as_deref(), deadline, cancel);
    let what = format!("{} to be gone", change.describe());
    let gone = context.until(&change.kind, change.namespace.as_deref(), &change.name, &what, |object| object.is_none());
    gone.await.map_err(|undone| match undone {
        crate::action::Undone::Failed { reason, seen, .. } => {
            seen.map_or(reason.clone(), |seen| format!("{reason}: {seen}"))
        }
        crate::action::Undone::Errored(reason) => reason,
        crate::action::Undone::Interrupted => "interrupted".to_owned(),
    })
}

/// Gives up the fields that the run's field manager owns: an apply that names none of them.
async fn release(shared: &Shared, change: &Change, deadline: Instant) -> Result<(), String> {
    if get(shared, change, deadline).await?.is_none() {
        return Ok(());
    }
    let mut object = json!({"apiVersion": change.kind.resource.api_version, "kind": change.kind.resource.kind,
        "metadata": {"name": change.name}});
    if let Some(namespace) = &change.namespace {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    let released = request(shared, change, &Verb::Apply { object, force: true }, deadline).await;
    released.map(drop).map_err(|trouble| trouble.to_string())
}

/// Puts labels back to what they were, unless somebody has changed them since.
async fn restore(
    shared: &Shared,
    change: &Change,
    set: &Map<String, Value>,
    before: &Map<String, Value>,
    deadline: Instant,
) -> Result<(), String> {
    let Some(object) = get(shared, change, deadline).await? else { return Ok(()) };
    let now = &object["metadata"]["labels"];
    let (mut patch, mut changed) = (Map::new(), Vec::new());
    for (key, ours) in set {
        if now[key] == before[key] {
            continue;
        }
        if now[key] == *ours {
            patch.insert(key.clone(), before[key].clone());
        } else {
            changed.push(format!("{key} is {} now; the run had set {ours}, before it was {}", now[key], before[key]));
        }
    }
    if !patch.is_empty() {
        let verb = Verb::Merge(json!({"metadata": {"labels": patch}}));
        request(shared, change, &verb, deadline).await.map_err(|trouble| trouble.to_string())?;
    }
    if changed.is_empty() { Ok(()) } else { Err(format!("somebody changed it meanwhile: {}", changed.join("; "))) }
}

async fn undo_program(shared: &Shared, undo: &Undo, each: Duration, cancel: &CancellationToken) -> Result<(), String> {
    let namespace = undo.namespace.as_deref();
    if let Some(unless) = &undo.unless {
        let step = ExpectationStep::read(unless).map_err(|error| error.to_string())?;
        let context = context(shared, namespace, Instant::now() + each, cancel);
        if holds(&context, &step.expectation).await {
            return Ok(());
        }
    }
    let mut troubles = Vec::new();
    for node in &undo.actions {
        let step = ActionStep::read(node).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + step.options.within.map_or(each, |within| within.0);
        let mut context = context(shared, namespace, deadline, cancel);
        context.directory = step.span.source.path.parent().unwrap_or(Path::new("."));
        let done = step.action.perform(&context).await;
        shared.cluster.watches.changed();
        match done {
            Ok(_) => {}
            Err(crate::action::Undone::Failed { reason, .. } | crate::action::Undone::Errored(reason)) => {
                troubles.push(format!("{}: {reason}", step.action.title()));
            }
            Err(crate::action::Undone::Interrupted) => return Err("interrupted".to_owned()),
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
}

fn context<'a>(
    shared: &'a Shared,
    namespace: Option<&'a str>,
    deadline: Instant,
    cancel: &'a CancellationToken,
) -> Context<'a> {
    Context {
        cluster: &shared.cluster,
        ledger: &shared.ledger,
        http: &shared.http,
        work: &shared.work,
        directory: Path::new("."),
        default_namespace: namespace,
        run_id: &shared.run_id,
        deadline,
        cancel,
        gained: None,
        images: &shared.images,
        events: &shared.events,
        index: None,
    }
}
