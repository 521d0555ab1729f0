//! One cell on its ground, once or several times.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};

use super::{
    event::{RunEvent, RunEvents},
    ground::Ground,
    outcome::RunOutcome,
    run::Repeat,
};
use crate::{
    cluster::ConnectError,
    engine::{Event, Options, Outcome, Signals, execute, make_directory},
    plan::{Cell, Plan},
    redact::Secrets,
    safety::Safety,
};

/// What a cell is run with.
pub struct Job {
    /// The cell's place among those of the plan.
    pub place: usize,
    pub cell: Arc<Cell>,
    /// The plan of its cases alone, and where they begin in the whole plan.
    pub part: Plan,
    pub offset: usize,
    pub options: Options,
    /// When all cases must have ended.
    pub deadline: Option<Instant>,
    pub repeat: Repeat,
    pub events: RunEvents,
    pub signals: Signals,
    pub secrets: Secrets,
}

/// Runs the cell, again as often as it is asked for, and gives the ground back.
pub async fn work(mut ground: Ground, job: Job) -> (Ground, RunOutcome) {
    let mut left = RunOutcome::default();
    for round in 1..=job.repeat.times {
        let outcome = match Box::pin(job.round(&mut ground, round)).await {
            Ok(outcome) => outcome,
            Err(problem) => {
                left.problems.push(job.named(problem));
                break;
            }
        };
        let dirty = outcome.left_behind || !outcome.problems.is_empty() || !outcome.leftovers.is_empty();
        left.add(job.told(outcome));
        let enough = job.repeat.until_failure && job.signals.failed.is_cancelled();
        if left.interrupted || enough || round == job.repeat.times {
            break;
        }
        if dirty {
            left.problems.push(job.named("it is not repeated on a cluster that has something left of it".to_owned()));
            break;
        }
    }
    // What is still to be taken back needs the programs that lie there.
    if !job.options.keep && !left.left_behind && !job.cell.name.is_empty() {
        // What cannot be removed goes with the run's folder, or stays in the system's for temporary files.
        let _ = std::fs::remove_dir_all(&job.cell.identity.directory);
    }
    (ground, left)
}

impl Job {
    async fn round(&self, ground: &mut Ground, round: usize) -> Result<Outcome, String> {
        let began = Instant::now();
        make_directory(&self.cell.identity)?;
        let tell = |text: String| self.tell(RunEvent::InCell { cell: self.place, event: Event::Note(text) });
        let mut cluster = tokio::select! {
            cluster = ground.cluster(&self.cell, &self.part.registries, &self.secrets, &tell) => {
                cluster.map_err(|error| self.explained(error))?
            }
            () = self.signals.interrupt.cancelled() => return Ok(Outcome { interrupted: true, ..Outcome::default() }),
        };
        cluster.speak_to_registries(&self.part.registries);
        let described = Box::new(ground.describe(&cluster));
        self.tell(RunEvent::CellStarted { cell: self.place, round, cluster: described });
        let timeout = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let safety = self.options.safety.clone().map(|safety| match cluster.simulator.is_some() {
            // Its journal is of no use once the cluster is gone.
            true => Safety { state: self.cell.identity.directory.clone(), ..safety },
            false => safety,
        });
        let options = Options { timeout, safety, ..self.options.clone() };
        let (sender, inbox) = mpsc::unbounded_channel();
        let executing = execute(&self.part, cluster, &self.cell.identity, &options, sender, &self.signals);
        let (mut outcome, ()) = tokio::join!(executing, self.forward(inbox));
        let (images, versions) = (std::mem::take(&mut outcome.images), std::mem::take(&mut outcome.versions));
        self.tell(RunEvent::CellEnded { cell: self.place, round, images, versions, took: began.elapsed() });
        Ok(outcome)
    }

    /// Why there is no cluster; what its programs wrote goes to the reports.
    fn explained(&self, error: ConnectError) -> String {
        if let ConnectError::Kind(error) = &error
            && let Some(evidence) = error.evidence()
        {
            self.tell(RunEvent::Explained(Box::new(evidence)));
        }
        error.to_string()
    }

    /// Passes events on, with the places of the whole plan.
    async fn forward(&self, mut inbox: mpsc::UnboundedReceiver<Event>) {
        while let Some(event) = inbox.recv().await {
            self.tell(RunEvent::InCell { cell: self.place, event: event.moved(self.offset) });
        }
    }

    fn tell(&self, event: RunEvent) {
        // Whoever listened may be gone; the cell goes on to its teardown.
        let _ = self.events.send(event);
    }

    /// What a round has left, as it is said where there may be other cells.
    fn told(&self, outcome: Outcome) -> RunOutcome {
        let Outcome { interrupted, problems, kept, leftovers, left_behind, contacted, .. } = outcome;
        let all = |texts: Vec<String>| texts.into_iter().map(|text| self.named(text)).collect();
        let (problems, kept, leftovers) = (all(problems), all(kept), all(leftovers));
        RunOutcome { interrupted, problems, kept, leftovers, left_behind, contacted }
    }

    fn named(&self, text: String) -> String {
        named(&self.cell.name, text)
    }
}

/// What is said of a cell where there may be others.
pub fn named(cell: &str, text: String) -> String {
    if cell.is_empty() { text } else { format!("{cell}: {text}") }
}
