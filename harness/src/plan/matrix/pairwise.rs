//! Few cells that show each two values together.

use std::collections::{HashMap, HashSet};

use super::AxisValues;

/// Cells among `cells`, in their order, in which every two values (of different axes) that some cell has are together at least once.
///
/// Greedy: takes the cell that shows the most pairs that none before has shown, the first of those in the order of the matrix, so the
/// same matrix gives the same cells. The least number is hard to find (it is a set cover); greedy is within a logarithm of it, and
/// unlike the constructions that begin from arrays it needs nothing of the matrix but the cells that are allowed.
pub fn cover(cells: Vec<AxisValues>) -> Vec<AxisValues> {
    let mut numbers = HashMap::new();
    let pairs: Vec<HashSet<Pair>> = cells.iter().map(|cell| pairs(cell, &mut numbers)).collect();
    let mut open: HashSet<Pair> = pairs.iter().flatten().copied().collect();
    let mut taken = vec![false; cells.len()];
    while !open.is_empty() {
        let gain = |place: &usize| pairs[*place].intersection(&open).count();
        // `max_by_key` gives the last of several: the first of the matrix is the last of its reverse.
        let Some(best) = (0..cells.len()).rev().max_by_key(gain) else { break };
        taken[best] = true;
        open.retain(|pair| !pairs[best].contains(pair));
    }
    cells.into_iter().zip(taken).filter_map(|(cell, taken)| taken.then_some(cell)).collect()
}

/// Two values by their numbers; twice the same where there is but one axis.
type Pair = (usize, usize);

fn pairs(cell: &AxisValues, numbers: &mut HashMap<(usize, String), usize>) -> HashSet<Pair> {
    let mut values = Vec::new();
    for (axis, (_, node)) in cell.iter().enumerate() {
        let next = numbers.len();
        values.push(*numbers.entry((axis, node.to_json().to_string())).or_insert(next));
    }
    match *values {
        [only] => HashSet::from([(only, only)]),
        _ => values.iter().enumerate().flat_map(|(n, a)| values[n + 1..].iter().map(|b| (*a, *b))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{
        diagnostic::{Source, Span},
        yaml::{Node, Value},
    };

    /// Cells by the numbers of their values.
    fn cells(of: &[Vec<i64>]) -> Vec<AxisValues> {
        let span = Span::start_of(&Arc::new(Source { path: "a.yaml".into(), text: String::new() }));
        let node = |value: &i64| Node { value: Value::Int(*value), span: span.clone() };
        of.iter()
            .map(|cell| cell.iter().enumerate().map(|(n, value)| (format!("axis{n}"), node(value))).collect())
            .collect()
    }

    fn numbers(cells: &[AxisValues]) -> Vec<Vec<i64>> {
        let number = |node: &Node| node.to_json().as_i64().expect("it is a number");
        cells.iter().map(|cell| cell.iter().map(|(_, node)| number(node)).collect()).collect()
    }

    fn product(sizes: &[i64]) -> Vec<Vec<i64>> {
        sizes.iter().fold(vec![Vec::new()], |cells, size| {
            cells.iter().flat_map(|cell| (0..*size).map(move |value| [cell.clone(), vec![value]].concat())).collect()
        })
    }

    /// Each two places with each two values at them.
    fn together(cells: &[Vec<i64>]) -> BTreeSet<(usize, i64, usize, i64)> {
        let of = |cell: &Vec<i64>| {
            let cell = cell.clone();
            (0..cell.len()).flat_map(move |a| {
                let cell = cell.clone();
                (a + 1..cell.len()).map(move |b| (a, cell[a], b, cell[b]))
            })
        };
        cells.iter().flat_map(of).collect()
    }

    #[rstest]
    #[case::the_guides_matrix(&[2, 4, 2, 2], 8)]
    #[case::two_axes_need_all(&[3, 4], 12)]
    #[case::switches(&[2, 2, 2], 4)]
    #[case::one_axis(&[5], 5)]
    #[case::no_axis(&[], 0)]
    fn few_cells_do(#[case] sizes: &[i64], #[case] most: usize) {
        let covered = cover(cells(&product(sizes)));
        assert!(covered.len() <= most, "{:?}", numbers(&covered));
    }

    proptest! {
        #[test]
        fn every_two_values_that_an_allowed_cell_has_are_together(
            sizes in prop::collection::vec(1..5_i64, 1..5),
            forbidden in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let mut allowed = product(&sizes);
            for index in forbidden {
                if allowed.len() > 1 {
                    allowed.remove(index.index(allowed.len()));
                }
            }
            let covered = numbers(&cover(cells(&allowed)));
            prop_assert_eq!(together(&covered), together(&allowed));
            let singles = |cells: &[Vec<i64>]| -> BTreeSet<(usize, i64)> {
                cells.iter().flat_map(|cell| cell.iter().copied().enumerate()).collect()
            };
            prop_assert_eq!(singles(&covered), singles(&allowed));
            // A part of what is allowed, in its order, and the same each time.
            let places: Vec<_> = covered.iter().map(|cell| allowed.iter().position(|known| known == cell)).collect();
            prop_assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{:?}", places);
            prop_assert_eq!(numbers(&cover(cells(&allowed))), covered);
        }
    }
}
