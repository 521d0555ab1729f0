//! Keeps the report up to date while the run goes on, in memory and on disk.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use meshproof_reports::{CellRecord, Keeper, Report, RunInfo, SCHEMA_VERSION, SuiteInfo, Summary, write_final};
use tokio::time::Instant;

use crate::{
    engine::{self, Event, Outcome},
    plan::{Plan, RunIdentity},
    redact::Secrets,
};

/// The report of a run that has begun.
pub struct Recorder {
    pub report: Report,
    started: Instant,
    directory: Option<PathBuf>,
    keeper: Option<Keeper>,
    secrets: Secrets,
    /// How much was known to be secret when the report was last gone through.
    learnt: u64,
    /// When the disk may be written to again, if it is behind.
    pub due: Option<Instant>,
}

impl Recorder {
    pub fn new(plan: &Plan, run: &RunIdentity, directory: Option<&Path>, secrets: Secrets) -> Self {
        let report = Report {
            schema_version: SCHEMA_VERSION.to_owned(),
            run: RunInfo {
                id: run.id.clone(),
                meshproof_version: env!("CARGO_PKG_VERSION").to_owned(),
                started_at: engine::now(),
                finished_at: None,
                duration_ms: 0,
                interrupted: false,
                shard: None,
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
        };
        let keeper = directory.map(Keeper::new);
        let mut recorder = Self {
            report,
            started: Instant::now(),
            directory: directory.map(Path::to_owned),
            keeper,
            secrets,
            learnt: 0,
            due: None,
        };
        recorder.report.refresh();
        recorder.redact();
        recorder
    }

    /// What happened, as anybody may hear it: every event passes through here before it is shown or written.
    pub fn told(&self, mut event: Event) -> Event {
        self.secrets.with(|redactor| match &mut event {
            Event::CaseFinished { record, .. } => redactor.case(record),
            Event::Waiting { what, .. } => redactor.replace(what),
            Event::TornDown { what, trouble, .. } => {
                redactor.replace(what);
                if let Some(trouble) = trouble {
                    redactor.replace(trouble);
                }
            }
            Event::Problem(text) | Event::Note(text) => redactor.replace(text),
            Event::Connected(_) | Event::CaseStarted { .. } | Event::TeardownStarted { .. } => {}
        });
        event
    }

    /// Goes through the whole report: what is known to be secret only now may have been told before.
    fn redact(&mut self) {
        self.learnt = self.secrets.learnt();
        self.secrets.with(|redactor| redactor.report(&mut self.report));
    }

    /// Takes in what happened.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::Connected(cluster) => {
                self.report.cells.iter_mut().for_each(|cell| cell.cluster = Some((**cluster).clone()));
                self.report.refresh();
            }
            Event::CaseFinished { index, record } => {
                self.report.cases[*index] = (**record).clone();
                self.report.refresh();
            }
            Event::Problem(problem) => self.report.problems.push(problem.clone()),
            Event::Note(_)
            | Event::CaseStarted { .. }
            | Event::Waiting { .. }
            | Event::TeardownStarted { .. }
            | Event::TornDown { .. } => {
                return;
            }
        }
        self.keep();
    }

    /// Writes what is known to disk, unless it was written a moment ago.
    pub fn keep(&mut self) {
        self.report.run.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if self.keeper.is_some() && self.learnt != self.secrets.learnt() {
            self.redact();
        }
        let Some(keeper) = &mut self.keeper else { return };
        let report = &self.report;
        match tokio::task::block_in_place(|| keeper.offer(report)) {
            Ok(due) => self.due = due.map(Instant::from_std),
            Err(error) => {
                self.report.problems.push(error.to_string());
                self.keeper = None;
            }
        }
    }

    /// Ends the report and writes it.
    pub fn finish(mut self, outcome: Outcome) -> Report {
        self.report.run.interrupted = outcome.interrupted;
        self.report.problems.extend(outcome.problems);
        self.report.run.contacted = outcome.contacted;
        self.report.leftovers.extend(outcome.leftovers);
        self.report.run.finished_at = Some(engine::now());
        self.report.run.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        for cluster in self.report.cells.iter_mut().filter_map(|cell| cell.cluster.as_mut()) {
            cluster.images.clone_from(&outcome.images);
            cluster.versions.extend(outcome.versions.clone());
        }
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

/// The cells that the plan has cases of, in its order.
fn cells(plan: &Plan) -> Vec<CellRecord> {
    let mut cells: IndexMap<usize, CellRecord> = IndexMap::new();
    for case in &plan.cases {
        cells.entry(case.cell.index).or_insert_with(|| CellRecord {
            name: case.cell.name.clone(),
            values: case.cell.axes.clone(),
            ..CellRecord::default()
        });
    }
    cells.into_values().collect()
}
