//! Expressions: `{{ name }}` and what minijinja's expressions can do with names.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value as Json;

use crate::{
    diagnostic::Diagnostic,
    yaml::{Entry, Node, Value},
};

/// Fills the expressions of trees with the values of names.
pub struct Filler {
    environment: Environment<'static>,
    values: BTreeMap<String, Json>,
    /// Names that get their values only while the run goes on: expressions with them are left as they are.
    pending: BTreeSet<String>,
}

impl Filler {
    pub fn new(values: BTreeMap<String, Json>, pending: BTreeSet<String>) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        Self { environment, values, pending }
    }

    /// The tree with every expression filled that can be, and what keeps the others from it.
    pub fn fill(&self, node: &Node) -> (Node, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let filled = self.fill_node(node, false, &mut diagnostics);
        (filled, diagnostics)
    }

    /// The tree filled as [`Self::fill`] does, to be filled once more when there are more values: braces in what was filled in
    /// now are written so that they are text then.
    pub fn prepare(&self, node: &Node) -> (Node, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let filled = self.fill_node(node, true, &mut diagnostics);
        (filled, diagnostics)
    }

    fn fill_node(&self, node: &Node, again: bool, diagnostics: &mut Vec<Diagnostic>) -> Node {
        let value = match &node.value {
            Value::String(text) if ["{{", "{%", "{#"].iter().any(|braces| text.contains(braces)) => {
                match self.fill_text(text, node) {
                    Ok(Filled::Done(filled)) if again => return literal(filled),
                    Ok(Filled::Done(filled) | Filled::Waits(filled)) => return filled,
                    Err(diagnostic) => {
                        diagnostics.push(diagnostic);
                        return node.clone();
                    }
                }
            }
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.fill_node(item, again, diagnostics)).collect())
            }
            Value::Map(entries) => {
                let mut filled = Vec::with_capacity(entries.len());
                for Entry { key, node } in entries {
                    if key.value.contains("{{") {
                        diagnostics.push(
                            Diagnostic::error("an expression has no place in a key")
                                .at(&key.span)
                                .help("only values are filled; write the key as it is"),
                        );
                    }
                    filled.push(Entry { key: key.clone(), node: self.fill_node(node, again, diagnostics) });
                }
                Value::Map(filled)
            }
            other => other.clone(),
        };
        Node { value, span: node.span.clone() }
    }

    /// A string that is one expression becomes its value, of whatever type; in others, the expressions become text.
    fn fill_text(&self, text: &str, node: &Node) -> Result<Filled, Diagnostic> {
        let wrong = |problem: String| Diagnostic::error(problem).at(&node.span);
        let between = outside(text);
        for (braces, what) in [("{%", "statements"), ("{#", "comments")] {
            if between.contains(braces) {
                let help = format!(
                    "only expressions do, like \"{{{{ name }}}}\"; the text `{braces}` is written {{{{ '{braces}' }}}}"
                );
                return Err(wrong(format!("{what} have no place here")).help(help));
            }
        }
        let names = names(&self.environment, text)
            .map_err(|problem| wrong(problem).help("write it like {{ name }}, {{ map.key }} or {{ list[0] }}"))?;
        if let Some(unknown) = names.iter().find(|name| !self.knows(name)) {
            let known: Vec<&str> = self.values.keys().chain(&self.pending).map(String::as_str).collect();
            return Err(wrong(format!("unknown variable `{unknown}`")).did_you_mean(unknown, known));
        }
        if names.iter().any(|name| self.pending.contains(name) && !self.values.contains_key(name)) {
            return Ok(Filled::Waits(node.clone()));
        }
        let failed = |error: minijinja::Error| self.failure(&error, text, wrong(String::new()));
        match whole_expression(text) {
            Some(expression) => {
                let value = self.evaluate(expression).map_err(failed)?;
                if value.is_undefined() {
                    let error = minijinja::Error::from(minijinja::ErrorKind::UndefinedError);
                    return Err(self.failure(&error, text, wrong(String::new())));
                }
                let json = serde_json::to_value(&value).map_err(|error| wrong(error.to_string()))?;
                Ok(Filled::Done(Node::from_json(&json, &node.span)))
            }
            None => {
                let filled = self.environment.render_str(text, self.context()).map_err(failed)?;
                Ok(Filled::Done(Node { value: Value::String(filled), span: node.span.clone() }))
            }
        }
    }

    fn evaluate(&self, expression: &str) -> Result<minijinja::Value, minijinja::Error> {
        self.environment.compile_expression(expression).and_then(|compiled| compiled.eval(self.context()))
    }

    /// Says in the language's own words why expressions of `text` have no value.
    fn failure(&self, error: &minijinja::Error, text: &str, diagnostic: Diagnostic) -> Diagnostic {
        use minijinja::ErrorKind;
        let titled = |title: String| Diagnostic { title, ..diagnostic.clone() };
        let detail = error.detail().unwrap_or_default();
        let missing = || expressions(text).into_iter().find_map(|expression| self.missing(expression));
        match error.kind() {
            ErrorKind::UndefinedError => match missing() {
                Some((of, key, known)) => {
                    titled(format!("`{of}` has no `{key}`")).did_you_mean(&key, known.iter().map(String::as_str))
                }
                None => titled("the expression has no value".to_owned()),
            },
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
                let name = detail.split_whitespace().nth(1).unwrap_or_default();
                let what = error.kind().to_string();
                titled(format!("{what} `{name}`")).did_you_mean(name, FILTERS)
            }
            kind => titled(format!(
                "the expression has no value: {kind}{}{detail}",
                if detail.is_empty() { "" } else { ": " }
            )),
        }
    }

    /// In a path like `a.b[c]`, the part that has no such key, the key, and the keys that it has.
    fn missing(&self, expression: &str) -> Option<(String, String, Vec<String>)> {
        let expression = expression.trim();
        let (of, key) = last_access(expression)?;
        match self.evaluate(of) {
            Ok(value) if !value.is_undefined() => {
                if self.evaluate(expression).is_ok_and(|value| !value.is_undefined()) {
                    return None;
                }
                let key = match key.strip_prefix('[') {
                    Some(inner) => self.evaluate(inner.strip_suffix(']')?).ok()?.to_string(),
                    None => key.trim_start_matches('.').to_owned(),
                };
                let known = match value.kind() {
                    minijinja::value::ValueKind::Map => value.try_iter().ok()?.map(|key| key.to_string()).collect(),
                    _ => Vec::new(),
                };
                Some((of.to_owned(), key, known))
            }
            _ => self.missing(of),
        }
    }

    fn context(&self) -> minijinja::Value {
        minijinja::Value::from(minijinja::value::Serde(&self.values))
    }

    /// Whether the name has a value, now or while the run goes on.
    pub fn knows(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.pending.contains(name)
    }
}

/// The names that the expressions of `text` refer to.
pub(super) fn names_of(text: &str) -> Result<BTreeSet<String>, String> {
    names(&Environment::new(), text)
}

/// The names that any expression of the tree refers to; broken expressions are left out, for whoever fills them reports them.
pub fn names_in(node: &Node) -> BTreeSet<String> {
    match &node.value {
        Value::String(text) if text.contains("{{") => names_of(text).unwrap_or_default(),
        Value::List(items) => items.iter().flat_map(names_in).collect(),
        Value::Map(entries) => entries.iter().flat_map(|entry| names_in(&entry.node)).collect(),
        _ => BTreeSet::new(),
    }
}

/// A string that was filled, or that waits for names.
enum Filled {
    Done(Node),
    Waits(Node),
}

/// What is most used of what minijinja has.
const FILTERS: [&str; 22] = [
    "abs",
    "capitalize",
    "count",
    "default",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "replace",
    "round",
    "sort",
    "split",
    "title",
    "trim",
    "upper",
];

fn names(environment: &Environment<'_>, text: &str) -> Result<BTreeSet<String>, String> {
    let template = environment.template_from_str(text).map_err(|error| {
        let detail = error.detail().unwrap_or_default().replace("variable block", "the expression");
        format!("not an expression: {detail}")
    })?;
    Ok(template.undeclared_variables(false).into_iter().collect())
}

/// What stands between the braces, if that is all there is.
fn whole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

/// What stands between each pair of braces. Braces in an expression's own strings do not end it.
fn expressions(text: &str) -> Vec<&str> {
    split(text).0
}

/// The text without its expressions.
fn outside(text: &str) -> String {
    split(text).1
}

fn split(text: &str) -> (Vec<&str>, String) {
    let (mut inside, mut outside, mut rest) = (Vec::new(), String::new(), text);
    while let Some(start) = rest.find("{{") {
        outside.push_str(&rest[..start]);
        rest = &rest[start + 2..];
        let end = closing(rest);
        inside.push(&rest[..end]);
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    outside.push_str(rest);
    (inside, outside)
}

fn closing(text: &str) -> usize {
    let (mut quote, mut escaped) = (None, false);
    for (index, character) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '\'' || character == '"' => quote = Some(character),
            None if text[index..].starts_with("}}") => return index,
            None => {}
        }
    }
    text.len()
}

/// Splits `a.b[c]` into `a.b` and `[c]`, and `a.b` into `a` and `.b`; nothing where it is no such path.
fn last_access(expression: &str) -> Option<(&str, &str)> {
    let path = |c: char| c.is_alphanumeric() || "_.[]'\"- ".contains(c);
    if !expression.chars().all(path) {
        return None;
    }
    let index = if expression.ends_with(']') { opening(expression)? } else { expression.rfind('.')? };
    (index > 0).then(|| expression.split_at(index))
}

/// Where the bracket opens that the text's last character closes.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().rev().find_map(|(index, character)| {
        match character {
            ']' => depth += 1,
            '[' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(index)
    })
}

/// The tree with braces in its texts written as expressions for themselves.
fn literal(node: Node) -> Node {
    let value = match node.value {
        Value::String(text) => {
            let mut written = String::new();
            let mut rest = text.as_str();
            while let Some(index) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
                written.push_str(&format!("{}{{{{ '{}' }}}}", &rest[..index], &rest[index..index + 2]));
                rest = &rest[index + 2..];
            }
            written.push_str(rest);
            Value::String(written)
        }
        Value::List(items) => Value::List(items.into_iter().map(literal).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|entry| Entry { key: entry.key, node: literal(entry.node) }).collect())
        }
        other => other,
    };
    Node { value, span: node.span }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{diagnostic::Source, yaml::parse};

    fn node(yaml: &str) -> Node {
        let source = Arc::new(Source { path: "a.yaml".into(), text: yaml.to_owned() });
        let (mut nodes, diagnostics) = parse(&source);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        nodes.remove(0)
    }

    fn filler() -> Filler {
        let values = json!({"host": "shop", "count": 3, "parts": ["a", "b"], "braces": "{{ x }}",
            "registries": {"kr1": {"internet": "one"}}, "region": "kr3"});
        let values = values.as_object().unwrap().clone().into_iter().collect();
        Filler::new(values, BTreeSet::from(["later".to_owned()]))
    }

    #[rstest]
    #[case::an_integer("'{{ count }}'", json!(3))]
    #[case::a_list("'{{ parts }}'", json!(["a", "b"]))]
    #[case::with_space_about_it("' {{ count }} '", json!(3))]
    #[case::in_a_text("'{{ count }} of {{ host }}'", json!("3 of shop"))]
    #[case::a_filter("'{{ host | upper }}'", json!("SHOP"))]
    #[case::an_item("'{{ parts[1] }}'", json!("b"))]
    #[case::in_a_tree("{a: ['{{ host }}'], b: 1}", json!({"a": ["shop"], "b": 1}))]
    #[case::braces_for_themselves("\"{{ '{{' }}.kind}}\"", json!("{{.kind}}"))]
    #[case::no_expression("'{a} 100% #'", json!("{a} 100% #"))]
    #[case::one_that_waits("'{{ later }} {{ host }}'", json!("{{ later }} {{ host }}"))]
    fn expressions_are_filled(#[case] yaml: &str, #[case] expected: Json) {
        let (filled, diagnostics) = filler().fill(&node(yaml));
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!(filled.to_json(), expected);
    }

    #[rstest]
    #[case("'{{ hots }}'", "unknown variable `hots`; did you mean `host`?")]
    #[case("'{{ registries.kr2 }}'", "`registries` has no `kr2`; did you mean `kr1`?")]
    #[case("'{{ registries[region].internet }}/x'", "`registries` has no `kr3`; did you mean `kr1`?")]
    #[case("'{{ registries.kr1.closed }}'", "`registries.kr1` has no `closed`; there is only `internet`")]
    #[case("'{{ parts[7] }}'", "`parts` has no `7`")]
    #[case("'{{ host | uper }}'", "unknown filter `uper`; did you mean `upper`?")]
    #[case(
        "'{{ host | }}'",
        "not an expression: unexpected end of the expression, expected identifier; write it like {{ name }}, {{ map.key }} or {{ list[0] }}"
    )]
    #[case("'{{ parts | split }}'", "the expression has no value: invalid operation: value is not a string")]
    #[case("{'{{ host }}': a}", "an expression has no place in a key; only values are filled; write the key as it is")]
    #[case(
        "'{% if x %}'",
        "statements have no place here; only expressions do, like \"{{ name }}\"; the text `{%` is written {{ '{%' }}"
    )]
    fn what_keeps_an_expression_from_being_filled_is_told(#[case] yaml: &str, #[case] expected: &str) {
        let (_, diagnostics) = filler().fill(&node(yaml));
        let told: Vec<String> =
            diagnostics.iter().map(|d| d.to_string().split_once("error: ").unwrap().1.to_owned()).collect();
        assert_eq!(told, [expected]);
    }

    #[rstest]
    #[case("'{{ braces }}'", json!("{{ x }}"))]
    #[case("\"{{ '{{' }}.kind}} of {{ host }}\"", json!("{{.kind}} of shop"))]
    #[case("'{{ [braces] }}'", json!(["{{ x }}"]))]
    #[case("\"{{ '{%' }}\"", json!("{%"))]
    fn what_is_prepared_and_then_filled_is_as_if_filled_once(#[case] yaml: &str, #[case] expected: Json) {
        let (prepared, _) = filler().prepare(&node(yaml));
        let (filled, diagnostics) = filler().fill(&prepared);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!(filled.to_json(), expected);
    }

    #[test]
    fn names_are_those_that_expressions_refer_to() {
        let names =
            names_in(&node("{a: '{{ one.two }}', b: ['{{ three | default(four) }}'], c: five, d: '{{ broken | }}'}"));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["four", "one", "three"]);
    }
}
