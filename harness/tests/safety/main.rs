//! A cluster is afterwards what it was before, however a run ends: on simulated clusters that several runs come to.

mod moments;
mod site;

use std::{sync::Arc, time::Duration};

use kube::api::{DeleteParams, Patch, PatchParams};
use meshproof::{
    journal::entries,
    safety::{LEASE_NAMESPACE, by_labels, recover},
};
use meshproof_reports::Verdict;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use site::{MAKES_AND_WAITS, PATIENT, Site, as_before, site_with_theirs};

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

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_was_begun_is_done_again_whatever_it_had_left_to_see() {
    let site = Site::new().await;
    let (may, done) = (site.folder.path().join("may"), site.folder.path().join("done"));
    let case = format!(
        "
- name: program
  do:
    - run: {{program: 'true'}}
      undo:
        unless: {{absent: {{kind: ConfigMap, name: of-the-program, namespace: default}}}}
        do:
          - run: {{program: sh, args: [-c, 'test -e {} && touch {}']}}
          - delete: {{of: {{kind: ConfigMap, name: of-the-program, namespace: default}}, existing: true, ignoreNotFound: true}}
  expect: [{{object: {{of: {{kind: ConfigMap, name: never, namespace: kube-public}}}}, within: 10m}}]",
        may.display(),
        done.display()
    );
    let going = site.go(&case).await;
    site.until("Lease", LEASE_NAMESPACE, "meshproof-cluster").await;
    site.put("installer", json!({"kind": "ConfigMap", "metadata": {"name": "of-the-program", "namespace": "default"}}))
        .await;
    let run = going.prepared.run.id.clone();
    while !std::fs::read_to_string(site.state().join(format!("runs/{run}.journal"))).unwrap().contains("running") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    going.kill().await;
    let cluster = Arc::new(Site::connect(&site.simulated.kubeconfig, site.folder.path()).await);
    let again = async || {
        let entry = entries(&site.state()).unwrap().pop().unwrap();
        recover(&cluster, &entry, &site.state(), unbounded_channel().0, &CancellationToken::new()).await.unwrap()
    };
    let left = again().await;
    assert!(left[0].contains("left behind: the work of `true`"), "{left:?}");
    assert_eq!(site.get("ConfigMap", "default", "of-the-program").await, None);
    std::fs::write(&may, "").unwrap();
    assert_eq!(again().await, [""; 0]);
    assert!(done.exists(), "what failed was done once more");
}
