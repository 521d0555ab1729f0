//! A run as a set of cells, each carried out on a cluster that can prove it: several side by side, each with its own teardown.

mod contexts;
mod docker;
mod event;
mod ground;
mod outcome;
mod queue;
mod run;
mod worker;

pub use contexts::read_contexts;
pub use event::{RunEvent, RunEvents};
pub use ground::Clusters;
pub use outcome::RunOutcome;
pub use run::{CellOptions, Repeat, run};
pub use worker::named;
