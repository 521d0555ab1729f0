//! Which cases of a plan are run.

use std::path::PathBuf;

use super::Plan;
use crate::diagnostic::{Diagnostic, closest};

/// What the user asked for; nothing means everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Parts of ids; one of them must be in a case's.
    pub filters: Vec<String>,
    /// Whether filters must be whole ids.
    pub exact: bool,
    /// One of them must be a case's.
    pub tags: Vec<String>,
    /// Files, or folders, of scenarios.
    pub only: Vec<PathBuf>,
}

/// Marks the cases asked for and those that they need. A selection of nothing is an error.
pub fn select(plan: &mut Plan, selection: &Selection) -> Result<(), Diagnostic> {
    let wanted: Vec<bool> =
        plan.cases
            .iter()
            .map(|case| {
                let by_filter = selection.filters.is_empty()
                    || selection.filters.iter().any(|filter| {
                        if selection.exact { case.id == *filter } else { case.id.contains(filter.as_str()) }
                    });
                let by_tag = selection.tags.is_empty() || selection.tags.iter().any(|tag| case.tags.contains(tag));
                let file = &case.span.source.path;
                let by_file = selection.only.is_empty()
                    || selection.only.iter().any(|path| file.starts_with(path) || same(file, path));
                by_filter && by_tag && by_file
            })
            .collect();
    if !wanted.iter().any(|wanted| *wanted) {
        return Err(nothing(plan, selection));
    }
    let mut open: Vec<usize> = (0..wanted.len()).filter(|index| wanted[*index]).collect();
    let mut selected = vec![false; wanted.len()];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut selected[index], true) {
            open.extend(&plan.cases[index].needs);
        }
    }
    plan.keep(&selected);
    Ok(())
}

fn same(a: &std::path::Path, b: &std::path::Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a.starts_with(&b))
}

fn nothing(plan: &Plan, selection: &Selection) -> Diagnostic {
    let diagnostic = Diagnostic::error("no case is selected");
    let ids = plan.cases.iter().map(|case| case.id.as_str());
    // A filter may be a part of an id: `scenario`, `case`.
    let words: Vec<&str> = ids.flat_map(|id| std::iter::once(id).chain(id.split(['/', ':']))).collect();
    let hint = selection.filters.first().and_then(|filter| closest(filter, &words));
    if let Some(word) = hint {
        return diagnostic.help(format!("did you mean `{word}`? `meshproof list` shows all"));
    }
    let mut tags: Vec<&str> = plan.cases.iter().flat_map(|case| case.tags.iter().map(String::as_str)).collect();
    tags.sort_unstable();
    tags.dedup();
    if selection.tags.is_empty() || tags.is_empty() {
        return diagnostic.help("`meshproof list` shows all");
    }
    diagnostic.did_you_mean(&selection.tags[0], tags)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::testing::{PODS, scenario, sound};

    fn plan() -> Plan {
        let with = |case: &str| format!("{case}, {PODS}");
        let a = scenario("install", &[&with("ready"), &with("answers, needs: [ready], tags: [smoke]")]);
        sound(&(a + &scenario("remove", &[&with("gone, needs: [install/answers], tags: [slow]"), &with("ready")])))
    }

    fn selection(filters: &[&str], tags: &[&str], exact: bool) -> Selection {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Selection { filters: owned(filters), exact, tags: owned(tags), only: Vec::new() }
    }

    #[rstest]
    #[case::everything(&[], &[], false, &["install/ready", "install/answers", "remove/gone", "remove/ready"])]
    #[case::with_what_it_needs(&["answers"], &[], false, &["install/ready", "install/answers"])]
    #[case::of_any_filter(&["install/r", "remove/r"], &[], false, &["install/ready", "remove/ready"])]
    #[case::a_whole_id(&["remove/ready"], &[], true, &["remove/ready"])]
    #[case::a_tag(&[], &["smoke"], false, &["install/ready", "install/answers"])]
    #[case::a_filter_and_a_tag(&["remove"], &["slow"], false, &["install/ready", "install/answers", "remove/gone"])]
    fn cases_asked_for_are_taken_with_what_they_need(
        #[case] filters: &[&str],
        #[case] tags: &[&str],
        #[case] exact: bool,
        #[case] expected: &[&str],
    ) {
        let mut plan = plan();
        select(&mut plan, &selection(filters, tags, exact)).unwrap();
        assert_eq!(plan.cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn places_are_those_of_the_cases_that_are_left() {
        let mut plan = plan();
        plan.keep(&[false, true, true, false]);
        assert_eq!(plan.cases.iter().map(|case| case.needs.as_slice()).collect::<Vec<_>>(), [[].as_slice(), &[0]]);
    }

    #[test]
    fn the_cases_of_a_file_are_those_that_stand_in_it() {
        let (mut taken, mut other) = (plan(), plan());
        select(&mut taken, &Selection { only: vec!["a.yaml".into()], ..Selection::default() }).unwrap();
        assert_eq!(taken.cases.len(), 4);
        select(&mut other, &Selection { only: vec!["b.yaml".into()], ..Selection::default() }).unwrap_err();
    }

    #[rstest]
    #[case(&["answres"], &[], false, "did you mean `answers`? `meshproof list` shows all")]
    #[case(&["install/redy"], &[], true, "did you mean `install/ready`? `meshproof list` shows all")]
    #[case(&[], &["smok"], false, "did you mean `smoke`?")]
    #[case(&[], &["other"], false, "there are slow, smoke")]
    fn a_selection_of_nothing_is_a_mistake(
        #[case] filters: &[&str],
        #[case] tags: &[&str],
        #[case] exact: bool,
        #[case] help: &str,
    ) {
        let diagnostic = select(&mut plan(), &selection(filters, tags, exact)).unwrap_err();
        assert_eq!((diagnostic.title.as_str(), diagnostic.help.as_deref()), ("no case is selected", Some(help)));
    }
}
