//! `meshproof list`: what a run would take.

use meshproof_reports::PASSED;
use serde_json::{Value, json};

use super::{
    args::ListArgs,
    begin::begin,
    plan::{actions, expectations},
    run::Prepared,
    show::out,
};
use crate::{
    plan::{Plan, PlannedCase},
    redact::Redactor,
};

/// One line a case: its id, and why it would be skipped.
pub fn list(args: &ListArgs) -> u8 {
    with_plan(args, |plan| match args.json {
        true => format!("{:#}\n", plan.cases.iter().map(case_json).collect::<Value>()),
        false => plan.cases.iter().map(line).collect(),
    })
}

fn with_plan(args: &ListArgs, show: impl Fn(&Plan) -> String) -> u8 {
    match begin(&args.choosing, None) {
        Ok(Prepared { plan, .. }) => {
            out(&redacted(&plan, &show(&plan)));
            PASSED
        }
        Err(code) => code,
    }
}

/// What a step says may have a secret variable in it.
pub(super) fn redacted(plan: &Plan, text: &str) -> String {
    let mut redactor = Redactor::default();
    for secret in &plan.secrets {
        redactor.learn(secret);
    }
    redactor.text(text).into_owned()
}

pub(super) fn line(case: &PlannedCase) -> String {
    match &case.skip {
        Some(reason) => format!("{}  (skipped: {reason})\n", case.id),
        None => format!("{}\n", case.id),
    }
}

pub(super) fn case_json(case: &PlannedCase) -> Value {
    json!({"id": case.id, "title": case.title, "guide": case.guide, "tags": case.tags, "skip": case.skip,
        "place": case.span.place(), "does": actions(case), "expects": expectations(case)})
}
