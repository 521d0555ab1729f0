//! Evidence as texts: bounded, the most telling first, without secrets.

use std::sync::Arc;

use meshproof_reports::{Diagnosis, Evidence as Told, EvidenceKind};
use serde_json::Value;

use super::{
    commands::commands,
    evidence::{Evidence, Happening},
    finding::Finding,
    pods,
};
use crate::{
    cluster::Object,
    engine::Context,
    redact::{Secrets, redact_object},
};

/// As much of one text is told, and of all of a case together, in bytes.
const TEXT: usize = 8 << 10;
const ALL: usize = 64 << 10;
/// So many objects are told as a whole, and so many events.
const OBJECTS: usize = 6;
const EVENTS: usize = 40;

/// The finding and what it was drawn from, as reports tell them.
pub fn diagnosis(context: &Context<'_>, evidence: &Evidence, finding: &Finding) -> Diagnosis {
    let secrets = &context.cluster.secrets;
    let mut told = Telling { secrets, told: Vec::new(), room: ALL };
    told.add("pods", EvidenceKind::Containers, &containers(evidence), Keep::Beginning);
    told.add("objects of the case", EvidenceKind::Events, &events(&evidence.happenings), Keep::Beginning);
    for log in &evidence.logs {
        let before = if log.previous { ", before its last restart" } else { "" };
        told.add(&format!("{}/{}{before}", log.pod, log.container), EvidenceKind::Logs, &log.text, Keep::End);
    }
    told.add("nodes", EvidenceKind::Nodes, &nodes(evidence), Keep::Beginning);
    for object in telling(evidence).into_iter().take(OBJECTS) {
        told.add(&named(object), EvidenceKind::Object, &yaml(object), Keep::Beginning);
    }
    for (title, text) in &evidence.outputs {
        told.add(title, EvidenceKind::Output, text, Keep::End);
    }
    Diagnosis {
        cause: finding.cause().to_owned(),
        finding: finding.to_string(),
        commands: commands(finding, &context.cluster.connection.context),
        evidence: told.told,
        not_collected: evidence.lacking.clone(),
        duration_ms: 0,
    }
}

/// Which end of a text that is too long is kept.
#[derive(Clone, Copy)]
enum Keep {
    Beginning,
    End,
}

struct Telling<'a> {
    secrets: &'a Secrets,
    told: Vec<Told>,
    room: usize,
}

impl Telling<'_> {
    fn add(&mut self, title: &str, kind: EvidenceKind, text: &str, keep: Keep) {
        if text.trim().is_empty() || self.room == 0 {
            return;
        }
        // Secrets go before the text is cut: half of one would not be known for what it is.
        let text = self.secrets.text(text);
        let (text, truncated) = bounded(&text, TEXT.min(self.room), keep);
        self.room -= text.len();
        self.told.push(Told { title: title.to_owned(), kind, text: text.to_owned(), truncated });
    }
}

/// Whole lines as far as possible.
fn bounded(text: &str, most: usize, keep: Keep) -> (&str, bool) {
    if text.len() <= most {
        return (text, false);
    }
    match keep {
        Keep::Beginning => {
            let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            let end = text[..end].rfind('\n').map_or(end, |line| line + 1);
            (&text[..end], true)
        }
        Keep::End => {
            let start =
                (text.len() - most..text.len()).find(|start| text.is_char_boundary(*start)).unwrap_or(text.len());
            let start = text[start..].find('\n').map_or(start, |line| start + line + 1);
            (&text[start..], true)
        }
    }
}

fn named(object: &Object) -> String {
    let kind = object.text("/kind").unwrap_or_default().to_lowercase();
    let space = if object.namespace.is_empty() { String::new() } else { format!(" in {}", object.namespace) };
    format!("{kind}/{}{space}", object.name)
}

/// The objects that tell most: those that the steps named, then the others that are not well.
fn telling(evidence: &Evidence) -> Vec<&Arc<Object>> {
    let subjects = || evidence.concern.latest_first().filter_map(|about| about.subject.as_ref());
    let is_subject = |object: &&Arc<Object>| subjects().any(|subject| subject.includes(object));
    let unwell = |object: &&Arc<Object>| pods::is_unwell(object);
    let broken = evidence.broken.iter().map(|broken| &broken.from);
    let mut all: Vec<&Arc<Object>> = Vec::new();
    let relevant = || evidence.relevant.iter();
    let ordered = broken
        .chain(relevant().filter(|object| is_subject(object) && unwell(object)))
        .chain(relevant().filter(|object| is_subject(object) && object.text("/kind") != Some("Pod")))
        .chain(relevant().filter(unwell))
        .chain(relevant().filter(is_subject))
        .chain(relevant());
    for object in ordered {
        if !all.iter().any(|known| Arc::ptr_eq(known, object)) {
            all.push(object);
        }
    }
    all
}

/// YAML without secrets and what only machines read.
fn yaml(object: &Object) -> String {
    let mut json = object.json.clone();
    redact_object(&mut json);
    for hook in json.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(config) = hook.get_mut("clientConfig").and_then(Value::as_object_mut) {
            config.remove("caBundle");
        }
    }
    serde_saphyr::to_string(&json).unwrap_or_else(|_| format!("{json:#}"))
}

/// A line for each container of each pod.
fn containers(evidence: &Evidence) -> String {
    let mut lines = Vec::new();
    for pod in evidence.of_kind("Pod") {
        let phase = pod.text("/status/phase").unwrap_or("no phase");
        let node = pod.text("/spec/nodeName").unwrap_or("no node");
        let going = if pod.is_terminating() { ", terminating" } else { "" };
        lines.push(format!("{} in {}: {phase} on {node}{going}", pod.name, pod.namespace));
        for condition in pod.items("/status/conditions").iter().filter(|condition| condition["status"] != "True") {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            lines.push(format!("  not {}: {} {}", text("type"), text("reason"), text("message")).trim_end().to_owned());
        }
        for status in pods::statuses(pod) {
            lines.push(format!("  {}", container(status)));
        }
    }
    lines.join("\n")
}

fn container(status: &Value) -> String {
    let ready = if status["ready"] == true { "ready" } else { "not ready" };
    let mut line = format!(
        "{}: {ready}, {} restarts",
        status["name"].as_str().unwrap_or_default(),
        status["restartCount"].as_u64().unwrap_or(0)
    );
    for (state, words) in [("waiting", "waits"), ("running", "runs since"), ("terminated", "ended")] {
        let now = &status["state"][state];
        if now.is_object() {
            line.push_str(&format!("; {words} {}", ending(now)));
        }
    }
    let before = &status["lastState"]["terminated"];
    if before.is_object() {
        line.push_str(&format!("; before: {}", ending(before)));
    }
    line
}

fn ending(state: &Value) -> String {
    let code = state["exitCode"].as_i64().map(|code| format!("exit code {code}"));
    let words = ["reason", "message", "startedAt", "finishedAt"];
    let texts = words.iter().filter_map(|word| state[word].as_str()).map(|text| text.trim().to_owned());
    code.into_iter().chain(texts).collect::<Vec<_>>().join(", ")
}

fn events(happenings: &[Happening]) -> String {
    let line = |happening: &Happening| {
        let Happening { at, kind, name, reason, message, count, warning, .. } = happening;
        let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
        let mark = if *warning { "!" } else { " " };
        format!("{at} {mark} {}/{name} {reason}{times}: {message}", kind.to_lowercase())
    };
    happenings.iter().take(EVENTS).map(line).collect::<Vec<_>>().join("\n")
}

/// The conditions of nodes that matter: those with pods that do not run, or all where a pod has none.
fn nodes(evidence: &Evidence) -> String {
    let mut lines = Vec::new();
    for node in evidence.objects.iter().filter(|object| object.text("/kind") == Some("Node")) {
        let off =
            if node.at("/spec/unschedulable").is_some_and(|off| *off == true) { ", takes no more pods" } else { "" };
        let taints = node.items("/spec/taints").iter().filter_map(|taint| taint["key"].as_str());
        let taints: Vec<&str> = taints.collect();
        let taints = if taints.is_empty() { String::new() } else { format!(", taints: {}", taints.join(", ")) };
        lines.push(format!("{}{off}{taints}", node.name));
        for condition in node.items("/status/conditions") {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            lines.push(format!("  {}: {} ({}: {})", text("type"), text("status"), text("reason"), text("message")));
        }
        for (name, amount) in node.at("/status/allocatable").and_then(|all| all.as_object()).into_iter().flatten() {
            lines.push(format!("  allocatable {name}: {}", amount.as_str().unwrap_or_default()));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_line_and_keeps_the_end_that_tells() {
        let text = "first\nsecond\nthird\n";
        assert_eq!(bounded(text, 14, Keep::Beginning), ("first\nsecond\n", true));
        assert_eq!(bounded(text, 14, Keep::End), ("second\nthird\n", true));
        assert_eq!(bounded(text, 19, Keep::End), (text, false));
        // A line that is longer than all the room is cut inside, between characters.
        assert_eq!(bounded("日本語", 7, Keep::Beginning), ("日本", true));
        assert_eq!(bounded("日本語", 7, Keep::End), ("本語", true));
    }

    #[test]
    fn an_object_is_shown_as_it_is_but_for_secrets_and_what_only_machines_read() {
        let shown = |json| yaml(&Object::from_json(json).unwrap());
        let plain = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {}});
        assert_eq!(shown(plain), "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec: {}\n");
        let webhook = serde_json::json!({"apiVersion": "v1", "kind": "Webhook", "metadata": {"name": "a"},
            "webhooks": [{"name": "b", "clientConfig": {"caBundle": "LS0t", "url": "https://c"}}, {"name": "d"}]});
        assert_eq!(
            shown(webhook),
            "apiVersion: v1\nkind: Webhook\nmetadata:\n  name: a\nwebhooks:\n- clientConfig:\n    url: https://c\n  name: b\n- name: d\n"
        );
    }

    #[test]
    fn a_case_has_only_so_much_room() {
        let secrets = Secrets::default();
        let mut telling = Telling { secrets: &secrets, told: Vec::new(), room: ALL };
        let line = "x".repeat(99) + "\n";
        for number in 0..40 {
            telling.add(&format!("log {number}"), EvidenceKind::Logs, &line.repeat(200), Keep::End);
        }
        assert!(telling.told.iter().all(|told| told.truncated && told.text.len() <= TEXT));
        let all: usize = telling.told.iter().map(|told| told.text.len()).sum();
        assert!(all <= ALL && all > ALL - TEXT, "{all}");
    }

    #[test]
    fn a_secret_at_the_cut_is_not_told_by_half() {
        let secrets = Secrets::default();
        secrets.learn("a-secret-of-some-length");
        let mut telling = Telling { secrets: &secrets, told: Vec::new(), room: ALL };
        let (few, many) = ("x".repeat(100), "y".repeat(TEXT - 10));
        telling.add("log", EvidenceKind::Logs, &format!("{few}a-secret-of-some-length{many}"), Keep::End);
        telling.add("log", EvidenceKind::Logs, &format!("{many}a-secret-of-some-length{few}"), Keep::Beginning);
        assert_eq!(telling.told.len(), 2);
        for told in telling.told {
            assert!(
                told.truncated && !told.text.contains("secret-of") && !told.text.contains("length"),
                "{}",
                told.text
            );
        }
    }
}
