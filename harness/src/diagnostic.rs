//! What is wrong with a suite: a title, a place in a file and a way out.

use std::{fmt, path::PathBuf, sync::Arc};

/// A file of a suite, with its text, so that a diagnostic can show the lines that it is about.
#[derive(Debug)]
pub struct Source {
    /// As the user named it, or found beneath what they named.
    pub path: PathBuf,
    pub text: String,
}

/// A range of bytes in a [`Source`]; line and column count from 1, the column in characters.
#[derive(Clone)]
pub struct Span {
    pub source: Arc<Source>,
    pub start: usize,
    pub end: usize,
    pub line: usize,
    pub column: usize,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing can be run.
    Error,
    /// Worth knowing; does not change the exit code.
    Warning,
}

/// One mistake.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A lower-case fragment: `unknown field `selectr``.
    pub title: String,
    /// `None` only for what has no place in a file: a path that does not exist, a flag of the command.
    pub span: Option<Span>,
    /// What stands beside the marked text.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(title: impl Into<String>) -> Self {
        Self { severity: Severity::Error, title: title.into(), span: None, label: None, help: None }
    }

    pub fn warning(title: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(title) }
    }

    #[must_use]
    pub fn at(mut self, span: &Span) -> Self {
        self.span = Some(span.clone());
        self
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a hint that names the known word most like `word`, or what there is where none is like it.
    #[must_use]
    pub fn did_you_mean<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match closest(word, &known) {
            Some(best) => self.help(format!("did you mean `{best}`?")),
            None if known.is_empty() => self,
            None if known.len() == 1 => self.help(format!("there is only `{}`", known[0])),
            None => {
                let more = if known.len() > 12 { ", …" } else { "" };
                self.help(format!("there are {}{more}", known[..known.len().min(12)].join(", ")))
            }
        }
    }
}

/// The error and what it comes from, without saying anything twice.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Whether nothing among `diagnostics` forbids a run.
pub fn all_warnings(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning)
}

/// The known word that `word` was most likely meant to be.
pub fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    // In a short word one slip is much of it, and a swap of two letters is one slip.
    let slips = word.chars().count() / 3;
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let slipped = !word.is_empty() && strsim::damerau_levenshtein(&word, &candidate) <= slips;
        let score = strsim::jaro_winkler(&word, &candidate);
        (slipped || score > 0.8).then_some(if slipped { 1.0 + score } else { score })
    };
    known
        .iter()
        .filter_map(|candidate| Some((likeness(candidate)?, *candidate)))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The diagnostics without those that say the same of the same place: a mistake may be seen once for each cell and case that it
/// concerns.
pub fn deduplicate(diagnostics: &mut Vec<Diagnostic>) {
    let mut seen = std::collections::HashSet::new();
    diagnostics.retain(|diagnostic| seen.insert(diagnostic.to_string()));
}

impl Span {
    /// `file:line:column`, as editors understand it.
    pub fn place(&self) -> meshproof_reports::Place {
        meshproof_reports::Place { file: self.source.path.display().to_string(), line: self.line, column: self.column }
    }

    /// The text that it marks.
    pub fn text(&self) -> &str {
        self.source.text.get(self.start..self.end).unwrap_or_default()
    }

    /// The first byte of `source`.
    pub fn start_of(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), start: 0, end: 0, line: 1, column: 1 }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.path.display(), self.line, self.column)
    }
}

impl fmt::Display for Diagnostic {
    /// The plain form, on one line: for logs and for tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{span:?}: ")?;
        }
        f.write_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        f.write_str(&self.title)?;
        if let Some(label) = &self.label {
            write!(f, " ({label})")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}
