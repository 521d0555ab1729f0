//! `report.md`: the report for a pull request's comment or a job's summary.
//!
//! GitHub takes comments of 65,536 characters; what would make it longer is left to `report.html`, and that is said.

mod case;
mod escape;

use crate::{
    exit::{Outcome, beyond_cases},
    facts::{counts, ground, set_aside, simulated, slowest},
    grid::{Table, square},
    record::{CaseRecord, CellRecord, Report, Verdict},
    style::{count, duration, word},
};
use case::{line, story};
use escape::html;
pub(crate) use escape::{code, inline};

/// Bytes that the stories of cases may fill together. What else there is stays well within the rest.
const FOR_STORIES: usize = 40_000;
/// Cases without a story that are named.
const MOST_NAMED: usize = 60;
/// Rows of any table that follows from the suite.
const MOST_ROWS: usize = 60;

/// The report in Markdown as GitHub reads it, GitLab's being near enough. It begins `## ✅ passed` exactly when the exit code is 0.
#[must_use]
pub fn to_markdown(report: &Report) -> String {
    let blocks = [headline(report), grid(report), failures(report), beyond(report), folded(report)];
    let blocks: Vec<_> = blocks.into_iter().filter(|block| !block.is_empty()).collect();
    blocks.join("\n")
}

fn headline(report: &Report) -> String {
    let outcome = Outcome::of(report);
    let mark = match outcome {
        Outcome::Passed => "✅",
        Outcome::Failed => "❌",
        Outcome::Unproved => "⚠️",
        Outcome::Interrupted => "⏹️",
    };
    let title = report.suite.title.as_deref().unwrap_or(&report.suite.name);
    let mut text = format!("## {mark} {}: {}\n\n", outcome.word(), inline(title));
    if let Some(simulated) = simulated(report) {
        text.push_str(&format!("> [!WARNING]\n> {}\n\n", inline(&simulated)));
    }
    let shard = report.run.shard.as_ref().map(|shard| format!(" · part {}", inline(shard))).unwrap_or_default();
    text.push_str(&format!(
        "**{}** in {} · {} · run {}{shard} · {}\n",
        counts(report),
        duration(report.run.duration_ms),
        inline(&ground(report)),
        code(&report.run.id),
        inline(&report.run.started_at),
    ));
    text
}

/// One axis across, the others down; a list where the cells do not fit into a table.
fn grid(report: &Report) -> String {
    if report.cells.len() < 2 {
        return String::new();
    }
    let result = |cell: &CellRecord| {
        let (verdict, text) = square(cell);
        format!("{} {text}", case::mark(verdict))
    };
    let Some(Table { axis, columns, rows }) = Table::of(report).filter(|table| table.rows.len() <= MOST_ROWS) else {
        let line = |cell: &CellRecord| format!("| {} | {} |\n", inline(&cell.name), result(cell));
        let lines: Vec<_> = report.cells.iter().take(MOST_ROWS).map(line).collect();
        return table(&["cell", "result"], &lines) + &more(report.cells.len(), MOST_ROWS);
    };
    let heads: Vec<_> = std::iter::once(axis).chain(columns.iter().map(String::as_str)).map(inline).collect();
    let line = |(name, squares): (&String, &Vec<Option<&CellRecord>>)| {
        let squares: Vec<_> = squares.iter().map(|cell| cell.map_or_else(String::new, result)).collect();
        format!("| {} | {} |\n", inline(name), squares.join(" | "))
    };
    let heads: Vec<_> = heads.iter().map(String::as_str).collect();
    table(&heads, &rows.iter().map(line).collect::<Vec<_>>())
}

fn failures(report: &Report) -> String {
    let red = |case: &&CaseRecord| matches!(case.verdict, Some(Verdict::Failed | Verdict::Flaky | Verdict::Errored));
    let mut cases: Vec<_> = report.cases.iter().filter(red).collect();
    if cases.is_empty() {
        return String::new();
    }
    cases.sort_by_key(|case| case::WORST_FIRST.iter().position(|verdict| *verdict == case.verdict));
    let mut text = format!("### What did not pass: {}\n\n", count(cases.len(), "case"));
    let mut told = 0;
    for case in &cases {
        let story = story(case, told < 3);
        if text.len() + story.len() > FOR_STORIES {
            break;
        }
        text.push_str(&story);
        told += 1;
    }
    let rest = &cases[told..];
    text.extend(rest.iter().take(MOST_NAMED).map(|case| line(case)));
    text + &more(rest.len(), MOST_NAMED)
}

fn beyond(report: &Report) -> String {
    let reasons = beyond_cases(report);
    if reasons.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = reasons.iter().take(MOST_ROWS).map(|reason| format!("- {}\n", inline(reason))).collect();
    format!("### Beyond the cases\n\n{}{}", lines.concat(), more(reasons.len(), MOST_ROWS))
}

fn folded(report: &Report) -> String {
    let slow = slowest(report);
    let rows: Vec<String> =
        slow.iter().map(|case| format!("| {} | {} |\n", duration(case.duration_ms), code(&case.id))).collect();
    let mut text = fold("Slowest cases", &table(&["took", "case"], &rows));

    let aside = set_aside(report);
    let row = |(verdict, reason, cases): &(Option<Verdict>, String, Vec<&CaseRecord>)| {
        format!("| {} | {} | {} |\n", word(*verdict), cases.len(), inline(reason))
    };
    let rows: Vec<String> = aside.iter().take(MOST_ROWS).map(row).collect();
    let body = table(&["verdict", "cases", "reason"], &rows) + &more(aside.len(), MOST_ROWS);
    let cases: usize = aside.iter().map(|(_, _, cases)| cases.len()).sum();
    text.push_str(&fold(&format!("Set aside: {}", count(cases, "case")), &body));
    text + &fold("What it stood on", &stood_on(report))
}

/// Suite, versions and images with their digests.
fn stood_on(report: &Report) -> String {
    let run = &report.run;
    let mut facts = vec![
        ("suite".to_owned(), format!("{} {}", code(&report.suite.name), code(&report.suite.digest))),
        ("Meshproof".to_owned(), inline(&run.meshproof_version)),
    ];
    if let Some(url) = &report.suite.guide_url {
        facts.push(("guide".to_owned(), inline(url)));
    }
    for cell in report.cells.iter().filter(|cell| report.cells.len() < 5 || cell.name.is_empty()) {
        let Some(cluster) = &cell.cluster else { continue };
        let at = if cell.name.is_empty() { String::new() } else { format!(" of {}", inline(&cell.name)) };
        let simulated = if cluster.simulated { ", simulated" } else { "" };
        let told = format!("{} ({}{simulated})", inline(&cluster.context), inline(&cluster.provider));
        facts.push((format!("cluster{at}"), told));
        facts.extend(cluster.versions.iter().map(|(name, version)| (inline(name) + &at, inline(version))));
    }
    let spoken = run.contacted.iter().take(MOST_ROWS);
    facts.extend(
        spoken.map(|one| ("spoken to".to_owned(), format!("{}, {} requests", code(&one.address), one.requests))),
    );
    let mut images: Vec<_> =
        report.cells.iter().filter_map(|cell| cell.cluster.as_ref()).flat_map(|one| &one.images).collect();
    images.sort();
    images.dedup();
    facts.extend(images.iter().take(MOST_ROWS).map(|seen| (code(&seen.image), code(&seen.digest))));
    let rows: Vec<String> = facts.iter().map(|(name, value)| format!("| {name} | {value} |\n")).collect();
    table(&["", ""], &rows) + &more(images.len(), MOST_ROWS)
}

pub(crate) fn fold(title: &str, body: &str) -> String {
    match body.is_empty() {
        true => String::new(),
        false => format!("<details><summary>{}</summary>\n\n{body}\n</details>\n", html(title)),
    }
}

pub(crate) fn table(heads: &[&str], rows: &[String]) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => format!("| {} |\n|{}\n{}", heads.join(" | "), "---|".repeat(heads.len()), rows.concat()),
    }
}

pub(crate) fn more(all: usize, shown: usize) -> String {
    if all > shown { format!("\nand {} more, in the whole report\n", all - shown) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    use rstest::rstest;

    use super::*;
    use crate::samples;

    #[rstest]
    #[case::all_green("all_green", samples::all_green())]
    #[case::mixed("mixed", samples::mixed())]
    #[case::diagnosed("diagnosed", samples::diagnosed())]
    #[case::interrupted("interrupted", samples::interrupted())]
    #[case::matrix("matrix", samples::matrix())]
    #[case::empty("empty", samples::empty())]
    #[case::hostile("hostile", samples::hostile())]
    fn drawn(#[case] name: &str, #[case] report: Report) {
        insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(format!("{name}.md"), to_markdown(&report));
        });
    }

    #[test]
    fn of_10_000_cases_it_still_fits_a_comment() {
        let mut report = samples::many();
        for case in report.cases.iter_mut().step_by(3) {
            case.verdict = Some(Verdict::Failed);
            case.reason = Some("expected six pods, ".repeat(40));
            case.seen = Some("a long line of a log\n".repeat(200));
        }
        report.refresh();
        let text = to_markdown(&report);
        assert!(text.chars().count() < 65_536, "{} characters", text.chars().count());
        assert!(text.contains("in the whole report"), "what is left out is said");
    }

    #[test]
    fn nothing_that_a_cluster_said_is_markup() {
        let evil = "</details>\n\n# heading\n\n```\n<img src=x> | [a](b) @team #1 `c` \u{1b}[31m";
        let mut report = samples::hostile();
        report.suite.title = Some(evil.to_owned());
        report.problems.push(evil.to_owned());
        for case in &mut report.cases {
            for text in [&mut case.id, &mut case.scenario, &mut case.title] {
                *text = evil.to_owned();
            }
            for text in [&mut case.reason, &mut case.expected, &mut case.seen, &mut case.guide] {
                *text = Some(evil.to_owned());
            }
        }
        let text = to_markdown(&report);
        assert!(!text.contains('\u{1b}'));
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => assert!(!html.contains("<img"), "{html}"),
                Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link that nobody wrote: {text}"),
                Event::Start(Tag::Heading { level, .. }) => assert!(level as u8 > 1, "{text}"),
                _ => {}
            }
        }
    }

    #[test]
    fn it_says_passed_exactly_when_the_exit_code_is_zero() {
        for report in samples::every_combination() {
            let text = to_markdown(&report);
            assert_eq!(text.starts_with("## ✅ passed"), crate::exit_code(&report) == crate::PASSED, "{text}");
        }
    }
}
