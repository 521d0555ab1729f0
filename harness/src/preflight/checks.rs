//! The suite's own questions.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Findings, Seen, objects::list};
use crate::{
    cluster::{Cluster, Object, Trouble},
    engine::RUN_LABEL,
    expectation::{Judgement, Subject, evaluate},
    language::{ExpectationStep, formats::Cel},
    plan::{Asked, Check, Plan},
};

/// Asks each question once.
pub async fn ask(cluster: &Cluster, plan: &Plan, seen: &Seen) -> Findings {
    let mut findings = Findings::default();
    let answers =
        join_all(plan.checks().into_iter().map(|check| async move { (check, answer(cluster, check, seen).await) }));
    for (check, answer) in answers.await {
        match answer {
            Ok(None) => {}
            Ok(Some(why)) => {
                let hint = check.options.hint.clone();
                let what = check.options.message.as_ref().map_or(why.clone(), |message| format!("{message}: {why}"));
                if check.options.note { findings.note(what, hint) } else { findings.problem(what, hint) }
            }
            Err(trouble) => findings.unasked(&format!("what {} asks", check.span.place()), &trouble),
        }
    }
    findings
}

/// What was seen, where it is not as it must be.
async fn answer(cluster: &Cluster, check: &Check, seen: &Seen) -> Result<Option<String>, Trouble> {
    match &check.question {
        Asked::Kubernetes(range) => {
            let version = &cluster.connection.version;
            let told = format!("it is Kubernetes {version}, and this suite is for {}", range.as_str());
            Ok((!range.contains(version)).then_some(told))
        }
        Asked::Expect(step) => expected(cluster, check, step, seen).await,
        // Room is counted for all of them together.
        Asked::Room(_) => Ok(None),
    }
}

async fn expected(
    cluster: &Cluster,
    check: &Check,
    step: &ExpectationStep,
    seen: &Seen,
) -> Result<Option<String>, Trouble> {
    let Subject::State(watched) = step.expectation.subject() else { return Ok(None) };
    let all = list(cluster, &watched.target(), check.namespace.as_deref()).await?;
    // What an earlier run left is no hindrance, and what it was told to keep can be proved.
    if watched.judge(&all).is_met() {
        return Ok(None);
    }
    let (_, objects): (Vec<_>, Vec<_>) = all.into_iter().partition(|object| is_left(object, seen));
    Ok(match watched.judge(&objects) {
        Judgement::Met { .. } => None,
        Judgement::NotYet(mismatch) | Judgement::Impossible { mismatch, .. } => {
            let told = check.options.seen.as_ref().and_then(|seen| told(seen, &objects));
            Some(told.unwrap_or_else(|| format!("expected {}, saw {}", mismatch.expected, mismatch.seen)))
        }
    })
}

/// Whether an earlier run left the object, or the namespace that it is in.
fn is_left(object: &Object, seen: &Seen) -> bool {
    let namespace = seen.labels.get(&object.namespace);
    object.labels.contains_key(RUN_LABEL) || namespace.is_some_and(|labels| labels.contains_key(RUN_LABEL))
}

/// What was seen in the author's words; `None` where they do not fit what was seen.
fn told(seen: &Cel, objects: &[Arc<Object>]) -> Option<String> {
    let objects = json!(objects.iter().map(|object| &object.json).collect::<Vec<_>>());
    match evaluate(seen, &[("objects", &objects)]).ok()? {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Array(texts) if !texts.is_empty() => {
            let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
            Some(texts?.join(", "))
        }
        _ => None,
    }
}
