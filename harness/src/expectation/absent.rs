//! `absent`: that no such object is there.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Judgement, Selection, Target, Watched, enumerate};
use crate::cluster::Object;

/// That none of the objects named is there; a kind that the cluster does not serve is absent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Absent(pub Selection);

impl Watched for Absent {
    fn target(&self) -> Target<'_> {
        self.0.target()
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        if objects.is_empty() {
            return Judgement::met("none");
        }
        let names: Vec<String> = objects.iter().map(|object| describe(object)).collect();
        Judgement::not_yet(format!("no {}", self.target().describe()), enumerate(&names))
    }
}

/// The object's name, and who holds it if it is going away.
fn describe(object: &Object) -> String {
    let place = if object.namespace.is_empty() { String::new() } else { format!("{}/", object.namespace) };
    let name = format!("{place}{}", object.name);
    if !object.is_terminating() {
        return name;
    }
    let finalizers: Vec<&str> = object.items("/metadata/finalizers").iter().filter_map(|f| f.as_str()).collect();
    match finalizers.is_empty() {
        true => format!("{name} (terminating)"),
        false => format!("{name} (terminating, held by {})", enumerate(&finalizers)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expectation::testing::{expectation, object};

    #[test]
    fn a_terminating_object_is_named_with_its_finalizers() {
        let absent: Absent = expectation("{kind: Namespace, name: a}");
        let terminating = object(json!({"kind": "Namespace", "metadata": {"name": "a",
            "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/held"]}}));
        assert_eq!(absent.judge(&[]), Judgement::met("none"));
        let seen = "a (terminating, held by example.org/held)";
        assert_eq!(absent.judge(&[terminating]), Judgement::not_yet("no Namespace a", seen));
    }
}
