//! The published schema, read as an editor's language server reads it.

use std::{path::PathBuf, sync::Arc};

use meshproof::{
    diagnostic::Source,
    language::published_schema,
    yaml::{Node, parse},
};
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::{committed, meshproof, repository};

#[test]
fn the_committed_schema_is_current() {
    let printed = meshproof(&["schema"]);
    assert_eq!(printed.status.code(), Some(0));
    let path = repository().join("schema/meshproof.schema.json");
    committed(&path, &String::from_utf8_lossy(&printed.stdout)).unwrap_or_else(|problem| panic!("{problem}"));
}

#[rstest]
#[case::fixtures("fixtures/valid", 6)]
#[case::signatures("fixtures/signatures/valid", 1)]
#[case::the_guide("scenarios", 6)]
fn what_is_valid_fits_the_schema(#[case] folder: &str, #[case] least: usize) {
    let schema = published_schema();
    let mut seen = 0;
    for path in yaml_files(repository().join(folder)) {
        for document in documents(&path) {
            let problems = problems(&document, &schema, &schema, "");
            assert!(problems.is_empty(), "{}: {}", path.display(), problems.join("\n"));
            seen += 1;
        }
    }
    assert!(seen >= least, "{folder} holds {seen} documents");
}

#[rstest]
#[case::unknown_field("unknown-field")]
#[case::unknown_action("unknown-action")]
#[case::several_verbs("several-verbs")]
#[case::no_verb("no-verb")]
#[case::wrong_type("map-not-list")]
#[case::an_expression_in_a_list_outside_steps("string-not-list")]
#[case::negative("negative-count")]
#[case::unknown_word("unknown-word")]
#[case::missing_field("missing-field")]
#[case::no_cases("empty-cases")]
#[case::wrong_version("wrong-api-version")]
#[case::unknown_kind("unknown-kind")]
fn what_is_not_valid_does_not_fit(#[case] name: &str) {
    let schema = published_schema();
    let documents = documents(&repository().join(format!("fixtures/invalid/{name}.yaml")));
    assert!(documents.iter().any(|document| !problems(document, &schema, &schema, "").is_empty()));
}

#[rstest]
#[case::integer("pods", json!({"selector": "app=shop", "count": "{{ replicas }}"}), true)]
#[case::list("inventory", json!({"of": {"kind": "Pod"}, "names": "{{ names }}"}), true)]
#[case::boolean("deployments", json!({"names": ["a"], "only": "{{ only }}"}), true)]
#[case::text_for_an_integer("pods", json!({"selector": "app=shop", "count": "six"}), false)]
#[case::text_for_a_list("inventory", json!({"of": {"kind": "Pod"}, "names": "names"}), false)]
fn in_a_step_an_expression_stands_for_any_value(#[case] verb: &str, #[case] value: Value, #[case] expected: bool) {
    let schema = published_schema();
    let document = json!({"apiVersion": "meshproof.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "shop"},
        "cases": [{"name": "one", "expect": [{verb: value, "within": "{{ startup }}"}]}]});
    let problems = problems(&document, &schema, &schema, "");
    assert_eq!(problems.is_empty(), expected, "{problems:?}");
}

fn yaml_files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").filter_map(|entry| Some(entry.ok()?.path()));
    let mut files = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "manifests" {
            files.extend(yaml_files(path));
        } else if !name.starts_with('.')
            && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            files.push(path);
        }
    }
    files
}

fn documents(path: &PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the file is there");
    let source = Arc::new(Source { path: path.clone(), text });
    parse(&source).0.iter().map(Node::to_json).collect()
}

/// What of JSON Schema the published one uses. A keyword that is not known here fails the test that meets it.
fn problems(value: &Value, schema: &Value, root: &Value, path: &str) -> Vec<String> {
    let Some(schema) = schema.as_object() else {
        return if *schema == Value::Bool(false) { vec![format!("{path} may not be")] } else { Vec::new() };
    };
    schema
        .iter()
        .flat_map(|(keyword, argument)| keyword_problems(value, keyword, argument, schema, root, path))
        .collect()
}

fn keyword_problems(
    value: &Value,
    keyword: &str,
    argument: &Value,
    schema: &Map<String, Value>,
    root: &Value,
    path: &str,
) -> Vec<String> {
    let fits = |schema: &Value| problems(value, schema, root, path).is_empty();
    let wrong = |holds: bool| if holds { Vec::new() } else { vec![format!("{path} = {value}: {keyword} {argument}")] };
    let all = || argument.as_array().into_iter().flatten();
    match keyword {
        "$ref" => {
            let pointer = argument.as_str().and_then(|text| text.strip_prefix('#')).expect("a local reference");
            problems(value, root.pointer(pointer).expect("a definition"), root, path)
        }
        "type" => {
            let is = |kind: &str| match kind {
                "null" => value.is_null(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                "string" => value.is_string(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("no type {other}"),
            };
            wrong(argument.as_str().map_or_else(|| all().filter_map(Value::as_str).any(is), is))
        }
        "const" => wrong(value == argument),
        "enum" => wrong(all().any(|one| one == value)),
        "anyOf" => wrong(all().any(fits)),
        "oneOf" => wrong(all().filter(|one| fits(one)).count() == 1),
        "allOf" => all().flat_map(|one| problems(value, one, root, path)).collect(),
        "if" => match schema.get("then") {
            Some(then) if fits(argument) => problems(value, then, root, path),
            _ => Vec::new(),
        },
        "required" => match value.as_object() {
            Some(object) => wrong(all().filter_map(Value::as_str).all(|key| object.contains_key(key))),
            None => Vec::new(),
        },
        "properties" => {
            let known = argument.as_object().into_iter().flatten();
            known
                .filter_map(|(key, schema)| Some(problems(value.get(key)?, schema, root, &format!("{path}/{key}"))))
                .flatten()
                .collect()
        }
        "additionalProperties" => {
            let known = schema.get("properties");
            let others =
                value.as_object().into_iter().flatten().filter(|(key, _)| known.is_none_or(|k| k.get(key).is_none()));
            others.flat_map(|(key, value)| problems(value, argument, root, &format!("{path}/{key}"))).collect()
        }
        "items" => {
            let items = value.as_array().into_iter().flatten();
            items.flat_map(|item| problems(item, argument, root, &format!("{path}/-"))).collect()
        }
        "minItems" => wrong(value.as_array().is_none_or(|items| items.len() as u64 >= argument.as_u64().unwrap_or(0))),
        "minimum" => wrong(value.as_f64().is_none_or(|number| number >= argument.as_f64().unwrap_or(f64::MIN))),
        "maximum" => wrong(value.as_f64().is_none_or(|number| number <= argument.as_f64().unwrap_or(f64::MAX))),
        "pattern" => {
            let pattern = regex::Regex::new(argument.as_str().unwrap_or_default()).expect("a regular expression");
            wrong(value.as_str().is_none_or(|text| pattern.is_match(text)))
        }
        "then" | "$defs" | "$schema" | "title" | "description" | "default" | "examples" | "format"
        | "propertyNames" => Vec::new(),
        other => panic!("{path}: {other} is not known here"),
    }
}
