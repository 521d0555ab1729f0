//! A simulated cluster that runs come to, one after the other and side by side.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::Duration,
};

use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    core::ApiResource,
};
use meshproof::{
    cluster::{Cluster, ConnectOptions, Kind, SimulateOptions, Simulated, connect, start_simulated},
    command::{Choosing, Prepared, prepare},
    engine::{Event, Options, Outcome, Signals, execute, make_directory},
    journal::{Journal, entries},
    safety::{LEASE_NAMESPACE, Safety},
};
use meshproof_reports::CaseRecord;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};

/// A cluster, and a folder for everything on disk.
pub struct Site {
    pub simulated: Simulated,
    pub client: Client,
    pub folder: tempfile::TempDir,
}

/// A run that is under way.
pub struct Going {
    pub outcome: JoinHandle<Outcome>,
    pub events: UnboundedReceiver<Event>,
    pub signals: Signals,
    pub prepared: Arc<Prepared>,
}

/// How long anything may take here that is not to be seen at once.
pub const PATIENT: Duration = Duration::from_secs(60);

impl Site {
    pub async fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let folder = tempfile::tempdir().unwrap();
        let simulated = start_simulated(&SimulateOptions::default(), folder.path()).await.unwrap();
        let client = Self::connect(&simulated.kubeconfig, folder.path()).await.client;
        Self { simulated, client, folder }
    }

    pub async fn connect(kubeconfig: &Path, folder: &Path) -> Cluster {
        let options = ConnectOptions { kubeconfig: Some(kubeconfig.to_owned()), ..ConnectOptions::default() };
        let mut cluster = connect(&options, folder).await.unwrap();
        cluster.pace = SimulateOptions::default().pace;
        cluster
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let kind = Kind::built_in(kind).unwrap();
        let resource: ApiResource = kind.resource;
        match namespace {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }

    /// Puts these faults in, in place of those that were there.
    pub async fn faults(&self, rules: &[Value]) {
        let body = json!({"rules": rules}).to_string().into_bytes();
        self.client.request::<Value>(http::Request::put("/simulator/faults").body(body).unwrap()).await.unwrap();
    }

    /// Applies as somebody else does.
    pub async fn put(&self, manager: &str, object: Value) {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = Kind::built_in(text("/kind")).unwrap();
        let mut whole = object.clone();
        whole["apiVersion"] = kind.resource.api_version.clone().into();
        let api = self.api(text("/kind"), text("/metadata/namespace"));
        api.patch(text("/metadata/name"), &PatchParams::apply(manager), &Patch::Apply(whole)).await.unwrap();
    }

    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let found = self.api(kind, namespace).get_opt(name).await.unwrap();
        let mut value = found.map(|object| serde_json::to_value(object).unwrap());
        if let Some(metadata) = value.as_mut().and_then(|value| value["metadata"].as_object_mut()) {
            metadata.remove("resourceVersion");
        }
        value
    }

    pub async fn until(&self, kind: &str, namespace: &str, name: &str) {
        let there = async {
            while self.get(kind, namespace, name).await.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENT, there).await.unwrap_or_else(|_| panic!("{kind} {name} never came"));
    }

    /// Begins a run of these cases in the namespace `ns`.
    pub async fn go(&self, cases: &str) -> Going {
        let suite = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let head = "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nnamespace: ns\n";
        std::fs::write(suite.join("s.yaml"), format!("{head}cases:\n{cases}\n")).unwrap();
        let choosing = Choosing { paths: vec![suite.clone()], ..Choosing::default() };
        let mut prepared = prepare(&choosing).unwrap_or_else(|problems| panic!("{problems:?}"));
        prepared.run.directory = suite.join("run");
        let work = make_directory(&prepared.run).unwrap();
        let cluster = Self::connect(&self.simulated.kubeconfig, &work).await;
        let safety = Safety { state: self.state(), wait: Duration::ZERO, inventory: true };
        let options = Options { safety: Some(safety), ..Options::default() };
        let (signals, (sender, events)) = (Signals::default(), unbounded_channel());
        let prepared = Arc::new(prepared);
        let (running, heard) = (Arc::clone(&prepared), signals.clone());
        let outcome =
            tokio::spawn(async move { execute(&running.plan, cluster, &running.run, &options, sender, &heard).await });
        Going { outcome, events, signals, prepared }
    }

    pub async fn run(&self, cases: &str) -> (Outcome, Vec<CaseRecord>) {
        self.go(cases).await.end().await
    }

    /// The journals of runs that have ended.
    pub fn journals(&self) -> Vec<String> {
        let ended = entries(&self.state()).unwrap().into_iter();
        ended.filter(|entry| !Journal::is_being_written(&entry.path)).map(|entry| entry.run).collect()
    }
}

impl Going {
    pub async fn end(mut self) -> (Outcome, Vec<CaseRecord>) {
        let outcome = tokio::time::timeout(PATIENT, self.outcome).await.expect("the run ends").unwrap();
        let mut records = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let Event::CaseFinished { record, .. } = event {
                records.push(*record);
            }
        }
        (outcome, records)
    }

    /// As if the process were killed: nothing more is done, and its locks are let go of.
    pub async fn kill(mut self) {
        self.outcome.abort();
        let _ = self.outcome.await;
        // What it had under way ends with its last sender.
        let over = async { while self.events.recv().await.is_some() {} };
        tokio::time::timeout(PATIENT, over).await.expect("all of it ends");
    }
}

pub const MAKES_AND_WAITS: &str = "
- name: makes
  do:
    - apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: beside, namespace: default}}]}
    - label: {kind: Namespace, name: theirs, set: {ours: 'yes', shared: ours}}
- name: waits
  needs: [makes]
  expect: [{object: {of: {kind: ConfigMap, name: go, namespace: kube-public}}, within: 10m}]";

pub async fn site_with_theirs() -> (Site, Value) {
    let site = Site::new().await;
    site.put("kubectl", json!({"kind": "Namespace", "metadata": {"name": "theirs", "labels": {"shared": "theirs"}}}))
        .await;
    let before = site.get("Namespace", "", "theirs").await.unwrap();
    (site, before)
}

pub async fn as_before(site: &Site, theirs: &Value) {
    for (kind, namespace, name) in [("Namespace", "", "made"), ("ConfigMap", "default", "beside")] {
        assert_eq!(site.get(kind, namespace, name).await, None);
    }
    assert_eq!(site.get("Namespace", "", "theirs").await.as_ref(), Some(theirs), "whole, with who owns which field");
    let leases = site.api("Lease", LEASE_NAMESPACE).list(&ListParams::default()).await.unwrap();
    assert_eq!(leases.items, []);
    assert_eq!(site.journals(), [""; 0]);
}
