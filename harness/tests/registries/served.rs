//! Two registries of the simulator's, each served on a port of this machine.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, extract::Request};
use meshproof_simulator::{
    clock::{Clock, Pace},
    istio::release::Release,
    registry::{Access, Image, Registry},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub const VERSION: &str = "1.20.0";
pub const PATH: &str = "container_service/istio";

pub struct Regions {
    pub registry: Registry,
    /// `127.0.0.1:PORT`, by which each is also known to the registry.
    pub addresses: [String; 2],
    servers: [JoinHandle<()>; 2],
    most: [Arc<AtomicUsize>; 2],
}

impl Regions {
    /// Both have the release: its artifact, whose istioctl is the program itself, and its images.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let registry = Registry::new(Clock::new(Pace::Scaled(100.0)));
        let (first, second) = (serve(&registry).await, serve(&registry).await);
        let program = env!("CARGO_BIN_EXE_meshproof").into();
        let arguments = vec!["simulated-istioctl".to_owned(), VERSION.to_owned()];
        let release = Release::new(VERSION.parse().unwrap(), program, arguments);
        for address in [&first.0, &second.0] {
            release.push(&registry, address, PATH);
            for name in ["pilot", "proxyv2"] {
                registry.push_image(address, &format!("{PATH}/{name}"), VERSION, &Image::default());
            }
        }
        Self { registry, addresses: [first.0, second.0], servers: [first.1, second.1], most: [first.2, second.2] }
    }

    /// Ends one of them.
    pub fn stop(&mut self, place: usize) {
        self.servers[place].abort();
    }

    /// How many requests one of them had at a time, at most.
    pub fn most_at_once(&self, place: usize) -> usize {
        self.most[place].load(Ordering::Relaxed)
    }

    /// Removes the first layer of an image; gives its digest.
    pub async fn remove_layer(&self, place: usize, name: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://{}/v2/{PATH}/{name}", self.addresses[place]);
        let get = async |what: &str| -> Value {
            let text = client.get(format!("{base}/manifests/{what}")).send().await.unwrap().text().await.unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let index = get(VERSION).await;
        let image = get(index["manifests"][0]["digest"].as_str().unwrap()).await;
        let layer = image["layers"][0]["digest"].as_str().unwrap().to_owned();
        let gone = client.delete(format!("{base}/blobs/{layer}")).send().await.unwrap();
        assert!(gone.status().is_success());
        layer
    }
}

async fn serve(registry: &Registry) -> (String, JoinHandle<()>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    registry.add_host(&address, Access::Open);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (registry, host, highest) = (registry.clone(), address.clone(), Arc::clone(&most));
    let answer = move |request: Request| {
        let (registry, host) = (registry.clone(), host.clone());
        let (now, highest) = (Arc::clone(&now), Arc::clone(&highest));
        async move {
            highest.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let response = registry.handle(&host, request).await;
            now.fetch_sub(1, Ordering::Relaxed);
            response
        }
    };
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    (address, server, most)
}
