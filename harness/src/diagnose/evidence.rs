//! What was collected about one case, before anything is made of it.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{chain::is_held_up, concern::Concern, pods, references::Broken};
use crate::cluster::Object;

/// How the case ended.
#[derive(Debug, Clone, Default)]
pub struct Symptom {
    pub reason: String,
    pub expected: Option<String>,
    pub seen: Option<String>,
    /// The end of what the last program, command or request gave back.
    pub output: Option<String>,
    /// Whether it is the check that could not be made.
    pub errored: bool,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Evidence {
    pub concern: Concern,
    pub symptom: Symptom,
    /// Every object that was seen, each with its kind.
    pub objects: Vec<Arc<Object>>,
    /// Those of them that the case is about, with what they come from and give rise to; the nearest first.
    pub relevant: Vec<Arc<Object>>,
    /// About relevant objects, newest first.
    pub happenings: Vec<Happening>,
    pub logs: Vec<Log>,
    /// What the suite wants to be collected besides: a title and a text.
    pub outputs: Vec<(String, String)>,
    /// References from object to object that lead nowhere.
    pub broken: Vec<Broken>,
    /// The kinds and namespaces of which everything was seen; an empty namespace for cluster-wide kinds.
    pub looked: BTreeSet<(String, String)>,
    /// What could not be collected, and why.
    pub lacking: Vec<String>,
}

/// One event, however often it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// RFC 3339: when it was seen last.
    pub at: String,
    /// `Pod`
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub reason: String,
    pub message: String,
    pub count: i64,
    pub warning: bool,
}

/// The end of one container's log.
#[derive(Debug, Clone)]
pub struct Log {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    /// Whether it is that of the container before its last restart.
    pub previous: bool,
    pub text: String,
}

impl Evidence {
    pub fn of(concern: Concern, symptom: Symptom) -> Self {
        Self { concern, symptom, ..Self::default() }
    }

    /// Relevant objects of a kind, the nearest first.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        self.relevant.iter().filter(move |object| object.text("/kind") == Some(kind))
    }

    /// Everything that the cluster says in words: the reason, conditions of relevant objects, events about those that are not as
    /// they should be: of others, they tell of what is over.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        let conditions = self
            .relevant
            .iter()
            .flat_map(|object| object.items("/status/conditions"))
            .filter_map(|condition| condition["message"].as_str());
        let ails = |happening: &&Happening| {
            let about = self.of_kind(&happening.kind).find(|object| object.name == happening.name);
            about.is_some_and(|object| pods::is_unwell(object) || is_held_up(object))
        };
        let happenings = self.happenings.iter().filter(ails).map(|happening| happening.message.as_str());
        std::iter::once(self.symptom.reason.as_str())
            .chain(self.symptom.seen.as_deref())
            .chain(conditions)
            .chain(happenings)
    }

    /// Whether everything of the kind there was seen.
    pub fn looked(&self, kind: &str, namespace: &str) -> bool {
        self.looked.contains(&(kind.to_owned(), namespace.to_owned()))
    }

    /// The object, wherever it was seen.
    pub fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.objects
            .iter()
            .find(|object| object.text("/kind") == Some(kind) && object.name == name && object.namespace == namespace)
    }
}

impl Happening {
    /// Reads an event; `None` for one that is about nothing.
    pub fn of(event: &Object) -> Option<Self> {
        let text = |pointer: &str| event.text(pointer).unwrap_or_default().to_owned();
        let times = [
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/eventTime",
            "/firstTimestamp",
            "/metadata/creationTimestamp",
        ];
        let at = times.iter().find_map(|pointer| event.text(pointer)).unwrap_or_default().to_owned();
        Some(Self {
            at,
            kind: event.text("/involvedObject/kind")?.to_owned(),
            namespace: text("/involvedObject/namespace"),
            name: text("/involvedObject/name"),
            reason: text("/reason"),
            message: text("/message").trim().to_owned(),
            count: event.number("/series/count").or(event.number("/count")).unwrap_or(1),
            warning: event.text("/type") == Some("Warning"),
        })
    }

    /// The events about relevant objects, newest first, the same of the same object once.
    pub fn all(events: &[Arc<Object>], relevant: &[Arc<Object>]) -> Vec<Self> {
        let is_relevant = |happening: &Self| {
            relevant.iter().any(|object| {
                object.text("/kind") == Some(&happening.kind)
                    && object.name == happening.name
                    && (object.namespace == happening.namespace || object.namespace.is_empty())
            })
        };
        let mut all: Vec<Self> = events.iter().filter_map(|event| Self::of(event)).filter(is_relevant).collect();
        all.sort_by(|a, b| b.at.cmp(&a.at));
        let mut kept: Vec<Self> = Vec::new();
        for happening in all {
            let same = kept.iter_mut().find(|known| {
                (&known.kind, &known.name, &known.reason, &known.message)
                    == (&happening.kind, &happening.name, &happening.reason, &happening.message)
            });
            match same {
                Some(known) => known.count += happening.count,
                None => kept.push(happening),
            }
        }
        kept
    }
}

/// An object of a list, which tells no kinds of its items.
pub fn object_of(mut item: Value, api_version: &str, kind: &str) -> Option<Arc<Object>> {
    let fields = item.as_object_mut()?;
    fields.entry("apiVersion").or_insert_with(|| api_version.into());
    fields.entry("kind").or_insert_with(|| kind.into());
    Object::from_json(item).map(Arc::new)
}
