//! How long a run will still take: pure.

use std::time::Duration;

/// What is not over yet of a cell.
#[derive(Debug, Clone, Copy)]
pub struct Remaining {
    /// Rounds that have not ended; `None` if nobody knows how many.
    pub rounds: Option<usize>,
    /// How long one took before, in milliseconds.
    pub took: Option<u64>,
    /// Since when the one that is running is running.
    pub running_for: Option<Duration>,
}

/// The time left, if what is left of each cell can be known: by what it took itself, or else by what others took (`known`). As many cells
/// as run now are taken to run side by side.
pub fn left(cells: &[Remaining], known: &[u64]) -> Option<Duration> {
    let typical = (!known.is_empty()).then(|| known.iter().sum::<u64>() / known.len() as u64);
    let mut each = Vec::new();
    for cell in cells {
        let round = Duration::from_millis(cell.took.or(typical)?);
        let whole = round.checked_mul(u32::try_from(cell.rounds?).ok()?)?;
        each.push(whole.saturating_sub(cell.running_for.unwrap_or_default()));
    }
    let side_by_side = u32::try_from(cells.iter().filter(|cell| cell.running_for.is_some()).count()).unwrap_or(1);
    let together: Duration = each.iter().sum();
    let longest = each.iter().max().copied().unwrap_or_default();
    Some((together / side_by_side.max(1)).max(longest))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn cell(rounds: Option<usize>, took: Option<u64>, running_for: Option<u64>) -> Remaining {
        Remaining { rounds, took, running_for: running_for.map(Duration::from_secs) }
    }

    #[rstest]
    #[case::nothing_known(&[cell(Some(1), None, Some(3))], &[], None)]
    #[case::one(&[cell(Some(1), Some(10_000), Some(3))], &[], Some(7))]
    #[case::longer_than_before(&[cell(Some(1), Some(10_000), Some(30))], &[], Some(0))]
    #[case::rounds(&[cell(Some(3), Some(10_000), Some(3))], &[], Some(27))]
    #[case::rounds_without_end(&[cell(None, Some(10_000), Some(3))], &[], None)]
    #[case::by_the_others(&[cell(Some(1), None, Some(0)), cell(Some(1), None, None)], &[4_000, 8_000], Some(12))]
    #[case::side_by_side(
        &[cell(Some(1), Some(10_000), Some(0)), cell(Some(1), Some(10_000), Some(0)), cell(Some(1), Some(10_000), None)],
        &[],
        Some(15),
    )]
    #[case::the_longest_of_all(&[cell(Some(1), Some(1_000), Some(0)), cell(Some(1), Some(60_000), Some(0))], &[], Some(60))]
    #[case::all_over(&[], &[5_000], Some(0))]
    fn the_time_left(#[case] cells: &[Remaining], #[case] known: &[u64], #[case] seconds: Option<u64>) {
        assert_eq!(left(cells, known), seconds.map(Duration::from_secs));
    }
}
