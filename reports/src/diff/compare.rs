//! How the difference is found.

use indexmap::{IndexMap, IndexSet};
use jiff::civil::Date;

use super::{Change, Changed, DIFF_VERSION, Diff, Known, KnownState, Side, Slower, SlowerCase};
use crate::{
    baseline::{Baseline, BaselineCase},
    record::Verdict,
};

impl Diff {
    /// From `before` to `after`; the known failures are those of `before`, on the day `today`.
    #[must_use]
    pub fn between(before: &Baseline, after: &Baseline, slower: Slower, today: Date) -> Self {
        let mut diff = Self {
            schema_version: DIFF_VERSION,
            suite: after.suite.name.clone(),
            before: side(before),
            after: side(after),
            regressed: false,
            newly_failing: Vec::new(),
            newly_blocked: Vec::new(),
            newly_passing: Vec::new(),
            no_longer_proved: Vec::new(),
            still_failing: Vec::new(),
            known_failures: Vec::new(),
            slower: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            images: images(before, after),
            versions: versions(before, after),
            problems: if before.run.problems.is_empty() { after.run.problems.clone() } else { Vec::new() },
        };
        for (id, case) in &after.cases {
            diff.case(id, before.cases.get(id), case, before, today);
            let then = before.cases.get(id).filter(|then| proved(then.verdict) && proved(case.verdict));
            diff.slower.extend(then.and_then(|then| is_slower(id, then.ms, case.ms, slower)));
        }
        for (id, case) in before.cases.iter().filter(|(id, _)| !after.cases.contains_key(*id)) {
            diff.removed.push(id.clone());
            if proved(case.verdict) {
                let change = Change { id: id.clone(), before: case.verdict, after: None, reason: None };
                diff.no_longer_proved.push(change);
            }
        }
        diff.slower.sort_by_key(|one| std::cmp::Reverse(one.after_ms - one.before_ms));
        let expired = diff.known_failures.iter().any(|known| known.state == KnownState::Expired);
        let worse = [&diff.newly_failing, &diff.newly_blocked].iter().any(|changes| !changes.is_empty());
        diff.regressed = worse || expired || !diff.problems.is_empty();
        diff
    }

    fn case(&mut self, id: &str, then: Option<&BaselineCase>, case: &BaselineCase, before: &Baseline, today: Date) {
        if then.is_none() {
            self.added.push(id.to_owned());
        }
        if let Some(known) = before.known(id) {
            let state = match red(case.verdict) {
                false if case.verdict == Some(Verdict::Passed) => KnownState::Passes,
                // Skipped or not run: nothing is known of it now.
                false => return,
                true if today > known.expires => KnownState::Expired,
                true => KnownState::Fails,
            };
            let (issue, expires) = (known.issue.clone(), known.expires);
            self.known_failures.push(Known { id: id.to_owned(), issue, expires, state });
            return;
        }
        let verdict = then.and_then(|then| then.verdict);
        let was_red = then.is_some_and(|then| red(then.verdict));
        let list = match (was_red, red(case.verdict)) {
            (true, true) => &mut self.still_failing,
            (false, true) if case.verdict == Some(Verdict::Blocked) => &mut self.newly_blocked,
            (false, true) => &mut self.newly_failing,
            (true, false) if proved(case.verdict) => &mut self.newly_passing,
            (_, false) if then.is_some_and(|then| proved(then.verdict)) && !proved(case.verdict) => {
                &mut self.no_longer_proved
            }
            _ => return,
        };
        let (id, after, reason) = (id.to_owned(), case.verdict, case.reason.clone());
        list.push(Change { id, before: verdict, after, reason });
    }
}

fn side(baseline: &Baseline) -> Side {
    Side {
        run: baseline.run.id.clone(),
        started_at: baseline.run.started_at.clone(),
        suite_digest: baseline.suite.digest.clone(),
        simulated: baseline.cells.iter().any(|cell| cell.simulated),
        cases: baseline.cases.len(),
    }
}

/// Whether it keeps a run from being a success.
fn red(verdict: Option<Verdict>) -> bool {
    matches!(verdict, None | Some(Verdict::Failed | Verdict::Flaky | Verdict::Errored | Verdict::Blocked))
}

fn proved(verdict: Option<Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Passed | Verdict::KnownFail))
}

fn is_slower(id: &str, before_ms: u64, after_ms: u64, slower: Slower) -> Option<SlowerCase> {
    #[expect(clippy::cast_precision_loss, reason = "no case takes 285,000 years")]
    let times = after_ms as f64 >= before_ms as f64 * slower.times;
    (times && after_ms >= before_ms.saturating_add(slower.by_ms) && after_ms > before_ms).then(|| SlowerCase {
        id: id.to_owned(),
        before_ms,
        after_ms,
    })
}

/// Images that are called the same and are not.
fn images(before: &Baseline, after: &Baseline) -> Vec<Changed> {
    let pairs = before.cells.iter().filter_map(|then| {
        let now = after.cells.iter().find(|cell| cell.name == then.name)?;
        Some((then, now))
    });
    let changes = pairs.flat_map(|(then, now)| {
        let both = then.images.iter().filter_map(|(image, digest)| Some((image, digest, now.images.get(image)?)));
        both.filter(|(_, before, after)| before != after)
            .map(|(image, before, after)| (&now.name, image, Some(before), Some(after)))
    });
    grouped(changes)
}

/// Versions in cells that both have, and plain variables of the runs.
fn versions(before: &Baseline, after: &Baseline) -> Vec<Changed> {
    let whole = String::new();
    let of_all = differing(&before.values, &after.values).map(|(name, before, after)| (&whole, name, before, after));
    let of_cells = before.cells.iter().filter_map(|then| {
        let now = after.cells.iter().find(|cell| cell.name == then.name)?;
        let changes = differing(&then.versions, &now.versions);
        Some(changes.map(move |(name, before, after)| (&now.name, name, before, after)))
    });
    grouped(of_all.chain(of_cells.flatten()))
}

type Pair<'a> = (&'a String, Option<&'a String>, Option<&'a String>);

fn differing<'a>(
    before: &'a IndexMap<String, String>,
    after: &'a IndexMap<String, String>,
) -> impl Iterator<Item = Pair<'a>> {
    let names: IndexSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().map(|name| (name, before.get(name), after.get(name))).filter(|(_, before, after)| before != after)
}

/// One entry for what changed in the same way in several cells.
fn grouped<'a>(
    changes: impl Iterator<Item = (&'a String, &'a String, Option<&'a String>, Option<&'a String>)>,
) -> Vec<Changed> {
    let mut groups: IndexMap<Pair<'a>, Vec<String>> = IndexMap::new();
    for (cell, name, before, after) in changes {
        let cells = groups.entry((name, before, after)).or_default();
        if !cell.is_empty() {
            cells.push(cell.clone());
        }
    }
    let told = |((name, before, after), cells): (Pair<'a>, Vec<String>)| Changed {
        cells,
        name: name.clone(),
        before: before.cloned(),
        after: after.cloned(),
    };
    groups.into_iter().map(told).collect()
}
