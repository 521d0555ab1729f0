//! How a rendering for a terminal looks.

use crate::record::Verdict;

/// Narrower than this, a page is one word to a line.
const NARROWEST: usize = 40;

/// What the terminal can show and the person wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// In columns; less than 40 counts as 40.
    pub width: usize,
    /// Whether to color by ANSI escape sequences (ECMA-48 SGR).
    pub color: bool,
    /// Whether to name every case that was set aside, and show each step and output of what failed.
    pub verbose: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, color: false, verbose: false }
    }
}

impl Style {
    /// The columns that are left of the line behind `indent`.
    pub(crate) fn columns(self, indent: usize) -> usize {
        self.width.max(NARROWEST) - indent
    }

    /// `text` in the color of `verdict`; `None` is for what has no verdict. Pad before: escapes take no columns.
    pub(crate) fn paint(self, verdict: Option<Verdict>, text: &str) -> String {
        let code = match verdict {
            Some(Verdict::Passed) => "32",
            Some(Verdict::Failed) => "1;31",
            Some(Verdict::Errored) => "1;35",
            Some(Verdict::Blocked) | None => "33",
            Some(Verdict::Flaky) => "1;33",
            Some(Verdict::Skipped | Verdict::NotRun) => "2",
            Some(Verdict::KnownFail) => "36",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The word for a verdict, or for its absence.
pub(crate) fn word(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("pending", Verdict::word)
}

/// `n` things, in words.
pub(crate) fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Milliseconds as a person reads them, cut off rather than rounded, so that 59.99 s never reads as 60.0 s.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}.{}s", ms % 1000 / 100),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0ms")]
    #[case(999, "999ms")]
    #[case(1_250, "1.2s")]
    #[case(59_999, "59.9s")]
    #[case(60_000, "1m 0s")]
    #[case(3_599_999, "59m 59s")]
    #[case(3_720_000, "1h 2m")]
    fn durations(#[case] ms: u64, #[case] expected: &str) {
        assert_eq!(duration(ms), expected);
    }

    #[test]
    fn color_only_when_asked_for() {
        let style = Style::default();
        assert_eq!(style.paint(Some(Verdict::Failed), "failed"), "failed");
        let style = Style { color: true, ..style };
        assert_eq!(style.paint(Some(Verdict::Failed), "failed"), "\u{1b}[1;31mfailed\u{1b}[0m");
    }

    #[test]
    fn a_terminal_too_narrow_to_read_counts_as_wider() {
        assert_eq!(Style { width: 0, ..Style::default() }.columns(10), 30);
    }
}
