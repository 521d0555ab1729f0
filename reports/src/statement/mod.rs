//! A statement of conformance that can be published: who vouches for what, in which versions, with which result.
//!
//! Its form is that of the Gateway API's ConformanceReport (`conformance/apis/v1` of kubernetes-sigs/gateway-api): `implementation`, `date`,
//! and `profiles` with `core` results, `statistics`, `skippedTests` and `failedTests`. Ours has besides what these results stand on. It has no
//! field for servers, contexts and whatever else is of whoever ran it; sentences are as the run said them.

mod profile;

use indexmap::IndexMap;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

use crate::{
    baseline::API_VERSION,
    exit::{Outcome, beyond_cases},
    facts::{plain, simulated},
    record::{CellRecord, ImageSeen, Report},
    text::one_line,
};
pub use profile::{KnownFailedTest, Profile, Statistics, Status, StatusResult};

const KIND: &str = "ConformanceStatement";

/// Who vouches for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Implementation {
    /// The company, group or person.
    pub organization: String,
    /// What was proved, by its name.
    pub project: String,
    /// Where people can read more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of what was proved; of a matrix' cells, each has its own in `environments`.
    pub version: String,
    /// Whom to ask: addresses, names, pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<String>,
}

/// The statement itself. Fields are only added within an `apiVersion`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// `meshproof.dev/v1alpha1`.
    pub api_version: String,
    /// `ConformanceStatement`.
    pub kind: String,
    /// When the run ended, or began if it did not end; RFC 3339, UTC.
    pub date: String,
    pub implementation: Implementation,
    /// `success` exactly when the run's exit code is 0.
    pub result: StatementResult,
    /// Whether anything of it was proved on a simulated cluster only.
    pub simulated: bool,
    pub suite: StatementSuite,
    /// The program that proved it.
    pub harness: Harness,
    /// What the cells stood on.
    pub environments: Vec<Environment>,
    /// A profile for each scenario of each cell.
    pub profiles: Vec<Profile>,
    /// What keeps it from being a success beside failed cases, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// How it went as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StatementResult {
    Success,
    Failure,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatementSuite {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Of the suite's files.
    pub digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Harness {
    /// `Meshproof`.
    pub name: String,
    pub version: String,
    /// The runs that it was drawn from.
    pub runs: Vec<String>,
}

/// What a cell stood on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Absent where no matrix was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// The value of each axis.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, String>,
    /// Why the cell was not proved at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    pub simulated: bool,
    /// What was found, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub versions: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageSeen>,
}

/// Completes "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("write the statement: {0}")]
pub struct StatementError(String);

impl Statement {
    /// What a report proves of an implementation.
    #[must_use]
    pub fn of(report: &Report, implementation: Implementation) -> Self {
        let run = &report.run;
        let merged: Vec<_> = run.merged_from.iter().map(|run| one_line(&run.id)).collect();
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            date: one_line(run.finished_at.as_deref().unwrap_or(&run.started_at)),
            implementation,
            result: match Outcome::of(report) {
                Outcome::Passed => StatementResult::Success,
                Outcome::Failed | Outcome::Unproved | Outcome::Interrupted => StatementResult::Failure,
            },
            simulated: simulated(report).is_some(),
            suite: StatementSuite {
                name: one_line(&report.suite.name),
                title: report.suite.title.as_deref().map(one_line),
                digest: one_line(&report.suite.digest),
                guide_url: report.suite.guide_url.as_deref().map(one_line),
            },
            harness: Harness {
                name: "Meshproof".to_owned(),
                version: one_line(&run.meshproof_version),
                runs: if merged.is_empty() { vec![one_line(&run.id)] } else { merged },
            },
            environments: report.cells.iter().map(environment).collect(),
            profiles: profile::profiles(report),
            problems: beyond_cases(report).iter().map(|problem| one_line(problem)).collect(),
        }
    }

    /// As the Gateway API publishes its reports.
    pub fn to_yaml(&self) -> Result<String, StatementError> {
        serde_saphyr::to_string(self).map_err(|error| StatementError(error.to_string()))
    }
}

/// The JSON Schema of a statement: draft 2020-12.
#[must_use]
pub fn statement_schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Statement>();
    schema.insert("title".to_owned(), format!("Meshproof conformance statement, {API_VERSION}").into());
    schema.to_value()
}

/// The only version beside that of Kubernetes that all cells agree on, if there is one: that of the product.
#[must_use]
pub fn product_version(report: &Report) -> Option<String> {
    let clusters = report.cells.iter().filter_map(|cell| cell.cluster.as_ref());
    let mut versions: Vec<&String> = clusters
        .flat_map(|cluster| cluster.versions.iter().filter(|(name, _)| *name != "kubernetes"))
        .map(|(_, version)| version)
        .collect();
    versions.sort();
    versions.dedup();
    match versions.as_slice() {
        [version] => Some(one_line(version)),
        _ => None,
    }
}

fn environment(cell: &CellRecord) -> Environment {
    let cluster = cell.cluster.as_ref();
    let found = cluster.into_iter().flat_map(|cluster| &cluster.versions).filter(|(name, _)| *name != "kubernetes");
    let seen = |seen: &ImageSeen| ImageSeen { image: one_line(&seen.image), digest: one_line(&seen.digest) };
    Environment {
        cell: (!cell.name.is_empty()).then(|| one_line(&cell.name)),
        values: cell.values.iter().map(|(axis, value)| (one_line(axis), plain(value))).collect(),
        not_run: cell.not_run.as_deref().map(one_line),
        kubernetes_version: cluster.map(|cluster| one_line(&cluster.kubernetes_version)),
        simulated: cluster.is_some_and(|cluster| cluster.simulated),
        versions: found.map(|(name, version)| (one_line(name), one_line(version))).collect(),
        images: cluster.map(|cluster| cluster.images.iter().map(seen).collect()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
