//! What all parts of a run know to be secret.

use std::{
    borrow::Cow,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;

use super::Redactor;

/// One redactor for all who learn secrets and all who write. Cheap to clone.
#[derive(Debug, Default, Clone)]
pub struct Secrets(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    redactor: RwLock<Redactor>,
    /// Counts what was learnt: whoever has written something may have to write it anew.
    learnt: AtomicU64,
}

impl Secrets {
    /// See [`Redactor::learn`].
    pub fn learn(&self, value: &str) {
        self.change(|redactor| redactor.learn(value));
    }

    /// See [`Redactor::learn_object`].
    pub fn learn_object(&self, object: &Value) {
        self.change(|redactor| redactor.learn_object(object));
    }

    fn change(&self, learn: impl FnOnce(&mut Redactor) -> bool) {
        if learn(&mut self.0.redactor.write().expect("no holder panics")) {
            self.0.learnt.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How much has been learnt so far, as a number that grows.
    pub fn learnt(&self) -> u64 {
        self.0.learnt.load(Ordering::SeqCst)
    }

    /// See [`Redactor::text`].
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.redactor.read().expect("no holder panics").text(text)
    }

    /// Does something with the redactor as it is now.
    pub fn with<T>(&self, job: impl FnOnce(&Redactor) -> T) -> T {
        job(&self.0.redactor.read().expect("no holder panics"))
    }
}
