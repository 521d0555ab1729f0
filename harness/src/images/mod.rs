//! What a suite pulls: found out, written down, and held against what registries have.

mod examine;
mod gather;
mod layout;
mod lock;
mod manifests;
mod mirror;
mod names;
#[cfg(feature = "signatures")]
mod signed;

pub use examine::{Examined, examine};
pub use gather::{GatherError, Kind, Pulled, gather};
pub use layout::{Copied, Layout, LayoutError, Stored, open, open_there, stored_as};
pub use lock::{Lock, LockError, Locked};
pub use manifests::{images_in, images_in_text};
pub use mirror::{Mirror, mirror};
#[cfg(feature = "signatures")]
pub use signed::asks_for_signatures;
