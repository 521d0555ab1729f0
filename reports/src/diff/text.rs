//! The difference on a terminal: what matters most last.

use super::{Change, Changed, Diff, Known, KnownState};
use crate::{
    record::Verdict,
    style::{Style, count, duration, word},
    text::{one_line, wrap},
};

/// Names of one list that are told unless all are wanted.
const MOST: usize = 30;

impl Diff {
    /// Ends in a line break; the last line says whether there is a regression.
    #[must_use]
    pub fn to_terminal(&self, style: Style) -> String {
        let ids = |title: &str, ids: &[String]| list(title, ids, style, |id| vec![format!("  {}", one_line(id))]);
        let blocks = [
            ids("no longer there", &self.removed),
            ids("new", &self.added),
            list("another version or value", &self.versions, style, |one| changed(one, style)),
            list("another image under the same name", &self.images, style, |one| changed(one, style)),
            list("slower", &self.slower, style, |one| {
                let (before, after) = (duration(one.before_ms), duration(one.after_ms));
                vec![format!("  {before:>8} → {after:>8}  {}", one_line(&one.id))]
            }),
            list("no longer proved", &self.no_longer_proved, style, |one| change(one, style)),
            list("still failing", &self.still_failing, style, |one| change(one, style)),
            list("newly passing", &self.newly_passing, style, |one| change(one, style)),
            list("known failures", &self.known_failures, style, |one| known(one, style)),
            list("newly blocked", &self.newly_blocked, style, |one| change(one, style)),
            list("newly failing", &self.newly_failing, style, |one| change(one, style)),
            list("new problems", &self.problems, style, |one| wrapped(one, 2, style)),
            self.closing(style),
        ];
        let blocks: Vec<_> = blocks.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n")).collect();
        blocks.join("\n\n") + "\n"
    }

    fn closing(&self, style: Style) -> Vec<String> {
        let side = |side: &super::Side| {
            let simulated = if side.simulated { ", simulated" } else { "" };
            let (run, started) = (one_line(&side.run), one_line(&side.started_at));
            format!("run {run} ({started}, {}{simulated})", count(side.cases, "case"))
        };
        let mut lines = wrap(&format!("{} → {}", side(&self.before), side(&self.after)), style.columns(0));
        if self.before.suite_digest != self.after.suite_digest {
            lines.push("the suite's files are not the same".to_owned());
        }
        let verdict = if self.regressed { Verdict::Failed } else { Verdict::Passed };
        lines.push(style.paint(Some(verdict), &self.told()));
        lines
    }
}

fn list<T>(title: &str, all: &[T], style: Style, lines: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    if all.is_empty() {
        return Vec::new();
    }
    let shown = if style.verbose { all.len() } else { MOST };
    let mut told = vec![format!("{title}: {}", all.len())];
    told.extend(all.iter().take(shown).flat_map(lines));
    if all.len() > shown {
        told.push(format!("  and {} more", all.len() - shown));
    }
    told
}

fn change(change: &Change, style: Style) -> Vec<String> {
    let after = style.paint(change.after, &format!("{:<10}", word(change.after)));
    let before = change.before.map(|before| format!(" (was {})", before.word())).unwrap_or_default();
    let mut lines = vec![format!("  {after} {}{before}", one_line(&change.id))];
    if let Some(reason) = &change.reason {
        lines.extend(wrapped(reason, 6, style));
    }
    lines
}

fn changed(one: &Changed, style: Style) -> Vec<String> {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "none".to_owned(), one_line);
    let mut lines = wrapped(&format!("{}: {} → {}", one.name, value(&one.before), value(&one.after)), 2, style);
    if !one.cells.is_empty() {
        lines.extend(wrapped(&format!("in {}", one.cells.join("; ")), 6, style));
    }
    lines
}

fn known(known: &Known, style: Style) -> Vec<String> {
    let (verdict, told) = match known.state {
        KnownState::Fails => (Verdict::KnownFail, format!("fails, until {}: {}", known.expires, known.issue)),
        KnownState::Expired => {
            (Verdict::Failed, format!("fails, and has expired on {}: {}", known.expires, known.issue))
        }
        KnownState::Passes => (Verdict::Passed, format!("passes; take it out of the baseline: {}", known.issue)),
    };
    let mut lines = vec![format!("  {}", style.paint(Some(verdict), &one_line(&known.id)))];
    lines.extend(wrapped(&told, 6, style));
    lines
}

fn wrapped(text: &str, indent: usize, style: Style) -> Vec<String> {
    let lines = wrap(&one_line(text), style.columns(indent));
    lines.iter().map(|line| format!("{}{line}", " ".repeat(indent))).collect()
}
