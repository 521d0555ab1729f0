//! What the engine writes into records.

use std::time::Duration;

use meshproof_reports::{CaseRecord, Verdict};

use crate::{
    action::shell,
    cluster::Kind,
    expectation::{Expectation, Namespaces, Target},
    plan::PlannedCase,
};

/// A record of a case that has not begun.
pub fn blank(planned: &PlannedCase) -> CaseRecord {
    CaseRecord {
        id: planned.id.clone(),
        cell: planned.cell.name.clone(),
        scenario: planned.scenario.clone(),
        title: planned.title.clone(),
        guide: planned.guide.clone(),
        tags: planned.tags.clone(),
        verdict: None,
        reason: None,
        started_at: None,
        duration_ms: 0,
        expected: None,
        seen: None,
        attempts: 0,
        place: planned.span.place(),
        look: Vec::new(),
        steps: Vec::new(),
        runs: Vec::new(),
        timeline: Vec::new(),
        diagnosis: None,
    }
}

/// A record of a case that was not run.
pub fn unrun(planned: &PlannedCase, verdict: Verdict, reason: String) -> CaseRecord {
    CaseRecord { verdict: Some(verdict), reason: Some(reason), ..blank(planned) }
}

/// Turns a failure that is known into known-fail, and a pass where one is known into a failure.
pub fn known_failure(mut record: CaseRecord, planned: &PlannedCase) -> CaseRecord {
    let Some(known) = &planned.known_failure else { return record };
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let expired = known.expires.as_ref().is_some_and(|day| day.value < today);
    match record.verdict {
        Some(Verdict::Failed) if !expired => {
            record.verdict = Some(Verdict::KnownFail);
            record.reason = record.reason.map(|reason| format!("known ({}): {reason}", known.issue));
        }
        Some(Verdict::Passed) => {
            record.verdict = Some(Verdict::Failed);
            record.reason =
                Some(format!("it passed, although it is known to fail ({}); remove `knownFailure`", known.issue));
        }
        _ => {}
    }
    record
}

/// Now, RFC 3339, UTC, to the millisecond.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What an expectation waits for, in a phrase.
pub fn title(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Absent(absent) => format!("no {}", absent.0.target().describe()),
        Expectation::Artifact(artifact) => artifact.wanted().describe(),
        Expectation::Deployments(deployments) => match &deployments.names {
            Some(names) => format!("deployments {}", crate::expectation::enumerate(names)),
            None => "deployments".to_owned(),
        },
        Expectation::Html(html) => format!("html `{}`", html.select.text),
        Expectation::Http(_) => "the response".to_owned(),
        Expectation::Image(image) => image.wanted().describe(),
        Expectation::Inventory(inventory) => {
            format!("exactly {} {}", inventory.names.len(), inventory.of.target().describe())
        }
        Expectation::Object(object) => object.of.target().describe(),
        Expectation::Output(_) => "the output".to_owned(),
        Expectation::Pods(pods) => {
            let count = pods.count.map(|count| format!("{count} ")).unwrap_or_default();
            let ready = pods.ready.map(|ready| format!(" {ready}")).unwrap_or_default();
            let selector =
                pods.selector.as_ref().map(|selector| format!(" with {}", selector.as_str())).unwrap_or_default();
            format!("{count}pods{selector}{ready}")
        }
        Expectation::Services(services) => {
            let names: Vec<&str> = services.services.iter().map(|service| service.name.as_str()).collect();
            format!("services {}", crate::expectation::enumerate(&names))
        }
    }
}

/// A command that shows the objects of a target.
pub fn look(target: &Target<'_>, default_namespace: Option<&str>, context: &str) -> String {
    let mut words = vec!["kubectl".to_owned(), "--context".to_owned(), context.to_owned(), "get".to_owned()];
    let group = target.api_version.and_then(|version| version.split_once('/')).map(|(group, _)| format!(".{group}"));
    words.push(format!("{}{}", target.kind.to_lowercase(), group.unwrap_or_default()));
    words.extend(target.name.map(str::to_owned));
    let cluster_wide = Kind::built_in(target.kind).is_some_and(|kind| !kind.namespaced);
    match target.namespace {
        _ if cluster_wide => {}
        Namespaces::All => words.push("-A".to_owned()),
        Namespaces::Named(namespace) => words.extend(["-n".to_owned(), namespace.to_owned()]),
        Namespaces::Default => {
            if let Some(namespace) = default_namespace {
                words.extend(["-n".to_owned(), namespace.to_owned()]);
            }
        }
    }
    if let Some(selector) = target.selector {
        words.extend(["-l".to_owned(), selector.as_str().to_owned()]);
    }
    words.extend(["-o".to_owned(), if target.name.is_some() { "yaml" } else { "wide" }.to_owned()]);
    shell(&words)
}
