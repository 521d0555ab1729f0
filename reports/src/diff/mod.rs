//! What changed from one run to another, and whether something got worse.

mod compare;
mod markdown;
mod text;

use jiff::civil::Date;
use serde::Serialize;

use crate::{
    exit::{FAILED, PASSED},
    record::Verdict,
};

/// The version of the shape of a difference as JSON, counted as the report's.
pub const DIFF_VERSION: &str = "1.0";

/// What counts as slower.
#[derive(Debug, Clone, Copy)]
pub struct Slower {
    /// So many times as long as before.
    pub times: f64,
    /// And longer by so much.
    pub by_ms: u64,
}

impl Default for Slower {
    fn default() -> Self {
        Self { times: 2.0, by_ms: 5_000 }
    }
}

/// The difference between a run before and a run after.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// See [`DIFF_VERSION`].
    pub schema_version: &'static str,
    pub suite: String,
    pub before: Side,
    pub after: Side,
    /// Whether anything got worse: cases that newly fail, known failures that have expired, and problems where there were none.
    pub regressed: bool,
    /// Not passed now, and not failing before.
    pub newly_failing: Vec<Change>,
    /// Of these those that are only blocked by others.
    pub newly_blocked: Vec<Change>,
    pub newly_passing: Vec<Change>,
    /// Proved before, and now skipped, not run or not there.
    pub no_longer_proved: Vec<Change>,
    /// Not passed before and now.
    pub still_failing: Vec<Change>,
    pub known_failures: Vec<Known>,
    pub slower: Vec<SlowerCase>,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Digests of images that are called as before.
    pub images: Vec<Changed>,
    /// Versions and variables.
    pub versions: Vec<Changed>,
    /// What went wrong beyond the cases of the run after, if nothing did before.
    pub problems: Vec<String>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub run: String,
    pub started_at: String,
    pub suite_digest: String,
    pub simulated: bool,
    pub cases: usize,
}

/// A case with another verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub id: String,
    /// Absent where the case had no verdict, or was not there (then it is also in `added` or `removed`).
    pub before: Option<Verdict>,
    pub after: Option<Verdict>,
    pub reason: Option<String>,
}

/// A failure that the baseline knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub id: String,
    pub issue: String,
    pub expires: Date,
    pub state: KnownState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum KnownState {
    /// It fails, and does not count.
    Fails,
    /// It fails, and counts.
    Expired,
    /// It passes: it can be taken out of the baseline.
    Passes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowerCase {
    pub id: String,
    pub before_ms: u64,
    pub after_ms: u64,
}

/// Something that has another value; absent where it was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The cells in which it changed so; empty for what is of the whole run.
    pub cells: Vec<String>,
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Diff {
    /// [`FAILED`] if something got worse.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.regressed { FAILED } else { PASSED }
    }

    /// Indented by two spaces, with a final line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("every map of it has strings for keys") + "\n"
    }

    /// In a phrase: `2 regressions`.
    fn told(&self) -> String {
        let expired = self.known_failures.iter().filter(|known| known.state == KnownState::Expired).count();
        let count = self.newly_failing.len() + self.newly_blocked.len() + expired + self.problems.len();
        match count {
            0 => "no regression".to_owned(),
            n => crate::style::count(n, "regression"),
        }
    }
}

#[cfg(test)]
mod tests;
