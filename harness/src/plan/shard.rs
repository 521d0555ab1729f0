//! A part of a plan, so that several machines can share a run.

use std::{fmt, str::FromStr};

use super::Plan;
use crate::diagnostic::Diagnostic;

/// The `number`th of `of` parts; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub number: usize,
    pub of: usize,
}

/// Leaves the cases of one shard. Cases of a cell that wait for one another stay together, so each shard can be run by itself; every
/// case is in exactly one of the shards.
///
/// `took` gives how long cases (by their places) took together before, in milliseconds, if that is known. All shards have to be told
/// the same of it.
pub fn shard(plan: &mut Plan, shard: Shard, took: impl Fn(&Plan, &[usize]) -> Option<u64>) -> Result<(), Diagnostic> {
    let order: Vec<Vec<usize>> = plan.cases.iter().map(|case| [case.needs.as_slice(), &case.after].concat()).collect();
    let units = units(&order);
    let known: Vec<Option<u64>> = units.iter().map(|unit| took(plan, unit)).collect();
    let shards = partition(&weights(&units, &known), shard.of);
    let mut marked = vec![false; plan.cases.len()];
    for (unit, of) in units.iter().zip(shards) {
        for place in unit {
            marked[*place] = of == shard.number - 1;
        }
    }
    if !marked.contains(&true) {
        let most = units.len();
        let parts = if most == 1 { "part" } else { "parts" };
        return Err(Diagnostic::error(format!("--shard {shard}: nothing is left for it"))
            .help(format!("what is selected has {most} {parts} that can be run apart: take {most} shards at most")));
    }
    plan.keep(&marked);
    Ok(())
}

/// The smallest sets of places that do not refer to each other, each and all in order.
fn units(order: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..order.len()).collect();
    for (place, before) in order.iter().enumerate() {
        for other in before {
            let (a, b) = (root(&parent, place), root(&parent, *other));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut units = vec![Vec::new(); order.len()];
    for place in 0..order.len() {
        units[root(&parent, place)].push(place);
    }
    units.retain(|unit| !unit.is_empty());
    units
}

fn root(parent: &[usize], mut place: usize) -> usize {
    while parent[place] != place {
        place = parent[place];
    }
    place
}

/// What is not known takes as long for each case as what is known.
fn weights(units: &[Vec<usize>], known: &[Option<u64>]) -> Vec<u64> {
    let of_known = units.iter().zip(known).filter_map(|(unit, known)| Some((unit.len() as u64, (*known)?)));
    let (cases, time) = of_known.fold((0, 0), |(cases, time), (more, took)| (cases + more, time + took));
    let each = time.checked_div(cases).unwrap_or(1).max(1);
    units.iter().zip(known).map(|(unit, known)| known.unwrap_or(unit.len() as u64 * each)).collect()
}

/// For each weight, its part: the heaviest first, each to the part that has the least so far. So no part has more than its even share
/// and one weight.
fn partition(weights: &[u64], parts: usize) -> Vec<usize> {
    let mut heaviest: Vec<usize> = (0..weights.len()).collect();
    heaviest.sort_by_key(|place| std::cmp::Reverse(weights[*place]));
    let (mut loads, mut of) = (vec![(0, 0); parts], vec![0; weights.len()]);
    for place in heaviest {
        // Where weights are nothing, their number counts.
        let Some(least) = (0..parts).min_by_key(|part| loads[*part]) else { break };
        loads[least] = (loads[least].0 + weights[place], loads[least].1 + 1);
        of[place] = least;
    }
    of
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a shard; write it like 2/5: the second of five");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let (number, of) = (number.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
        if (1..=of).contains(&number) && of <= 10_000 { Ok(Self { number, of }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::plan::{
        Choices, Sampling,
        testing::{PODS, planned_as, scenario, suite},
    };

    /// Two cells of four cases, of which two wait for each other.
    fn plan() -> Plan {
        let case = |case: &str| format!("{case}, {PODS}");
        let text = suite("variables: {n: {type: integer, default: 1}}\nmatrix: {n: [1, 2]}\n")
            + &scenario("s", &[&case("a"), &case("b, needs: [a]"), &case("c"), &case("d")]);
        let (plan, mistakes) = planned_as(&text, &Choices { matrix: Sampling::All, ..Choices::default() });
        assert_eq!(mistakes, [""; 0]);
        plan
    }

    fn ids(shard_of: Shard, took: impl Fn(&Plan, &[usize]) -> Option<u64>) -> Vec<String> {
        let mut plan = plan();
        shard(&mut plan, shard_of, took).unwrap();
        plan.cases.into_iter().map(|case| case.id).collect()
    }

    #[test]
    fn what_waits_for_another_stays_with_it() {
        let of = |number| ids(Shard { number, of: 2 }, |_, _| None);
        assert_eq!(of(1), ["n=1:s/a", "n=1:s/b", "n=1:s/c", "n=2:s/c"]);
        assert_eq!(of(2), ["n=1:s/d", "n=2:s/a", "n=2:s/b", "n=2:s/d"]);
    }

    #[test]
    fn what_took_long_is_weighed_against_the_rest() {
        let took = |plan: &Plan, unit: &[usize]| Some(if plan.cases[unit[0]].id == "n=2:s/c" { 60_000 } else { 10 });
        assert_eq!(ids(Shard { number: 1, of: 2 }, took), ["n=2:s/c"]);
    }

    #[test]
    fn more_shards_than_parts_are_told() {
        let problem = shard(&mut plan(), Shard { number: 7, of: 7 }, |_, _| None).unwrap_err();
        assert_eq!(problem.title, "--shard 7/7: nothing is left for it");
        assert!(problem.help.unwrap().ends_with("take 6 shards at most"));
    }

    #[rstest]
    #[case("2/5", Some(Shard { number: 2, of: 5 }))]
    #[case("5/5", Some(Shard { number: 5, of: 5 }))]
    #[case("0/5", None)]
    #[case("6/5", None)]
    #[case("1/0", None)]
    #[case("2", None)]
    #[case("a/b", None)]
    fn a_shard_is_one_of_several(#[case] text: &str, #[case] shard: Option<Shard>) {
        assert_eq!(text.parse().ok(), shard);
    }

    proptest! {
        #[test]
        fn shards_part_the_cases_exactly_and_evenly(
            orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..2), 1..60),
            took in prop::collection::vec(prop::option::of(0..10_000_u64), 60),
            of in 1..8_usize,
        ) {
            // Each refers to cases before it.
            let order: Vec<Vec<usize>> = orders.iter().enumerate()
                .map(|(place, before)| before.iter().filter(|_| place > 0).map(|index| index.index(place)).collect())
                .collect();
            let units = units(&order);
            let weights = weights(&units, &took[..units.len()]);
            let parts = partition(&weights, of);
            let mut seen: Vec<Option<usize>> = vec![None; order.len()];
            for (unit, part) in units.iter().zip(&parts) {
                prop_assert!(*part < of);
                for place in unit {
                    prop_assert_eq!(seen[*place].replace(*part), None, "case {} is in two units", place);
                }
            }
            for (place, before) in order.iter().enumerate() {
                prop_assert!(seen[place].is_some(), "case {} is in no shard", place);
                prop_assert!(before.iter().all(|other| seen[*other] == seen[place]), "case {} is apart", place);
            }
            let total: u64 = weights.iter().sum();
            let heaviest = weights.iter().copied().max().unwrap_or_default();
            for part in 0..of {
                let load: u64 = weights.iter().zip(&parts).filter(|(_, p)| **p == part).map(|(weight, _)| weight).sum();
                prop_assert!(load <= total / of as u64 + heaviest);
            }
        }
    }
}
