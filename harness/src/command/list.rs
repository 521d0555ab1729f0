//! `meshproof list` and `meshproof plan`: what a run would take and do.

use std::collections::BTreeMap;

use meshproof_reports::{ERRORED, PASSED};
use serde_json::{Value, json};

use super::{
    args::ListArgs,
    run::{Prepared, prepare},
    show::{self, out},
};
use crate::{
    language::{ActionStep, ExpectationStep},
    plan::{Plan, PlannedCase},
    redact::Redactor,
    yaml::Node,
};

/// One line a case: its id, and why it would be skipped.
pub fn list(args: &ListArgs) -> u8 {
    with_plan(args, |plan| match args.json {
        true => format!("{:#}\n", plan.cases.iter().map(case_json).collect::<Value>()),
        false => plan.cases.iter().map(line).collect(),
    })
}

/// The variables, then each case with its steps.
pub fn plan(args: &ListArgs) -> u8 {
    with_plan(args, |plan| match args.json {
        true => {
            let cases: Vec<Value> = plan.cases.iter().map(case_json).collect();
            format!(
                "{:#}\n",
                json!({"suite": plan.suite, "digest": plan.digest, "variables": plan.variables, "cases": cases})
            )
        }
        false => text(plan),
    })
}

fn with_plan(args: &ListArgs, show: impl Fn(&Plan) -> String) -> u8 {
    match prepare(&args.choosing) {
        Ok(Prepared { plan, warnings, .. }) => {
            show::diagnostics(&warnings);
            out(&redacted(&plan, &show(&plan)));
            PASSED
        }
        Err(diagnostics) => {
            show::diagnostics(&diagnostics);
            ERRORED
        }
    }
}

/// What a step says may have a secret variable in it.
fn redacted(plan: &Plan, text: &str) -> String {
    let mut redactor = Redactor::default();
    for secret in &plan.secrets {
        redactor.learn(secret);
    }
    redactor.text(text).into_owned()
}

fn line(case: &PlannedCase) -> String {
    match &case.skip {
        Some(reason) => format!("{}  (skipped: {reason})\n", case.id),
        None => format!("{}\n", case.id),
    }
}

fn text(plan: &Plan) -> String {
    let mut text = format!("suite {} ({})\n", plan.suite, plan.digest);
    if !plan.variables.is_empty() {
        text.push_str("\nvariables\n");
    }
    for (name, value) in &plan.variables {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let shown: String = value.chars().take(100).collect();
        let more = if shown.len() < value.len() { " …" } else { "" };
        text.push_str(&format!("  {name} = {shown}{more}\n"));
    }
    for case in &plan.cases {
        text.push_str(&format!("\n{}", line(case)));
        if case.skip.is_some() {
            continue;
        }
        if let Some(guide) = &case.guide {
            text.push_str(&format!("  proves   {guide}\n"));
        }
        let ids =
            |list: &[usize]| list.iter().map(|place| plan.cases[*place].id.clone()).collect::<Vec<_>>().join(", ");
        if !case.needs.is_empty() {
            text.push_str(&format!("  needs    {}\n", ids(&case.needs)));
        }
        for title in actions(case) {
            text.push_str(&format!("  does     {title}\n"));
        }
        for title in expectations(case) {
            text.push_str(&format!("  expects  {title}\n"));
        }
        if let Some(known) = &case.known_failure {
            text.push_str(&format!("  fails    known: {}\n", known.issue));
        }
    }
    text
}

/// Steps over captures are told by their verb: the rest is known only while the run goes on.
fn actions(case: &PlannedCase) -> Vec<String> {
    let told = |node| ActionStep::read(&node).map(|step| step.action.title()).unwrap_or_else(|_| verb(&node));
    filled(case, &case.actions).map(told).collect()
}

fn expectations(case: &PlannedCase) -> Vec<String> {
    let told = |node| {
        ExpectationStep::read(&node).map(|step| crate::engine::title(&step.expectation)).unwrap_or_else(|_| verb(&node))
    };
    filled(case, &case.expectations).map(told).collect()
}

/// The steps as they will be read, but for captures.
fn filled<'a>(case: &PlannedCase, steps: &'a [Node]) -> impl Iterator<Item = Node> + use<'a> {
    let filler = case.cell.filler(&BTreeMap::new());
    steps.iter().map(move |node| filler.fill(node).0)
}

fn verb(node: &Node) -> String {
    node.entries().first().map(|entry| entry.key.value.clone()).unwrap_or_default()
}

fn case_json(case: &PlannedCase) -> Value {
    json!({"id": case.id, "title": case.title, "guide": case.guide, "tags": case.tags, "skip": case.skip,
        "place": case.span.place(), "does": actions(case), "expects": expectations(case)})
}
