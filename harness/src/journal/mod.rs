//! What a run changes on a cluster, written to disk before it is changed, so that it can be taken back by whoever comes after.
//!
//! A journal is a file of JSON lines. [`Holdings`] are what follows from them: what is still to be taken back. A run keeps them in memory
//! as it writes; `clean`, and a later run, get the same ones by reading.

mod file;
mod holdings;
mod line;
mod place;
mod read;
mod three_way;

pub use file::{Journal, JournalError};
pub use holdings::{Fate, Held, HeldObject, Holdings, Thing};
pub use line::{Begun, Change, Changing, Home, Line, Undo, VERSION};
pub use place::{Entry, entries, find, journal_path, state_directory};
pub use read::{ReadError, Recovered, read};
pub use three_way::{Conflict, Restoration, intent, restoration};
