//! The records of a run and their renderers.
//!
//! A [`Report`] is the one truth about a run: every format is drawn from it and nothing else, so that no two formats can
//! disagree. This crate knows nothing of Kubernetes.

mod baseline;
mod bundle;
mod case;
mod diagnosis;
mod diff;
mod difference;
mod exit;
mod facts;
mod file;
mod grid;
mod html;
mod json;
mod junit;
mod markdown;
mod merge;
mod record;
mod redacted;
mod repeated;
mod statement;
mod style;
mod summary;
mod text;
mod timeline;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod samples;

pub use baseline::{Baseline, BaselineCase, BaselineCell, BaselineError, BaselineRun, BaselineSuite, KnownFailure};
pub use bundle::{BundleError, bundle};
pub use case::case_line;
pub use diagnosis::{Diagnosis, Evidence, EvidenceKind};
pub use diff::{Change, Changed, DIFF_VERSION, Diff, Known, KnownState, Side, Slower, SlowerCase};
pub use exit::{ERRORED, FAILED, INTERRUPTED, Outcome, PASSED, exit_code};
pub use file::{
    JUNIT_XML, Keeper, REPORT_HTML, REPORT_JSON, REPORT_MD, WriteError, write_all, write_file, write_final,
};
pub use html::to_html;
pub use json::{ReadError, from_json, json_schema, to_json};
pub use junit::to_junit;
pub use markdown::to_markdown;
pub use merge::{Allowed, MergeError, Part, merge};
pub use record::{
    CaseRecord, CaseRun, CellRecord, Cluster, Contact, FileDigest, ImageSeen, MergedRun, Moment, MomentKind, Place,
    Report, RunInfo, SCHEMA_VERSION, StepRecord, SuiteInfo, Summary, Verdict,
};
pub use redacted::{Redaction, count_redacted};
pub use repeated::repeated;
pub use statement::{
    Environment, Harness, Implementation, KnownFailedTest, Profile, Statement, StatementError, StatementResult,
    StatementSuite, Statistics, Status, StatusResult, product_version, statement_schema,
};
pub use style::Style;
pub use summary::to_terminal;
pub use timeline::Timeline;
