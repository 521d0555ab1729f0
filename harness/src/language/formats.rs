//! Strings with a syntax of their own, each read once into a type.
//!
//! The name that a type has in the JSON Schema's `format` is the name under which [`check`] finds it, so what `check`
//! accepts, what the schema publishes and what a run reads are one.

use std::{fmt, str::FromStr, time::Duration};

use kube::core::{Expression, Selector as KubeSelector, SelectorExt};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

pub use super::{cel::Cel, quantity::Quantity};

/// Reads `text` by the format named, if it is one of ours.
pub fn check(format: &str, text: &str) -> Option<Result<(), String>> {
    Some(match format {
        Span::FORMAT => Span::from_str(text).map(drop),
        Selector::FORMAT => Selector::from_str(text).map(drop),
        VersionRange::FORMAT => VersionRange::from_str(text).map(drop),
        Cel::FORMAT => Cel::from_str(text).map(drop),
        Regex::FORMAT => Regex::from_str(text).map(drop),
        Css::FORMAT => Css::from_str(text).map(drop),
        Ready::FORMAT => Ready::from_str(text).map(drop),
        Name::FORMAT => Name::from_str(text).map(drop),
        Identifier::FORMAT => Identifier::from_str(text).map(drop),
        Quantity::FORMAT => Quantity::from_str(text).map(drop),
        DAY => day(text),
        _ => return None,
    })
}

/// What is wrong, and what to do about it, of a message of this module.
pub fn advice(problem: &str) -> (&str, Option<&str>) {
    // What is wrong may itself have a semicolon, in a text that it quotes.
    let is_advice = |tail: &str| {
        ["write ", "use ", "take ", "leave "].iter().any(|verb| tail.starts_with(verb)) && !tail.contains("` is ")
    };
    match problem.rsplit_once("; ").filter(|(_, tail)| is_advice(tail)) {
        Some((title, help)) => (title, Some(help)),
        None => (problem, None),
    }
}

/// What a person calls a text of the format named.
pub fn called(format: &str) -> &'static str {
    match format {
        Span::FORMAT => "a duration",
        Selector::FORMAT => "a label selector",
        VersionRange::FORMAT => "a version range",
        Cel::FORMAT => "a CEL expression",
        Regex::FORMAT => "a regular expression",
        Css::FORMAT => "a CSS selector",
        DAY => "a day",
        Quantity::FORMAT => "a quantity",
        _ => "a string",
    }
}

/// Gives a type with `FromStr` its schema and its reader.
macro_rules! syntax {
    ($type:ident, $format:literal, $example:literal) => {
        impl $type {
            pub const FORMAT: &'static str = $format;
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schemars::json_schema!({"type": "string", "format": $format, "examples": [$example]})
            }
        }
    };
}

// Not `duration` and `regex`, by which JSON Schema understands ISO 8601 and ECMAScript.
syntax!(Span, "time-span", "1m30s");
syntax!(Selector, "label-selector", "app in (details, ratings)");
syntax!(VersionRange, "version-range", ">=1.20, <1.24");
syntax!(Cel, "cel", "object.status.replicas > 0");
syntax!(Regex, "regular-expression", "^istio-.*");
syntax!(Css, "css-selector", "head > title");
syntax!(Ready, "ready", "2/2");
syntax!(Name, "name", "six-pods-are-ready");
syntax!(Identifier, "identifier", "ingressHost");
syntax!(Quantity, "quantity", "500Mi");

/// The format of a day, as reports write it.
const DAY: &str = "day";

fn day(text: &str) -> Result<(), String> {
    match text.parse::<jiff::civil::Date>() {
        // Days are compared as texts.
        Ok(day) if day.to_string() == text => Ok(()),
        _ => Err(format!("`{text}` is not a day; write it like 2027-01-31")),
    }
}

/// A length of time: `90s`, `1m30s`, `250ms`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = "a number with a unit, like 500ms, 30s, 5m or 1h30m";
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self(Duration::ZERO));
        }
        if rest.is_empty() {
            return Err(format!("empty duration; write {help}"));
        }
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
            let number: u64 =
                rest[..digits].parse().map_err(|_| format!("`{text}` is not a duration; write {help}"))?;
            let milliseconds = match &rest[digits..unit] {
                "ms" => Some(number),
                "s" => number.checked_mul(1_000),
                "m" => number.checked_mul(60_000),
                "h" => number.checked_mul(3_600_000),
                "" => return Err(format!("`{text}` has no unit; write {help}")),
                other => return Err(format!("`{}` is not a unit of time; write {help}", other.trim())),
            };
            let part = milliseconds.map(Duration::from_millis).filter(|part| *part <= Duration::from_secs(86_400));
            total += part.ok_or_else(|| format!("`{text}` is longer than a day"))?;
            rest = &rest[unit..];
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spell(self.0))
    }
}

/// A length of time as a person writes it, to three digits at most: `1m30s`, `2.4s`, `350ms`.
pub fn spell(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds, duration.subsec_millis()) {
        (0, milliseconds) => format!("{milliseconds}ms"),
        (1..=9, milliseconds) if milliseconds >= 100 => format!("{seconds}.{}s", milliseconds / 100),
        (0..=59, _) => format!("{seconds}s"),
        (60..=3599, _) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (60..=3599, _) => format!("{}m{}s", seconds / 60, seconds % 60),
        _ if seconds % 3600 < 60 => format!("{}h", seconds / 3600),
        _ => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A label selector in the form that `kubectl -l` takes, equality and sets.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    selector: KubeSelector,
}

impl Selector {
    pub fn matches(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        self.selector.matches(labels)
    }
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let requirements = split_outside_parentheses(text)?;
        let expressions =
            requirements.into_iter().map(|part| requirement(part.trim())).collect::<Result<Vec<_>, _>>()?;
        if expressions.is_empty() {
            return Err("the label selector is empty; leave it out to select everything".to_owned());
        }
        Ok(Self { text: text.to_owned(), selector: KubeSelector::from_iter(expressions) })
    }
}

fn split_outside_parentheses(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
        if !(0..=1).contains(&depth) {
            return Err(format!("unbalanced parentheses in label selector `{text}`"));
        }
    }
    if depth != 0 {
        return Err(format!("unbalanced parentheses in label selector `{text}`"));
    }
    if !text[start..].trim().is_empty() || !parts.is_empty() {
        parts.push(&text[start..]);
    }
    Ok(parts)
}

fn requirement(text: &str) -> Result<Expression, String> {
    let key = |key: &str| label_key(key.trim());
    if let Some(open) = text.find('(') {
        let values = text[open + 1..].strip_suffix(')').ok_or_else(|| format!("`{text}` does not end with `)`"))?;
        let values = values.split(',').map(|value| label_value(value.trim())).collect::<Result<_, _>>()?;
        let mut words = text[..open].split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(name), Some("in"), None) => Ok(Expression::In(key(name)?, values)),
            (Some(name), Some("notin"), None) => Ok(Expression::NotIn(key(name)?, values)),
            _ => Err(format!("`{text}` is not a label selector; write it like `app in (shop, cart)`")),
        };
    }
    if let Some((name, value)) = text.split_once("!=") {
        return Ok(Expression::NotEqual(key(name)?, label_value(value.trim())?));
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Expression::Equal(key(name)?, label_value(value.trim())?));
    }
    match text.strip_prefix('!') {
        Some(name) => Ok(Expression::DoesNotExist(key(name)?)),
        None if text.contains(char::is_whitespace) => {
            Err(format!("`{text}` is not a label selector; write it like `app=shop` or `app in (shop, cart)`"))
        }
        None => Ok(Expression::Exists(key(text)?)),
    }
}

fn label_key(key: &str) -> Result<String, String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if name.is_empty() || name.len() > 63 || !plain(name) || prefix.is_some_and(|p| p.is_empty() || !plain(p)) {
        return Err(format!("`{key}` is not a label key"));
    }
    Ok(key.to_owned())
}

fn label_value(value: &str) -> Result<String, String> {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let inside = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if value.len() > 63 || !inside || !edge(value.chars().next()) || !edge(value.chars().last()) {
        return Err(format!("`{value}` is not a label value"));
    }
    Ok(value.to_owned())
}

/// A range of versions: comparisons that must all hold, as Cargo writes them; a space may stand for the comma.
#[derive(Debug, Clone)]
pub struct VersionRange {
    text: String,
    range: semver::VersionReq,
}

impl VersionRange {
    /// Whether `version` lies in it. What follows the patch number (`-rc.1`, `+k3s1`) is left out of account: a release
    /// candidate is to be held to what its release will be held to.
    pub fn contains(&self, version: &semver::Version) -> bool {
        self.range.matches(&semver::Version::new(version.major, version.minor, version.patch))
    }
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for VersionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut joined = String::new();
        for word in text.replace(',', " ").split_whitespace() {
            let glue = if joined.is_empty() || joined.ends_with(['<', '>', '=', '~', '^']) { "" } else { ", " };
            joined.push_str(glue);
            joined.push_str(word);
        }
        let range = semver::VersionReq::parse(&joined)
            .map_err(|_| format!("`{text}` is not a version range; write it like \">=1.20, <1.24\""))?;
        Ok(Self { text: text.to_owned(), range })
    }
}

/// Reads `1.28`, `v1.28.15`, `1.24.0-alpha.1` or `v1.27.3-gke.100`.
pub fn version(text: &str) -> Result<semver::Version, String> {
    let bare = text.trim().trim_start_matches('v');
    let end = bare.find(['-', '+']).unwrap_or(bare.len());
    let (numbers, rest) = bare.split_at(end);
    let full = match numbers.split('.').count() {
        1 => format!("{numbers}.0.0{rest}"),
        2 => format!("{numbers}.0{rest}"),
        _ => bare.to_owned(),
    };
    semver::Version::parse(&full).map_err(|_| format!("`{text}` is not a version; write it like 1.20.0"))
}

/// A regular expression of the `regex` crate; it searches, and is anchored only where it says so.
#[derive(Debug, Clone)]
pub struct Regex(pub regex::Regex);

impl FromStr for Regex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        regex::Regex::new(text).map(Self).map_err(|error| {
            let error = error.to_string();
            let problem = error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            format!("`{text}` is not a regular expression: {problem}")
        })
    }
}

/// A CSS selector.
#[derive(Debug, Clone)]
pub struct Css {
    pub text: String,
    pub selector: scraper::Selector,
}

impl FromStr for Css {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let selector =
            // Its errors are for its developers: "please report this".
            scraper::Selector::parse(text).map_err(|_| {
                format!("`{text}` is not a CSS selector; write it like `head > title`, `#name` or `a[href]`")
            })?;
        Ok(Self { text: text.to_owned(), selector })
    }
}

/// Ready containers of all containers, as `kubectl get pods` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    pub ready: usize,
    pub total: usize,
}

impl FromStr for Ready {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        match numbers {
            Some((ready, total)) if ready <= total => Ok(Self { ready, total }),
            _ => Err(format!("`{text}` is not a number of ready containers; write it like 2/2")),
        }
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ready, self.total)
    }
}

/// A name by which something in a suite is referred to: lower-case words joined by `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if text.is_empty()
            || text.len() > 80
            || !text.chars().all(plain)
            || text.starts_with('-')
            || text.ends_with('-')
        {
            return Err(format!("`{text}` is not a name; use lower-case letters, digits, `-` and `.`"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A name for expressions: letters, digits and `_`, not beginning with a digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(pub String);

/// Words of minijinja's expressions, and what is always there.
const RESERVED: [&str; 15] =
    ["and", "else", "false", "False", "if", "in", "is", "loop", "none", "None", "not", "or", "run", "true", "True"];

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if text.is_empty() || !plain || text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("`{text}` is not a name for expressions; use letters, digits and `_`"));
        }
        if RESERVED.contains(&text) {
            return Err(format!("`{text}` has a meaning of its own in expressions; take another name"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", 90_000)]
    #[case("1m30s", 90_000)]
    #[case("250ms", 250)]
    #[case("1h", 3_600_000)]
    #[case("0", 0)]
    fn durations_are_read(#[case] text: &str, #[case] milliseconds: u64) {
        assert_eq!(text.parse::<Span>(), Ok(Span(Duration::from_millis(milliseconds))));
    }

    #[rstest]
    #[case("5")]
    #[case("5 m")]
    #[case("-5s")]
    #[case("")]
    #[case("5x")]
    #[case("99999999999999999999s")]
    #[case("25h")]
    fn what_is_no_duration_is_refused(#[case] text: &str) {
        text.parse::<Span>().unwrap_err();
    }

    #[rstest]
    #[case("app=ratings", true)]
    #[case("app==ratings,version=v1", true)]
    #[case("app in (details, ratings)", true)]
    #[case("app notin (details),!gone", true)]
    #[case("app", true)]
    #[case("app!=ratings", false)]
    #[case("app=details", false)]
    fn selectors_select(#[case] text: &str, #[case] expected: bool) {
        let labels = [("app", "ratings"), ("version", "v1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(text.parse::<Selector>().unwrap().matches(&labels), expected);
    }

    #[rstest]
    #[case("")]
    #[case("app in details")]
    #[case("app in (a")]
    #[case("a=b,,c=d")]
    #[case("app=-x")]
    fn what_is_no_selector_is_refused(#[case] text: &str) {
        text.parse::<Selector>().unwrap_err();
    }

    #[rstest]
    #[case("time-span", "5", "`5` has no unit", "write a number with a unit, like 500ms, 30s, 5m or 1h30m")]
    #[case("label-selector", "", "the label selector is empty", "leave it out to select everything")]
    #[case("cel", "a; b", "`a; b` is not a CEL expression: token recognition error at: ';' at character 2", "")]
    #[case("regular-expression", "(; write ", "`(; write ` is not a regular expression: unclosed group", "")]
    #[case("identifier", "not", "`not` has a meaning of its own in expressions", "take another name")]
    #[case("day", "2027-1-31", "`2027-1-31` is not a day", "write it like 2027-01-31")]
    #[case("day", "2027-02-30", "`2027-02-30` is not a day", "write it like 2027-01-31")]
    fn a_mistake_has_a_title_and_a_way_out(
        #[case] format: &str,
        #[case] text: &str,
        #[case] title: &str,
        #[case] help: &str,
    ) {
        let problem = check(format, text).unwrap().unwrap_err();
        assert_eq!(advice(&problem), (title, Some(help).filter(|help| !help.is_empty())));
    }

    #[rstest]
    #[case(">=1.19, <1.24", "1.20.0", true)]
    #[case(">=1.19 <1.24", "1.24.0", false)]
    #[case(">= 1.24", "1.24.0-rc.1", true)]
    #[case("~1.25", "v1.25.4-gke.1", true)]
    fn ranges_hold_versions(#[case] range: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(range.parse::<VersionRange>().unwrap().contains(&version(text).unwrap()), expected);
    }
}
