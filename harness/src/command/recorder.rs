//! Keeps the report up to date while the run goes on, in memory and on disk.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use meshproof_reports::{
    CaseRecord, CellRecord, Keeper, Moment, MomentKind, Report, RunInfo, SCHEMA_VERSION, SuiteInfo, Summary, Timeline,
    repeated, write_final,
};
use tokio::time::Instant;

use super::run::Prepared;
use crate::{
    cells::{RunEvent, RunOutcome, named},
    engine::{self, Event},
    plan::{Plan, Shard},
    redact::{Redactor, Secrets},
};

/// The report of a run that has begun.
pub struct Recorder {
    pub report: Report,
    started: Instant,
    /// What running cases have waited for and seen, by their place.
    timelines: HashMap<usize, (Instant, Timeline)>,
    directory: Option<PathBuf>,
    keeper: Option<Keeper>,
    secrets: Secrets,
    /// How much was known to be secret when the report was last gone through.
    learnt: u64,
    /// When the disk may be written to again, if it is behind.
    pub due: Option<Instant>,
}

impl Recorder {
    pub fn new(prepared: &Prepared, shard: Option<Shard>, directory: Option<&Path>, secrets: Secrets) -> Self {
        let Prepared { plan, run, .. } = prepared;
        let report = Report {
            schema_version: SCHEMA_VERSION.to_owned(),
            run: RunInfo {
                id: run.id.clone(),
                meshproof_version: env!("CARGO_PKG_VERSION").to_owned(),
                started_at: engine::now(),
                finished_at: None,
                duration_ms: 0,
                interrupted: false,
                shard: shard.map(|shard| shard.to_string()),
                merged_from: Vec::new(),
                contacted: Vec::new(),
            },
            suite: SuiteInfo {
                name: plan.suite.clone(),
                title: plan.title.clone(),
                guide_url: plan.guide_url.clone(),
                digest: plan.digest.clone(),
                variables: plan.variables.clone().into_iter().collect(),
                files: plan.files.clone(),
            },
            cluster: None,
            cells: cells(plan),
            summary: Summary::default(),
            cases: plan.cases.iter().map(engine::blank).collect(),
            problems: Vec::new(),
            leftovers: Vec::new(),
            evidence: Vec::new(),
        };
        let mut recorder = Self {
            report,
            started: Instant::now(),
            timelines: HashMap::new(),
            directory: directory.map(Path::to_owned),
            keeper: directory.map(Keeper::new),
            secrets,
            learnt: 0,
            due: None,
        };
        recorder.report.refresh();
        recorder.redact();
        recorder
    }

    /// What happened, as anybody may hear it: every event passes through here before it is shown or written.
    pub fn told(&self, mut event: RunEvent) -> RunEvent {
        self.secrets.with(|redactor| match &mut event {
            RunEvent::InCell { event, .. } => told_of_case(redactor, event),
            RunEvent::Problem(text) | RunEvent::CellNotRun { reason: text, .. } => redactor.replace(text),
            RunEvent::Explained(evidence) => redactor.evidence(evidence),
            // What clusters are called is known before anything is secret; the end goes through it all the same.
            RunEvent::CellStarted { .. } | RunEvent::CellEnded { .. } | RunEvent::Second => {}
        });
        event
    }

    /// Goes through the whole report: what is known to be secret only now may have been told before.
    fn redact(&mut self) {
        self.learnt = self.secrets.learnt();
        self.secrets.with(|redactor| redactor.report(&mut self.report));
    }

    /// Takes in what happened.
    pub fn on(&mut self, event: &RunEvent) {
        match event {
            RunEvent::CellStarted { cell, cluster, .. } => {
                let known = &mut self.report.cells[*cell].cluster;
                // What an earlier round has found out of it stays.
                if known.is_none() {
                    *known = Some((**cluster).clone());
                }
            }
            RunEvent::InCell { cell, event } => {
                if !self.on_case(*cell, event) {
                    return;
                }
            }
            RunEvent::CellEnded { cell, images, versions, .. } => {
                if let Some(cluster) = &mut self.report.cells[*cell].cluster {
                    cluster.images.extend(images.iter().cloned());
                    cluster.images.sort();
                    cluster.images.dedup();
                    cluster.versions.extend(versions.clone());
                }
            }
            RunEvent::CellNotRun { cell, reason } => self.report.cells[*cell].not_run = Some(reason.clone()),
            RunEvent::Second => return,
            RunEvent::Problem(problem) => self.report.problems.push(problem.clone()),
            RunEvent::Explained(evidence) => self.report.evidence.push((**evidence).clone()),
        }
        self.keep();
    }

    /// Whether the report is another now.
    fn on_case(&mut self, cell: usize, event: &Event) -> bool {
        match event {
            Event::CaseStarted { index, at } => {
                self.timelines.insert(*index, (*at, Timeline::default()));
                false
            }
            Event::Waiting { index, what, deadline, at } => {
                self.moment(*index, *at, MomentKind::Waits, what, Some(*deadline));
                false
            }
            Event::Seen { index, what, met, at } => {
                let kind = if *met { MomentKind::Met } else { MomentKind::Sees };
                self.moment(*index, *at, kind, what, None);
                false
            }
            Event::CaseFinished { index, record } => {
                let timeline = self.timelines.remove(index).map(|(_, timeline)| timeline.moments());
                let record = CaseRecord { timeline: timeline.unwrap_or_default(), ..(**record).clone() };
                let known = &mut self.report.cases[*index];
                *known = if known.verdict.is_none() { record } else { repeated(known, record) };
                true
            }
            Event::Problem(problem) => {
                let named = named(&self.report.cells[cell].name, problem.clone());
                self.report.problems.push(named);
                true
            }
            Event::Note(_) | Event::TeardownStarted { .. } | Event::TornDown { .. } => false,
        }
    }

    fn moment(&mut self, index: usize, at: Instant, kind: MomentKind, text: &str, deadline: Option<Instant>) {
        let Some((began, timeline)) = self.timelines.get_mut(&index) else { return };
        let since = |moment: Instant| engine::milliseconds(moment.saturating_duration_since(*began));
        timeline.push(Moment { at_ms: since(at), kind, text: text.to_owned(), deadline_ms: deadline.map(since) });
    }

    /// Writes what is known to disk, unless it was written a moment ago: counting and redacting go through all cases, which after every
    /// event would take longer the more there are.
    pub fn keep(&mut self) {
        if self.keeper.is_none() || self.due.is_some_and(|due| Instant::now() < due) {
            return;
        }
        self.report.run.duration_ms = engine::milliseconds(self.started.elapsed());
        self.report.refresh();
        if self.learnt != self.secrets.learnt() {
            self.redact();
        }
        let Some(keeper) = &mut self.keeper else { return };
        let report = &self.report;
        match tokio::task::block_in_place(|| keeper.offer(report)) {
            Ok(due) => self.due = due.map(Instant::from_std),
            Err(error) => {
                self.report.problems.push(error.to_string());
                self.keeper = None;
                self.due = None;
            }
        }
    }

    /// Ends the report and writes it.
    pub fn finish(mut self, outcome: RunOutcome) -> Report {
        self.report.run.interrupted = outcome.interrupted;
        self.report.problems.extend(outcome.problems);
        self.report.run.contacted = outcome.contacted;
        self.report.leftovers.extend(outcome.leftovers);
        self.report.run.finished_at = Some(engine::now());
        self.report.run.duration_ms = engine::milliseconds(self.started.elapsed());
        self.report.refresh();
        self.redact();
        if let Some(directory) = &self.directory
            && let Err(error) = tokio::task::block_in_place(|| write_final(directory, &self.report))
        {
            self.report.problems.push(error.to_string());
        }
        self.report
    }
}

fn told_of_case(redactor: &Redactor, event: &mut Event) {
    match event {
        Event::CaseFinished { record, .. } => redactor.case(record),
        Event::Waiting { what: text, .. }
        | Event::Seen { what: text, .. }
        | Event::Problem(text)
        | Event::Note(text) => redactor.replace(text),
        Event::TornDown { what, trouble, .. } => {
            redactor.replace(what);
            if let Some(trouble) = trouble {
                redactor.replace(trouble);
            }
        }
        Event::CaseStarted { .. } | Event::TeardownStarted { .. } => {}
    }
}

/// The cells that the plan has cases of, in its order.
fn cells(plan: &Plan) -> Vec<CellRecord> {
    let of = |cell: &crate::plan::Cell| CellRecord {
        name: cell.name.clone(),
        values: cell.axes.clone(),
        ..CellRecord::default()
    };
    plan.cells().iter().map(|(cell, _)| of(cell)).collect()
}
