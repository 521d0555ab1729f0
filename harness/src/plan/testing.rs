//! Suites of a few lines.

use super::{Choices, Plan, RunIdentity, plan};
use crate::load::of_text;

pub const PODS: &str = "expect: [{pods: {selector: app=shop, count: 1}}]";

/// A suite of which `rest` says more, in a document before others.
pub fn suite(rest: &str) -> String {
    format!("apiVersion: meshproof.dev/v1alpha1\nkind: Suite\nmetadata: {{name: shop}}\n{rest}---\n")
}

/// A scenario with a case for each of `cases`, which begin with the name.
pub fn scenario(name: &str, cases: &[&str]) -> String {
    let cases = cases.iter().map(|case| format!("  - {{name: {case}}}\n")).collect::<Vec<_>>().concat();
    format!("apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: {name}}}\ncases:\n{cases}---\n")
}

/// The plan of a text, and its mistakes as `line:column title; help`.
pub fn planned_as(text: &str, choices: &Choices) -> (Plan, Vec<String>) {
    let (loaded, mut diagnostics) = of_text(text);
    let run = RunIdentity { id: "1234".to_owned(), directory: "/run".into() };
    let (plan, problems) = plan(&loaded, choices, &run);
    diagnostics.extend(problems);
    let told = |diagnostic: &crate::diagnostic::Diagnostic| {
        let text = diagnostic.to_string();
        text.trim_start_matches("a.yaml:").replacen(": error:", "", 1).replacen("error: ", "", 1)
    };
    (plan, diagnostics.iter().map(told).collect())
}

pub fn planned(text: &str) -> (Plan, Vec<String>) {
    planned_as(text, &Choices::default())
}

/// The plan of a text without mistakes.
pub fn sound(text: &str) -> Plan {
    let (plan, mistakes) = planned(text);
    assert_eq!(mistakes, [""; 0]);
    plan
}
