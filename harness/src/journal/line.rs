//! What a journal says, line by line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::Kind;

/// The version of the lines. A journal of another one is not read.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Line {
    /// The first line.
    Begun(Box<Begun>),
    /// Objects are about to be changed.
    Changing { changes: Vec<Changing> },
    /// An object was changed. `made` is its uid where the run made it; `set` is what it then had of what the run asked for.
    Changed { change: Change, made: Option<String>, set: Value },
    /// A program is about to run whose work cannot be known.
    Running(Undo),
    /// The suite itself deleted an object, and all that lived in it.
    Deleted { change: Change },
    /// A program's work, the thing of this number, is about to be undone.
    Undoing { number: usize },
    /// The thing of this number was taken back.
    TakenBack { number: usize },
    /// The run was told to leave on the cluster what it made: it stays until somebody asks for that run by name.
    Kept,
    /// Nothing is left to take back.
    Ended,
}

/// Which run, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// See [`VERSION`].
    pub version: u32,
    pub run: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// The same by the cluster's own clock, to the second.
    pub began: Option<jiff::Timestamp>,
    /// The process that wrote the journal, and the host that it ran on.
    pub pid: u32,
    pub host: String,
    pub suite: String,
    /// The run's folder for files, which programs that undo need.
    pub directory: PathBuf,
    pub home: Home,
}

/// The cluster, and the way to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    /// Of the namespace `kube-system`, which lives as long as the cluster; `None` where it could not be read.
    pub uid: Option<String>,
    pub server: String,
    pub context: String,
    /// The file that was used, if there was just one.
    pub kubeconfig: Option<PathBuf>,
    pub in_cluster: bool,
    /// It ended with the process.
    pub simulated: bool,
}

/// One object that the run changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub kind: Kind,
    pub namespace: Option<String>,
    pub name: String,
    /// The subresource through which it is changed: `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// One that is about to be changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changing {
    pub change: Change,
    /// What it was before, whole; `None` if it was not there.
    pub before: Option<Value>,
    /// What is asked for, as [`super::intent`] gives it.
    pub set: Value,
}

/// How to take a program's work back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// What the program was, in a phrase.
    pub title: String,
    /// An expectation that, if it holds, says that there is nothing to take back.
    pub unless: Option<Value>,
    /// Actions, in order.
    pub actions: Vec<Value>,
    /// The namespace of the scenario that said so.
    pub namespace: Option<String>,
    /// Its file, from which relative paths are meant.
    pub file: PathBuf,
}

impl Change {
    pub fn of(kind: &Kind, namespace: Option<&str>, name: &str) -> Self {
        Self { kind: kind.clone(), namespace: namespace.map(str::to_owned), name: name.to_owned(), part: None }
    }

    /// The same object, changed through a subresource.
    #[must_use]
    pub fn through(self, part: &str) -> Self {
        Self { part: Some(part.to_owned()), ..self }
    }

    /// The path of the object, or of its part.
    pub fn path(&self) -> String {
        let object = self.kind.path(self.namespace.as_deref(), Some(&self.name));
        self.part.as_ref().map_or(object.clone(), |part| format!("{object}/{part}"))
    }

    /// `namespace/bookinfo`, `service/ratings in bookinfo`.
    pub fn describe(&self) -> String {
        let reference = self.kind.reference(&self.name);
        self.namespace.as_ref().map_or(reference.clone(), |namespace| format!("{reference} in {namespace}"))
    }

    pub fn is_namespace(&self) -> bool {
        self.kind.resource.kind == "Namespace"
    }
}
