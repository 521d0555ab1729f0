//! Collects evidence: a few lists for each namespace that the case is about, then what these ask for. Each request ends with the
//! context's deadline; what cannot be had is noted and is never an error.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures::future::{join, join_all};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use tokio::time::timeout_at;

use super::{
    chain,
    concern::{Concern, Deed, Subject},
    evidence::{Evidence, Happening, Log, Symptom, object_of},
    extra::{self, Collect},
    pods,
    references::{KindOf, References},
};
use crate::{
    cluster::{Kind, KindError, Object, Trouble, Verb},
    engine::Context,
    language::CollectStep,
    yaml::Node,
};

/// What every namespace is asked for.
const KINDS: &[&str] = &["Pod", "ReplicaSet", "Deployment", "Service", "EndpointSlice", "Event"];
/// So many objects of a list are looked at.
const LISTED: usize = 300;
/// So many pods have their logs collected, and so many containers of each.
const LOGGED: (usize, usize) = (4, 4);
/// As many lines of a log, and as many bytes at most.
const LINES: i64 = 80;
const BYTES: i64 = 256 << 10;

/// Everything about the case that can be had before the context's deadline.
pub async fn collect(
    context: &Context<'_>,
    concern: Concern,
    symptom: Symptom,
    more: Vec<Result<Node, String>>,
) -> Evidence {
    let collector =
        Collector { context, lacking: Mutex::default(), looked: Mutex::default(), objects: Mutex::default() };
    let (more, references) = collector.read(more);
    let (mut events, outputs) = join(collector.lists(&concern, &references), extra::collect(context, &more)).await;
    let mut evidence = Evidence::of(concern, symptom);
    for output in outputs {
        match output {
            Ok(output) => evidence.outputs.push(output),
            Err(lacking) => collector.lack(lacking),
        }
    }
    evidence.objects = collector.taken();
    evidence.relevant = chain::relevant(&evidence.concern, &evidence.objects);
    evidence.happenings = Happening::all(&events, &evidence.relevant);
    events.clear();
    let (logs, ()) = join(collector.logs(&evidence), collector.causes(&evidence)).await;
    evidence.logs = logs;
    evidence.objects.extend(collector.taken());
    evidence.looked = collector.looked.into_inner().expect("no holder panics");
    let looked = |kind: &str, namespace: &str| evidence.looked(kind, namespace);
    evidence.broken = references.iter().flat_map(|references| references.broken(&evidence.objects, &looked)).collect();
    for object in &evidence.relevant {
        context.cluster.secrets.learn_object(&object.json);
    }
    evidence.lacking = collector.lacking.into_inner().expect("no holder panics");
    evidence.lacking.sort();
    evidence.lacking.dedup();
    evidence
}

/// API version, kind, namespace, name.
type Wanted = (Option<String>, String, Option<String>, Option<String>);

struct Collector<'a> {
    context: &'a Context<'a>,
    lacking: Mutex<Vec<String>>,
    looked: Mutex<BTreeSet<(String, String)>>,
    objects: Mutex<Vec<Arc<Object>>>,
}

impl Collector<'_> {
    /// What the suite wants besides: things to collect, and references to follow.
    fn read(&self, more: Vec<Result<Node, String>>) -> (Vec<CollectStep>, Vec<References>) {
        let (mut steps, mut references) = (Vec::new(), Vec::new());
        for node in more {
            match node.and_then(|node| CollectStep::read(&node).map_err(|error| error.to_string())) {
                Ok(CollectStep { collect: Collect::References(of), .. }) => references.push(of),
                Ok(step) => steps.push(step),
                Err(lacking) => self.lack(lacking),
            }
        }
        (steps, references)
    }

    /// Lists what the namespaces hold and what steps named; gives the events.
    async fn lists(&self, concern: &Concern, references: &[References]) -> Vec<Arc<Object>> {
        let namespaces = concern.namespaces();
        let mut wanted: BTreeSet<Wanted> = BTreeSet::new();
        for namespace in &namespaces {
            for kind in KINDS {
                wanted.insert((None, (*kind).to_owned(), Some(namespace.clone()), None));
            }
            wanted.insert((None, "Namespace".to_owned(), None, Some(namespace.clone())));
            for KindOf { api_version, kind } in references.iter().flat_map(|of| [&of.from, &of.to]) {
                wanted.insert((api_version.clone(), kind.clone(), Some(namespace.clone()), None));
            }
        }
        for Subject { api_version, kind, namespace, names, .. } in
            concern.latest_first().filter_map(|about| about.subject.as_ref())
        {
            // One object of a cluster-wide kind is asked for by its name: there may be many others.
            let name = names.first().filter(|_| names.len() == 1 && namespace.is_none()).cloned();
            wanted.insert((api_version.clone(), kind.clone(), namespace.clone(), name));
        }
        let lists = wanted.iter().map(|(api_version, kind, namespace, name)| {
            self.list(api_version.as_deref(), kind, namespace.as_deref(), name.as_deref())
        });
        let (events, objects): (Vec<_>, Vec<_>) =
            join_all(lists).await.into_iter().flatten().partition(|object| object.text("/kind") == Some("Event"));
        let mut seen = BTreeSet::new();
        let new = objects.into_iter().filter(|object| {
            seen.insert((object.text("/kind").map(str::to_owned), object.namespace.clone(), object.name.clone()))
        });
        self.objects.lock().expect("no holder panics").extend(new);
        events
    }

    /// What the first look asks for: nodes of pods that do not run, webhooks of pods that lack containers, quotas.
    async fn causes(&self, evidence: &Evidence) {
        let lacks_containers = evidence
            .concern
            .last()
            .and_then(|about| about.containers)
            .is_some_and(|wanted| evidence.of_kind("Pod").any(|pod| pod.items("/spec/containers").len() < wanted));
        let speaks_of = |word: &str| evidence.messages().any(|message| message.contains(word));
        let mut kinds: Vec<(&str, Option<String>)> = Vec::new();
        if evidence.of_kind("Pod").any(|pod| pods::is_unwell(pod)) {
            kinds.push(("Node", None));
        }
        if lacks_containers || speaks_of("webhook") {
            kinds.push(("MutatingWebhookConfiguration", None));
        }
        if speaks_of("exceeded quota") {
            kinds.extend(evidence.concern.namespaces().into_iter().map(|namespace| ("ResourceQuota", Some(namespace))));
        }
        let lists = kinds.iter().map(|(kind, namespace)| self.list(None, kind, namespace.as_deref(), None));
        let found = join_all(lists).await.into_iter().flatten();
        self.objects.lock().expect("no holder panics").extend(found);
    }

    async fn list(
        &self,
        api_version: Option<&str>,
        kind: &str,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Vec<Arc<Object>> {
        let place = namespace.map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        let over = || format!("{kind}{place}: the time for collecting was over");
        let found = match timeout_at(self.context.deadline, self.context.cluster.kinds.find(api_version, kind)).await {
            Ok(Ok(found)) => found,
            // Of a kind that is not served there is nothing: that is seen, too.
            Ok(Err(KindError::NotServed(_))) => {
                self.saw(kind, namespace.unwrap_or_default());
                return Vec::new();
            }
            Ok(Err(error)) => {
                self.lack(format!("{kind}{place}: {error}"));
                return Vec::new();
            }
            Err(_) => {
                self.lack(over());
                return Vec::new();
            }
        };
        let path = match name {
            Some(name) => found.path(namespace, Some(name)),
            None => format!("{}?limit={LISTED}", found.path(namespace, None)),
        };
        let answer = timeout_at(self.context.deadline, self.context.cluster.once(&path, &Verb::Get)).await;
        let mut body = match answer {
            Ok(Ok(answer)) => answer.body,
            Ok(Err(Trouble::NotFound { .. })) => serde_json::json!({"items": []}),
            Ok(Err(trouble)) => {
                self.lack(format!("{kind}{place}: {trouble}"));
                return Vec::new();
            }
            Err(_) => {
                self.lack(over());
                return Vec::new();
            }
        };
        let whole = body["metadata"]["continue"].as_str().is_none_or(str::is_empty);
        if whole {
            self.saw(kind, namespace.filter(|_| found.namespaced).unwrap_or_default());
        } else {
            self.lack(format!("{kind}{place}: more than {LISTED}"));
        }
        let items = match body.get_mut("items").map(serde_json::Value::take) {
            Some(serde_json::Value::Array(items)) => items,
            _ => vec![body],
        };
        let Kind { resource, .. } = &found;
        items.into_iter().filter_map(|item| object_of(item, &resource.api_version, &resource.kind)).collect()
    }

    /// The logs of pods that are not well, or, where all are, of those that the case asked.
    async fn logs(&self, evidence: &Evidence) -> Vec<Log> {
        let asked =
            evidence.concern.last().is_some_and(|about| matches!(about.deed, Deed::Exec | Deed::Answer | Deed::Http));
        let mut chosen: Vec<&Arc<Object>> = evidence.of_kind("Pod").filter(|pod| pods::is_unwell(pod)).collect();
        if chosen.is_empty() && asked {
            chosen.extend(evidence.of_kind("Pod"));
        }
        let mut wanted = Vec::new();
        for pod in chosen.into_iter().take(LOGGED.0) {
            let mut statuses: Vec<_> = pods::statuses(pod).collect();
            statuses.sort_by_key(|status| status["ready"] == true);
            for status in statuses.into_iter().take(LOGGED.1) {
                let name = status["name"].as_str().unwrap_or_default();
                let began = ["running", "terminated"].iter().any(|state| status["state"][state].is_object());
                if began {
                    wanted.push((pod, name, false));
                }
                if pods::has_restarted(status) {
                    wanted.push((pod, name, true));
                }
            }
        }
        let logs = wanted.into_iter().map(|(pod, container, previous)| self.log(pod, container, previous));
        join_all(logs).await.into_iter().flatten().collect()
    }

    async fn log(&self, pod: &Object, container: &str, previous: bool) -> Option<Log> {
        let what = format!("log of {}/{container}", pod.name);
        match log(self.context, &pod.namespace, &pod.name, Some(container), previous).await {
            // The kubelet says so in place of the log, with 200, of a container that is gone by then.
            Ok(text) if text.starts_with("unable to retrieve container logs") => {
                self.lack(format!("{what}: {}", text.trim()));
                None
            }
            Ok(text) => Some(Log {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: container.to_owned(),
                previous,
                text,
            }),
            // A container that has said nothing yet has no log to be had.
            Err(Some(Trouble::Refused { .. } | Trouble::NotFound { .. })) => None,
            Err(Some(trouble)) => {
                self.lack(format!("{what}: {trouble}"));
                None
            }
            Err(None) => {
                self.lack(format!("{what}: the time for collecting was over"));
                None
            }
        }
    }

    fn saw(&self, kind: &str, namespace: &str) {
        self.looked.lock().expect("no holder panics").insert((kind.to_owned(), namespace.to_owned()));
    }

    fn lack(&self, what: String) {
        self.lacking.lock().expect("no holder panics").push(what);
    }

    fn taken(&self) -> Vec<Arc<Object>> {
        std::mem::take(&mut *self.objects.lock().expect("no holder panics"))
    }
}

/// The end of a container's log; `Err(None)` once the time is over.
pub async fn log(
    context: &Context<'_>,
    namespace: &str,
    pod: &str,
    container: Option<&str>,
    previous: bool,
) -> Result<String, Option<Trouble>> {
    let pods: Api<Pod> = Api::namespaced(context.cluster.client.clone(), namespace);
    let parameters = LogParams {
        container: container.map(str::to_owned),
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        previous,
        ..LogParams::default()
    };
    match timeout_at(context.deadline, pods.logs(pod, &parameters)).await {
        Ok(answer) => answer.map_err(|error| Some(Trouble::from(error))),
        Err(_) => Err(None),
    }
}
