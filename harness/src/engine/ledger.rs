//! What the run has changed on the cluster: in memory, and in its journal before it is done.

use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

use crate::{
    action::Undone,
    cluster::Answer,
    journal::{Change, Changing, Holdings, Journal, JournalError, Line, Thing, Undo},
};

/// The run's changes. Without a journal, they are known as long as this value lives.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    holdings: Holdings,
    journal: Option<Journal>,
}

impl Ledger {
    /// `holdings` are what the journal says already.
    pub fn new(journal: Option<Journal>, holdings: Holdings) -> Self {
        Self(Mutex::new(Kept { holdings, journal }))
    }

    /// To be called before the requests. What cannot be written down must not be done.
    pub fn changing(&self, changes: Vec<Changing>) -> Result<(), Undone> {
        self.kept().write(&Line::Changing { changes }).map_err(unwritten)
    }

    /// To be called after a request, with what was answered.
    pub fn changed(&self, change: &Change, answer: &Answer) {
        let uid = answer.body["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let mut kept = self.kept();
        // Of the object as a whole, only what the run asked for matters.
        let set = kept.holdings.answered(change, &answer.body);
        kept.note(&Line::Changed { change: change.clone(), made: answer.created.then_some(uid), set });
    }

    /// To be called before the program starts.
    pub fn running(&self, undo: Undo) -> Result<(), Undone> {
        self.kept().write(&Line::Running(undo)).map_err(unwritten)
    }

    /// The object is gone, by the suite's own doing: nothing of it is left to take back.
    pub fn deleted(&self, change: &Change) {
        self.kept().note(&Line::Deleted { change: change.clone() });
    }

    /// To be called before a program's work is undone.
    pub fn undoing(&self, number: usize) {
        self.kept().note(&Line::Undoing { number });
    }

    pub fn taken_back(&self, number: usize) {
        self.kept().note(&Line::TakenBack { number });
    }

    /// What is to be taken back, newest first.
    pub fn things(&self) -> Vec<Thing> {
        self.kept().holdings.newest_first()
    }

    /// Whether the run made the object itself, or the namespace that it lives in.
    pub fn made(&self, change: &Change) -> bool {
        let kept = self.kept();
        let inside = change.namespace.as_ref().is_some_and(|namespace| kept.holdings.made_namespace(namespace));
        inside || kept.holdings.of(change).is_some_and(|held| held.fate.is_made())
    }

    /// What the object was before the run's first change of it, if it has changed it: the outer `None` says that it has not.
    pub fn before(&self, change: &Change) -> Option<Option<Value>> {
        self.kept().holdings.of(change).map(|held| held.before.clone())
    }

    /// Says that what is left is to stay.
    pub fn keep(&self) {
        self.kept().note(&Line::Kept);
    }

    /// Ends the journal: nothing is left to take back.
    pub fn end(&self) -> Result<(), JournalError> {
        self.kept().journal.take().map_or(Ok(()), Journal::end)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("no holder panics")
    }
}

impl Kept {
    fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        if let Some(journal) = &mut self.journal {
            journal.write(line)?;
        }
        self.holdings.take_in(line);
        Ok(())
    }

    /// Of what is done already. Whoever reads a journal without it asks the cluster, so that a full disk does no harm here.
    fn note(&mut self, line: &Line) {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.write(line)
        {
            tracing::warn!("{error}");
        }
        self.holdings.take_in(line);
    }
}

fn unwritten(error: JournalError) -> Undone {
    Undone::Errored(format!("{error}; nothing is changed that could not be taken back"))
}
