//! The cells of a matrix on a terminal: one axis across, the others down.

use indexmap::{IndexMap, IndexSet};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    facts::plain,
    record::{CellRecord, Report, Verdict},
    style::Style,
    text::one_line,
};

/// The axis that goes across where it has several values: a person looks for a version of the cluster.
const ACROSS: &str = "kubernetes";
/// Columns between two columns.
const GAP: usize = 2;

/// The grid, line by line; nothing where there is but one cell. Where it is too wide for the terminal: a line for each cell.
pub(crate) fn grid(report: &Report, style: Style) -> Vec<String> {
    if report.cells.len() < 2 {
        return Vec::new();
    }
    Table::of(report).and_then(|table| table.lines(style)).unwrap_or_else(|| {
        let line = |cell: &CellRecord| {
            let (verdict, text) = square(cell);
            format!("{}  {}", style.paint(verdict, &format!("{text:<12}")), one_line(&cell.name))
        };
        report.cells.iter().map(line).collect()
    })
}

/// The worst of a cell, and how many cases have it.
pub(crate) fn square(cell: &CellRecord) -> (Option<Verdict>, String) {
    let counts = cell.summary;
    let worst = [
        (counts.failed, Some(Verdict::Failed)),
        (counts.flaky, Some(Verdict::Flaky)),
        (counts.errored, Some(Verdict::Errored)),
        (counts.blocked, Some(Verdict::Blocked)),
        (counts.pending, None),
        (counts.passed, Some(Verdict::Passed)),
        (counts.known_fail, Some(Verdict::KnownFail)),
    ];
    match worst.into_iter().find(|(count, _)| *count > 0) {
        Some((count, verdict)) => (verdict, format!("{count} {}", crate::style::word(verdict))),
        None if counts.not_run > 0 => (Some(Verdict::NotRun), "not run".to_owned()),
        None => (Some(Verdict::Skipped), "skipped".to_owned()),
    }
}

/// The cells as a table.
pub(crate) struct Table<'a> {
    /// The axis across.
    pub axis: &'a str,
    pub columns: Vec<String>,
    /// By what stands before each row: the values of the other axes that differ.
    pub rows: IndexMap<String, Vec<Option<&'a CellRecord>>>,
}

impl<'a> Table<'a> {
    /// `None` where the cells do not fit into one.
    pub(crate) fn of(report: &'a Report) -> Option<Self> {
        let mut values: IndexMap<&str, IndexSet<String>> = IndexMap::new();
        for (axis, value) in report.cells.iter().flat_map(|cell| &cell.values) {
            values.entry(axis).or_default().insert(plain(value));
        }
        let several = |axis: &&str| values[axis].len() > 1;
        // Of the others the last that differs: it changes from one cell to the next.
        let axis = values.keys().copied().filter(several).max_by_key(|axis| *axis == ACROSS)?;
        let columns: Vec<String> = values[axis].iter().cloned().collect();
        let mut rows: IndexMap<String, Vec<Option<&CellRecord>>> = IndexMap::new();
        for cell in &report.cells {
            let others = cell.values.iter().filter(|(name, _)| *name != axis && several(&name.as_str()));
            let row = others.map(|(_, value)| plain(value)).collect::<Vec<_>>().join(" ");
            let column = columns.iter().position(|known| cell.values.get(axis).map(plain).as_ref() == Some(known))?;
            let squares = rows.entry(row).or_insert_with(|| vec![None; columns.len()]);
            if squares[column].replace(cell).is_some() {
                return None;
            }
        }
        Some(Self { axis, columns, rows })
    }

    /// `None` where it is too wide.
    fn lines(&self, style: Style) -> Option<Vec<String>> {
        let head = self.rows.keys().map(|row| row.width()).chain([self.axis.width()]).max()?;
        let text = |cell: Option<&CellRecord>| cell.map_or((None, String::new()), square);
        let width_of = |(n, column): (usize, &String)| {
            let squares = self.rows.values().map(|squares| text(squares[n]).1.width());
            squares.chain([column.width()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = self.columns.iter().enumerate().map(width_of).collect();
        if head + widths.iter().map(|width| width + GAP).sum::<usize>() > style.columns(0) {
            return None;
        }
        let line = |first: &str, squares: Vec<String>| {
            let squares = squares.iter().map(|square| format!("{}{square}", " ".repeat(GAP)));
            format!("{}{}", padded(first, head), squares.collect::<String>()).trim_end().to_owned()
        };
        let titles = self.columns.iter().zip(&widths).map(|(column, width)| padded(column, *width));
        let mut lines = vec![line(self.axis, titles.collect())];
        for (row, squares) in &self.rows {
            let painted = squares.iter().zip(&widths).map(|(cell, width)| {
                let (verdict, text) = text(*cell);
                style.paint(verdict, &padded(&text, *width))
            });
            lines.push(line(row, painted.collect()));
        }
        Some(lines)
    }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples;

    /// A cell for each two of the values, in which one case has the verdict.
    fn report(axes: [(&str, &[&str]); 2], verdicts: &[Option<Verdict>]) -> Report {
        let mut report = samples::empty();
        let pairs = axes[0].1.iter().flat_map(|a| axes[1].1.iter().map(move |b| (*a, *b)));
        for ((a, b), verdict) in pairs.zip(verdicts) {
            let name = format!("{}={a},{}={b}", axes[0].0, axes[1].0);
            let values = IndexMap::from([(axes[0].0.to_owned(), json!(a)), (axes[1].0.to_owned(), json!(b))]);
            report.cases.push(crate::CaseRecord { cell: name.clone(), ..samples::case("a/b", *verdict) });
            report.cells.push(CellRecord { name, values, ..CellRecord::default() });
        }
        report.refresh();
        report
    }

    #[test]
    fn versions_of_the_cluster_go_across() {
        use Verdict::{Errored, Failed, NotRun, Passed, Skipped};
        let verdicts = [Some(Passed), Some(Failed), Some(NotRun), Some(Errored), None, Some(Skipped)];
        let report = report([("kubernetes", &["1.27", "1.28", "1.29"]), ("版", &["旧", "新しい"])], &verdicts);
        insta::with_settings!({snapshot_path => "../tests/golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("grid.80.txt", grid(&report, Style::default()).join("\n"));
            insta::assert_snapshot!("grid.40.txt", grid(&report, Style { width: 40, ..Style::default() }).join("\n"));
        });
    }

    #[test]
    fn one_cell_has_no_grid() {
        assert_eq!(grid(&samples::mixed(), Style::default()), [""; 0]);
    }
}
