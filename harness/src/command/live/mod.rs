//! What a person sees while a run goes on: a line for each verdict; on a terminal, beneath, what every running case waits for;
//! without one, a sign of life where nothing else was said for a while.

mod frame;
mod left;
mod progress;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use meshproof_reports::{CaseRecord, Style, Summary, Verdict, case_line};
use tokio::time::Instant;

use self::progress::Progress;
use super::{args::RunArgs, run::Prepared, show::out};
use crate::{cells::RunEvent, engine::Event, language::formats::spell};

/// Without a terminal, so long may pass without a line.
const SILENCE: Duration = Duration::from_secs(30);

/// Draws events.
pub struct Live {
    progress: Progress,
    style: Style,
    quiet: bool,
    /// On a terminal: what moves, beneath everything else.
    moving: Option<ProgressBar>,
    /// When the last line was written.
    spoke: Instant,
    /// The clusters that are told already.
    told: Vec<String>,
}

impl Live {
    pub fn new(prepared: &Prepared, args: &RunArgs, style: Style, quiet: bool) -> Self {
        let on_terminal = console::Term::stderr().is_term() && console::Term::stdout().is_term() && !quiet;
        let progress = Progress::new(&prepared.plan, &prepared.history, args.repeat().times);
        Self { progress, style, quiet, moving: on_terminal.then(moving), spoke: Instant::now(), told: Vec::new() }
    }

    pub fn on(&mut self, event: &RunEvent) {
        let now = Instant::now();
        self.progress.on(event, now);
        match event {
            RunEvent::CellStarted { cell, round, cluster } => {
                let version = &cluster.kubernetes_version;
                let told = match (cluster.simulated, self.several()) {
                    (true, false) => {
                        format!("simulated cluster (Kubernetes {version}); a real one: --cluster kubeconfig")
                    }
                    (true, true) => "simulated clusters; real ones: --cluster kubeconfig".to_owned(),
                    (false, _) if cluster.provider == "none" => "without a cluster".to_owned(),
                    (false, _) => format!("{} {} (Kubernetes {version})", cluster.provider, cluster.context),
                };
                if !self.told.contains(&told) {
                    self.line(&told);
                    self.told.push(told);
                }
                if *round > 1 {
                    let of = self.progress.rounds.map_or(String::new(), |rounds| format!(" of {rounds}"));
                    self.of_cell(*cell, &format!("round {round}{of}"));
                } else if self.style.verbose && self.several() {
                    self.of_cell(*cell, &format!("begins on Kubernetes {version}"));
                }
            }
            RunEvent::InCell { cell, event } => self.on_case(*cell, event, now),
            RunEvent::CellEnded { cell, took, .. } => {
                let counts = self.progress.counts(*cell);
                if self.several() && (!self.quiet || counts.failed + counts.errored > 0) {
                    self.of_cell(*cell, &format!("{} in {}", told(&counts), spell(rounded(*took))));
                }
            }
            RunEvent::CellNotRun { cell, reason } => {
                if !self.quiet {
                    self.of_cell(*cell, &format!("not run: {reason}"));
                }
            }
            RunEvent::Problem(problem) => self.line(problem),
            // The problem has told the end of it.
            RunEvent::Explained(_) => {}
            RunEvent::Second => {
                if self.moving.is_none() && !self.quiet && now >= self.spoke + SILENCE {
                    let sign = self.progress.sign_of_life(now);
                    self.line(&sign);
                }
            }
        }
        self.draw(now);
    }

    fn on_case(&mut self, cell: usize, event: &Event, now: Instant) {
        match event {
            Event::CaseStarted { index, .. } if self.moving.is_none() && self.style.verbose => {
                self.line(&format!("started {}", self.progress.id(*index)));
            }
            Event::Waiting { index, what, deadline, .. } if self.moving.is_none() && self.style.verbose => {
                let most = spell(rounded(deadline.saturating_duration_since(now)));
                self.line(&format!("  {} waits for {what} (at most {most})", self.progress.id(*index)));
            }
            Event::CaseFinished { record, .. } => self.finished(record),
            Event::TeardownStarted { changes } if !self.several() || self.style.verbose => {
                let things = if *changes == 1 { "thing" } else { "things" };
                self.of_cell(cell, &format!("taking back {changes} {things}"));
            }
            Event::TornDown { what, trouble: None, took } if self.style.verbose => {
                self.of_cell(cell, &format!("  took back {what} in {}", spell(*took)));
            }
            Event::TornDown { what, trouble: Some(trouble), .. } => {
                self.of_cell(cell, &format!("  left behind: {what}: {trouble}"));
            }
            Event::Problem(text) | Event::Note(text) => self.of_cell(cell, text),
            _ => {}
        }
    }

    fn finished(&mut self, record: &CaseRecord) {
        // The summary tells of them together, by their cause.
        let later = !self.style.verbose
            && matches!(record.verdict, Some(Verdict::Blocked | Verdict::Skipped | Verdict::NotRun));
        let passed = matches!(record.verdict, Some(Verdict::Passed));
        // What passes in many cells would push what fails off the screen; the cell's own line counts it.
        let silent = passed && (self.quiet || (self.moving.is_some() && self.several() && !self.style.verbose));
        if !silent && !later {
            self.line(&case_line(record, self.style));
        }
    }

    fn several(&self) -> bool {
        self.progress.cells() > 1
    }

    /// A line about one cell.
    fn of_cell(&mut self, cell: usize, text: &str) {
        let line = match self.progress.name(cell) {
            name if self.several() && !name.is_empty() => format!("{name}: {}", text.trim_start()),
            _ => text.to_owned(),
        };
        self.line(&line);
    }

    fn line(&mut self, text: &str) {
        self.spoke = Instant::now();
        match &self.moving {
            Some(moving) => moving.suspend(|| out(&format!("{text}\n"))),
            None => out(&format!("{text}\n")),
        }
    }

    fn draw(&self, now: Instant) {
        if let Some(moving) = &self.moving {
            let (height, width) = console::Term::stderr().size();
            let lines = frame::lines(&self.progress, now, usize::from(width), usize::from(height));
            moving.set_message(lines.join("\n"));
            moving.tick();
        }
    }
}

impl Drop for Live {
    /// Takes what moves away.
    fn drop(&mut self) {
        if let Some(moving) = &self.moving {
            moving.finish_and_clear();
        }
    }
}

fn moving() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

/// `42 passed, 6 skipped`.
fn told(counts: &Summary) -> String {
    let each = [
        (counts.passed, Verdict::Passed),
        (counts.failed, Verdict::Failed),
        (counts.errored, Verdict::Errored),
        (counts.blocked, Verdict::Blocked),
        (counts.skipped, Verdict::Skipped),
        (counts.known_fail, Verdict::KnownFail),
    ];
    let words: Vec<String> = each
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {}", verdict.word()))
        .collect();
    if words.is_empty() { "no case ended".to_owned() } else { words.join(", ") }
}

/// To what matters to a person who waits.
fn rounded(duration: Duration) -> Duration {
    match duration.as_secs() {
        0..10 => Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX) / 100 * 100),
        seconds => Duration::from_secs(seconds),
    }
}
