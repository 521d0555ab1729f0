//! `exec`: runs a command in a container.

use std::sync::Arc;

use futures::future::join;
use kube::api::{Api, AttachParams};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::{Done, Gained, Undone, shell};
use crate::{
    cluster::{Kind, Object, Trouble},
    effect::{ApiVerb, Resource, Scene},
    engine::Context,
    expectation::{Judgement, Target, Watched},
    language::formats::Selector,
};

/// Runs a command in a container of the first pod that runs, waiting for one. Its exit code is for the expectations after it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exec {
    /// Give this or `pod`.
    pub selector: Option<Selector>,
    pub pod: Option<String>,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// Without it, the pod's first.
    pub container: Option<String>,
    /// The program and its arguments; no shell reads them.
    pub command: Vec<String>,
}

/// As much of each stream is kept, in bytes.
const KEPT: u64 = 4 << 20;

impl Exec {
    pub fn title(&self) -> String {
        format!("exec in {}: {}", self.place(), shell(&self.command))
    }

    fn place(&self) -> String {
        let pod = match (&self.pod, &self.selector) {
            (Some(pod), _) => pod.clone(),
            (None, Some(selector)) => selector.as_str().to_owned(),
            (None, None) => "any pod".to_owned(),
        };
        self.container.as_ref().map_or(pod.clone(), |container| format!("{pod}, container {container}"))
    }

    pub fn look(&self, namespace: Option<&str>) -> String {
        let mut words: Vec<String> = vec!["kubectl".into(), "exec".into()];
        if let Some(namespace) = self.namespace.as_deref().or(namespace) {
            words.extend(["-n".into(), namespace.into()]);
        }
        let pod = match (&self.pod, &self.selector) {
            (Some(pod), _) => pod.clone(),
            (None, Some(selector)) => {
                let space = words[2..].join(" ");
                format!("$(kubectl get pod {space} -l {} -o name | head -1)", shell(&[selector.as_str()]))
            }
            (None, None) => "POD".to_owned(),
        };
        let container = self.container.as_ref().map(|container| format!(" -c {container}")).unwrap_or_default();
        format!("{} {pod}{container} -- {}", shell(&words), shell(&self.command))
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        let target = Running { exec: self };
        let target = target.target();
        scene.watches(&target);
        let pods = Resource::built_in("Pod");
        let place = scene.place(&pods, target.namespace);
        // Over a WebSocket it is a GET, which is asked for as `get` before Kubernetes 1.35 and as `create` from then on.
        let verbs = [ApiVerb::Get, ApiVerb::Create];
        scene.needs(&pods.subresource("exec"), &place, self.pod.as_deref(), &verbs);
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        if self.command.is_empty() {
            return Err(Undone::Errored("exec without a command".to_owned()));
        }
        let running = Running { exec: self };
        context.converge(&running).await?;
        let namespace = context.namespace(self.namespace.as_deref())?;
        let kind = Kind::built_in("Pod").expect("it is in the table");
        let pods = context.objects(&kind, Some(namespace), &running.target()).await?;
        let Some(pod) = pods.iter().find(|pod| self.runs(pod)) else {
            return Err(Undone::failed(format!("no running pod in {}", self.place())));
        };
        let gained = tokio::select! {
            gained = self.exec(context, namespace, pod) => gained?,
            () = tokio::time::sleep_until(context.deadline) => {
                Gained { trouble: Some("the command had not ended by the deadline".to_owned()), ..Gained::default() }
            }
            () = context.cancel.cancelled() => return Err(Undone::Interrupted),
        };
        Ok(Done { gained: Some(gained), captures: Vec::new() })
    }

    async fn exec(&self, context: &Context<'_>, namespace: &str, pod: &Object) -> Result<Gained, Undone> {
        let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(context.cluster.client.clone(), namespace);
        let container = self.container.as_deref().or_else(|| pod.text("/spec/containers/0/name"));
        let mut parameters = AttachParams::default().stdin(false).stdout(true).stderr(true);
        parameters.container = container.map(str::to_owned);
        let process = pods.exec(&pod.name, &self.command, &parameters).await;
        let mut process = match process {
            Ok(process) => process,
            Err(error) => {
                let trouble = Trouble::from(error);
                let trouble = format!("{}: {trouble}", pod.name);
                return match trouble {
                    _ if trouble.contains("not allowed") || trouble.contains("cannot be reached") => {
                        Err(Undone::Errored(trouble))
                    }
                    trouble => Ok(Gained { trouble: Some(trouble), ..Gained::default() }),
                };
            }
        };
        let (out, error) = (process.stdout(), process.stderr());
        let status = process.take_status();
        let (stdout, stderr) = join(read(out), read(error)).await;
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        let Some(status) = status else {
            return Ok(Gained {
                stdout,
                stderr,
                trouble: Some("the connection ended early".to_owned()),
                ..Gained::default()
            });
        };
        if status.status.as_deref() == Some("Success") {
            return Ok(Gained { stdout, stderr, exit_code: Some(0), ..Gained::default() });
        }
        let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
        let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
        let code: Option<i32> = code.and_then(|cause| cause.message.as_ref()?.parse().ok());
        let trouble = code.is_none().then(|| status.message.unwrap_or_default());
        Ok(Gained { stdout, stderr, exit_code: code, trouble, ..Gained::default() })
    }

    fn runs(&self, pod: &Object) -> bool {
        let statuses = pod.items("/status/containerStatuses").iter().chain(pod.items("/status/initContainerStatuses"));
        let runs = |status: &serde_json::Value| status["state"]["running"].is_object();
        let mut named = statuses.filter(|status| self.container.as_ref().is_none_or(|name| status["name"] == **name));
        !pod.is_terminating() && named.any(runs)
    }
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(KEPT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// That there is a pod whose container runs.
struct Running<'a> {
    exec: &'a Exec,
}

impl Watched for Running<'_> {
    fn target(&self) -> Target<'_> {
        Target {
            name: self.exec.pod.as_deref(),
            selector: self.exec.selector.as_ref(),
            ..Target::of("Pod", self.exec.namespace.as_deref())
        }
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        match objects.iter().find(|pod| self.exec.runs(pod)) {
            Some(pod) => Judgement::met(&pod.name),
            None => Judgement::not_yet(
                format!("a running pod in {}", self.exec.place()),
                format!("{} pods, none of them running it", objects.len()),
            ),
        }
    }
}
