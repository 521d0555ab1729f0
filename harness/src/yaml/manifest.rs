//! Kubernetes manifests to JSON.

use serde_json::Value;
use serde_saphyr::{Budget, Options};

/// Why a manifest could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// With the library's own words, which name line and column.
    #[error("not valid YAML: {0}")]
    Syntax(String),
    /// The document, counted from 1, and what it lacks.
    #[error("document {document} has no `{field}`")]
    Incomplete { document: usize, field: &'static str },
}

/// The objects of a multi-document manifest in the file's order; a `List` is opened, empty documents are left out.
pub fn manifests(text: &str) -> Result<Vec<Value>, ManifestError> {
    let documents = serde_saphyr::from_str_multiple_with_options::<Value, Vec<_>>(text, options())
        .map_err(|error| ManifestError::Syntax(error.without_snippet().to_string()))?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        flatten(document, index + 1, &mut objects)?;
    }
    Ok(objects)
}

fn flatten(document: Value, number: usize, objects: &mut Vec<Value>) -> Result<(), ManifestError> {
    if document.is_null() {
        return Ok(());
    }
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).filter(|value| !value.is_empty());
    let Some(kind) = text("/kind") else {
        return Err(ManifestError::Incomplete { document: number, field: "kind" });
    };
    if text("/apiVersion").is_none() {
        return Err(ManifestError::Incomplete { document: number, field: "apiVersion" });
    }
    if kind.ends_with("List") && document.get("items").is_some_and(Value::is_array) {
        let items = document["items"].as_array().cloned().unwrap_or_default();
        return items.into_iter().try_for_each(|item| flatten(item, number, objects));
    }
    if text("/metadata/name").is_none() && text("/metadata/generateName").is_none() {
        return Err(ManifestError::Incomplete { document: number, field: "metadata.name" });
    }
    objects.push(document);
    Ok(())
}

/// Manifests are as large as their authors made them (Istio's CRDs are half a megabyte), and written for Go's YAML, which
/// reads `0644` as octal.
fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_nodes = 5_000_000;
    budget.max_events = 20_000_000;
    budget.max_total_scalar_bytes = 256 << 20;
    budget.max_documents = 100_000;
    let mut options = Options::default();
    options.budget = Some(budget);
    // Hardly any manifest has aliases; those that multiply are a trap.
    options.alias_limits.max_total_replayed_events = 100_000;
    options.legacy_octal_numbers = true;
    options.emit_comments = false;
    options.with_snippet = false;
    options
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_opened_and_empty_documents_are_left_out() {
        let text = "---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n---\n# nothing\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n";
        let names: Vec<_> = manifests(text).unwrap().iter().map(|object| object["metadata"]["name"].clone()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn file_modes_are_octal_as_in_go() {
        let objects = manifests("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nmode: 0644\n").unwrap();
        assert_eq!(objects[0]["mode"], 0o644);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = manifests("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\nkind: Pod\n").unwrap_err();
        assert_eq!(error.to_string(), "document 2 has no `apiVersion`");
    }

    #[test]
    fn aliases_that_multiply_are_refused_before_they_fill_the_memory() {
        let mut text =
            String::from("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let ten = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{ten}]\n"));
        }
        assert!(matches!(manifests(&text), Err(ManifestError::Syntax(_))));
    }

    /// Text that looks like manifests, and breaks in the middle of it.
    fn text() -> impl Strategy<Value = String> {
        let words = [
            "apiVersion: v1\n",
            "kind: Pod\n",
            "kind: List\n",
            "kind: PodList\n",
            "metadata: {name: a}\n",
            "metadata:\n",
            "  name: ",
            "items:\n",
            "items: []\n",
            "- ",
            "---\n",
            "...\n",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<: ",
            "!!binary ",
            "0644\n",
            "|\n",
            "~",
            "\t",
            "%YAML 1.2\n",
            "# c\n",
            ": ",
            "\n",
            "\u{feff}",
            "\0",
        ];
        let word = prop_oneof![9 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,3}"];
        prop::collection::vec(word, 0..30).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn what_is_read_are_objects(text in text()) {
            for object in manifests(&text).into_iter().flatten() {
                prop_assert!(object["apiVersion"].is_string() && object["kind"].is_string(), "{}", object);
                prop_assert!(object["metadata"]["name"].is_string() || object["metadata"]["generateName"].is_string(), "{}", object);
            }
        }

        /// Of any text, and in lists in lists: it comes back as it was written.
        #[test]
        fn what_was_written_is_read(value in "[ -~\u{a0}-\u{2000}]{0,12}", names in prop::collection::vec("[a-z]{1,4}", 1..6), lists in 0..20_usize) {
            let objects: Vec<Value> = names
                .iter()
                .map(|name| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}}))
                .collect();
            let wrapped = (0..lists).fold(json!(objects), |items, _| json!([{"apiVersion": "v1", "kind": "List", "items": items}]));
            let documents: Vec<String> =
                wrapped.as_array().into_iter().flatten().map(|document| serde_saphyr::to_string(document).unwrap()).collect();
            prop_assert_eq!(manifests(&documents.join("\n---\n")).unwrap(), objects);
        }
    }
}
