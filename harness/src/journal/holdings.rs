//! What follows from a journal's lines: what is still to be taken back.

use serde_json::Value;

use super::{
    line::{Change, Changing, Line, Undo},
    three_way::{as_answered, overlay},
};

/// Everything that is to be taken back, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Holdings {
    things: Vec<Thing>,
    /// How many there have been; the number of the next.
    numbered: usize,
}

/// One thing to take back.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// Unique in its journal.
    pub number: usize,
    pub held: Held,
    /// Whether undoing it was begun before: what is left of a part of it need not show where the whole would.
    pub tried: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    Object(HeldObject),
    Program(Undo),
}

/// An object that the run made or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldObject {
    pub change: Change,
    /// What it was before the run's first change; `None` if it was not there.
    pub before: Option<Value>,
    /// All that the run asked for, with the values that the server gave it.
    pub set: Value,
    /// The same before the later changes: a run that ended in the middle of one, or of several at once, may have left any of it.
    pub earlier: Vec<Value>,
    pub fate: Fate,
}

/// What became of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nobody knows: the run ended before it was answered.
    Unknown,
    /// It made the object; this is its uid.
    Made(String),
    /// It changed what was there.
    Touched,
}

impl Holdings {
    /// Takes in one line.
    pub fn take_in(&mut self, line: &Line) {
        match line {
            Line::Begun(_) | Line::Kept => {}
            Line::Changing { changes } => changes.iter().for_each(|changing| self.changing(changing)),
            Line::Changed { change, made, set } => self.changed(change, made.as_deref(), set),
            Line::Running(undo) => self.push(Held::Program(undo.clone())),
            Line::Deleted { change } => self.things.retain(|thing| !thing.is_gone_with(change)),
            Line::Undoing { number } => {
                self.things.iter_mut().filter(|thing| thing.number == *number).for_each(|thing| thing.tried = true);
            }
            Line::TakenBack { number } => self.taken_back(*number),
            Line::Ended => self.things.clear(),
        }
    }

    /// What is to be taken back, newest first. What lives in a namespace that the run made goes with it and is left out.
    pub fn newest_first(&self) -> Vec<Thing> {
        let outlives = |thing: &&Thing| match &thing.held {
            Held::Object(object) => {
                object.change.namespace.as_ref().is_none_or(|namespace| !self.made_namespace(namespace))
            }
            Held::Program(_) => true,
        };
        self.things.iter().rev().filter(outlives).cloned().collect()
    }

    /// Whether the run made the namespace, and so everything in it.
    pub fn made_namespace(&self, name: &str) -> bool {
        self.objects().any(|object| object.change.is_namespace() && object.change.name == name && object.fate.is_made())
    }

    /// The object, if the run has changed it.
    pub fn of(&self, change: &Change) -> Option<&HeldObject> {
        self.objects().find(|object| object.change == *change)
    }

    /// What `object` has of all that the run asked for of it.
    pub fn answered(&self, change: &Change, object: &Value) -> Value {
        self.of(change).map_or(Value::Null, |held| as_answered(&held.set, object))
    }

    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    fn objects(&self) -> impl Iterator<Item = &HeldObject> {
        self.things.iter().filter_map(|thing| match &thing.held {
            Held::Object(object) => Some(object),
            Held::Program(_) => None,
        })
    }

    fn object_mut(&mut self, change: &Change) -> Option<&mut HeldObject> {
        self.things.iter_mut().find_map(|thing| match &mut thing.held {
            Held::Object(object) if object.change == *change => Some(object),
            _ => None,
        })
    }

    fn changing(&mut self, Changing { change, before, set }: &Changing) {
        match self.object_mut(change) {
            // What was there before the first change is what counts.
            Some(known) => known.asks(|known| overlay(known, set)),
            None => self.push(Held::Object(HeldObject {
                change: change.clone(),
                before: before.clone(),
                set: set.clone(),
                earlier: Vec::new(),
                fate: Fate::Unknown,
            })),
        }
    }

    fn changed(&mut self, change: &Change, made: Option<&str>, set: &Value) {
        let Some(known) = self.object_mut(change) else { return };
        known.asks(|known| *known = as_answered(known, set));
        match (&known.fate, made) {
            (Fate::Made(_), None) => {}
            (_, Some(uid)) => known.fate = Fate::Made(uid.to_owned()),
            (_, None) => known.fate = Fate::Touched,
        }
    }

    /// With a namespace that the run made, what was in it is gone too.
    fn taken_back(&mut self, number: usize) {
        let Some(place) = self.things.iter().position(|thing| thing.number == number) else { return };
        if let Held::Object(HeldObject { change, fate: Fate::Made(_), .. }) = self.things.remove(place).held {
            self.things.retain(|thing| !thing.is_gone_with(&change));
        }
    }

    fn push(&mut self, held: Held) {
        self.things.push(Thing { number: self.numbered, held, tried: false });
        self.numbered += 1;
    }
}

impl HeldObject {
    fn asks(&mut self, change: impl FnOnce(&mut Value)) {
        let known = self.set.clone();
        change(&mut self.set);
        if known != self.set && !self.earlier.contains(&known) {
            self.earlier.push(known);
        }
    }
}

impl Fate {
    pub fn is_made(&self) -> bool {
        matches!(self, Self::Made(_))
    }
}

impl Thing {
    /// In a phrase, as a person is told that it is taken back or left.
    pub fn describe(&self) -> String {
        match &self.held {
            Held::Object(object) => match object.before {
                None => object.change.describe(),
                Some(_) => format!("changes to {}", object.change.describe()),
            },
            Held::Program(undo) => format!("the work of `{}`", undo.title),
        }
    }

    fn is_gone_with(&self, deleted: &Change) -> bool {
        let Held::Object(object) = &self.held else { return false };
        let itself = Change { part: None, ..object.change.clone() } == *deleted;
        itself || (deleted.is_namespace() && object.change.namespace.as_ref() == Some(&deleted.name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::Kind;

    fn change(kind: &str, namespace: Option<&str>, name: &str) -> Change {
        Change::of(&Kind::built_in(kind).unwrap(), namespace, name)
    }

    fn changing(change: &Change, before: Option<Value>, set: Value) -> Line {
        Line::Changing { changes: vec![Changing { change: change.clone(), before, set }] }
    }

    fn make(holdings: &mut Holdings, change: &Change) {
        holdings.take_in(&changing(change, None, json!({})));
        holdings.take_in(&Line::Changed { change: change.clone(), made: Some("u".to_owned()), set: json!({}) });
    }

    fn told(holdings: &Holdings) -> Vec<String> {
        holdings.newest_first().iter().map(Thing::describe).collect()
    }

    #[test]
    fn the_newest_is_taken_back_first() {
        let mut holdings = Holdings::default();
        make(&mut holdings, &change("Secret", Some("n"), "a"));
        let b = change("Secret", Some("n"), "b");
        holdings.take_in(&changing(&b, Some(json!({})), json!({})));
        assert_eq!(told(&holdings), ["changes to secret/b in n", "secret/a in n"]);
    }

    #[test]
    fn what_lives_in_a_namespace_that_the_run_made_goes_with_it() {
        let mut holdings = Holdings::default();
        make(&mut holdings, &change("Namespace", None, "n"));
        make(&mut holdings, &change("Secret", Some("n"), "a"));
        make(&mut holdings, &change("Secret", Some("other"), "a"));
        assert_eq!(told(&holdings), ["secret/a in other", "namespace/n"]);
        assert!(holdings.made_namespace("n") && !holdings.made_namespace("other"));
    }

    #[test]
    fn what_the_suite_deleted_is_not_taken_back() {
        let mut holdings = Holdings::default();
        let (a, b) = (change("Secret", Some("n"), "a"), change("Secret", Some("n"), "b"));
        make(&mut holdings, &a);
        make(&mut holdings, &b);
        holdings.take_in(&Line::Deleted { change: a });
        assert_eq!(told(&holdings), ["secret/b in n"]);
        holdings.take_in(&Line::Deleted { change: change("Namespace", None, "n") });
        assert!(holdings.is_empty());
    }

    #[test]
    fn what_was_taken_back_is_not_again() {
        let mut holdings = Holdings::default();
        make(&mut holdings, &change("Secret", Some("n"), "a"));
        make(&mut holdings, &change("Secret", Some("n"), "b"));
        let number = holdings.newest_first()[0].number;
        holdings.take_in(&Line::TakenBack { number });
        assert_eq!(told(&holdings), ["secret/a in n"]);
    }

    #[test]
    fn with_a_namespace_that_the_run_made_what_is_in_it_is_taken_back() {
        let mut holdings = Holdings::default();
        make(&mut holdings, &change("Namespace", None, "n"));
        make(&mut holdings, &change("Secret", Some("n"), "a"));
        let number = holdings.newest_first()[0].number;
        holdings.take_in(&Line::TakenBack { number });
        assert!(holdings.is_empty());
    }

    #[test]
    fn several_changes_of_one_object_are_one_from_what_it_was_first() {
        let mut holdings = Holdings::default();
        let namespace = change("Namespace", None, "default");
        let labels = |value: Value| json!({"metadata": {"labels": {"istio-injection": value}}});
        holdings.take_in(&changing(&namespace, Some(labels(json!("disabled"))), labels(json!("enabled"))));
        holdings.take_in(&Line::Changed { change: namespace.clone(), made: None, set: labels(json!("enabled")) });
        let more = json!({"metadata": {"labels": {"istio-injection": null, "more": "1"}}});
        holdings.take_in(&changing(&namespace, Some(labels(json!("enabled"))), more.clone()));
        let held = holdings.of(&namespace).unwrap();
        assert_eq!((held.before.as_ref(), &held.set), (Some(&labels(json!("disabled"))), &more));
        // The last may not have been done.
        assert_eq!(held.earlier, [labels(json!("enabled"))]);
    }
}
