//! `capture`: gives a name to a value of the cluster or of the last output.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Undone};
use crate::{
    effect::Scene,
    engine::Context,
    expectation::{Judgement, Selection, Target, Watched, evaluate},
    language::formats::{Cel, Identifier},
};

/// Waits until an expression has a value, and gives it a name for the expressions after it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capture {
    pub name: Identifier,
    #[serde(rename = "type", default)]
    pub kind: CaptureType,
    /// The object that the expression is over, as `object`; several, as `objects`. Without it, the expression is over the case's last
    /// output: `stdout`, `stderr`, `exitCode`, `status`, `body`, and `json` if what was written is JSON.
    pub of: Option<Selection>,
    /// Until it is neither null nor an empty string, there is no value.
    pub value: Cel,
}

/// What the value must be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CaptureType {
    #[default]
    String,
    Integer,
    Boolean,
    /// Anything, maps and lists too.
    Any,
}

impl Capture {
    pub fn title(&self) -> String {
        format!("capture {}", self.name.0)
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        if let Some(selection) = &self.of {
            scene.watches(&selection.target());
        }
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let value = match &self.of {
            Some(selection) => {
                context.converge(&Wanted { capture: self, selection }).await?;
                let kind = context.cluster.kind(selection.api_version.as_deref(), &selection.kind).await?;
                let namespace = context.namespace_of(&kind, selection.target().namespace)?;
                let objects = context.objects(&kind, namespace.as_deref(), &selection.target()).await?;
                self.of_objects(&objects.iter().map(|object| object.json.clone()).collect::<Vec<_>>())
            }
            None => self.of_output(context),
        };
        let value = value.map_err(|seen| Undone::Failed {
            reason: format!("{} has no value: {seen}", self.value.text),
            seen: Some(seen),
            output: None,
        })?;
        Ok(Done { gained: None, captures: vec![(self.name.0.clone(), value)] })
    }

    fn of_objects(&self, objects: &[Value]) -> Result<Value, String> {
        let first = objects.first().cloned().ok_or("no such object")?;
        self.typed(evaluate(&self.value, &[("object", &first), ("objects", &json!(objects))]).map_err(|e| e.reason)?)
    }

    fn of_output(&self, context: &Context<'_>) -> Result<Value, String> {
        let gained = context.gained.as_ref().ok_or("the case has no output before this")?;
        let response = gained.response.as_ref();
        let variables = [
            ("json", serde_json::from_str(gained.document()).unwrap_or(Value::Null)),
            ("stdout", json!(gained.stdout)),
            ("stderr", json!(gained.stderr)),
            ("exitCode", json!(gained.exit_code)),
            ("status", json!(response.map(|response| response.status))),
            ("body", json!(response.map(|response| &response.body))),
        ];
        let variables: Vec<(&str, &Value)> = variables.iter().map(|(name, value)| (*name, value)).collect();
        self.typed(evaluate(&self.value, &variables).map_err(|error| error.reason)?)
    }

    fn typed(&self, value: Value) -> Result<Value, String> {
        match (self.kind, &value) {
            (_, Value::Null) => Err("null".to_owned()),
            (CaptureType::String, Value::String(text)) if text.is_empty() => Err("an empty string".to_owned()),
            (CaptureType::Any, _)
            | (CaptureType::String, Value::String(_))
            | (CaptureType::Boolean, Value::Bool(_)) => Ok(value),
            (CaptureType::Integer, Value::Number(number)) if number.is_i64() => Ok(value),
            (CaptureType::String, Value::Number(number)) => Ok(number.to_string().into()),
            _ => Err(format!("{value}, which is not of the type wanted")),
        }
    }
}

/// That there is a value.
struct Wanted<'a> {
    capture: &'a Capture,
    selection: &'a Selection,
}

impl Watched for Wanted<'_> {
    fn target(&self) -> Target<'_> {
        self.selection.target()
    }

    fn judge(&self, objects: &[std::sync::Arc<crate::cluster::Object>]) -> Judgement {
        let objects: Vec<Value> = objects.iter().map(|object| object.json.clone()).collect();
        let what = self.selection.target().describe();
        match self.capture.of_objects(&objects) {
            Ok(value) => Judgement::met(value.to_string()),
            Err(seen) => Judgement::not_yet(format!("{what}: {} has a value", self.capture.value.text), seen),
        }
    }
}
