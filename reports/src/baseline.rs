//! A baseline: what a run proved, in a small file that a repository keeps, with the failures that are known.

use indexmap::IndexMap;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    exit::beyond_cases,
    facts::plain,
    record::{ImageSeen, Report, Verdict},
};

/// As `apiVersion` of all that Meshproof reads.
pub(crate) const API_VERSION: &str = "meshproof.dev/v1alpha1";
const KIND: &str = "Baseline";

/// Also what two reports are compared by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Baseline {
    pub api_version: String,
    pub kind: String,
    pub suite: BaselineSuite,
    pub run: BaselineRun,
    /// Failures that are known; written by a person, and kept when the baseline is taken anew.
    #[serde(default)]
    pub known_failures: Vec<KnownFailure>,
    /// Plain variables of the run, and versions: what a difference may come from.
    pub values: IndexMap<String, String>,
    pub cells: Vec<BaselineCell>,
    /// By the cases' ids.
    pub cases: IndexMap<String, BaselineCase>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineSuite {
    pub name: String,
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineRun {
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// What went wrong beyond the cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineCell {
    /// Empty where no matrix was asked for.
    pub name: String,
    pub simulated: bool,
    pub versions: IndexMap<String, String>,
    /// The digests by the images.
    pub images: IndexMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineCase {
    /// `None` where the case had not ended.
    pub verdict: Option<Verdict>,
    pub ms: u64,
    #[serde(default, skip_serializing)]
    pub(crate) reason: Option<String>,
}

/// A failure that does not count until it expires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownFailure {
    /// `scenario/case` for all cells, or with `cell:` before it for one.
    pub case: String,
    /// Where it is followed up: an address, or how your tracker calls it.
    pub issue: String,
    /// The last day on which it does not count: `2027-01-31`.
    pub expires: Date,
}

/// Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error("read the baseline: {0}")]
    Shape(String),
    #[error(
        "read the baseline: its apiVersion is {version:?} and its kind {kind:?}, expected {API_VERSION:?} and {KIND:?}; \
         write one with `meshproof report baseline`"
    )]
    NotOne { version: String, kind: String },
    #[error("write the baseline: {0}")]
    Write(String),
}

impl Baseline {
    /// What a report says, without known failures.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let scalar = |value: &&serde_json::Value| !value.is_array() && !value.is_object();
        let variables = report.suite.variables.iter().filter(|(_, value)| scalar(value));
        // What is called after the run differs each time and says nothing.
        let of_all = variables.filter(|(_, value)| !plain(value).contains(&report.run.id));
        let mut values: IndexMap<String, String> = of_all.map(|(name, value)| (name.clone(), plain(value))).collect();
        values.insert("meshproof".to_owned(), report.run.meshproof_version.clone());
        let cells = report.cells.iter().filter_map(|cell| {
            let cluster = cell.cluster.as_ref()?;
            let mut versions = IndexMap::from([("kubernetes".to_owned(), cluster.kubernetes_version.clone())]);
            versions.extend(cluster.versions.clone());
            let pair = |seen: &ImageSeen| (seen.image.clone(), seen.digest.clone());
            let images = cluster.images.iter().map(pair).collect();
            Some(BaselineCell { name: cell.name.clone(), simulated: cluster.simulated, versions, images })
        });
        let cases = report.cases.iter().map(|case| {
            let told = BaselineCase { verdict: case.verdict, ms: case.duration_ms, reason: case.reason.clone() };
            (case.id.clone(), told)
        });
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            suite: BaselineSuite { name: report.suite.name.clone(), digest: report.suite.digest.clone() },
            run: BaselineRun {
                id: report.run.id.clone(),
                started_at: report.run.started_at.clone(),
                problems: beyond_cases(report),
            },
            known_failures: Vec::new(),
            values,
            cells: cells.collect(),
            cases: cases.collect(),
        }
    }

    /// Reads what [`Self::to_yaml`] wrote and a person has edited since.
    pub fn from_yaml(text: &str) -> Result<Self, BaselineError> {
        let read: Self = serde_saphyr::from_str(text).map_err(|error| BaselineError::Shape(error.to_string()))?;
        match (read.api_version.as_str(), read.kind.as_str()) {
            (API_VERSION, KIND) => Ok(read),
            (version, kind) => Err(BaselineError::NotOne { version: version.to_owned(), kind: kind.to_owned() }),
        }
    }

    /// The file. The same baseline gives the same bytes.
    pub fn to_yaml(&self) -> Result<String, BaselineError> {
        serde_saphyr::to_string(self).map_err(|error| BaselineError::Write(error.to_string()))
    }

    /// The known failure that speaks of a case.
    pub(crate) fn known(&self, id: &str) -> Option<&KnownFailure> {
        let own = |known: &str| id.strip_suffix(known).is_some_and(|cell| cell.is_empty() || cell.ends_with(':'));
        self.known_failures.iter().find(|known| own(&known.case))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::samples;

    #[rstest]
    #[case::mixed(samples::mixed())]
    #[case::matrix(samples::matrix())]
    #[case::empty(samples::empty())]
    #[case::interrupted(samples::interrupted())]
    #[case::hostile(samples::hostile())]
    fn comes_back_as_it_was(#[case] report: Report) {
        let mut baseline = Baseline::of(&report);
        baseline.known_failures.push(KnownFailure {
            case: "a/b".to_owned(),
            issue: "https://example.com/1#x".to_owned(),
            expires: jiff::civil::date(2027, 1, 31),
        });
        let read = Baseline::from_yaml(&baseline.to_yaml().expect("it can be written")).expect("it was just written");
        baseline.cases.values_mut().for_each(|case| case.reason = None);
        assert_eq!(read, baseline);
    }

    #[test]
    fn shape() {
        let mut baseline = Baseline::of(&samples::matrix());
        baseline.known_failures.push(KnownFailure {
            case: "bookinfo/title".to_owned(),
            issue: "MESH-12".to_owned(),
            expires: jiff::civil::date(2027, 1, 31),
        });
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("matrix.baseline.yaml", baseline.to_yaml().expect("it can be written"));
        });
    }

    #[rstest]
    #[case::of_all_cells("a/b", "k=1:a/b", true)]
    #[case::of_the_only_cell("a/b", "a/b", true)]
    #[case::of_one_cell("k=1:a/b", "k=1:a/b", true)]
    #[case::of_another_cell("k=1:a/b", "k=2:a/b", false)]
    #[case::only_its_end("b", "a/b", false)]
    fn a_known_failure_speaks_of(#[case] known: &str, #[case] id: &str, #[case] speaks: bool) {
        let mut baseline = Baseline::of(&samples::empty());
        let (issue, expires) = ("1".to_owned(), jiff::civil::date(2027, 1, 31));
        baseline.known_failures.push(KnownFailure { case: known.to_owned(), issue, expires });
        assert_eq!(baseline.known(id).is_some(), speaks);
    }

    #[rstest]
    #[case::another_kind(
        "kind: Baseline",
        "kind: Pod",
        "its apiVersion is \"meshproof.dev/v1alpha1\" and its kind \"Pod\""
    )]
    #[case::a_date("expires: ", "expires: soon # ", "expires")]
    #[case::a_typo("knownFailures:", "knownFailure:", "knownFailure")]
    fn refused(#[case] right: &str, #[case] wrong: &str, #[case] says: &str) {
        let mut baseline = Baseline::of(&samples::matrix());
        let (case, issue) = ("a/b".to_owned(), "1".to_owned());
        baseline.known_failures.push(KnownFailure { case, issue, expires: jiff::civil::date(2027, 1, 31) });
        let text = baseline.to_yaml().expect("it can be written");
        assert!(text.contains(right), "{text}");
        let error = Baseline::from_yaml(&text.replace(right, wrong)).expect_err("it is no baseline").to_string();
        assert!(error.starts_with("read the baseline: ") && error.contains(says), "{error}");
    }
}
