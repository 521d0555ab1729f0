//! What the engine's tests share: a scripted API server, and a suite that is run on it.

mod api;
mod objects;
mod requests;
mod run;

pub use api::Api;
pub use requests::Fault;
pub use run::{Ended, Suite, ring};

use std::{future::Future, time::Duration};

/// Long enough for anything that does happen, on a machine with much else to do.
pub const PATIENT: Duration = Duration::from_secs(60);

/// What `future` gives; a test that waits for what does not come ends with `what`.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENT, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
