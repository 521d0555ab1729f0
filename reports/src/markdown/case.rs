//! A case that did not pass, in Markdown.

use super::escape::{block, code, html, inline};
use crate::{
    diagnosis::commands,
    record::{CaseRecord, Verdict},
    style::{duration, word},
};

/// Lines and bytes of one text; the whole is in the other reports.
const MOST_LINES: usize = 30;
const MOST_BYTES: usize = 3_000;

/// In the order in which a person wants to read of them.
pub(super) const WORST_FIRST: [Option<Verdict>; 9] = [
    Some(Verdict::Failed),
    Some(Verdict::Flaky),
    Some(Verdict::Errored),
    Some(Verdict::Blocked),
    None,
    Some(Verdict::KnownFail),
    Some(Verdict::Passed),
    Some(Verdict::Skipped),
    Some(Verdict::NotRun),
];

pub(super) fn mark(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "✅",
        Some(Verdict::Failed) => "❌",
        Some(Verdict::Flaky) => "🎲",
        Some(Verdict::Errored) => "⚠️",
        Some(Verdict::Blocked) => "🚫",
        Some(Verdict::Skipped | Verdict::NotRun) => "·",
        Some(Verdict::KnownFail) => "☑️",
        None => "⏳",
    }
}

/// Everything that helps to understand it, folded.
pub(super) fn story(case: &CaseRecord, open: bool) -> String {
    let reason = case.reason.as_deref().unwrap_or("no reason was given");
    let mut text = format!(
        "<details{}><summary>{} <b>{}</b> <code>{}</code>: {}</summary>\n\n",
        if open { " open" } else { "" },
        mark(case.verdict),
        word(case.verdict),
        html(&case.id),
        html(&cut(reason, 400)),
    );
    text.push_str(&format!(
        "{} · {} · {}",
        inline(&case.title),
        code(&case.place.to_string()),
        duration(case.duration_ms)
    ));
    if let Some(guide) = &case.guide {
        text.push_str(&format!(" · guide: {}", inline(guide)));
    }
    text.push_str("\n\n");
    if let Some(diagnosis) = &case.diagnosis {
        text.push_str(&format!("**Most likely cause:** {}\n\n", inline(&diagnosis.finding)));
    }
    if !case.runs.is_empty() {
        let runs: Vec<_> = case.runs.iter().map(|run| format!("{} {}", mark(run.verdict), word(run.verdict))).collect();
        text.push_str(&format!("**{} runs:** {}\n\n", runs.len(), cut(&runs.join(" "), 400)));
    }
    for (name, value) in [("Expected", &case.expected), ("Seen", &case.seen)] {
        if let Some(value) = value {
            text.push_str(&format!("{name}:\n\n{}\n", block(&excerpt(value), "text")));
        }
    }
    let look = commands(case).join("\n");
    if !look.is_empty() {
        text.push_str(&format!("Look for yourself:\n\n{}\n", block(&excerpt(&look), "sh")));
    }
    text + "</details>\n"
}

/// One line of a list, for a case that has no room.
pub(super) fn line(case: &CaseRecord) -> String {
    let reason = case.reason.as_deref().unwrap_or("no reason was given");
    format!("- {} {}: {}\n", mark(case.verdict), code(&case.id), inline(&cut(reason, 160)))
}

fn cut(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let kept: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() { kept + "…" } else { kept }
}

fn excerpt(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept = cut(&lines[..lines.len().min(MOST_LINES)].join("\n"), MOST_BYTES);
    if lines.len() > MOST_LINES {
        kept.push_str(&format!("\n… {} more lines", lines.len() - MOST_LINES));
    }
    kept
}
