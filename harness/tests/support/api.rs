//! A scripted API server: a test double for how the transport behaves, which knows of Kubernetes only what the engine asks.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use axum::body::Bytes;
use meshproof::cluster::Kind;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::{
    objects::{Key, Objects},
    requests::{Fault, answer},
    soon,
};

/// What the server's connections share.
pub struct Shared {
    pub objects: Mutex<Objects>,
    /// The newest version, for watches.
    pub told: watch::Sender<u64>,
    /// Changes when all watches are to be cut.
    pub cut: watch::Sender<u64>,
    /// How long after a change watches tell of it.
    pub delay: Mutex<Duration>,
    requests: watch::Sender<Vec<(String, Bytes)>>,
    faults: Mutex<Vec<(String, usize, Fault)>>,
}

/// The server. It has a thread of its own, so that it can be stopped with all its connections.
pub struct Api {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Api {
    pub fn start() -> Arc<Self> {
        let shared = Shared {
            objects: Mutex::default(),
            told: watch::channel(0).0,
            cut: watch::channel(0).0,
            delay: Mutex::default(),
            requests: watch::channel(Vec::new()).0,
            faults: Mutex::default(),
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let api = Self { shared: Arc::new(shared), address, running: Mutex::default() };
        api.serve(listener);
        Arc::new(api)
    }

    fn serve(&self, listener: std::net::TcpListener) {
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let router = axum::Router::new().fallback(move |request| answer(Arc::clone(&shared), request));
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        *self.running.lock().unwrap() = Some((stop, thread));
    }

    /// Closes the listener and every connection.
    pub fn stop(&self) {
        if let Some((stop, thread)) = self.running.lock().unwrap().take() {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }

    /// Serves again, at the same port.
    pub fn resume(&self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        self.serve(socket.listen(128).unwrap().into_std().unwrap());
    }

    /// Writes a kubeconfig with two contexts, of which `double` leads here.
    pub fn kubeconfig(&self, directory: &Path) -> PathBuf {
        let path = directory.join("kubeconfig.yaml");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: production\nclusters:\n\
             - {{name: double, cluster: {{server: 'http://{}'}}}}\n\
             - {{name: production, cluster: {{server: 'https://production.example'}}}}\n\
             users:\n- {{name: tester, user: {{token: of-the-test}}}}\n- {{name: admin, user: {{token: of-production}}}}\n\
             contexts:\n- {{name: double, context: {{cluster: double, user: tester}}}}\n\
             - {{name: production, context: {{cluster: production, user: admin}}}}\n",
            self.address
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Lets the next `times` requests that begin with `request` (`LIST configmaps`, `APPLY configmaps/a`) meet a fault.
    pub fn fail(&self, request: &str, times: usize, fault: Fault) {
        self.shared.faults.lock().unwrap().push((request.to_owned(), times, fault));
    }

    /// Breaks every watch in the middle.
    pub fn cut_watches(&self) {
        self.shared.cut.send_modify(|cut| *cut += 1);
    }

    /// Forgets all changes so far: a watch from before now is refused with the status 410.
    pub fn compact(&self) {
        let mut objects = self.shared.objects.lock().unwrap();
        // The version grows by itself, as other collections' changes let it.
        objects.version += 1;
        objects.oldest = objects.version;
    }

    /// Lets watches tell of changes so much later.
    pub fn delay_watches(&self, delay: Duration) {
        *self.shared.delay.lock().unwrap() = delay;
    }

    /// Every request so far: verb and resource, like `GET configmaps/a`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.borrow().iter().map(|request| request.0.clone()).collect()
    }

    /// How many requests there were that are this, or for a named object of this.
    pub fn count(&self, request: &str) -> usize {
        self.requests().iter().filter(|made| is(made, request)).count()
    }

    /// What was sent with the requests that are this.
    pub fn sent(&self, request: &str) -> Vec<Value> {
        let requests = self.shared.requests.borrow();
        let bodies = requests.iter().filter(|made| is(&made.0, request)).map(|made| serde_json::from_slice(&made.1));
        bodies.map(Result::unwrap_or_default).collect()
    }

    /// Waits until there were so many of these requests.
    pub async fn requested(&self, request: &str, times: usize) {
        let mut requests = self.shared.requests.subscribe();
        let enough = requests.wait_for(|all| all.iter().filter(|made| is(&made.0, request)).count() >= times);
        let enough = tokio::time::timeout(super::PATIENT, enough).await;
        assert!(enough.is_ok(), "waited in vain for {request}: {:?}", self.requests());
    }

    /// Makes or replaces an object, as somebody else would; `object` may leave out what follows from its kind.
    pub fn put(&self, object: Value) {
        let key = key(object["kind"].as_str().unwrap(), &object["metadata"]);
        let mut objects = self.shared.objects.lock().unwrap();
        let mut object = object;
        if object["apiVersion"].is_null() {
            object["apiVersion"] =
                Kind::built_in(object["kind"].as_str().unwrap()).unwrap().resource.api_version.into();
        }
        objects.put(&key, object);
        self.shared.told.send_replace(objects.version);
    }

    /// Merges `patch` into an object that is there.
    pub fn patch(&self, kind: &str, namespace: &str, name: &str, patch: &Value) {
        let mut objects = self.shared.objects.lock().unwrap();
        objects.patch(&key_of(kind, namespace, name), patch).expect("it is there");
        self.shared.told.send_replace(objects.version);
    }

    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let mut objects = self.shared.objects.lock().unwrap();
        objects.delete(&key_of(kind, namespace, name)).expect("it is there");
        self.shared.told.send_replace(objects.version);
    }

    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared.objects.lock().unwrap().all.get(&key_of(kind, namespace, name)).cloned()
    }

    /// Waits until an object is as asked, `Null` where it is not there.
    pub async fn until(&self, kind: &str, namespace: &str, name: &str, is_so: impl Fn(&Value) -> bool) {
        let mut told = self.shared.told.subscribe();
        // Not by `wait_for`, which holds the lock under which changes are told while it asks, and they are told under that of the objects.
        let so = async {
            while !is_so(&self.get(kind, namespace, name).unwrap_or_default()) {
                told.changed().await.expect("the objects live as long");
            }
        };
        soon(&format!("{kind} {name}"), so).await;
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Notes a request, and gives the fault that it meets.
    pub fn take(&self, request: &str, body: &Bytes) -> Option<Fault> {
        self.requests.send_modify(|requests| requests.push((request.to_owned(), body.clone())));
        let mut faults = self.faults.lock().unwrap();
        let (_, times, fault) = faults.iter_mut().find(|(of, times, _)| *times > 0 && is(request, of))?;
        *times -= 1;
        Some(fault.clone())
    }
}

fn is(made: &str, asked: &str) -> bool {
    made == asked || made.strip_prefix(asked).is_some_and(|rest| rest.starts_with('/'))
}

fn key(kind: &str, metadata: &Value) -> Key {
    key_of(kind, metadata["namespace"].as_str().unwrap_or_default(), metadata["name"].as_str().unwrap())
}

fn key_of(kind: &str, namespace: &str, name: &str) -> Key {
    let plural = Kind::built_in(kind).map_or_else(|| format!("{}s", kind.to_lowercase()), |kind| kind.resource.plural);
    (plural, namespace.to_owned(), name.to_owned())
}
