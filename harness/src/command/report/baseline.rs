//! `meshproof report baseline`: what a run proved, for a repository.

use meshproof_reports::Baseline;

use super::{args::BaselineArgs, give, read};

/// Writes it; the known failures of the file that is there are kept, for a person wrote them.
pub fn baseline(args: &BaselineArgs) -> Result<u8, String> {
    let mut baseline = Baseline::of(&read(&args.folder)?);
    if let Some(path) = args.output.as_ref().filter(|path| path.exists()) {
        let text = std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))?;
        let known = Baseline::from_yaml(&text).map_err(|error| format!("replace {}: {error}", path.display()))?;
        baseline.known_failures = known.known_failures;
    }
    give(args.output.as_ref(), &baseline.to_yaml().map_err(|error| error.to_string())?)
}
