//! Text from anywhere, written so that Markdown shows it and does nothing else with it.
//!
//! Links and mentions that GitHub makes of plain text are kept from being made too: a log must not call a person.

use crate::text::{clean, one_line};

/// Nothing breaks the tricks that GitHub plays on `@name` and `#1` but an element between the two; a comment is none to a reader.
const NOTHING: &str = "<!-- -->";

/// One line of running text, also within a table.
pub(crate) fn inline(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' if chars.peek().is_some_and(|next| next.is_alphanumeric()) => {
                out.push('\\');
                out.push(c);
                out.push_str(NOTHING);
            }
            c if c.is_ascii_punctuation()
                && !matches!(c, '.' | ',' | ':' | ';' | '/' | '-' | '\'' | '"' | '(' | ')' | '=' | '%' | '?') =>
            {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // What would begin a list, were it the start of a line.
    let digits = out.chars().take_while(char::is_ascii_digit).count();
    let rest = &out[digits..];
    let begins = match digits {
        0 => rest.starts_with(['-', '=']),
        _ => [". ", ") "].iter().any(|mark| rest.starts_with(mark)) || matches!(rest, "." | ")"),
    };
    if begins {
        out.insert(digits, '\\');
    }
    out
}

/// One line, letter for letter, also within a table.
pub(crate) fn code(text: &str) -> String {
    // Within a table a bar ends the cell even here; an entity would be shown as it is.
    let text = one_line(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines, letter for letter. `language` is one that GitHub colors, or empty.
pub(super) fn block(text: &str, language: &str) -> String {
    let text = clean(text);
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// One line within an element of HTML, where Markdown is not read.
pub(super) fn html(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        if matches!(c, '@' | '#') && chars.peek().is_some_and(|next| next.is_alphanumeric()) {
            out.push_str(NOTHING);
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    use rstest::rstest;

    use super::*;

    /// What a reader of the Markdown sees as text, and how many elements there are beside paragraphs and comments.
    fn read(markdown: &str) -> (String, usize) {
        let (mut text, mut others) = (String::new(), 0);
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Text(part) | Event::Code(part) => text.push_str(&part),
                Event::InlineHtml(html) if &*html == NOTHING => {}
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                _ => others += 1,
            }
        }
        (text, others)
    }

    #[rstest]
    #[case::markup("a *b* _c_ `d` ~~e~~ [f](g) ![h](i) <b>j</b> &lt; \\k | l")]
    #[case::heading("# a")]
    #[case::list("- a")]
    #[case::rule("---")]
    #[case::numbered("1. a")]
    #[case::numbered_otherwise("12) a")]
    #[case::a_version("1.28.15")]
    #[case::plus("+ a")]
    #[case::quote("> a")]
    #[case::fence("```sh")]
    #[case::mention("thanks @somebody, see #12")]
    #[case::autolink("<https://example.com/>")]
    #[case::japanese("配布は「成功」<title> & | `x`")]
    #[case::math("$x$ {y}")]
    fn text_is_text(#[case] text: &str) {
        assert_eq!(read(&inline(text)), (text.to_owned(), 0), "{}", inline(text));
    }

    #[test]
    fn a_name_is_not_called() {
        assert_eq!(inline("@team #7 a@ #"), "\\@<!-- -->team \\#<!-- -->7 a\\@ \\#");
        assert_eq!(html("@team <b>"), "@<!-- -->team &lt;b&gt;");
    }

    #[rstest]
    #[case("a")]
    #[case("`a`")]
    #[case("a``b`c")]
    #[case("<b> *x* & @y")]
    fn code_is_code(#[case] text: &str) {
        assert_eq!(read(&code(text)), (text.to_owned(), 0));
    }

    #[test]
    fn a_bar_does_not_end_a_cell() {
        let table = format!("| a | b |\n|---|---|\n| {} | {} |\n", code("x|y"), inline("p|q"));
        let cells = Parser::new_ext(&table, Options::ENABLE_TABLES)
            .filter(|event| matches!(event, Event::Start(Tag::TableCell)));
        assert_eq!(cells.count(), 4);
        let text: String = Parser::new_ext(&table, Options::ENABLE_TABLES)
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(text, "abx|yp|q");
    }

    #[test]
    fn a_block_ends_where_it_should() {
        let hostile = "one\n```\n# no heading\n````\n<b>";
        let (text, others) = read(&block(hostile, "text"));
        assert_eq!((text.trim_end(), others), (hostile, 1), "one block of code and nothing else");
    }
}
