//! What every command begins with that is about a plan.

use meshproof_reports::ERRORED;

use super::{
    args::{Choosing, ClusterArgs},
    run::{Prepared, prepare},
    show,
};

/// Prepares the plan and shows what is wrong with it, or worth a warning; also of flags that mean nothing to the cluster, where the
/// command goes to one. `Err` is the exit code.
pub(super) fn begin(choosing: &Choosing, cluster: Option<&ClusterArgs>) -> Result<Prepared, u8> {
    let refused = |diagnostics: &[_]| {
        show::diagnostics(diagnostics);
        ERRORED
    };
    let prepared = prepare(choosing).map_err(|diagnostics| refused(&diagnostics))?;
    show::diagnostics(&prepared.warnings);
    match cluster.and_then(ClusterArgs::contradiction) {
        Some(contradiction) => Err(refused(&[contradiction])),
        None => Ok(prepared),
    }
}
