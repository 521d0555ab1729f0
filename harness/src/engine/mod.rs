//! Carries out a plan: schedules cases, performs their actions, waits for what they expect, takes everything back.

mod case;
mod context;
mod converge;
mod event;
mod execute;
mod hopeless;
mod ledger;
mod probe;
mod record;
mod schedule;
mod teardown;

pub use context::Context;
pub use converge::{Converged, Timing};
pub use event::{Event, Events};
pub use execute::{Options, Outcome, Signals, execute, make_directory};
pub use hopeless::{Hopeless, PATIENCE};
pub use ledger::{Change, Ledger, Undo};
pub use record::{blank, now, title, unrun};
