//! Secrets that are known by their value.

use std::{borrow::Cow, collections::BTreeSet, sync::OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use meshproof_reports::Redaction;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;

/// A value of fewer bytes is replaced only where it stands by itself: `12` must not tear every number apart.
const SHORT: usize = 6;
/// Of a value that was cut off, so many bytes tell enough to be left out.
const PART: usize = 8;
/// Of a longer value, only the value itself is looked for: whatever encodes it cuts it too.
const LONG: usize = 16 << 10;
/// Of a text of several lines, a line of fewer bytes says nothing by itself.
const LINE: usize = 16;

/// Values, in each of the forms in which they turn up.
#[derive(Debug, Default, Clone)]
pub struct Known {
    short: BTreeSet<String>,
    others: BTreeSet<String>,
    /// Finds all others at once; made anew when there are more.
    finder: OnceLock<Option<AhoCorasick>>,
}

impl Known {
    /// Whether it was new.
    pub fn learn(&mut self, value: &str) -> bool {
        let value = value.trim();
        if value.is_empty() || self.short.contains(value) || self.others.contains(value) {
            return false;
        }
        let mut forms = vec![value.to_owned()];
        if value.len() <= LONG {
            let json = serde_json::to_string(value).unwrap_or_default();
            forms.extend([
                STANDARD.encode(value),
                STANDARD_NO_PAD.encode(value),
                URL_SAFE_NO_PAD.encode(value),
                STANDARD.encode(format!("{value}\n")),
                utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
                json.trim_matches('"').to_owned(),
            ]);
        }
        // Of a text of several lines, one may be shown without the others.
        if value.contains('\n') {
            forms.extend(value.lines().map(str::trim).filter(|line| line.len() >= LINE).map(str::to_owned));
        }
        for form in forms {
            if form.len() < SHORT {
                self.short.insert(form)
            } else {
                self.others.insert(form)
            };
        }
        self.finder = OnceLock::new();
        true
    }

    /// The text with a mark in place of each value, and of each part of one at which the text was cut off.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.others.is_empty() && self.short.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut pieces = Vec::new();
        // Logs and outputs are cut to size, and a person's eye is spared the middle of a text: at such an end may be a part of a value.
        for part in text.split_inclusive('…') {
            let (part, dots) = part.strip_suffix('…').map_or((part, false), |part| (part, true));
            let before = self.others.iter().map(|form| suffix(part, form)).max().unwrap_or(0);
            let after = self.others.iter().map(|form| prefix(&part[before..], form)).max().unwrap_or(0);
            pieces.extend((before > 0).then_some(Piece::Mark));
            self.unmarked(&part[before..part.len() - after], &mut pieces);
            pieces.extend((after > 0).then_some(Piece::Mark));
            pieces.extend(dots.then_some(Piece::Text("…")));
        }
        if !pieces.iter().any(|piece| matches!(piece, Piece::Mark)) {
            return Cow::Borrowed(text);
        }
        let told = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Mark => Redaction::KnownSecret.mark(),
        });
        Cow::Owned(told.collect())
    }

    /// What is a mark already is never looked into.
    fn unmarked<'a>(&self, text: &'a str, pieces: &mut Vec<Piece<'a>>) {
        let mut rest = 0;
        for mark in marks().find_iter(text) {
            self.whole(&text[rest..mark.start()], pieces);
            pieces.push(Piece::Text(mark.as_str()));
            rest = mark.end();
        }
        self.whole(&text[rest..], pieces);
    }

    fn whole<'a>(&self, text: &'a str, pieces: &mut Vec<Piece<'a>>) {
        let Some(finder) = self.finder() else {
            pieces.push(Piece::Mark);
            return;
        };
        let mut rest = 0;
        for found in finder.find_iter(text) {
            self.short(&text[rest..found.start()], pieces);
            pieces.push(Piece::Mark);
            rest = found.end();
        }
        self.short(&text[rest..], pieces);
    }

    /// `None` where more is known than can be looked for: then nothing may be told at all.
    fn finder(&self) -> Option<&AhoCorasick> {
        let make = || AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&self.others).ok();
        self.finder.get_or_init(make).as_ref()
    }

    fn short<'a>(&self, text: &'a str, pieces: &mut Vec<Piece<'a>>) {
        let all = self.short.iter().flat_map(|form| text.match_indices(form.as_str()));
        let mut found: Vec<_> = all.map(|(start, form)| (start, start + form.len())).collect();
        found.retain(|place| stands_alone(text, *place));
        // Of those that begin at the same place, the longest counts.
        found.sort_unstable_by_key(|(start, end)| (*start, usize::MAX - end));
        let mut rest = 0;
        for (start, end) in found {
            if start >= rest {
                pieces.extend([Piece::Text(&text[rest..start]), Piece::Mark]);
                rest = end;
            }
        }
        pieces.push(Piece::Text(&text[rest..]));
    }
}

enum Piece<'a> {
    Text(&'a str),
    Mark,
}

fn marks() -> &'static Regex {
    static MARKS: OnceLock<Regex> = OnceLock::new();
    MARKS.get_or_init(|| {
        let marks: Vec<String> = Redaction::ALL.iter().map(|kind| regex::escape(kind.mark())).collect();
        Regex::new(&marks.join("|")).expect("escaped texts are a pattern")
    })
}

fn stands_alone(text: &str, (start, end): (usize, usize)) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !text[..start].ends_with(is_word) && !text[end..].starts_with(is_word)
}

/// How many bytes at the beginning of the text are the end of `form`, which is not in it as a whole.
fn suffix(text: &str, form: &str) -> usize {
    let Some(begin) = text.get(..PART) else { return 0 };
    let starts = form.match_indices(begin).map(|(start, _)| &form[start..]);
    starts.filter(|end| text.starts_with(end)).map(str::len).max().unwrap_or(0)
}

/// How many bytes at the end of the text are the beginning of `form`.
fn prefix(text: &str, form: &str) -> usize {
    let Some(end) = text.len().checked_sub(PART).and_then(|at| text.get(at..)) else { return 0 };
    let ends = form.match_indices(end).map(|(start, found)| &form[..start + found.len()]);
    ends.filter(|begin| text.ends_with(begin)).map(str::len).max().unwrap_or(0)
}
