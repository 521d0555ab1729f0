//! Which cell is next: pure.

use std::cmp::Reverse;

use crate::plan::KubernetesWish;

/// The cells that nobody has taken yet.
#[derive(Debug)]
pub struct Queue {
    /// In the order in which they are to be taken.
    waiting: Vec<Waiting>,
}

/// A cell by its place in the plan.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub cell: usize,
    pub wish: Option<KubernetesWish>,
    /// How long it took before, in milliseconds.
    pub took: Option<u64>,
}

impl Queue {
    /// The longest first, so that none is left running alone at the end. One that is not known may be long.
    pub fn new(mut waiting: Vec<Waiting>) -> Self {
        waiting.sort_by_key(|waiting| Reverse(waiting.took.unwrap_or(u64::MAX)));
        Self { waiting }
    }

    /// The next cell for a cluster that can prove what `proves` says.
    pub fn take(&mut self, proves: impl Fn(Option<KubernetesWish>) -> bool) -> Option<usize> {
        let place = self.waiting.iter().position(|waiting| proves(waiting.wish))?;
        Some(self.waiting.remove(place).cell)
    }

    /// What is left, in the order of the plan.
    pub fn rest(mut self) -> Vec<Waiting> {
        self.waiting.sort_by_key(|waiting| waiting.cell);
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(cells: &[(&str, Option<u64>)]) -> Queue {
        let waiting = |(cell, (wish, took)): (usize, &(&str, Option<u64>))| Waiting {
            cell,
            wish: wish.parse().ok(),
            took: *took,
        };
        Queue::new(cells.iter().enumerate().map(waiting).collect())
    }

    #[test]
    fn a_cluster_takes_what_it_can_prove_longest_first() {
        let mut queue =
            queue(&[("1.25", Some(5)), ("1.28", Some(1)), ("", Some(7)), ("1.28", Some(9)), ("1.28", None)]);
        let version = semver::Version::new(1, 28, 15);
        let proves = |wish: Option<KubernetesWish>| wish.is_none_or(|wish| wish.accepts(&version));
        let taken: Vec<usize> = std::iter::from_fn(|| queue.take(proves)).collect();
        assert_eq!(taken, [4, 3, 2, 1]);
        assert_eq!(queue.rest().iter().map(|waiting| waiting.cell).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn where_nothing_is_known_they_are_taken_in_their_order() {
        let mut queue = queue(&[("", None), ("", None), ("", None)]);
        assert_eq!(std::iter::from_fn(|| queue.take(|_| true)).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
