use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use rstest::rstest;

use super::*;
use crate::{exit_code, samples};

#[rstest]
#[case::all_green("all_green", samples::all_green())]
#[case::mixed("mixed", samples::mixed())]
#[case::interrupted("interrupted", samples::interrupted())]
#[case::matrix("matrix", samples::matrix())]
#[case::empty("empty", samples::empty())]
#[case::hostile("hostile", samples::hostile())]
#[case::diagnosed("diagnosed", samples::diagnosed())]
fn drawn(#[case] name: &str, #[case] report: Report) {
    insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(format!("{name}.junit.xml"), to_junit(&report));
    });
}

/// What Jenkins' schema allows: the parents of an element, and its attributes; those with a `!` must be there.
fn allowed(element: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match element {
        "testsuites" => (&[""], &["name", "time", "tests", "failures", "errors"]),
        "testsuite" => (
            &["testsuites"],
            &[
                "name!",
                "tests!",
                "failures!",
                "errors!",
                "group",
                "time",
                "skipped",
                "timestamp",
                "hostname",
                "id",
                "package",
            ],
        ),
        "properties" => (&["testsuite"], &[]),
        "property" => (&["properties"], &["name!", "value!"]),
        "testcase" => (&["testsuite"], &["name!", "time", "classname", "group"]),
        "failure" | "error" | "skipped" => (&["testcase"], &["type", "message"]),
        "system-out" => (&["testcase", "testsuite"], &[]),
        other => panic!("the schema has no <{other}>"),
    }
}

fn check(tag: &BytesStart<'_>, parent: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("names are UTF-8");
    let name = text(tag.name().as_ref());
    let (parents, attributes) = allowed(&name);
    assert!(parents.contains(&parent), "<{name}> within <{parent}>");
    let mut seen = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.expect("the attribute is well formed");
        let key = text(attribute.key.as_ref());
        assert!(attributes.iter().any(|known| known.trim_end_matches('!') == key), "<{name} {key}>");
        if key == "time" {
            let value = text(&attribute.value);
            let (whole, part) = value.split_once('.').expect("seconds have a fraction");
            assert!([whole, part].iter().all(|part| part.chars().all(|c| c.is_ascii_digit())), "{value}");
        }
        seen.push(key);
    }
    for wanted in attributes.iter().filter_map(|known| known.strip_suffix('!')) {
        assert!(seen.iter().any(|key| key == wanted), "<{name}> without {wanted}");
    }
    name
}

/// The number of elements of each name. Fails on what is not well formed, what XML 1.0 forbids and what the schema does.
fn elements(xml: &str) -> IndexMap<String, usize> {
    let is_char = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(xml.chars().all(is_char), "XML 1.0, 2.2: {xml:?}");
    let mut counts = IndexMap::new();
    let mut open: Vec<String> = Vec::new();
    let mut reader = Reader::from_str(xml);
    loop {
        let parent = open.last().map_or("", String::as_str);
        match reader.read_event().expect("the XML is well formed") {
            Event::Start(tag) => {
                let name = check(&tag, parent);
                *counts.entry(name.clone()).or_default() += 1;
                open.push(name);
            }
            Event::Empty(tag) => *counts.entry(check(&tag, parent)).or_default() += 1,
            Event::End(_) => drop(open.pop()),
            Event::Eof => return counts,
            _ => {}
        }
    }
}

#[rstest]
#[case::mixed(samples::mixed())]
#[case::interrupted(samples::interrupted())]
#[case::matrix(samples::matrix())]
#[case::diagnosed(samples::diagnosed())]
#[case::hostile(samples::hostile())]
#[case::many(samples::many())]
fn a_test_case_for_each_case_and_nothing_that_jenkins_refuses(#[case] report: Report) {
    let counts = elements(&to_junit(&report));
    assert_eq!(counts["testcase"], report.cases.len() + beyond_cases(&report).len());
    let of_cells = counts["testsuite"] - usize::from(!beyond_cases(&report).is_empty());
    assert_eq!(of_cells, report.cells.len(), "one suite for each cell");
}

#[test]
fn a_class_has_one_dot_only() {
    assert_eq!(class("istioVersion=1.20.0", "a.b"), "istioVersion=1_20_0.a_b");
}

#[test]
fn evidence_is_there_as_far_as_it_has_room() {
    let mut report = samples::diagnosed();
    let evidence = &mut report.cases[0].diagnosis.as_mut().expect("it has one").evidence;
    evidence[1].text = "x".repeat(EVIDENCE);
    let xml = to_junit(&report);
    assert!(xml.contains("waiting: ErrImagePull"), "{xml}");
    assert!(xml.contains("# more evidence is in report.json"), "{xml}");
}

#[test]
fn red_exactly_when_the_exit_code_is_not_zero() {
    for report in samples::every_combination() {
        let xml = to_junit(&report);
        let elements = elements(&xml);
        let of = |name: &str| elements.get(name).copied().unwrap_or(0);
        let counts = report.summary;
        assert_eq!(of("failure"), counts.failed + counts.flaky);
        assert_eq!(of("error"), counts.errored + counts.pending + beyond_cases(&report).len());
        assert_eq!(of("skipped"), counts.skipped + counts.blocked + counts.known_fail + counts.not_run);
        assert_eq!(of("failure") + of("error") == 0, exit_code(&report) == crate::PASSED, "{xml}");
    }
}
