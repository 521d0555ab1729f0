//! How far a run is, as its events tell.

use std::collections::BTreeMap;

use meshproof_reports::Summary;
use tokio::time::Instant;

use super::{
    left::{Remaining, left},
    rounded,
};
use crate::{cells::RunEvent, engine::Event, history::History, language::formats::spell, plan::Plan};

/// What is known of a run at a moment.
pub struct Progress {
    pub(super) began: Instant,
    /// How often each cell is run; `None` for as often as it takes.
    pub(super) rounds: Option<usize>,
    pub(super) of_cells: Vec<CellProgress>,
    ids: Vec<String>,
}

/// What is known of a cell.
pub(super) struct CellProgress {
    name: String,
    /// The values alone: `1.20.0 internet istioctl`.
    pub(super) values: String,
    /// Of the round that goes on, or was the last.
    pub(super) round: usize,
    pub(super) began: Option<Instant>,
    pub(super) cases: usize,
    pub(super) counts: Summary,
    pub(super) ended: usize,
    /// By their places in the plan.
    pub(super) running: BTreeMap<usize, RunningCase>,
    pub(super) tearing_down: bool,
    pub(super) rounds_over: usize,
    /// No round begins any more.
    pub(super) over: bool,
    /// How long a round took before, in milliseconds.
    took: Option<u64>,
}

/// A case that has begun.
pub(super) struct RunningCase {
    /// `scenario/case`.
    pub(super) name: String,
    pub(super) what: String,
    /// What it saw last of what it waits for.
    pub(super) seen: Option<String>,
    pub(super) since: Instant,
    pub(super) deadline: Option<Instant>,
}

impl Progress {
    /// Nothing has happened yet. `times` is how often each cell is run, if that is known: it is not above 2³².
    pub fn new(plan: &Plan, history: &History, times: usize) -> Self {
        let of_cells = plan.cells().into_iter().map(|(cell, places)| {
            let ids = plan.cases[places.clone()].iter().map(|case| case.id.as_str());
            let value = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            CellProgress {
                name: cell.name.clone(),
                values: cell.axes.values().map(value).collect::<Vec<_>>().join(" "),
                round: 1,
                began: None,
                cases: places.len(),
                counts: Summary::default(),
                ended: 0,
                running: BTreeMap::new(),
                tearing_down: false,
                rounds_over: 0,
                over: false,
                took: history.span(ids),
            }
        });
        Self {
            began: Instant::now(),
            rounds: (times != usize::MAX).then_some(times),
            of_cells: of_cells.collect(),
            ids: plan.cases.iter().map(|case| case.id.clone()).collect(),
        }
    }

    pub fn on(&mut self, event: &RunEvent, now: Instant) {
        match event {
            RunEvent::CellStarted { cell, round, .. } => {
                let cell = &mut self.of_cells[*cell];
                (cell.round, cell.began, cell.ended) = (*round, Some(now), 0);
                cell.counts = Summary::default();
            }
            RunEvent::InCell { cell, event } => self.on_case(*cell, event),
            RunEvent::CellEnded { cell, took, .. } => {
                let rounds = self.rounds;
                let cell = &mut self.of_cells[*cell];
                cell.rounds_over += 1;
                (cell.began, cell.tearing_down) = (None, false);
                cell.over = rounds.is_some_and(|rounds| cell.rounds_over >= rounds);
                cell.took = u64::try_from(took.as_millis()).ok();
            }
            RunEvent::CellNotRun { cell, .. } => self.of_cells[*cell].over = true,
            RunEvent::Problem(_) | RunEvent::Explained(_) | RunEvent::Second => {}
        }
    }

    fn on_case(&mut self, cell: usize, event: &Event) {
        let cell = &mut self.of_cells[cell];
        match event {
            Event::CaseStarted { index, at } => {
                let id = &self.ids[*index];
                let name = id.strip_prefix(&format!("{}:", cell.name)).unwrap_or(id).to_owned();
                let case = RunningCase { name, what: String::new(), seen: None, since: *at, deadline: None };
                cell.running.insert(*index, case);
            }
            Event::Waiting { index, what, deadline, at } => {
                if let Some(case) = cell.running.get_mut(index) {
                    (case.what, case.seen) = (what.clone(), None);
                    (case.since, case.deadline) = (*at, Some(*deadline));
                }
            }
            Event::Seen { index, what, .. } => {
                if let Some(case) = cell.running.get_mut(index) {
                    case.seen = Some(what.clone());
                }
            }
            Event::CaseFinished { index, record } => {
                cell.running.remove(index);
                cell.ended += 1;
                cell.counts.add(record.verdict);
            }
            Event::TeardownStarted { .. } => cell.tearing_down = true,
            Event::TornDown { .. } | Event::Problem(_) | Event::Note(_) => {}
        }
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.of_cells.len()
    }

    pub fn name(&self, cell: usize) -> &str {
        &self.of_cells[cell].name
    }

    /// What came of the cell's cases, in the round that is the last so far.
    pub fn counts(&self, cell: usize) -> Summary {
        self.of_cells[cell].counts
    }

    pub fn id(&self, index: usize) -> &str {
        &self.ids[index]
    }

    /// `12/48 cases, 1/4 cells, 35s, about 1m left`.
    pub fn told(&self, now: Instant) -> String {
        let ended: usize = self.of_cells.iter().map(|cell| cell.ended).sum();
        let mut parts = vec![format!("{ended}/{} cases", self.ids.len())];
        if self.of_cells.len() > 1 {
            let over = self.of_cells.iter().filter(|cell| cell.over).count();
            parts.push(format!("{over}/{} cells", self.of_cells.len()));
        } else if let (Some(cell), true) = (self.of_cells.first(), self.rounds != Some(1)) {
            parts.push(format!("round {}", cell.round));
        }
        parts.push(spell(std::time::Duration::from_secs(now.saturating_duration_since(self.began).as_secs())));
        if let Some(left) = self.left(now) {
            parts.push(format!("about {} left", spell(rounded(left))));
        }
        parts.join(", ")
    }

    /// One line for somebody who reads a log: how far it is, and what has been waited for longest.
    pub fn sign_of_life(&self, now: Instant) -> String {
        let mut line = format!("still running: {}", self.told(now));
        let running = || self.of_cells.iter().flat_map(|cell| cell.running.values().map(move |case| (cell, case)));
        if let Some((cell, case)) = running().min_by_key(|(_, case)| case.since) {
            let name = if cell.name.is_empty() { case.name.clone() } else { format!("{}:{}", cell.name, case.name) };
            line.push_str(&format!("; {name} {}", case.told(now)));
            if let others @ 1.. = running().count() - 1 {
                line.push_str(&format!("; {others} more"));
            }
        } else if self.of_cells.iter().any(|cell| cell.tearing_down) {
            line.push_str("; taking back what the run changed");
        }
        line
    }

    fn left(&self, now: Instant) -> Option<std::time::Duration> {
        let remaining = self.of_cells.iter().filter(|cell| !cell.over).map(|cell| Remaining {
            rounds: self.rounds.map(|rounds| rounds.saturating_sub(cell.rounds_over)),
            took: cell.took,
            running_for: cell.began.map(|began| now.saturating_duration_since(began)),
        });
        let known = self.of_cells.iter().filter_map(|cell| cell.took);
        left(&remaining.collect::<Vec<_>>(), &known.collect::<Vec<_>>())
    }
}

impl RunningCase {
    /// `waits for 6 pods (12s of at most 5m), sees 5 pods`.
    pub(super) fn told(&self, now: Instant) -> String {
        let for_so_long = rounded(now.saturating_duration_since(self.since));
        let Some(deadline) = self.deadline else { return format!("has begun {} ago", spell(for_so_long)) };
        let most = rounded(deadline.saturating_duration_since(self.since));
        let seen = self.seen.as_ref().map(|seen| format!(", sees {}", one_line(seen))).unwrap_or_default();
        format!("waits for {} ({} of at most {}){seen}", one_line(&self.what), spell(for_so_long), spell(most))
    }
}

/// What comes from a cluster may have lines, and must not move the cursor.
pub(super) fn one_line(text: &str) -> String {
    let plain = console::strip_ansi_codes(text);
    plain.split_whitespace().map(|word| word.replace(|c: char| c.is_control(), "")).collect::<Vec<_>>().join(" ")
}
