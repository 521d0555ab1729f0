//! From objects to findings: what a person would say who reads the same.

mod answers;
mod objects;
mod services;
mod telling;
mod workloads;

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::{
    chain,
    commands::commands,
    concern::Concern,
    evidence::{Evidence, Happening, Log, Symptom},
    judge::judge,
    references::References,
};
use crate::{
    action::Action,
    artifact::{ArchiveError, PullError},
    cluster::Object,
    expectation::{Expectation, testing::expectation},
    registry::RegistryError,
};

fn object(json: Value) -> Arc<Object> {
    crate::expectation::testing::object(json)
}

/// What a case expects, or does, as a scenario writes it.
fn expects(yaml: &str) -> Concern {
    let mut concern = Concern::default();
    let read: Expectation = expectation(yaml);
    concern.expects(&read, crate::engine::title(&read), Some("ns"));
    concern
}

fn does(yaml: &str) -> Concern {
    let mut concern = Concern::default();
    concern.acts(&expectation::<Action>(yaml), Some("ns"));
    concern
}

fn then(mut concern: Concern, yaml: &str) -> Concern {
    let read: Expectation = expectation(yaml);
    concern.expects(&read, crate::engine::title(&read), Some("ns"));
    concern
}

/// Everything in the namespace was looked at.
fn evidence(concern: Concern, objects: Vec<Value>) -> Evidence {
    let mut evidence = Evidence::of(concern, Symptom { reason: "it is not so".to_owned(), ..Symptom::default() });
    evidence.objects = objects.into_iter().map(object).collect();
    evidence.relevant = chain::relevant(&evidence.concern, &evidence.objects);
    for kind in ["Pod", "Deployment", "Service", "Gateway", "Secret"] {
        evidence.looked.insert((kind.to_owned(), "ns".to_owned()));
    }
    evidence
}

#[track_caller]
fn found(evidence: &Evidence, cause: &str, sentence: &str) {
    let finding = judge(evidence);
    assert_eq!((finding.cause(), finding.to_string().as_str()), (cause, sentence), "{evidence:#?}");
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "ns", "labels": {"app": "a"}, "uid": name})
}

fn pod(status: Value) -> Value {
    json!({"kind": "Pod", "metadata": meta("a-1"),
        "spec": {"containers": [{"name": "app", "image": "registry.example/shop/app:9", "resources": {"limits": {"memory": "64Mi"}}}], "nodeName": "node-1"},
        "status": status})
}

fn container(state: Value, last: Value, restarts: u64) -> Value {
    json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "ready": false, "restartCount": restarts, "state": state, "lastState": last}]})
}

fn waiting(reason: &str, message: &str) -> Value {
    container(json!({"waiting": {"reason": reason, "message": message}}), json!({}), 0)
}

fn ready() -> Value {
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [
        {"name": "app", "image": "registry.example/shop/app:9", "imageID": "sha256:a", "ready": true, "restartCount": 0, "state": {"running": {}}}]})
}

fn deployment(replicas: u64) -> Value {
    json!({"kind": "Deployment", "metadata": meta("a"),
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "a"}}}}, "status": {}})
}

fn namespace(labels: Value) -> Value {
    json!({"kind": "Namespace", "metadata": {"name": "ns", "labels": labels}})
}

fn route(host: &str, gateway: &str) -> Value {
    json!({"kind": "VirtualService", "metadata": {"name": "shop", "namespace": "ns"},
        "spec": {"gateways": [gateway, "mesh"], "http": [{"route": [{"destination": {"host": host}}]}]}})
}

fn service(spec: Value) -> Value {
    json!({"kind": "Service", "metadata": meta("a"), "spec": spec})
}

const PODS: &str = "{pods: {selector: app=a, count: 1, ready: 1/1}}";
