//! `html`: what an HTML document holds.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answered, Judgement, enumerate, matcher::excerpt};
use crate::{
    action::Gained,
    language::formats::{Css, Regex},
};

/// That elements are in the document that the case's last action gave back, each as described.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Html {
    /// Which elements.
    pub select: Css,
    /// The text of each, white space collapsed.
    pub text: Option<String>,
    /// A regular expression found in the text of each.
    pub matches: Option<Regex>,
    /// Exactly so many. Without it: at least one.
    pub count: Option<usize>,
}

impl Answered for Html {
    fn judge(&self, gained: &Gained) -> Judgement {
        let expected = self.describe();
        if let Some(trouble) = &gained.trouble {
            return Judgement::not_yet(expected, trouble);
        }
        let document = scraper::Html::parse_document(gained.document());
        let texts: Vec<String> = document
            .select(&self.select.selector)
            .map(|element| element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let enough = self.count.map_or(!texts.is_empty(), |count| texts.len() == count);
        let fits = |text: &String| {
            self.text.as_ref().is_none_or(|wanted| wanted == text)
                && self.matches.as_ref().is_none_or(|regex| regex.0.is_match(text))
        };
        if enough && texts.iter().all(fits) {
            return Judgement::met(enumerate(&texts));
        }
        let seen = match texts.as_slice() {
            [] => format!("no such element; {}: {}", gained.ending(), excerpt(gained.document())),
            texts => enumerate(&texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>()),
        };
        Judgement::not_yet(expected, seen)
    }
}

impl Html {
    fn describe(&self) -> String {
        let count = self.count.map(|count| format!("{count} × ")).unwrap_or_default();
        let text = self.text.as_ref().map(|text| format!(" is `{text}`")).unwrap_or_default();
        let matches = self.matches.as_ref().map(|regex| format!(" matches `{}`", regex.0)).unwrap_or_default();
        format!("{count}`{}`{text}{matches}", self.select.text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::expectation::testing::expectation;

    #[rstest]
    #[case("{select: title, text: Simple Bookstore App}", true)]
    #[case("{select: title, text: Other}", false)]
    #[case("{select: li, count: 2}", true)]
    #[case("{select: li, count: 3}", false)]
    #[case("{select: h1}", false)]
    #[case("{select: li, matches: '^[ab]$'}", true)]
    fn a_document_is_judged(#[case] yaml: &str, #[case] met: bool) {
        let page = "<html><head><title>Simple\n Bookstore App</title></head><ul><li>a</li><li>b</li></ul></html>";
        let gained = Gained { stdout: page.to_owned(), exit_code: Some(0), ..Gained::default() };
        assert_eq!(expectation::<Html>(yaml).judge(&gained).is_met(), met);
    }

    #[test]
    fn an_answer_that_is_no_page_is_shown() {
        let gained = Gained { stdout: "upstream connect error".to_owned(), exit_code: Some(0), ..Gained::default() };
        let judgement = expectation::<Html>("{select: title, text: Shop}").judge(&gained);
        let Judgement::NotYet(mismatch) = judgement else { panic!("{judgement:?}") };
        assert_eq!(mismatch.seen, "no such element; exit code 0: upstream connect error");
    }
}
