//! Whether an address can be reached from here at all.

use std::{collections::HashMap, error::Error, io, sync::Arc, time::Duration};

use reqwest::{Client, Url, redirect};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    cluster::Cluster,
    registry::{host_of, is_loopback},
};

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answers of a run: each address is asked once. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Reachables(Arc<Mutex<HashMap<String, Answer>>>);

type Answer = Arc<OnceCell<Option<String>>>;

impl Reachables {
    /// Why `address` cannot be reached, if so.
    pub async fn trouble(&self, cluster: &Cluster, address: &str) -> Option<String> {
        let answer = Arc::clone(self.0.lock().await.entry(address.to_owned()).or_default());
        answer.get_or_init(|| ask(cluster, address)).await.clone()
    }
}

async fn ask(cluster: &Cluster, address: &str) -> Option<String> {
    let text = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    let url = match Url::parse(&text) {
        Ok(url) => url,
        Err(error) => return Some(format!("`{address}` is not an address: {error}")),
    };
    let builder = Client::builder().redirect(redirect::Policy::none()).connect_timeout(PATIENCE).timeout(PATIENCE * 2);
    let builder = match is_loopback(host_of(url.host_str().unwrap_or_default())) {
        true => Ok(builder.no_proxy()),
        false => cluster.reach.lead(builder),
    };
    let client = match builder.and_then(reqwest::ClientBuilder::build) {
        Ok(client) => client,
        Err(error) => return Some(innermost(&error)),
    };
    cluster.registries.contacts().request(&url);
    match client.get(url).send().await {
        Ok(_) => None,
        Err(error) if is_there(&error) => None,
        Err(error) => Some(innermost(&error)),
    }
}

/// Whether somebody is at the other end all the same: who refuses a connection, ends it or has a certificate that is not trusted.
fn is_there(error: &reqwest::Error) -> bool {
    if !error.is_connect() && !error.is_timeout() && !error.is_builder() {
        return true;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{ConnectionRefused, ConnectionReset, InvalidData, UnexpectedEof};
            if matches!(error.kind(), ConnectionRefused | ConnectionReset | InvalidData | UnexpectedEof) {
                return true;
            }
        }
        cause = error.source();
    }
    false
}

fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::net::TcpListener;

    use super::*;
    use crate::{cluster::no_cluster, redact::Secrets, registry::testing::install_tls};

    #[rstest]
    #[case::refused("127.0.0.1:1", true)]
    #[case::no_such_name("registry.invalid", false)]
    #[case::no_address("a b", false)]
    #[tokio::test]
    async fn who_refuses_is_there_and_who_has_no_name_is_not(#[case] address: &str, #[case] is_there: bool) {
        install_tls();
        let folder = tempfile::tempdir().unwrap();
        let cluster = no_cluster(folder.path(), &Secrets::default()).unwrap();
        let trouble = Reachables::default().trouble(&cluster, address).await;
        assert_eq!(trouble.is_none(), is_there, "{trouble:?}");
    }

    #[tokio::test]
    async fn an_address_is_asked_once() {
        install_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut count = 0;
            while let Ok((connection, _)) = listener.accept().await {
                drop(connection);
                count += 1;
                assert_eq!(count, 1);
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let cluster = no_cluster(folder.path(), &Secrets::default()).unwrap();
        let reachables = Reachables::default();
        let (first, again) =
            tokio::join!(reachables.trouble(&cluster, &address), reachables.trouble(&cluster, &address));
        assert_eq!((first, again), (None, None));
        assert!(!served.is_finished());
        assert_eq!(cluster.registries.contacts().total().requests, 1);
    }
}
