//! `meshproof check`: every mistake in every file.

use std::path::PathBuf;

use meshproof_reports::{ERRORED, PASSED};

use super::show::{self, out};
use crate::{
    diagnostic::{Diagnostic, all_warnings},
    load::load,
    plan::{Choices, RunIdentity, Sampling, plan},
};

/// Checks what `paths` hold: as it is written, and as it is with the variables' own values, in every cell of the matrix.
pub fn check(paths: &[PathBuf], quiet: bool) -> u8 {
    let (loaded, mut diagnostics) = load(paths);
    let run = RunIdentity { id: "check".to_owned(), directory: PathBuf::from("/run-directory") };
    let (mut scenarios, mut cases) = (0, 0);
    for suite in &loaded {
        for matrix in [Sampling::Variables, Sampling::All] {
            let choices = Choices { matrix: matrix.clone(), ..Choices::default() };
            let (plan, problems) = plan(suite, &choices, &run);
            diagnostics.extend(problems.into_iter().filter(|problem| !is_choice(problem)));
            if matrix == Sampling::Variables {
                scenarios += suite.scenarios.len();
                cases += plan.cases.len();
            }
        }
    }
    show::diagnostics(&diagnostics);
    if !all_warnings(&diagnostics) {
        return ERRORED;
    }
    if !quiet {
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        out(&format!("{}, {}: no mistakes\n", counted(scenarios, "scenario"), counted(cases, "case")));
    }
    PASSED
}

/// A variable without a value is not a mistake of the suite: whoever runs it gives it one.
fn is_choice(diagnostic: &Diagnostic) -> bool {
    diagnostic.title.starts_with("variable `") && diagnostic.title.ends_with("has no value")
}
