//! How what a plan does is drawn: for a person, as JSON, and as the manifest of its rights.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    effect::{By, Rules, Thing, qualified},
    plan::Outlook,
    preflight::{Found, Seen},
};

/// Things of one kind in one place, with what is known of each.
type Things<'a> = BTreeMap<&'a Thing, Vec<&'a str>>;

/// A line is broken after so many columns.
const WIDTH: usize = 110;

/// What is done to the cluster and beyond.
pub fn text(outlook: &Outlook<'_>, rules: &Rules, seen: Option<&Seen>) -> String {
    let mut text = String::new();
    for (title, things) in [("makes", &outlook.makes), ("changes", &outlook.changes), ("deletes", &outlook.deletes)] {
        text.push_str(&section(title, &grouped(things, seen, title == "makes")));
    }
    let listed =
        |texts: &BTreeMap<&str, Vec<&str>>| texts.keys().map(|text| ((*text).to_owned(), Vec::new())).collect();
    text.push_str(&section("pulls, where it runs", &listed(&outlook.artifacts)));
    text.push_str(&section("pulls, on the cluster's nodes", &listed(&outlook.images)));
    text.push_str(&section("contacts, besides the API server", &listed(&outlook.addresses)));
    text.push_str(&section("unknown", &listed(&outlook.unknown)));
    text.push_str(&section("takes these rights (--rbac prints them as a manifest)", &rights(rules)));
    text
}

pub fn json(outlook: &Outlook<'_>, rules: &Rules, seen: Option<&Seen>) -> Value {
    let things =
        |things: &Things<'_>| things.iter().map(|(thing, cases)| thing_json(thing, cases, seen)).collect::<Value>();
    let texts = |texts: &BTreeMap<&str, Vec<&str>>, field: &str| {
        texts.iter().map(|(text, cases)| json!({field: text, "cases": cases})).collect::<Value>()
    };
    let rules = rules.0.iter().map(|rule| {
        let mut json = rule.to_json();
        json["namespace"] = json!(rule.namespace);
        json
    });
    json!({
        "makes": things(&outlook.makes), "changes": things(&outlook.changes), "deletes": things(&outlook.deletes),
        "artifacts": texts(&outlook.artifacts, "artifact"), "images": texts(&outlook.images, "image"),
        "contacts": texts(&outlook.addresses, "address"), "unknown": texts(&outlook.unknown, "what"),
        "rules": rules.collect::<Value>(),
    })
}

/// The rights as objects, with the words that a reader needs.
pub fn manifest(outlook: &Outlook<'_>, rules: &Rules) -> String {
    let mut text = String::from(
        "# The rights that the run takes, for `kubectl apply -f -`. Rules of namespaces that the run itself makes are\n# in the cluster role, for no role can stand there before.\n# A run does without what only diagnoses or the inventory read, and says so; `--with diagnosis,inventory` adds it.\n",
    );
    for unknown in outlook.unknown.keys() {
        text.push_str(&format!("# Not among them: {unknown}.\n"));
    }
    for object in rules.manifest() {
        // What is made of JSON alone can always be written.
        text.push_str(&format!("---\n{}", serde_saphyr::to_string(&object).unwrap_or_default()));
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// A title, and beneath it heads with their names; nothing where there is nothing.
fn section(title: &str, lines: &Vec<(String, Vec<String>)>) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for (head, names) in lines {
        text.push_str(&format!("  {head}\n"));
        let mut line = String::new();
        for (index, name) in names.iter().enumerate() {
            let word = if index + 1 < names.len() { format!("{name}, ") } else { name.clone() };
            if !line.is_empty() && line.len() + word.len() > WIDTH {
                text.push_str(&format!("    {}\n", line.trim_end()));
                line.clear();
            }
            line.push_str(&word);
        }
        if !line.is_empty() {
            text.push_str(&format!("    {}\n", line.trim_end()));
        }
    }
    text
}

/// Kinds and places, each with the names of its things.
fn grouped(things: &Things<'_>, seen: Option<&Seen>, makes: bool) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for thing in things.keys() {
        let selector = match (&thing.name, &thing.selector) {
            (None, Some(selector)) => format!(" with {selector}"),
            _ => String::new(),
        };
        let wide = if thing.is_cluster_wide() { " (cluster-wide)" } else { "" };
        let head = format!("{}{selector}{}{wide}", thing.resource.kind, thing.place_told());
        let place = groups.iter().position(|(known, _)| *known == head).unwrap_or_else(|| {
            groups.push((head, Vec::new()));
            groups.len() - 1
        });
        if let Some(name) = &thing.name {
            let there = seen.map(|seen| remark(thing, seen, makes)).unwrap_or_default();
            let told = format!("{name}{there}");
            // A thing may be made by several steps, by a program and by the run itself.
            if !groups[place].1.contains(&told) {
                groups[place].1.push(told);
            }
        }
    }
    // What concerns the whole cluster is read first.
    groups.sort_by_key(|(head, _)| (!head.ends_with("(cluster-wide)"), head.clone()));
    groups
}

/// What of a thing is there already, and what that means for one that is to be made.
fn remark(thing: &Thing, seen: &Seen, makes: bool) -> String {
    match (seen.of(thing), thing.by) {
        (None | Some(Found::Absent), _) => String::new(),
        (Some(Found::Unseen(why)), _) => format!(" [{why}]"),
        (Some(Found::There { .. }), _) if !makes => " [there]".to_owned(),
        (Some(Found::There { run: Some(run) }), _) => format!(" [left by run {run}]"),
        (Some(Found::There { run: None }), By::Meshproof) => " [there: to be changed and given back]".to_owned(),
        (Some(Found::There { run: None }), By::Program | By::Installed) if seen.has_left() => {
            " [left by an earlier run]".to_owned()
        }
        (Some(Found::There { run: None }), By::Program | By::Installed) => " [in the way]".to_owned(),
    }
}

fn thing_json(thing: &Thing, cases: &[&str], seen: Option<&Seen>) -> Value {
    let by = match thing.by {
        By::Meshproof => "meshproof",
        By::Program => "program",
        By::Installed => "installed",
    };
    let namespace = match &thing.place {
        crate::effect::Place::Namespace(namespace) => Some(namespace),
        _ => None,
    };
    let mut json = json!({"apiVersion": thing.resource.api_version, "kind": thing.resource.kind, "namespace": namespace,
        "name": thing.name, "selector": thing.selector, "clusterWide": thing.is_cluster_wide(), "by": by, "cases": cases});
    if let Some(found) = seen.and_then(|seen| seen.of(thing)) {
        json["live"] = match found {
            Found::Absent => json!({"there": false}),
            Found::There { run } => json!({"there": true, "run": run}),
            Found::Unseen(why) => json!({"unseen": why}),
        };
    }
    json
}

/// A line for each rule.
fn rights(rules: &Rules) -> Vec<(String, Vec<String>)> {
    let told = |rule: &crate::effect::Rule| {
        let place = rule.namespace.as_ref().map_or_else(String::new, |namespace| format!(" in {namespace}"));
        let verbs: Vec<&str> = rule.verbs.iter().map(|verb| verb.as_str()).collect();
        (format!("{} {}{place}", verbs.join(","), qualified(&rule.group, &rule.resource)), rule.names.clone())
    };
    rules.0.iter().map(told).collect()
}
