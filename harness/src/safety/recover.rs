//! Takes back what another process left, by its journal.

use std::{path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{Doer, differences, footprint_path, orphans, read};
use crate::{
    cluster::Cluster,
    engine::{Event, Events, Ledger, Options, Shared, teardown},
    journal::{Entry, Held, Home, Journal, JournalError},
    plan::RunIdentity,
};

/// Why a journal was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum Unrecovered {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Read(String),
    #[error("run {run} was made on another cluster: {theirs}, this is {here}")]
    Elsewhere { run: String, theirs: String, here: String },
    #[error("{0}")]
    Start(String),
}

/// Whether both are the same cluster.
pub fn is_home(here: &Home, theirs: &Home) -> bool {
    match (&here.uid, &theirs.uid) {
        (Some(here), Some(theirs)) => here == theirs,
        _ => here.server == theirs.server,
    }
}

/// Ends the programs that the run left, takes everything back, compares with what was there before it, and ends the journal. Gives
/// what is left, a line each; then the journal stays, for another try.
pub async fn recover(
    cluster: &Arc<Cluster>,
    entry: &Entry,
    state: &Path,
    events: Events,
    cancel: &CancellationToken,
) -> Result<Vec<String>, Unrecovered> {
    let found = match &entry.read {
        Ok(found) => found.clone(),
        Err(error) => return Err(Unrecovered::Read(error.to_string())),
    };
    let here = super::home(cluster).await;
    if !is_home(&here, &found.begun.home) {
        let name = |home: &Home| format!("{} ({})", home.context, home.server);
        return Err(Unrecovered::Elsewhere {
            run: entry.run.clone(),
            theirs: name(&found.begun.home),
            here: name(&here),
        });
    }
    // It was written to before each change.
    let written = std::fs::metadata(&entry.path).and_then(|file| file.modified()).ok();
    let journal = Journal::go_on(&entry.path)?;
    let programs = orphans::end(&entry.run);
    let rested = written.filter(|_| programs.is_empty()).and_then(|written| written.elapsed().ok()).unwrap_or_default();
    for program in programs {
        let _ = events.send(Event::Note(format!("ended process {program}, which run {} had started", entry.run)));
    }
    tokio::time::sleep(orphans::UNDER_WAY.saturating_sub(rested)).await;
    let beyond = found.holdings.newest_first().iter().any(|thing| match &thing.held {
        Held::Object(object) => object.change.namespace.is_none() && !object.change.is_namespace(),
        Held::Program(_) => true,
    });
    let namespaces = found.holdings.newest_first().into_iter().filter_map(|thing| match thing.held {
        Held::Object(object) => object.change.namespace,
        Held::Program(_) => None,
    });
    let doer = Doer {
        run: entry.run.clone(),
        began: found.begun.began,
        cluster: beyond,
        namespaces: namespaces.filter(|namespace| namespace != super::LEASE_NAMESPACE).collect(),
    };
    let run = RunIdentity { id: entry.run.clone(), directory: found.begun.directory.clone() };
    let ledger = Ledger::new(Some(journal), found.holdings);
    let mut shared = Shared::new(cluster, &run, ledger, events, cancel.child_token()).map_err(Unrecovered::Start)?;
    shared.began = found.begun.began;
    // Programs that undo run there.
    let _ = crate::engine::make_directory(&run);
    let mut left = teardown(&shared, Options::default().teardown, cancel).await;
    let before = footprint_path(state, &entry.run);
    if left.is_empty()
        && !cancel.is_cancelled()
        && let Some(footprint) = read(&before)
    {
        left = differences(&shared, &footprint, &doer, cancel).await;
        // They are told; nobody knows how to take them back.
    }
    if shared.ledger.things().is_empty() {
        shared.ledger.end()?;
        let _ = std::fs::remove_file(before);
        let _ = std::fs::remove_dir_all(&run.directory);
    }
    Ok(left)
}
