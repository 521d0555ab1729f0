//! The end of a run on a terminal: least important first, because the last lines are the ones still on the screen.

use indexmap::IndexSet;

use crate::{
    case::{explained, story},
    exit::beyond_cases,
    facts::{set_aside, slowest},
    grid::grid,
    record::{CaseRecord, Cluster, Report, Summary, Verdict},
    style::{Style, count, duration, word},
    text::{clean, one_line, wrap},
};

/// The whole summary, ending in a line break: what was set aside and why, the slowest, every errored and failed case, what went
/// wrong beyond the cases, the grid of cells, then the counts.
#[must_use]
pub fn to_terminal(report: &Report, style: Style) -> String {
    let mut blocks = vec![aside(report, style), slow(report, style)];
    for verdict in [Verdict::Errored, Verdict::Flaky, Verdict::Failed] {
        let cases = report.cases.iter().filter(|case| case.verdict == Some(verdict));
        blocks.extend(cases.map(|case| story(case, style)));
    }
    blocks.push(beyond_cases(report).iter().flat_map(|reason| problem(reason, style)).collect());
    blocks.extend(report.evidence.iter().map(|evidence| explained(evidence, style)));
    blocks.push(grid(report, style));
    blocks.push(closing(report, style));
    blocks.retain(|lines| !lines.is_empty());
    let blocks: Vec<_> = blocks.iter().map(|lines| lines.join("\n")).collect();
    blocks.join("\n\n") + "\n"
}

/// Cases that were not judged or do not count, a line for each reason.
fn aside(report: &Report, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (verdict, reason, cases) in set_aside(report) {
        let what = count(cases.len(), "case");
        let text = match verdict {
            None => format!("{what} without a verdict: the run ended before"),
            Some(Verdict::Blocked) => format!("{what} blocked {}", blocked_by(&reason)),
            Some(verdict) => format!("{what} {}: {reason}", verdict.word()),
        };
        for (n, line) in wrap(&text, style.columns(2)).iter().enumerate() {
            let indent = if n == 0 { "" } else { "  " };
            lines.push(format!("{indent}{}", style.paint(verdict, line)));
        }
        if style.verbose {
            lines.extend(cases.iter().map(|case| format!("  {}", one_line(&case.id))));
        }
    }
    lines
}

/// The slowest cases, the slowest last.
fn slow(report: &Report, style: Style) -> Vec<String> {
    let cases = slowest(report);
    if cases.is_empty() {
        return Vec::new();
    }
    let line = |case: &&CaseRecord| {
        let time = style.paint(case.verdict, &format!("{:>9}", duration(case.duration_ms)));
        format!("{time}  {}", one_line(&case.id))
    };
    std::iter::once("slowest:".to_owned()).chain(cases.iter().rev().map(line)).collect()
}

/// `by install/istio`, whether the reason is a bare id, says so itself, or is a sentence.
fn blocked_by(reason: &str) -> String {
    match reason.strip_prefix("blocked ") {
        Some(rest) => rest.to_owned(),
        None if reason.contains(' ') => format!("because {reason}"),
        None => format!("by {reason}"),
    }
}

fn problem(reason: &str, style: Style) -> Vec<String> {
    const HEAD: &str = "problem: ";
    let parts = wrap(&clean(reason), style.columns(HEAD.len())).join(&format!("\n{}", " ".repeat(HEAD.len())));
    vec![format!("{} {parts}", style.paint(Some(Verdict::Errored), HEAD.trim_end()))]
}

fn closing(report: &Report, style: Style) -> Vec<String> {
    let mut lines = counts(report, style);
    let mut grounds: IndexSet<String> =
        report.cells.iter().filter_map(|cell| cell.cluster.as_ref()).map(ground).collect();
    if grounds.is_empty() {
        grounds.insert(report.cluster.as_ref().map_or_else(|| "no cluster was reached".to_owned(), ground));
    }
    lines.extend(grounds.iter().flat_map(|ground| wrap(ground, style.columns(0))));
    lines
}

/// `64 cases: 60 passed, 4 failed in 12m 3s`. Broken by hand: the parts are painted, and escapes take no columns.
fn counts(report: &Report, style: Style) -> Vec<String> {
    let mut line = count(report.cases.len(), "case");
    let (mut lines, mut used, mut joint) = (Vec::new(), line.len(), ":");
    let mut add = |text: &str, painted: &str, joint: &str| {
        used += joint.len() + 1 + text.len();
        line.push_str(joint);
        // One column is kept for the comma that may follow.
        if used + 1 > style.columns(0) {
            lines.push(std::mem::take(&mut line));
            used = 2 + text.len();
            line.push(' ');
        }
        line.push(' ');
        line.push_str(painted);
    };
    for (verdict, n) in Summary::of(&report.cases).each() {
        let text = format!("{n} {}", word(verdict));
        add(&text, &style.paint(verdict, &text), joint);
        joint = ",";
    }
    let time = format!("in {}", duration(report.run.duration_ms));
    add(&time, &time, "");
    lines.push(line);
    lines
}

/// What a cell stood on.
fn ground(cluster: &Cluster) -> String {
    let Cluster { provider, context, kubernetes_version: version, .. } = cluster;
    one_line(&if provider == "none" {
        "without a cluster".to_owned()
    } else if cluster.simulated {
        format!("simulated cluster, Kubernetes {version}: nothing was tested on a real one")
    } else {
        format!("on {context} ({provider}), Kubernetes {version}")
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::{
        diagnosis::{Evidence, EvidenceKind},
        samples,
    };

    #[rstest]
    #[case::all_green("all_green", samples::all_green())]
    #[case::mixed("mixed", samples::mixed())]
    #[case::diagnosed("diagnosed", samples::diagnosed())]
    #[case::interrupted("interrupted", samples::interrupted())]
    #[case::matrix("matrix", samples::matrix())]
    #[case::empty("empty", samples::empty())]
    #[case::hostile("hostile", samples::hostile())]
    fn summaries(#[case] name: &str, #[case] report: Report, #[values(80, 120)] width: usize) {
        let text = to_terminal(&report, Style { width, ..Style::default() });
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(format!("{name}.{width}.txt"), text);
        });
    }

    #[rstest]
    #[case::color("mixed.color.txt", Style { color: true, ..Style::default() })]
    #[case::verbose("mixed.verbose.txt", Style { verbose: true, ..Style::default() })]
    fn styles(#[case] name: &str, #[case] style: Style) {
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(name, to_terminal(&samples::mixed(), style));
        });
    }

    #[rstest]
    fn prose_fits_and_nothing_hostile_is_left(#[values(40, 60, 80, 120)] width: usize) {
        let text = to_terminal(&samples::hostile(), Style { width, ..Style::default() });
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        let is_pasted = |line: &&str| line.contains("kubectl") || line.contains(".yaml:");
        for line in text.lines().filter(|line| !is_pasted(line)) {
            assert!(line.width() <= width, "{} columns: {line}", line.width());
        }
    }

    #[rstest]
    #[case::id("install/istio", "1 case blocked by install/istio")]
    #[case::said_itself("blocked by install/istio", "1 case blocked by install/istio")]
    #[case::sentence("install/istio failed", "1 case blocked because install/istio failed")]
    fn blocked(#[case] reason: &str, #[case] expected: &str) {
        let mut report = samples::of_verdicts(&[Some(Verdict::Blocked)]);
        report.cases[0].reason = Some(reason.to_owned());
        let text = to_terminal(&report, Style::default());
        assert_eq!(text.lines().next(), Some(expected));
    }

    #[test]
    fn never_green_without_a_word_when_the_exit_code_is_not() {
        for report in samples::every_combination() {
            let text = to_terminal(&report, Style::default());
            let complains = ["problem: ", "failed  ", "flaky  ", "errored  ", "without a verdict"];
            let complained = complains.iter().any(|complaint| text.contains(complaint));
            assert_eq!(complained, crate::exit_code(&report) != crate::PASSED, "{text}");
        }
    }

    #[test]
    fn what_explains_a_problem_is_shown_by_its_end() {
        let mut report = samples::all_green();
        report.problems = vec!["failed to boot the node: it is not up".to_owned()];
        report.evidence = vec![Evidence {
            title: "what was to boot the node".to_owned(),
            kind: EvidenceKind::Output,
            text: (1..=30).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n"),
            truncated: false,
        }];
        let brief = to_terminal(&report, Style::default());
        assert!(brief.contains("output of what was to boot the node") && brief.contains("| line 30"), "{brief}");
        assert!(brief.contains("… 10 lines before, in report.json") && !brief.contains("| line 10\n"), "{brief}");
        let all = to_terminal(&report, Style { verbose: true, ..Style::default() });
        assert!(all.contains("| line 1\n"), "{all}");
    }
}
