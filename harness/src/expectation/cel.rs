//! Expressions over objects and outputs.

use std::collections::HashMap;

use kube::core::cel::{
    KubeCelExt,
    cel::{Context, Value},
};
use serde_json::Value as Json;

use crate::language::formats::Cel;

/// Why an expression has no value.
#[derive(Debug, thiserror::Error)]
#[error("`{expression}` cannot be evaluated: {reason}")]
pub struct CelError {
    pub expression: String,
    pub reason: String,
}

/// The value of `expression` where each of `variables` has its value, as JSON. A field that is not there is an error, as in
/// Kubernetes; `has(object.a.b)` and `object.?a` ask first.
pub fn evaluate(expression: &Cel, variables: &[(&str, &Json)]) -> Result<Json, CelError> {
    let failed = |reason: String| CelError { expression: expression.text.clone(), reason };
    let mut context = Context::default().with_all();
    for (name, value) in variables {
        context.add_variable_from_value(*name, to_cel(value));
    }
    let value: Value = expression.program.execute(&context).map_err(|error| failed(error.to_string()))?;
    value.json().map_err(|error| failed(error.to_string()))
}

/// Whole numbers are integers, as Kubernetes makes them: read as unsigned, `1` would not equal the literal `1`.
fn to_cel(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(to_cel).collect::<Vec<_>>()),
        Json::Object(entries) => {
            Value::from(entries.iter().map(|(key, value)| (key.clone(), to_cel(value))).collect::<HashMap<_, _>>())
        }
    }
}

/// The variables that `expression` refers to.
pub fn variables(expression: &Cel) -> Vec<String> {
    expression.program.references().variables().into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("object.status.replicas == 1", json!(true))]
    #[case("object.spec.ports.filter(p, p.name == 'http2')[0].port", json!(80))]
    #[case("object.spec.ports.all(p, p.port > 10)", json!(true))]
    #[case("has(object.status.gone)", json!(false))]
    #[case("quantity('1Gi').isGreaterThan(quantity('1Mi'))", json!(true))]
    fn expressions_have_values(#[case] text: &str, #[case] expected: Json) {
        let object = json!({"status": {"replicas": 1}, "spec": {"ports": [{"name": "http2", "port": 80}]}});
        assert_eq!(evaluate(&text.parse().unwrap(), &[("object", &object)]).unwrap(), expected);
    }

    #[test]
    fn a_field_that_is_not_there_is_an_error() {
        let error = evaluate(&"object.gone.far == 1".parse().unwrap(), &[("object", &json!({}))]).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
