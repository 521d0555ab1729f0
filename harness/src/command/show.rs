//! How things are shown to a person. The only place that knows miette.

use std::{fmt, io::Write};

use meshproof_reports::Style;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, ReportHandler, SourceCode,
    SourceSpan, SpanContents,
};

use crate::diagnostic::{Diagnostic, Severity, Span, deduplicate};

/// So many diagnostics are shown: nobody reads more at once.
const MOST: usize = 100;

/// A line with more bytes is not shown, a sentence with more characters not to its end: no person wrote it.
const LONGEST: usize = 1_000;

/// Writes to standard output. A reader that has gone away is no error.
pub fn out(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Writes to standard error.
pub fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Shows diagnostics with their lines, sorted by place, each once, and a count of them.
pub fn diagnostics(diagnostics: &[Diagnostic]) {
    let mut sorted = diagnostics.to_vec();
    deduplicate(&mut sorted);
    sorted.sort_by_key(|diagnostic| {
        diagnostic.span.as_ref().map(|span| (span.source.path.clone(), span.line, span.column))
    });
    let term = console::Term::stderr();
    let theme = match (console::colors_enabled_stderr(), term.is_term()) {
        (true, _) => GraphicalTheme::unicode(),
        (false, true) => GraphicalTheme::unicode_nocolor(),
        (false, false) => {
            GraphicalTheme { characters: miette::ThemeCharacters::ascii(), styles: miette::ThemeStyles::none() }
        }
    };
    let width = if term.is_term() { usize::from(term.size().1).clamp(40, 120) } else { 100 };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
    let mut text = String::new();
    for diagnostic in sorted.iter().take(MOST) {
        let shown = Shown::of(diagnostic);
        // Writing to a string cannot fail; what cannot be drawn is told plainly.
        if (Drawn { handler: &handler, shown: &shown }).write(&mut text).is_err() {
            text.push_str(&format!("{}\n", told(&diagnostic.to_string())));
        }
    }
    if sorted.len() > MOST {
        text.push_str(&format!("and {} more\n\n", sorted.len() - MOST));
    }
    let errors = sorted.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if errors > 0 {
        text.push_str(&format!("{errors} {}\n", if errors == 1 { "mistake" } else { "mistakes" }));
    }
    err(&text);
}

struct Drawn<'a> {
    handler: &'a GraphicalReportHandler,
    shown: &'a Shown<'a>,
}

impl Drawn<'_> {
    fn write(&self, text: &mut String) -> fmt::Result {
        use fmt::Write;
        struct Debugged<'a>(&'a Drawn<'a>);
        impl fmt::Debug for Debugged<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.handler.debug(self.0.shown, f)
            }
        }
        writeln!(text, "{:?}", Debugged(self))
    }
}

struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    window: Option<Window>,
}

/// The lines about what is marked.
struct Window {
    name: String,
    text: String,
    /// The number of the first line, from 0.
    line: usize,
    /// What is marked, in bytes of the text.
    start: usize,
    length: usize,
}

impl<'a> Shown<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        Self { diagnostic, window: diagnostic.span.as_ref().and_then(Window::about) }
    }
}

impl Window {
    /// `None` where lines are too long to be shown.
    fn about(span: &Span) -> Option<Self> {
        let text = &span.source.text;
        let before = text.get(..span.start)?;
        let own = before.rfind('\n').map_or(0, |end| end + 1);
        let first = before[..own.saturating_sub(1)].rfind('\n').map_or(0, |end| end + 1);
        let after = text[span.start..].match_indices('\n').nth(1).map_or(text.len(), |(end, _)| span.start + end);
        let line = text[..first].matches('\n').count();
        let shown = &text[first..after];
        if shown.lines().any(|line| line.len() > LONGEST) {
            return None;
        }
        // A whole block would drown what is wrong with it: its first line is marked.
        let marked = span.text();
        let length = marked.find('\n').unwrap_or(marked.len()).max(1);
        let name = span.source.path.display().to_string();
        Some(Self { name, text: printable(shown), line, start: span.start - first, length })
    }
}

impl SourceCode for Window {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let contents = self.text.read_span(span, before, after)?;
        Ok(Box::new(
            MietteSpanContents::new_named(
                self.name.clone(),
                contents.data(),
                *contents.span(),
                contents.line() + self.line,
                contents.column(),
                contents.line_count(),
            )
            .with_language("YAML"),
        ))
    }
}

/// What is said in a sentence: of a long one, the beginning and the end.
fn told(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return printable(text);
    }
    let start: String = text.chars().take(LONGEST / 4).collect();
    let end: String = text.chars().skip(count - LONGEST / 4).collect();
    printable(&format!("{start} … {end}"))
}

/// The text without what a terminal would obey, each character in its place.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_control() && !"\n\r\t".contains(c) { '?' } else { c }).collect()
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&told(&self.diagnostic.to_string()))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = told(&self.diagnostic.title);
        match (&self.diagnostic.span, &self.window) {
            (Some(span), None) => write!(f, "{span:?}: {title}"),
            _ => f.write_str(&title),
        }
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(told(help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.window.as_ref().map(|window| window as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let window = self.window.as_ref()?;
        let label = self.diagnostic.label.as_deref().map(told);
        let label = LabeledSpan::new(label, window.start, window.length);
        Some(Box::new(std::iter::once(label)))
    }
}

/// How reports are drawn for whoever reads standard output.
pub fn style(verbose: bool) -> Style {
    let term = console::Term::stdout();
    let width = if term.is_term() { usize::from(term.size().1) } else { 80 };
    Style { width, color: console::colors_enabled(), verbose }
}

/// What libraries say goes to standard error, if `RUST_LOG` asks for it or `verbose` does.
pub fn log_to_stderr(verbose: bool) {
    use tracing_subscriber::EnvFilter;
    let standard = if verbose { "meshproof=debug,kube_runtime=warn" } else { "off" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(standard));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
