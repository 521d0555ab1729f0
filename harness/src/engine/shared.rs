//! What all cases of a run share.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use meshproof_reports::{Contact, ImageSeen};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    context::Context,
    event::{Event, Events},
    ledger::Ledger,
    reachable::Reachables,
};
use crate::{
    cluster::{Cluster, Reach},
    diagnose::Budget,
    plan::RunIdentity,
    registry::Traffic,
};

/// One run on one cluster.
pub struct Shared {
    pub cluster: Arc<Cluster>,
    pub ledger: Ledger,
    pub http: reqwest::Client,
    pub work: PathBuf,
    pub run_id: String,
    /// When the run began, by the cluster's clock.
    pub began: Option<jiff::Timestamp>,
    pub cancel: CancellationToken,
    pub events: Events,
    pub images: Mutex<BTreeSet<ImageSeen>>,
    /// What was captured, by the number of the cell.
    pub captures: Mutex<BTreeMap<usize, BTreeMap<String, Value>>>,
    /// Which addresses can be reached.
    pub reachables: Reachables,
    /// How much may still be collected about cases that fail.
    pub diagnoses: Budget,
}

impl Shared {
    /// Of a run that begins now, or of one whose `ledger` another process left.
    pub fn new(
        cluster: &Arc<Cluster>,
        run: &RunIdentity,
        ledger: Ledger,
        events: Events,
        cancel: CancellationToken,
    ) -> Result<Self, String> {
        let http = http_client(&cluster.reach).map_err(|error| format!("failed to set up HTTP: {error}"))?;
        Ok(Self {
            began: cluster.connection.answered_at,
            cluster: Arc::clone(cluster),
            ledger,
            http,
            work: run.directory.clone(),
            run_id: run.id.clone(),
            cancel,
            events,
            images: Mutex::default(),
            captures: Mutex::default(),
            reachables: Reachables::default(),
            diagnoses: Budget::default(),
        })
    }

    /// Says what is worth knowing and no problem.
    pub fn note(&self, text: String) {
        let _ = self.events.send(Event::Note(text));
    }

    /// Every address that was spoken to until now.
    pub fn contacted(&self) -> Vec<Contact> {
        let all = self.cluster.registries.contacts().all();
        let contact = |(address, traffic): (String, Traffic)| Contact {
            address,
            requests: traffic.requests,
            bytes: traffic.bytes,
        };
        all.into_iter().map(contact).collect()
    }

    /// Says what concerns no case.
    pub fn tell(&self, problem: String) {
        // Nobody listens any more once the run is over.
        let _ = self.events.send(Event::Problem(problem));
    }

    /// For what is done outside any case.
    pub fn context<'a>(
        &'a self,
        namespace: Option<&'a str>,
        deadline: Instant,
        cancel: &'a CancellationToken,
    ) -> Context<'a> {
        Context {
            cluster: &self.cluster,
            ledger: &self.ledger,
            http: &self.http,
            work: &self.work,
            directory: Path::new("."),
            default_namespace: namespace,
            run_id: &self.run_id,
            began: self.began,
            deadline,
            cancel,
            gained: None,
            images: &self.images,
            events: &self.events,
            index: None,
        }
    }
}

/// Redirects are answers, not to be followed.
fn http_client(reach: &Reach) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0);
    reach.lead(builder.user_agent(crate::USER_AGENT))?.build()
}
