//! `report.json`: the record itself, for programs.

use schemars::generate::SchemaSettings;
use serde::Deserialize;

use crate::record::{CellRecord, Report, SCHEMA_VERSION};

/// Why a text could not be read as a report. Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("read the report: it is not JSON, or was cut off: {0}")]
    NotJson(serde_json::Error),
    #[error("read the report: it has no `schemaVersion`; is it the report.json of a Meshproof run?")]
    NoVersion,
    #[error(
        "read the report: its schema version is {found:?}, and this Meshproof reads {known}; \
         use the Meshproof that wrote it, or a newer one"
    )]
    UnknownVersion {
        found: String,
        /// Every version within the major number: `1.x`.
        known: String,
    },
    #[error("read the report of schema version {version}: {source}")]
    Shape { version: String, source: serde_json::Error },
}

/// The whole record as JSON, indented by two spaces, with a final line break. The same report gives the same bytes.
#[must_use]
pub fn to_json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("every map of a report has strings for keys");
    text.push('\n');
    text
}

/// Reads what [`to_json`] wrote, also by a Meshproof whose minor schema version was another: what that one added is
/// passed over, and what it did not know yet is filled in. The summary is counted anew.
pub fn from_json(text: &str) -> Result<Report, ReadError> {
    let version = version_of(text)?;
    let mut report: Report = serde_json::from_str(text).map_err(|source| ReadError::Shape { version, source })?;
    if report.cells.is_empty() {
        give_cells(&mut report);
    }
    report.refresh();
    Ok(report)
}

/// Schema 1.0 knew cells by the ids of their cases only, and ran all of them on one cluster.
fn give_cells(report: &mut Report) {
    for case in &mut report.cases {
        let name = case.id.find(&format!(":{}/", case.scenario)).map(|end| case.id[..end].to_owned());
        case.cell = name.unwrap_or_default();
        if !report.cells.iter().any(|cell| cell.name == case.cell) {
            let cluster = report.cluster.clone();
            report.cells.push(CellRecord { name: case.cell.clone(), cluster, ..CellRecord::default() });
        }
    }
}

/// The JSON Schema of `report.json`: draft 2020-12, with a title and no `$id`, because it is published nowhere yet.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report>();
    schema.insert("title".to_owned(), format!("Meshproof report, schema version {SCHEMA_VERSION}").into());
    schema.to_value()
}

/// The version alone is read first: a report of another major version could have any other shape.
fn version_of(text: &str) -> Result<String, ReadError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        schema_version: String,
    }

    let found = match serde_json::from_str(text) {
        Ok(Versioned { schema_version }) => schema_version,
        Err(error) if error.is_data() => return Err(ReadError::NoVersion),
        Err(error) => return Err(ReadError::NotJson(error)),
    };
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    if major(&found) == major(SCHEMA_VERSION) {
        Ok(found)
    } else {
        Err(ReadError::UnknownVersion { found, known: format!("{}.x", major(SCHEMA_VERSION)) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{record::Summary, samples};

    #[rstest]
    #[case::all_green(samples::all_green())]
    #[case::mixed(samples::mixed())]
    #[case::interrupted(samples::interrupted())]
    #[case::matrix(samples::matrix())]
    #[case::empty(samples::empty())]
    #[case::hostile(samples::hostile())]
    #[case::diagnosed(samples::diagnosed())]
    fn comes_back_as_it_was(#[case] report: Report) {
        let text = to_json(&report);
        assert_eq!(from_json(&text).expect("it was just written"), report);
        assert_eq!(to_json(&report), text);
    }

    #[test]
    fn shape() {
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("mixed.json", to_json(&samples::mixed()));
        });
    }

    #[rstest]
    #[case::not_json("<xml/>", "read the report: it is not JSON, or was cut off: expected value at line 1 column 1")]
    #[case::cut_off(
        r#"{"schemaVersion": "1.0", "#,
        "read the report: it is not JSON, or was cut off: EOF while parsing a value at line 1 column 25"
    )]
    #[case::something_else(
        r#"{"kind": "Pod"}"#,
        "read the report: it has no `schemaVersion`; is it the report.json of a Meshproof run?"
    )]
    #[case::newer_major(
        r#"{"schemaVersion": "2.0"}"#,
        "read the report: its schema version is \"2.0\", and this Meshproof reads 1.x; \
         use the Meshproof that wrote it, or a newer one"
    )]
    #[case::major_is_a_number_not_a_prefix(
        r#"{"schemaVersion": "10.0"}"#,
        "read the report: its schema version is \"10.0\", and this Meshproof reads 1.x; \
         use the Meshproof that wrote it, or a newer one"
    )]
    #[case::incomplete(
        r#"{"schemaVersion": "1.0"}"#,
        "read the report of schema version 1.0: missing field `run` at line 1 column 24"
    )]
    fn refused(#[case] text: &str, #[case] message: &str) {
        assert_eq!(from_json(text).expect_err("it is not a report").to_string(), message);
    }

    #[test]
    fn a_later_minor_version_may_have_more() {
        let mut value = serde_json::to_value(samples::mixed()).expect("a report is JSON");
        value["schemaVersion"] = json!("1.7");
        value["run"]["weather"] = json!("fine");
        value["cases"][0]["retries"] = json!(3);
        assert_eq!(from_json(&value.to_string()).expect("the major version is known").cases, samples::mixed().cases);
    }

    #[test]
    fn a_report_of_schema_1_0_gets_its_cells() {
        let text = include_str!("../tests/schema-1.0.json");
        let report = from_json(text).expect("every 1.x is read");
        let cells: Vec<_> = report.cells.iter().map(|cell| (cell.name.as_str(), cell.summary.passed)).collect();
        assert_eq!(cells, [("istioVersion=1.19.0", 1), ("istioVersion=1.20.0", 0)]);
        assert!(report.cells.iter().all(|cell| cell.cluster == report.cluster), "they ran on one cluster");
        let of: Vec<_> = report.cases.iter().map(|case| (case.id.as_str(), case.cell.as_str())).collect();
        assert_eq!(of[1], ("istioVersion=1.20.0:install/ready", "istioVersion=1.20.0"));
        assert_eq!(report.summary, Summary { passed: 1, skipped: 1, ..Summary::default() });
    }

    #[test]
    fn a_summary_that_lies_is_counted_anew() {
        let mut report = samples::mixed();
        report.summary = Summary::default();
        assert_eq!(from_json(&to_json(&report)).expect("its shape is right").summary, samples::mixed().summary);
    }

    #[test]
    fn schema_is_the_committed_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/report.schema.json");
        let schema = format!("{:#}\n", json_schema());
        if std::env::var_os("MESHPROOF_UPDATE").is_some() {
            std::fs::write(path, &schema).expect("the crate's directory can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(schema == committed, "{path} is out of date: run this test with MESHPROOF_UPDATE=1 and commit it");
    }
}
