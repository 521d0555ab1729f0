//! Text to [`Node`]s.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::{Budget, DuplicateKeyPolicy, Location, Options, Spanned};

use super::node::{Entry, Node, Text, Value};
use crate::diagnostic::{Diagnostic, Source, Span};

/// A scenario file larger than this is refused before it is read as YAML, in bytes.
pub const MAX_BYTES: u64 = 4 << 20;

/// The deepest nesting of a scenario file.
const MAX_DEPTH: usize = 64;

/// The most values that a scenario file may have.
const MAX_NODES: usize = 200_000;

/// Reads every document of `source`. Documents that are empty are left out; a syntax error ends the file, for nothing
/// after it can be trusted, while duplicate and non-string keys are all reported.
pub fn parse(source: &Arc<Source>) -> (Vec<Node>, Vec<Diagnostic>) {
    let documents = match serde_saphyr::from_str_multiple_with_options::<Spanned<Raw>, Vec<_>>(&source.text, options())
    {
        Ok(documents) => documents,
        Err(error) => return (Vec::new(), vec![syntax_error(&error, source)]),
    };
    let mut placer = Placer { source, diagnostics: Vec::new() };
    let nodes = documents
        .into_iter()
        .filter(|document| !matches!(document.value, Raw::Null))
        .map(|document| placer.place(document))
        .collect();
    (nodes, placer.diagnostics)
}

/// A file holds at most a few thousand values; these bounds leave room and stop alias bombs long before they matter.
fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.flow_nesting_limit = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.emit_comments = false;
    // `no` and `n` are words, not answers: YAML 1.2.
    options.strict_booleans = true;
    options.with_snippet = false;
    options
}

enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> de::Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        #[expect(clippy::cast_precision_loss, reason = "as JSON readers do with numbers beyond 64 bits")]
        Ok(i64::try_from(value).map_or(Raw::Float(value as f64), Raw::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::String(value))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key()? {
            entries.push((key, access.next_value()?));
        }
        Ok(Raw::Map(entries))
    }
}

/// Gives every value its span, and reports the keys that a map cannot have.
struct Placer<'a> {
    source: &'a Arc<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl Placer<'_> {
    fn place(&mut self, raw: Spanned<Raw>) -> Node {
        let mut span = span(self.source, &raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Int(value) => Value::Int(value),
            Raw::Float(value) => Value::Float(value),
            Raw::String(value) => Value::String(value),
            Raw::List(items) => Value::List(items.into_iter().map(|item| self.place(item)).collect()),
            Raw::Map(items) => match self.unquoted(&items, &mut span) {
                Some(expression) => expression,
                None => Value::Map(self.entries(items)),
            },
        };
        widen(&mut span, &value);
        Node { value, span }
    }

    /// `{{ name }}` without quotes is a map whose key is a map. It is taken for the expression that it was meant to be.
    fn unquoted(&mut self, items: &[(Spanned<Raw>, Spanned<Raw>)], span: &mut Span) -> Option<Value> {
        let [(Spanned { value: Raw::Map(_), .. }, _)] = items else { return None };
        let text = self.source.text.get(span.start..)?;
        let end = text.find("}}").filter(|_| text.starts_with("{{"))? + 2;
        let text = text[..end].to_owned();
        span.end = span.start + end;
        self.diagnostics
            .push(Diagnostic::error("an expression without quotes").at(span).help(format!("quote it: \"{text}\"")));
        Some(Value::String(text))
    }

    fn entries(&mut self, items: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
        let mut known = std::collections::HashSet::with_capacity(items.len());
        for (key, value) in items {
            let span = span(self.source, &key.referenced);
            let key = match key.value {
                Raw::String(value) => value,
                Raw::Bool(value) => value.to_string(),
                Raw::Int(value) => value.to_string(),
                Raw::Float(value) => value.to_string(),
                Raw::Null => "null".to_owned(),
                Raw::List(_) | Raw::Map(_) => {
                    self.diagnostics.push(
                        Diagnostic::error("a key is itself a map or a list")
                            .at(&span)
                            .help("if it is an expression, quote it: \"{{ name }}\""),
                    );
                    continue;
                }
            };
            if !known.insert(key.clone()) {
                self.diagnostics
                    .push(Diagnostic::error(format!("duplicate key `{key}`")).at(&span).help("keep one of them"));
                continue;
            }
            entries.push(Entry { key: Text { value: key, span }, node: self.place(value) });
        }
        entries
    }
}

/// The parser gives where a list or a map begins. One in brackets is marked to its end; any other map, its first key.
fn widen(span: &mut Span, value: &Value) {
    let last = match value {
        Value::List(items) => items.last().map(|item| &item.span),
        Value::Map(entries) => entries.last().map(|entry| &entry.node.span),
        _ => return,
    };
    let text = &span.source.text;
    let closer = match text.as_bytes().get(span.start) {
        Some(b'[') => b']',
        Some(b'{') => b'}',
        _ => {
            if let Value::Map(entries) = value
                && let Some(first) = entries.first().filter(|first| first.key.span.start == span.start)
            {
                span.end = first.key.span.end;
            }
            return;
        }
    };
    // What an alias stands for lies elsewhere.
    let from = last.map_or(span.start + 1, |last| last.end).max(span.start + 1);
    let rest = &text.as_bytes()[from.min(text.len())..];
    let gap = rest.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',').unwrap_or(rest.len());
    if rest.get(gap) == Some(&closer) {
        span.end = from + gap + 1;
    }
}

/// What is wrong in the parser's words, at its place, with a way out for what happens to people often.
fn syntax_error(error: &serde_saphyr::Error, source: &Arc<Source>) -> Diagnostic {
    let place = error.location().map_or_else(|| Span::start_of(source), |location| span(source, &location));
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default();
    let message = message.split(" at line ").next().unwrap_or_default();
    if let Some(limit) = limit(message) {
        let help = format!("a scenario file may have {MAX_DEPTH} levels and {MAX_NODES} values; split it");
        return Diagnostic::error(limit).at(&place).help(help);
    }
    let line = source.text.lines().nth(place.line - 1).unwrap_or_default();
    let diagnostic = Diagnostic::error(format!("not valid YAML: {}", reworded(message))).at(&place);
    match hint(message, line) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// What is found most often, for who does not know how a parser works.
fn reworded(message: &str) -> &str {
    let words = [
        ("did not find expected key", "a key is expected here"),
        ("did not find expected '-' indicator", "`- ` is expected here"),
        ("mapping values are not allowed", "a `:` where none can be"),
        ("alias references unknown anchor", "an alias without its anchor"),
        ("tabs disallowed", "a tab in the indentation"),
        ("found a tab", "a tab in the indentation"),
    ];
    words.into_iter().find(|(theirs, _)| message.contains(theirs)).map_or(message, |(_, ours)| ours)
}

fn hint(message: &str, line: &str) -> Option<String> {
    let value = line.split_once(": ").map_or(line, |(_, value)| value).trim();
    if message.contains("tab") && line.contains('\t') {
        return Some("indent with spaces; a tab is not allowed there".to_owned());
    }
    if value.starts_with("{{") {
        return Some(format!("quote what holds an expression: \"{value}\""));
    }
    if message.contains("mapping values are not allowed") {
        return Some("quote a text that has `: ` in it, and align keys that belong together".to_owned());
    }
    if message.contains("unexpected character") {
        return Some(format!("quote a text that begins so: \"{value}\""));
    }
    if message.contains("did not find expected") {
        return Some("items and keys that belong together begin in the same column".to_owned());
    }
    if message.contains("unknown anchor") {
        return Some(
            "`*name` repeats what `&name` marks earlier in the same document; a text that begins with `*` is quoted"
                .to_owned(),
        );
    }
    None
}

/// Whether it is a file that no person writes.
fn limit(message: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["recursion limit", "Depth", "nesting", "nested too"]) {
        return Some("nested too deeply");
    }
    if says(&["Alias", "Anchor", "alias replay", "alias expansion"]) {
        return Some("too many anchors and aliases");
    }
    says(&["budget breached"]).then_some("too much in one file")
}

fn span(source: &Arc<Source>, location: &Location) -> Span {
    let index = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let (line, column) = (index(location.line()).max(1), index(location.column()).max(1));
    let start = match location.span().byte_offset() {
        Some(offset) => index(offset).min(source.text.len()),
        None => offset_of(&source.text, line, column),
    };
    let length = location.span().byte_len().map_or(0, index);
    Span { source: Arc::clone(source), start, end: (start + length).min(source.text.len()), line, column }
}

/// The byte at which a column of a line begins, both counted from 1.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            return start + content.char_indices().nth(column - 1).map_or(content.trim_end().len(), |(index, _)| index);
        }
        start += content.len();
    }
    text.len()
}
