//! The difference for a pull request.

use super::{Change, Changed, Diff, KnownState};
use crate::{
    markdown::{code, fold, inline, more, table},
    style::{duration, word},
};

/// Rows of one table: all of them together fit a comment of GitHub.
const MOST: usize = 40;

impl Diff {
    /// It begins `## ✅` exactly when there is no regression.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mark = if self.regressed { "❌" } else { "✅" };
        let mut blocks = vec![format!("## {mark} {}: {}\n\n{}", self.told(), inline(&self.suite), self.sides())];
        let rows = |changes: &[Change]| -> Vec<String> { changes.iter().map(change).collect() };
        let cases = ["case", "before", "now", "reason"];
        let open = |title: &str, heads: &[&str], rows: &[String]| match rows.is_empty() {
            true => String::new(),
            false => format!("### {title}: {}\n\n{}", rows.len(), bounded(heads, rows)),
        };
        let folded = |title: &str, heads: &[&str], rows: &[String]| {
            fold(&format!("{title}: {}", rows.len()), &bounded(heads, rows))
        };
        let problems: Vec<_> = self.problems.iter().map(|problem| format!("| {} |\n", inline(&cut(problem)))).collect();
        blocks.push(open("New problems", &["problem"], &problems));
        blocks.push(open("Newly failing", &cases, &rows(&self.newly_failing)));
        blocks.push(open("Known failures", &["case", "state", "until", "issue"], &self.known_rows()));
        blocks.push(open("Newly passing", &cases, &rows(&self.newly_passing)));
        blocks.push(open("No longer proved", &cases, &rows(&self.no_longer_proved)));
        let slower: Vec<_> = self
            .slower
            .iter()
            .map(|one| format!("| {} | {} | {} |\n", code(&one.id), duration(one.before_ms), duration(one.after_ms)))
            .collect();
        blocks.push(open("Slower", &["case", "before", "now"], &slower));
        let values = ["what", "before", "now", "cells"];
        let changed = |all: &[Changed]| -> Vec<String> { all.iter().map(changed).collect() };
        blocks.push(open("Another image under the same name", &values, &changed(&self.images)));
        blocks.push(folded("Newly blocked", &cases, &rows(&self.newly_blocked)));
        blocks.push(folded("Still failing", &cases, &rows(&self.still_failing)));
        blocks.push(folded("Another version or value", &values, &changed(&self.versions)));
        let ids = |ids: &[String]| -> Vec<String> { ids.iter().map(|id| format!("| {} |\n", code(id))).collect() };
        blocks.push(folded("New cases", &["case"], &ids(&self.added)));
        blocks.push(folded("No longer there", &["case"], &ids(&self.removed)));
        blocks.retain(|block| !block.is_empty());
        blocks.join("\n")
    }

    fn sides(&self) -> String {
        let row = |name: &str, side: &super::Side| {
            let simulated = if side.simulated { ", **simulated**" } else { "" };
            let (run, started, digest) = (code(&side.run), inline(&side.started_at), code(&side.suite_digest));
            format!("| {name} | {run}{simulated} | {started} | {} | {digest} |\n", side.cases)
        };
        table(&["", "run", "began", "cases", "suite"], &[row("before", &self.before), row("now", &self.after)])
    }

    fn known_rows(&self) -> Vec<String> {
        let row = |known: &super::Known| {
            let state = match known.state {
                KnownState::Fails => "fails",
                KnownState::Expired => "❌ expired, and fails",
                KnownState::Passes => "✅ passes: take it out",
            };
            format!("| {} | {state} | {} | {} |\n", code(&known.id), known.expires, inline(&known.issue))
        };
        self.known_failures.iter().map(row).collect()
    }
}

fn bounded(heads: &[&str], rows: &[String]) -> String {
    table(heads, &rows[..rows.len().min(MOST)]) + &more(rows.len(), MOST)
}

fn change(change: &Change) -> String {
    let before = change.before.map_or("", crate::Verdict::word);
    let reason = change.reason.as_deref().map(|reason| inline(&cut(reason))).unwrap_or_default();
    format!("| {} | {before} | {} | {reason} |\n", code(&change.id), word(change.after))
}

fn changed(one: &Changed) -> String {
    let value = |value: &Option<String>| value.as_deref().map_or_else(String::new, code);
    let cells = inline(&cut(&one.cells.join("; ")));
    format!("| {} | {} | {} | {cells} |\n", code(&one.name), value(&one.before), value(&one.after))
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text.to_owned() }
}
