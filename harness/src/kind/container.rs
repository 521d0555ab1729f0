//! One node: a container as kind starts it, and what is done in it.

use std::{collections::HashMap, net::IpAddr, path::Path, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, ReuseDirective, TestcontainersError,
    bollard::{
        body_full, body_try_stream,
        exec::{CreateExecOptions, StartExecResults},
        models::{HostConfig, Mount, MountType, PortBinding, RestartPolicy, RestartPolicyNameEnum},
        query_parameters::UploadToContainerOptionsBuilder,
    },
    core::{CgroupnsMode, IntoContainerPort},
    runners::AsyncRunner,
};
use tokio::io::AsyncReadExt;

use super::{
    Docker, KindError, Step,
    docker::{KEPT_LABEL, LOCK_LABEL, ROLE_LABEL},
    kubeadm::API_PORT,
};

use crate::engine::RUN_LABEL;

/// A container must run within this time once its image is there; a pull may take longer than what a run waits for otherwise.
const START: Duration = Duration::from_mins(15);
/// How much of a file is on the way at once, in bytes.
const CHUNK: usize = 1 << 20;

/// What a node's container is made from.
#[derive(Debug, Clone)]
pub struct NodeSpec<'a> {
    pub image: &'a str,
    pub name: &'a str,
    pub role: &'a str,
    /// Whose it is, and the file that its process has locked.
    pub run: &'a str,
    pub lock: &'a Path,
    /// It outlives its run, and is the one that an earlier run kept where there is one.
    pub keep: bool,
    /// The port of loopback at which its API server is published, 0 for one that Docker chooses; a worker has none.
    pub api_port: Option<u16>,
}

/// A node that runs.
pub struct Node {
    container: ContainerAsync<GenericImage>,
    docker: Docker,
    pub name: String,
    /// On Docker's own network.
    pub address: IpAddr,
    /// Docker's host on that network.
    pub gateway: String,
}

/// The container's request. docs/kind.md compares it with kind's own command line.
pub fn request(spec: &NodeSpec) -> ContainerRequest<GenericImage> {
    // Docker is asked for both together again; a colon before a slash is that of the registry's port.
    let (repository, tag) =
        spec.image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((spec.image, "latest"));
    let mut labels = HashMap::from([(ROLE_LABEL.to_owned(), spec.role.to_owned())]);
    let reuse = match spec.keep {
        true => {
            labels.insert(KEPT_LABEL.to_owned(), spec.image.to_owned());
            ReuseDirective::Always
        }
        false => {
            labels.insert(RUN_LABEL.to_owned(), spec.run.to_owned());
            labels.insert(LOCK_LABEL.to_owned(), spec.lock.display().to_string());
            ReuseDirective::Never
        }
    };
    let api_port = spec.api_port;
    let image = GenericImage::new(repository, tag);
    let image = if api_port.is_some() { image.with_exposed_port(API_PORT.tcp()) } else { image };
    image
        .with_container_name(spec.name)
        .with_hostname(spec.name)
        .with_labels(labels)
        .with_reuse(reuse)
        .with_privileged(true)
        .with_cgroupns_mode(CgroupnsMode::Private)
        .with_security_opt("seccomp=unconfined")
        .with_security_opt("apparmor=unconfined")
        .with_env_var("KUBECONFIG", "/etc/kubernetes/admin.conf")
        .with_startup_timeout(START)
        .with_host_config_modifier(move |host| on_host(host, api_port))
}

/// What of it is the host's.
fn on_host(host: &mut HostConfig, api_port: Option<u16>) {
    host.tmpfs = Some(["/tmp", "/run"].map(|path| (path.to_owned(), String::new())).into());
    host.binds = Some(vec!["/lib/modules:/lib/modules:ro".to_owned()]);
    // A volume without a name: what pods write lies on the host's disk and not in layers, and goes with the container.
    host.mounts =
        Some(vec![Mount { target: Some("/var".to_owned()), typ: Some(MountType::VOLUME), ..Mount::default() }]);
    host.publish_all_ports = Some(false);
    host.port_bindings = api_port.map(|port| {
        let on_loopback = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(port.to_string()) };
        [(format!("{API_PORT}/tcp"), Some(vec![on_loopback]))].into()
    });
    // systemd is to be the first process, and comes back with the host but not on its own.
    host.init = Some(false);
    host.restart_policy =
        Some(RestartPolicy { name: Some(RestartPolicyNameEnum::ON_FAILURE), maximum_retry_count: Some(1) });
}

impl Node {
    /// Starts it, or takes the one that was kept.
    pub async fn start(docker: &Docker, spec: &NodeSpec<'_>) -> Result<Self, KindError> {
        let failed = |error: TestcontainersError| KindError::container(Step::Container, &error);
        let container = request(spec).start().await.map_err(failed)?;
        let (address, gateway) = addresses(docker, container.id()).await?;
        Ok(Self { container, docker: docker.clone(), name: spec.name.to_owned(), address, gateway })
    }

    /// The port of loopback at which the API server is.
    pub async fn api_port(&self) -> Result<u16, KindError> {
        let port = self.container.get_host_port_ipv4(API_PORT.tcp()).await;
        port.map_err(|error| KindError::container(Step::Container, &error))
    }

    /// Runs a program in it; gives what it wrote, errors among it. One that ends with another code than 0 is an error.
    pub async fn run(&self, step: Step, command: &[&str]) -> Result<String, KindError> {
        let (code, output) = self.try_run(step, command).await?;
        match code {
            0 => Ok(output),
            code => Err(KindError::new(step, format!("`{}` ended with {code} in {}", command.join(" "), self.name))
                .with_log(output)),
        }
    }

    /// The same, with the code.
    pub async fn try_run(&self, step: Step, command: &[&str]) -> Result<(i64, String), KindError> {
        let client = &self.docker.client;
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..CreateExecOptions::default()
        };
        let ran = async {
            let made = client.create_exec(self.container.id(), options).await?;
            let mut written = Vec::new();
            if let StartExecResults::Attached { mut output, .. } = client.start_exec(&made.id, None).await? {
                while let Some(part) = output.try_next().await? {
                    written.extend_from_slice(&part.into_bytes());
                }
            }
            let code = client.inspect_exec(&made.id).await?.exit_code.unwrap_or(-1);
            Ok((code, String::from_utf8_lossy(&written).into_owned()))
        };
        ran.await.map_err(|error| KindError::docker(step, &error))
    }

    /// Writes a small file, readable by root only.
    pub async fn write(&self, step: Step, path: &str, content: &str) -> Result<(), KindError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("/", path));
        let mut archive = tar::Builder::new(Vec::new());
        let packed = archive
            .append_data(&mut header(content.len() as u64), name, content.as_bytes())
            .and_then(|()| archive.into_inner());
        let packed = packed.map_err(|error| KindError::new(step, error.to_string()))?;
        let options = UploadToContainerOptionsBuilder::new().path(folder).build();
        let uploaded =
            self.docker.client.upload_to_container(self.container.id(), Some(options), body_full(packed.into()));
        uploaded.await.map_err(|error| KindError::docker(step, &error))
    }

    /// Copies a file of this machine into a folder of the node, however large it is.
    pub async fn copy(&self, step: Step, file: &Path, folder: &str, name: &str) -> Result<(), KindError> {
        let failed = |error: std::io::Error| KindError::new(step, format!("{}: {error}", file.display()));
        let opened = tokio::fs::File::open(file).await.map_err(failed)?;
        let length = opened.metadata().await.map_err(failed)?.len();
        let mut header = header(length);
        header.set_path(name).map_err(failed)?;
        header.set_cksum();
        let beginning = stream::iter([Ok(header.as_bytes().to_vec().into())]);
        let content = stream::try_unfold(opened, |mut opened| async move {
            let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
            let read = opened.read_buf(&mut chunk).await?;
            Ok((read > 0).then(|| (chunk.freeze(), opened)))
        });
        // A tar's blocks are of 512 bytes, and two empty ones end it.
        let padding = usize::try_from(length.next_multiple_of(512) - length).unwrap_or_default() + 1024;
        let ending = stream::iter([Ok(vec![0; padding].into())]);
        let body = body_try_stream(beginning.chain(content).chain(ending));
        let options = UploadToContainerOptionsBuilder::new().path(folder).build();
        let uploaded = self.docker.client.upload_to_container(self.container.id(), Some(options), body);
        uploaded.await.map_err(|error| KindError::docker(step, &error))
    }

    /// Removes it with its volumes.
    pub async fn remove(self) -> Result<(), KindError> {
        self.container.rm().await.map_err(|error| KindError::container(Step::Container, &error))
    }
}

/// Its own and the gateway's, on the network that Docker gave it, whatever that is called.
async fn addresses(docker: &Docker, id: &str) -> Result<(IpAddr, String), KindError> {
    let seen = docker.client.inspect_container(id, None).await;
    let settings = seen.map_err(|error| KindError::docker(Step::Container, &error))?.network_settings;
    let networks = settings.and_then(|settings| settings.networks).unwrap_or_default();
    let mut addresses = networks
        .into_values()
        .filter_map(|network| Some((network.ip_address?.parse().ok()?, network.gateway.unwrap_or_default())));
    addresses.next().ok_or_else(|| KindError::new(Step::Container, "Docker gave it no address"))
}

fn header(length: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o600);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(keep: bool) -> (ContainerRequest<GenericImage>, HostConfig) {
        let spec = NodeSpec {
            image: "registry.example:5000/node:v1",
            name: "n",
            role: "control-plane",
            run: "abc",
            lock: Path::new("/l"),
            keep,
            api_port: Some(0),
        };
        let mut host = HostConfig::default();
        on_host(&mut host, spec.api_port);
        (request(&spec), host)
    }

    #[test]
    fn the_api_server_is_published_on_loopback_only() {
        let (_, host) = host(false);
        let bindings = host.port_bindings.unwrap();
        assert_eq!(bindings.keys().collect::<Vec<_>>(), ["6443/tcp"]);
        assert_eq!(bindings["6443/tcp"].as_ref().unwrap()[0].host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(host.publish_all_ports, Some(false));
    }

    #[test]
    fn a_worker_publishes_nothing() {
        let mut host = HostConfig::default();
        on_host(&mut host, None);
        assert_eq!((host.port_bindings, host.publish_all_ports), (None, Some(false)));
    }

    #[test]
    fn a_node_bears_its_run_unless_it_is_kept() {
        let (ours, _) = host(false);
        assert_eq!(ours.labels()[RUN_LABEL], "abc");
        let (kept, _) = host(true);
        assert!(!kept.labels().contains_key(RUN_LABEL));
        assert_eq!(kept.labels()[KEPT_LABEL], "registry.example:5000/node:v1");
        assert_eq!(kept.descriptor(), "registry.example:5000/node:v1");
    }
}
