//! `meshproof plan`: what a run would do, to the last object, image, address and right.

use std::collections::{BTreeMap, BTreeSet};

use meshproof_reports::{ERRORED, PASSED};
use serde_json::{Value, json};

use super::{
    args::PlanArgs,
    begin::begin,
    list::{case_json, line, redacted},
    outlook,
    run::{Prepared, provide},
    show::{self, out},
};
use crate::{
    diagnostic::Diagnostic,
    engine::make_directory,
    language::{ActionStep, ExpectationStep},
    plan::{Plan, PlannedCase},
    preflight::{Seen, look},
    redact::Secrets,
    yaml::Node,
};

/// The variables, each case with its steps, and what all of them together do. Only `--live` contacts anything.
pub fn plan(args: &PlanArgs) -> u8 {
    let prepared = match begin(&args.choosing, args.live.then(|| args.cluster.contradiction()).flatten()) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let seen = match args.live.then(|| live(args, &prepared)).transpose() {
        Ok(seen) => seen,
        Err(problem) => {
            show::diagnostics(&[problem]);
            return ERRORED;
        }
    };
    out(&redacted(&prepared.plan, &shown(args, &prepared.plan, seen.as_ref())));
    PASSED
}

fn shown(args: &PlanArgs, plan: &Plan, seen: Option<&Seen>) -> String {
    let outlook = plan.outlook();
    let there: Option<BTreeSet<String>> = seen.map(|seen| seen.namespaces.clone());
    let rules = outlook.rules_with(there.as_ref(), &args.also);
    if args.rbac {
        return outlook::manifest(&outlook, &rules);
    }
    if !args.json {
        return text(plan) + &outlook::text(&outlook, &rules, seen);
    }
    let cases: Vec<Value> = plan.cases.iter().map(case_json).collect();
    let mut json = json!({"suite": plan.suite, "digest": plan.digest, "variables": plan.variables, "cases": cases});
    json["effects"] = outlook::json(&outlook, &rules, seen);
    format!("{json:#}\n")
}

/// What of the plan's objects is on the cluster.
fn live(args: &PlanArgs, prepared: &Prepared) -> Result<Seen, Diagnostic> {
    let failed = |error: String| Diagnostic::error(error);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| failed(format!("failed to start: {error}")))?;
    let work = make_directory(&prepared.run).map_err(failed)?;
    let seen = runtime.block_on(async {
        let cluster = provide(&args.cluster, &prepared.plan, &work, &Secrets::default())
            .await
            .map_err(|error| failed(error.to_string()))?;
        look(&cluster, &prepared.plan.outlook()).await.map_err(|trouble| failed(trouble.to_string()))
    });
    let _ = std::fs::remove_dir_all(&work);
    seen
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
pub(super) fn actions(case: &PlannedCase) -> Vec<String> {
    let told = |node| ActionStep::read(&node).map(|step| step.action.title()).unwrap_or_else(|_| verb(&node));
    filled(case, &case.actions).map(told).collect()
}

pub(super) fn expectations(case: &PlannedCase) -> Vec<String> {
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
