//! With exactly the rights that `plan --rbac` prints, the guide's suite passes on a simulated cluster; without any one of them, preflight
//! names it. A `main` of its own, because the simulated release's istioctl is this program, started again.

use std::{path::Path, process::ExitCode, time::Duration};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Client, Config,
    api::{Api, DynamicObject, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
};
use libtest_mimic::{Arguments, Failed, Trial};
use meshproof::{
    cluster::{Cluster, ConnectOptions, Reach, SimulateOptions, Simulated, Trouble, Verb, connect, start_simulated},
    command::{Choosing, Prepared, prepare, stand_in},
    effect::{ACCOUNT, ACCOUNT_NAMESPACE, Optional, Rules, qualified},
    engine::{Event, Options, Signals, execute, make_directory},
    preflight::preflight,
    safety::Safety,
};
use meshproof_reports::Verdict;
use serde_json::{Value, json};
use tokio::sync::mpsc;

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(code) = stand_in(&std::env::args_os().collect::<Vec<_>>()) {
        return code;
    }
    let ways: [(&str, &[&str]); 6] = [
        ("with istioctl", &[]),
        ("with a manifest, in a closed network", &["install=manifest", "network=closed"]),
        ("one control plane", &["uninstall=revision"]),
        ("the oldest release", &["istioVersion=1.19.0"]),
        ("the newest release", &["istioVersion=1.24.0"]),
        ("in the namespace default", &["namespace=default"]),
    ];
    let passes = ways.map(|(name, set)| {
        Trial::test(format!("the suite passes with the rights that are printed: {name}"), move || run(passes(set)))
    });
    let others = [
        // In a namespace that stands, so that there is a role besides the cluster role.
        Trial::test("preflight names every rule that is missing", || {
            run(names_what_is_missing(&["namespace=default"]))
        }),
        Trial::test("without any rights, preflight says so once", || run(has_nothing())),
        Trial::test("with what a run can do without, nothing is left out", || run(leaves_nothing_out())),
        Trial::test("an apply that creates takes the right to create", || run(apply_creates())),
    ];
    let trials = passes.into_iter().chain(others).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(test: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(test);
    Ok(())
}

async fn passes(set: &[&str]) {
    let site = Site::new(set).await;
    let rules = site.rules();
    site.grant(&rules).await;
    let cluster = site.connect().await;
    let findings = preflight(&cluster, &site.prepared.plan).await;
    assert_eq!(findings.problems, []);
    let (sender, mut inbox) = mpsc::unbounded_channel();
    let prepared = &site.prepared;
    let (options, signals) = (Options::default(), Signals::default());
    let outcome = execute(&prepared.plan, cluster, &prepared.run, &options, sender, &signals).await;
    assert_eq!(outcome.problems, Vec::<String>::new());
    let mut passed = 0;
    while let Ok(event) = inbox.try_recv() {
        let Event::CaseFinished { record, .. } = event else { continue };
        assert!(matches!(record.verdict, Some(Verdict::Passed | Verdict::Skipped)), "{record:#?}");
        passed += usize::from(record.verdict == Some(Verdict::Passed));
    }
    assert!(passed > 30, "{passed} cases passed");
}

/// Each rule, taken away alone; ci/rights takes away each verb of each, on a real cluster.
async fn names_what_is_missing(set: &[&str]) {
    let site = Site::new(set).await;
    let all = site.rules();
    site.grant(&all).await;
    let cluster = site.connect().await;
    assert!(all.0.len() > 30, "{} rules", all.0.len());
    for (index, rule) in all.0.iter().enumerate() {
        let mut fewer = all.clone();
        fewer.0.remove(index);
        // Otherwise a role would keep the rules that it had.
        assert_eq!(fewer.manifest().len(), all.manifest().len());
        site.grant(&fewer).await;
        let findings = preflight(&cluster, &site.prepared.plan).await;
        let [problem] = &findings.problems[..] else { panic!("without {rule:?}: {findings:#?}") };
        let verbs: Vec<&str> = rule.verbs.iter().map(|verb| verb.as_str()).collect();
        let told = format!("not allowed: {} {}", verbs.join(", "), qualified(&rule.group, &rule.resource));
        assert!(problem.what.starts_with(&told), "{rule:?}: {problem}");
        assert!(rule.names.iter().all(|name| problem.what.contains(name)), "{rule:?}: {problem}");
        assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains("plan --rbac")));
    }
}

async fn has_nothing() {
    let site = Site::new(&[]).await;
    site.grant(&Rules::default()).await;
    let findings = preflight(&site.connect().await, &site.prepared.plan).await;
    let [problem] = &findings.problems[..] else { panic!("{findings:#?}") };
    let rules = site.rules().0.len();
    assert!(problem.what.starts_with(&format!("{rules} of {rules} rights are missing")), "{problem:?}");
}

/// What diagnoses collect and the inventory lists, with these rights and without.
async fn leaves_nothing_out() {
    let suite = tempfile::tempdir().unwrap();
    let head = "apiVersion: meshproof.dev/v1alpha1\nkind:";
    let collects = "diagnose: [{references: {from: {kind: ConfigMap}, path: /data/to, to: {kind: Secret}}}]";
    let cases = "cases: [{name: c, expect: [{pods: {selector: app=a, count: 1}, within: 100ms}]}]";
    let texts = [
        ("suite", format!("{head} Suite\nmetadata: {{name: t}}\nnamespace: default\n{collects}\n")),
        ("scenario", format!("{head} Scenario\nmetadata: {{name: s}}\n{cases}\n")),
    ];
    for (name, text) in texts {
        std::fs::write(suite.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let site = Site::of(suite.path(), &[]).await;
    let left_out = async |also: &[Optional]| {
        site.grant(&site.prepared.plan.outlook().rules_with(None, also)).await;
        let cluster = site.connect().await;
        let (sender, mut inbox) = mpsc::unbounded_channel();
        let state = site.prepared.run.directory.join("state");
        let safety = Some(Safety { state, wait: Duration::ZERO, inventory: true });
        let (options, signals) = (Options { safety, ..Options::default() }, Signals::default());
        execute(&site.prepared.plan, cluster, &site.prepared.run, &options, sender, &signals).await;
        let (mut lacking, mut unseen) = (Vec::new(), Vec::new());
        while let Ok(event) = inbox.try_recv() {
            match event {
                Event::CaseFinished { record, .. } => {
                    lacking.extend(record.diagnosis.expect("it failed").not_collected);
                }
                Event::Note(text) => unseen.extend(text.contains("may not be listed").then_some(text)),
                _ => {}
            }
        }
        (lacking, unseen)
    };
    let (lacking, unseen) = left_out(&[]).await;
    for kind in ["EndpointSlice in default", "Event in default", "Secret in default"] {
        assert!(lacking.iter().any(|what| what.starts_with(kind)), "{lacking:?}");
    }
    assert!(unseen[0].contains("configmaps") && unseen[0].contains("--with inventory"), "{unseen:?}");
    let nothing: (Vec<String>, Vec<String>) = Default::default();
    assert_eq!(left_out(&[Optional::Diagnosis, Optional::Inventory]).await, nothing);
}

async fn apply_creates() {
    let site = Site::new(&[]).await;
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}});
    let role = |verbs: &[&str]| json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"], "verbs": verbs}]);
    let apply = Verb::Apply { object, force: false };
    let path = "/api/v1/namespaces/default/configmaps/a";
    site.bind(&role(&["patch"])).await;
    let cluster = site.connect().await;
    let refused = cluster.once(path, &apply).await.unwrap_err();
    assert!(matches!(&refused, Trouble::Denied { message } if message.contains("cannot create")), "{refused}");
    site.bind(&role(&["create", "patch"])).await;
    assert!(cluster.once(path, &apply).await.unwrap().created);
}

/// A simulated cluster with a service account, and the guide's suite.
struct Site {
    prepared: Prepared,
    simulated: Simulated,
    admin: Client,
    options: SimulateOptions,
}

impl Site {
    async fn new(set: &[&str]) -> Self {
        Self::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/nks-istio"), set).await
    }

    async fn of(suite: &Path, set: &[&str]) -> Self {
        let choosing = Choosing {
            paths: vec![suite.to_owned()],
            set: set.iter().map(ToString::to_string).collect(),
            ..Choosing::default()
        };
        let prepared = prepare(&choosing).unwrap_or_else(|problems| panic!("{problems:?}"));
        let work = make_directory(&prepared.run).unwrap();
        let options = SimulateOptions { releases: prepared.plan.releases(), ..SimulateOptions::default() };
        let simulated = start_simulated(&options, &work).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(&simulated.kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let site = Self { prepared, simulated, admin: Client::try_from(config).unwrap(), options };
        site.apply(&site.rules().manifest()[0]).await;
        site
    }

    fn rules(&self) -> Rules {
        self.prepared.plan.outlook().rules(None)
    }

    /// Gives the account these rights and no others.
    async fn grant(&self, rules: &Rules) {
        for object in rules.manifest() {
            self.apply(&object).await;
        }
        if rules.0.is_empty() {
            self.bind(&json!([])).await;
        }
    }

    /// Binds a cluster role with these rules.
    async fn bind(&self, rules: &Value) {
        let group = "rbac.authorization.k8s.io";
        let metadata = json!({"name": ACCOUNT});
        self.apply(
            &json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": metadata, "rules": rules}),
        )
        .await;
        self.apply(&json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ACCOUNT_NAMESPACE}]}))
            .await;
    }

    async fn apply(&self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("/kind")));
        let api: Api<DynamicObject> = match text("/metadata/namespace") {
            "" => Api::all_with(self.admin.clone(), &resource),
            namespace => Api::namespaced_with(self.admin.clone(), namespace, &resource),
        };
        let params = PatchParams::apply("test").force();
        api.patch(text("/metadata/name"), &params, &Patch::Apply(object)).await.unwrap();
    }

    /// Connects as the service account.
    async fn connect(&self) -> Cluster {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin.clone(), ACCOUNT_NAMESPACE);
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(86_400), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let answer = accounts.create_token_request(ACCOUNT, &PostParams::default(), &request).await.unwrap();
        let mut kubeconfig = Kubeconfig::read_from(&self.simulated.kubeconfig).unwrap();
        for named in &mut kubeconfig.auth_infos {
            let token = answer.status.as_ref().unwrap().token.clone();
            named.auth_info = Some(serde_json::from_value(json!({"token": token})).unwrap());
        }
        let work = &self.prepared.run.directory;
        let path = work.join("account.kubeconfig");
        std::fs::write(&path, serde_saphyr::to_string(&kubeconfig).unwrap()).unwrap();
        let options = ConnectOptions { kubeconfig: Some(path), ..ConnectOptions::default() };
        let mut cluster = connect(&options, work).await.unwrap();
        cluster.pace = self.options.pace;
        cluster.reach_by(Reach::Behind(self.simulated.proxy.clone()));
        cluster
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.prepared.run.directory);
    }
}
