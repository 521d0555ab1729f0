//! Long text, as part of a sentence.

/// Characters.
const MOST: usize = 240;

/// As one line, cut where it is too long to be part of a sentence.
pub fn brief(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(brief("a\n  b"), "a b");
        assert_eq!(brief(&"é".repeat(300)), format!("{}…", "é".repeat(240)));
    }
}
