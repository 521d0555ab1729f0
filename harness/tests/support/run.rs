//! A suite in a folder of its own, run on the scripted API server as the command runs it.

use std::{
    path::Path,
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use meshproof::{
    cluster::{ConnectOptions, connect},
    command::{Choosing, Prepared, prepare},
    engine::{Event, Options, Outcome, Signals, execute, make_directory},
};
use meshproof_reports::{CaseRecord, Verdict};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{Api, soon};

/// A suite that is about to be run.
pub struct Suite {
    api: Arc<Api>,
    pub folder: TempDir,
    pub prepared: Prepared,
    pub options: Options,
    /// How long the API server may be away.
    pub outage: Option<Duration>,
}

/// One that is being run.
pub struct Going {
    events: watch::Receiver<Vec<Event>>,
    outcome: JoinHandle<Outcome>,
    collected: JoinHandle<()>,
    pub signals: Signals,
    suite: Arc<Suite>,
    started: Instant,
}

/// One that is over.
pub struct Ended {
    pub outcome: Outcome,
    pub records: Vec<CaseRecord>,
    pub events: Vec<Event>,
    pub took: Duration,
    /// Its scenario's folder lives as long.
    pub suite: Arc<Suite>,
}

impl Suite {
    /// A scenario `s` in the namespace `ns` with these cases: YAML that begins with `cases:`, or fields of the scenario before it.
    pub fn of(api: &Arc<Api>, cases: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let head = "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {name: s}\nnamespace: ns\n";
        std::fs::write(folder.path().join("s.yaml"), format!("{head}{cases}\n")).unwrap();
        Self::at(api, folder)
    }

    /// The scenarios of a folder.
    pub fn at(api: &Arc<Api>, folder: TempDir) -> Self {
        let choosing = Choosing { paths: vec![folder.path().to_owned()], ..Choosing::default() };
        let prepared = prepare(&choosing).unwrap_or_else(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", problems.join("\n"))
        });
        let options = Options { jobs: 64, ..Options::default() };
        Self { api: Arc::clone(api), folder, prepared, options, outage: None }
    }

    /// Begins.
    pub async fn go(self) -> Going {
        ring();
        let started = Instant::now();
        let work = make_directory(&self.prepared.run).unwrap();
        let kubeconfig = self.api.kubeconfig(self.folder.path());
        let choice = ConnectOptions {
            kubeconfig: Some(kubeconfig),
            context: Some("double".to_owned()),
            ..ConnectOptions::default()
        };
        let mut cluster = connect(&choice, &work).await.unwrap();
        cluster.outage = self.outage.unwrap_or(cluster.outage);
        let suite = Arc::new(self);
        let (signals, (sender, mut inbox)) = (Signals::default(), mpsc::unbounded_channel());
        let (told, events) = watch::channel(Vec::new());
        let collected = tokio::spawn(async move {
            while let Some(event) = inbox.recv().await {
                told.send_modify(|events| events.push(event));
            }
        });
        let (running, heard) = (Arc::clone(&suite), signals.clone());
        let outcome = tokio::spawn(async move {
            let Suite { prepared, options, .. } = &*running;
            execute(&prepared.plan, cluster, &prepared.run, options, sender, &heard).await
        });
        Going { events, outcome, collected, signals, suite, started }
    }

    /// Runs it from beginning to end.
    pub async fn run(self) -> Ended {
        self.go().await.end().await
    }
}

impl Going {
    /// Waits for an event.
    pub async fn until(&self, what: &str, is_it: impl Fn(&Event) -> bool) {
        let mut events = self.events.clone();
        soon(what, events.wait_for(|events| events.iter().any(&is_it))).await.unwrap();
    }

    /// Waits until a case has begun.
    pub async fn began(&self, case: &str) {
        let place =
            self.suite.prepared.plan.cases.iter().position(|planned| planned.id == format!("s/{case}")).unwrap();
        self.until(case, |event| matches!(event, Event::CaseStarted { index, .. } if *index == place)).await;
    }

    /// Waits until a case has ended.
    pub async fn ended(&self, case: &str) {
        let id = format!("s/{case}");
        self.until(case, |event| matches!(event, Event::CaseFinished { record, .. } if record.id == id)).await;
    }

    /// The folder of the run.
    pub fn work(&self) -> &Path {
        &self.suite.prepared.run.directory
    }

    pub fn id(&self) -> String {
        self.suite.prepared.run.id.clone()
    }

    /// Waits for its end.
    pub async fn end(self) -> Ended {
        let outcome = soon("the end of the run", self.outcome).await.unwrap();
        self.collected.await.unwrap();
        let events = self.events.borrow().clone();
        let finished = events.iter().filter_map(|event| match event {
            Event::CaseFinished { record, .. } => Some((**record).clone()),
            _ => None,
        });
        Ended { outcome, records: finished.collect(), took: self.started.elapsed(), suite: self.suite, events }
    }
}

impl Ended {
    pub fn case(&self, name: &str) -> &CaseRecord {
        let id = format!("s/{name}");
        self.records.iter().find(|record| record.id == id).unwrap_or_else(|| panic!("no record of {id}"))
    }

    /// That these cases passed.
    #[track_caller]
    pub fn passed(&self, names: &[&str]) {
        for name in names {
            assert_eq!(self.case(name).verdict, Some(Verdict::Passed), "{:#?}", self.case(name));
        }
    }

    /// That the case ended so, with all of these words in its reason.
    #[track_caller]
    pub fn told(&self, name: &str, verdict: Verdict, words: &[&str]) {
        let record = self.case(name);
        let reason = record.reason.clone().unwrap_or_default();
        assert_eq!(record.verdict, Some(verdict), "{record:#?}");
        for word in words {
            assert!(reason.contains(word), "no `{word}` in {record:#?}");
        }
    }

    /// That no problem was left.
    #[track_caller]
    pub fn clean(&self) {
        assert_eq!(self.outcome.problems, Vec::<String>::new());
    }

    /// What was taken back, in order.
    pub fn torn_down(&self) -> Vec<&str> {
        let torn = self.events.iter().filter_map(|event| match event {
            Event::TornDown { what, .. } => Some(what.as_str()),
            _ => None,
        });
        torn.collect()
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.prepared.run.directory);
    }
}

/// The provider of TLS, which `main` installs in the command.
pub fn ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
