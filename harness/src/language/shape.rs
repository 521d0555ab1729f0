//! Holds a tree against a schema and reports all that does not fit, with places.

use serde_json::{Map, Value as Json};

use super::formats;
use crate::{
    diagnostic::{Diagnostic, closest},
    yaml::{Entry, Node, Value},
};

/// Everything in `node` that does not fit `schema`, a root schema with its `$defs`. In a step, an expression fits
/// everywhere: what it stands for is checked once it is filled. Elsewhere it fits where the schema takes any value.
pub fn check_shape(node: &Node, schema: &Json) -> Vec<Diagnostic> {
    let mut shape = Shape::new(schema);
    shape.check(node, schema, &Place::DOCUMENT);
    shape.diagnostics
}

/// What of `node` fits `schema`, so that a mistake in one part does not hide those in others: fields and items that do not fit
/// are left out, steps stay as they are. `None` where what is left does not fit either.
pub fn prune(node: &Node, schema: &Json) -> Option<Node> {
    Shape::new(schema).prune(node, schema)
}

struct Shape<'a> {
    definitions: Option<&'a Json>,
    diagnostics: Vec<Diagnostic>,
    /// The step that is being checked.
    step: Option<Step<'a>>,
}

/// What a step's schema says.
#[derive(Clone)]
struct Step<'a> {
    /// `action` or `expectation`.
    kind: &'a str,
    verbs: Vec<&'a str>,
    /// What can stand beside the verb.
    options: Vec<&'a str>,
}

/// Where a value stands: the key that holds it, or the list that it is an item of.
struct Place<'a> {
    key: &'a str,
    item: bool,
}

impl<'a> Place<'a> {
    const DOCUMENT: Place<'static> = Place { key: "", item: false };

    fn of(key: &'a str) -> Self {
        Self { key, item: false }
    }

    fn item(&self) -> Place<'a> {
        Place { key: self.key, item: true }
    }

    fn name(&self) -> String {
        match (self.key, self.item) {
            ("", false) => "this".to_owned(),
            ("", true) => "an item".to_owned(),
            (key, false) => format!("`{key}`"),
            (key, true) => format!("an item of `{key}`"),
        }
    }
}

impl<'a> Shape<'a> {
    fn new(schema: &'a Json) -> Self {
        Self { definitions: schema.get("$defs"), diagnostics: Vec::new(), step: None }
    }

    fn check(&mut self, node: &Node, schema: &'a Json, place: &Place<'_>) {
        let schema = self.resolve(schema);
        let Some(object) = schema.as_object() else { return };
        if let Some(step) = step(object) {
            let outer = self.step.replace(step);
            self.check_object(node, object, place);
            self.step = outer;
        } else {
            self.check_object(node, object, place);
        }
    }

    fn check_object(&mut self, node: &Node, object: &'a Map<String, Json>, place: &Place<'_>) {
        if let Some(choices) = object.get("anyOf").and_then(Json::as_array) {
            return self.any_of(node, choices, place);
        }
        if is_expression(node) && (self.step.is_some() || !constrains(object)) {
            return;
        }
        if is_expression(node) {
            let title = format!("an expression has no place in `{}`", place.key);
            return self.report(node, title, Some("variables have no values yet when this is read".to_owned()));
        }
        if let Some(words) = words(object) {
            return self.word(node, &words, place);
        }
        if !fits_type(node, object) {
            return self.wrong_type(node, object, place);
        }
        match &node.value {
            Value::Map(_) => self.map(node, object, place),
            Value::List(items) => self.list(node, items, object, place),
            Value::String(text) => self.format(node, text, object),
            Value::Int(number) => self.bounds(node, *number, object, place),
            _ => {}
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Map<String, Json>, place: &Place<'_>) {
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            self.report(node, format!("{} is empty", place.name()), Some("give it at least one item".to_owned()));
        }
        if let Some(schema) = schema.get("items") {
            for item in items {
                self.check(item, schema, &place.item());
            }
        }
    }

    fn bounds(&mut self, node: &Node, number: i64, schema: &Map<String, Json>, place: &Place<'_>) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_i64);
        let (mut least, mut most) = (bound("minimum"), bound("maximum"));
        if schema.get("format").and_then(Json::as_str) == Some("int32") {
            (least, most) = (least.or(Some(i32::MIN.into())), most.or(Some(i32::MAX.into())));
        }
        let help = match (least, most) {
            (Some(least), _) if number < least => format!("it is {least} or more"),
            (_, Some(most)) if number > most => format!("it is {most} or less"),
            _ => return,
        };
        self.report(node, format!("{} cannot be {number}", place.name()), Some(help));
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let mut schema = schema;
        while let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let name = reference.rsplit('/').next().unwrap_or_default();
            match self.definitions.and_then(|definitions| definitions.get(name)) {
                Some(definition) => schema = definition,
                None => return &Json::Bool(true),
            }
        }
        schema
    }

    /// An optional value is its schema or nothing; a choice of shapes does not occur otherwise.
    fn any_of(&mut self, node: &Node, choices: &'a [Json], place: &Place<'_>) {
        if matches!(node.value, Value::Null) && choices.iter().any(is_null) {
            return;
        }
        if let Some(schema) = choices.iter().find(|schema| !is_null(schema)) {
            self.check(node, schema, place);
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], place: &Place<'_>) {
        match node.as_str() {
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let diagnostic =
                    Diagnostic::error(format!("`{text}` is not a value of `{}`", place.key)).at(&node.span);
                self.diagnostics.push(filled(diagnostic, node).did_you_mean(text, words.iter().copied()));
            }
            None => {
                let title = format!("{} must be one of {}, not {}", place.name(), words.join(", "), node.kind());
                self.report(node, title, None);
            }
        }
    }

    fn wrong_type(&mut self, node: &Node, schema: &Map<String, Json>, place: &Place<'_>) {
        let format = schema.get("format").and_then(Json::as_str).unwrap_or_default();
        let kinds: Vec<&str> = types(schema).into_iter().filter(|kind| *kind != "null").collect();
        let wanted: Vec<&str> = kinds.iter().map(|kind| called(kind, format)).collect();
        let wanted = wanted.join(" or ");
        if matches!(node.value, Value::Null) {
            return self.report(node, format!("{} has no value", place.name()), Some(format!("give it {wanted}")));
        }
        let title = format!("{} must be {wanted}, not {}", place.name(), node.kind());
        let filled = node.span.text().contains("{{");
        let help = match (&node.value, kinds.first().copied().unwrap_or_default()) {
            (Value::Int(_) | Value::Float(_) | Value::Bool(_), "string") if filled => {
                Some("make it a text: {{ … | string }}".to_owned())
            }
            _ if filled => None,
            (Value::Int(number), "string") if wanted == "a duration" => {
                Some(format!("give it a unit, like {number}s or {number}m"))
            }
            (Value::Int(_) | Value::Float(_) | Value::Bool(_), "string") => {
                Some(format!("quote it: \"{}\"", written(node)))
            }
            (Value::String(text), "integer" | "number") if text.parse::<f64>().is_ok() => {
                Some("remove the quotes".to_owned())
            }
            (Value::String(text), "boolean") if text == "true" || text == "false" => {
                Some("remove the quotes".to_owned())
            }
            (Value::Map(_), "array") => Some("begin each item with `- `".to_owned()),
            (Value::String(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_), "array") => {
                Some(format!("write it as a list: [{}]", written(node)))
            }
            (Value::String(text), "object") if self.verbs().contains(&text.as_str()) => {
                Some(format!("write it as `{text}:`, and beneath it what it takes"))
            }
            _ => None,
        };
        self.report(node, title, help);
    }

    fn verbs(&self) -> &[&'a str] {
        self.step.as_ref().map_or(&[], |step| step.verbs.as_slice())
    }

    fn map(&mut self, node: &Node, schema: &'a Map<String, Json>, place: &Place<'_>) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let known: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        for entry in node.entries() {
            let key = entry.key.value.as_str();
            if let Some(Json::Object(names)) = schema.get("propertyNames") {
                let node = Node { value: Value::String(key.to_owned()), span: entry.key.span.clone() };
                self.format(&node, key, names);
            }
            match (properties.and_then(|properties| properties.get(key)), schema.get("additionalProperties")) {
                (Some(schema), _) => self.check(&entry.node, schema, &Place::of(key)),
                (None, Some(Json::Bool(false))) => self.unknown(entry, schema, &known, place),
                (None, Some(schema)) => self.check(&entry.node, schema, &Place::of(key)),
                (None, None) => {}
            }
        }
        for required in required(schema) {
            // A misspelt field is reported once, not also as missing.
            let misspelt = |key: &str| !known.contains(&key) && closest(key, &known) == Some(required);
            let there = node.entries().iter().any(|e| e.key.value == required || misspelt(&e.key.value));
            if !there {
                let place = if place.key.is_empty() { String::new() } else { format!(" in {}", place.name()) };
                self.report(node, format!("missing field `{required}`{place}"), None);
            }
        }
        if let Some(step) = step(schema) {
            self.one_verb(node, &step, &known);
        }
    }

    fn unknown(&mut self, entry: &Entry, schema: &Map<String, Json>, known: &[&str], place: &Place<'_>) {
        let key = entry.key.value.as_str();
        let diagnostic = match (step(schema), &self.step) {
            (Some(step), _) => {
                let other = self.others(step.kind).into_iter().find(|(_, verbs)| verbs.contains(&key));
                let diagnostic = Diagnostic::error(format!("unknown {} `{key}`", step.kind));
                match other {
                    Some(("expectation", _)) => diagnostic.help("it is an expectation, which belongs in `expect`"),
                    Some(_) => diagnostic.help("it is an action, which belongs in `do`"),
                    None if closest(key, &step.verbs).is_some() => diagnostic.did_you_mean(key, step.verbs),
                    None if closest(key, known).is_some() => diagnostic.did_you_mean(key, known.iter().copied()),
                    None => diagnostic.did_you_mean(key, step.verbs),
                }
            }
            (None, Some(step)) if step.options.contains(&key) && step.verbs.contains(&place.key) => {
                Diagnostic::error(format!("unknown field `{key}`"))
                    .help(format!("it stands beside `{}`, in the same column, not in it", place.key))
            }
            _ => Diagnostic::error(format!("unknown field `{key}`")).did_you_mean(key, known.iter().copied()),
        };
        self.diagnostics.push(diagnostic.at(&entry.key.span));
    }

    /// The steps of another kind than this, with their verbs.
    fn others(&self, kind: &str) -> Vec<(&'a str, Vec<&'a str>)> {
        let definitions = self.definitions.and_then(Json::as_object).into_iter().flat_map(Map::values);
        let steps = definitions.filter_map(|definition| step(definition.as_object()?));
        let are_steps = |one: &str| ["action", "expectation"].contains(&one);
        steps
            .filter(|step| are_steps(kind) && are_steps(step.kind) && step.kind != kind)
            .map(|step| (step.kind, step.verbs))
            .collect()
    }

    fn one_verb(&mut self, node: &Node, step: &Step<'_>, known: &[&str]) {
        let given: Vec<&Entry> =
            node.entries().iter().filter(|entry| step.verbs.contains(&entry.key.value.as_str())).collect();
        let unknown = node.entries().iter().any(|entry| !known.contains(&entry.key.value.as_str()));
        match given.as_slice() {
            [] if unknown => {}
            [] => {
                let help = format!("give one of {}", step.verbs.join(", "));
                self.report(node, format!("no {}", step.kind), Some(help));
            }
            [_] => {}
            [_, second, ..] => {
                let names: Vec<&str> = given.iter().map(|entry| entry.key.value.as_str()).collect();
                let step = if ["action", "expectation"].contains(&step.kind) {
                    format!("{}s in one step", step.kind)
                } else {
                    format!("{}s in one", step.kind)
                };
                let title = format!("several {step}: {}", names.join(", "));
                self.diagnostics
                    .push(Diagnostic::error(title).at(&second.key.span).help("give each an item of its own"));
            }
        }
    }

    fn format(&mut self, node: &Node, text: &str, schema: &Map<String, Json>) {
        let Some(format) = schema.get("format").and_then(Json::as_str) else { return };
        if let Some(Err(problem)) = formats::check(format, text) {
            let (title, help) = formats::advice(&problem);
            self.report(node, title.to_owned(), help.map(str::to_owned));
        }
    }

    fn report(&mut self, node: &Node, title: String, help: Option<String>) {
        let diagnostic = Diagnostic { help, ..Diagnostic::error(title).at(&node.span) };
        self.diagnostics.push(filled(diagnostic, node));
    }

    fn fits(&self, node: &Node, schema: &'a Json) -> bool {
        let mut shape = Shape { definitions: self.definitions, diagnostics: Vec::new(), step: None };
        shape.check(node, schema, &Place::DOCUMENT);
        shape.diagnostics.is_empty()
    }

    fn prune(&self, node: &Node, schema: &'a Json) -> Option<Node> {
        let schema = self.resolve(schema);
        let Some(object) = schema.as_object() else { return Some(node.clone()) };
        let choice = object.get("anyOf").and_then(Json::as_array).and_then(|all| all.iter().find(|one| !is_null(one)));
        if let Some(choice) = choice {
            return self.prune(node, choice);
        }
        let value = match &node.value {
            _ if step(object).is_some() => return Some(node.clone()),
            Value::Map(entries) if is_container(object) => {
                let field = |key: &str| object.get("properties").and_then(|known| known.get(key));
                let kept: Vec<Entry> = entries
                    .iter()
                    .filter_map(|entry| {
                        Some(Entry { key: entry.key.clone(), node: self.prune(&entry.node, field(&entry.key.value)?)? })
                    })
                    .collect();
                let lost = |name: &str| !kept.iter().any(|entry| entry.key.value == name);
                // Without its steps, a case would be another.
                let steps = ["do", "expect"].iter().any(|steps| node.get(steps).is_some() && lost(steps));
                if steps || required(object).into_iter().any(lost) {
                    return None;
                }
                Value::Map(kept)
            }
            Value::List(items) if fits_type(node, object) => {
                let Some(schema) = object.get("items") else { return Some(node.clone()) };
                let kept: Vec<Node> = items.iter().filter_map(|item| self.prune(item, schema)).collect();
                if kept.is_empty() && object.contains_key("minItems") {
                    return None;
                }
                Value::List(kept)
            }
            _ => return self.fits(node, schema).then(|| node.clone()),
        };
        Some(Node { value, span: node.span.clone() })
    }
}

/// Whether the schema is a scenario's or a case's, of which parts are of use; half a condition would be another one.
fn is_container(schema: &Map<String, Json>) -> bool {
    let has = |key: &str| schema.get("properties").is_some_and(|known| known.get(key).is_some());
    has("cases") || has("do") && has("expect")
}

/// Where an expression was filled, the text shows the expression: its value is told beside it.
fn filled(diagnostic: Diagnostic, node: &Node) -> Diagnostic {
    if !node.span.text().contains("{{") || is_expression(node) {
        return diagnostic;
    }
    let value = node.to_json().to_string();
    let shown: String = value.chars().take(60).collect();
    let more = if shown.len() < value.len() { "…" } else { "" };
    diagnostic.label(format!("it is {shown}{more}"))
}

/// As it stands in the file, if it stands there.
fn written(node: &Node) -> String {
    let text = node.span.text();
    if text.is_empty() || text.contains('\n') || text.contains("{{") {
        node.to_json().to_string()
    } else {
        text.to_owned()
    }
}

/// Whether the value is, or has in it, an expression.
fn is_expression(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.contains("{{"))
}

fn is_null(schema: &Json) -> bool {
    schema.get("type").and_then(Json::as_str) == Some("null")
}

/// Whether the schema says anything of the value; that of any value has at most a description.
fn constrains(schema: &Map<String, Json>) -> bool {
    ["type", "enum", "oneOf", "properties"].iter().any(|key| schema.contains_key(*key))
}

fn fits_type(node: &Node, schema: &Map<String, Json>) -> bool {
    let kinds = types(schema);
    kinds.is_empty()
        || kinds.iter().any(|kind| {
            matches!(
                (*kind, &node.value),
                ("null", Value::Null)
                    | ("boolean", Value::Bool(_))
                    | ("integer" | "number", Value::Int(_))
                    | ("number", Value::Float(_))
                    | ("string", Value::String(_))
                    | ("array", Value::List(_))
                    | ("object", Value::Map(_))
            )
        })
}

fn called<'a>(kind: &str, format: &str) -> &'a str {
    match kind {
        "array" => "a list",
        "object" => "a map",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        _ => formats::called(format),
    }
}

fn types(schema: &Map<String, Json>) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(kind)) => vec![kind.as_str()],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn required(schema: &Map<String, Json>) -> Vec<&str> {
    schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

/// The words of an enumeration: schemars writes those without comments as `enum`, those with as `oneOf` of `const`.
fn words(schema: &Map<String, Json>) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter_map(Json::as_str).collect());
    }
    let choices = schema.get("oneOf")?.as_array()?;
    let mut words = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum")) {
            (Some(Json::String(word)), _) => words.push(word.as_str()),
            (None, Some(Json::Array(several))) => words.extend(several.iter().filter_map(Json::as_str)),
            _ => return None,
        }
    }
    Some(words)
}

/// What the schema says of a step, if it is one's: a map that must have exactly one of several keys.
fn step(schema: &Map<String, Json>) -> Option<Step<'_>> {
    let choices = schema.get("oneOf")?.as_array()?;
    let verbs: Vec<&str> = choices.iter().filter_map(|choice| choice.get("required")?.get(0)?.as_str()).collect();
    if verbs.is_empty() {
        return None;
    }
    let kind = schema.get("title").and_then(Json::as_str).unwrap_or("verb");
    let known = schema.get("properties").and_then(Json::as_object).into_iter().flat_map(Map::keys).map(String::as_str);
    let options = known.filter(|key| !verbs.contains(key)).collect();
    Some(Step { kind, verbs, options })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{diagnostic::Source, language::document_schema, yaml::parse};

    fn node(yaml: &str) -> Node {
        let source = Arc::new(Source { path: "a".into(), text: yaml.to_owned() });
        parse(&source).0.remove(0)
    }

    fn schema() -> Json {
        json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": {"type": "string"},
            "count": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
            "code": {"type": "integer", "format": "int32"},
            "plain": {"type": "boolean"},
            "share": {"type": "number"},
            "names": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "within": {"anyOf": [{"$ref": "#/$defs/Time"}, {"type": "null"}]},
            "type": {"oneOf": [{"const": "list", "type": "string"}, {"enum": ["map", "text"], "type": "string"}]},
            "any": true,
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }, "$defs": {"Time": {"type": "string", "format": "time-span"}}})
    }

    #[rstest]
    #[case("{name: a, count: 3, plain: true, share: 1, names: [b], within: 5s, type: map, labels: {c: d}}")]
    #[case("{name: a, count: null, within: null, share: 0.5, any: {b: [1]}}")]
    #[case("{name: a, any: '{{ b }}'}")]
    fn what_fits_has_no_mistakes(#[case] yaml: &str) {
        assert_eq!(check_shape(&node(yaml), &schema()).iter().map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    }

    #[rstest]
    #[case("{}", "a:1:1: error: missing field `name`")]
    #[case("{nme: a}", "a:1:2: error: unknown field `nme`; did you mean `name`?")]
    #[case("{name: 5}", "a:1:8: error: `name` must be a string, not an integer; quote it: \"5\"")]
    #[case("{name: 1.20}", "a:1:8: error: `name` must be a string, not a fraction; quote it: \"1.20\"")]
    #[case("{name: }", "a:1:6: error: `name` has no value; give it a string")]
    #[case("{name: a, count: 2.5}", "a:1:18: error: `count` must be an integer, not a fraction")]
    #[case("{name: a, count: '2'}", "a:1:18: error: `count` must be an integer, not a string; remove the quotes")]
    #[case("{name: a, count: 10}", "a:1:18: error: `count` cannot be 10; it is 9 or less")]
    #[case("{name: a, code: 5000000000}", "a:1:17: error: `code` cannot be 5000000000; it is 2147483647 or less")]
    #[case("{name: a, plain: 'true'}", "a:1:18: error: `plain` must be true or false, not a string; remove the quotes")]
    #[case("{name: a, names: b}", "a:1:18: error: `names` must be a list, not a string; write it as a list: [b]")]
    #[case("{name: a, names: {b: c}}", "a:1:18: error: `names` must be a list, not a map; begin each item with `- `")]
    #[case("{name: a, names: []}", "a:1:18: error: `names` is empty; give it at least one item")]
    #[case(
        "{name: a, names: [b, 1]}",
        "a:1:22: error: an item of `names` must be a string, not an integer; quote it: \"1\""
    )]
    #[case(
        "{name: a, within: 5}",
        "a:1:19: error: `within` must be a duration, not an integer; give it a unit, like 5s or 5m"
    )]
    #[case(
        "{name: a, within: 5x}",
        "a:1:19: error: `x` is not a unit of time; write a number with a unit, like 500ms, 30s, 5m or 1h30m"
    )]
    #[case("{name: a, type: mpa}", "a:1:17: error: `mpa` is not a value of `type`; did you mean `map`?")]
    #[case("{name: a, type: [b]}", "a:1:17: error: `type` must be one of list, map, text, not a list")]
    #[case("{name: a, labels: {b: 1}}", "a:1:23: error: `b` must be a string, not an integer; quote it: \"1\"")]
    #[case(
        "{name: '{{ a }}'}",
        "a:1:8: error: an expression has no place in `name`; variables have no values yet when this is read"
    )]
    #[case("[a]", "a:1:1: error: this must be a map, not a list")]
    fn what_does_not_fit_is_told_at_its_place(#[case] yaml: &str, #[case] expected: &str) {
        assert_eq!(check_shape(&node(yaml), &schema()).iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn every_mistake_is_told() {
        let found = check_shape(&node("{nam: a, count: -1, names: [1, 2], other: 3}"), &schema());
        assert_eq!(found.len(), 5, "{found:?}");
    }

    const CASE: &str =
        "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {name: a}\ncases:\n  - name: one\n";

    #[rstest]
    #[case("    do: [{aply: {}}]", "unknown action `aply`; did you mean `apply`?")]
    #[case("    do: [{pods: {}}]", "unknown action `pods`; it is an expectation, which belongs in `expect`")]
    #[case("    expect: [{run: {}}]", "unknown expectation `run`; it is an action, which belongs in `do`")]
    #[case(
        "    expect: [{within: 5s}]",
        "no expectation; give one of absent, artifact, deployments, html, http, image, inventory, object, output, pods, services"
    )]
    #[case(
        "    expect: [{pods: {selector: a=b, within: 5s}}]",
        "unknown field `within`; it stands beside `pods`, in the same column, not in it"
    )]
    #[case(
        "    do: [run]",
        "an item of `do` must be a map, not a string; write it as `run:`, and beneath it what it takes"
    )]
    #[case(
        "    do: [{run: {program: a}, http: {url: b}}]",
        "several actions in one step: run, http; give each an item of its own"
    )]
    #[case("    when: [a]", "an item of `when` must be a map, not a string")]
    fn a_step_is_spoken_of_as_what_it_is(#[case] yaml: &str, #[case] expected: &str) {
        let found = check_shape(&node(&format!("{CASE}{yaml}\n")), document_schema("Scenario").unwrap());
        let told: Vec<String> =
            found.iter().map(|d| d.to_string().split_once("error: ").unwrap().1.to_owned()).collect();
        assert_eq!(told, [expected]);
    }

    #[test]
    fn in_a_step_an_expression_fits_everywhere() {
        let yaml = format!(
            "{CASE}    expect: [{{pods: {{selector: '{{{{ a }}}}', count: '{{{{ b }}}}'}}, within: '{{{{ c }}}}'}}]\n"
        );
        assert!(check_shape(&node(&yaml), document_schema("Scenario").unwrap()).is_empty());
    }
}
