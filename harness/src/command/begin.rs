//! What every command begins with that is about a plan.

use meshproof_reports::ERRORED;

use super::{
    args::Choosing,
    run::{Prepared, prepare},
    show,
};
use crate::diagnostic::Diagnostic;

/// Prepares the plan and shows what is wrong with it, or worth a warning, and what `contradiction` there is among the other flags.
/// `Err` is the exit code.
pub(super) fn begin(choosing: &Choosing, contradiction: Option<Diagnostic>) -> Result<Prepared, u8> {
    let refused = |diagnostics: &[_]| {
        show::diagnostics(diagnostics);
        ERRORED
    };
    let prepared = prepare(choosing).map_err(|diagnostics| refused(&diagnostics))?;
    show::diagnostics(&prepared.warnings);
    match contradiction {
        Some(contradiction) => Err(refused(&[contradiction])),
        None => Ok(prepared),
    }
}
