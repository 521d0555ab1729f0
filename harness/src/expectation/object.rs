//! `object`: what an object, or each of several, is like.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Judgement, Mismatch, Selection, Target, Watched, cel, subset::differences};
use crate::{cluster::Object, language::formats::Cel};

/// That an object exists and is as described; with `selector` or `nameMatches`, that there are such objects and each is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectExpectation {
    /// Which objects.
    pub of: Selection,
    /// A tree that the object must hold: maps may have more keys, lists must have as many items.
    #[serde(rename = "match")]
    pub subset: Option<Value>,
    /// Expressions that must be true, over `object`.
    #[serde(default)]
    pub cel: Vec<Cel>,
    /// How many objects there must be, exactly. Without it: at least one.
    pub count: Option<usize>,
}

impl Watched for ObjectExpectation {
    fn target(&self) -> Target<'_> {
        self.of.target()
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        let what = self.of.target().describe();
        match self.count {
            Some(count) if count != objects.len() => {
                return Judgement::not_yet(format!("{count} {what}"), format!("{}", objects.len()));
            }
            None if objects.is_empty() => return Judgement::not_yet(format!("{what} is there"), "not there"),
            _ => {}
        }
        let several = objects.len() > 1;
        for object in objects {
            if let Some(mut mismatch) = self.mismatch(object) {
                if several {
                    mismatch.seen = format!("{}: {}", object.name, mismatch.seen);
                }
                return Judgement::NotYet(mismatch);
            }
        }
        Judgement::met(if several { format!("{} of {}", objects.len(), objects.len()) } else { what })
    }
}

impl ObjectExpectation {
    fn mismatch(&self, object: &Object) -> Option<Mismatch> {
        let what = self.of.target().describe();
        if let Some(wanted) = &self.subset {
            let differences = differences(wanted, Some(&object.json));
            if !differences.is_empty() {
                let list = |text: fn(&super::subset::Difference) -> &str| {
                    let lines: Vec<_> =
                        differences.iter().take(4).map(|d| format!("{} = {}", d.path, text(d))).collect();
                    lines.join(", ")
                };
                return Some(Mismatch {
                    expected: format!("{what} has {}", list(|d| &d.wanted)),
                    seen: list(|d| &d.seen),
                });
            }
        }
        self.cel.iter().find_map(|expression| {
            let seen = match cel::evaluate(expression, &[("object", &object.json)]) {
                Ok(Value::Bool(true)) => return None,
                Ok(value) => format!("it is {value}"),
                Err(error) => error.reason,
            };
            Some(Mismatch { expected: format!("{what}: {}", expression.text), seen })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expectation::testing::{expectation, object};

    fn deployment(replicas: u64) -> Arc<Object> {
        object(json!({"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": replicas}}))
    }

    #[test]
    fn an_object_that_is_not_there_is_not_as_described() {
        let wanted: ObjectExpectation = expectation("{of: {kind: Deployment, name: a}}");
        assert_eq!(wanted.judge(&[]), Judgement::not_yet("Deployment a is there", "not there"));
    }

    #[test]
    fn the_fields_that_differ_are_named() {
        let wanted: ObjectExpectation = expectation("{of: {kind: Deployment, name: a}, match: {spec: {replicas: 2}}}");
        let expected = Judgement::not_yet("Deployment a has spec.replicas = 2", "spec.replicas = 1");
        assert_eq!(wanted.judge(&[deployment(1)]), expected);
        assert!(wanted.judge(&[deployment(2)]).is_met());
    }

    #[test]
    fn every_one_of_several_objects_has_to_meet_it() {
        let wanted: ObjectExpectation =
            expectation("{of: {kind: Deployment, selector: app=x}, cel: ['object.spec.replicas == 2']}");
        let judgement = wanted.judge(&[deployment(2), deployment(1)]);
        let expected = Judgement::not_yet("Deployments with app=x: object.spec.replicas == 2", "a: it is false");
        assert_eq!(judgement, expected);
    }

    #[test]
    fn a_count_is_exact() {
        let wanted: ObjectExpectation = expectation("{of: {kind: Deployment}, count: 1}");
        assert!(wanted.judge(&[deployment(1)]).is_met());
        assert!(!wanted.judge(&[deployment(1), deployment(1)]).is_met());
    }
}
