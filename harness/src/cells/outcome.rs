//! What cells leave besides their records.

use meshproof_reports::Contact;

/// What a cell leaves besides its records, and all cells of a run together.
#[derive(Debug, Default)]
pub struct RunOutcome {
    /// Whether a signal or the run's timeout ended it.
    pub interrupted: bool,
    /// What went wrong outside of cases, each a sentence.
    pub problems: Vec<String>,
    /// What the user asked to be left on clusters.
    pub kept: Vec<String>,
    /// What was left on clusters, taken from them or changed, by comparison, a line each.
    pub leftovers: Vec<String>,
    /// Whether something is still to be taken back.
    pub left_behind: bool,
    /// Every address that was spoken to, sorted.
    pub contacted: Vec<Contact>,
}

impl RunOutcome {
    /// Takes in what another cell left.
    pub fn add(&mut self, other: Self) {
        let Self { interrupted, problems, kept, leftovers, left_behind, contacted } = other;
        self.interrupted |= interrupted;
        self.problems.extend(problems);
        self.kept.extend(kept);
        self.leftovers.extend(leftovers);
        self.left_behind |= left_behind;
        self.contacted = Contact::summed(std::mem::take(&mut self.contacted).into_iter().chain(contacted));
    }
}
