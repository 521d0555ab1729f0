//! The order of cases: what each needs and comes after.

use indexmap::IndexSet;

use crate::{
    diagnostic::{Diagnostic, Span},
    language::Scenario,
    load::Unread,
    yaml::Text,
};

/// For each case of a suite, in order of scenarios and cases: the places of those that it needs and comes after.
#[derive(Debug)]
pub struct Graph {
    pub needs: Vec<Vec<usize>>,
    pub after: Vec<Vec<usize>>,
}

/// Resolves the names and refuses circles. Names that are `unread` are known, but not what is behind them.
pub fn graph(scenarios: &[(Scenario, Span)], unread: &Unread) -> (Graph, Vec<Diagnostic>) {
    let mut names = Names { starts: Vec::new(), scenarios, unread, diagnostics: Vec::new() };
    let mut count = 0;
    for (scenario, _) in scenarios {
        names.starts.push(count);
        count += scenario.cases.len();
    }
    names.duplicates();
    let (mut needs, mut after) = (Vec::new(), Vec::new());
    for (place, (scenario, _)) in scenarios.iter().enumerate() {
        for case in &scenario.cases {
            let own = needs.len();
            let mut resolve = |texts: &[&[Text]]| {
                let mut found: Vec<usize> = Vec::new();
                for (level, text) in
                    texts.iter().enumerate().flat_map(|(level, list)| list.iter().map(move |t| (level, t)))
                {
                    let places = names.find(text, place, level == 1);
                    // What a scenario's cases all need may be one of them.
                    let (itself, others): (Vec<usize>, Vec<usize>) =
                        places.into_iter().partition(|index| *index == own);
                    if level == 1 && !itself.is_empty() {
                        names.diagnostics.push(
                            Diagnostic::error(format!("case `{}` waits for itself", case.name))
                                .at(&text.span)
                                .help("remove it from `needs` or `after`"),
                        );
                    }
                    found.extend(others);
                }
                found.sort_unstable();
                found.dedup();
                found
            };
            needs.push(resolve(&[&scenario.needs, &case.needs]));
            after.push(resolve(&[&scenario.after, &case.after]));
        }
    }
    let graph = Graph { needs, after };
    let mut diagnostics = names.diagnostics;
    if let Some(circle) = graph.circle() {
        let mut ids: Vec<String> = circle.iter().map(|index| id(scenarios, *index)).collect();
        ids.push(ids[0].clone());
        let span = &case(scenarios, circle[0]).name.span;
        diagnostics.push(
            Diagnostic::error(format!("cases wait for each other in a circle: {}", ids.join(" → ")))
                .at(span)
                .help("remove one of them from the `needs` or `after` of the one before it"),
        );
    }
    (graph, diagnostics)
}

impl Graph {
    /// Cases that wait for each other, if there are any.
    fn circle(&self) -> Option<Vec<usize>> {
        let mut done = vec![false; self.needs.len()];
        let mut on_path = done.clone();
        for start in 0..self.needs.len() {
            if done[start] {
                continue;
            }
            // The path from `start`, each case with those before it that are still to be visited.
            let mut path = vec![(start, self.before(start))];
            on_path[start] = true;
            while let Some((index, open)) = path.last_mut() {
                match open.pop() {
                    Some(next) if on_path[next] => {
                        let circle = path.iter().map(|(index, _)| *index);
                        return Some(circle.skip_while(|index| *index != next).collect());
                    }
                    Some(next) if done[next] => {}
                    Some(next) => {
                        on_path[next] = true;
                        path.push((next, self.before(next)));
                    }
                    None => {
                        done[*index] = true;
                        on_path[*index] = false;
                        path.pop();
                    }
                }
            }
        }
        None
    }

    fn before(&self, index: usize) -> Vec<usize> {
        self.needs[index].iter().chain(&self.after[index]).copied().collect()
    }

    /// Every case that `index` needs, directly or not.
    pub fn all_needs(&self, index: usize) -> Vec<usize> {
        let mut seen = vec![false; self.needs.len()];
        let mut open = self.needs[index].clone();
        while let Some(next) = open.pop() {
            if !std::mem::replace(&mut seen[next], true) {
                open.extend(&self.needs[next]);
            }
        }
        (0..seen.len()).filter(|index| seen[*index]).collect()
    }
}

struct Names<'a> {
    scenarios: &'a [(Scenario, Span)],
    unread: &'a Unread,
    starts: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
}

impl Names<'_> {
    fn duplicates(&mut self) {
        let mut known: std::collections::HashMap<&str, &Span> = std::collections::HashMap::new();
        for (scenario, _) in self.scenarios {
            let name = &scenario.metadata.name;
            if let Some(first) = known.insert(&name.value, &name.span) {
                self.diagnostics.push(
                    Diagnostic::error(format!("duplicate scenario `{name}`"))
                        .at(&name.span)
                        .help(format!("the first is at {first:?}")),
                );
            }
            let mut cases: std::collections::HashMap<&str, &Span> = std::collections::HashMap::new();
            for case in &scenario.cases {
                if let Some(first) = cases.insert(&case.name.value, &case.name.span) {
                    self.diagnostics.push(
                        Diagnostic::error(format!("duplicate case `{}`", case.name))
                            .at(&case.name.span)
                            .help(format!("the first is at {first:?}")),
                    );
                }
            }
        }
    }

    /// The cases that a name means in the scenario at `place`.
    fn find(&mut self, text: &Text, place: usize, of_case: bool) -> Vec<usize> {
        let scenarios = self.scenarios;
        let in_scenario = |place: usize, case: &str| {
            scenarios[place]
                .0
                .cases
                .iter()
                .position(|known| known.name.value == case)
                .map(|index| self.starts[place] + index)
        };
        let named = |name: &str| scenarios.iter().position(|known| known.0.metadata.name.value == name);
        if of_case && let Some(index) = in_scenario(place, &text.value) {
            return vec![index];
        }
        if let Some((scenario, case)) = text.value.split_once('/') {
            if let Some(index) = named(scenario).and_then(|place| in_scenario(place, case)) {
                return vec![index];
            }
        } else if let Some(found) = named(&text.value).filter(|found| *found != place) {
            return (0..scenarios[found].0.cases.len()).map(|index| self.starts[found] + index).collect();
        }
        if self.unread.opaque || self.unread.names.contains(&text.value) {
            return Vec::new();
        }
        if text.value == scenarios[place].0.metadata.name.value {
            self.diagnostics.push(
                Diagnostic::error(format!("scenario `{text}` waits for itself"))
                    .at(&text.span)
                    .help("name one of its cases, or remove it"),
            );
            return Vec::new();
        }
        let own = scenarios[place].0.cases.iter().map(|case| case.name.value.clone()).filter(|_| of_case);
        let whole = scenarios.iter().map(|known| known.0.metadata.name.value.clone());
        let cases = scenarios
            .iter()
            .flat_map(|known| known.0.cases.iter().map(|case| format!("{}/{}", known.0.metadata.name, case.name)));
        let itself = &scenarios[place].0.metadata.name.value;
        let all = own.chain(whole).chain(cases).chain(self.unread.names.iter().cloned());
        let known: IndexSet<String> = all.filter(|name| name != itself).collect();
        let diagnostic = Diagnostic::error(format!("unknown case or scenario `{text}`")).at(&text.span);
        self.diagnostics.push(diagnostic.did_you_mean(&text.value, known.iter().map(String::as_str)));
        Vec::new()
    }
}

/// The case at a place of the suite.
pub fn case(scenarios: &[(Scenario, Span)], index: usize) -> &crate::language::Case {
    scenarios.iter().flat_map(|(scenario, _)| &scenario.cases).nth(index).expect("an index of the graph")
}

/// `scenario/case`.
pub fn id(scenarios: &[(Scenario, Span)], index: usize) -> String {
    scenarios
        .iter()
        .flat_map(|(scenario, _)| {
            scenario.cases.iter().map(move |case| format!("{}/{}", scenario.metadata.name, case.name))
        })
        .nth(index)
        .expect("an index of the graph")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::plan::testing::{PODS, planned, scenario, sound};

    fn case(rest: &str) -> String {
        format!("{rest}, {PODS}")
    }

    #[rstest]
    #[case::a_case_of_the_scenario("needs: [one]", &["b/one"])]
    #[case::a_case_elsewhere("needs: [a/two]", &["a/two"])]
    #[case::a_scenario("needs: [a]", &["a/one", "a/two"])]
    #[case::once_each("needs: [a, a/two, one]", &["a/one", "a/two", "b/one"])]
    fn a_need_names_cases(#[case] needs: &str, #[case] expected: &[&str]) {
        let text = scenario("a", &[&case("one"), &case("two")])
            + &scenario("b", &[&case("one"), &case(&format!("two, {needs}"))]);
        let plan = sound(&text);
        let needs: Vec<&str> = plan.cases[3].needs.iter().map(|place| plan.cases[*place].id.as_str()).collect();
        assert_eq!(needs, expected);
    }

    #[test]
    fn what_all_cases_of_a_scenario_need_may_be_one_of_them() {
        let text = scenario("a", &[&case("one"), &case("two")]).replace("cases:", "needs: [a/one]\ncases:");
        let plan = sound(&text);
        assert_eq!(plan.cases.iter().map(|case| case.needs.as_slice()).collect::<Vec<_>>(), [[].as_slice(), &[0]]);
    }

    #[rstest]
    #[case("one, needs: [tow]", "6:25 unknown case or scenario `tow`; did you mean `two`?")]
    #[case("one, needs: [one]", "6:25 case `one` waits for itself; remove it from `needs` or `after`")]
    #[case("one, needs: [a]", "6:25 scenario `a` waits for itself; name one of its cases, or remove it")]
    #[case(
        "one, needs: [two]",
        "5:12 cases wait for each other in a circle: a/two → a/one → a/two; remove one of them from the `needs` or `after` of the one before it"
    )]
    #[case("two", "6:12 duplicate case `two`; the first is at a.yaml:5:12")]
    fn an_order_that_cannot_be_is_told(#[case] second: &str, #[case] expected: &str) {
        let text = scenario("a", &[&case("two, after: [one]"), &case(second)]);
        let mistakes = planned(&text).1;
        assert!(mistakes.iter().any(|mistake| mistake == expected), "{mistakes:#?}");
    }

    #[test]
    fn two_scenarios_of_one_name_are_told() {
        let text = scenario("a", &[&case("one")]) + &scenario("a", &[&case("one")]);
        assert_eq!(planned(&text).1, ["9:18 duplicate scenario `a`; the first is at a.yaml:3:18"]);
    }

    #[test]
    fn a_need_of_what_could_not_be_read_is_no_second_mistake() {
        let text = scenario("a", &["one, does: []"]) + &scenario("b", &[&case("one, needs: [a/one, a]")]);
        let mistakes = planned(&text).1;
        assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
        assert!(mistakes.iter().all(|mistake| !mistake.contains("scenario `a")), "{mistakes:#?}");
    }
}
