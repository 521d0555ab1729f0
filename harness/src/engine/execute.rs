//! Runs a plan on a cluster. One owner of the run's state; cases send it what became of them.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use meshproof_reports::{CaseRecord, Contact, ImageSeen, Verdict};
use tokio::{
    task::{Id, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    case,
    event::{Event, Events},
    record,
    schedule::{Next, State, next},
    shared::Shared,
    teardown::{kept, teardown},
};
use crate::{
    cluster::Cluster,
    journal::Holdings,
    plan::{Plan, RunIdentity},
    preflight::preflight,
    safety::{self, Refusal, Safety, Stay},
};

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many cases may run at once.
    pub jobs: usize,
    /// Begin nothing more after the first failure.
    pub fail_fast: bool,
    /// Leave on the cluster what the run made.
    pub keep: bool,
    /// How long all cases together may take.
    pub timeout: Option<Duration>,
    /// How long taking one thing back may take.
    pub teardown: Duration,
    /// Whether the cluster is asked first if it is fit for the run.
    pub preflight: bool,
    /// How the cluster is kept safe; `None` for one that nobody needs afterwards.
    pub safety: Option<Safety>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: 64,
            fail_fast: false,
            keep: false,
            timeout: None,
            teardown: Duration::from_secs(120),
            preflight: false,
            safety: None,
        }
    }
}

/// What a run leaves besides its records.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether a signal or the run's timeout ended it.
    pub interrupted: bool,
    pub problems: Vec<String>,
    pub images: Vec<ImageSeen>,
    /// Captured versions, by name.
    pub versions: BTreeMap<String, String>,
    /// Every address that the run itself spoke to.
    pub contacted: Vec<Contact>,
    /// What `keep` left on the cluster.
    pub kept: Vec<String>,
    /// What the run left behind or took, by comparison, a line each.
    pub leftovers: Vec<String>,
    /// Whether something is still to be taken back.
    pub left_behind: bool,
}

/// What ends a run early. The first signal ends the cases and takes everything back, the second gives that up too.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    pub interrupt: CancellationToken,
    pub give_up: CancellationToken,
    /// A case has failed or errored, of any of the plans that a run has: with [`Options::fail_fast`], nothing more begins.
    pub failed: CancellationToken,
}

/// Runs every case of the plan and then takes back what was changed. Each case's record is sent as it ends; all of them have a
/// verdict when this returns.
pub async fn execute(
    plan: &Plan,
    cluster: Cluster,
    run: &RunIdentity,
    options: &Options,
    events: Events,
    signals: &Signals,
) -> Outcome {
    let refused = |problem: String| Outcome { problems: vec![problem], ..Outcome::default() };
    let cluster = Arc::new(cluster);
    let journal = match &options.safety {
        None => None,
        Some(safety) => match safety::begin(safety, &cluster, plan, run).await {
            Ok(journal) => Some(journal),
            Err(problem) => return refused(problem),
        },
    };
    let ledger = super::Ledger::new(journal, Holdings::default());
    let shared = match Shared::new(&cluster, run, ledger, events, signals.interrupt.child_token()) {
        Ok(shared) => Arc::new(shared),
        Err(problem) => return refused(problem),
    };
    let stay = match Box::pin(enter(&shared, plan, run, options)).await {
        Ok(stay) => stay,
        Err(mut problems) => {
            let ended = Box::pin(end(&shared, None, options, signals)).await;
            problems.extend(ended.problems);
            return Outcome { problems, interrupted: signals.interrupt.is_cancelled(), ..ended };
        }
    };
    let mut scheduler = Scheduler {
        plan,
        shared: Arc::clone(&shared),
        states: vec![State::Waiting; plan.cases.len()],
        running: JoinSet::new(),
        tasks: HashMap::new(),
        options,
        stop: None,
        failed: false,
        blocked_by: BTreeMap::new(),
    };
    let interrupted = scheduler.run(signals).await;
    let mut outcome = Outcome { interrupted, ..Box::pin(end(&shared, stay, options, signals)).await };
    outcome.images = shared.images.lock().expect("no holder panics").iter().cloned().collect();
    outcome.contacted = shared.contacted();
    let captures = shared.captures.lock().expect("no holder panics");
    outcome.versions = captures
        .values()
        .flatten()
        .filter(|(name, _)| name.ends_with("Version"))
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    outcome
}

/// What comes before the first case. `Err` is what keeps the run from beginning.
async fn enter(
    shared: &Arc<Shared>,
    plan: &Plan,
    run: &RunIdentity,
    options: &Options,
) -> Result<Option<Stay>, Vec<String>> {
    if let Some(safety) = &options.safety {
        safety::take_back_of_the_dead(shared, safety).await;
    }
    // Before the cluster is looked at: what another run is making or taking back tells nothing of it.
    let entered = match &options.safety {
        None => Ok(None),
        Some(safety) => safety::enter(shared, plan, run, safety).await.map(Some),
    };
    match entered {
        Ok(stay) => {
            if options.preflight
                && let Err(problems) = ask(shared, plan).await
            {
                if let Some(stay) = stay {
                    stay.end(shared).await;
                }
                return Err(problems);
            }
            Ok(stay)
        }
        Err(Refusal::Taken(problem)) => Err(vec![problem]),
        Err(Refusal::Undone(undone)) => {
            // Where a lease may not be made, more may be wrong.
            if options.preflight {
                ask(shared, plan).await?;
            }
            Err(vec![undone.to_string()])
        }
    }
}

/// Whether the cluster is fit; `Err` is why not, or nothing where the run was interrupted meanwhile.
async fn ask(shared: &Shared, plan: &Plan) -> Result<(), Vec<String>> {
    let findings = tokio::select! {
        findings = preflight(&shared.cluster, plan) => findings,
        () = shared.cancel.cancelled() => return Err(Vec::new()),
    };
    for note in &findings.notes {
        shared.note(format!("note: {note}"));
    }
    match findings.problems.is_empty() {
        true => Ok(()),
        false => Err(findings.problems.iter().map(ToString::to_string).collect()),
    }
}

/// Takes everything back, or keeps it, and looks at what is there then.
async fn end(shared: &Shared, stay: Option<Stay>, options: &Options, signals: &Signals) -> Outcome {
    let mut outcome = Outcome::default();
    let mut stay = stay;
    if let Some(stay) = &mut stay {
        stay.worked(shared);
    }
    if options.keep {
        shared.ledger.keep();
    } else {
        outcome.problems = teardown(shared, options.teardown, &signals.give_up).await;
        if let Some(stay) = &stay
            && outcome.problems.is_empty()
        {
            outcome.leftovers = stay.compare(shared, &signals.give_up).await;
        }
    }
    if let Some(stay) = stay {
        stay.end(shared).await;
    }
    if options.keep {
        outcome.kept = kept(shared);
    }
    outcome.left_behind = !shared.ledger.things().is_empty();
    // A simulated cluster ends with its process, and all that is on it.
    if outcome.left_behind && !options.keep && options.safety.is_some() && shared.cluster.simulator.is_none() {
        shared.note(format!("`meshproof clean --run {}` takes back what is left", shared.run_id));
    }
    if !outcome.left_behind
        && let Err(error) = shared.ledger.end()
    {
        outcome.problems.push(error.to_string());
    }
    outcome
}

struct Scheduler<'a> {
    plan: &'a Plan,
    shared: Arc<Shared>,
    states: Vec<State>,
    running: JoinSet<(usize, CaseRecord)>,
    /// The case of each task, for those that end without a record.
    tasks: HashMap<Id, usize>,
    options: &'a Options,
    /// Why nothing more begins.
    stop: Option<String>,
    /// Whether a case has failed or errored.
    failed: bool,
    /// For each blocked case, the case at the root of it.
    blocked_by: BTreeMap<usize, usize>,
}

impl Scheduler<'_> {
    /// Runs until every case has ended; says whether it was interrupted.
    async fn run(&mut self, signals: &Signals) -> bool {
        let timeout = self.options.timeout.map(|timeout| Instant::now() + timeout);
        let (mut interrupted, mut given_up) = (false, false);
        self.begin();
        while !self.running.is_empty() {
            tokio::select! {
                // A case that ends because of a signal must not be heard before the signal.
                biased;
                () = signals.interrupt.cancelled(), if !interrupted => {
                    interrupted = true;
                    self.stop = Some("the run was interrupted".to_owned());
                }
                () = signals.failed.cancelled(), if self.options.fail_fast && self.stop.is_none() => {
                    self.stop = Some("another cell failed and the run was to stop at the first failure".to_owned());
                }
                () = until(timeout), if self.stop.is_none() => {
                    self.stop = Some("the run's timeout was over".to_owned());
                    interrupted = true;
                    self.shared.cancel.cancel();
                }
                () = signals.give_up.cancelled(), if !given_up => {
                    given_up = true;
                    self.running.abort_all();
                }
                Some(ended) = self.running.join_next() => self.ended(ended),
            }
            if self.failed {
                signals.failed.cancel();
            }
            self.begin();
        }
        interrupted
    }

    /// Begins every case that may, and ends those that need not.
    fn begin(&mut self) {
        loop {
            let mut settled = false;
            for index in 0..self.states.len() {
                if self.states[index] != State::Waiting {
                    continue;
                }
                settled |= self.consider(index);
            }
            if !settled {
                return;
            }
        }
    }

    /// Whether the case ended without being run, which may let others begin.
    fn consider(&mut self, index: usize) -> bool {
        let case = &self.plan.cases[index];
        if let Some(reason) = self.stop.clone() {
            self.end(index, record::unrun(case, Verdict::Skipped, reason));
            return true;
        }
        match next(&self.plan.cases, &self.states, index) {
            Next::Wait => false,
            Next::Blocked(by) => {
                // Where that was itself blocked, what blocked it is the cause.
                let root = self.blocked_by.get(&by).copied().unwrap_or(by);
                self.blocked_by.insert(index, root);
                let reason = format!("blocked by {}", self.plan.cases[root].id);
                self.end(index, record::unrun(case, Verdict::Blocked, reason));
                true
            }
            Next::Begin => match self.does_not_apply(index) {
                Some(reason) => {
                    self.end(index, record::unrun(case, Verdict::Skipped, reason));
                    true
                }
                None if self.running.len() < self.options.jobs => {
                    self.start(index);
                    false
                }
                None => false,
            },
        }
    }

    fn does_not_apply(&self, index: usize) -> Option<String> {
        let case = &self.plan.cases[index];
        let version = &self.shared.cluster.connection.version;
        let pending = case.pending.iter().find(|condition| !condition.kubernetes.contains(version)).map(|condition| {
            let told =
                format!("the cluster is Kubernetes {version}; this applies to {}", condition.kubernetes.as_str());
            condition.reason.clone().unwrap_or(told)
        });
        case.skip.clone().or(pending)
    }

    fn start(&mut self, index: usize) {
        self.states[index] = State::Running;
        self.send(Event::CaseStarted { index, at: Instant::now() });
        let (shared, case) = (Arc::clone(&self.shared), self.plan.cases[index].clone());
        let task = self.running.spawn(async move { (index, case::run(&shared, &case, index).await) });
        self.tasks.insert(task.id(), index);
    }

    fn ended(&mut self, ended: Result<(usize, CaseRecord), tokio::task::JoinError>) {
        match ended {
            Ok((index, record)) => self.end(index, record),
            // A case that panicked, or was aborted, is an error of the harness; the others go on.
            Err(error) => {
                let reason =
                    if error.is_panic() { "the harness has a defect: a case panicked" } else { "the run was given up" };
                if let Some(index) = self.tasks.remove(&error.id()) {
                    let record = record::unrun(&self.plan.cases[index], Verdict::Errored, reason.to_owned());
                    self.end(index, record);
                }
            }
        }
    }

    fn end(&mut self, index: usize, record: CaseRecord) {
        let verdict = record.verdict.unwrap_or(Verdict::Errored);
        self.states[index] = State::Ended(verdict);
        let failed = matches!(verdict, Verdict::Failed | Verdict::Errored);
        self.failed |= failed;
        if self.options.fail_fast && self.stop.is_none() && failed {
            self.stop = Some(format!("{} {} and the run was to stop at the first failure", record.id, verdict.word()));
        }
        self.send(Event::CaseFinished { index, record: Box::new(record) });
    }

    fn send(&self, event: Event) {
        // Whoever listened may be gone; the run goes on to its teardown.
        let _ = self.shared.events.send(event);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The folder for a run's files, made with the run's own rights only.
pub fn make_directory(run: &RunIdentity) -> Result<PathBuf, String> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&run.directory)
        .map(|()| run.directory.clone())
        .map_err(|error| format!("failed to make {}: {error}", run.directory.display()))
}
