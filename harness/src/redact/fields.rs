//! Secrets in objects, by the field in which they stand.

use base64::{Engine, engine::general_purpose::STANDARD};
use meshproof_reports::Redaction;
use serde_json::Value;

/// Keys of Secrets that hold nothing secret.
const PUBLIC: &[&str] =
    &["ca.crt", "tls.crt", "namespace", "service-ca.crt", "root-cert.pem", "ca-cert.pem", "cert-chain.pem"];
/// Ends of names of fields and variables that hold a credential, in lower case, without `-`, `_` and `.`.
const CREDENTIALS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "clientkeydata",
    "credential",
    "credentials",
    "dockerconfigjson",
    "dockercfg",
    "authorization",
    "cookie",
];

/// Leaves secrets out of an object: the data of Secrets, the values of environment variables, annotations that hold a whole object,
/// and fields called like credentials.
pub fn redact(object: &mut Value) {
    match object {
        Value::Object(fields) => {
            if fields.get("kind").is_some_and(|kind| kind == "Secret") {
                for name in ["data", "stringData"] {
                    if let Some(data) = fields.get_mut(name) {
                        redact_all(data, Redaction::SecretData);
                    }
                }
            }
            for (name, value) in fields.iter_mut() {
                match (name.as_str(), value) {
                    ("env", Value::Array(variables)) => variables.iter_mut().for_each(variable),
                    ("annotations", Value::Object(annotations)) => annotations.values_mut().for_each(annotation),
                    (name, Value::String(text)) if is_credential(name) => {
                        text.replace_range(.., Redaction::Credential.mark());
                    }
                    (_, value) => redact(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

/// Gives every value in the object that is secret wherever it turns up: the data of Secrets, variables and fields called like
/// credentials.
pub fn secrets(object: &Value, found: &mut dyn FnMut(&str)) {
    match object {
        Value::Object(fields) => {
            if fields.get("kind").is_some_and(|kind| kind == "Secret") {
                let of = |name: &str| fields.get(name).and_then(Value::as_object).into_iter().flatten();
                for (_, value) in of("data").filter(|(key, _)| !PUBLIC.contains(&key.as_str())) {
                    let decoded = value.as_str().and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
                    found(decoded.as_deref().or(value.as_str()).unwrap_or_default());
                    // A file of credentials holds them one by one.
                    if let Some(inner) = decoded.and_then(|text| serde_json::from_str(&text).ok()) {
                        secrets(&inner, found);
                    }
                }
                for (_, value) in of("stringData").filter(|(key, _)| !PUBLIC.contains(&key.as_str())) {
                    found(value.as_str().unwrap_or_default());
                }
            }
            let variable = (fields.get("name").and_then(Value::as_str), fields.get("value").and_then(Value::as_str));
            if let (Some(name), Some(value)) = variable
                && is_credential(name)
            {
                found(value);
            }
            for (name, value) in fields {
                match value {
                    Value::String(text) if is_credential(name) || name == "auth" => {
                        found(text);
                        let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                        // `auth` of a registry is `user:password`.
                        if let Some((_, password)) = decoded.as_deref().and_then(|decoded| decoded.split_once(':')) {
                            found(password);
                        }
                    }
                    Value::String(_) => {}
                    value => secrets(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets(item, found)),
        _ => {}
    }
}

/// Whether a field or variable is called like one that holds a credential.
pub fn is_credential(name: &str) -> bool {
    let plain: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    CREDENTIALS.iter().any(|end| plain.ends_with(end))
}

fn variable(variable: &mut Value) {
    if let Some(Value::String(value)) = variable.get_mut("value") {
        value.replace_range(.., Redaction::EnvironmentValue.mark());
    }
}

fn annotation(annotation: &mut Value) {
    if let Value::String(text) = annotation
        && text.trim_start().starts_with(['{', '['])
        && text.contains("\"kind\"")
    {
        text.replace_range(.., Redaction::Annotation.mark());
    }
}

fn redact_all(value: &mut Value, kind: Redaction) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| redact_all(value, kind)),
        value => *value = kind.mark().into(),
    }
}
