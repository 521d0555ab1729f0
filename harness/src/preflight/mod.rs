//! Whether a cluster is fit for a run, asked before anything is changed on it.

mod way;

pub use way::{Found, Seen, look};

/// How many requests may be under way.
const AT_ONCE: usize = 16;
