//! One report from the reports of several runs: on other machines, on other days, of parts of the same plan.
//!
//! Nothing is made better by it: what went wrong beyond the cases of any run stays, and a case that passed in one run and failed in
//! another is told, never chosen from.

mod case;
mod cells;

use std::collections::HashSet;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use crate::record::{
    CaseRecord, CellRecord, Cluster, Contact, MergedRun, Report, RunInfo, SCHEMA_VERSION, Summary, Verdict,
};
use case::{Joined, join};

/// A report and where it was read from, which is what messages call it.
#[derive(Debug, Clone)]
pub struct Part {
    pub from: String,
    pub report: Report,
}

/// What is merged although it does not go together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    /// Suites of the same name whose files differ.
    pub other_suite: bool,
    /// A case of a cell that passed in one run and failed in another becomes flaky.
    pub contradictions: bool,
}

/// Why reports are not merged. Each completes "failed to …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    #[error("merge: no report is named")]
    Nothing,
    #[error("merge {from}: it is of the suite {name}, and {other} is of the suite {other_name}")]
    OtherSuite { from: String, name: String, other: String, other_name: String },
    #[error(
        "merge {from}: its suite's files are not those of {other} ({digest}, expected {other_digest}); run the same files, or \
         take what differs for the same with --allow other-suite"
    )]
    OtherFiles { from: String, digest: String, other: String, other_digest: String },
    #[error("merge {from}: the run {id} is already part of {other}; name it once")]
    SameRun { from: String, id: String, other: String },
    #[error("merge {from}: its run has no value for {axis}, by which the cells of the others differ")]
    NoPlace { from: String, axis: String },
    #[error(
        "merge: what was proved contradicts itself: {}; look at why, leave one of the runs out, or have such cases told as \
         flaky with --allow contradictions",
        enumerate(cases)
    )]
    Contradictions { cases: Vec<String> },
}

/// The report of all runs. The order in which they are named does not matter.
///
/// Of a case that several runs have, one that judged the product (passed, failed, known-fail, flaky) counts before one that did not; where
/// several did, the case's `runs` have all of them. Cells of runs without a matrix are named by what differs between the runs.
pub fn merge(mut parts: Vec<Part>, allowed: Allowed) -> Result<Report, MergeError> {
    parts.sort_by(|a, b| {
        let key = |part: &Part| (part.report.run.started_at.clone(), part.report.run.id.clone());
        key(a).cmp(&key(b))
    });
    belong_together(&parts, allowed)?;
    cells::name(&mut parts)?;

    let mut cases: IndexMap<String, CaseRecord> = IndexMap::new();
    let mut contradictions = Vec::new();
    for case in parts.iter().flat_map(|part| &part.report.cases) {
        let next = match cases.get(&case.id).map(|before| join(before, case, allowed.contradictions)) {
            None => case.clone(),
            Some(Joined::As(case)) => *case,
            Some(Joined::Contradiction) => {
                contradictions.push(case.id.clone());
                continue;
            }
        };
        cases.insert(case.id.clone(), next);
    }
    if !contradictions.is_empty() {
        contradictions.dedup();
        return Err(MergeError::Contradictions { cases: contradictions });
    }
    let cells = cells::ordered(&parts);
    let mut cases: Vec<CaseRecord> = cases.into_values().collect();
    let place = |case: &CaseRecord| cells.get_index_of(case.cell.as_str()).unwrap_or(usize::MAX);
    cases.sort_by_cached_key(|case| (place(case), case.place.file.clone(), case.place.line, case.place.column));
    Ok(assembled(&parts, cells.into_keys().map(|name| cell(&parts, name)).collect(), cases))
}

fn belong_together(parts: &[Part], allowed: Allowed) -> Result<(), MergeError> {
    let first = parts.first().ok_or(MergeError::Nothing)?;
    let (suite, other) = (&first.report.suite, first.from.clone());
    let mut runs: IndexMap<&str, &str> = IndexMap::new();
    for Part { from, report } in parts {
        let (from, digest) = (from.clone(), report.suite.digest.clone());
        if report.suite.name != suite.name {
            let (name, other_name) = (report.suite.name.clone(), suite.name.clone());
            return Err(MergeError::OtherSuite { from, name, other, other_name });
        }
        if digest != suite.digest && !allowed.other_suite {
            return Err(MergeError::OtherFiles { from, digest, other, other_digest: suite.digest.clone() });
        }
        let merged = report.run.merged_from.iter().map(|run| run.id.as_str());
        for id in merged.chain([report.run.id.as_str()]) {
            if let Some(other) = runs.insert(id, &parts[0].from) {
                let known = parts.iter().find(|part| has_run(&part.report, id)).map_or(other, |part| &part.from);
                return Err(MergeError::SameRun { from, id: id.to_owned(), other: known.to_owned() });
            }
        }
    }
    Ok(())
}

fn has_run(report: &Report, id: &str) -> bool {
    report.run.id == id || report.run.merged_from.iter().any(|run| run.id == id)
}

/// What all parts know of a cell. It is simulated if any of them was.
fn cell(parts: &[Part], name: &str) -> CellRecord {
    let mut merged = CellRecord::default();
    for cell in parts.iter().flat_map(|part| &part.report.cells).filter(|cell| cell.name == name) {
        let cluster = match (merged.cluster.take(), &cell.cluster) {
            (Some(before), Some(next)) => Some(both(before, next)),
            (before, next) => before.or_else(|| next.clone()),
        };
        let not_run = cell.not_run.clone().or(merged.not_run);
        merged = CellRecord { cluster, not_run, ..cell.clone() };
    }
    if merged.cluster.is_some() {
        merged.not_run = None;
    }
    merged
}

/// The later of two clusters on which a cell was proved, with all that was seen on either.
fn both(before: Cluster, next: &Cluster) -> Cluster {
    let mut images = [before.images, next.images.clone()].concat();
    images.sort();
    images.dedup();
    let mut versions = before.versions;
    versions.extend(next.versions.clone());
    Cluster { images, versions, simulated: before.simulated || next.simulated, ..next.clone() }
}

fn assembled(parts: &[Part], cells: Vec<CellRecord>, cases: Vec<CaseRecord>) -> Report {
    let last = &parts[parts.len() - 1].report;
    let counts = Summary::of(&cases);
    let of = |part: &Part, text: &String| match parts.len() {
        1 => text.clone(),
        _ => format!("run {}: {text}", part.report.run.id),
    };
    let told = |texts: fn(&Report) -> &[String]| -> Vec<String> {
        parts.iter().flat_map(|part| texts(&part.report).iter().map(move |text| of(part, text))).collect()
    };
    let runs: Vec<&RunInfo> = parts.iter().map(|part| &part.report.run).collect();
    let whole = counts.pending == 0;
    let mut suite = last.suite.clone();
    suite.variables.retain(|name, value| parts.iter().all(|part| part.report.suite.variables.get(name) == Some(value)));
    let mut report = Report {
        schema_version: SCHEMA_VERSION.to_owned(),
        run: RunInfo {
            id: id(&runs),
            meshproof_version: last.run.meshproof_version.clone(),
            started_at: runs[0].started_at.clone(),
            finished_at: runs.iter().filter_map(|run| run.finished_at.clone()).max().filter(|_| whole),
            duration_ms: runs.iter().map(|run| run.duration_ms).sum(),
            interrupted: parts.iter().any(|part| is_cut_off(&part.report, &cases)),
            shard: None,
            contacted: Contact::summed(runs.iter().flat_map(|run| run.contacted.clone())),
            merged_from: parts.iter().flat_map(|part| merged_runs(&part.report)).collect(),
        },
        suite,
        cluster: None,
        summary: counts,
        cells,
        cases,
        problems: told(|report| &report.problems),
        leftovers: told(|report| &report.leftovers),
        evidence: parts.iter().flat_map(|part| part.report.evidence.clone()).collect(),
    };
    for cell in &mut report.cells {
        let not_run = |case: &CaseRecord| case.verdict == Some(Verdict::NotRun);
        if !report.cases.iter().filter(|case| case.cell == cell.name).all(not_run) {
            cell.not_run = None;
        }
    }
    report.refresh();
    report
}

/// Whether a run was interrupted and what it left out has not all been proved by another. One that was interrupted although all its
/// cases had ended has not taken everything back in peace, which no other run makes good.
fn is_cut_off(report: &Report, merged: &[CaseRecord]) -> bool {
    let open = |case: &&CaseRecord| matches!(case.verdict, None | Some(Verdict::Errored | Verdict::Blocked));
    let left: HashSet<&str> = report.cases.iter().filter(open).map(|case| case.id.as_str()).collect();
    report.run.interrupted
        && (left.is_empty() || merged.iter().filter(open).any(|case| left.contains(case.id.as_str())))
}

fn merged_runs(report: &Report) -> Vec<MergedRun> {
    if !report.run.merged_from.is_empty() {
        return report.run.merged_from.clone();
    }
    let run = report.run.clone();
    vec![MergedRun {
        id: run.id,
        meshproof_version: run.meshproof_version,
        started_at: run.started_at,
        finished_at: run.finished_at,
        duration_ms: run.duration_ms,
        interrupted: run.interrupted,
        shard: run.shard,
        suite_digest: report.suite.digest.clone(),
    }]
}

/// The same for the same runs.
fn id(runs: &[&RunInfo]) -> String {
    let mut hash = Sha256::new();
    for run in runs {
        hash.update(run.id.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn enumerate(cases: &[String]) -> String {
    const MOST: usize = 5;
    let named = cases.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    match cases.len() {
        0..=MOST => named,
        n => format!("{named} and {} more", n - MOST),
    }
}

#[cfg(test)]
mod tests;
