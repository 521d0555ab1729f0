//! `report.html`: the whole report as one page that reaches nothing else and opens anywhere.
//!
//! What every case's line shows is one piece of JSON in the page; the rest of what is known of cases stands in chunks that are
//! read only when one of theirs is looked at, so that a page with 10,000 cases opens at once. Scripts that are not
//! allowed (as on Jenkins) leave a plain summary.

mod data;

use minijinja::{AutoEscape, Environment, context};

use crate::{
    exit::{Outcome, beyond_cases},
    facts::{counts, simulated},
    record::{CaseRecord, Report, Verdict},
    style::word,
    text::{clean, one_line},
};
use data::{PER_CHUNK, data, details};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPTS: [&str; 7] = [
    include_str!("base.js"),
    include_str!("overview.js"),
    include_str!("grid.js"),
    include_str!("cases.js"),
    include_str!("case.js"),
    include_str!("pages.js"),
    include_str!("app.js"),
];
/// So many cases that did not pass are named where scripts are not allowed.
const MOST_NAMED: usize = 100;

/// The report as a page. The same report gives the same bytes.
#[must_use]
pub fn to_html(report: &Report) -> String {
    let outcome = Outcome::of(report);
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let red: Vec<&CaseRecord> = report.cases.iter().filter(|case| is_red(case.verdict)).collect();
    let chunks: Vec<String> = report.cases.chunks(PER_CHUNK).map(|cases| embedded(&details(cases))).collect();
    let drawn = environment.render_str(
        PAGE,
        context! {
            version => report.run.meshproof_version.as_str(),
            title => title(report),
            outcome => outcome.word(),
            outcome_class => data::class(outcome),
            color => color(outcome),
            style => STYLE,
            simulated => simulated(report).map(|text| text.trim_start_matches("simulated: ").to_owned()),
            counts => counts(report),
            problems => beyond_cases(report).iter().map(|problem| clean(problem).into_owned()).collect::<Vec<_>>(),
            failures => red.iter().take(MOST_NAMED).map(|case| named(case)).collect::<Vec<_>>(),
            left_out => (red.len() > MOST_NAMED).then(|| format!("and {} more", red.len() - MOST_NAMED)),
            footer => format!(
                "Meshproof {}, run {}, {}",
                report.run.meshproof_version, report.run.id, report.run.started_at
            ),
            data => embedded(&data(report)),
            chunks => chunks,
            script => format!("(() => {{\n\"use strict\";\n{}}})();", SCRIPTS.join("\n")),
        },
    );
    drawn.expect("the template names only what it is given")
}

/// JSON that can stand in a page: nothing of it can end the element that it is in, or begin another.
fn embedded(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).expect("every map of it has strings for keys");
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn title(report: &Report) -> String {
    one_line(report.suite.title.as_deref().unwrap_or(&report.suite.name))
}

fn is_red(verdict: Option<Verdict>) -> bool {
    matches!(verdict, None | Some(Verdict::Failed | Verdict::Flaky | Verdict::Errored | Verdict::Blocked))
}

fn named(case: &CaseRecord) -> String {
    let reason = case.reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
    format!("{} {}{reason}", word(case.verdict), one_line(&case.id))
}

/// Of the small picture in the browser's tab.
fn color(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "0b7038",
        Outcome::Failed => "b91c1c",
        Outcome::Unproved => "8427ad",
        Outcome::Interrupted => "7c5200",
    }
}

#[cfg(test)]
mod tests;
