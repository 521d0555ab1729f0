//! What a run tells of itself while it goes on.

use std::time::Duration;

use meshproof_reports::CaseRecord;
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

/// One thing that happened while a plan was executed.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something worth knowing before the cases begin.
    Note(String),
    /// The case at this place of the plan has begun.
    CaseStarted { index: usize, at: Instant },
    /// It waits for something else than before.
    Waiting { index: usize, what: String, deadline: Instant, at: Instant },
    /// It sees something else than before of what it waits for, and whether that is as expected.
    Seen { index: usize, what: String, met: bool, at: Instant },
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

impl Event {
    /// The same in a plan in which so many cases stand before.
    #[must_use]
    pub fn moved(mut self, by: usize) -> Self {
        match &mut self {
            Self::CaseStarted { index, .. }
            | Self::Waiting { index, .. }
            | Self::Seen { index, .. }
            | Self::CaseFinished { index, .. } => *index += by,
            Self::TeardownStarted { .. } | Self::TornDown { .. } | Self::Problem(_) | Self::Note(_) => {}
        }
        self
    }
}
