//! One shared watch for each kind and namespace, and what it has seen.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Client,
    api::{Api, DynamicObject, ListParams},
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher::{self, Event},
    },
};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    task::JoinHandle,
    time::Instant,
};

use super::{Kind, Trouble};
use crate::redact::Secrets;

/// One object as the cluster last showed it.
#[derive(Debug)]
pub struct Object {
    /// Empty for a cluster-wide object.
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// The object as JSON, without `metadata.managedFields`.
    pub json: Value,
    version: u64,
}

/// A collection to watch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    pub kind: Kind,
    /// `None`: all namespaces, or a cluster-wide kind.
    pub namespace: Option<String>,
}

/// All watches of a run. They are opened when first asked for and end with the value.
pub struct Watches {
    client: Client,
    secrets: Secrets,
    open: Mutex<HashMap<Scope, Arc<Store>>>,
    /// Counts the changes that the run itself has made. See [`Store::catch_up`].
    changes: AtomicU64,
}

/// What one watch has seen.
pub struct Store {
    scope: Scope,
    client: Client,
    /// Where the objects are Secrets: who must know them.
    secrets: Option<Secrets>,
    state: RwLock<State>,
    /// Set to a new number at every change of anything in the scope.
    any: watch::Sender<u64>,
    /// The same for the names that somebody waits for.
    named: Mutex<HashMap<String, watch::Sender<u64>>>,
    /// The number of the run's changes that were surely seen, once there is a first list.
    caught_up: AsyncMutex<u64>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// How often the API server could not be reached.
    outages: AtomicU64,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<(String, String), Arc<Object>>,
    /// The versions at which objects were deleted, so that a list taken before cannot bring them back.
    deleted: HashMap<(String, String), u64>,
    /// Whether a whole list has been seen.
    ready: bool,
    /// Why the watch does not follow the cluster at the moment.
    trouble: Option<Trouble>,
    troubled_since: Option<Instant>,
    /// How long troubles that are over have lasted.
    away: Duration,
}

impl State {
    /// The watch follows the cluster again.
    fn over(&mut self) {
        self.trouble = None;
        self.away += self.troubled_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

impl Watches {
    pub fn new(client: Client, secrets: Secrets) -> Arc<Self> {
        Arc::new(Self { client, secrets, open: Mutex::default(), changes: AtomicU64::new(0) })
    }

    /// Says that the run has changed, or may have changed, something on the cluster.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// The watch of `scope`, opened if it is not.
    pub fn open(&self, scope: &Scope) -> Arc<Store> {
        let mut open = self.open.lock().expect("no holder panics");
        let store = open.entry(scope.clone()).or_insert_with(|| {
            let secrets = (scope.kind.resource.kind == "Secret").then(|| self.secrets.clone());
            Store::start(self.client.clone(), scope.clone(), self.changes.load(Ordering::SeqCst), secrets)
        });
        Arc::clone(store)
    }

    /// Waits until `store` has seen a whole list that is at least as new as every change that the run made before this call.
    /// Fails with what stands in the way at `deadline`.
    pub async fn catch_up(&self, store: &Store, deadline: Instant) -> Result<(), Trouble> {
        let needed = self.changes.load(Ordering::SeqCst);
        store.catch_up(needed, deadline).await
    }

    /// How often the API server was found to be away so far, and whether it is now.
    pub fn outages(&self) -> (u64, bool) {
        let open = self.open.lock().expect("no holder panics");
        let away = open.values().any(|store| matches!(store.trouble(), Some(Trouble::Unreachable(_))));
        let times = open.values().map(|store| store.outages.load(Ordering::SeqCst)).sum();
        (times, away)
    }

    /// Every object that any watch knows of now.
    pub fn everything(&self) -> Vec<Arc<Object>> {
        let open = self.open.lock().expect("no holder panics");
        open.values().flat_map(|store| store.objects()).collect()
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for store in self.open.lock().expect("no holder panics").values() {
            if let Some(task) = store.task.lock().expect("no holder panics").take() {
                task.abort();
            }
        }
    }
}

impl Store {
    fn start(client: Client, scope: Scope, changes: u64, secrets: Option<Secrets>) -> Arc<Self> {
        let store = Arc::new(Self {
            scope,
            client,
            secrets,
            state: RwLock::default(),
            any: watch::channel(0).0,
            named: Mutex::default(),
            caught_up: AsyncMutex::new(changes),
            task: Mutex::default(),
            outages: AtomicU64::new(0),
        });
        let follower = Arc::clone(&store);
        let task = tokio::spawn(async move { follower.follow().await });
        *store.task.lock().expect("no holder panics") = Some(task);
        store
    }

    /// What the scope holds now, by namespace and name.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        self.state.read().expect("no holder panics").objects.values().cloned().collect()
    }

    /// Why the watch does not follow the cluster at the moment, if so.
    pub fn trouble(&self) -> Option<Trouble> {
        self.state.read().expect("no holder panics").trouble.clone()
    }

    /// Wakes at every change of the object called `name`, or of any object. Changes between the call and the first wait are
    /// not lost.
    pub fn subscribe(&self, name: Option<&str>) -> watch::Receiver<u64> {
        match name {
            None => self.any.subscribe(),
            Some(name) => {
                let mut named = self.named.lock().expect("no holder panics");
                named.entry(name.to_owned()).or_insert_with(|| watch::channel(0).0).subscribe()
            }
        }
    }

    /// Follows the cluster until aborted.
    async fn follow(self: Arc<Self>) {
        let mut waits = Reconnect::default();
        loop {
            let begun = Instant::now();
            self.follow_from_list().await;
            if begun.elapsed() > FOLLOWED {
                waits.reset();
            }
            tokio::time::sleep(waits.next().unwrap_or_default()).await;
        }
    }

    /// The watcher lists, watches, and goes on after a watch that has ended as watches do. After one that could not be, it
    /// would go on without a word, or for ever from a version that the server no longer knows; so this ends then, and the new
    /// list says that the cluster can be seen again.
    async fn follow_from_list(&self) {
        let stream = watcher::watcher(self.api(), watcher::Config::default()).backoff(Reconnect::default());
        let mut stream = pin!(stream);
        let mut listing: Option<BTreeMap<(String, String), Arc<Object>>> = None;
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => listing = Some(BTreeMap::new()),
                Ok(Event::InitApply(object)) => {
                    if let (Some(listing), Some(object)) = (&mut listing, Object::of(object)) {
                        listing.insert(object.key(), Arc::new(object));
                    }
                }
                Ok(Event::InitDone) => self.replace(listing.take().unwrap_or_default()),
                Ok(Event::Apply(object)) => {
                    if let Some(object) = Object::of(object) {
                        self.put(object);
                    }
                }
                Ok(Event::Delete(object)) => {
                    if let Some(object) = Object::of(object) {
                        self.remove(&object);
                    }
                }
                Err(error) => {
                    self.troubled(&error);
                    let lists = matches!(error, watcher::Error::InitialListFailed(_));
                    if !lists && self.trouble().is_some_and(|trouble| trouble.is_passing()) {
                        return;
                    }
                }
            }
        }
    }

    /// For how long altogether the watch has not followed the cluster.
    pub fn away(&self) -> Duration {
        let state = self.state.read().expect("no holder panics");
        state.away + state.troubled_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn api(&self) -> Api<DynamicObject> {
        match &self.scope.namespace {
            Some(namespace) if self.scope.kind.namespaced => {
                Api::namespaced_with(self.client.clone(), namespace, &self.scope.kind.resource)
            }
            _ => Api::all_with(self.client.clone(), &self.scope.kind.resource),
        }
    }

    fn replace(&self, objects: BTreeMap<(String, String), Arc<Object>>) {
        for object in objects.values() {
            self.learn(object);
        }
        let mut touched = Vec::new();
        {
            let mut state = self.state.write().expect("no holder panics");
            touched.extend(state.objects.keys().chain(objects.keys()).map(|key| key.1.clone()));
            state.objects = objects;
            state.deleted.clear();
            state.ready = true;
            state.over();
        }
        self.notify(&touched);
    }

    /// A list tells no kind of its items, so it is the scope that does.
    fn learn(&self, object: &Object) {
        if let Some(secrets) = &self.secrets {
            let data = |name| object.at(name).cloned().unwrap_or_default();
            let secret = json!({"kind": "Secret", "data": data("/data"), "stringData": data("/stringData")});
            secrets.learn_object(&secret);
        }
    }

    fn put(&self, object: Object) {
        self.learn(&object);
        let key = object.key();
        {
            let mut state = self.state.write().expect("no holder panics");
            state.over();
            let newest = state.objects.get(&key).map(|known| known.version).max(state.deleted.get(&key).copied());
            if newest.is_some_and(|newest| newest >= object.version) {
                return;
            }
            state.objects.insert(key.clone(), Arc::new(object));
        }
        self.notify(&[key.1]);
    }

    fn remove(&self, object: &Object) {
        let key = object.key();
        {
            let mut state = self.state.write().expect("no holder panics");
            state.over();
            if state.objects.get(&key).is_some_and(|known| known.version > object.version) {
                return;
            }
            state.objects.remove(&key);
            state.deleted.insert(key.clone(), object.version);
        }
        self.notify(&[key.1]);
    }

    fn troubled(&self, error: &watcher::Error) {
        let trouble = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => match error {
                kube::Error::Api(status) => Trouble::from(kube::Error::Api(status.clone())),
                other => Trouble::Unreachable(super::trouble::root_cause(other)),
            },
            watcher::Error::WatchError(status) => Trouble::from(kube::Error::Api(status.clone())),
            watcher::Error::NoResourceVersion => Trouble::Unreadable("a watch event without a version".to_owned()),
        };
        // A kind whose definition is gone holds nothing; that is knowledge, not trouble.
        if matches!(trouble, Trouble::NotFound { .. }) {
            self.replace(BTreeMap::new());
        }
        if matches!(trouble, Trouble::Unreachable(_)) {
            self.outages.fetch_add(1, Ordering::SeqCst);
        }
        let mut state = self.state.write().expect("no holder panics");
        if trouble.is_passing() {
            state.troubled_since.get_or_insert_with(Instant::now);
        }
        state.trouble = Some(trouble);
        drop(state);
        self.notify(&[]);
    }

    fn notify(&self, names: &[String]) {
        self.any.send_modify(|number| *number += 1);
        let named = self.named.lock().expect("no holder panics");
        if names.is_empty() {
            named.values().for_each(|sender| sender.send_modify(|number| *number += 1));
        }
        for sender in names.iter().filter_map(|name| named.get(name)) {
            sender.send_modify(|number| *number += 1);
        }
    }

    /// See [`Watches::catch_up`]. The first list counts; after it, one consistent list is taken for all who wait, and only if
    /// the run has changed something since the last.
    async fn catch_up(&self, needed: u64, deadline: Instant) -> Result<(), Trouble> {
        let silence = || self.trouble().unwrap_or_else(|| Trouble::Unreachable("no list before the deadline".into()));
        // Whoever holds it may have more time.
        let mut caught_up = tokio::time::timeout_at(deadline, self.caught_up.lock()).await.map_err(|_| silence())?;
        self.first_list(deadline).await?;
        if *caught_up >= needed {
            return Ok(());
        }
        let listed = tokio::time::timeout_at(deadline, self.list()).await;
        match listed {
            Ok(Ok(())) => {
                *caught_up = needed;
                Ok(())
            }
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(silence()),
        }
    }

    async fn first_list(&self, deadline: Instant) -> Result<(), Trouble> {
        let mut changes = self.any.subscribe();
        loop {
            {
                let state = self.state.read().expect("no holder panics");
                if state.ready {
                    return Ok(());
                }
                if let Some(trouble @ Trouble::Denied { .. }) = &state.trouble {
                    return Err(trouble.clone());
                }
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                let silence = || Trouble::Unreachable("no list before the deadline".to_owned());
                return Err(self.trouble().unwrap_or_else(silence));
            }
        }
    }

    /// Merges a consistent list into what is known. What the watch has seen after the list was taken stays.
    async fn list(&self) -> Result<(), Trouble> {
        let mut wait = Reconnect::default();
        let list = loop {
            match self.api().list(&ListParams::default()).await.map_err(Trouble::from) {
                Ok(list) => break list,
                Err(Trouble::NotFound { .. }) => {
                    self.replace(BTreeMap::new());
                    return Ok(());
                }
                Err(trouble) if trouble.is_passing() => {
                    tokio::time::sleep(wait.next().unwrap_or_default()).await;
                }
                Err(trouble) => return Err(trouble),
            }
        };
        let at = object_version(list.metadata.resource_version.as_deref());
        let listed: BTreeMap<_, _> =
            list.items.into_iter().filter_map(Object::of).map(|object| (object.key(), object)).collect();
        let gone: Vec<Arc<Object>> = {
            let state = self.state.read().expect("no holder panics");
            let known = state.objects.iter();
            known
                .filter(|(key, object)| !listed.contains_key(*key) && object.version <= at)
                .map(|(_, o)| Arc::clone(o))
                .collect()
        };
        for object in gone {
            self.remove(&Object {
                namespace: object.namespace.clone(),
                name: object.name.clone(),
                labels: BTreeMap::new(),
                json: Value::Null,
                version: at,
            });
        }
        for object in listed.into_values() {
            self.put(object);
        }
        Ok(())
    }
}

impl Object {
    fn of(object: DynamicObject) -> Option<Self> {
        let version = object_version(object.metadata.resource_version.as_deref());
        let mut json = serde_json::to_value(&object).ok()?;
        if let Some(metadata) = json.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        Some(Self {
            namespace: object.metadata.namespace.unwrap_or_default(),
            name: object.metadata.name?,
            labels: object.metadata.labels.unwrap_or_default(),
            json,
            version,
        })
    }

    /// An object made up of `json` alone: for tests of what judges objects.
    pub fn from_json(json: Value) -> Option<Self> {
        Self::of(serde_json::from_value(json).ok()?)
    }

    fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }

    /// The value at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.json.pointer(pointer)
    }

    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).and_then(Value::as_str)
    }

    pub fn number(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).and_then(Value::as_i64)
    }

    /// The items of a list; nothing where there is none.
    pub fn items(&self, pointer: &str) -> &[Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody has asked for its deletion.
    pub fn is_terminating(&self) -> bool {
        self.at("/metadata/deletionTimestamp").is_some()
    }
}

/// A resource version as a number. They are decimal numbers that grow, by Kubernetes' conformance rules since 1.35 and in
/// fact in every version before; what is not one counts as oldest, so that nothing is ever held back by it.
pub fn object_version(version: Option<&str>) -> u64 {
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// What was followed for so long was no failed attempt.
const FOLLOWED: Duration = Duration::from_secs(10);

/// Waits of 50 ms, doubled up to 2 s: an API server that comes back is found within seconds.
pub(super) struct Reconnect(Duration);

impl Default for Reconnect {
    fn default() -> Self {
        Self(Duration::from_millis(50))
    }
}

impl Iterator for Reconnect {
    type Item = Duration;
    fn next(&mut self) -> Option<Duration> {
        let wait = self.0;
        self.0 = (wait * 2).min(Duration::from_secs(2));
        Some(wait)
    }
}

impl Backoff for Reconnect {
    fn reset(&mut self) {
        *self = Self::default();
    }
}
