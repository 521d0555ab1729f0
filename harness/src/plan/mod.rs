//! From a suite as it is written to the cases of a run: matrix × scenario × case, every expression filled that can be.
//!
//! Pure: the same suite and choices give the same plan, and everything that is wrong comes back at once.

mod build;
mod captures;
mod cell;
mod checks;
mod claims;
mod condition;
mod effects;
mod graph;
mod matrix;
mod outlook;
mod parts;
mod select;
mod shard;
mod sources;
mod steps;
#[cfg(test)]
pub(crate) mod testing;
mod variables;

pub use build::{Choices, Plan, PlannedCase, plan};
pub use cell::{Cell, Release, RunIdentity};
pub use checks::{Asked, Check};
pub use claims::{Claim, claims};
pub use condition::{Pending, Reachable};
pub use matrix::{KubernetesWish, Sampling};
pub use outlook::Outlook;
pub use select::{Selection, select};
pub use shard::{Shard, shard};
pub use variables::{Values, read_environment};
