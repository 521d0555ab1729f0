//! Carries out a plan: schedules cases, performs their actions, waits for what they expect, takes everything back.

mod case;
mod context;
mod converge;
mod event;
mod execute;
mod hopeless;
mod inquire;
mod ledger;
mod probe;
mod reachable;
mod record;
mod restore;
mod schedule;
mod shared;
mod teardown;

pub use context::{Context, MADE_ANNOTATION, RUN_LABEL};
pub use converge::{Converged, Timing};
pub use event::{Event, Events};
pub use execute::{Options, Outcome, Signals, execute, make_directory};
pub use hopeless::{Hopeless, PATIENCE};
pub use ledger::Ledger;
pub use record::{blank, milliseconds, now, title, unrun};
pub use shared::Shared;
pub use teardown::{kept, teardown};
