//! `pull`: pulls an OCI artifact, as ORAS does.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Done, Gained, Undone};
use crate::{
    artifact::{PullRequest, pull},
    effect::{Effect, Scene},
    engine::Context,
    language::formats::Identifier,
    registry::Blame,
};

/// Pulls an artifact's files into a folder of the run and unpacks its archives. Every run pulls anew: a copy from an earlier
/// one would prove nothing of the registry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pull {
    /// `registry/repository:tag` or `…@sha256:…`.
    pub artifact: String,
    /// Speak plain HTTP to the registry. Loopback addresses always are.
    #[serde(default)]
    pub plain_http: bool,
    /// The digest that the manifest must have.
    pub digest: Option<String>,
    /// The name under which expressions find the folder: that of the archive, if it unpacks to one.
    #[serde(rename = "as")]
    pub capture: Option<Identifier>,
}

impl Pull {
    pub fn title(&self) -> String {
        format!("pull {}", self.artifact)
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        scene.effects.push(Effect::PullsArtifact(self.artifact.clone()));
        let registry = self.artifact.split('/').next().unwrap_or_default();
        let scheme = if self.plain_http { "http" } else { "https" };
        scene.effects.push(Effect::Contacts(format!("{scheme}://{registry}")));
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let folder = context.folder("artifact")?;
        let request = PullRequest {
            reference: self.artifact.clone(),
            plain_http: self.plain_http,
            digest: self.digest.clone(),
            unpack: true,
        };
        let pulled = tokio::select! {
            pulled = Box::pin(pull(&request, &folder, &context.cluster.registries)) => pulled,
            () = tokio::time::sleep_until(context.deadline) => {
                return Err(Undone::Errored(format!("{} was not pulled before the deadline", self.artifact)));
            }
            () = context.cancel.cancelled() => return Err(Undone::Interrupted),
        };
        let pulled = pulled.map_err(|error| {
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let reason = format!("failed to pull: {error}{hint}");
            match error.blame() {
                Blame::Product => Undone::failed(reason),
                Blame::Harness => Undone::Errored(reason),
            }
        })?;
        let root = match pulled.roots.as_slice() {
            [root] => folder.join(root),
            _ => folder,
        };
        let files: Vec<String> = pulled.files.iter().map(|file| file.display().to_string()).collect();
        let said = format!("{}\n{}", pulled.reference, files.join("\n"));
        let captures = self.capture.iter().map(|name| (name.0.clone(), root.display().to_string().into())).collect();
        Ok(Done { gained: Some(Gained { stdout: said, exit_code: Some(0), ..Gained::default() }), captures })
    }
}
