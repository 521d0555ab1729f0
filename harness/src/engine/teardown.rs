//! Takes back what the run changed, newest first.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{case::holds, event::Event, restore, shared::Shared};
use crate::{
    action::Undone,
    diagnostic::{Source, Span},
    journal::{Held, Thing, Undo},
    language::{ActionStep, ExpectationStep},
    yaml::Node,
};

/// Takes everything back, each thing within `each`, until `give_up`. Gives what is left, a line each.
pub async fn teardown(shared: &Shared, each: Duration, give_up: &CancellationToken) -> Vec<String> {
    let things = shared.ledger.things();
    if things.is_empty() {
        return Vec::new();
    }
    let _ = shared.events.send(Event::TeardownStarted { changes: things.len() });
    let mut left = Vec::new();
    for thing in things {
        let started = Instant::now();
        let what = thing.describe();
        let taken = tokio::select! {
            taken = take_back(shared, &thing, each, give_up) => taken,
            () = give_up.cancelled() => Err("given up".to_owned()),
        };
        let trouble = taken.err();
        match &trouble {
            Some(trouble) => left.push(format!("left behind: {what}: {trouble}")),
            None => shared.ledger.taken_back(thing.number),
        }
        let _ = shared.events.send(Event::TornDown { what, trouble, took: started.elapsed() });
    }
    left
}

/// What is still to be taken back, a line each: for runs that keep everything.
pub fn kept(shared: &Shared) -> Vec<String> {
    shared.ledger.things().iter().map(Thing::describe).collect()
}

async fn take_back(shared: &Shared, thing: &Thing, each: Duration, cancel: &CancellationToken) -> Result<(), String> {
    match &thing.held {
        Held::Object(object) => {
            let context = shared.context(object.change.namespace.as_deref(), Instant::now() + each, cancel);
            restore::give_back(&context, object).await
        }
        Held::Program(undo) => undo_program(shared, thing, undo, each, cancel).await,
    }
}

async fn undo_program(
    shared: &Shared,
    thing: &Thing,
    undo: &Undo,
    each: Duration,
    cancel: &CancellationToken,
) -> Result<(), String> {
    let namespace = undo.namespace.as_deref();
    let node = |json: &Value| Node::from_json(json, &beginning(&undo.file));
    if let Some(unless) = undo.unless.as_ref().filter(|_| !thing.tried) {
        let step = ExpectationStep::read(&node(unless)).map_err(|error| error.to_string())?;
        let context = shared.context(namespace, Instant::now() + each, cancel);
        if holds(&context, &step.expectation).await {
            return Ok(());
        }
    }
    shared.ledger.undoing(thing.number);
    let mut troubles = Vec::new();
    for action in &undo.actions {
        let step = ActionStep::read(&node(action)).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + step.options.within.map_or(each, |within| within.0);
        let mut context = shared.context(namespace, deadline, cancel);
        context.directory = undo.file.parent().unwrap_or(Path::new("."));
        let done = step.action.perform(&context).await;
        shared.cluster.watches.changed();
        match done {
            Ok(_) => {}
            Err(Undone::Failed { reason, .. } | Undone::Errored(reason)) => {
                troubles.push(format!("{}: {reason}", step.action.title()));
            }
            Err(Undone::Interrupted) => return Err("interrupted".to_owned()),
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
}

/// A place in a file whose text is not at hand.
fn beginning(file: &Path) -> Span {
    let source = Arc::new(Source { path: file.to_owned(), text: String::new() });
    Span { source, start: 0, end: 0, line: 1, column: 1 }
}
