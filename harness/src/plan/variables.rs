//! The values of a suite's variables.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::{
    diagnostic::{Diagnostic, Source, Span},
    language::{
        ByVersion, Environment, Filler, VariableKind, VariableSpec,
        formats::{self, version},
        names_in,
    },
    registry::RegistryMap,
    yaml::{self, Node, Text},
};

/// Every variable with its value.
pub type Values = BTreeMap<String, Json>;

/// Reads a file of values: a map from variables to values. An empty file gives none.
pub fn read_environment(path: &std::path::Path) -> Result<Environment, Vec<Diagnostic>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![Diagnostic::error(format!("failed to read {}: {error}", path.display()))])?;
    let source = std::sync::Arc::new(Source { path: path.to_owned(), text });
    let (nodes, diagnostics) = yaml::parse(&source);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    match nodes.as_slice() {
        [] => Ok(Environment::new()),
        [Node { value: yaml::Value::Map(entries), .. }] => {
            Ok(entries.iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect())
        }
        [node] => Err(vec![
            Diagnostic::error(format!("a file of values must be a map, not {}", node.kind()))
                .at(&node.span)
                .help("write a line for each variable: `name: value`"),
        ]),
        [_, second, ..] => {
            Err(vec![Diagnostic::error("a second document in a file of values").at(&second.span).help("remove it")])
        }
    }
}

/// What the user and the matrix say; `--set` counts before the matrix, the matrix before the environment file.
pub struct Given<'a> {
    /// From `--set`: texts, read by the variable's type.
    pub set: &'a IndexMap<String, String>,
    pub cell: &'a [(String, Node)],
    pub environment: &'a Environment,
    /// Values that begin with a registry that is moved are moved.
    pub map: &'a RegistryMap,
}

/// Finds the value of every variable; `built_in` are names that are always there. What has no value is left out, and reported.
pub fn resolve(
    specs: &IndexMap<Text, VariableSpec>,
    given: &Given<'_>,
    built_in: &Values,
) -> (Values, Vec<Diagnostic>) {
    let mut resolver =
        Resolver { specs, given, values: built_in.clone(), failed: BTreeSet::new(), diagnostics: Vec::new() };
    resolver.unknown_names();
    for (name, spec) in specs {
        resolver.one_of(name, spec);
        resolver.resolve(name.as_str(), &mut Vec::new());
    }
    (resolver.values, resolver.diagnostics)
}

struct Resolver<'a> {
    specs: &'a IndexMap<Text, VariableSpec>,
    given: &'a Given<'a>,
    values: Values,
    /// Variables without a value, which is reported already.
    failed: BTreeSet<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn unknown_names(&mut self) {
        let known: Vec<&str> = self.specs.keys().map(Text::as_str).collect();
        for name in self.given.set.keys().filter(|name| !self.specs.contains_key(name.as_str())) {
            self.diagnostics
                .push(Diagnostic::error(format!("--set {name}: unknown variable")).did_you_mean(name, known.clone()));
        }
        for name in self.given.environment.keys().filter(|name| !self.specs.contains_key(*name)) {
            let diagnostic = Diagnostic::error(format!("unknown variable `{name}`")).at(&name.span);
            self.diagnostics.push(diagnostic.did_you_mean(name.as_str(), known.clone()));
        }
    }

    /// That each of the values that a variable can have is of its type.
    fn one_of(&mut self, name: &Text, spec: &VariableSpec) {
        for value in &spec.one_of {
            if let Err(problem) = typed(spec.kind, value) {
                self.diagnostics.push(mistyped(&format!("a value of `{name}`"), &problem, value));
            }
        }
    }

    /// Resolves `name` after what it refers to; `path` leads here.
    fn resolve(&mut self, name: &str, path: &mut Vec<String>) {
        if self.values.contains_key(name) || self.failed.contains(name) {
            return;
        }
        let Some((key, spec)) = self.specs.get_key_value(name) else { return };
        if let Some(start) = path.iter().position(|above| above == name) {
            let circle = [&path[start..], &[name.to_owned()]].concat();
            self.diagnostics.push(
                Diagnostic::error(format!("variables refer to each other in a circle: {}", circle.join(" → ")))
                    .at(spec.default.as_ref().map_or(&key.span, |node| &node.span))
                    .help("give one of them a value that refers to none of the others"),
            );
            self.failed.extend(circle);
            return;
        }
        path.push(name.to_owned());
        let value = self.value_of(key, spec, path);
        path.pop();
        match value {
            Some(value) => {
                self.values.insert(name.to_owned(), self.given.map.apply_to_value(value));
            }
            None => {
                self.failed.insert(name.to_owned());
            }
        }
    }

    fn value_of(&mut self, name: &Text, spec: &VariableSpec, path: &mut Vec<String>) -> Option<Json> {
        if let Some(text) = self.given.set.get(name.as_str()) {
            return match from_text(spec.kind, text) {
                Ok(value) => self.allowed(name, spec, value, None),
                Err(problem) => {
                    let (title, help) = formats::advice(&problem);
                    let diagnostic = Diagnostic::error(format!("--set {name}={text}: {title}"));
                    self.diagnostics.push(Diagnostic { help: help.map(str::to_owned), ..diagnostic });
                    None
                }
            };
        }
        let of_cell = self.given.cell.iter().find(|(axis, _)| axis == name.as_str()).map(|(_, node)| node.clone());
        let node = of_cell.or_else(|| self.given.environment.get(name).cloned());
        let node = match (node, &spec.by_version, &spec.default) {
            (Some(node), _, _) => node,
            (None, Some(by_version), _) => self.by_version(name, by_version, path)?,
            (None, None, Some(default)) => default.clone(),
            (None, None, None) => {
                self.diagnostics.push(
                    Diagnostic::error(format!("variable `{name}` has no value"))
                        .at(&name.span)
                        .help(format!("give it one: --set {name}=…")),
                );
                return None;
            }
        };
        for reference in names_in(&node) {
            self.resolve(&reference, path);
            if self.failed.contains(&reference) {
                return None;
            }
        }
        let (filled, problems) = Filler::new(self.values.clone(), BTreeSet::new()).fill(&node);
        if !problems.is_empty() {
            self.diagnostics.extend(problems);
            return None;
        }
        match typed(spec.kind, &filled) {
            Ok(value) => self.allowed(name, spec, value, Some(&filled.span)),
            Err(problem) => {
                self.diagnostics.push(mistyped(&format!("variable `{name}`"), &problem, &filled));
                None
            }
        }
    }

    fn by_version(&mut self, name: &Text, by_version: &ByVersion, path: &mut Vec<String>) -> Option<Node> {
        let of = &by_version.of.value;
        let wrong = |title: String| Diagnostic::error(title).at(&by_version.of.span);
        match self.specs.get(of.as_str()) {
            Some(spec) if spec.kind == VariableKind::Version => {}
            Some(_) => {
                self.diagnostics
                    .push(wrong(format!("`{of}` is not a version variable")).help("give it `type: version`"));
                return None;
            }
            None => {
                let known = self.specs.keys().map(Text::as_str);
                self.diagnostics.push(wrong(format!("unknown variable `{of}`")).did_you_mean(of, known));
                return None;
            }
        }
        self.resolve(of, path);
        let version = version(self.values.get(of)?.as_str()?).ok()?;
        let found = by_version.values.iter().find(|entry| entry.range.contains(&version));
        if found.is_none() {
            let known: Vec<&str> = by_version.values.iter().map(|entry| entry.range.as_str()).collect();
            self.diagnostics.push(
                Diagnostic::error(format!("it is not known what `{name}` is for {of} {version}"))
                    .at(&by_version.of.span)
                    .help(format!(
                        "the ranges are `{}`; add one, or give the value with --set {name}=…",
                        known.join("`, `")
                    )),
            );
        }
        found.map(|entry| entry.value.clone())
    }

    fn allowed(&mut self, name: &Text, spec: &VariableSpec, value: Json, span: Option<&Span>) -> Option<Json> {
        let allowed: Vec<Json> = spec.one_of.iter().map(Node::to_json).collect();
        if allowed.is_empty() || allowed.contains(&value) {
            return Some(value);
        }
        let words: Vec<String> = allowed.iter().map(plain).collect();
        let from = if span.is_some() { String::new() } else { format!("--set {name}: ") };
        let diagnostic = Diagnostic {
            span: span.cloned(),
            ..Diagnostic::error(format!("{from}`{}` is not a value of variable `{name}`", plain(&value)))
        };
        self.diagnostics.push(diagnostic.did_you_mean(&plain(&value), words.iter().map(String::as_str)));
        None
    }
}

/// That a value is not of its variable's type, with a way out where YAML took it for something else.
fn mistyped(what: &str, problem: &str, node: &Node) -> Diagnostic {
    let (title, help) = formats::advice(problem);
    let title = match title.strip_prefix("must be ") {
        Some(rest) => format!("{what} must be {rest}"),
        None => format!("{what}: {title}"),
    };
    let quotable = matches!(node.value, yaml::Value::Float(_) | yaml::Value::Int(_) | yaml::Value::Bool(_));
    let help = match title.contains("a string") || title.contains("a version") || title.contains("a duration") {
        true if quotable && !node.span.text().contains("{{") => Some(format!("quote it: \"{}\"", node.span.text())),
        _ => help.map(str::to_owned),
    };
    Diagnostic { help, ..Diagnostic::error(title).at(&node.span) }
}

/// A value as a person writes it.
pub fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What `--set name=text` means.
fn from_text(kind: VariableKind, text: &str) -> Result<Json, String> {
    match kind {
        VariableKind::String => Ok(json!(text)),
        VariableKind::Version => version(text).map(|_| json!(text)),
        VariableKind::Duration => text.parse::<formats::Span>().map(|_| json!(text)),
        VariableKind::Integer => text.parse::<i64>().map(Json::from).map_err(|_| format!("`{text}` is not an integer")),
        VariableKind::Boolean => {
            text.parse::<bool>().map(Json::from).map_err(|_| format!("`{text}` is not true or false"))
        }
        VariableKind::List | VariableKind::Map => {
            let source = std::sync::Arc::new(Source { path: "--set".into(), text: text.to_owned() });
            let (nodes, problems) = yaml::parse(&source);
            match (nodes.as_slice(), problems.first()) {
                (_, Some(problem)) => Err(problem.title.clone()),
                ([node], None) => typed(kind, node),
                _ => Err("it is empty; write [] for an empty list, {} for an empty map".to_owned()),
            }
        }
    }
}

fn typed(kind: VariableKind, node: &Node) -> Result<Json, String> {
    let json = node.to_json();
    let wrong = |wanted: &str| Err(format!("must be {wanted}, not {}", node.kind()));
    match kind {
        VariableKind::String if json.is_string() => Ok(json),
        VariableKind::String => wrong("a string"),
        VariableKind::Version => match json.as_str() {
            Some(text) => version(text).map(|_| json),
            None => wrong("a version"),
        },
        VariableKind::Duration => match json.as_str() {
            Some(text) => text.parse::<formats::Span>().map(|_| json),
            None => wrong("a duration"),
        },
        VariableKind::Integer if json.is_i64() => Ok(json),
        VariableKind::Integer => wrong("an integer"),
        VariableKind::Boolean if json.is_boolean() => Ok(json),
        VariableKind::Boolean => wrong("true or false"),
        VariableKind::List if json.is_array() => Ok(json),
        VariableKind::List => wrong("a list"),
        VariableKind::Map if json.is_object() => Ok(json),
        VariableKind::Map => wrong("a map"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;
    use crate::plan::{
        Choices, Sampling,
        testing::{PODS, planned_as, scenario, suite},
    };

    const VARIABLES: &str = "variables:
  version: {type: version, default: 1.20.0}
  count: {type: integer, default: 1}
  plain: {type: boolean, default: false}
  names: {type: list, default: []}
  labels: {type: map, default: {}}
  within: {type: duration, default: 5s}
  network: {type: string, oneOf: [internet, closed], default: internet}
  host: {type: string, default: 'shop.{{ network }}'}
  parts:
    type: string
    byVersion: {of: version, values: [{range: '>=1.24', value: few}, {range: '>=1.19', value: many}]}
matrix: {version: [1.19.0, 1.24.1]}
";

    fn text(variables: &str) -> String {
        suite(variables) + &scenario("a", &[&format!("one, {PODS}")])
    }

    fn choices(set: &[&str], environment: &str) -> Choices {
        let set =
            set.iter().filter_map(|text| text.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, environment).unwrap();
        Choices {
            set: set.collect(),
            environment: read_environment(file.path()).unwrap(),
            matrix: Sampling::Variables,
            ..Choices::default()
        }
    }

    #[rstest]
    #[case::a_default(&[], "", "count", json!(1))]
    #[case::a_default_over_another(&[], "", "host", json!("shop.internet"))]
    #[case::over_one_that_is_set(&["network=closed"], "", "host", json!("shop.closed"))]
    #[case::of_the_file(&[], "count: 2", "count", json!(2))]
    #[case::set_before_the_file(&["count=3"], "count: 2", "count", json!(3))]
    #[case::an_expression_in_the_file(&[], "host: '{{ network }}/x'", "host", json!("internet/x"))]
    #[case::a_boolean(&["plain=true"], "", "plain", json!(true))]
    #[case::a_list(&["names=[a, 1]"], "", "names", json!(["a", 1]))]
    #[case::a_map(&["labels={a: b}"], "", "labels", json!({"a": "b"}))]
    #[case::an_empty_text(&["host="], "", "host", json!(""))]
    #[case::braces_that_are_set_are_text(&["host={{ network }}"], "", "host", json!("{{ network }}"))]
    #[case::by_version(&[], "", "parts", json!("many"))]
    #[case::by_a_version_that_is_set(&["version=1.25"], "", "parts", json!("few"))]
    #[case::set_in_place_of_by_version(&["parts=none"], "", "parts", json!("none"))]
    fn values_come_from_who_says_it_first(
        #[case] set: &[&str],
        #[case] environment: &str,
        #[case] name: &str,
        #[case] expected: Json,
    ) {
        let (plan, mistakes) = planned_as(&text(VARIABLES), &choices(set, environment));
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(plan.variables[name], expected);
    }

    #[rstest]
    #[case(&["cuont=1"], "--set cuont: unknown variable; did you mean `count`?")]
    #[case(&["count=one"], "--set count=one: `one` is not an integer")]
    #[case(&["plain=yes"], "--set plain=yes: `yes` is not true or false")]
    #[case(&["version=new"], "--set version=new: `new` is not a version; write it like 1.20.0")]
    #[case(&["within=5"], "--set within=5: `5` has no unit; write a number with a unit, like 500ms, 30s, 5m or 1h30m")]
    #[case(&["names=a"], "--set names=a: must be a list, not a string")]
    #[case(&["names="], "--set names=: it is empty; write [] for an empty list, {} for an empty map")]
    #[case(&["network=intern"], "--set network: `intern` is not a value of variable `network`; did you mean `internet`?")]
    #[case(&["version=1.2"], "15:21 it is not known what `parts` is for version 1.2.0; the ranges are `>=1.24`, `>=1.19`; add one, or give the value with --set parts=…")]
    fn what_cannot_be_set_is_told(#[case] set: &[&str], #[case] expected: &str) {
        assert_eq!(planned_as(&text(VARIABLES), &choices(set, "")).1, [expected]);
    }

    #[rstest]
    #[case("a: {type: string}", "5:3 variable `a` has no value; give it one: --set a=…")]
    #[case("a: {type: integer, default: x}", "5:31 variable `a` must be an integer, not a string")]
    #[case(
        "a: {type: version, default: 1.20}",
        "5:31 variable `a` must be a version, not a fraction; quote it: \"1.20\""
    )]
    #[case(
        "a: {type: string, oneOf: [b, 1], default: b}",
        "5:32 a value of `a` must be a string, not an integer; quote it: \"1\""
    )]
    #[case("a: {type: string, default: '{{ b }}'}", "5:30 unknown variable `b`; did you mean `a`?")]
    fn a_mistake_of_a_variable_is_told_once_and_at_its_place(#[case] variable: &str, #[case] expected: &str) {
        let case = "one, do: [{http: {url: '{{ a }}'}}]";
        let text = suite(&format!("variables:\n  {variable}\n")) + &scenario("a", &[case]);
        let mistakes = planned_as(&text, &Choices::default()).1;
        assert_eq!(
            mistakes.iter().map(|m| m.replace("there is only `run`", "did you mean `a`?")).collect::<Vec<_>>(),
            [expected]
        );
    }

    #[test]
    fn a_circle_is_told_once_and_nothing_else_of_it() {
        let variables = "variables:\n  a: {type: string, default: '{{ b }}'}\n  b: {type: string, default: '{{ a }}'}\n  c: {type: string, default: '{{ a }}'}\n";
        let expected = "5:30 variables refer to each other in a circle: a → b → a; give one of them a value that refers to none of the others";
        assert_eq!(planned_as(&text(variables), &Choices::default()).1, [expected]);
    }

    #[test]
    fn a_secret_is_no_part_of_the_plan() {
        let variables = "variables:\n  a: {type: string, secret: true, default: b}\n  c: {type: string, default: d}\n";
        let plan = crate::plan::testing::sound(&text(variables));
        assert_eq!(plan.variables.keys().collect::<Vec<_>>(), ["c"]);
    }

    #[rstest]
    #[case("- a", "a file of values must be a map, not a list")]
    #[case("a: 1\n---\nb: 2", "a second document in a file of values")]
    #[case("a: [", "not valid YAML: unclosed bracket '['")]
    fn what_is_no_file_of_values_is_refused(#[case] text: &str, #[case] expected: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        let mistakes = read_environment(file.path()).unwrap_err();
        assert_eq!(mistakes.iter().map(|mistake| mistake.title.as_str()).collect::<Vec<_>>(), [expected]);
    }
}
