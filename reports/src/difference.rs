//! Where what was seen differs from what was expected.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

/// Longer texts are not compared: nobody reads the marks, and comparing takes time that grows with their product.
const LONGEST: usize = 20_000;
/// Two texts with less than this share in common say different things, not the same thing differently; marks over all
/// of both would only make them harder to read.
const IN_COMMON: f64 = 0.3;

/// A stretch of one of the two texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Part {
    pub text: String,
    /// Whether the other text lacks it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub differs: bool,
}

/// Both texts in parts; `None` where marks would not help. The parts of each, joined, are the text.
pub(crate) fn difference(expected: &str, seen: &str) -> Option<(Vec<Part>, Vec<Part>)> {
    if expected.len() > LONGEST || seen.len() > LONGEST {
        return None;
    }
    let diff = TextDiff::from_unicode_words(expected, seen);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        let text = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut left, text, false);
                push(&mut right, text, false);
            }
            ChangeTag::Delete => push(&mut left, text, true),
            ChangeTag::Insert => push(&mut right, text, true),
        }
    }
    (share(&left).min(share(&right)) >= IN_COMMON).then_some((left, right))
}

/// Of the letters, those that the other text has too. Spaces do not count: every text has them.
fn share(parts: &[Part]) -> f64 {
    let letters = |part: &Part| part.text.chars().filter(|c| !c.is_whitespace()).count();
    let all: usize = parts.iter().map(letters).sum();
    let common: usize = parts.iter().filter(|part| !part.differs).map(letters).sum();
    if all == 0 {
        1.0
    } else {
        f64::from(u32::try_from(common).unwrap_or(u32::MAX)) / f64::from(u32::try_from(all).unwrap_or(u32::MAX))
    }
}

fn push(parts: &mut Vec<Part>, text: &str, differs: bool) {
    match parts.last_mut() {
        Some(last) if last.differs == differs => last.text.push_str(text),
        _ => parts.push(Part { text: text.to_owned(), differs }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What differs stands in brackets.
    fn marked(parts: &[Part]) -> String {
        parts.iter().map(|part| if part.differs { format!("[{}]", part.text) } else { part.text.clone() }).collect()
    }

    #[rstest]
    #[case::a_number("6 pods are ready", "5 pods are ready", "[6] pods are ready", "[5] pods are ready")]
    #[case::more("title: a b c", "title: a b c d", "title: a b c", "title: a b c[ d]")]
    #[case::japanese("配布は成功しました", "配布は失敗しました", "配布は[成功]しました", "配布は[失敗]しました")]
    #[case::the_same("a b", "a b", "a b", "a b")]
    fn marks_what_the_other_lacks(#[case] expected: &str, #[case] seen: &str, #[case] left: &str, #[case] right: &str) {
        let (marked_left, marked_right) =
            difference(expected, seen).map(|(l, r)| (marked(&l), marked(&r))).expect("alike");
        assert_eq!((marked_left.as_str(), marked_right.as_str()), (left, right));
    }

    #[rstest]
    #[case::nothing_in_common("six pods", "connection refused")]
    #[case::too_long(&"a ".repeat(LONGEST), "a")]
    fn marks_nothing_where_it_would_not_help(#[case] expected: &str, #[case] seen: &str) {
        assert_eq!(difference(expected, seen), None);
    }
}
