//! A run as a trace of OpenTelemetry: the run, its cells, their cases and steps, drawn from the same records as every report.
//!
//! Sent at the end of a run where the standard variables name a collector: `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, with `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_EXPORTER_OTLP_TIMEOUT`; by HTTP, as JSON. The trace is a
//! part of the one that `TRACEPARENT` names, as CI systems do.

mod spans;

pub use spans::{Family, spans};

use std::collections::HashMap;

use meshproof_reports::Report;
use opentelemetry::{
    KeyValue,
    propagation::TextMapPropagator,
    trace::{TraceContextExt, TraceId},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SpanData, SpanExporter as _},
};

/// So many spans go in one request; a collector takes 4 MiB by default.
const AT_ONCE: usize = 256;

/// Whether the environment names a collector.
pub fn is_wanted() -> bool {
    let names = |variable| std::env::var(variable).is_ok_and(|value| !value.is_empty());
    let disabled = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !disabled && (names("OTEL_EXPORTER_OTLP_ENDPOINT") || names("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// Sends the run; gives the id of its trace. `Err` completes "failed to send the trace: ".
pub async fn send(report: &Report) -> Result<TraceId, String> {
    let client = reqwest::Client::builder().build().map_err(|error| error.to_string())?;
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpJson).with_http_client(client);
    let mut exporter = exporter.build().map_err(|error| error.to_string())?;
    exporter.set_resource(&resource());
    let family = Family::of(&TraceContextPropagator::new().extract(&carrier()).span().span_context().clone());
    let spans: Vec<SpanData> = spans(report, &family);
    for batch in spans.chunks(AT_ONCE) {
        exporter.export(batch.to_vec()).await.map_err(|error| error.to_string())?;
    }
    Ok(family.trace)
}

fn resource() -> Resource {
    // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win: the builder has read them.
    let named = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "meshproof".to_owned());
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder().with_service_name(named).with_attribute(version).build()
}

fn carrier() -> HashMap<String, String> {
    let told = |name: &str| Some((name.to_lowercase(), std::env::var(name).ok()?));
    ["TRACEPARENT", "TRACESTATE"].iter().filter_map(|name| told(name)).collect()
}
