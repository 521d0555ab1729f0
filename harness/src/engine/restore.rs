//! Gives one object back: deletes what the run made, and lets what was there before be what it was.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::context::{Context, MADE_ANNOTATION, RUN_LABEL};
use crate::{
    FIELD_MANAGER,
    action::Undone,
    brief::brief,
    cluster::{Answer, Object, Trouble, Verb},
    journal::{Change, Conflict, Fate, HeldObject, restoration},
};

/// Does it, at most until the context's deadline. `Err` says in a phrase what is in the way.
pub async fn give_back(context: &Context<'_>, held: &HeldObject) -> Result<(), String> {
    let change = &held.change;
    match (&held.fate, &held.before) {
        (Fate::Made(uid), _) => remove(context, change, uid).await,
        (_, Some(before)) => restore(context, held, before).await,
        (Fate::Touched, None) => release(context, change).await,
        (Fate::Unknown, None) => match get(context, change).await? {
            Some(object) if is_made_by(&object, context.run_id) => {
                let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
                remove(context, change, uid).await
            }
            _ => Ok(()),
        },
    }
}

/// Whether the object says that this run made it.
fn is_made_by(object: &Value, run: &str) -> bool {
    let metadata = &object["metadata"];
    metadata["labels"][RUN_LABEL] == run && metadata["annotations"][MADE_ANNOTATION] == run
}

async fn request(context: &Context<'_>, change: &Change, verb: &Verb) -> Result<Answer, Trouble> {
    let answer = context.cluster.request(&change.path(), verb, context.deadline, context.cancel).await;
    context.cluster.watches.changed();
    answer
}

async fn get(context: &Context<'_>, change: &Change) -> Result<Option<Value>, String> {
    context.get(change).await.map_err(|trouble| trouble.to_string())
}

/// Deletes the object that the run made, not one that somebody made by its name since, and waits until it is gone.
async fn remove(context: &Context<'_>, change: &Change, uid: &str) -> Result<(), String> {
    match context.delete(change, Some(uid)).await {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        // That it is another one by now, or is going already: either will be seen.
        Err(Trouble::Conflict { .. }) => {}
        Err(trouble) => return Err(trouble.to_string()),
    }
    let what = format!("{} to be gone", change.describe());
    let is_another = |object: &Object| !uid.is_empty() && object.text("/metadata/uid") != Some(uid);
    let gone = context
        .until(&change.kind, change.namespace.as_deref(), &change.name, &what, |object| object.is_none_or(is_another));
    gone.await.map_err(|undone| match undone {
        Undone::Failed { reason, seen, .. } => seen.map_or(reason.clone(), |seen| format!("{reason}: {seen}")),
        Undone::Errored(reason) => reason,
        Undone::Interrupted => "interrupted".to_owned(),
    })
}

/// Puts back what the run changed and nobody has changed since.
async fn restore(context: &Context<'_>, held: &HeldObject, before: &Value) -> Result<(), String> {
    let change = &held.change;
    loop {
        let Some(mut now) = get(context, change).await? else { return Ok(()) };
        // One that was made anew since has nothing of the run's.
        if now["metadata"]["uid"] != before["metadata"]["uid"] {
            return Ok(());
        }
        let found = restoration(before, &held.set, &held.earlier, &now);
        if found.patch != json!({}) {
            let mut patch = found.patch;
            patch["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"].clone();
            match request(context, change, &Verb::Merge(patch)).await {
                Ok(answer) => now = answer.body,
                Err(Trouble::Conflict { .. }) if Instant::now() < context.deadline => continue,
                Err(trouble) => return Err(trouble.to_string()),
            }
        }
        match disown(context, change, before, &now).await {
            Err(Trouble::Conflict { .. }) if Instant::now() < context.deadline => continue,
            Err(trouble) => return Err(trouble.to_string()),
            Ok(()) => {}
        }
        return match found.conflicts.is_empty() {
            true => Ok(()),
            false => {
                let told: Vec<String> = found.conflicts.into_iter().flat_map(Conflict::innermost).map(tell).collect();
                Err(format!("somebody changed it meanwhile: {}", told.join("; ")))
            }
        };
    }
}

fn tell(conflict: Conflict) -> String {
    let Conflict { path, now, set, before } = conflict;
    let words = |value: Value| if value.is_null() { "nothing".to_owned() } else { brief(&value.to_string()) };
    format!("{} is {} now; the run had set {}, before it was {}", path.join("."), words(now), words(set), words(before))
}

/// Lets the object's fields belong to whom they belonged before: the run owns nothing of it any more.
async fn disown(context: &Context<'_>, change: &Change, before: &Value, now: &Value) -> Result<(), Trouble> {
    let managers = |object: &Value| object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let (before, now_managed) = (managers(before), managers(now));
    let others: Vec<Value> = now_managed.iter().filter(|entry| entry["manager"] != FIELD_MANAGER).cloned().collect();
    if others.len() == now_managed.len() || change.part.is_some() {
        return Ok(());
    }
    // Who has not written since owns what it owned, the fields that the run had taken over among them.
    let wrote_since =
        |entry: &Value| !before.iter().any(|known| same_manager(known, entry) && known["time"] == entry["time"]);
    let owners = if others.iter().any(wrote_since) { others } else { before };
    // An empty list would be taken to mean that the server is to keep what it has.
    let owners = if owners.is_empty() { vec![json!({})] } else { owners };
    let version = &now["metadata"]["resourceVersion"];
    let patch = json!({"metadata": {"managedFields": owners, "resourceVersion": version}});
    request(context, change, &Verb::Merge(patch)).await.map(drop)
}

fn same_manager(a: &Value, b: &Value) -> bool {
    ["manager", "operation", "subresource", "apiVersion"].iter().all(|key| a[key] == b[key])
}

/// Of an object that somebody made at the same moment, so that nobody knows what it was: gives up what the run owns of it, by an
/// apply that names nothing.
async fn release(context: &Context<'_>, change: &Change) -> Result<(), String> {
    if get(context, change).await?.is_none() {
        return Ok(());
    }
    let mut object = json!({"apiVersion": change.kind.resource.api_version, "kind": change.kind.resource.kind,
        "metadata": {"name": change.name}});
    if let Some(namespace) = &change.namespace {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    let released = request(context, change, &Verb::Apply { object, force: true }).await;
    released.map(drop).map_err(|trouble| trouble.to_string())
}
