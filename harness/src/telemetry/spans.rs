//! Records to spans: pure but for the ids.

use std::time::{Duration, SystemTime};

use meshproof_reports::{CaseRecord, CaseRun, CellRecord, MomentKind, Report, StepRecord, Verdict, exit_code};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

/// What all spans of a run have in common.
#[derive(Debug, Clone)]
pub struct Family {
    pub trace: TraceId,
    /// Who asked for the run; invalid where nobody did.
    pub parent: SpanId,
    state: TraceState,
}

impl Family {
    /// A part of the trace of `parent`, or a trace of its own.
    pub fn of(parent: &SpanContext) -> Self {
        let own = !parent.is_valid();
        Self {
            trace: if own { RandomIdGenerator::default().new_trace_id() } else { parent.trace_id() },
            parent: parent.span_id(),
            state: parent.trace_state().clone(),
        }
    }
}

/// The spans of a run: the run first, each before what it contains.
pub fn spans(report: &Report, family: &Family) -> Vec<SpanData> {
    let began = time(&report.run.started_at).unwrap_or(SystemTime::UNIX_EPOCH);
    let whole = Lasted { began, ended: began + Duration::from_millis(report.run.duration_ms) };
    let mut run = family.span("run", family.parent, whole);
    run.parent_span_is_remote = family.parent != SpanId::INVALID;
    let code = exit_code(report);
    let simulated = report.cells.iter().filter_map(|cell| cell.cluster.as_ref()).any(|cluster| cluster.simulated);
    run.attributes = vec![
        KeyValue::new("meshproof.run.id", report.run.id.clone()),
        KeyValue::new("test.suite.name", report.suite.name.clone()),
        KeyValue::new("meshproof.suite.digest", report.suite.digest.clone()),
        KeyValue::new("meshproof.simulated", simulated),
        KeyValue::new("process.exit.code", i64::from(code)),
    ];
    run.status = match code {
        0 => Status::Ok,
        code => Status::error(format!("exit code {code}")),
    };
    let id = run.span_context.span_id();
    let mut spans = vec![run];
    for cell in &report.cells {
        let cases: Vec<&CaseRecord> = report.cases.iter().filter(|case| case.cell == cell.name).collect();
        let ran: Vec<Lasted> = cases.iter().flat_map(|case| runs(case)).filter_map(|run| Lasted::of(&run)).collect();
        let (Some(began), Some(ended)) = (ran.iter().map(|ran| ran.began).min(), ran.iter().map(|ran| ran.ended).max())
        else {
            continue;
        };
        // A run without a matrix has one cell without a name, which is the run itself.
        let parent = match cell.name.is_empty() {
            true => id,
            false => {
                let span = family.of_cell(cell, id, Lasted { began, ended });
                let id = span.span_context.span_id();
                spans.push(span);
                id
            }
        };
        spans.extend(cases.into_iter().flat_map(|case| family.of_case(case, parent)));
    }
    spans
}

/// From when to when.
#[derive(Debug, Clone, Copy)]
struct Lasted {
    began: SystemTime,
    ended: SystemTime,
}

impl Lasted {
    /// `None` for what never began.
    fn of(run: &CaseRun) -> Option<Self> {
        let began = time(run.started_at.as_deref()?)?;
        Some(Self { began, ended: began + Duration::from_millis(run.duration_ms) })
    }
}

impl Family {
    fn span(&self, name: &str, parent: SpanId, lasted: Lasted) -> SpanData {
        let id = RandomIdGenerator::default().new_span_id();
        SpanData {
            span_context: SpanContext::new(self.trace, id, TraceFlags::SAMPLED, false, self.state.clone()),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.to_owned().into(),
            start_time: lasted.began,
            end_time: lasted.ended,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("meshproof")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }

    fn of_cell(&self, cell: &CellRecord, parent: SpanId, lasted: Lasted) -> SpanData {
        let mut span = self.span(&cell.name, parent, lasted);
        let value = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let axis =
            |(axis, of): (&String, &serde_json::Value)| KeyValue::new(format!("meshproof.axis.{axis}"), value(of));
        span.attributes.extend(cell.values.iter().map(axis));
        if let Some(cluster) = &cell.cluster {
            span.attributes.push(KeyValue::new("k8s.cluster.name", cluster.context.clone()));
            span.attributes.push(KeyValue::new("meshproof.kubernetes.version", cluster.kubernetes_version.clone()));
        }
        span
    }

    /// A span for each time that it ran, and those of its steps; nothing for one that never began.
    fn of_case(&self, case: &CaseRecord, parent: SpanId) -> Vec<SpanData> {
        let mut spans = Vec::new();
        for run in runs(case) {
            let Some(lasted) = Lasted::of(&run) else { continue };
            let mut span = self.span(&case.id, parent, lasted);
            span.attributes = attributes(case, run.verdict);
            span.status = status(run.verdict, run.reason.as_deref());
            let id = span.span_context.span_id();
            // What else is told of a case is of the run that decided its verdict.
            let steps = if run.started_at == case.started_at {
                span.events = events(case, lasted.began);
                self.of_steps(&case.steps, id, lasted)
            } else {
                Vec::new()
            };
            spans.push(span);
            spans.extend(steps);
        }
        spans
    }

    /// Steps follow each other without a pause.
    fn of_steps(&self, steps: &[StepRecord], parent: SpanId, case: Lasted) -> Vec<SpanData> {
        let mut began = case.began;
        let reached = steps.iter().filter(|step| step.verdict.is_some());
        let of_step = |step: &StepRecord| {
            let ended = (began + Duration::from_millis(step.duration_ms)).min(case.ended.max(began));
            let mut span = self.span(&step.title, parent, Lasted { began, ended });
            span.attributes = place(&step.place);
            span.status = status(step.verdict, step.reason.as_deref());
            began = ended;
            span
        };
        reached.map(of_step).collect()
    }
}

/// Each time that a case ran.
fn runs(case: &CaseRecord) -> Vec<CaseRun> {
    if !case.runs.is_empty() {
        return case.runs.clone();
    }
    let CaseRecord { verdict, reason, started_at, duration_ms, .. } = case;
    vec![CaseRun {
        verdict: *verdict,
        reason: reason.clone(),
        started_at: started_at.clone(),
        duration_ms: *duration_ms,
    }]
}

fn attributes(case: &CaseRecord, verdict: Option<Verdict>) -> Vec<KeyValue> {
    let mut attributes = place(&case.place);
    attributes.push(KeyValue::new("test.case.name", case.title.clone()));
    // The convention knows two words; what was not judged has none.
    match verdict {
        Some(Verdict::Passed) => attributes.push(KeyValue::new("test.case.result.status", "pass")),
        Some(Verdict::Failed | Verdict::Flaky | Verdict::Errored | Verdict::KnownFail) => {
            attributes.push(KeyValue::new("test.case.result.status", "fail"));
        }
        Some(Verdict::Blocked | Verdict::Skipped | Verdict::NotRun) | None => {}
    }
    let told = [
        ("meshproof.verdict", verdict.map(|verdict| verdict.word().to_owned())),
        ("meshproof.guide", case.guide.clone()),
        ("meshproof.expected", case.expected.clone()),
        ("meshproof.seen", case.seen.clone()),
        ("meshproof.finding", case.diagnosis.as_ref().map(|diagnosis| diagnosis.finding.clone())),
    ];
    attributes.extend(told.into_iter().filter_map(|(name, value)| Some(KeyValue::new(name, value?))));
    attributes
}

fn place(place: &meshproof_reports::Place) -> Vec<KeyValue> {
    let line = i64::try_from(place.line).unwrap_or(i64::MAX);
    vec![KeyValue::new("code.file.path", place.file.clone()), KeyValue::new("code.line.number", line)]
}

fn status(verdict: Option<Verdict>, reason: Option<&str>) -> Status {
    match verdict {
        Some(Verdict::Passed) => Status::Ok,
        Some(Verdict::Failed | Verdict::Errored | Verdict::Flaky) => {
            Status::error(reason.unwrap_or("no reason was given").to_owned())
        }
        _ => Status::Unset,
    }
}

fn events(case: &CaseRecord, began: SystemTime) -> SpanEvents {
    let event = |moment: &meshproof_reports::Moment| {
        let name = match moment.kind {
            MomentKind::Waits => "waits",
            MomentKind::Sees => "sees",
            MomentKind::Met => "met",
            MomentKind::LeftOut => "left out",
        };
        let text = vec![KeyValue::new("meshproof.text", moment.text.clone())];
        Event::new(name, began + Duration::from_millis(moment.at_ms), text, 0)
    };
    let mut events = SpanEvents::default();
    events.events = case.timeline.iter().map(event).collect();
    events
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}
