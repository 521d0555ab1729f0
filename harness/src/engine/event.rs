//! What a run tells of itself while it goes on.

use std::time::Duration;

use meshproof_reports::{CaseRecord, Cluster};
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

/// One thing that happened. Terminal and reports are drawn from these and nothing else.
#[derive(Debug, Clone)]
pub enum Event {
    /// The cluster has answered.
    Connected(Box<Cluster>),
    /// Something worth knowing before the cases begin.
    Note(String),
    /// The case at this place of the plan has begun.
    CaseStarted { index: usize, at: Instant },
    /// It waits for something else than before.
    Waiting { index: usize, what: String, deadline: Instant },
    /// It has its verdict.
    CaseFinished { index: usize, record: Box<CaseRecord> },
    /// Teardown has begun; so many things are to be taken back.
    TeardownStarted { changes: usize },
    /// Something that the run made is taken back, or could not be.
    TornDown { what: String, trouble: Option<String>, took: Duration },
    /// Something that concerns no case.
    Problem(String),
}

/// Where events go. They are never lost and never hold up who sends them.
pub type Events = UnboundedSender<Event>;
