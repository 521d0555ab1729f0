//! What a cluster is asked before a run, on simulated clusters that are not fit for it in one way each.

use std::{path::PathBuf, process::Command, sync::Once};

use meshproof::{
    cluster::{Cluster, SimulateOptions, Verb, simulate},
    command::{Choosing, Prepared, prepare},
    engine::make_directory,
    preflight::{Finding, Findings, preflight},
};
use rstest::rstest;
use serde_json::{Value, json};

/// A cluster and a plan for it.
struct Site {
    cluster: Cluster,
    prepared: Prepared,
    /// A suite of the test's own lies there.
    _folder: tempfile::TempDir,
}

impl Site {
    /// The guide's suite, with these variables.
    async fn guide(set: &[&str]) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios/nks-istio");
        Self::at(path, tempfile::tempdir().unwrap(), set).await
    }

    /// A suite of which `rest` says more, with one case that does `action`.
    async fn suite(rest: &str, action: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = "apiVersion: meshproof.dev/v1alpha1";
        let suite = format!("{api}\nkind: Suite\nmetadata: {{name: shop}}\nnamespace: shop\n{rest}\n");
        let scenario =
            format!("{api}\nkind: Scenario\nmetadata: {{name: shop}}\ncases:\n- {{name: one, do: [{action}]}}\n");
        std::fs::write(folder.path().join("suite.yaml"), suite).unwrap();
        std::fs::write(folder.path().join("shop.yaml"), scenario).unwrap();
        Self::at(folder.path().to_owned(), folder, &[]).await
    }

    async fn at(path: PathBuf, folder: tempfile::TempDir, set: &[&str]) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let set = set.iter().map(ToString::to_string).collect();
        let choosing = Choosing { paths: vec![path], set, ..Choosing::default() };
        let prepared = prepare(&choosing).unwrap_or_else(|problems| panic!("{problems:?}"));
        let work = make_directory(&prepared.run).unwrap();
        let cluster = simulate(&SimulateOptions::default(), &work).await.unwrap();
        Self { cluster, prepared, _folder: folder }
    }

    async fn put(&self, path: &str, mut object: Value) {
        let (collection, name) = path.rsplit_once('/').unwrap();
        object["metadata"]["name"] = name.into();
        let (group, rest) = collection.trim_start_matches('/').split_once('/').unwrap();
        let version = match group {
            "api" => "v1".to_owned(),
            _ => rest.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"),
        };
        object["apiVersion"] = version.into();
        self.cluster.once(path, &Verb::Apply { object, force: true }).await.unwrap();
    }

    async fn namespace(&self, name: &str, labels: Value) {
        let path = format!("/api/v1/namespaces/{name}");
        self.put(&path, json!({"kind": "Namespace", "metadata": {"labels": labels}})).await;
    }

    async fn istiod(&self, namespace: &str) {
        let labels = json!({"app": "istiod", "istio.io/rev": "canary"});
        let containers = json!([{"name": "discovery", "image": "registry.example/istio/pilot:1.22.3"}]);
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
        let spec = json!({"replicas": 0, "selector": {"matchLabels": labels}, "template": template});
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/istiod");
        self.put(&path, json!({"kind": "Deployment", "metadata": {"labels": labels}, "spec": spec})).await;
    }

    async fn ask(&self) -> Findings {
        preflight(&self.cluster, &self.prepared.plan).await
    }

    /// The only problem, which has a way out.
    #[track_caller]
    fn only(findings: &Findings) -> &Finding {
        let [problem] = &findings.problems[..] else { panic!("{findings:#?}") };
        assert!(problem.hint.is_some(), "{problem:?}");
        problem
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.prepared.run.directory);
    }
}

#[tokio::test]
async fn an_empty_cluster_is_fit_for_the_guide() {
    assert_eq!(Site::guide(&[]).await.ask().await.problems, []);
}

#[tokio::test]
async fn an_istio_of_somebody_elses_is_told_with_its_revision_and_version() {
    let site = Site::guide(&[]).await;
    site.namespace("mesh", json!({})).await;
    site.istiod("mesh").await;
    let findings = site.ask().await;
    let problem = Site::only(&findings);
    let told = "an Istio is there already: istiod in mesh is of the revision canary and of the version 1.22.3";
    assert_eq!(problem.what, told);
    assert!(problem.hint.as_ref().unwrap().contains("--set install=existing"));
}

#[tokio::test]
async fn an_istio_that_is_adopted_is_neither_installed_nor_removed() {
    let site = Site::guide(&["install=existing"]).await;
    assert!(Site::only(&site.ask().await).what.starts_with("there is no Istio to be proved"));
    site.namespace("istio-system", json!({})).await;
    site.istiod("istio-system").await;
    assert_eq!(site.ask().await.problems, []);
    let outlook = site.prepared.plan.outlook();
    let touched: Vec<String> = outlook
        .makes
        .keys()
        .chain(outlook.changes.keys())
        .chain(outlook.deletes.keys())
        .map(ToString::to_string)
        .collect();
    assert!(!touched.iter().any(|thing| thing.contains("istio-system") || thing.contains("istio.io")), "{touched:#?}");
    let cases = &site.prepared.plan.cases;
    let install = cases.iter().filter(|case| case.scenario == "install" || case.id == "removal/purge");
    assert!(
        install.map(|case| case.skip.as_deref().unwrap_or("not skipped")).all(|reason| reason.contains("existing"))
    );
}

#[tokio::test]
async fn what_a_program_would_make_and_somebody_has_is_in_the_way() {
    let site = Site::guide(&[]).await;
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/istiod-clusterrole-istio-system";
    site.put(path, json!({"kind": "ClusterRole", "rules": []})).await;
    let findings = site.ask().await;
    let told = "in the way of what the run makes: ClusterRole istiod-clusterrole-istio-system";
    assert_eq!(Site::only(&findings).what, told);
}

#[tokio::test]
async fn what_an_earlier_run_left_is_made_over() {
    let site = Site::guide(&[]).await;
    site.namespace("istio-system", json!({"meshproof.dev/run": "0123abcd"})).await;
    site.istiod("istio-system").await;
    let findings = site.ask().await;
    assert_eq!(findings.problems, []);
    let notes: Vec<&str> = findings.notes.iter().map(|note| note.what.as_str()).collect();
    assert!(notes[0].starts_with("run 0123abcd left behind Namespace istio-system"), "{notes:?}");
    assert!(notes[1].contains("Deployment istiod in istio-system"), "{notes:?}");
}

#[tokio::test]
async fn what_an_earlier_run_was_told_to_keep_can_be_proved() {
    let site = Site::guide(&["install=existing"]).await;
    site.namespace("istio-system", json!({"meshproof.dev/run": "0123abcd"})).await;
    site.istiod("istio-system").await;
    assert_eq!(site.ask().await.problems, []);
}

#[tokio::test]
async fn a_namespace_that_refuses_the_pods_is_told() {
    let site = Site::guide(&["namespace=shop"]).await;
    site.namespace("shop", json!({"pod-security.kubernetes.io/enforce": "baseline"})).await;
    let findings = site.ask().await;
    let told = "namespace shop enforces the Pod Security level baseline, under which its pods are refused";
    assert_eq!(Site::only(&findings).what, told);
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_is_told_with_who_holds_it() {
    let site = Site::guide(&["namespace=shop"]).await;
    for name in ["shop", "elsewhere"] {
        let metadata = json!({"finalizers": ["shop.example/hold"]});
        site.put(&format!("/api/v1/namespaces/{name}"), json!({"kind": "Namespace", "metadata": metadata})).await;
        let gone = Verb::Delete { propagation: "Background", uid: None };
        site.cluster.once(&format!("/api/v1/namespaces/{name}"), &gone).await.unwrap();
    }
    let findings = site.ask().await;
    let problem = Site::only(&findings);
    assert!(problem.what.starts_with("the namespace shop is being deleted: held by shop.example/hold"), "{problem}");
}

#[rstest]
#[case::of_all(json!({}), 1, 0)]
#[case::of_some(json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}), 0, 1)]
#[case::that_may_fail(json!({"failurePolicy": "Ignore"}), 0, 0)]
#[case::of_nothing_that_is_made(json!({"rules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["*"]}]}), 0, 0)]
#[case::with_a_server(json!({"clientConfig": {"service": {"name": "kubernetes", "namespace": "default"}}}), 0, 0)]
#[tokio::test]
async fn a_webhook_without_a_server_is_told(#[case] more: Value, #[case] problems: usize, #[case] notes: usize) {
    let site = Site::suite("", "apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]}").await;
    let mut webhook = json!({"name": "hook.shop.example", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"service": {"name": "nowhere", "namespace": "default"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]});
    webhook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/broken";
    site.put(path, json!({"kind": "ValidatingWebhookConfiguration", "webhooks": [webhook]})).await;
    let findings = site.ask().await;
    assert_eq!((findings.problems.len(), findings.notes.len()), (problems, notes), "{findings:#?}");
    for finding in findings.problems.iter().chain(&findings.notes) {
        assert!(
            finding.what.contains("hook.shop.example") && finding.what.contains("no Service nowhere in default"),
            "{finding}"
        );
        assert!(finding.what.contains("ConfigMap"), "{finding}");
    }
}

#[tokio::test]
async fn a_quota_that_leaves_too_little_is_told() {
    let site = Site::guide(&["namespace=shop"]).await;
    site.namespace("shop", json!({})).await;
    let path = "/api/v1/namespaces/shop/resourcequotas/few";
    site.put(path, json!({"kind": "ResourceQuota", "spec": {"hard": {"pods": "5"}}})).await;
    // What is used is counted by a controller.
    let counted = async {
        while site.cluster.once(path, &Verb::Get).await.unwrap().body["status"]["hard"].is_null() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), counted).await.unwrap();
    let findings = site.ask().await;
    let told = "the quota few of namespace shop leaves too little: 5 more pods fit, 6 are wanted";
    assert_eq!(Site::only(&findings).what, told);
}

const NOTHING: &str = "{run: {program: echo}, touches: []}";

#[rstest]
#[case::cores("cpu: \"10000\"", "10000.00 are requested")]
#[case::memory("memory: 1Ei", "Mi are requested")]
#[case::pods("pods: 100000", "100000 are wanted")]
#[tokio::test]
async fn nodes_without_room_are_told(#[case] room: &str, #[case] told: &str) {
    let site = Site::suite(&format!("preflight: [{{room: {{namespace: shop, {room}}}}}]"), NOTHING).await;
    let findings = site.ask().await;
    let problem = Site::only(&findings);
    let begins = problem.what.starts_with("the nodes have no room for what the run starts: ");
    assert!(begins && problem.what.ends_with(told), "{problem:?}");
}

#[tokio::test]
async fn a_claim_on_storage_needs_a_default_class() {
    let claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}}";
    let site = Site::suite("", &format!("{{apply: {{objects: [{claim}]}}}}")).await;
    let findings = site.ask().await;
    assert!(Site::only(&findings).what.contains("no storage class is the default"));
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    let class = json!({"kind": "StorageClass", "metadata": {"annotations": annotations}, "provisioner": "a.example/b"});
    site.put("/apis/storage.k8s.io/v1/storageclasses/standard", class).await;
    assert_eq!(site.ask().await.problems, []);
}

#[tokio::test]
async fn what_is_only_worth_knowing_is_a_note() {
    let checks = "preflight: [{kubernetes: '<1.20', message: old, hint: renew it, note: true}]";
    let site = Site::suite(checks, NOTHING).await;
    let findings = site.ask().await;
    assert_eq!(findings.problems, []);
    let [note] = &findings.notes[..] else { panic!("{findings:?}") };
    assert_eq!(note.to_string(), "old: it is Kubernetes 1.28.15, and this suite is for <1.20 (renew it)");
}

#[tokio::test]
async fn what_is_not_stated_is_told() {
    let site = Site::suite("", "{run: {program: a}}, {run: {program: b}}").await;
    let findings = site.ask().await;
    assert_eq!(findings.problems, []);
    let [note] = &findings.notes[..] else { panic!("{findings:?}") };
    let told = "not looked at before the run: what 2 steps do is not stated; `meshproof plan` shows it";
    assert_eq!(note.to_string(), told);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let site = Site::guide(&["namespace=shop"]).await;
    site.namespace("istio-system", json!({})).await;
    site.istiod("istio-system").await;
    site.namespace("shop", json!({"pod-security.kubernetes.io/enforce": "restricted"})).await;
    let findings = site.ask().await;
    let told: Vec<&str> = findings.problems.iter().map(|problem| problem.what.as_str()).collect();
    for words in ["in the way", "an Istio is there", "istio-system is there", "restricted"] {
        assert!(told.iter().any(|problem| problem.contains(words)), "no `{words}` in {told:#?}");
    }
}

#[test]
fn a_cluster_that_is_not_fit_ends_the_run_before_its_first_case() {
    let reports = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/nks-istio");
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshproof"));
        command.args(["run", suite, "--kubernetes", "1.30", "--filter", "prerequisites", "--report-dir"]);
        let code = command.arg(reports.path()).args(more).output().unwrap().status.code();
        let text = std::fs::read_to_string(reports.path().join("report.json")).unwrap();
        (code, meshproof_reports::from_json(&text).unwrap())
    };
    let (code, report) = run(&[]);
    assert_eq!((code, report.summary.pending), (Some(2), report.cases.len()));
    let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
    assert!(problem.starts_with("the guide does not list this cluster"), "{problem}");
    // The suite itself says of the nodes what preflight says of the API server.
    let (code, report) = run(&["--no-preflight"]);
    assert_eq!((code, report.summary.failed, report.summary.pending), (Some(1), 1, 0));
}

#[test]
fn a_plan_says_what_of_it_is_there_already() {
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/nks-istio");
    let plan = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshproof"));
        let output = command.args(["plan", suite, "--json", "--set", "namespace=default"]).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        json["effects"]["makes"].as_array().unwrap().clone()
    };
    assert!(plan(&[]).iter().all(|thing| thing.get("live").is_none()));
    let makes = plan(&["--live"]);
    let there: Vec<&Value> = makes.iter().filter(|thing| thing["live"]["there"] == true).collect();
    assert_eq!(there.len(), 1, "{there:#?}");
    assert_eq!((&there[0]["kind"], &there[0]["name"]), (&json!("Namespace"), &json!("default")));
    assert!(makes.iter().filter(|thing| thing["live"]["there"] == false).count() > 40);
}
