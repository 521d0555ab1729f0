//! What the run has changed on the cluster, so that it can be taken back.

use std::sync::Mutex;

use serde_json::{Map, Value};

use crate::{cluster::Kind, yaml::Node};

/// One object that the run touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub kind: Kind,
    pub namespace: Option<String>,
    pub name: String,
}

/// How to take a program's work back.
#[derive(Debug, Clone)]
pub struct Undo {
    /// What the program was, in a phrase.
    pub title: String,
    /// An expectation that, if it holds, says that there is nothing to take back.
    pub unless: Option<Node>,
    /// Actions, in order.
    pub actions: Vec<Node>,
    /// The namespace of the scenario that said so.
    pub namespace: Option<String>,
}

/// One thing to take back.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A request to apply was made, and its outcome is not known.
    Applying(Change),
    /// The run made the object.
    Made(Change),
    /// The object was there before; the run's field manager owns fields of it.
    Touched(Change),
    /// Labels of an object: what the run set (null: removed) and what was there before (null: nothing).
    Labeled { change: Change, set: Map<String, Value>, before: Map<String, Value> },
    /// A program ran.
    Program(Undo),
}

/// The run's changes, oldest first.
#[derive(Default)]
pub struct Ledger(Mutex<Vec<Entry>>);

impl Change {
    pub fn of(kind: &Kind, namespace: Option<&str>, name: &str) -> Self {
        Self { kind: kind.clone(), namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    pub fn path(&self) -> String {
        self.kind.path(self.namespace.as_deref(), Some(&self.name))
    }

    /// `namespace/bookinfo`, `service/ratings in bookinfo`.
    pub fn describe(&self) -> String {
        let reference = self.kind.reference(&self.name);
        self.namespace.as_ref().map_or(reference.clone(), |namespace| format!("{reference} in {namespace}"))
    }
}

impl Ledger {
    /// To be called before the request.
    pub fn applying(&self, kind: &Kind, namespace: Option<&str>, name: &str) {
        let change = Change::of(kind, namespace, name);
        let mut entries = self.0.lock().expect("no holder panics");
        if !entries.iter().any(|entry| entry.change() == Some(&change)) {
            entries.push(Entry::Applying(change));
        }
    }

    /// To be called after it.
    pub fn applied(&self, change: Change, created: bool) {
        let mut entries = self.0.lock().expect("no holder panics");
        for entry in entries.iter_mut() {
            if matches!(entry, Entry::Applying(known) if *known == change) {
                *entry = if created { Entry::Made(change) } else { Entry::Touched(change) };
                return;
            }
        }
    }

    /// The object is gone, by the suite's own doing: nothing of it is left to take back.
    pub fn deleted(&self, change: &Change) {
        let inside =
            |known: &Change| change.kind.resource.kind == "Namespace" && known.namespace.as_ref() == Some(&change.name);
        let mut entries = self.0.lock().expect("no holder panics");
        entries.retain(|entry| entry.change().is_none_or(|known| known != change && !inside(known)));
    }

    /// To be called before labels are changed: `set` has null for labels that are removed, `labels` is what the object has.
    pub fn labeling(&self, change: &Change, labels: &Value, set: &Map<String, Value>) {
        let mut entries = self.0.lock().expect("no holder panics");
        let known = entries.iter_mut().find_map(|entry| match entry {
            Entry::Labeled { change: known, set, before } if known == change => Some((set, before)),
            _ => None,
        });
        match known {
            // What was there before the run's first change is what counts.
            Some((all, before)) => {
                for (key, value) in set {
                    before.entry(key.clone()).or_insert_with(|| labels[key].clone());
                    all.insert(key.clone(), value.clone());
                }
            }
            None => {
                let before = set.keys().map(|key| (key.clone(), labels[key].clone())).collect();
                entries.push(Entry::Labeled { change: change.clone(), set: set.clone(), before });
            }
        }
    }

    /// To be called before the program starts.
    pub fn running(&self, undo: Undo) {
        self.0.lock().expect("no holder panics").push(Entry::Program(undo));
    }

    /// Takes everything out, newest first. What lives in a namespace that the run made goes with it and is left out.
    pub fn take(&self) -> Vec<Entry> {
        let entries = std::mem::take(&mut *self.0.lock().expect("no holder panics"));
        let made: Vec<String> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Made(change) if change.kind.resource.kind == "Namespace" => Some(change.name.clone()),
                _ => None,
            })
            .collect();
        let outlives = |entry: &Entry| {
            let namespace = entry.change().and_then(|change| change.namespace.as_ref());
            let labels_of_made = matches!(entry, Entry::Labeled { change, .. }
                if change.kind.resource.kind == "Namespace" && made.contains(&change.name));
            !labels_of_made && namespace.is_none_or(|namespace| !made.contains(namespace))
        };
        entries.into_iter().rev().filter(outlives).collect()
    }
}

impl Entry {
    fn change(&self) -> Option<&Change> {
        match self {
            Self::Applying(change) | Self::Made(change) | Self::Touched(change) | Self::Labeled { change, .. } => {
                Some(change)
            }
            Self::Program(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(kind: &str, namespace: Option<&str>, name: &str) -> Change {
        Change::of(&Kind::built_in(kind).unwrap(), namespace, name)
    }

    fn apply(ledger: &Ledger, change: &Change, created: bool) {
        ledger.applying(&change.kind, change.namespace.as_deref(), &change.name);
        ledger.applied(change.clone(), created);
    }

    #[test]
    fn the_newest_change_is_taken_back_first() {
        let ledger = Ledger::default();
        let (a, b) = (change("Secret", Some("n"), "a"), change("Secret", Some("n"), "b"));
        apply(&ledger, &a, true);
        apply(&ledger, &b, false);
        let taken = ledger.take();
        assert!(matches!(&taken[..], [Entry::Touched(first), Entry::Made(second)] if *first == b && *second == a));
    }

    #[test]
    fn what_lives_in_a_namespace_that_the_run_made_goes_with_it() {
        let ledger = Ledger::default();
        apply(&ledger, &change("Namespace", None, "n"), true);
        apply(&ledger, &change("Secret", Some("n"), "a"), true);
        apply(&ledger, &change("Secret", Some("other"), "a"), true);
        assert_eq!(ledger.take().len(), 2);
    }

    #[test]
    fn what_the_suite_deleted_is_not_taken_back() {
        let ledger = Ledger::default();
        apply(&ledger, &change("Secret", Some("n"), "a"), true);
        apply(&ledger, &change("Secret", Some("n"), "b"), true);
        ledger.deleted(&change("Secret", Some("n"), "a"));
        assert_eq!(ledger.take().len(), 1);
        apply(&ledger, &change("Secret", Some("n"), "b"), true);
        ledger.deleted(&change("Namespace", None, "n"));
        assert!(ledger.take().is_empty());
    }

    #[test]
    fn labels_go_back_to_what_they_were_before_the_first_change() {
        let ledger = Ledger::default();
        let namespace = change("Namespace", None, "default");
        let set = |value: Value| json!({"istio-injection": value}).as_object().unwrap().clone();
        ledger.labeling(&namespace, &json!({"istio-injection": "disabled"}), &set(json!("enabled")));
        ledger.labeling(&namespace, &json!({"istio-injection": "enabled"}), &set(Value::Null));
        let taken = ledger.take();
        let [Entry::Labeled { set, before, .. }] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!((&set["istio-injection"], &before["istio-injection"]), (&Value::Null, &json!("disabled")));
    }
}
