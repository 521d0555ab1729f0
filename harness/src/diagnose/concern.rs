//! What a case is about: the objects, programs and addresses that its steps name.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::{
    action::Action,
    cluster::Object,
    expectation::{Expectation, Namespaces, Subject as Judged, Target},
    language::formats::Selector,
};

/// What the steps of a case were about, in order; the last is the one that decided.
#[derive(Debug, Clone, Default)]
pub struct Concern(Vec<About>);

/// What one step was about.
#[derive(Debug, Clone)]
pub struct About {
    pub deed: Deed,
    /// The step in a phrase: the program's command line, the artifact, the address.
    pub title: String,
    pub subject: Option<Subject>,
    /// Where its workloads are.
    pub namespaces: Vec<String>,
    /// Ports that services must have.
    pub ports: Vec<WantedPort>,
    /// Labels that the subject must have.
    pub labels: BTreeMap<String, String>,
    /// So many containers each pod must have.
    pub containers: Option<usize>,
}

/// The kinds of steps, as far as causes differ by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Changes objects: apply, delete, label, scale.
    Change,
    /// Waits for a value of objects.
    Capture,
    Exec,
    Http,
    Pull,
    Run,
    /// Expects something of the cluster's state.
    State,
    /// Expects that something is not there.
    Absence,
    /// Expects something of what an action gave back.
    Answer,
    /// Expects something of what is in registries.
    Stored,
}

/// The objects of one kind that a step names.
#[derive(Debug, Clone)]
pub struct Subject {
    pub api_version: Option<String>,
    pub kind: String,
    /// `None`: all namespaces, or a cluster-wide kind.
    pub namespace: Option<String>,
    /// Exactly these; empty for all that are selected.
    pub names: Vec<String>,
    pub selector: Option<Selector>,
    pub name_matches: Option<Regex>,
}

/// A port that a service must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPort {
    pub service: String,
    pub namespace: Option<String>,
    pub port: u16,
    pub protocol: String,
}

impl Concern {
    /// An action begins; `namespace` is the scenario's.
    pub fn acts(&mut self, action: &Action, namespace: Option<&str>) {
        let own = |named: &Option<String>| named.as_deref().or(namespace).map(str::to_owned);
        let object = |api_version: &Option<String>, kind: &str, named: &Option<String>, name: &str| Subject {
            names: vec![name.to_owned()],
            api_version: api_version.clone(),
            ..Subject::all(kind, own(named))
        };
        let (deed, subject) = match action {
            Action::Apply(apply) => match apply.objects.as_slice() {
                [one] => (Deed::Change, Subject::of_manifest(one, own(&apply.namespace))),
                _ => (Deed::Change, None),
            },
            Action::Capture(capture) => {
                (Deed::Capture, capture.of.as_ref().map(|of| Subject::of(&of.target(), namespace)))
            }
            Action::Delete(delete) => (Deed::Change, delete.of.as_ref().map(|of| Subject::of(&of.target(), namespace))),
            Action::Exec(exec) => {
                let pods = Subject {
                    names: exec.pod.iter().cloned().collect(),
                    selector: exec.selector.clone(),
                    ..Subject::all("Pod", own(&exec.namespace))
                };
                (Deed::Exec, Some(pods))
            }
            Action::Http(_) => (Deed::Http, None),
            Action::Label(label) => {
                (Deed::Change, Some(object(&label.api_version, &label.kind, &label.namespace, &label.name)))
            }
            Action::Pull(_) => (Deed::Pull, None),
            Action::Run(_) => (Deed::Run, None),
            Action::Scale(scale) => {
                (Deed::Change, Some(object(&scale.api_version, &scale.kind, &scale.namespace, &scale.name)))
            }
        };
        let title = match action {
            Action::Pull(pull) => pull.artifact.clone(),
            action => action.title(),
        };
        let mut about = About::new(deed, title, subject, namespace);
        if let Action::Run(run) = action
            && !run.watch_namespaces.is_empty()
        {
            about.namespaces.clone_from(&run.watch_namespaces);
        }
        self.0.push(about);
    }

    /// An expectation is held against the cluster, or against what the last action gave back.
    pub fn expects(&mut self, expectation: &Expectation, title: String, namespace: Option<&str>) {
        let (deed, subject) = match expectation.subject() {
            Judged::State(watched) => {
                let absent = matches!(expectation, Expectation::Absent(_));
                let deed = if absent { Deed::Absence } else { Deed::State };
                (deed, Some(Subject::of(&watched.target(), namespace)))
            }
            Judged::Gained(_) => (Deed::Answer, None),
            Judged::Stored(_) => (Deed::Stored, None),
        };
        let mut about = About::new(deed, title, subject, namespace);
        match (expectation, &mut about.subject) {
            (Expectation::Deployments(deployments), Some(subject)) => {
                subject.names = deployments.names.clone().unwrap_or_default();
            }
            (Expectation::Inventory(inventory), Some(subject)) => subject.names.clone_from(&inventory.names),
            (Expectation::Object(object), _) => about.labels = labels(object.subset.as_ref()),
            (Expectation::Pods(pods), _) => {
                about.containers = pods.ready.map(|ready| ready.total);
            }
            (Expectation::Services(services), Some(subject)) => {
                subject.names = services.services.iter().map(|service| service.name.clone()).collect();
                let namespace = &subject.namespace;
                let ports = services.services.iter().flat_map(|service| {
                    service.ports.iter().flatten().map(|port| WantedPort {
                        service: service.name.clone(),
                        namespace: namespace.clone(),
                        port: port.port,
                        protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                    })
                });
                about.ports = ports.collect();
            }
            _ => {}
        }
        self.0.push(about);
    }

    /// The step that decided.
    pub fn last(&self) -> Option<&About> {
        self.0.last()
    }

    /// The last step that did something, which an expectation of an answer is about.
    pub fn last_action(&self) -> Option<&About> {
        self.0
            .iter()
            .rev()
            .find(|about| !matches!(about.deed, Deed::State | Deed::Absence | Deed::Answer | Deed::Stored))
    }

    /// Every step, the one that decided first.
    pub fn latest_first(&self) -> impl Iterator<Item = &About> {
        self.0.iter().rev()
    }

    /// The namespaces in which to look, those of the step that decided first; a few at most.
    pub fn namespaces(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for namespace in self.latest_first().flat_map(|about| &about.namespaces) {
            if !all.contains(namespace) {
                all.push(namespace.clone());
            }
        }
        all.truncate(3);
        all
    }
}

impl About {
    fn new(deed: Deed, title: String, subject: Option<Subject>, namespace: Option<&str>) -> Self {
        let own = subject.as_ref().and_then(|subject| subject.namespace.clone());
        let namespaces = own.or(namespace.map(str::to_owned)).into_iter().collect();
        Self { deed, title, subject, namespaces, ports: Vec::new(), labels: BTreeMap::new(), containers: None }
    }
}

impl Subject {
    pub fn all(kind: &str, namespace: Option<String>) -> Self {
        Self {
            api_version: None,
            kind: kind.to_owned(),
            namespace,
            names: Vec::new(),
            selector: None,
            name_matches: None,
        }
    }

    fn of(target: &Target<'_>, namespace: Option<&str>) -> Self {
        let cluster_wide = crate::cluster::Kind::built_in(target.kind).is_some_and(|kind| !kind.namespaced);
        let namespace = match target.namespace {
            _ if cluster_wide => None,
            Namespaces::All => None,
            Namespaces::Named(namespace) => Some(namespace.to_owned()),
            Namespaces::Default => namespace.map(str::to_owned),
        };
        Self {
            api_version: target.api_version.map(str::to_owned),
            kind: target.kind.to_owned(),
            namespace,
            names: target.name.map(str::to_owned).into_iter().collect(),
            selector: target.selector.cloned(),
            name_matches: target.name_matches.cloned(),
        }
    }

    fn of_manifest(object: &Value, namespace: Option<String>) -> Option<Self> {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let namespace = text("/metadata/namespace").or(namespace);
        let names = vec![text("/metadata/name")?];
        Some(Self { api_version: text("/apiVersion"), names, ..Self::all(&text("/kind")?, namespace) })
    }

    pub fn includes(&self, object: &Object) -> bool {
        object.text("/kind") == Some(&self.kind)
            && (object.namespace.is_empty()
                || self.namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace))
            && (self.names.is_empty() || self.names.contains(&object.name))
            && self.selector.as_ref().is_none_or(|selector| selector.matches(&object.labels))
            && self.name_matches.as_ref().is_none_or(|regex| regex.is_match(&object.name))
    }
}

/// The labels that a tree asks for.
fn labels(subset: Option<&Value>) -> BTreeMap<String, String> {
    let labels = subset.and_then(|subset| subset.pointer("/metadata/labels")).and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}
