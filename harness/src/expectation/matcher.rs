//! What a text must be like.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Mismatch;
use crate::language::formats::Regex;

/// Conditions on a text, all of which must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// The whole text, but for white space at both ends.
    pub equals: Option<String>,
    /// Each of these somewhere in the text.
    #[serde(default)]
    pub contains: Vec<String>,
    /// None of these anywhere in the text.
    #[serde(default)]
    pub excludes: Vec<String>,
    /// A regular expression found in the text; `(?m)` makes `^` and `$` mean lines.
    pub matches: Option<Regex>,
}

impl Matcher {
    /// The first condition that `text` does not meet. `what` names the text: `standard output`.
    pub fn mismatch(&self, what: &str, text: &str) -> Option<Mismatch> {
        let found = |expected: String| Some(Mismatch { expected: format!("{what} {expected}"), seen: excerpt(text) });
        if let Some(wanted) = self.equals.as_ref().filter(|wanted| wanted.trim() != text.trim()) {
            return found(format!("is `{}`", wanted.trim()));
        }
        if let Some(wanted) = self.contains.iter().find(|wanted| !text.contains(wanted.as_str())) {
            return found(format!("contains `{wanted}`"));
        }
        if let Some(unwanted) = self.excludes.iter().find(|unwanted| text.contains(unwanted.as_str())) {
            return found(format!("does not contain `{unwanted}`"));
        }
        if let Some(regex) = self.matches.as_ref().filter(|regex| !regex.0.is_match(text)) {
            return found(format!("matches `{}`", regex.0));
        }
        None
    }
}

/// Enough of a text to see what it is: its beginning and its end.
pub fn excerpt(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= 600 {
        return text.to_owned();
    }
    let start: String = characters[..300].iter().collect();
    let end: String = characters[characters.len() - 300..].iter().collect();
    format!("{start} … {end}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn matcher(yaml: &str) -> Matcher {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[rstest]
    #[case("{equals: 'No issues found.'}")]
    #[case("{contains: [No, found], excludes: [Error]}")]
    #[case("{matches: '^No .* found'}")]
    fn a_text_that_meets_all_conditions_has_no_mismatch(#[case] yaml: &str) {
        assert_eq!(matcher(yaml).mismatch("output", "No issues found.\n"), None);
    }

    #[rstest]
    #[case("{equals: other}", "output is `other`")]
    #[case("{contains: [No, missing]}", "output contains `missing`")]
    #[case("{excludes: [found]}", "output does not contain `found`")]
    #[case("{matches: '^found'}", "output matches `^found`")]
    fn the_first_condition_not_met_is_named(#[case] yaml: &str, #[case] expected: &str) {
        assert_eq!(matcher(yaml).mismatch("output", "No issues found.\n").unwrap().expected, expected);
    }
}
