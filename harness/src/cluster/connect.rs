//! From a kubeconfig (or a pod's service account) to a client.

use std::path::{Path, PathBuf};

use http::HeaderValue;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::{
    Client, Config,
    client::Body,
    config::{AuthInfo, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext},
};

use super::{Cluster, Kinds, Trouble, Watches};
use crate::{
    diagnostic::with_causes,
    kind::KindError,
    redact::Secrets,
    registry::{Contacts, Registries, Settings},
};

/// What the user said of the cluster.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// In place of `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// In place of the current context.
    pub context: Option<String>,
    /// The service account of the pod that Meshproof itself runs in.
    pub in_cluster: bool,
    /// Receives the secrets of the kubeconfig, and those that are met on the cluster.
    pub secrets: Secrets,
}

/// What is known of a cluster once it has answered.
#[derive(Debug, Clone)]
pub struct Connection {
    pub context: String,
    /// Empty where there is no cluster.
    pub server: String,
    /// As `/version` gives it: `v1.28.15`.
    pub git_version: String,
    pub version: semver::Version,
    /// By the cluster's own clock, to the second; `None` where the API server did not say.
    pub answered_at: Option<Timestamp>,
    /// The kubeconfig that was read, where it was one file.
    pub kubeconfig: Option<PathBuf>,
    pub in_cluster: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("failed to read the kubeconfig: {0}")]
    Kubeconfig(String),
    #[error("the kubeconfig has no context `{context}`; it has: {known}")]
    Context { context: String, known: String },
    #[error("the kubeconfig names no current context; choose one with --context: {known}")]
    NoContext { known: String },
    #[error("failed to set up the connection to {server}: {reason}")]
    Client { server: String, reason: String },
    #[error("failed to ask {server} for its version: {trouble}")]
    Version { server: String, trouble: Trouble },
    #[error("failed to start a simulated cluster: {0}")]
    Simulate(String),
    #[error("a kind cluster is made for each run, and is empty before: there is nothing to ask")]
    Unmade,
    #[error(transparent)]
    Kind(#[from] KindError),
    #[error("failed to write {path}: {reason}")]
    Write { path: PathBuf, reason: String },
}

/// Connects and asks for the version: one request. `directory` receives the kubeconfig for programs.
pub async fn connect(options: &ConnectOptions, directory: &Path) -> Result<Cluster, ConnectError> {
    let (mut config, kubeconfig, context) =
        if options.in_cluster { in_cluster()? } else { from_kubeconfig(options).await? };
    learn(&options.secrets, &kubeconfig);
    // A watch is idle for minutes; the watcher bounds it by its own timeout. Everything else has the step's deadline.
    config.read_timeout = None;
    // So that whoever keeps the cluster sees in its audit log who it was.
    config.headers.push((http::header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT)));
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = Client::try_from(config.clone())
        .map_err(|error| ConnectError::Client { server: server.clone(), reason: error.to_string() })?;
    let asked = super::patiently(|| async {
        match ask(&client).await {
            // An address that is wrong is told at once.
            Err(trouble @ Trouble::Unreachable(_)) => Ok(Err(trouble)),
            asked => asked.map(Ok),
        }
    });
    let (info, answered_at) = asked
        .await
        .and_then(|asked| asked)
        .map_err(|trouble| ConnectError::Version { server: server.clone(), trouble })?;
    let version = crate::language::formats::version(&info.git_version)
        .map_err(|error| ConnectError::Version { server: server.clone(), trouble: Trouble::Unreadable(error) })?;
    let path = directory.join("kubeconfig");
    write_private(&path, &kubeconfig)?;
    let contacts = Contacts::default();
    contacts.address(&server);
    Ok(Cluster {
        kinds: Kinds::new(client.clone()),
        watches: Watches::new(client.clone(), options.secrets.clone()),
        secrets: options.secrets.clone(),
        client,
        config,
        connection: Connection {
            context,
            server,
            git_version: info.git_version,
            version,
            answered_at,
            kubeconfig: used_file(options),
            in_cluster: options.in_cluster,
        },
        kubeconfig: path,
        identity: tokio::sync::OnceCell::new(),
        outage: super::OUTAGE,
        pace: super::Pace::REAL,
        reach: super::Reach::default(),
        registries: Registries::new(Settings { secrets: options.secrets.clone(), ..Settings::default() }, contacts),
        simulator: None,
    })
}

/// The one file that says how to connect, if it is one.
fn used_file(options: &ConnectOptions) -> Option<PathBuf> {
    if options.in_cluster {
        return None;
    }
    let named = options.kubeconfig.clone().or_else(|| {
        let variable = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty())?;
        let mut files = std::env::split_paths(&variable).collect::<Vec<_>>();
        (files.len() == 1).then(|| files.remove(0))
    });
    let standard = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".kube/config"));
    let unset = std::env::var_os("KUBECONFIG").is_none_or(|value| value.is_empty());
    let file = named.or_else(|| standard().filter(|_| unset))?;
    std::path::absolute(file).ok()
}

/// The version, and the time at which it was told.
async fn ask(client: &Client) -> Result<(Info, Option<Timestamp>), Trouble> {
    let request = http::Request::get("/version").body(Body::empty());
    let request = request.map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let response = client.send(request).await?;
    let code = response.status().as_u16();
    let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let body = response.into_body().collect_bytes().await.map_err(|error| Trouble::Unreachable(error.to_string()))?;
    if code != 200 {
        return Err(Trouble::of(code, None, &body));
    }
    let info = serde_json::from_slice(&body).map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let answered_at = date.and_then(|date| jiff::fmt::rfc2822::parse(&date).ok()).map(|date| date.timestamp());
    Ok((info, answered_at))
}

async fn from_kubeconfig(options: &ConnectOptions) -> Result<(Config, Kubeconfig, String), ConnectError> {
    let read = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = read.map_err(|error| {
        let path = options.kubeconfig.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default();
        ConnectError::Kubeconfig(format!("{path}{}", with_causes(&error)))
    })?;
    let known = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect::<Vec<_>>().join(", ");
    let context = match options.context.clone().or_else(|| kubeconfig.current_context.clone()) {
        Some(context) if !context.is_empty() => context,
        _ => return Err(ConnectError::NoContext { known }),
    };
    if !kubeconfig.contexts.iter().any(|named| named.name == context) {
        return Err(ConnectError::Context { context, known });
    }
    let choice = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &choice)
        .await
        .map_err(|error| ConnectError::Kubeconfig(with_causes(&error)))?;
    let pinned = only(kubeconfig, &context);
    Ok((config, pinned, context))
}

/// The kubeconfig with one context, its cluster and its user: programs cannot reach any other through it.
fn only(mut kubeconfig: Kubeconfig, context: &str) -> Kubeconfig {
    kubeconfig.contexts.retain(|named| named.name == context);
    let chosen = kubeconfig.contexts.first().and_then(|named| named.context.clone()).unwrap_or_default();
    kubeconfig.clusters.retain(|named| named.name == chosen.cluster);
    kubeconfig.auth_infos.retain(|named| Some(&named.name) == chosen.user.as_ref());
    Kubeconfig { current_context: Some(context.to_owned()), ..kubeconfig }
}

/// What the kubeconfig holds, and the files that it names, must never be told.
fn learn(secrets: &Secrets, kubeconfig: &Kubeconfig) {
    secrets.learn_object(&serde_json::to_value(kubeconfig).unwrap_or_default());
    for user in kubeconfig.auth_infos.iter().filter_map(|named| named.auth_info.as_ref()) {
        for path in user.token_file.iter().chain(&user.client_key) {
            // One that cannot be read is the connection's trouble.
            secrets.learn(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
}

fn in_cluster() -> Result<(Config, Kubeconfig, String), ConnectError> {
    let config = Config::incluster().map_err(|error| ConnectError::Kubeconfig(format!("not in a cluster: {error}")))?;
    let name = "in-cluster".to_owned();
    let folder = "/var/run/secrets/kubernetes.io/serviceaccount";
    let cluster = kube::config::Cluster {
        server: Some(config.cluster_url.to_string()),
        certificate_authority: Some(format!("{folder}/ca.crt")),
        ..kube::config::Cluster::default()
    };
    let user = AuthInfo { token_file: Some(format!("{folder}/token")), ..AuthInfo::default() };
    let mut context = Context::default();
    context.cluster.clone_from(&name);
    context.user = Some(name.clone());
    let mut kubeconfig = Kubeconfig::default();
    kubeconfig.clusters.push(NamedCluster { name: name.clone(), cluster: Some(cluster), ..NamedCluster::default() });
    kubeconfig.auth_infos.push(NamedAuthInfo { name: name.clone(), auth_info: Some(user), ..NamedAuthInfo::default() });
    kubeconfig.contexts.push(NamedContext { name: name.clone(), context: Some(context), ..NamedContext::default() });
    kubeconfig.current_context = Some(name.clone());
    Ok((config, kubeconfig, name))
}

/// Programs get the chosen context as their current one, so that no flag of theirs can lead them elsewhere.
pub fn write_private(path: &Path, kubeconfig: &Kubeconfig) -> Result<(), ConnectError> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let failed = |reason: String| ConnectError::Write { path: path.to_owned(), reason };
    let text = serde_saphyr::to_string(kubeconfig).map_err(|error| failed(error.to_string()))?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed(error.to_string()))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(error.to_string()))
}
