//! Text from a cluster, made harmless and broken into lines.
//!
//! Reasons and outputs come from programs that may color, move the cursor or be cut off in the middle of an escape
//! sequence. A terminal must not obey them, and XML 1.0 forbids the characters.

use std::{borrow::Cow, iter::Peekable, str::Chars};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns between tab stops, as every terminal has them.
const TAB: usize = 8;

/// `text` without escape sequences, control characters and what reorders text, its lines kept, tabs made spaces.
///
/// A carriage return on its own starts a new line, so that nothing of a progress bar is hidden by what came after it.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut column = 0;
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => {
                out.push('\n');
                column = 0;
            }
            '\t' => {
                let spaces = TAB - column % TAB;
                out.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            c if is_unsafe(c) => {}
            c => {
                out.push(c);
                column += c.width().unwrap_or(0);
            }
        }
    }
    Cow::Owned(out)
}

/// `text` cleaned, as one line: every run of white space is one space.
pub(crate) fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Breaks cleaned text into lines of at most `width` columns, where a wide character takes two.
///
/// Lines break at spaces, and between the ideographs and kana that no spaces separate; a word longer than a line breaks
/// where it must. The indentation of a line's first part is kept.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        wrap_line(line, width, &mut lines);
    }
    lines
}

fn wrap_line(line: &str, width: usize, lines: &mut Vec<String>) {
    let (mut start, mut used, mut break_at, mut previous) = (0, 0, None, None);
    for (at, c) in line.char_indices() {
        let columns = c.width().unwrap_or(0);
        let has_text = !line[start..at].trim().is_empty();
        if has_text && previous.is_some_and(|before| may_break(before, c)) {
            break_at = Some(at);
        }
        if used + columns > width && columns > 0 && has_text && !c.is_whitespace() {
            let end = break_at.take().unwrap_or(at);
            lines.push(line[start..end].trim_end().to_owned());
            start = end;
            used = line[start..at].width();
        }
        used += columns;
        previous = Some(c);
    }
    lines.push(line[start..].trim_end().to_owned());
}

fn may_break(before: char, after: char) -> bool {
    if after.is_whitespace() || after.width() == Some(0) || before == '\u{200d}' {
        return false;
    }
    before.is_whitespace()
        || ((stands_alone(before) || stands_alone(after))
            && !"「『（【〔《〈［｛([{\"'".contains(before)
            && !"」』）】〕》〉］｝、。，．・：；！？ーぁぃぅぇぉっゃゅょァィゥェォッャュョ)]}.,:;!?\"'"
                .contains(after))
}

/// Whether lines may break beside `c` without a space. Korean is written with spaces, and reads better broken there.
fn stands_alone(c: char) -> bool {
    c.width() == Some(2) && !('\u{ac00}'..='\u{d7a3}').contains(&c)
}

fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// ECMA-48, after ESC: what follows tells the kind of the sequence.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        _ => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// ECMA-48 5.4: parameters, intermediates, one final byte. A sequence that was cut off takes nothing else with it.
fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// ECMA-48 5.6, also ended by BEL as terminals take it, and by the end of the line: one that was never closed must not
/// swallow what follows.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("a b\nc", "a b\nc")]
    #[case::color("\u{1b}[1;31merror\u{1b}[0m: x", "error: x")]
    #[case::eight_bit_control_sequence("\u{9b}31mred", "red")]
    #[case::cursor("\u{1b}[2J\u{1b}[Hgone?", "gone?")]
    #[case::link("\u{1b}]8;;http://x\u{1b}\\text\u{1b}]8;;\u{7}", "text")]
    #[case::unclosed_string_ends_with_its_line("a\u{1b}]0;title\nb", "a\nb")]
    #[case::cut_off("a\u{1b}", "a")]
    #[case::cut_off_sequence("a\u{1b}[31", "a")]
    #[case::cut_off_before_japanese("a\u{1b}[31日本", "a日本")]
    #[case::character_set("\u{1b}(Bx", "x")]
    #[case::controls("a\0b\u{8}c\u{7f}d\u{85}e", "abcde")]
    #[case::carriage_returns("10%\r20%\r\nend", "10%\n20%\nend")]
    #[case::tabs("NAME\tREADY\n日本\tx", "NAME    READY\n日本    x")]
    #[case::reordering("a\u{202e}b\u{2066}c", "abc")]
    #[case::not_characters("a\u{fffe}\u{ffff}b", "ab")]
    fn cleaned(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(clean(text), expected);
    }

    #[test]
    fn one_line_of_many() {
        assert_eq!(one_line("  a\n\tb\u{1b}[0m  c\r\n"), "a b c");
    }

    #[rstest]
    #[case::fits("one two", 7, &["one two"])]
    #[case::at_spaces("one two three", 8, &["one two", "three"])]
    #[case::long_word("abcdefgh ij", 4, &["abcd", "efgh", "ij"])]
    #[case::indented("  one two", 6, &["  one", "two"])]
    #[case::indented_long_word("  abcdef", 4, &["  ab", "cdef"])]
    #[case::japanese("配布が成功しました", 10, &["配布が成功", "しました"])]
    #[case::no_full_stop_first("配布が成功。次", 10, &["配布が成", "功。次"])]
    #[case::no_bracket_last("配布は「成功」", 8, &["配布は", "「成功」"])]
    #[case::korean("설치가 완료되었습니다", 14, &["설치가", "완료되었습니다"])]
    #[case::combining_stays("か\u{3099}か\u{3099}", 2, &["か\u{3099}", "か\u{3099}"])]
    #[case::empty_lines("a\n\nb", 5, &["a", "", "b"])]
    #[case::nothing("", 5, &[])]
    fn wrapped(#[case] text: &str, #[case] width: usize, #[case] expected: &[&str]) {
        assert_eq!(wrap(text, width), expected);
    }
}
