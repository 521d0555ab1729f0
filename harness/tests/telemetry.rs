//! A run reaches a collector as a trace.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::State, routing::post};
use serde_json::Value;

type Got = Arc<Mutex<Vec<Value>>>;

const SUITE: &str = "apiVersion: meshproof.dev/v1alpha1
kind: Scenario
metadata: {name: s}
cases:
  - {name: works, do: [{run: {program: 'true'}}]}
  - {name: fails, do: [{run: {program: 'false'}}]}
  - {name: waits, needs: [fails], do: [{run: {program: 'true'}}]}
";

async fn collector() -> (String, Got) {
    let got = Got::default();
    let take = |State(got): State<Got>, body: String| async move {
        got.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        "{}"
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&got));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, got)
}

/// The run of the command with these variables: its exit code and what it said.
async fn ran(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("s.yaml");
    std::fs::write(&suite, SUITE).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_meshproof"));
    command.args(["run", "--no-preflight"]).arg(&suite).envs(variables.iter().copied());
    let output = command.output().await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn spans(got: &Got) -> Vec<Value> {
    let all = got.lock().unwrap();
    all.iter().flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()).collect()
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

#[tokio::test]
async fn the_run_its_cases_and_steps_are_spans_of_the_callers_trace() {
    let (address, got) = collector().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (code, said) = ran(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), ("TRACEPARENT", parent)]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("trace: 0af7651916cd43dd8448eb211c80319c"), "{said}");
    let spans = spans(&got);
    assert!(spans.iter().all(|span| span["traceId"] == "0af7651916cd43dd8448eb211c80319c"), "{spans:#?}");
    let run = named(&spans, "run");
    assert_eq!(run["parentSpanId"], "b7ad6b7169203331");
    let (works, fails) = (named(&spans, "s/works"), named(&spans, "s/fails"));
    assert_eq!(works["parentSpanId"], run["spanId"]);
    assert_eq!((&works["status"]["code"], &fails["status"]["code"]), (&1.into(), &2.into()));
    assert!(fails["status"]["message"].as_str().unwrap().contains("false"), "{fails:#}");
    assert!(spans.iter().any(|span| span["parentSpanId"] == fails["spanId"]), "its step: {spans:#?}");
    assert!(spans.iter().all(|span| span["name"] != "s/waits"), "a case that never began takes no time");
}

#[tokio::test]
async fn a_collector_that_is_away_changes_no_verdict() {
    let (code, said) = ran(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("failed to send the trace: "), "{said}");
}
