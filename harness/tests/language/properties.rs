//! What holds of every text, whatever is in it. PROPTEST_CASES says how many texts are tried; 256 without it.

use std::{path::Path, sync::Arc};

use meshproof::{
    diagnostic::{Source, Span},
    load::load,
    plan::{Choices, RunIdentity, Sampling, plan},
    yaml::{Node, parse},
};
use proptest::prelude::*;
use serde_json::Value;

const SCENARIO: &str = "apiVersion: meshproof.dev/v1alpha1
kind: Suite
metadata: {name: shop}
variables:
  host: {type: string, default: \"{{ run.id }}\"}
  version: {type: version, default: 1.20.0}
---
apiVersion: meshproof.dev/v1alpha1
kind: Scenario
metadata: {name: shop}
cases:
  - name: one
    when: [{variable: version, range: '>=1.19'}]
    do:
      - http: {url: 'http://{{ host }}/'}
    expect:
      - html: {select: title, text: Shop}
        within: 5s
";

/// Text that looks like YAML and like the language, and breaks in the middle of it.
fn yamlish() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "apiVersion: meshproof.dev/v1alpha1",
            "kind: Scenario",
            "kind: Suite",
            "metadata:",
            "name: a",
            "cases:",
            "do:",
            "expect:",
            "- ",
            "\n",
            "\n  ",
            "\n    ",
            "{",
            "}",
            "[",
            "]",
            ": ",
            ", ",
            "&a ",
            "*a",
            "<<: ",
            "'",
            "\"",
            "{{ ",
            " }}",
            "{% x %}",
            "---\n",
            "pods:",
            "run:",
            "variables:",
            "default:",
            "null",
            "1.20",
            "~",
            "|\n",
            "\t",
            "\u{feff}",
            "é",
            "#",
            "!x ",
            "? ",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// A scenario, one of this file or any valid one, with one piece of it replaced.
fn mutated() -> impl Strategy<Value = String> {
    (prop::sample::select(scenarios()), any::<prop::sample::Index>(), 0..8usize, yamlish()).prop_map(
        |(text, start, length, piece)| {
            let characters: Vec<char> = text.chars().collect();
            let start = start.index(characters.len());
            let end = (start + length).min(characters.len());
            characters[..start]
                .iter()
                .copied()
                .chain(piece.chars().take(6))
                .chain(characters[end..].iter().copied())
                .collect()
        },
    )
}

fn scenarios() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/valid");
    let files =
        std::fs::read_dir(folder).expect("the folder of valid scenarios").map(|entry| entry.expect("a file").path());
    let texts = files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let texts = texts.map(|path| std::fs::read_to_string(path).expect("a text"));
    texts.chain([SCENARIO.to_owned()]).collect()
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        // YAML has no control characters, which JSON may have.
        "[ -~\u{a0}-\u{2000}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[ -~]{0,6}", inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Loads and plans it; every span lies in its text.
fn read(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, bytes).expect("a file");
    let (loaded, mut diagnostics) = load(&[path]);
    let run = RunIdentity { id: "check".into(), directory: "/run".into() };
    for suite in &loaded {
        let choices = Choices { matrix: Sampling::All, ..Choices::default() };
        diagnostics.extend(plan(suite, &choices, &run).1);
    }
    for span in diagnostics.iter().filter_map(|diagnostic| diagnostic.span.as_ref()) {
        assert!(span.source.text.get(span.start..span.end).is_some(), "{span:?} is not in its text");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn what_looks_like_yaml_is_read_or_refused(text in yamlish()) {
        read(text.as_bytes());
    }

    #[test]
    fn a_broken_scenario_is_read_or_refused(text in mutated()) {
        read(text.as_bytes());
    }

    #[test]
    fn a_json_value_is_the_same_as_a_tree(value in json()) {
        let source = Arc::new(Source { path: "a".into(), text: String::new() });
        prop_assert_eq!(Node::from_json(&value, &Span::start_of(&source)).to_json(), value);
    }

    #[test]
    fn json_is_read_as_the_yaml_that_it_is(value in json()) {
        let source = Arc::new(Source { path: "a".into(), text: value.to_string() });
        let (nodes, diagnostics) = parse(&source);
        prop_assert!(diagnostics.is_empty(), "{:?}: {:?}", value, diagnostics);
        prop_assert_eq!(nodes.first().map_or(Value::Null, Node::to_json), value);
    }
}
