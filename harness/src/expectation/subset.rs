//! Whether one JSON tree holds another.

use serde_json::Value;

use crate::brief::brief;

/// Where `seen` does not hold `wanted`: path, what is wanted and what is there. A map holds another if it has all its keys;
/// a list holds another if it has as many items and each holds the one at its place; anything else must be equal, except
/// that a whole number may be written as a string and the reverse, as Kubernetes' ports are.
pub fn differences(wanted: &Value, seen: Option<&Value>) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", wanted, seen, &mut differences);
    differences
}

/// One place where two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Like `spec.ports[0].port`.
    pub path: String,
    pub wanted: String,
    pub seen: String,
}

fn compare(path: &str, wanted: &Value, seen: Option<&Value>, differences: &mut Vec<Difference>) {
    match (wanted, seen) {
        (Value::Object(wanted), Some(Value::Object(seen))) => {
            for (key, value) in wanted {
                let separator = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{separator}{key}"), value, seen.get(key), differences);
            }
        }
        (Value::Array(wanted), Some(Value::Array(seen))) if wanted.len() == seen.len() => {
            for (index, value) in wanted.iter().enumerate() {
                compare(&format!("{path}[{index}]"), value, seen.get(index), differences);
            }
        }
        (Value::Null, None) => {}
        (wanted, Some(seen)) if equal(wanted, seen) => {}
        (wanted, seen) => differences.push(Difference {
            path: path.to_owned(),
            wanted: short(wanted),
            seen: seen.map_or_else(|| "nothing".to_owned(), short),
        }),
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            number.is_i64() && number.to_string() == *text
        }
        _ => a == b,
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => brief(text),
        other => brief(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"a": 1}), json!({"a": 1, "b": 2}))]
    #[case(json!({"a": {"b": [1, {"c": 2}]}}), json!({"a": {"b": [1, {"c": 2, "d": 3}]}}))]
    #[case(json!({"port": "80"}), json!({"port": 80}))]
    #[case(json!({"gone": null}), json!({}))]
    fn a_tree_holds_its_parts(#[case] wanted: Value, #[case] seen: Value) {
        assert_eq!(differences(&wanted, Some(&seen)), []);
    }

    #[rstest]
    #[case(json!({"a": 1}), json!({"a": 2}), "a", "2")]
    #[case(json!({"a": {"b": 1}}), json!({"a": {}}), "a.b", "nothing")]
    #[case(json!({"a": [1]}), json!({"a": [1, 2]}), "a", "[1,2]")]
    #[case(json!({"a": [{"b": true}]}), json!({"a": [{"b": "true"}]}), "a[0].b", "true")]
    fn what_differs_is_named(#[case] wanted: Value, #[case] seen: Value, #[case] path: &str, #[case] there: &str) {
        let differences = differences(&wanted, Some(&seen));
        assert_eq!((differences[0].path.as_str(), differences[0].seen.as_str()), (path, there));
    }
}
