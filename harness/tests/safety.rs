//! A cluster is afterwards what it was before, however a run ends: on simulated clusters that several runs come to.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Once},
    time::Duration,
};

use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    core::ApiResource,
};
use meshproof::{
    cluster::{Cluster, ConnectOptions, Kind, SimulateOptions, Simulated, connect, start_simulated},
    command::{Choosing, Prepared, prepare},
    engine::{Event, Options, Outcome, Signals, execute, make_directory},
    journal::{Journal, entries},
    safety::{LEASE_NAMESPACE, Safety, by_labels, recover},
};
use meshproof_reports::{CaseRecord, Verdict};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// A cluster, and a folder for everything on disk.
struct Site {
    simulated: Simulated,
    client: Client,
    folder: tempfile::TempDir,
}

/// A run that is under way.
struct Going {
    outcome: JoinHandle<Outcome>,
    events: UnboundedReceiver<Event>,
    signals: Signals,
    prepared: Arc<Prepared>,
}

/// How long anything may take here that is not to be seen at once.
const PATIENT: Duration = Duration::from_secs(60);

impl Site {
    async fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let folder = tempfile::tempdir().unwrap();
        let simulated = start_simulated(&SimulateOptions::default(), folder.path()).await.unwrap();
        let client = Self::connect(&simulated.kubeconfig, folder.path()).await.client;
        Self { simulated, client, folder }
    }

    async fn connect(kubeconfig: &Path, folder: &Path) -> Cluster {
        let options = ConnectOptions { kubeconfig: Some(kubeconfig.to_owned()), ..ConnectOptions::default() };
        let mut cluster = connect(&options, folder).await.unwrap();
        cluster.pace = SimulateOptions::default().pace;
        cluster
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let kind = Kind::built_in(kind).unwrap();
        let resource: ApiResource = kind.resource;
        match namespace {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }

    /// Applies as somebody else does.
    async fn put(&self, manager: &str, object: Value) {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = Kind::built_in(text("/kind")).unwrap();
        let mut whole = object.clone();
        whole["apiVersion"] = kind.resource.api_version.clone().into();
        let api = self.api(text("/kind"), text("/metadata/namespace"));
        api.patch(text("/metadata/name"), &PatchParams::apply(manager), &Patch::Apply(whole)).await.unwrap();
    }

    async fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let found = self.api(kind, namespace).get_opt(name).await.unwrap();
        let mut value = found.map(|object| serde_json::to_value(object).unwrap());
        if let Some(metadata) = value.as_mut().and_then(|value| value["metadata"].as_object_mut()) {
            metadata.remove("resourceVersion");
        }
        value
    }

    async fn until(&self, kind: &str, namespace: &str, name: &str) {
        let there = async {
            while self.get(kind, namespace, name).await.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENT, there).await.unwrap_or_else(|_| panic!("{kind} {name} never came"));
    }

    /// Begins a run of these cases in the namespace `ns`.
    async fn go(&self, cases: &str) -> Going {
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

    async fn run(&self, cases: &str) -> (Outcome, Vec<CaseRecord>) {
        self.go(cases).await.end().await
    }

    /// The journals of runs that have ended.
    fn journals(&self) -> Vec<String> {
        let ended = entries(&self.state()).unwrap().into_iter();
        ended.filter(|entry| !Journal::is_being_written(&entry.path)).map(|entry| entry.run).collect()
    }
}

impl Going {
    async fn end(mut self) -> (Outcome, Vec<CaseRecord>) {
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
    async fn kill(mut self) {
        self.outcome.abort();
        let _ = self.outcome.await;
        // What it had under way ends with its last sender.
        let over = async { while self.events.recv().await.is_some() {} };
        tokio::time::timeout(PATIENT, over).await.expect("all of it ends");
    }
}

const MAKES_AND_WAITS: &str = "
- name: makes
  do:
    - apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: made}}]}
    - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: beside, namespace: default}}]}
    - label: {kind: Namespace, name: theirs, set: {ours: 'yes', shared: ours}}
- name: waits
  needs: [makes]
  expect: [{object: {of: {kind: ConfigMap, name: go, namespace: kube-public}}, within: 10m}]";

async fn site_with_theirs() -> (Site, Value) {
    let site = Site::new().await;
    site.put("kubectl", json!({"kind": "Namespace", "metadata": {"name": "theirs", "labels": {"shared": "theirs"}}}))
        .await;
    let before = site.get("Namespace", "", "theirs").await.unwrap();
    (site, before)
}

async fn as_before(site: &Site, theirs: &Value) {
    for (kind, namespace, name) in [("Namespace", "", "made"), ("ConfigMap", "default", "beside")] {
        assert_eq!(site.get(kind, namespace, name).await, None);
    }
    assert_eq!(site.get("Namespace", "", "theirs").await.as_ref(), Some(theirs), "whole, with who owns which field");
    let leases = site.api("Lease", LEASE_NAMESPACE).list(&ListParams::default()).await.unwrap();
    assert_eq!(leases.items, []);
    assert_eq!(site.journals(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_changed_is_what_it_was_when_it_has_ended() {
    let (site, theirs) = site_with_theirs().await;
    let going = site.go(MAKES_AND_WAITS).await;
    site.until("ConfigMap", "default", "beside").await;
    site.put("kubectl", json!({"kind": "ConfigMap", "metadata": {"name": "go", "namespace": "kube-public"}})).await;
    let (outcome, records) = going.end().await;
    assert!(records.iter().all(|record| record.verdict == Some(Verdict::Passed)), "{records:#?}");
    assert_eq!((outcome.problems, outcome.leftovers), (Vec::<String>::new(), Vec::<String>::new()));
    as_before(&site, &theirs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_is_taken_back_by_its_journal() {
    let (site, theirs) = site_with_theirs().await;
    let going = site.go(MAKES_AND_WAITS).await;
    site.until("ConfigMap", "default", "beside").await;
    let run = going.prepared.run.id.clone();
    going.kill().await;
    assert_eq!(site.journals(), [run]);
    let entry = entries(&site.state()).unwrap().pop().unwrap();
    let cluster = Arc::new(Site::connect(&site.simulated.kubeconfig, site.folder.path()).await);
    let left = recover(&cluster, &entry, &site.state(), unbounded_channel().0, &CancellationToken::new()).await;
    assert_eq!(left.unwrap(), [""; 0]);
    as_before(&site, &theirs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_takes_back_what_a_killed_one_left() {
    let (site, theirs) = site_with_theirs().await;
    let going = site.go(MAKES_AND_WAITS).await;
    site.until("ConfigMap", "default", "beside").await;
    going.kill().await;
    let (outcome, records) = site.run("- {name: sees, expect: [{absent: {kind: Namespace, name: made}}]}").await;
    assert_eq!(records[0].verdict, Some(Verdict::Passed), "{records:#?}");
    assert_eq!((outcome.problems, outcome.leftovers), (Vec::<String>::new(), Vec::<String>::new()));
    as_before(&site, &theirs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_labels_tell_what_runs_made() {
    let (site, _) = site_with_theirs().await;
    let going = site.go(MAKES_AND_WAITS).await;
    site.until("ConfigMap", "default", "beside").await;
    let run = going.prepared.run.id.clone();
    going.kill().await;
    let cluster = Site::connect(&site.simulated.kubeconfig, site.folder.path()).await;
    let found = by_labels(&cluster).await.unwrap();
    let things: Vec<String> = found[&run].newest_first().iter().map(meshproof::journal::Thing::describe).collect();
    // What is inside the namespace goes with it.
    for thing in ["namespace/made", "configmap/beside in default"] {
        assert!(things.contains(&thing.to_owned()), "{things:?}");
    }
    assert!(!things.iter().any(|thing| thing.contains("inside") || thing == "namespace/theirs"), "{things:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_that_would_spoil_the_first_says_who_is_in_its_way() {
    let (site, theirs) = site_with_theirs().await;
    let first = site.go(MAKES_AND_WAITS).await;
    site.until("ConfigMap", "default", "beside").await;
    let (outcome, records) = site.run(MAKES_AND_WAITS).await;
    assert!(records.is_empty(), "no case has begun: {records:#?}");
    let told = outcome.problems.join("\n");
    assert!(told.contains(&first.prepared.run.id) && told.contains("another run is under way"), "{told}");
    first.signals.interrupt.cancel();
    assert!(first.end().await.0.interrupted);
    as_before(&site, &theirs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_share_nothing_go_side_by_side() {
    let site = Site::new().await;
    let case = "
- name: own
  do: [{apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: 'own-{{ run.id }}'}}]}}]
  expect: [{object: {of: {kind: ConfigMap, name: go, namespace: kube-public}}, within: 10m}]";
    let (first, second) = (site.go(case).await, site.go(case).await);
    for going in [&first, &second] {
        site.until("Namespace", "", &format!("own-{}", going.prepared.run.id)).await;
    }
    site.put("kubectl", json!({"kind": "ConfigMap", "metadata": {"name": "go", "namespace": "kube-public"}})).await;
    for going in [first, second] {
        let (outcome, records) = going.end().await;
        assert_eq!(records[0].verdict, Some(Verdict::Passed), "{records:#?} {outcome:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_run_that_is_dead_elsewhere_is_taken_over() {
    let site = Site::new().await;
    let lease = json!({"kind": "Lease", "metadata": {"name": "meshproof-namespace-default", "namespace": LEASE_NAMESPACE},
        "spec": {"holderIdentity": "elsewhere", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}});
    site.put("meshproof", lease).await;
    let case = "- {name: one, do: [{apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: default}}]}}]}";
    let (outcome, records) = site.run(case).await;
    assert_eq!(records[0].verdict, Some(Verdict::Passed), "{records:#?}");
    assert_eq!(outcome.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_given_back_with_its_owners() {
    let site = Site::new().await;
    let theirs = json!({"kind": "ConfigMap", "metadata": {"name": "m", "namespace": "default"}, "data": {"a": "theirs", "b": "theirs"}});
    site.put("kubectl", theirs).await;
    let before = site.get("ConfigMap", "default", "m").await;
    let case = "
- name: one
  do: [{apply: {force: true, objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: default}, data: {a: ours, c: ours}}]}}]
  expect: [{object: {of: {kind: ConfigMap, name: m, namespace: default}, match: {data: {a: ours, b: theirs, c: ours}}}}]";
    let (outcome, records) = site.run(case).await;
    assert_eq!(records[0].verdict, Some(Verdict::Passed), "{records:#?}");
    assert_eq!((outcome.problems, outcome.leftovers), (Vec::<String>::new(), Vec::<String>::new()));
    assert_eq!(site.get("ConfigMap", "default", "m").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_meanwhile_stays_and_is_told() {
    let (site, _) = site_with_theirs().await;
    let going = site.go(MAKES_AND_WAITS).await;
    site.until("ConfigMap", "default", "beside").await;
    let waits = async {
        while site.get("Namespace", "", "theirs").await.unwrap()["metadata"]["labels"]["ours"] != "yes" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENT, waits).await.unwrap();
    let patch = json!({"metadata": {"labels": {"shared": "changed-since"}}});
    let api = site.api("Namespace", "");
    api.patch(
        "theirs",
        &PatchParams { field_manager: Some("kubectl".to_owned()), ..PatchParams::default() },
        &Patch::Merge(patch),
    )
    .await
    .unwrap();
    going.signals.interrupt.cancel();
    let (outcome, _) = going.end().await;
    let told = outcome.problems.join("\n");
    assert!(told.contains("metadata.labels.shared is \"changed-since\" now"), "{told}");
    let labels = site.get("Namespace", "", "theirs").await.unwrap()["metadata"]["labels"].clone();
    assert_eq!((&labels["shared"], &labels["ours"]), (&json!("changed-since"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_not_deleted_unless_the_suite_means_it() {
    let site = Site::new().await;
    for name in ["kept", "meant"] {
        site.put("kubectl", json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})).await;
    }
    // A run's beginning is known to the second.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (_, records) = site
        .run(
            "
- {name: kept, do: [{delete: {of: {kind: ConfigMap, name: kept, namespace: default}}}]}
- {name: meant, do: [{delete: {existing: true, of: {kind: ConfigMap, name: meant, namespace: default}}}]}",
        )
        .await;
    let case = |name: &str| records.iter().find(|record| record.id.ends_with(name)).unwrap();
    assert_eq!(case("kept").verdict, Some(Verdict::Failed));
    assert!(case("kept").reason.as_ref().unwrap().contains("was there before the run"), "{:#?}", case("kept"));
    assert_eq!(case("meant").verdict, Some(Verdict::Passed), "{:#?}", case("meant"));
    assert!(site.get("ConfigMap", "default", "kept").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_left_is_a_failure_of_its_own_and_what_others_do_meanwhile_is_not() {
    let site = Site::new().await;
    site.put("kubectl", json!({"kind": "Namespace", "metadata": {"name": "theirs"}})).await;
    let program = "- {name: program, do: [{run: {program: 'true'}, undo: {do: [{run: {program: 'true'}}]}}]}";
    let going = site.go(&format!("{MAKES_AND_WAITS}\n{program}")).await;
    site.until("ConfigMap", "default", "beside").await;
    // As a program of the run might: a manager that nobody has heard of before.
    site.put("installer", json!({"kind": "ClusterRole", "metadata": {"name": "forgotten"}, "rules": []})).await;
    site.put("kubectl", json!({"kind": "ConfigMap", "metadata": {"name": "busy", "namespace": "kube-public"}})).await;
    going.signals.interrupt.cancel();
    let (outcome, _) = going.end().await;
    assert_eq!(outcome.leftovers, ["left behind: clusterroles.rbac.authorization.k8s.io/forgotten"]);
    site.api("ClusterRole", "").delete("forgotten", &DeleteParams::default()).await.unwrap();
}
