//! The file that names several clusters.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use crate::{
    cluster::ConnectOptions,
    diagnostic::{Diagnostic, Source, Span},
    yaml::{self, Node, Value, decode},
};

/// One cluster: the context of a kubeconfig. What is left out is as it is without the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    /// Meant from the file's own folder.
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
}

/// Reads a YAML list of `{kubeconfig, context}`. Gives every mistake at once.
pub fn read_contexts(path: &Path) -> Result<Vec<ConnectOptions>, Vec<Diagnostic>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![Diagnostic::error(format!("failed to read {}: {error}", path.display()))])?;
    contexts(&Arc::new(Source { path: path.to_owned(), text }))
}

fn contexts(source: &Arc<Source>) -> Result<Vec<ConnectOptions>, Vec<Diagnostic>> {
    const HELP: &str = "write a line for each cluster: `- {kubeconfig: FILE, context: NAME}`";
    let (nodes, mut diagnostics) = yaml::parse(source);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let items = match nodes.as_slice() {
        [Node { value: Value::List(items), .. }] if !items.is_empty() => items,
        [node] if !matches!(node.value, Value::List(_)) => {
            let title = format!("a file of contexts must be a list, not {}", node.kind());
            return Err(vec![Diagnostic::error(title).at(&node.span).help(HELP)]);
        }
        [_, second, ..] => {
            let diagnostic = Diagnostic::error("a second document in a file of contexts");
            return Err(vec![diagnostic.at(&second.span).help("remove it")]);
        }
        _ => {
            let diagnostic = Diagnostic::error("a file of contexts names no cluster");
            return Err(vec![diagnostic.at(&Span::start_of(source)).help(HELP)]);
        }
    };
    let folder = source.path.parent().unwrap_or(Path::new("."));
    let (mut contexts, mut known) = (Vec::new(), HashSet::new());
    for item in items {
        let named: Named = match decode(item) {
            Ok(named) => named,
            Err(error) => {
                diagnostics.push(Diagnostic::from(error).help(HELP));
                continue;
            }
        };
        let kubeconfig = named.kubeconfig.map(|path| folder.join(path));
        if !known.insert((kubeconfig.clone(), named.context.clone())) {
            let diagnostic = Diagnostic::error("the same cluster is named twice");
            diagnostics.push(diagnostic.at(&item.span).help("remove one: a cluster takes one cell at a time"));
        }
        contexts.push(ConnectOptions { kubeconfig, context: named.context, ..ConnectOptions::default() });
    }
    if diagnostics.is_empty() { Ok(contexts) } else { Err(diagnostics) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<Vec<ConnectOptions>, Vec<String>> {
        let source = Arc::new(Source { path: "clusters/all.yaml".into(), text: text.to_owned() });
        contexts(&source).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_line_is_a_cluster() {
        let contexts = read("- {kubeconfig: a/config, context: one}\n- kubeconfig: /b\n- context: two\n").unwrap();
        let told: Vec<_> =
            contexts.iter().map(|c| (c.kubeconfig.as_deref().and_then(Path::to_str), c.context.as_deref())).collect();
        assert_eq!(told, [(Some("clusters/a/config"), Some("one")), (Some("/b"), None), (None, Some("two"))]);
    }

    #[rstest]
    #[case("{context: a}", "all.yaml:1:1: error: a file of contexts must be a list, not a map; write a line")]
    #[case("[]", "all.yaml:1:1: error: a file of contexts names no cluster; write a line")]
    #[case("", "all.yaml:1:1: error: a file of contexts names no cluster; write a line")]
    #[case(
        "- {contxt: a}",
        "all.yaml:1:3: error: unknown field `contxt`, expected `kubeconfig` or `context`; write a line"
    )]
    #[case("- {context: a}\n- {context: a}", "all.yaml:2:3: error: the same cluster is named twice; remove one")]
    fn mistakes_have_places(#[case] text: &str, #[case] message: &str) {
        let problems = read(text).unwrap_err();
        assert!(problems[0].contains(message), "{problems:?}");
    }
}
