//! The suite's sources of images that apply, filled as far as they can be.

use super::checks::{Reading, conditional};
use crate::{
    diagnostic::Diagnostic,
    language::{Source, SourceNode, StepError, check_shape, names_in},
    yaml::Node,
};

/// Fills and reads the sources; expressions over captures are not filled yet.
pub fn sources(nodes: &[SourceNode], reading: &Reading<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Node> {
    let mut filled = Vec::new();
    for SourceNode(node) in nodes {
        let (applies, rest) = conditional(node, reading, diagnostics);
        let (ready, problems) = reading.filler.prepare(&rest);
        let whole = problems.is_empty() && names_in(&ready).is_empty();
        diagnostics.extend(problems);
        if whole
            && check_shape(node, SourceNode::schema()).is_empty()
            && let Err(StepError(problems)) = Source::read(&ready)
        {
            diagnostics.extend(problems);
        }
        if applies.skip.is_none() {
            filled.push(ready);
        }
    }
    filled
}

/// The names under which the sources' artifacts are found.
pub fn names(nodes: &[SourceNode]) -> impl Iterator<Item = String> + '_ {
    nodes.iter().filter_map(|SourceNode(node)| Some(node.get("pull")?.get("as")?.as_str()?.to_owned()))
}
