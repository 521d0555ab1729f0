//! What happened in a case, kept within bounds.

use crate::record::{Moment, MomentKind};

/// So many of the first moments are kept, and so many of the last: how waiting began and how it ended.
const ENDS: usize = 50;

/// The moments of one case: the first and the last of them, and how many were left out between.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    first: Vec<Moment>,
    /// A ring: the oldest is at `oldest`.
    last: Vec<Moment>,
    oldest: usize,
    left_out: Option<LeftOut>,
}

#[derive(Debug, Clone, Copy)]
struct LeftOut {
    at_ms: u64,
    count: usize,
}

impl Timeline {
    /// Adds what happened last.
    pub fn push(&mut self, moment: Moment) {
        if self.first.len() < ENDS {
            self.first.push(moment);
        } else if self.last.len() < ENDS {
            self.last.push(moment);
        } else {
            let out = std::mem::replace(&mut self.last[self.oldest], moment);
            self.oldest = (self.oldest + 1) % ENDS;
            self.left_out.get_or_insert(LeftOut { at_ms: out.at_ms, count: 0 }).count += 1;
        }
    }

    /// The moments in order: 101 at most.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        let left_out = self.left_out.map(|LeftOut { at_ms, count }| Moment {
            at_ms,
            kind: MomentKind::LeftOut,
            text: format!("{count} more"),
            deadline_ms: None,
        });
        let (newer, older) = self.last.split_at(self.oldest);
        self.first.iter().cloned().chain(left_out).chain(older.iter().chain(newer).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(0, &[])]
    #[case::few(2, &["0", "1"])]
    #[case::all_that_are_kept(100, &["0", "1", "99"])]
    #[case::more(103, &["0", "49", "3 more", "53", "102"])]
    fn the_ends_are_kept(#[case] count: u64, #[case] has: &[&str]) {
        let mut timeline = Timeline::default();
        for at_ms in 0..count {
            timeline.push(Moment { at_ms, kind: MomentKind::Sees, text: at_ms.to_string(), deadline_ms: None });
        }
        let moments = timeline.moments();
        assert!(moments.is_sorted_by_key(|moment| moment.at_ms), "{moments:?}");
        assert_eq!(moments.len() as u64, count.min(101));
        let mut texts = moments.iter().map(|moment| moment.text.as_str());
        assert!(has.iter().all(|text| texts.any(|known| known == *text)), "{moments:?}");
    }
}
