//! One case: its actions in order, then its expectations in order, to the first that decides the verdict.

use std::{path::Path, time::Duration};

use meshproof_reports::{CaseRecord, Diagnosis, StepRecord, Verdict};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    context::Context,
    converge::{Converged, Timing, converge},
    hopeless::PATIENCE,
    inquire::inquire,
    probe::probe,
    record,
    shared::Shared,
};
use crate::{
    action::{Action, Undone},
    diagnose::{self, Concern, Symptom},
    diagnostic::Span,
    expectation::{Expectation, Subject},
    journal::Undo,
    language::{ActionStep, ExpectationStep, names_in},
    plan::{PlannedCase, Reachable},
    yaml::Node,
};

/// How long an action may take that says nothing of it.
const ACTION: Duration = Duration::from_secs(300);
/// How long the cluster may take to become as expected where nothing is said of it.
const EXPECTATION: Duration = Duration::from_secs(10);
/// How long registries may take to answer everything.
const INQUIRY: Duration = Duration::from_secs(120);

/// Why a case ended as it did.
pub struct Ending {
    pub verdict: Verdict,
    pub reason: Option<String>,
    pub expected: Option<String>,
    pub seen: Option<String>,
}

/// Runs one case.
pub async fn run(shared: &Shared, planned: &PlannedCase, index: usize) -> CaseRecord {
    for Reachable { address, reason } in &planned.reachable {
        if let Some(trouble) = shared.reachables.trouble(&shared.cluster, address).await {
            let told = format!("{address} cannot be reached from here: {trouble}");
            let reason = reason.as_ref().map_or(told.clone(), |reason| format!("{reason} ({told})"));
            return record::unrun(planned, Verdict::Skipped, reason);
        }
    }
    let started = (Instant::now(), record::now());
    let mut running = Running {
        shared,
        planned,
        index,
        steps: Vec::new(),
        look: Vec::new(),
        attempts: 0,
        gained: None,
        last: None,
        concern: Concern::default(),
    };
    let ending = running.run().await;
    let duration_ms = record::milliseconds(started.0.elapsed());
    let diagnosis = running.diagnose(&ending).await;
    let (steps, look, attempts) = (running.steps, running.look, running.attempts);
    let mut record = record::blank(planned);
    record.verdict = Some(ending.verdict);
    record.reason = ending.reason;
    record.expected = ending.expected;
    record.seen = ending.seen;
    record.started_at = Some(started.1);
    record.duration_ms = duration_ms;
    record.diagnosis = diagnosis;
    record.attempts = attempts;
    record.look = look;
    record.steps = steps;
    record::known_failure(record, planned)
}

struct Running<'a> {
    shared: &'a Shared,
    planned: &'a PlannedCase,
    index: usize,
    steps: Vec<StepRecord>,
    look: Vec<String>,
    attempts: u64,
    gained: Option<crate::action::Gained>,
    /// The last action that gave an output: what expectations with `within` do again.
    last: Option<Action>,
    concern: Concern,
}

impl Running<'_> {
    async fn run(&mut self) -> Ending {
        for node in &self.planned.actions {
            if let Err(ending) = self.act(node).await {
                return ending;
            }
        }
        let mut seen = None;
        for node in &self.planned.expectations {
            match self.expect(node).await {
                Ok(found) => seen = Some(found),
                Err(ending) => return ending,
            }
        }
        Ending { verdict: Verdict::Passed, reason: None, expected: None, seen }
    }

    async fn act(&mut self, node: &Node) -> Result<(), Ending> {
        let node = self.fill(node)?;
        let step = ActionStep::read(&node).map_err(|error| errored(error.to_string()))?;
        let started = Instant::now();
        let within = step.options.within.map_or(ACTION, |within| within.0);
        let deadline = started + self.shared.cluster.pace.deadline(within);
        let title = step.action.title();
        let look = step.action.look(self.planned.namespace.as_deref());
        self.concern.acts(&step.action, self.planned.namespace.as_deref());
        let mut context = self.context(deadline, &step.span);
        context.note(title.clone());
        if let Some(undo) = &step.options.undo {
            let undo = Undo {
                title: title.clone(),
                unless: undo.unless.as_ref().map(|node| node.0.to_json()),
                actions: undo.actions.iter().map(|action| action.0.to_json()).collect(),
                namespace: self.planned.namespace.clone(),
                file: step.span.source.path.clone(),
            };
            self.shared.ledger.running(undo).map_err(|undone| errored(undone.to_string()))?;
        }
        context.gained.clone_from(&self.gained);
        let done = tokio::select! {
            done = step.action.perform(&context) => done,
            () = self.shared.cancel.cancelled(), if !step.action.changes() => Err(Undone::Interrupted),
        };
        if step.action.changes() {
            self.shared.cluster.watches.changed();
        }
        self.attempts += 1;
        let mut record = StepRecord {
            title,
            place: step.span.place(),
            verdict: Some(Verdict::Passed),
            reason: None,
            duration_ms: record::milliseconds(started.elapsed()),
            attempts: 1,
            output: None,
        };
        let ending = match done {
            Ok(done) => {
                self.remember(done.captures);
                if let Some(gained) = done.gained {
                    record.output = gained.told(&self.shared.cluster.secrets).tail();
                    self.gained = Some(gained);
                    self.look = look.into_iter().collect();
                    self.last = Some(step.action);
                }
                None
            }
            Err(Undone::Failed { reason, seen, output }) => {
                record.output = output;
                self.look = look.into_iter().collect();
                Some(Ending {
                    verdict: Verdict::Failed,
                    reason: Some(reason),
                    expected: Some(record.title.clone()),
                    seen,
                })
            }
            // A request is not made again once the run is ended.
            Err(Undone::Errored(reason)) if !self.shared.cancel.is_cancelled() => Some(errored(reason)),
            Err(Undone::Errored(_) | Undone::Interrupted) => Some(errored("the run was interrupted".to_owned())),
        };
        if let Some(ending) = &ending {
            record.verdict = Some(ending.verdict);
            record.reason.clone_from(&ending.reason);
        }
        self.steps.push(record);
        ending.map_or(Ok(()), Err)
    }

    /// Gives what was seen.
    async fn expect(&mut self, node: &Node) -> Result<String, Ending> {
        let node = self.fill(node)?;
        let step = ExpectationStep::read(&node).map_err(|error| errored(error.to_string()))?;
        let started = Instant::now();
        let state = matches!(step.expectation.subject(), Subject::State(_));
        let standard = match step.expectation.subject() {
            Subject::State(_) => EXPECTATION,
            Subject::Gained(_) => Duration::ZERO,
            Subject::Stored(_) => INQUIRY,
        };
        let pace = self.shared.cluster.pace;
        let within = step.options.within.map_or(standard, |within| within.0);
        let deadline = started + pace.deadline(within);
        let title = record::title(&step.expectation);
        self.concern.expects(&step.expectation, title.clone(), self.planned.namespace.as_deref());
        let last = self.last.take();
        let gained = self.gained.clone();
        let mut context = self.context(deadline, &step.span);
        context.gained = gained;
        context.note(title.clone());
        let (converged, attempts) = match step.expectation.subject() {
            Subject::State(expectation) => {
                let timing = Timing {
                    deadline,
                    hold: pace.outside(step.options.hold.map_or(Duration::ZERO, |hold| hold.0)),
                    patience: pace.outside(step.options.patience.map_or(PATIENCE, |patience| patience.0)),
                };
                converge(&context, expectation, timing).await
            }
            Subject::Gained(expectation) => probe(&mut context, last.as_ref(), expectation, &step.options).await,
            Subject::Stored(wanted) => (inquire(&context, &wanted, within).await, 1),
        };
        let gained = context.gained.take();
        self.last = last;
        let output =
            gained.as_ref().filter(|_| !state).and_then(|gained| gained.told(&self.shared.cluster.secrets).tail());
        self.gained = gained;
        self.attempts += attempts;
        if let Subject::State(expectation) = step.expectation.subject() {
            self.look = vec![record::look(
                &expectation.target(),
                self.planned.namespace.as_deref(),
                &self.shared.cluster.connection.context,
            )];
        }
        if let Subject::Stored(wanted) = step.expectation.subject() {
            self.look = wanted.look().into_iter().collect();
        }
        let result = conclude(converged, within);
        let ending = result.as_ref().err();
        self.steps.push(StepRecord {
            title,
            place: step.span.place(),
            verdict: Some(ending.map_or(Verdict::Passed, |ending| ending.verdict)),
            reason: ending.and_then(|ending| ending.reason.clone()),
            duration_ms: record::milliseconds(started.elapsed()),
            attempts,
            output,
        });
        result
    }

    /// Why it failed or errored: collected now, before anything is taken back or changes.
    async fn diagnose(&mut self, ending: &Ending) -> Option<Diagnosis> {
        if !matches!(ending.verdict, Verdict::Failed | Verdict::Errored) || self.shared.cancel.is_cancelled() {
            return None;
        }
        let symptom = Symptom {
            reason: ending.reason.clone().unwrap_or_default(),
            expected: ending.expected.clone(),
            seen: ending.seen.clone(),
            output: self.steps.iter().rev().find_map(|step| step.output.clone()),
            errored: ending.verdict == Verdict::Errored,
        };
        let more = self.planned.cell.diagnose.iter().map(|node| {
            let filled = self.fill(node);
            filled.map_err(|ending| ending.reason.unwrap_or_default())
        });
        let more = more.collect();
        let context = self.context(Instant::now() + diagnose::BOUND, &self.planned.span);
        diagnose::diagnose(&context, &self.shared.diagnoses, self.concern.clone(), symptom, more).await
    }

    fn context<'b>(&'b self, deadline: Instant, span: &'b Span) -> Context<'b> {
        Context {
            directory: span.source.path.parent().unwrap_or(Path::new(".")),
            index: Some(self.index),
            ..self.shared.context(self.planned.namespace.as_deref(), deadline, &self.shared.cancel)
        }
    }

    /// Fills what waited for captures.
    fn fill(&self, node: &Node) -> Result<Node, Ending> {
        let cell = &self.planned.cell;
        let captures =
            self.shared.captures.lock().expect("no holder panics").get(&cell.index).cloned().unwrap_or_default();
        let (filled, problems) = cell.filler(&captures).fill(node);
        if let Some(problem) = problems.first() {
            return Err(errored(problem.to_string()));
        }
        let missing =
            names_in(node).into_iter().find(|name| cell.captured.contains(name) && !captures.contains_key(name));
        match missing {
            Some(name) => Err(Ending {
                verdict: Verdict::Blocked,
                reason: Some(format!("`{name}` has no value: the cases that capture it were skipped")),
                expected: None,
                seen: None,
            }),
            None => Ok(filled),
        }
    }

    fn remember(&self, captures: Vec<(String, Value)>) {
        let mut all = self.shared.captures.lock().expect("no holder panics");
        all.entry(self.planned.cell.index).or_default().extend(captures);
    }
}

fn conclude(converged: Converged, within: Duration) -> Result<String, Ending> {
    match converged {
        Converged::Met { seen } => Ok(seen),
        Converged::Unmet { mismatch, reason } => {
            let why = match reason {
                Some(reason) => reason,
                None if within.is_zero() => format!("expected {}, saw {}", mismatch.expected, mismatch.seen),
                None => format!(
                    "expected {} within {}, saw {}",
                    mismatch.expected,
                    crate::language::formats::spell(within),
                    mismatch.seen
                ),
            };
            Err(Ending {
                verdict: Verdict::Failed,
                reason: Some(why),
                expected: Some(mismatch.expected),
                seen: Some(mismatch.seen),
            })
        }
        Converged::Unseen(reason) => Err(errored(reason)),
        Converged::Interrupted => Err(errored("the run was interrupted".to_owned())),
    }
}

fn errored(reason: String) -> Ending {
    Ending { verdict: Verdict::Errored, reason: Some(reason), expected: None, seen: None }
}

/// Used where an expectation stands by itself: whether it holds now.
pub async fn holds(context: &Context<'_>, expectation: &Expectation) -> bool {
    let Subject::State(expectation) = expectation.subject() else { return false };
    let timing = Timing { deadline: Instant::now(), hold: Duration::ZERO, patience: Duration::ZERO };
    matches!(converge(context, expectation, timing).await.0, Converged::Met { .. })
}
