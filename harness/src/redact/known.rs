//! Secrets that are known by their value.

use std::{borrow::Cow, sync::OnceLock};

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

/// Values, in each of the forms in which they turn up.
#[derive(Debug, Default, Clone)]
pub struct Known {
    /// Longest first, so that no part of a value is left behind where another is part of it.
    forms: Vec<String>,
}

impl Known {
    /// Whether it was new.
    pub fn learn(&mut self, value: &str) -> bool {
        let value = value.trim();
        if value.is_empty() || self.forms.iter().any(|form| form == value) {
            return false;
        }
        let json = serde_json::to_string(value).unwrap_or_default();
        let mut forms = vec![
            value.to_owned(),
            STANDARD.encode(value),
            STANDARD_NO_PAD.encode(value),
            URL_SAFE_NO_PAD.encode(value),
            STANDARD.encode(format!("{value}\n")),
            utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
            json.trim_matches('"').to_owned(),
        ];
        // Of a text of several lines, one may be shown without the others.
        if value.contains('\n') {
            forms.extend(value.lines().map(str::trim).filter(|line| line.len() >= 16).map(str::to_owned));
        }
        forms.retain(|form| !self.forms.contains(form));
        self.forms.extend(forms);
        self.forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.forms.dedup();
        true
    }

    /// The text with a mark in place of each value, and of each part of one at which the text was cut off.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.forms.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redacted = String::new();
        let mut rest = 0;
        let mut changed = false;
        // What is a mark already is never looked into.
        for mark in marks().find_iter(text) {
            changed |= self.between(&text[rest..mark.start()], &mut redacted);
            redacted.push_str(mark.as_str());
            rest = mark.end();
        }
        changed |= self.between(&text[rest..], &mut redacted);
        if changed { Cow::Owned(redacted) } else { Cow::Borrowed(text) }
    }

    fn between(&self, text: &str, out: &mut String) -> bool {
        let mut pieces = vec![Piece::Text(text)];
        for form in &self.forms {
            let mut next = Vec::with_capacity(pieces.len());
            for piece in pieces {
                match piece {
                    Piece::Text(text) => split(text, form, &mut next),
                    Piece::Mark => next.push(Piece::Mark),
                }
            }
            pieces = next;
        }
        let changed = pieces.iter().any(|piece| matches!(piece, Piece::Mark));
        for piece in pieces {
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Mark => Redaction::KnownSecret.mark(),
            });
        }
        changed
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

/// Cuts `form` out of `text`, and its parts out of the ends of lines at which something was cut off.
fn split<'a>(text: &'a str, form: &str, pieces: &mut Vec<Piece<'a>>) {
    let mut rest = text;
    let mut from = 0;
    while let Some(found) = rest[from..].find(form).map(|place| place + from) {
        let end = found + form.len();
        if form.len() < SHORT && !stands_alone(rest, found, end) {
            from = found + rest[found..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        parts(&rest[..found], form, pieces);
        pieces.push(Piece::Mark);
        rest = &rest[end..];
        from = 0;
    }
    parts(rest, form, pieces);
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !text[..start].ends_with(is_word) && !text[end..].starts_with(is_word)
}

/// The beginning of the text may be the end of a value, and its end the beginning of one: logs and outputs are cut to size.
fn parts<'a>(text: &'a str, form: &str, pieces: &mut Vec<Piece<'a>>) {
    let cut_before = suffix(text, form);
    let text = &text[cut_before..];
    if cut_before > 0 {
        pieces.push(Piece::Mark);
    }
    let cut_after = prefix(text, form);
    let kept = &text[..text.len() - cut_after];
    // Where a person's eye is spared the middle of a text, its halves have such ends too.
    match kept.split_once('…') {
        Some((before, after)) if form.len() > PART => {
            parts_of_line(before, form, pieces);
            pieces.push(Piece::Text("…"));
            parts(after, form, pieces);
        }
        _ => pieces.push(Piece::Text(kept)),
    }
    if cut_after > 0 {
        pieces.push(Piece::Mark);
    }
}

fn parts_of_line<'a>(text: &'a str, form: &str, pieces: &mut Vec<Piece<'a>>) {
    let cut = prefix(text, form);
    pieces.push(Piece::Text(&text[..text.len() - cut]));
    if cut > 0 {
        pieces.push(Piece::Mark);
    }
}

/// How many bytes at the beginning of the text are the end of `form`.
fn suffix(text: &str, form: &str) -> usize {
    let most = form.len().saturating_sub(1).min(text.len());
    (PART..=most)
        .rev()
        .find(|length| {
            let start = form.len() - length;
            form.is_char_boundary(start)
                && text.is_char_boundary(*length)
                && text.as_bytes()[..*length] == form.as_bytes()[start..]
        })
        .unwrap_or(0)
}

/// How many bytes at the end of the text are the beginning of `form`.
fn prefix(text: &str, form: &str) -> usize {
    let most = form.len().saturating_sub(1).min(text.len());
    (PART..=most)
        .rev()
        .find(|length| {
            let start = text.len() - length;
            form.is_char_boundary(*length)
                && text.is_char_boundary(start)
                && text.as_bytes()[start..] == form.as_bytes()[..*length]
        })
        .unwrap_or(0)
}
