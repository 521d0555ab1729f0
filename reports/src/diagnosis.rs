//! What was collected about a case that did not pass, and what it says of the cause.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::CaseRecord;

/// Collected as the case ended, before anything was taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// What kind of cause it is, for programs: `image-not-pullable`. `unknown` where the evidence tells none.
    pub cause: String,
    /// The most likely cause, in one sentence.
    pub finding: String,
    /// Commands by which a person sees the same, ready to paste.
    pub commands: Vec<String>,
    /// What the finding was drawn from, the most telling first, bounded in size.
    pub evidence: Vec<Evidence>,
    /// What could not be collected, and why: a right that the run does not have, or the time that was over.
    pub not_collected: Vec<String>,
    pub duration_ms: u64,
}

/// One text that was collected. Secrets are left out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// `pod/ratings-v1-abc in bookinfo`.
    pub title: String,
    pub kind: EvidenceKind,
    pub text: String,
    /// Whether there was more of it.
    pub truncated: bool,
}

/// What a text of the evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EvidenceKind {
    /// An object of the cluster, as YAML.
    Object,
    /// Events about objects, newest first.
    Events,
    /// The states of containers.
    Containers,
    /// The end of a container's log.
    Logs,
    /// What a program or command wrote.
    Output,
    /// The conditions of nodes.
    Nodes,
    /// Of a later version of Meshproof.
    #[serde(other)]
    Other,
}

impl EvidenceKind {
    /// As a person reads it, and as files are called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Events => "events",
            Self::Containers => "containers",
            Self::Logs => "logs",
            Self::Output => "output",
            Self::Nodes => "nodes",
            Self::Other => "other",
        }
    }
}

/// Every command by which a person sees what the case saw: the expectation's own, then the finding's; each once.
pub(crate) fn commands(case: &CaseRecord) -> Vec<&str> {
    let found = case.diagnosis.iter().flat_map(|diagnosis| &diagnosis.commands);
    let mut all: Vec<&str> = Vec::new();
    for command in case.look.iter().chain(found) {
        if !all.contains(&command.as_str()) {
            all.push(command);
        }
    }
    all
}
