//! The OCI distribution protocol, as all of Meshproof speaks it: who asks, how often, and what an answer means
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>).
//!
//! `oci-client` provides the names, the manifests' types and the error codes. Requests are made with `reqwest` itself,
//! because that client hides what a verdict needs: `Retry-After`, the status beside an error body, the token service's
//! answer, and it reads a manifest of any size into memory.

mod answer;
mod blob;
mod body;
mod cache;
mod contacts;
mod credentials;
mod digest;
mod errors;
mod host;
mod manifest;
mod map;
mod push;
mod reference;
mod repository;
mod retry;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod token;

pub use blob::Blob;
pub use cache::{Cache, cache_directory};
pub use contacts::{Contacts, Traffic};
pub use digest::{Digest, Hasher};
pub use errors::{Blame, RegistryError};
pub use host::Registries;
pub use manifest::{Content, Descriptor, ImageConfig, Manifest, Platform, Referrer};
pub use map::{CONTAINERS, RegistryMap, normal_image};
pub use reference::Reference;
pub use repository::Repository;
pub use retry::RetryPolicy;
pub use settings::Settings;

pub(crate) use answer::shown;
pub(crate) use errors::disk_hint;
pub(crate) use reference::{host_of, is_loopback};
