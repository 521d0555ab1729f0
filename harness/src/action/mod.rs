//! What a scenario can do, each verb in a file of its own.

mod apply;
mod capture;
mod delete;
mod exec;
mod http;
mod label;
mod pull;
mod run;
mod scale;

pub use apply::Apply;
pub use capture::{Capture, CaptureType};
pub use delete::Delete;
pub use exec::Exec;
pub use http::HttpRequest;
pub use label::Label;
pub use pull::Pull;
pub use run::Run;
pub use scale::Scale;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    cluster::{KindError, Trouble},
    engine::Context,
    redact::Secrets,
};

/// One action; in YAML a map with the verb as its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Makes or changes objects by server-side apply.
    Apply(Apply),
    /// Gives a name to a value of the cluster or of the last output.
    Capture(Capture),
    /// Deletes objects and waits until they are gone.
    Delete(Delete),
    /// Runs a command in a container.
    Exec(Exec),
    /// Makes an HTTP request from where Meshproof runs.
    Http(HttpRequest),
    /// Sets and removes labels of an object.
    Label(Label),
    /// Pulls an OCI artifact, as ORAS does.
    Pull(Pull),
    /// Runs a program where Meshproof runs.
    Run(Run),
    /// Sets the number of replicas of a workload.
    Scale(Scale),
}

/// What an action gave back, for the expectations after it.
#[derive(Debug, Default, Clone)]
pub struct Gained {
    pub stdout: String,
    pub stderr: String,
    pub exit_code: Option<i32>,
    pub response: Option<Response>,
    /// Why there is nothing, where that is the product's doing: a refused connection, a container that is not there.
    pub trouble: Option<String>,
}

/// An HTTP response, its body read as text.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A finished action.
#[derive(Debug, Default)]
pub struct Done {
    pub gained: Option<Gained>,
    /// Names and values for the expressions after it.
    pub captures: Vec<(String, Value)>,
}

/// An action that did not do what was asked.
#[derive(Debug, Clone)]
pub enum Undone {
    /// The product's doing.
    Failed { reason: String, seen: Option<String>, output: Option<String> },
    /// The check could not be made.
    Errored(String),
    /// The run was interrupted.
    Interrupted,
}

impl Action {
    /// Does it, at most until the context's deadline.
    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        match self {
            Self::Apply(action) => action.perform(context).await,
            Self::Capture(action) => action.perform(context).await,
            Self::Delete(action) => action.perform(context).await,
            Self::Exec(action) => action.perform(context).await,
            Self::Http(action) => action.perform(context).await,
            Self::Label(action) => action.perform(context).await,
            Self::Pull(action) => action.perform(context).await,
            Self::Run(action) => action.perform(context).await,
            Self::Scale(action) => action.perform(context).await,
        }
    }

    /// What it does, in a phrase.
    pub fn title(&self) -> String {
        match self {
            Self::Apply(action) => action.title(),
            Self::Capture(action) => action.title(),
            Self::Delete(action) => action.title(),
            Self::Exec(action) => action.title(),
            Self::Http(action) => action.title(),
            Self::Label(action) => action.title(),
            Self::Pull(action) => action.title(),
            Self::Run(action) => action.title(),
            Self::Scale(action) => action.title(),
        }
    }

    /// Whether it may change the cluster.
    pub fn changes(&self) -> bool {
        match self {
            Self::Capture(_) | Self::Exec(_) | Self::Http(_) | Self::Pull(_) => false,
            Self::Apply(_) | Self::Delete(_) | Self::Label(_) | Self::Run(_) | Self::Scale(_) => true,
        }
    }

    /// A command by which a person does or sees the same, if there is one.
    pub fn look(&self, namespace: Option<&str>) -> Option<String> {
        match self {
            Self::Exec(action) => Some(action.look(namespace)),
            Self::Http(action) => Some(action.look()),
            Self::Run(action) => Some(action.title()),
            Self::Pull(action) => Some(format!("oras pull {}", action.artifact)),
            _ => None,
        }
    }
}

impl Gained {
    /// The text that is taken for a document: a response's body, or what a program wrote.
    pub fn document(&self) -> &str {
        self.response.as_ref().map_or(&self.stdout, |response| &response.body)
    }

    /// How it ended: `status 503`, `exit code 7`.
    pub fn ending(&self) -> String {
        match (&self.response, self.exit_code) {
            (Some(response), _) => format!("status {}", response.status),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "no answer".to_owned(),
        }
    }

    /// The end of it without secrets: as much as any record keeps, and what comes before, so that none is told for having been cut
    /// in two.
    #[must_use]
    pub fn told(&self, secrets: &Secrets) -> Self {
        let text = |text: &str| secrets.text(end(text, 64 << 10)).into_owned();
        let response = |response: &Response| Response { body: text(&response.body), ..response.clone() };
        Self {
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
            exit_code: self.exit_code,
            response: self.response.as_ref().map(response),
            trouble: self.trouble.as_deref().map(text),
        }
    }

    /// What it wrote, for the records: the last 8 KiB at most.
    pub fn tail(&self) -> Option<String> {
        let text = match (self.document().trim(), self.stderr.trim()) {
            ("", "") => return None,
            (out, "") => out.to_owned(),
            ("", error) => error.to_owned(),
            (out, error) => format!("{out}\n{error}"),
        };
        Some(end(&text, 8 << 10).to_owned())
    }
}

/// The last bytes of a text, so many at most.
fn end(text: &str, most: usize) -> &str {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

impl Undone {
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into(), seen: None, output: None }
    }
}

impl From<Trouble> for Undone {
    fn from(trouble: Trouble) -> Self {
        if trouble.is_product() { Self::failed(trouble.to_string()) } else { Self::Errored(trouble.to_string()) }
    }
}

impl From<KindError> for Undone {
    fn from(error: KindError) -> Self {
        match error {
            KindError::NotServed(_) => Self::failed(error.to_string()),
            KindError::Ambiguous { .. } => Self::Errored(error.to_string()),
            KindError::Trouble(trouble) => trouble.into(),
        }
    }
}

/// A command line that can be pasted into a shell.
pub fn shell<S: AsRef<str>>(words: &[S]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quote = |word: &str| match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}
