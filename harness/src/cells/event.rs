//! What a run of cells tells of itself while it goes on.

use std::{collections::BTreeMap, time::Duration};

use meshproof_reports::{Cluster, Evidence, ImageSeen};
use tokio::sync::mpsc::UnboundedSender;

use crate::engine::Event;

/// One thing that happened. Terminal and reports are drawn from these and nothing else. Cells are known by their place among those
/// of the plan ([`Plan::cells`](crate::plan::Plan::cells)).
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// A cluster has answered for the cell, and its cases begin: for the `round`th time, which is 1 unless the run is repeated.
    CellStarted { cell: usize, round: usize, cluster: Box<Cluster> },
    /// Something happened in it. The event's places are those of the whole plan.
    InCell { cell: usize, event: Event },
    /// Its cases have ended and everything is taken back.
    CellEnded { cell: usize, round: usize, images: Vec<ImageSeen>, versions: BTreeMap<String, String>, took: Duration },
    /// No cluster of the run can prove it. Its cases are told before, one by one.
    CellNotRun { cell: usize, reason: String },
    /// Something that concerns no cell, or kept one from being run.
    Problem(String),
    /// What explains a problem.
    Explained(Box<Evidence>),
    /// A second has passed: for whoever shows the time.
    Second,
}

/// Where they go.
pub type RunEvents = UnboundedSender<RunEvent>;
