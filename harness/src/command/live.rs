//! What a person sees while a run goes on: a line for each verdict, and on a terminal what every running case waits for.

use std::{collections::HashMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use meshproof_reports::{CaseRecord, Style, Verdict, case_line};
use tokio::time::Instant;

use super::show::out;
use crate::{engine::Event, language::formats::spell, plan::Plan};

/// Draws events.
pub struct Live {
    ids: Vec<String>,
    style: Style,
    quiet: bool,
    /// On a terminal: a line for each running case, beneath everything else.
    bars: Option<Bars>,
    finished: usize,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    cases: HashMap<usize, ProgressBar>,
}

impl Live {
    pub fn new(plan: &Plan, style: Style, quiet: bool) -> Self {
        let on_terminal = console::Term::stderr().is_term() && console::Term::stdout().is_term() && !quiet;
        let bars = on_terminal.then(|| Bars::new(plan.cases.len(), style));
        Self { ids: plan.cases.iter().map(|case| case.id.clone()).collect(), style, quiet, bars, finished: 0 }
    }

    pub fn on(&mut self, event: &Event) {
        match event {
            Event::Connected(cluster) => {
                let version = &cluster.kubernetes_version;
                self.line(&match cluster.simulated {
                    true => format!("simulated cluster (Kubernetes {version}); a real one: --cluster kubeconfig"),
                    false => format!("{} {} (Kubernetes {version})", cluster.provider, cluster.context),
                });
            }
            Event::CaseStarted { index, .. } => {
                let id = self.ids[*index].clone();
                if let Some(bars) = &mut self.bars {
                    bars.start(*index, &id);
                } else if self.style.verbose {
                    self.line(&format!("started {id}"));
                }
            }
            Event::Waiting { index, what, deadline } => self.waiting(*index, what, *deadline),
            Event::CaseFinished { index, record } => self.finished(*index, record),
            Event::TeardownStarted { changes } => {
                let things = if *changes == 1 { "thing" } else { "things" };
                self.line(&format!("taking back {changes} {things}"));
                if let Some(bars) = &self.bars {
                    bars.total.set_message("taking back what the run changed");
                }
            }
            Event::TornDown { what, trouble: None, took } => {
                if self.style.verbose {
                    self.line(&format!("  took back {what} in {}", spell(*took)));
                }
            }
            Event::TornDown { what, trouble: Some(trouble), .. } => {
                self.line(&format!("  left behind: {what}: {trouble}"));
            }
            Event::Note(text) | Event::Problem(text) => self.line(text),
        }
    }

    fn waiting(&mut self, index: usize, what: &str, deadline: Instant) {
        let within = deadline.saturating_duration_since(Instant::now());
        let most = if within > Duration::ZERO { spell(within) } else { "0s".to_owned() };
        if let Some(bars) = &self.bars {
            if let Some(bar) = bars.cases.get(&index) {
                bar.set_prefix(format!("/{most}"));
                bar.set_message(format!("{}: {what}", self.ids[index]));
                bar.reset_elapsed();
            }
        } else if self.style.verbose {
            self.line(&format!("  {} waits for {what} (at most {most})", self.ids[index]));
        }
    }

    fn finished(&mut self, index: usize, record: &CaseRecord) {
        self.finished += 1;
        if let Some(bars) = &mut self.bars {
            bars.finish(index);
        }
        // The summary tells of them together, by their cause.
        let told_later = matches!(record.verdict, Some(Verdict::Blocked | Verdict::Skipped)) && !self.style.verbose;
        let silent = self.quiet && matches!(record.verdict, Some(Verdict::Passed));
        if !silent && !told_later {
            self.line(&case_line(record, self.style));
        }
    }

    fn line(&self, text: &str) {
        if self.quiet && text.is_empty() {
            return;
        }
        match &self.bars {
            Some(bars) => bars.all.suspend(|| out(&format!("{text}\n"))),
            None => out(&format!("{text}\n")),
        }
    }
}

impl Drop for Bars {
    /// Takes the moving lines away.
    fn drop(&mut self) {
        self.total.finish_and_clear();
        let _ = self.all.clear();
    }
}

impl Bars {
    fn new(cases: usize, style: Style) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(cases as u64));
        let template = if style.color {
            "{bar:24.cyan/dim} {pos}/{len} {elapsed} {msg}"
        } else {
            "{bar:24} {pos}/{len} {elapsed} {msg}"
        };
        total.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        total.enable_steady_tick(Duration::from_millis(200));
        Self { all, total, cases: HashMap::new() }
    }

    fn start(&mut self, index: usize, id: &str) {
        let bar = self.all.insert_before(&self.total, ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {elapsed:>4}{prefix:<5} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(id.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.cases.insert(index, bar);
    }

    fn finish(&mut self, index: usize) {
        if let Some(bar) = self.cases.remove(&index) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        self.total.inc(1);
    }
}
