//! The owner of a run: gives cells to clusters until there are none left that any can prove.

use std::{collections::HashMap, ops::Range, sync::Arc};

use meshproof_reports::Verdict;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use super::{
    docker::KindGround,
    event::{RunEvent, RunEvents},
    ground::{Clusters, Ground},
    outcome::RunOutcome,
    queue::{Queue, Waiting},
    worker::{Job, work},
};
use crate::{
    cluster::ConnectOptions,
    engine::{Event, Options, Signals, unrun},
    history::History,
    kind::KindOptions,
    plan::{Cell, KubernetesWish, Plan, RunIdentity},
    redact::Secrets,
};

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct CellOptions {
    /// For each cell; the timeout is that of all of them together.
    pub engine: Options,
    pub repeat: Repeat,
    /// By which the longest cells begin first.
    pub history: History,
    /// What no report may tell.
    pub secrets: Secrets,
}

/// How often each cell is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// At most.
    pub times: usize,
    /// Nothing is repeated any more once a case of the run has failed.
    pub until_failure: bool,
}

impl Default for Repeat {
    fn default() -> Self {
        Self { times: 1, until_failure: false }
    }
}

/// Runs every cell of the plan that a cluster can prove. Each case's record is sent as it ends; all have a verdict when this returns,
/// but for those of cells whose cluster could not be reached.
pub async fn run(
    plan: &Plan,
    run: &RunIdentity,
    clusters: Clusters,
    options: &CellOptions,
    events: RunEvents,
    signals: &Signals,
) -> RunOutcome {
    let cells = plan.cells();
    let waiting = |(place, (cell, places)): (usize, &(Arc<Cell>, Range<usize>))| Waiting {
        cell: place,
        wish: cell.kubernetes,
        took: options.history.span(plan.cases[places.clone()].iter().map(|case| case.id.as_str())),
    };
    let queue = Queue::new(cells.iter().enumerate().map(waiting).collect());
    let mut owner = Owner {
        plan,
        options,
        queue,
        cells,
        events,
        signals,
        deadline: options.engine.timeout.map(|timeout| Instant::now() + timeout),
        running: JoinSet::new(),
        tasks: HashMap::new(),
        idle: Vec::new(),
        left: RunOutcome::default(),
    };
    let unreached = owner.reach(clusters, run).await;
    owner.run().await;
    owner.close().await;
    owner.end(unreached)
}

struct Owner<'a> {
    plan: &'a Plan,
    options: &'a CellOptions,
    queue: Queue,
    cells: Vec<(Arc<Cell>, Range<usize>)>,
    events: RunEvents,
    signals: &'a Signals,
    deadline: Option<Instant>,
    running: JoinSet<(Ground, RunOutcome)>,
    /// The cell of each task, for those that end without giving anything back.
    tasks: HashMap<Id, usize>,
    /// Grounds that have nothing to do; when a run is over, all of them.
    idle: Vec<Ground>,
    left: RunOutcome,
}

impl Owner<'_> {
    /// Finds the clusters; says whether one could not be reached.
    async fn reach(&mut self, clusters: Clusters, run: &RunIdentity) -> bool {
        let directory = &run.directory;
        let (provider, contexts) = match clusters {
            Clusters::Simulated { version, at_once } => {
                let grounds = at_once.clamp(1, self.cells.len().max(1));
                self.idle = (0..grounds).map(|_| Ground::Simulated { version: version.clone() }).collect();
                return false;
            }
            Clusters::None => {
                self.idle = vec![Ground::None];
                return false;
            }
            Clusters::Kind(options) => return self.reach_docker(options, run).await,
            Clusters::Real { provider, contexts } => (provider, contexts),
        };
        let several = contexts.len() > 1;
        let secrets = &self.options.secrets;
        let reach = |(n, options): (usize, ConnectOptions)| async move {
            let options = ConnectOptions { secrets: secrets.clone(), ..options };
            let directory = if several { directory.join(format!("cluster-{n}")) } else { directory.to_owned() };
            let made = std::fs::create_dir_all(&directory);
            made.map_err(|error| format!("failed to make {}: {error}", directory.display()))?;
            Ground::reach(provider, options, directory).await.map_err(|error| error.to_string())
        };
        let reached = futures::future::join_all(contexts.into_iter().enumerate().map(reach));
        let reached = tokio::select! {
            reached = reached => reached,
            () = self.signals.interrupt.cancelled() => {
                self.left.interrupted = true;
                return true;
            }
        };
        let mut unreached = false;
        let mut servers: HashMap<String, String> = HashMap::new();
        for ground in reached {
            match ground {
                Ok(ground) => {
                    if let Ground::Real { connection, .. } = &ground
                        && let Some(other) = servers.insert(connection.server.clone(), connection.context.clone())
                    {
                        let context = &connection.context;
                        let problem = format!(
                            "{other} and {context} are the same cluster, {}: it is used once",
                            connection.server
                        );
                        self.left.problems.push(problem);
                        continue;
                    }
                    self.idle.push(ground);
                }
                Err(problem) => {
                    unreached = true;
                    self.left.problems.push(problem);
                }
            }
        }
        unreached
    }

    async fn reach_docker(&mut self, options: KindOptions, run: &RunIdentity) -> bool {
        let mut versions: Vec<Option<KubernetesWish>> = Vec::new();
        for (cell, _) in &self.cells {
            if !versions.contains(&cell.kubernetes) {
                versions.push(cell.kubernetes);
            }
        }
        match KindGround::reach(options, run, versions.len()).await {
            Ok(grounds) => {
                self.idle = grounds.into_iter().map(|ground| Ground::Kind(Box::new(ground))).collect();
                false
            }
            Err(problem) => {
                self.left.problems.push(problem);
                true
            }
        }
    }

    /// Removes what was made for the run alone.
    async fn close(&mut self) {
        let mut swept = None;
        for ground in &mut self.idle {
            let Ground::Kind(ground) = ground else { continue };
            match ground.end().await {
                Ok(kept) => self.left.kept.extend(kept.into_iter().map(|name| format!("container {name}"))),
                Err(error) => self.left.problems.push(error.to_string()),
            }
            swept = Some(ground);
        }
        // Any of them finds what is left of all.
        if let Some(ground) = swept
            && let Err(error) = ground.sweep().await
        {
            self.left.problems.push(error.to_string());
        }
    }

    async fn run(&mut self) {
        self.give();
        while let Some(ended) = self.running.join_next_with_id().await {
            self.ended(ended);
            self.give();
        }
    }

    /// Gives each idle ground a cell, as long as cells may begin.
    fn give(&mut self) {
        if self.stopped().is_some() {
            return;
        }
        let mut nothing_to_do = Vec::new();
        for ground in std::mem::take(&mut self.idle) {
            let fits = |wish| ground.refuses(wish).is_none();
            let next = self.queue.take(|wish| ground.is_at_hand(wish) && fits(wish)).or_else(|| self.queue.take(fits));
            match next {
                Some(place) => self.begin(ground, place),
                None => nothing_to_do.push(ground),
            }
        }
        self.idle = nothing_to_do;
    }

    fn begin(&mut self, ground: Ground, place: usize) {
        let (cell, places) = &self.cells[place];
        let job = Job {
            place,
            cell: Arc::clone(cell),
            part: self.plan.part(places),
            offset: places.start,
            options: self.options.engine.clone(),
            deadline: self.deadline,
            repeat: self.options.repeat,
            events: self.events.clone(),
            signals: self.signals.clone(),
            secrets: self.options.secrets.clone(),
        };
        let task = self.running.spawn(work(ground, job));
        self.tasks.insert(task.id(), place);
    }

    fn ended(&mut self, ended: Result<(Id, (Ground, RunOutcome)), JoinError>) {
        match ended {
            Ok((id, (ground, left))) => {
                self.tasks.remove(&id);
                self.idle.push(ground);
                self.left.add(left);
            }
            // The others go on; its cases have no verdict, and its cluster is used no more.
            Err(error) => {
                let name = self.tasks.remove(&error.id()).map_or("", |place| self.cells[place].0.name.as_str());
                self.left.problems.push(format!("the harness has a defect: the cell {name} panicked"));
            }
        }
    }

    /// Why no cell begins any more.
    fn stopped(&self) -> Option<&'static str> {
        match () {
            () if self.signals.interrupt.is_cancelled() => Some("the run was interrupted"),
            () if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                Some("the run's timeout was over")
            }
            () if self.options.engine.fail_fast && self.signals.failed.is_cancelled() => {
                Some("another cell failed and the run was to stop at the first failure")
            }
            () => None,
        }
    }

    /// Tells what became of the cells that nobody took.
    fn end(mut self, unreached: bool) -> RunOutcome {
        let stopped = self.stopped();
        let rest = std::mem::replace(&mut self.queue, Queue::new(Vec::new())).rest();
        for waiting in &rest {
            match (stopped, self.refused(waiting.wish)) {
                (Some(reason), _) => self.tell_each(waiting.cell, Verdict::Skipped, reason),
                (None, Some(reason)) if !unreached => {
                    self.tell_each(waiting.cell, Verdict::NotRun, &reason);
                    self.tell(RunEvent::CellNotRun { cell: waiting.cell, reason });
                }
                // A cluster that did not answer might have proved it, which is a problem that is told already.
                (None, _) => {}
            }
        }
        self.left.interrupted |= !rest.is_empty()
            && (self.signals.interrupt.is_cancelled()
                || self.deadline.is_some_and(|deadline| Instant::now() >= deadline));
        self.left
    }

    fn refused(&self, wish: Option<KubernetesWish>) -> Option<String> {
        let mut reasons: Vec<String> = self.idle.iter().filter_map(|ground| ground.refuses(wish)).collect();
        reasons.dedup();
        wish.map(|wish| format!("it wants Kubernetes {wish}; {}", reasons.join(", ")))
    }

    fn tell_each(&self, cell: usize, verdict: Verdict, reason: &str) {
        for index in self.cells[cell].1.clone() {
            let record = Box::new(unrun(&self.plan.cases[index], verdict, reason.to_owned()));
            self.tell(RunEvent::InCell { cell, event: Event::CaseFinished { index, record } });
        }
    }

    fn tell(&self, event: RunEvent) {
        let _ = self.events.send(event);
    }
}
