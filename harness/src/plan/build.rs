//! Builds the plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{
    captures::{captured, check as check_captures},
    cell::{Cell, RunIdentity, diagnose, image_sources, kubernetes, releases},
    checks::{Reading, checks},
    condition::{Pending, Reachable, applies},
    effects::{Stated, check_lists, effects},
    graph::{Graph, graph},
    matrix::{Sampling, cells, name_of},
    sources::names as pulled_names,
    steps::Steps,
    variables::{Given, Values, resolve},
};
use crate::{
    diagnostic::{Diagnostic, Span, deduplicate},
    effect::Effect,
    language::{Case, Environment, Filler, KnownFailure, Scenario, TouchNode, VariableSpec, names_in},
    load::Loaded,
    registry::{RegistryMap, Settings},
    yaml::{Node, Text},
};

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// From `--set`.
    pub set: IndexMap<String, String>,
    /// From `--env-file`.
    pub environment: Environment,
    /// Which cells of the matrix are planned.
    pub matrix: Sampling,
    /// How registries are spoken to, and what references are moved to.
    pub registries: Settings,
}

/// The cases of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub suite: String,
    pub title: Option<String>,
    /// The address of the guide.
    pub guide_url: Option<String>,
    pub digest: String,
    /// The suite's files with their digests, sorted by path.
    pub files: Vec<meshproof_reports::FileDigest>,
    /// Values that no report may tell: those of secret variables, in all cells.
    pub secrets: BTreeSet<String>,
    /// The variables of the first cell, secret ones left out.
    pub variables: Values,
    /// In order: cells, then the suite's own order.
    pub cases: Vec<PlannedCase>,
    /// How registries are spoken to.
    pub registries: Settings,
}

/// One case, ready to be run.
#[derive(Debug, Clone)]
pub struct PlannedCase {
    pub id: String,
    pub scenario: String,
    pub title: String,
    pub guide: Option<String>,
    pub proves: Vec<String>,
    pub tags: Vec<String>,
    pub span: Span,
    /// Places in the plan of cases that must not have failed.
    pub needs: Vec<usize>,
    /// Places of cases that must have ended.
    pub after: Vec<usize>,
    /// Why it does not apply, if so.
    pub skip: Option<String>,
    /// What the cluster has to say about whether it applies.
    pub pending: Vec<Pending>,
    /// What must be reached for it to apply.
    pub reachable: Vec<Reachable>,
    pub known_failure: Option<KnownFailure>,
    pub namespace: Option<String>,
    /// Its steps; expressions over captures are not filled yet.
    pub actions: Vec<Node>,
    pub expectations: Vec<Node>,
    /// What follows from its steps, and from those that take them back, for the cluster and beyond.
    pub effects: Vec<Effect>,
    /// The cell, shared by its cases: values, and the names that are captured.
    pub cell: Arc<Cell>,
}

/// Plans a suite.
pub fn plan(loaded: &Loaded, choices: &Choices, run: &RunIdentity) -> (Plan, Vec<Diagnostic>) {
    let (graph, mut diagnostics) = graph(&loaded.scenarios, &loaded.unread);
    let suite = loaded.suite.as_ref().map(|(suite, _)| suite);
    let none = IndexMap::new();
    let variables = suite.map_or(&none, |suite| &suite.variables);
    let names: BTreeSet<String> = variables.keys().map(Text::to_string).chain(["run".to_owned()]).collect();
    let captured = captured(&loaded.scenarios);
    if loaded.unread.is_nothing() {
        diagnostics.extend(check_captures(&loaded.scenarios, &captured, &graph, &names));
    }
    let mut plan = Plan {
        suite: suite.map_or_else(|| loaded.root.display().to_string(), |suite| suite.metadata.name.value.clone()),
        title: suite.and_then(|suite| suite.metadata.title.clone()),
        guide_url: suite.and_then(|suite| suite.guide_url.clone()),
        digest: loaded.digest.clone(),
        files: loaded.files.clone(),
        secrets: BTreeSet::new(),
        variables: Values::new(),
        cases: Vec::new(),
        registries: choices.registries.clone(),
    };
    if loaded.suite_unread {
        // Without its variables, every expression would be a mistake.
        return (plan, diagnostics);
    }
    let cells = cells(suite, choices, &mut diagnostics);
    for (index, cell) in cells.iter().enumerate() {
        let map = &choices.registries.map;
        let given = Given { set: &choices.set, cell, environment: &choices.environment, map };
        let name = name_of(cell);
        let identity = run.of_cell(index, &name);
        let (values, problems) = resolve(variables, &given, &identity.values());
        let resolved = variables.keys().all(|name| values.contains_key(name.as_str()));
        diagnostics.extend(problems);
        if index == 0 {
            let told = |name: &str| name != "run" && !variables.get(name).is_some_and(|spec| spec.secret);
            plan.variables =
                values.iter().filter(|(name, _)| told(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        }
        for (name, _) in variables.iter().filter(|(_, spec)| spec.secret) {
            values.get(name.as_str()).into_iter().for_each(|value| texts(value, &mut plan.secrets));
        }
        // A variable without a value is taken for one that gets it later, so that mistakes elsewhere are seen all the same.
        let unresolved = names.iter().filter(|name| !values.contains_key(*name)).cloned();
        let pulled = suite.iter().flat_map(|suite| pulled_names(&suite.images));
        let captured = captured.keys().cloned().chain(unresolved).chain(pulled).collect();
        let mut cell = Cell {
            index,
            name,
            identity,
            kubernetes: kubernetes(cell),
            releases: Vec::new(),
            checks: Vec::new(),
            axes: cell.iter().map(|(axis, value)| (axis.clone(), value.to_json())).collect(),
            values,
            captured,
            diagnose: Vec::new(),
            sources: Vec::new(),
        };
        cell.releases = releases(suite, &cell, &mut diagnostics);
        cell.diagnose = diagnose(suite, &cell, &mut diagnostics);
        cell.sources = image_sources(suite, &cell, variables, &mut diagnostics);
        let lists = suite.map_or(&*NO_LISTS, |suite| &suite.touches);
        let filler = cell.filler(&BTreeMap::new());
        let stated = Stated { lists, filler: &filler };
        check_lists(&stated, &mut diagnostics);
        if let Some(suite) = suite {
            let namespace = suite.namespace.as_ref().map(|node| filler.fill(node).0);
            let namespace = namespace.as_ref().and_then(Node::as_str);
            let run = &cell.identity.id;
            let reading = Reading { variables, values: &cell.values, filler: &filler, namespace, run };
            cell.checks = checks(&suite.preflight, &reading, &mut diagnostics);
        }
        let builder = Builder { loaded, graph: &graph, variables, lists, cell: Arc::new(cell), map };
        let cases = builder.build(plan.cases.len(), &mut diagnostics);
        if resolved {
            plan.cases.extend(cases);
        }
    }
    deduplicate(&mut diagnostics);
    (plan, diagnostics)
}

/// Every text in a value, and numbers as they would be written.
fn texts(value: &Json, found: &mut BTreeSet<String>) {
    match value {
        Json::String(text) => drop(found.insert(text.clone())),
        Json::Number(number) => drop(found.insert(number.to_string())),
        Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Json::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        Json::Bool(_) | Json::Null => {}
    }
}

static NO_LISTS: LazyLock<IndexMap<Text, Vec<TouchNode>>> = LazyLock::new(IndexMap::new);

struct Builder<'a> {
    loaded: &'a Loaded,
    graph: &'a Graph,
    variables: &'a IndexMap<Text, VariableSpec>,
    /// What the suite states of programs.
    lists: &'a IndexMap<Text, Vec<TouchNode>>,
    cell: Arc<Cell>,
    /// What is pulled is moved by it.
    map: &'a RegistryMap,
}

impl Builder<'_> {
    /// The cases of the cell, of which the plan has `offset` before.
    fn build(&self, offset: usize, diagnostics: &mut Vec<Diagnostic>) -> Vec<PlannedCase> {
        let mut cases = Vec::new();
        let filler = self.cell.filler(&BTreeMap::new());
        let all =
            self.loaded.scenarios.iter().flat_map(|(scenario, _)| scenario.cases.iter().map(move |c| (scenario, c)));
        for (index, (scenario, case)) in all.enumerate() {
            let mut planned = self.case(scenario, case, &filler, diagnostics);
            let shift = |list: &[usize]| list.iter().map(|place| place + offset).collect::<Vec<_>>();
            planned.needs = shift(&self.graph.needs[index]);
            planned.after = shift(&self.graph.after[index]);
            cases.push(planned);
        }
        cases
    }

    fn case(
        &self,
        scenario: &Scenario,
        case: &Case,
        filler: &Filler,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> PlannedCase {
        let mut id = format!("{}/{}", scenario.metadata.name, case.name);
        if !self.cell.name.is_empty() {
            id = format!("{}:{id}", self.cell.name);
        }
        let conditions = scenario.when.iter().chain(&case.when);
        let applies = applies(conditions, self.variables, &self.cell.values, filler);
        diagnostics.extend(applies.diagnostics);
        let Steps { actions, expectations } =
            Steps::of(case, filler, &|name| self.cell.captured.contains(name), diagnostics);
        let namespace = self.namespace(scenario, filler, diagnostics);
        let stated = Stated { lists: self.lists, filler };
        let (mut effects, problems) = effects(&stated, &actions, &expectations, namespace.as_deref());
        diagnostics.extend(problems);
        effects.extend(applies.reachable.iter().map(|asked| Effect::Contacts(asked.address.clone())));
        if actions.is_empty() && expectations.is_empty() {
            diagnostics.push(
                Diagnostic::error(format!("case `{}` does and expects nothing", case.name))
                    .at(&case.name.span)
                    .help("give it `do`, `expect` or both"),
            );
        }
        PlannedCase {
            id,
            scenario: scenario.metadata.name.value.clone(),
            title: case.title.clone().unwrap_or_else(|| case.name.value.replace('-', " ")),
            guide: case.guide.as_ref().or(scenario.guide.as_ref()).map(|heading| heading.value.clone()),
            proves: case.proves.iter().map(|text| text.value.clone()).collect(),
            tags: scenario.tags.iter().chain(&case.tags).map(|tag| tag.0.clone()).collect(),
            span: case.name.span.clone(),
            needs: Vec::new(),
            after: Vec::new(),
            skip: applies.skip,
            pending: applies.pending,
            reachable: applies.reachable,
            known_failure: case.known_failure.clone(),
            namespace,
            actions,
            expectations,
            effects: effects
                .into_iter()
                .map(|effect| effect.without_run(&self.cell.identity.id).moved(self.map))
                .collect(),
            cell: Arc::clone(&self.cell),
        }
    }

    fn namespace(&self, scenario: &Scenario, filler: &Filler, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
        let suite = self.loaded.suite.as_ref().and_then(|(suite, _)| suite.namespace.as_ref());
        let node = scenario.namespace.as_ref().or(suite)?;
        let (filled, problems) = filler.fill(node);
        let broken = !problems.is_empty();
        diagnostics.extend(problems);
        match filled.as_str() {
            _ if broken => None,
            Some(_) if self.waits(&filled) => {
                diagnostics.push(
                    Diagnostic::error("`namespace` cannot be a capture")
                        .at(&node.span)
                        .help("it is known before the run; give the step itself a `namespace`"),
                );
                None
            }
            Some(name) => Some(name.to_owned()),
            None => {
                let title = format!("`namespace` must be a string, not {}", filled.kind());
                diagnostics.push(Diagnostic::error(title).at(&node.span));
                None
            }
        }
    }

    /// Whether expressions of the tree are over captures. A variable that has no value for a mistake is no capture.
    fn waits(&self, node: &Node) -> bool {
        names_in(node).iter().any(|name| !self.variables.contains_key(name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::{Choices, Sampling};
    use crate::plan::testing::{PODS, planned, planned_as, scenario, sound, suite};

    #[test]
    fn steps_are_filled_but_for_captures() {
        let case = "one, do: [{capture: {name: host, of: {kind: Service}, value: object.a}}, {http: {url: 'http://{{ host }}/{{ run.id }}'}}, {http: {url: '{{ run.id }}'}}]";
        let plan = sound(&scenario("a", &[case]));
        let urls: Vec<_> =
            plan.cases[0].actions[1..].iter().map(|node| node.to_json()["http"]["url"].clone()).collect();
        assert_eq!(urls, [json!("http://{{ host }}/{{ run.id }}"), json!("1234")]);
    }

    #[rstest]
    #[case::none("", "", None)]
    #[case::of_the_suite("namespace: shop-{{ run.id }}\n", "", Some("shop-1234"))]
    #[case::of_the_scenario("namespace: a\n", "namespace: b\n", Some("b"))]
    fn the_namespace_is_the_scenarios_or_the_suites(
        #[case] of_suite: &str,
        #[case] own: &str,
        #[case] expected: Option<&str>,
    ) {
        let cases = scenario("a", &[&format!("one, {PODS}")]).replace("cases:", &format!("{own}cases:"));
        assert_eq!(sound(&(suite(of_suite) + &cases)).cases[0].namespace.as_deref(), expected);
    }

    #[test]
    fn a_case_has_the_scenarios_guide_and_tags_besides_its_own() {
        let cases = [format!("one, guide: Own, tags: [slow], {PODS}"), format!("two-words, {PODS}")];
        let text = scenario("a", &[&cases[0], &cases[1]]).replace("cases:", "guide: All\ntags: [smoke]\ncases:");
        let plan = sound(&text);
        let told: Vec<_> =
            plan.cases.iter().map(|c| (c.guide.as_deref().unwrap(), c.tags.join(" "), c.title.as_str())).collect();
        assert_eq!(told, [("Own", "smoke slow".to_owned(), "one"), ("All", "smoke".to_owned(), "two words")]);
    }

    #[test]
    fn each_cell_is_a_plan_of_its_own() {
        let text = suite("variables: {n: {type: integer, default: 1}}\nmatrix: {n: [1, 2], kubernetes: ['1.28']}\n")
            + &scenario("a", &[&format!("one, {PODS}"), &format!("two, needs: [one], after: [one], {PODS}")]);
        let (plan, mistakes) = planned_as(&text, &Choices { matrix: Sampling::All, ..Choices::default() });
        assert_eq!(mistakes, [""; 0]);
        let cells = plan.cells();
        let told: Vec<_> = cells.iter().map(|(cell, places)| (cell.name.as_str(), places.clone())).collect();
        assert_eq!(told, [("n=1,kubernetes=1.28", 0..2), ("n=2,kubernetes=1.28", 2..4)]);
        for (cell, places) in &cells {
            let part = plan.part(places);
            let order: Vec<_> = part.cases.iter().map(|case| (case.needs.as_slice(), case.after.as_slice())).collect();
            assert_eq!(order, [([].as_slice(), [].as_slice()), (&[0], &[0])]);
            assert_eq!(cell.identity.id, format!("1234-{}", cell.index));
            assert_eq!(cell.values["run"]["directory"], json!(format!("/run/{}", cell.index)));
            assert!(cell.kubernetes.is_some_and(|wish| wish.accepts(&semver::Version::new(1, 28, 15))));
        }
    }

    #[test]
    fn a_mistake_is_told_once_for_all_cells() {
        let text = suite("variables: {n: {type: integer, default: 1}}\nmatrix: {n: [1, 2]}\n")
            + &scenario("a", &["one, do: [{http: {url: '{{ m }}'}}]"]);
        let (_, mistakes) = planned_as(&text, &Choices { matrix: Sampling::All, ..Choices::default() });
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    }

    #[test]
    fn a_variable_without_a_value_does_not_hide_other_mistakes() {
        let text = suite("variables: {version: {type: version, default: new}}\n")
            + &scenario("a", &["one, do: [{http: {url: '{{ version }}/{{ hots }}'}}]"]);
        let mistakes = planned(&text).1;
        assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
        assert!(mistakes[1].contains("unknown variable `hots`"), "{mistakes:#?}");
    }

    #[test]
    fn without_its_suite_nothing_is_said_of_variables() {
        let text = suite("variables: {host: shop}\n") + &scenario("a", &["one, do: [{http: {url: '{{ host }}'}}]"]);
        let mistakes = planned(&text).1;
        assert_eq!(mistakes, ["4:19 `host` must be a map, not a string"]);
    }

    #[test]
    fn the_same_text_gives_the_same_plan() {
        let text = suite("variables: {a: {type: map, default: {z: 1, y: 2, x: 3}}}\n")
            + &scenario(
                "a",
                &["one, do: [{run: {program: a, args: ['of {{ a }}', '{{ a | items | length | string }}']}}]"],
            );
        assert_eq!(format!("{:?}", sound(&text).cases[0].actions), format!("{:?}", sound(&text).cases[0].actions));
    }
}
