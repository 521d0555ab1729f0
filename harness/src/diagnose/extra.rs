//! What a suite wants to be collected besides what the engine looks at by itself: the suite knows what its product is made of.

use futures::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::timeout_at;

use super::{collect::log, references::References};
use crate::{
    action::{Done, Exec, Gained, Run, Undone},
    cluster::{Kind, Trouble, Verb},
    effect::{ApiVerb, Place, Resource, Scene},
    engine::Context,
    expectation::Namespaces,
    language::{CollectStep, formats::Selector},
};

/// One thing to collect; in YAML a map with the verb as its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Collect {
    /// Runs a command in a container.
    Exec(Exec),
    /// Takes the end of the logs of pods.
    Logs(Logs),
    /// Follows references from object to object and tells of those that lead nowhere.
    References(References),
    /// Runs a program where Meshproof runs.
    Run(Run),
}

/// The end of the logs of pods' containers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Logs {
    pub namespace: String,
    pub selector: Selector,
    /// Without it, every container.
    pub container: Option<String>,
}

impl Collect {
    /// What it takes, in the scene's namespace.
    pub fn effects(&self, scene: &mut Scene<'_>) {
        let pods = Resource::built_in("Pod");
        match self {
            Self::Exec(exec) => exec.effects(scene),
            Self::Logs(logs) => {
                let place = Place::Namespace(logs.namespace.clone());
                scene.needs(&pods, &place, None, &[ApiVerb::List]);
                scene.needs(&pods.subresource("log"), &place, None, &[ApiVerb::Get]);
            }
            Self::References(References { from, to, .. }) => {
                for kind in [from, to] {
                    let Some(resource) = scene.resource(kind.api_version.as_deref(), &kind.kind) else { continue };
                    let place = scene.place(&resource, Namespaces::Default);
                    scene.needs(&resource, &place, None, &[ApiVerb::List]);
                }
            }
            Self::Run(run) => run.effects(scene),
        }
    }
}

/// So many pods' logs are taken.
const PODS: usize = 3;

/// A title and a text for each step, or what stood in the way. All at once; each ends with the context's deadline.
pub async fn collect(context: &Context<'_>, steps: &[CollectStep]) -> Vec<Result<(String, String), String>> {
    let collected = join_all(steps.iter().map(|step| one(context, step))).await;
    collected.into_iter().flatten().collect()
}

async fn one(context: &Context<'_>, step: &CollectStep) -> Vec<Result<(String, String), String>> {
    let (title, done) = match &step.collect {
        Collect::Logs(logs) => return logs.collect(context).await,
        Collect::References(_) => return Vec::new(),
        Collect::Run(run) => (run.title(), timeout_at(context.deadline, run.perform(context)).await),
        Collect::Exec(exec) => (exec.title(), timeout_at(context.deadline, exec.perform(context)).await),
    };
    let title = step.options.title.clone().unwrap_or(title);
    let text = match done {
        Ok(Ok(Done { gained: Some(gained), .. })) => told(&gained),
        Ok(Ok(Done { gained: None, .. })) => Ok(String::new()),
        // A program that finds something wrong says so, and ends with a code that says it too.
        Ok(Err(Undone::Failed { output: Some(output), .. })) => Ok(output),
        Ok(Err(Undone::Failed { reason, .. } | Undone::Errored(reason))) => Err(reason),
        Ok(Err(Undone::Interrupted)) => Err("the run was interrupted".to_owned()),
        Err(_) => Err("the time for collecting was over".to_owned()),
    };
    vec![text.map(|text| (title.clone(), text)).map_err(|trouble| format!("{title}: {trouble}"))]
}

fn told(gained: &Gained) -> Result<String, String> {
    match (gained.tail(), &gained.trouble) {
        (Some(text), _) => Ok(text),
        (None, Some(trouble)) => Err(trouble.clone()),
        (None, None) => Ok("(nothing)".to_owned()),
    }
}

impl Logs {
    async fn collect(&self, context: &Context<'_>) -> Vec<Result<(String, String), String>> {
        let whose = format!("{} in {}", self.selector.as_str(), self.namespace);
        let kind = Kind::built_in("Pod").expect("it is in the table");
        let path = kind.path(Some(&self.namespace), None);
        let pods = match timeout_at(context.deadline, context.cluster.once(&path, &Verb::Get)).await {
            Ok(Ok(answer)) => answer.body,
            Ok(Err(trouble)) => return vec![Err(format!("logs of {whose}: {trouble}"))],
            Err(_) => return vec![Err(format!("logs of {whose}: the time for collecting was over"))],
        };
        let items = pods["items"].as_array().map_or(&[][..], Vec::as_slice);
        let chosen = items.iter().filter(|pod| {
            let labels = serde_json::from_value(pod["metadata"]["labels"].clone()).unwrap_or_default();
            self.selector.matches(&labels)
        });
        let mut wanted = Vec::new();
        for pod in chosen.take(PODS) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
            let names = containers.iter().filter_map(|container| container["name"].as_str());
            let named = |container: &&str| self.container.as_deref().is_none_or(|wanted| wanted == *container);
            wanted.extend(names.filter(named).map(|container| (name, container)));
        }
        if wanted.is_empty() {
            return vec![Err(format!("logs of {whose}: no such pods"))];
        }
        let logs = wanted.into_iter().map(async |(pod, container)| {
            let title = format!("{pod}/{container} in {}", self.namespace);
            match log(context, &self.namespace, pod, Some(container), false).await {
                Ok(text) => Some(Ok((title, text))),
                Err(Some(Trouble::Refused { .. } | Trouble::NotFound { .. })) => None,
                Err(Some(trouble)) => Some(Err(format!("log of {title}: {trouble}"))),
                Err(None) => Some(Err(format!("log of {title}: the time for collecting was over"))),
            }
        });
        join_all(logs).await.into_iter().flatten().collect()
    }
}
