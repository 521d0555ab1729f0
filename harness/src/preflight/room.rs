//! Whether there is room for what the suite runs: capacity, quotas, Pod Security, storage, load balancers.

use k8s_openapi::{
    api::core::v1::{Node, Pod, ResourceQuota, Service},
    apimachinery::pkg::api::resource::Quantity as Written,
};
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::{Findings, Seen};
use crate::{
    cluster::{Cluster, Trouble, patiently},
    language::{PodSecurity, Room, formats::Quantity},
    plan::Outlook,
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Asks only what the suite states a need of.
pub async fn ask(cluster: &Cluster, outlook: &Outlook<'_>, seen: &Seen) -> Findings {
    let rooms = outlook.rooms.as_slice();
    let mut findings = Findings::default();
    pod_security(rooms, seen, &mut findings);
    let (capacity, quotas, storage, load_balancer) = tokio::join!(
        capacity(cluster, rooms),
        quotas(cluster, rooms, seen),
        storage(cluster, outlook.claims()),
        load_balancer(cluster, rooms.iter().any(|room| room.load_balancer)),
    );
    for (what, answer) in [
        ("whether there is room on the nodes", capacity),
        ("what quotas leave", quotas),
        ("for a default storage class", storage),
        ("whether load balancers have addresses", load_balancer),
    ] {
        match answer {
            Ok(found) => findings.extend(found),
            Err(trouble) => findings.unasked(what, &trouble),
        }
    }
    findings
}

fn pod_security(rooms: &[&Room], seen: &Seen, findings: &mut Findings) {
    for room in rooms {
        let (Some(needed), Some(labels)) = (room.pod_security, seen.labels.get(&room.namespace)) else { continue };
        let Some(level) = labels.get(ENFORCE) else { continue };
        if PodSecurity::of_label(level) < needed {
            let hint =
                format!("label it {ENFORCE}={}, or name another namespace", format!("{needed:?}").to_lowercase());
            let what = format!(
                "namespace {} enforces the Pod Security level {level}, under which its pods are refused",
                room.namespace
            );
            findings.problem(what, Some(hint));
        }
    }
}

/// Cores, bytes and pods.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Amounts {
    cpu: f64,
    memory: f64,
    pods: f64,
}

impl Amounts {
    fn of(rooms: &[&Room]) -> Self {
        let value = |quantity: &Option<Quantity>| quantity.as_ref().map_or(0.0, Quantity::value);
        rooms.iter().fold(Self::default(), |sum, room| Self {
            cpu: sum.cpu + value(&room.cpu),
            memory: sum.memory + value(&room.memory),
            pods: sum.pods + f64::from(room.pods.unwrap_or(0)),
        })
    }

    /// What is wanted more than there is, each in a phrase.
    fn lacks(self, free: Self) -> Vec<String> {
        let mut lacks = Vec::new();
        if self.cpu > free.cpu {
            lacks.push(format!("{:.2} cores are free, {:.2} are requested", free.cpu.max(0.0), self.cpu));
        }
        if self.memory > free.memory {
            let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
            let (free, wanted) = (mebibytes(free.memory.max(0.0)), mebibytes(self.memory));
            lacks.push(format!("{free:.0} Mi of memory are free, {wanted:.0} Mi are requested"));
        }
        if self.pods > free.pods {
            lacks.push(format!("{:.0} more pods fit, {:.0} are wanted", free.pods.max(0.0), self.pods));
        }
        lacks
    }
}

/// What all nodes together can allocate and have not, against what all rooms together want. How it is spread is the scheduler's.
async fn capacity(cluster: &Cluster, rooms: &[&Room]) -> Result<Findings, Trouble> {
    let mut findings = Findings::default();
    let wanted = Amounts::of(rooms);
    if wanted == Amounts::default() {
        return Ok(findings);
    }
    let (nodes, pods): (Api<Node>, Api<Pod>) = (Api::all(cluster.client.clone()), Api::all(cluster.client.clone()));
    let params = ListParams::default();
    let (nodes, pods) = tokio::try_join!(
        patiently(|| async { Ok(nodes.list(&params).await?) }),
        patiently(|| async { Ok(pods.list(&params).await?) })
    )?;
    let lacks = wanted.lacks(free(&nodes.items, &pods.items));
    if !lacks.is_empty() {
        let what = format!("the nodes have no room for what the run starts: {}", lacks.join("; "));
        findings.problem(what, Some("add a node, or make room on those that there are".to_owned()));
    }
    Ok(findings)
}

fn free(nodes: &[Node], pods: &[Pod]) -> Amounts {
    let amount = |map: Option<&std::collections::BTreeMap<String, Written>>, key: &str| {
        map.and_then(|map| map.get(key)).map_or(0.0, read)
    };
    let mut free = Amounts::default();
    let mut usable = std::collections::BTreeSet::new();
    for node in nodes.iter().filter(|node| takes_pods(node)) {
        usable.extend(node.metadata.name.as_deref());
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        free.cpu += amount(allocatable, "cpu");
        free.memory += amount(allocatable, "memory");
        free.pods += amount(allocatable, "pods");
    }
    for pod in pods {
        let Some(spec) = &pod.spec else { continue };
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let here = spec.node_name.as_deref().is_some_and(|node| usable.contains(node));
        if !here || matches!(phase, "Succeeded" | "Failed") {
            continue;
        }
        free.pods -= 1.0;
        for container in &spec.containers {
            let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
            free.cpu -= amount(requests, "cpu");
            free.memory -= amount(requests, "memory");
        }
    }
    free
}

fn takes_pods(node: &Node) -> bool {
    let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"));
    ready && !cordoned
}

fn read(written: &Written) -> f64 {
    written.0.parse::<Quantity>().map_or(0.0, |quantity| quantity.value())
}

/// What the quotas of namespaces that are there leave, against what is wanted in them.
async fn quotas(cluster: &Cluster, rooms: &[&Room], seen: &Seen) -> Result<Findings, Trouble> {
    let mut findings = Findings::default();
    for namespace in rooms.iter().map(|room| &room.namespace).filter(|name| seen.namespaces.contains(*name)) {
        let quotas: Api<ResourceQuota> = Api::namespaced(cluster.client.clone(), namespace);
        let here: Vec<&Room> = rooms.iter().copied().filter(|room| room.namespace == *namespace).collect();
        for quota in patiently(|| async { Ok(quotas.list(&ListParams::default()).await?) }).await?.items {
            let lacks = Amounts::of(&here).lacks(left(&quota));
            if !lacks.is_empty() {
                let name = quota.metadata.name.unwrap_or_default();
                let what = format!("the quota {name} of namespace {namespace} leaves too little: {}", lacks.join("; "));
                findings.problem(what, Some("raise it, or name another namespace".to_owned()));
            }
        }
    }
    Ok(findings)
}

fn left(quota: &ResourceQuota) -> Amounts {
    let status = quota.status.as_ref();
    let of = |keys: &[&str]| {
        let left = keys.iter().filter_map(|key| {
            let hard = status?.hard.as_ref()?.get(*key)?;
            let used = status?.used.as_ref().and_then(|used| used.get(*key)).map_or(0.0, read);
            Some(read(hard) - used)
        });
        left.fold(f64::INFINITY, f64::min)
    };
    Amounts {
        cpu: of(&["cpu", "requests.cpu"]),
        memory: of(&["memory", "requests.memory"]),
        pods: of(&["pods", "count/pods"]),
    }
}

async fn storage(cluster: &Cluster, claims: bool) -> Result<Findings, Trouble> {
    let mut findings = Findings::default();
    if !claims {
        return Ok(findings);
    }
    let classes: Api<k8s_openapi::api::storage::v1::StorageClass> = Api::all(cluster.client.clone());
    let is_default = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get(DEFAULT_CLASS).is_some_and(|value| value == "true")
    };
    let classes = patiently(|| async { Ok(classes.list_metadata(&ListParams::default()).await?) }).await?.items;
    if !classes.iter().any(|class| class.metadata.annotations.as_ref().is_some_and(is_default)) {
        let hint = format!("give one the annotation {DEFAULT_CLASS}=true");
        findings.problem("the plan makes claims on storage, and no storage class is the default", Some(hint));
    }
    Ok(findings)
}

/// Whether anything gives services addresses shows only where one has one.
async fn load_balancer(cluster: &Cluster, wanted: bool) -> Result<Findings, Trouble> {
    let mut findings = Findings::default();
    if !wanted {
        return Ok(findings);
    }
    let services: Api<Service> = Api::all(cluster.client.clone());
    let services = patiently(|| async { Ok(services.list(&ListParams::default()).await?) }).await?.items;
    let balanced = services
        .iter()
        .filter(|service| service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer"));
    let has_address = |service: &&Service| {
        let status = serde_json::to_value(&service.status).unwrap_or(Value::Null);
        status.pointer("/loadBalancer/ingress/0").is_some()
    };
    let (with, without): (Vec<&Service>, Vec<&Service>) = balanced.partition(has_address);
    let hint = "without one, what is reached through a load balancer waits in vain";
    match (with.is_empty(), without.is_empty()) {
        (false, _) => {}
        (true, true) => {
            let what =
                "whether the cluster gives services of type LoadBalancer addresses is not known: there is none yet";
            findings.note(what, Some(hint.to_owned()));
        }
        (true, false) => {
            let what = "no service of type LoadBalancer has an address: nothing may give them out";
            findings.note(what, Some(hint.to_owned()));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn node(unschedulable: bool, ready: &str) -> Node {
        serde_json::from_value(json!({"metadata": {"name": "n"}, "spec": {"unschedulable": unschedulable},
            "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "10"},
                "conditions": [{"type": "Ready", "status": ready}]}}))
        .unwrap()
    }

    fn pod(phase: &str, node: Option<&str>) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": {"phase": phase}, "spec": {"nodeName": node,
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}}}]}}))
        .unwrap()
    }

    #[rstest]
    #[case::running(pod("Running", Some("n")), 1.5, 9.0)]
    #[case::ended(pod("Succeeded", Some("n")), 2.0, 10.0)]
    #[case::elsewhere(pod("Running", Some("other")), 2.0, 10.0)]
    #[case::not_placed(pod("Pending", None), 2.0, 10.0)]
    fn pods_that_run_take_room(#[case] pod: Pod, #[case] cpu: f64, #[case] pods: f64) {
        let free = free(&[node(false, "True")], &[pod]);
        assert_eq!((free.cpu, free.pods), (cpu, pods));
    }

    #[rstest]
    #[case::cordoned(node(true, "True"))]
    #[case::not_ready(node(false, "Unknown"))]
    fn a_node_that_takes_no_pods_has_no_room(#[case] node: Node) {
        assert_eq!(free(&[node], &[]), Amounts::default());
    }

    #[test]
    fn what_is_lacking_is_told() {
        let wanted = Amounts { cpu: 1.0, memory: f64::from(512 << 20), pods: 3.0 };
        let free = Amounts { cpu: 0.25, memory: f64::from(100 << 20), pods: 3.0 };
        let told = ["0.25 cores are free, 1.00 are requested", "100 Mi of memory are free, 512 Mi are requested"];
        assert_eq!(wanted.lacks(free), told);
    }

    #[test]
    fn a_quota_leaves_what_is_not_used_and_bounds_only_what_it_names() {
        let quota = json!({"status": {"hard": {"pods": "5", "requests.cpu": "1"}, "used": {"pods": "4"}}});
        let left = left(&serde_json::from_value(quota).unwrap());
        assert_eq!((left.pods, left.cpu), (1.0, 1.0));
        assert!(left.memory.is_infinite());
    }

    #[rstest]
    #[case("privileged", 0)]
    #[case("baseline", 1)]
    #[case("restricted", 1)]
    fn pods_need_a_namespace_that_admits_them(#[case] level: &str, #[case] problems: usize) {
        let room: Room = serde_json::from_value(json!({"namespace": "n", "podSecurity": "privileged"})).unwrap();
        let mut seen = Seen::default();
        seen.labels.insert("n".to_owned(), [(ENFORCE.to_owned(), level.to_owned())].into());
        let mut findings = Findings::default();
        pod_security(&[&room], &seen, &mut findings);
        assert_eq!(findings.problems.len(), problems);
    }
}
