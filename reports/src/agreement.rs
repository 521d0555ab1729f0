//! No report ever disagrees with the exit code, whatever was recorded.

use indexmap::IndexMap;
use proptest::{collection::vec, option, prelude::*};
use pulldown_cmark::{Event as Markdown, HeadingLevel, Parser, Tag};
use quick_xml::{Reader, events::Event};
use serde_json::Value;

use crate::{
    Allowed, Baseline, CaseRecord, CellRecord, Diff, Implementation, PASSED, Part, Report, Slower, Statement,
    StatementResult, Style, Verdict, exit_code, from_json, merge, repeated, samples, to_html, to_json, to_junit,
    to_markdown, to_terminal,
};

/// What a cluster could have said, and what would make a reader of a report believe something else.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("passed".to_owned()),
        Just("\n## ✅ passed: all is well\n".to_owned()),
        Just("</testcase></testsuite><failure/>\"'&]]>".to_owned()),
        Just("</script>{\"exitCode\":0}<!--".to_owned()),
        Just("problem: failed  errored\u{1b}[2J\u{1b}[1;1H\r\n\nfailed  x\n".to_owned()),
        Just("---\nresult: success\n".to_owned()),
        Just("配布は「成功」しました 설치 완료\u{202e}\u{0}\u{ffff}|`*_".to_owned()),
    ]
}

fn verdict() -> impl Strategy<Value = Option<Verdict>> {
    use Verdict::{Blocked, Errored, Failed, KnownFail, NotRun, Passed, Skipped};
    prop_oneof![
        6 => Just(Some(Passed)),
        2 => Just(Some(Skipped)),
        1 => proptest::sample::select(vec![
            Some(Failed), Some(Errored), Some(Blocked), Some(KnownFail), Some(NotRun), None
        ]),
    ]
}

/// A case that ran once or several times.
fn case() -> impl Strategy<Value = CaseRecord> {
    let texts = (text(), option::of(text()), option::of(text()), option::of(text()));
    let verdicts = prop_oneof![3 => vec(verdict(), 1), 1 => vec(verdict(), 1..4)];
    (verdicts, texts, any::<u32>()).prop_map(|(verdicts, (title, reason, seen, guide), ms)| {
        let runs = verdicts.into_iter().map(|verdict| CaseRecord {
            title: title.clone(),
            reason: reason.clone(),
            expected: Some(title.clone()),
            seen: seen.clone(),
            guide: guide.clone(),
            duration_ms: ms.into(),
            ..samples::case("any/case", verdict)
        });
        runs.reduce(|before, next| repeated(&before, next)).expect("it ran once")
    })
}

fn report() -> impl Strategy<Value = Report> {
    let problems = prop_oneof![4 => Just(Vec::new()), 1 => vec(text(), 1..3)];
    let leftovers = prop_oneof![9 => Just(Vec::new()), 1 => vec(text(), 1..2)];
    let interrupted = proptest::bool::weighted(0.1);
    (vec(case(), 0..12), 1..4_usize, problems, leftovers, interrupted, text()).prop_map(
        |(cases, cells, problems, leftovers, interrupted, title)| {
            let mut report = samples::of_verdicts(&[]);
            let cluster = report.cells[0].cluster.clone();
            report.cells = (0..cells)
                .map(|n| CellRecord {
                    name: if cells == 1 { String::new() } else { format!("n={n}") },
                    values: IndexMap::from([("n".to_owned(), n.into())]),
                    cluster: cluster.clone(),
                    ..CellRecord::default()
                })
                .collect();
            for (n, mut case) in cases.into_iter().enumerate() {
                let cell = &report.cells[n % cells].name;
                case.cell.clone_from(cell);
                case.id = if cell.is_empty() { format!("any/case-{n}") } else { format!("{cell}:any/case-{n}") };
                report.cases.push(case);
            }
            report.suite.title = Some(title);
            report.problems = problems;
            report.leftovers = leftovers;
            report.run.interrupted = interrupted;
            report.refresh();
            report
        },
    )
}

/// What a person takes for a failure: it stands at the start of a line, where nothing that was recorded stands.
fn terminal_says_passed(text: &str) -> bool {
    let complains = |line: &str| {
        let words = ["problem: ", "failed  ", "flaky  ", "errored  "];
        words.iter().any(|word| line.starts_with(word))
            || (line.starts_with(|c: char| c.is_ascii_digit()) && line.contains("without a verdict"))
    };
    !text.lines().any(complains)
}

fn junit_says_passed(xml: &str) -> bool {
    let mut reader = Reader::from_str(xml);
    let (mut red, mut told) = (0, None);
    loop {
        match reader.read_event().expect("it is well formed") {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                b"failure" | b"error" => red += 1,
                b"testsuites" => {
                    let attribute = |name: &str| {
                        let found = tag.try_get_attribute(name).expect("it is well formed").expect("it is there");
                        String::from_utf8_lossy(&found.value).parse::<usize>().expect("a number")
                    };
                    told = Some(attribute("failures") + attribute("errors"));
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(told, Some(red), "the sums are of what is there");
    red == 0
}

fn page_says_passed(page: &str) -> bool {
    let (_, rest) = page.split_once("id=\"report\">").expect("the data is there");
    let (json, _) = rest.split_once("</script>").expect("it ends");
    let data: Value = serde_json::from_str(json).expect("it is JSON");
    let plainly = page.contains("<p class=\"outcome passed\">passed</p>");
    assert_eq!(plainly, data["outcome"] == "passed", "with scripts and without");
    assert_eq!(plainly, data["exitCode"] == 0);
    plainly
}

fn statement_says_passed(report: &Report) -> bool {
    let implementation = Implementation {
        organization: "any".to_owned(),
        project: "any".to_owned(),
        url: None,
        version: "1".to_owned(),
        contact: Vec::new(),
    };
    let yaml = Statement::of(report, implementation).to_yaml().expect("it can be written");
    let read: Statement = serde_saphyr::from_str(&yaml).expect("it was just written");
    read.result == StatementResult::Success
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_report_says_what_the_exit_code_says(report in report()) {
        let passed = exit_code(&report) == PASSED;
        let text = to_terminal(&report, Style::default());
        prop_assert_eq!(terminal_says_passed(&text), passed, "{}", text);
        let markdown = to_markdown(&report);
        prop_assert_eq!(markdown.starts_with("## ✅ passed: "), passed, "{}", markdown);
        let heading = |event: &Markdown<'_>| matches!(event, Markdown::Start(Tag::Heading { level: HeadingLevel::H2, .. }));
        prop_assert_eq!(Parser::new(&markdown).filter(heading).count(), 1, "{}", markdown);
        let xml = to_junit(&report);
        prop_assert_eq!(junit_says_passed(&xml), passed, "{}", xml);
        prop_assert_eq!(page_says_passed(&to_html(&report)), passed);
        prop_assert_eq!(statement_says_passed(&report), passed);
        let read = from_json(&to_json(&report)).expect("it was just written");
        prop_assert_eq!(exit_code(&read), exit_code(&report));
    }

    #[test]
    fn a_merged_report_is_no_better_than_its_worst_run(one in report(), other in report()) {
        let code = exit_code(&one);
        let part = |id: &str, mut report: Report| { report.run.id = id.to_owned(); Part { from: id.to_owned(), report } };
        let alone = merge(vec![part("a", one.clone())], Allowed::default()).expect("one belongs to itself");
        prop_assert_eq!(exit_code(&alone) == PASSED, code == PASSED);
        let allowed = Allowed { contradictions: true, ..Allowed::default() };
        // Cells of one run have names and the other's not: they need not have a place.
        let Ok(both) = merge(vec![part("a", one.clone()), part("b", other.clone())], allowed) else { return Ok(()) };
        let failed = |report: &Report, id: &str| report.cases.iter().any(|case| {
            case.own_id() == id && matches!(case.verdict, Some(Verdict::Failed | Verdict::Flaky))
        });
        for case in one.cases.iter().chain(&other.cases).filter(|case| case.verdict == Some(Verdict::Failed)) {
            prop_assert!(failed(&both, case.own_id()), "{} failed once", case.id);
        }
        let lost = one.problems.len() + other.problems.len() != both.problems.len();
        prop_assert!(!lost && both.leftovers.len() == one.leftovers.len() + other.leftovers.len());
    }

    #[test]
    fn nothing_regresses_from_itself_and_a_new_failure_always_does(report in report(), at in any::<prop::sample::Index>()) {
        let before = Baseline::of(&report);
        let today = jiff::civil::date(2026, 11, 25);
        let diff = Diff::between(&before, &before, Slower::default(), today);
        prop_assert!(!diff.regressed, "{}", diff.to_json());
        prop_assert!(diff.to_markdown().starts_with("## ✅ no regression"));
        if report.cases.is_empty() { return Ok(()) }
        let mut after = report.clone();
        let case = &mut after.cases[at.index(report.cases.len())];
        let was = case.verdict;
        *case = repeated(case, CaseRecord { verdict: Some(Verdict::Failed), runs: Vec::new(), ..case.clone() });
        let green = matches!(was, Some(Verdict::Passed | Verdict::KnownFail | Verdict::Skipped | Verdict::NotRun));
        let diff = Diff::between(&before, &Baseline::of(&after), Slower::default(), today);
        prop_assert_eq!(!diff.newly_failing.is_empty(), green, "{}", diff.to_json());
        prop_assert!(diff.regressed || !green);
    }
}
