//! The JSON Schema of the language, drawn from the types that read it.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::document::{Scenario, Suite};

/// The schema of a document of the kind named.
pub fn document_schema(kind: &str) -> Option<&'static Value> {
    static SCHEMAS: std::sync::OnceLock<[Value; 2]> = std::sync::OnceLock::new();
    let [suite, scenario] = SCHEMAS.get_or_init(|| [root_of::<Suite>(), root_of::<Scenario>()]);
    match kind {
        "Suite" => Some(suite),
        "Scenario" => Some(scenario),
        _ => None,
    }
}

/// The schema that editors use: one for both kinds of document, in which an expression may stand for any value.
pub fn published_schema() -> Value {
    let mut definitions = Map::new();
    let mut kinds = Vec::new();
    for kind in ["Suite", "Scenario"] {
        let mut schema = document_schema(kind).cloned().unwrap_or_default();
        if let Some(Value::Object(own)) = schema.as_object_mut().and_then(|schema| schema.remove("$defs")) {
            definitions.extend(own);
        }
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
        }
        schema["properties"]["apiVersion"] = json!({"const": super::API_VERSION});
        schema["properties"]["kind"] = json!({"const": kind});
        definitions.insert(kind.to_owned(), schema);
        kinds.push(json!({"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": format!("#/$defs/{kind}")}}));
    }
    definitions.insert(
        "Expression".to_owned(),
        json!({"type": "string", "pattern": r"\{\{.*\}\}", "description": "An expression, filled before the run."}),
    );
    // Elsewhere than in steps, values of a fixed type are read before variables have theirs.
    let in_steps = reachable(
        &definitions,
        &["ActionStep", "CollectStep", "ExpectationStep", "ImageSource", "PreflightCheck", "Touch"],
    );
    for (name, definition) in &mut definitions {
        if in_steps.contains(name) {
            allow_expressions(definition);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Meshproof suite and scenario",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"const": super::API_VERSION}, "kind": {"enum": ["Suite", "Scenario"]}},
        "allOf": kinds,
        "$defs": definitions,
    })
}

/// The definitions that those named refer to, directly or not, and they themselves.
fn reachable(definitions: &Map<String, Value>, names: &[&str]) -> BTreeSet<String> {
    let mut open: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(definition) = definitions.get(&name)
            && found.insert(name)
        {
            references(definition, &mut open);
        }
    }
    found
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            found.extend(name.map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// The schema of one type with its definitions beside it.
pub(super) fn root_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().into()
}

/// A step's schema: a map with exactly one of the verbs, and beside it any of the options. `kind` is what a person calls it.
pub(super) fn step_schema<Verbs: JsonSchema, Options: JsonSchema>(
    generator: &mut SchemaGenerator,
    kind: &str,
) -> Schema {
    let mut properties = Map::new();
    let mut one_of = Vec::new();
    let verbs: Value = Verbs::json_schema(generator).into();
    for variant in verbs["oneOf"].as_array().into_iter().flatten() {
        for (verb, schema) in variant["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            if let (Some(object), Some(text)) = (schema.as_object_mut(), variant.get("description")) {
                object.insert("description".to_owned(), text.clone());
            }
            properties.insert(verb.clone(), schema);
            one_of.push(json!({"required": [verb]}));
        }
    }
    let options: Value = Options::json_schema(generator).into();
    for (name, schema) in options["properties"].as_object().into_iter().flatten() {
        properties.insert(name.clone(), schema.clone());
    }
    let schema = json!({"title": kind, "type": "object", "properties": properties, "additionalProperties": false,
        "oneOf": one_of});
    Schema::try_from(schema).unwrap_or_default()
}

/// Lets an expression stand wherever a value that is no map stands.
fn allow_expressions(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for key in ["properties", "$defs"] {
        if let Some(Value::Object(members)) = object.get_mut(key) {
            members.values_mut().for_each(allow_expressions);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(member) = object.get_mut(key) {
            allow_expressions(member);
        }
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(members)) = object.get_mut(key) {
            members.iter_mut().for_each(allow_expressions);
        }
    }
    let kinds: Vec<&str> = match object.get("type") {
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let needs = kinds.iter().any(|kind| ["integer", "number", "boolean", "array"].contains(kind))
        || object.contains_key("enum");
    if needs {
        let original = schema.take();
        *schema = json!({"anyOf": [original, {"$ref": "#/$defs/Expression"}]});
    }
}
