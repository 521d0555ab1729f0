//! What a run leaves: one [`Report`] with a [`CaseRecord`] for each planned case, in plan order.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnosis::{Diagnosis, Evidence};

/// The version of `report.json`'s shape. A reader accepts any report whose major number it knows; fields are only added
/// within one, so that no type here denies fields it does not know.
pub const SCHEMA_VERSION: &str = "1.3";

/// One whole run, finished or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: String,
    pub run: RunInfo,
    pub suite: SuiteInfo,
    /// That of the first cell that has one; `None` before a cluster has answered.
    pub cluster: Option<Cluster>,
    /// Derived from `cases` by [`Report::refresh`]; never set by hand.
    pub summary: Summary,
    /// The cells of the matrix that the run took, in plan order; one, without a name, where no matrix was asked for.
    /// A report of schema 1.0 has none, and gets them when it is read.
    #[serde(default)]
    pub cells: Vec<CellRecord>,
    /// In plan order.
    pub cases: Vec<CaseRecord>,
    /// What went wrong outside any case (the cluster could not be reached, teardown left something), each a sentence.
    pub problems: Vec<String>,
    /// What the run left behind on the cluster, took from it or changed for good, by comparing its objects before and after, each a
    /// sentence. A failure of its own.
    #[serde(default)]
    pub leftovers: Vec<String>,
    /// What explains problems outside of cases, such as what programs wrote that were to make a cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// When and by what the run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// Unique to the run; also part of the names of what it makes on the cluster.
    pub id: String,
    /// The version of Meshproof.
    pub meshproof_version: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; absent while the run is going on, and for good if it was killed.
    pub finished_at: Option<String>,
    pub duration_ms: u64,
    /// Whether a signal ended the run before all cases had their verdict.
    pub interrupted: bool,
    /// `2/5`: the run took the second of five parts of what was selected.
    #[serde(default)]
    pub shard: Option<String>,
    /// The runs that this one was merged from, the oldest first; empty for a run itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<MergedRun>,
    /// Every address that the run itself spoke to, sorted. Programs that it ran may have spoken to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacted: Vec<Contact>,
}

/// An address that was spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// `https://host`, with the port where it is another than the scheme's.
    pub address: String,
    /// How often it was asked. Of the API server, its first answer alone is counted.
    pub requests: u64,
    /// Of the answers' bodies, where they are counted.
    pub bytes: u64,
}

impl Contact {
    /// Each address once, with what was said to it altogether, sorted.
    pub fn summed(all: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut sums: BTreeMap<String, Self> = BTreeMap::new();
        for Self { address, requests, bytes } in all {
            let sum = sums.entry(address.clone()).or_insert_with(|| Self { address, requests: 0, bytes: 0 });
            sum.requests += requests;
            sum.bytes += bytes;
        }
        sums.into_values().collect()
    }
}

/// A run that has become part of a merged report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergedRun {
    pub id: String,
    pub meshproof_version: String,
    /// As for a run.
    pub started_at: String,
    pub finished_at: Option<String>,
    pub duration_ms: u64,
    pub interrupted: bool,
    pub shard: Option<String>,
    /// Of the suite that it ran.
    pub suite_digest: String,
}

/// One cell of the matrix: what was proved with these values, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellRecord {
    /// `istioVersion=1.20.0,network=internet`, unique in the run; empty where no matrix was asked for.
    pub name: String,
    /// The value of each axis, in the order of the matrix.
    pub values: IndexMap<String, serde_json::Value>,
    /// `None` before a cluster has been given to the cell, and for good if none could prove it.
    pub cluster: Option<Cluster>,
    /// Derived from the cell's cases by [`Report::refresh`].
    pub summary: Summary,
    /// Why no cluster of the run could prove the cell, in one sentence; then each of its cases is `notRun`.
    pub not_run: Option<String>,
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuiteInfo {
    pub name: String,
    pub title: Option<String>,
    /// The address of the guide whose headings the cases name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guide_url: Option<String>,
    /// `sha256:` and 64 hexadecimal digits, over the names and bytes of all files of the suite.
    pub digest: String,
    /// The variables of the run as they were filled, secrets left out.
    pub variables: IndexMap<String, serde_json::Value>,
    /// Every file of the suite, sorted by its path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileDigest>,
}

/// One file of a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileDigest {
    /// From the suite's folder.
    pub path: String,
    /// `sha256:` and 64 hexadecimal digits, over its bytes.
    pub digest: String,
}

/// Where it was proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The provider: `kubeconfig`.
    pub provider: String,
    /// The context of the kubeconfig, or `in-cluster`.
    pub context: String,
    pub server: String,
    /// As `/version` says it: `v1.28.15`.
    pub kubernetes_version: String,
    /// Whether the cluster was a simulation; every rendering says so.
    pub simulated: bool,
    /// Versions of what was found on the cluster, by name.
    pub versions: IndexMap<String, String>,
    /// Images of the containers that ran in the namespaces that the run watched, sorted by image.
    pub images: Vec<ImageSeen>,
}

/// One image as a container's status reports it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageSeen {
    pub image: String,
    /// `sha256:…`, or what the container runtime gives in its place.
    pub digest: String,
}

/// The number of cases with each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    pub errored: usize,
    pub blocked: usize,
    pub skipped: usize,
    pub known_fail: usize,
    #[serde(default)]
    pub flaky: usize,
    #[serde(default)]
    pub not_run: usize,
    /// Planned cases that have no verdict yet.
    pub pending: usize,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The product is as expected.
    Passed,
    /// The product is not as expected.
    Failed,
    /// The check could not be made.
    Errored,
    /// A case that this one needs did not pass.
    Blocked,
    /// Does not apply here.
    Skipped,
    /// Failed as the suite says that it does for now.
    KnownFail,
    /// Both passed and failed when it was repeated.
    Flaky,
    /// Planned, but no cluster of the run can prove it.
    NotRun,
}

/// One case of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseRecord {
    /// `scenario/case`, behind `cell:` where its cell has a name. Unique in the run.
    pub id: String,
    /// The name of its cell.
    #[serde(default)]
    pub cell: String,
    pub scenario: String,
    /// As the suite's author wrote it.
    pub title: String,
    /// The heading of the guide that the case proves.
    pub guide: Option<String>,
    pub tags: Vec<String>,
    /// `None` while the case has not ended.
    pub verdict: Option<Verdict>,
    /// Why, in one sentence; absent only for `passed`.
    pub reason: Option<String>,
    /// RFC 3339, UTC.
    pub started_at: Option<String>,
    pub duration_ms: u64,
    /// Of the expectation that decided the verdict.
    pub expected: Option<String>,
    pub seen: Option<String>,
    /// How often what is expected was looked at: once for each change that could matter, or for each request made.
    pub attempts: u64,
    pub place: Place,
    /// Commands by which a person sees the same, ready to paste.
    pub look: Vec<String>,
    /// Each action and expectation, in order.
    pub steps: Vec<StepRecord>,
    /// Each time that it ran, in order, where it was repeated; empty where it ran once. What else is told of the case is
    /// of the first run that has its verdict, or that failed if it is flaky.
    #[serde(default)]
    pub runs: Vec<CaseRun>,
    /// What was waited for and seen, in order; bounded, see [`Timeline`](crate::Timeline).
    #[serde(default)]
    pub timeline: Vec<Moment>,
    /// What was collected when it failed or errored, and the most likely cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

/// One of several runs of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaseRun {
    pub verdict: Option<Verdict>,
    /// As for a case.
    pub reason: Option<String>,
    /// RFC 3339, UTC.
    pub started_at: Option<String>,
    pub duration_ms: u64,
}

/// Something that happened in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Since the case began.
    pub at_ms: u64,
    pub kind: MomentKind,
    /// In a phrase: what is waited for, what was seen.
    pub text: String,
    /// Since the case began: until when it is waited for. Only for `waits`.
    pub deadline_ms: Option<u64>,
}

/// What kind of moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MomentKind {
    /// From here the case waits for this.
    Waits,
    /// This is not yet as expected.
    Sees,
    /// This is as expected; it may have to stay so for a while.
    Met,
    /// Moments that were left out because there were too many; the text says how many.
    LeftOut,
}

/// One action or expectation of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// What it did or waited for, in a phrase.
    pub title: String,
    pub place: Place,
    /// As for a case; absent if it was not reached.
    pub verdict: Option<Verdict>,
    pub reason: Option<String>,
    pub duration_ms: u64,
    pub attempts: u64,
    /// The end of what a program wrote, bounded.
    pub output: Option<String>,
}

/// A place in a file of the suite; line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    /// `file:line:column`, as terminals and editors make a link of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Report {
    /// Counts the verdicts anew, and takes the report's cluster from its cells. Call it after any change to `cases` or `cells`.
    pub fn refresh(&mut self) {
        self.summary = Summary::default();
        let places: HashMap<&str, usize> =
            self.cells.iter().enumerate().map(|(n, cell)| (cell.name.as_str(), n)).collect();
        let mut of_cells = vec![Summary::default(); self.cells.len()];
        for case in &self.cases {
            self.summary.add(case.verdict);
            if let Some(place) = places.get(case.cell.as_str()) {
                of_cells[*place].add(case.verdict);
            }
        }
        for (cell, summary) in self.cells.iter_mut().zip(of_cells) {
            cell.summary = summary;
        }
        if let Some(cluster) = self.cells.iter().find_map(|cell| cell.cluster.as_ref()) {
            self.cluster = Some(cluster.clone());
        }
    }
}

impl Summary {
    /// Counts the verdicts of `cases`.
    #[must_use]
    pub fn of(cases: &[CaseRecord]) -> Self {
        let mut summary = Self::default();
        for case in cases {
            summary.add(case.verdict);
        }
        summary
    }

    /// The verdicts that there are, each with its number, in the order in which every rendering tells of them.
    pub(crate) fn each(self) -> impl Iterator<Item = (Option<Verdict>, usize)> {
        let all = [
            (Some(Verdict::Passed), self.passed),
            (Some(Verdict::Failed), self.failed),
            (Some(Verdict::Flaky), self.flaky),
            (Some(Verdict::Errored), self.errored),
            (Some(Verdict::Blocked), self.blocked),
            (Some(Verdict::Skipped), self.skipped),
            (Some(Verdict::NotRun), self.not_run),
            (Some(Verdict::KnownFail), self.known_fail),
            (None, self.pending),
        ];
        all.into_iter().filter(|(_, n)| *n > 0)
    }

    /// Counts one case more.
    pub fn add(&mut self, verdict: Option<Verdict>) {
        *match verdict {
            Some(Verdict::Passed) => &mut self.passed,
            Some(Verdict::Failed) => &mut self.failed,
            Some(Verdict::Errored) => &mut self.errored,
            Some(Verdict::Blocked) => &mut self.blocked,
            Some(Verdict::Skipped) => &mut self.skipped,
            Some(Verdict::KnownFail) => &mut self.known_fail,
            Some(Verdict::Flaky) => &mut self.flaky,
            Some(Verdict::NotRun) => &mut self.not_run,
            None => &mut self.pending,
        } += 1;
    }
}

impl Verdict {
    /// As a person reads it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Blocked => "blocked",
            Self::Skipped => "skipped",
            Self::KnownFail => "known-fail",
            Self::Flaky => "flaky",
            Self::NotRun => "not-run",
        }
    }
}
