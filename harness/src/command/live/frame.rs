//! What moves beneath the lines of a terminal: pure.

use console::{measure_text_width, truncate_str};
use tokio::time::Instant;

use super::{
    progress::{CellProgress, Progress, RunningCase, one_line},
    rounded,
};
use crate::language::formats::spell;

/// Of the terminal's height, so much is left to what does not move.
const SHARE: usize = 2;
const FEWEST: usize = 4;

/// The lines for a terminal of this size, none wider: each running cell with its cases, then how far all is.
pub fn lines(progress: &Progress, now: Instant, width: usize, height: usize) -> Vec<String> {
    let width = width.max(20) - 1;
    let most = (height / SHARE).max(FEWEST) - 1;
    let several = progress.of_cells.len() > 1;
    let running: Vec<&CellProgress> = progress.of_cells.iter().filter(|cell| cell.began.is_some()).collect();
    let mut lines = Vec::new();
    // Every cell gets a line before any case does, and all cells as many.
    let heads = if several { running.len() } else { 0 };
    let each = most.saturating_sub(heads) / running.len().max(1);
    for cell in running {
        if several {
            lines.push(head(cell, progress.rounds));
        }
        lines.extend(cases(cell, now, width, each, if several { "    " } else { "  " }));
    }
    if lines.len() > most {
        let hidden = lines.len() - (most - 1);
        lines.truncate(most - 1);
        lines.push(format!("  {hidden} more cells"));
    }
    lines.push(progress.told(now));
    lines.iter().map(|line| truncate_str(line, width, "…").into_owned()).collect()
}

/// `1.20.0 internet istioctl  12/48`.
fn head(cell: &CellProgress, rounds: Option<usize>) -> String {
    let doing = if cell.tearing_down { ", taking back what it changed" } else { "" };
    let round = if rounds == Some(1) { String::new() } else { format!(", round {}", cell.round) };
    format!("  {}  {}/{}{round}{doing}", cell.values, cell.ended, cell.cases)
}

/// What has been waited for longest comes first, and is never among those that do not fit.
fn cases(cell: &CellProgress, now: Instant, width: usize, most: usize, indent: &str) -> Vec<String> {
    let mut running: Vec<&RunningCase> = cell.running.values().collect();
    running.sort_by_key(|case| case.since);
    let hidden = if running.len() > most { running.len() - most.saturating_sub(1) } else { 0 };
    let mut lines: Vec<String> =
        running[..running.len() - hidden].iter().map(|case| format!("{indent}{}", row(case, now, width))).collect();
    if hidden > 0 && most > 0 {
        lines.push(format!("{indent}{hidden} more"));
    }
    if running.is_empty() && cell.tearing_down && cell.values.is_empty() {
        lines.push(format!("{indent}taking back what the run changed"));
    }
    lines
}

/// `12s/5m     bookinfo/six-pods: 6 pods · sees 5 pods`.
fn row(case: &RunningCase, now: Instant, width: usize) -> String {
    let since = spell(rounded(now.saturating_duration_since(case.since)));
    let Some(deadline) = case.deadline else { return format!("{since:<12}{}", case.name) };
    let most = spell(rounded(deadline.saturating_duration_since(case.since)));
    let head = format!("{:<12}{}: {}", format!("{since}/{most}"), case.name, one_line(&case.what));
    // What is seen is worth a line's end only where there is room for some of it.
    match &case.seen {
        Some(seen) if measure_text_width(&head) + 20 < width => format!("{head} · sees {}", one_line(seen)),
        _ => head,
    }
}
