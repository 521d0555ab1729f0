use rstest::rstest;

use super::*;
use crate::{PASSED, exit_code, samples};

fn implementation() -> Implementation {
    Implementation {
        organization: "NHN Cloud".to_owned(),
        project: "NKS".to_owned(),
        url: Some("https://www.nhncloud.com/".to_owned()),
        version: "1.22.3".to_owned(),
        contact: vec!["support@example.com".to_owned()],
    }
}

#[rstest]
#[case::all_green("all_green", samples::all_green())]
#[case::mixed("mixed", samples::mixed())]
#[case::interrupted("interrupted", samples::interrupted())]
#[case::matrix("matrix", samples::matrix())]
#[case::empty("empty", samples::empty())]
#[case::hostile("hostile", samples::hostile())]
fn drawn(#[case] name: &str, #[case] report: Report) {
    let statement = Statement::of(&report, implementation());
    let yaml = statement.to_yaml().expect("it can be written");
    let read: Statement = serde_saphyr::from_str(&yaml).expect("it was just written");
    assert_eq!(read, statement);
    assert!(!yaml.contains('\u{1b}'));
    insta::with_settings!({snapshot_path => "../../tests/golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(format!("{name}.statement.yaml"), yaml);
    });
}

#[test]
fn a_success_exactly_when_the_exit_code_is_zero() {
    for report in samples::every_combination() {
        let statement = Statement::of(&report, implementation());
        assert_eq!(statement.result == StatementResult::Success, exit_code(&report) == PASSED);
        let sum =
            |of: fn(Statistics) -> usize| statement.profiles.iter().map(|one| of(one.core.statistics)).sum::<usize>();
        assert_eq!(sum(|one| one.passed + one.skipped + one.failed + one.known_failed), report.cases.len());
    }
}

#[test]
fn nothing_of_the_cluster_it_ran_on_is_published() {
    let report = samples::mixed();
    let yaml = Statement::of(&report, implementation()).to_yaml().expect("it can be written");
    let cluster = report.cluster.expect("it has one");
    assert!(!yaml.contains(&cluster.server), "{yaml}");
    assert!(!yaml.contains(&format!("context: {}", cluster.context)), "{yaml}");
}

#[test]
fn the_products_version_is_the_one_that_all_agree_on() {
    let mut report = samples::matrix();
    assert_eq!(product_version(&report).as_deref(), Some("1.22.3"));
    report.cells[1].cluster.as_mut().expect("it has one").versions.insert("istio".to_owned(), "1.23.0".to_owned());
    assert_eq!(product_version(&report), None);
}

#[test]
fn schema_is_the_committed_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/statement.schema.json");
    let schema = format!("{:#}\n", statement_schema());
    if std::env::var_os("MESHPROOF_UPDATE").is_some() {
        std::fs::write(path, &schema).expect("the crate's directory can be written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(schema == committed, "{path} is out of date: run this test with MESHPROOF_UPDATE=1 and commit it");
}
