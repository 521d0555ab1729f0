use rstest::rstest;
use serde_json::Value;

use super::*;
use crate::{exit_code, samples};

/// The page without what is the same in every page, its data indented.
fn essence(page: &str) -> String {
    let mut text = page.replace(STYLE, "…\n");
    for script in SCRIPTS {
        text = text.replace(script, "");
    }
    for (_, json) in pieces(page) {
        let value: Value = serde_json::from_str(json).expect("it is JSON");
        text = text.replace(json, &format!("\n{value:#}\n"));
    }
    text
}

/// The pieces of JSON in the page, by their ids.
fn pieces(page: &str) -> Vec<(&str, &str)> {
    let begins = page.split("<script type=\"application/json\" id=\"").skip(1);
    let piece = |rest: &'_ str| -> Option<(usize, usize)> { Some((rest.find("\">")?, rest.find("</script>")?)) };
    begins
        .map(|rest| {
            let (name, end) = piece(rest).expect("a piece is an element");
            (&rest[..name], &rest[name + 2..end])
        })
        .collect()
}

fn embedded_report(page: &str) -> Value {
    let pieces = pieces(page);
    let (_, json) = pieces.iter().find(|(id, _)| *id == "report").expect("the report is there");
    serde_json::from_str(json).expect("it is JSON")
}

#[rstest]
#[case::all_green("all_green", samples::all_green())]
#[case::mixed("mixed", samples::mixed())]
#[case::interrupted("interrupted", samples::interrupted())]
#[case::matrix("matrix", samples::matrix())]
#[case::diagnosed("diagnosed", samples::diagnosed())]
#[case::empty("empty", samples::empty())]
#[case::hostile("hostile", samples::hostile())]
fn pages(#[case] name: &str, #[case] report: Report) {
    insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(format!("{name}.html"), essence(&to_html(&report)));
    });
}

#[test]
fn nothing_that_a_cluster_said_is_markup() {
    let mut report = samples::hostile();
    let evil = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> & \u{2028}";
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
    let page = to_html(&report);
    let plain = to_html(&samples::empty());
    assert!(!page.contains("<img"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    let scripts = |page: &str| page.matches("<script").count();
    assert_eq!(scripts(&page), scripts(&plain) + 1, "one chunk more than a page without cases");
    assert_eq!(embedded_report(&page)["cases"][0]["id"], evil);
}

#[test]
fn nothing_else_is_reached() {
    let page = to_html(&samples::mixed());
    for reaching in ["src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(reaching), "{reaching}");
    }
    assert!(page.contains("default-src 'none'"), "and browsers are told so");
}

#[rstest]
#[case::of_the_web("https://docs.example/guide", true)]
#[case::a_script("javascript:alert(1)", false)]
fn a_guide_is_linked_only_on_the_web(#[case] url: &str, #[case] linked: bool) {
    let mut report = samples::mixed();
    report.suite.guide_url = Some(url.to_owned());
    assert_eq!(embedded_report(&to_html(&report))["guideUrl"].is_string(), linked);
}

#[test]
fn every_case_of_10_000_is_there_and_the_first_piece_is_small() {
    let report = samples::many();
    let page = to_html(&report);
    let data = embedded_report(&page);
    assert_eq!(data["cases"].as_array().map(Vec::len), Some(10_000));
    let pieces = pieces(&page);
    assert_eq!(pieces.len(), 1 + 10_000 / PER_CHUNK);
    let first = pieces[0].1.len();
    assert!(first < 4_000_000, "{first} bytes are read before the page is shown");
    let last: Value = serde_json::from_str(pieces[100].1).expect("it is JSON");
    assert_eq!(last[99]["expected"], report.cases[9_999].expected.as_deref().expect("it has one"));
}

#[test]
fn the_page_says_what_the_exit_code_says() {
    for report in samples::every_combination() {
        let page = to_html(&report);
        let data = embedded_report(&page);
        assert_eq!(data["exitCode"], exit_code(&report));
        assert_eq!(data["outcome"], Outcome::of(&report).word());
        let outcome =
            format!("<p class=\"outcome {}\">{}</p>", data::class(Outcome::of(&report)), Outcome::of(&report).word());
        assert!(page.contains(&outcome), "it says so without scripts too");
    }
}
