//! From nothing to nodes that are ready, and back.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::wait::await_condition,
};

use super::{
    Docker, KindError, KindOptions, NodeRegistries, Step,
    balance::Balancer,
    container::{Node, NodeSpec},
    forward::Forwards,
    kubeadm::{API_PORT, NodeFacts, POD_SUBNET, config},
    load,
    tunnel::Tunnel,
};
use crate::cluster::{Reach, write_private};

/// A boot, and the nodes' becoming ready, may take so long on a busy machine.
const PATIENCE: Duration = Duration::from_mins(4);
/// A node to which this machine has a route answers within this time.
const ROUTE: Duration = Duration::from_secs(3);
/// How often a node is asked whether it has a systemd that can be asked: nothing tells of it before.
const ASK: Duration = Duration::from_millis(200);
/// Written last: a node that has it was brought up to its end.
const MARK: &str = "/var/lib/meshproof-up";
/// With it, workers join; the API server is published on loopback only, and the token ends with the cluster.
const TOKEN: &str = "meshpr.0123456789abcdef";

/// What a cluster is made from, whose it is, and where its files go.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    pub docker: &'a Docker,
    pub options: &'a KindOptions,
    pub image: &'a str,
    /// Its nodes' names begin with it.
    pub name: &'a str,
    pub run: &'a str,
    /// A file that the run's process has locked.
    pub lock: &'a Path,
    pub registries: &'a NodeRegistries,
    /// Receives the kubeconfig.
    pub directory: &'a Path,
    /// Is told each step as it begins.
    pub tell: &'a (dyn Fn(String) + Send + Sync),
}

/// A cluster that is up.
pub struct KindCluster {
    /// The first is the control plane.
    nodes: Vec<Node>,
    keep: bool,
    balancer: Option<Balancer>,
    /// What its nodes were told, and what that leads through.
    registries: NodeRegistries,
    forwards: Forwards,
    /// To the services' address, where there is no route.
    tunnel: Option<Tunnel>,
    pub kubeconfig: PathBuf,
}

/// Brings up a cluster.
pub async fn up(making: &Making<'_>) -> Result<KindCluster, KindError> {
    let Making { docker, options, .. } = making;
    if docker.memory > 0 && docker.memory < options.memory() {
        let reason = format!(
            "Docker's host has {} MiB of memory, and {} nodes need {}: give Docker more, or take fewer --workers",
            docker.memory >> 20,
            1 + u16::from(options.workers),
            options.memory() >> 20
        );
        return Err(KindError::new(Step::Docker, reason));
    }
    load::check(&options.load)?;
    let (mut nodes, mut forwards) = (Vec::new(), Forwards::default());
    match making.bring(&mut nodes, &mut forwards).await {
        Ok(Brought { kubeconfig, balancer, tunnel }) => {
            let (balancer, registries) = (Some(balancer), making.registries.clone());
            Ok(KindCluster { nodes, keep: options.keep, balancer, registries, forwards, tunnel, kubeconfig })
        }
        Err(error) => {
            for node in nodes {
                // What failed is the news.
                let _ = node.remove().await;
            }
            Err(error)
        }
    }
}

/// What there is beside the nodes once they are ready.
struct Brought {
    kubeconfig: PathBuf,
    balancer: Balancer,
    tunnel: Option<Tunnel>,
}

impl Making<'_> {
    /// Puts each node there as soon as it runs.
    async fn bring(&self, nodes: &mut Vec<Node>, forwards: &mut Forwards) -> Result<Brought, KindError> {
        let Self { options, name, .. } = self;
        let step = |step: Step| (self.tell)(format!("{name}: to {step}"));
        let workers = (1..=options.workers).map(|n| format!("worker-{n}"));
        for role in std::iter::once("control-plane".to_owned()).chain(workers) {
            step(Step::Container);
            let name = format!("{name}-{role}");
            let (image, run, lock) = (self.image, self.run, self.lock);
            let api_port = nodes.is_empty().then(|| options.api_port.unwrap_or_default());
            let spec = NodeSpec { image, name: &name, role: &role, run, lock, keep: options.keep, api_port };
            nodes.push(fresh(self.docker, &spec).await?);
        }
        step(Step::Boot);
        for node in nodes.iter() {
            boot(node).await?;
        }
        step(Step::Registries);
        for node in nodes.iter() {
            self.registries.give(node, forwards).await?;
        }
        let control = &nodes[0];
        if !is_up(control).await? {
            if !options.load.is_empty() {
                step(Step::Load);
                for node in nodes.iter() {
                    load::load(node, &options.load).await?;
                }
            }
            init(nodes, name, &step).await?;
        }
        let kubeconfig = kubeconfig(control, name, self.directory).await?;
        step(Step::Ready);
        let client = client(&kubeconfig).await?;
        ready(&client, nodes).await?;
        control.write(Step::Ready, MARK, "").await?;
        let tunnel = match has_route(control).await {
            true => None,
            false => {
                (self.tell)(format!(
                    "{name}: no route leads to {}, so services are reached through the API server",
                    control.address
                ));
                let started = Tunnel::start(client.clone(), control.address).await;
                Some(started.map_err(|error| KindError::new(Step::Ready, error.to_string()))?)
            }
        };
        let balancer = Balancer::start(client, control.address);
        Ok(Brought { kubeconfig, balancer, tunnel })
    }
}

/// A node that is new, or was kept and had come up to its end.
async fn fresh(docker: &Docker, spec: &NodeSpec<'_>) -> Result<Node, KindError> {
    let node = Node::start(docker, spec).await?;
    let begun =
        spec.keep && node.try_run(Step::Container, &["test", "-e", "/etc/kubernetes/kubelet.conf"]).await?.0 == 0;
    if begun && !is_up(&node).await? && spec.role == "control-plane" {
        // Its run was killed in the middle of this.
        node.remove().await?;
        return Node::start(docker, spec).await;
    }
    Ok(node)
}

/// Whether this machine reaches the node at its own address.
async fn has_route(node: &Node) -> bool {
    let connected = tokio::time::timeout(ROUTE, tokio::net::TcpStream::connect((node.address, API_PORT))).await;
    connected.is_ok_and(|connected| connected.is_ok())
}

async fn is_up(node: &Node) -> Result<bool, KindError> {
    Ok(node.try_run(Step::Boot, &["test", "-e", MARK]).await?.0 == 0)
}

/// Waits until systemd has started everything. What else of it fails in a container is not a node's concern: containerd is.
async fn boot(node: &Node) -> Result<(), KindError> {
    let booted = tokio::time::timeout(PATIENCE, async {
        loop {
            let (_, said) = node.try_run(Step::Boot, &["systemctl", "is-system-running", "--wait"]).await?;
            if ["running", "degraded"].contains(&said.trim()) {
                return Ok(());
            }
            tokio::time::sleep(ASK).await;
        }
    });
    let trouble = match booted.await {
        Ok(Ok(())) => match node.try_run(Step::Boot, &["systemctl", "is-active", "containerd"]).await? {
            (0, _) => return Ok(()),
            _ => KindError::new(Step::Boot, format!("containerd does not run in {}", node.name)),
        },
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            KindError::new(Step::Boot, format!("systemd of {} is not up after {} s", node.name, PATIENCE.as_secs()))
        }
    };
    let log = node.try_run(Step::Boot, &["journalctl", "--no-pager", "--priority=warning", "--lines=20"]).await;
    Err(trouble.with_log(log.map(|(_, log)| log).unwrap_or_default()))
}

/// From booted nodes to a cluster.
async fn init(nodes: &[Node], cluster: &str, step: &impl Fn(Step)) -> Result<(), KindError> {
    let control = &nodes[0];
    let version = control.run(Step::Init, &["cat", "/kind/version"]).await?;
    let version = version.trim();
    let address = control.address.to_string();
    for node in nodes {
        let own = node.address.to_string();
        let facts =
            NodeFacts { version, cluster, name: &node.name, address: &own, control_plane: &address, token: TOKEN };
        node.write(Step::Init, "/kind/kubeadm.conf", &config(&facts)).await?;
    }
    step(Step::Init);
    let made = control.run(Step::Init, &["kubeadm", "init", "--config=/kind/kubeadm.conf", "--skip-token-print"]).await;
    if let Err(error) = made {
        let kubelet = control.try_run(Step::Init, &["journalctl", "--no-pager", "--unit=kubelet", "--lines=10"]).await;
        let more = kubelet.map(|(_, log)| log).unwrap_or_default();
        let log = format!("{}\n{more}", error.log);
        return Err(error.with_log(log));
    }
    step(Step::Network);
    manifest(control, Step::Network, "default-cni.yaml").await?;
    step(Step::Storage);
    manifest(control, Step::Storage, "default-storage.yaml").await?;
    if nodes.len() == 1 {
        // Where there is no other node, pods and load balancers' traffic come to this one.
        kubectl(control, Step::Init, &["taint", "nodes", "--all", "node-role.kubernetes.io/control-plane-"]).await?;
        let label = "node.kubernetes.io/exclude-from-external-load-balancers-";
        kubectl(control, Step::Init, &["label", "nodes", "--all", label]).await?;
    } else {
        step(Step::Join);
    }
    for worker in &nodes[1..] {
        worker.run(Step::Join, &["kubeadm", "join", "--config=/kind/kubeadm.conf"]).await?;
    }
    Ok(())
}

/// Creates what a manifest of the image holds.
async fn manifest(control: &Node, step: Step, name: &str) -> Result<(), KindError> {
    let text = control.run(step, &["cat", &format!("/kind/manifests/{name}")]).await?;
    let text = text.replace("{{ .PodSubnet }}", POD_SUBNET).replace("{{.PodSubnet}}", POD_SUBNET);
    let path = format!("/kind/meshproof-{name}");
    control.write(step, &path, &text).await?;
    kubectl(control, step, &["create", "-f", &path]).await.map(|_| ())
}

async fn kubectl(control: &Node, step: Step, arguments: &[&str]) -> Result<String, KindError> {
    let command = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"].iter().chain(arguments).copied();
    control.run(step, &command.collect::<Vec<_>>()).await
}

/// Writes the administrator's kubeconfig, with the address at which this machine reaches the API server.
async fn kubeconfig(control: &Node, name: &str, directory: &Path) -> Result<PathBuf, KindError> {
    let failed = |reason: String| KindError::new(Step::Init, format!("the node's kubeconfig: {reason}"));
    let text = control.run(Step::Init, &["cat", "/etc/kubernetes/admin.conf"]).await?;
    let mut kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| failed(error.to_string()))?;
    let port = control.api_port().await?;
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.server = Some(format!("https://127.0.0.1:{port}"));
    }
    let context = format!("kind-{name}");
    for named in &mut kubeconfig.contexts {
        named.name.clone_from(&context);
    }
    kubeconfig.current_context = Some(context);
    let path = directory.join("kind.kubeconfig");
    write_private(&path, &kubeconfig).map_err(|error| failed(error.to_string()))?;
    Ok(path)
}

async fn client(kubeconfig: &Path) -> Result<Client, KindError> {
    let failed = |reason: String| KindError::new(Step::Ready, reason);
    let read = Kubeconfig::read_from(kubeconfig).map_err(|error| failed(error.to_string()))?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|error| failed(error.to_string()))?;
    config.read_timeout = None;
    Client::try_from(config).map_err(|error| failed(error.to_string()))
}

async fn ready(client: &Client, nodes: &[Node]) -> Result<(), KindError> {
    let is_ready = |node: Option<&NodeObject>| {
        let conditions = node.and_then(|node| node.status.as_ref()).and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
    };
    for node in nodes {
        let api: Api<NodeObject> = Api::all(client.clone());
        let waited = tokio::time::timeout(PATIENCE, await_condition(api, &node.name, is_ready)).await;
        let reason = match waited {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{} is not ready after {} s", node.name, PATIENCE.as_secs()),
        };
        let log = kubectl(&nodes[0], Step::Ready, &["get", "nodes,pods", "-A", "-o", "wide"]).await.unwrap_or_default();
        return Err(KindError::new(Step::Ready, reason).with_log(log));
    }
    Ok(())
}

impl KindCluster {
    /// How its services' addresses are reached from here.
    pub fn reach(&self) -> Reach {
        match &self.tunnel {
            Some(tunnel) => Reach::Tunnel { url: tunnel.url.clone(), node: self.nodes[0].address },
            None => Reach::Directly,
        }
    }

    /// Lets its nodes know of other registries than before.
    pub async fn speak_to(&mut self, registries: &NodeRegistries) -> Result<(), KindError> {
        if self.registries != *registries {
            for node in &self.nodes {
                registries.give(node, &mut self.forwards).await?;
            }
            self.registries = registries.clone();
        }
        Ok(())
    }

    /// Removes its nodes, unless they are to be kept; gives the names of those.
    pub async fn down(mut self) -> Result<Vec<String>, KindError> {
        self.balancer.take();
        if self.keep {
            return Ok(self.nodes.iter().map(|node| node.name.clone()).collect());
        }
        for node in std::mem::take(&mut self.nodes) {
            node.remove().await?;
        }
        Ok(Vec::new())
    }
}
