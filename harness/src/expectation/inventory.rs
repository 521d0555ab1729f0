//! `inventory`: that the objects of a kind are exactly these.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Judgement, Selection, Target, Watched, enumerate};
use crate::{cluster::Object, language::formats::Regex};

/// That the objects selected have exactly these names: none missing, none more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inventory {
    /// Which objects are counted.
    pub of: Selection,
    /// Their names, in any order.
    pub names: Vec<String>,
    /// Objects whose names match are not counted: what Kubernetes itself puts there.
    pub ignore: Option<Regex>,
}

impl Watched for Inventory {
    fn target(&self) -> Target<'_> {
        self.of.target()
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        let counted =
            objects.iter().filter(|object| self.ignore.as_ref().is_none_or(|regex| !regex.0.is_match(&object.name)));
        let seen: BTreeSet<&str> = counted.map(|object| object.name.as_str()).collect();
        let wanted: BTreeSet<&str> = self.names.iter().map(String::as_str).collect();
        let missing: Vec<&str> = wanted.difference(&seen).copied().collect();
        let extra: Vec<&str> = seen.difference(&wanted).copied().collect();
        if missing.is_empty() && extra.is_empty() {
            return Judgement::met(format!("{} as listed", seen.len()));
        }
        let mut parts = vec![format!("{} there", seen.len())];
        if !missing.is_empty() {
            parts.push(format!("missing: {}", enumerate(&missing)));
        }
        if !extra.is_empty() {
            parts.push(format!("not expected: {}", enumerate(&extra)));
        }
        Judgement::not_yet(format!("exactly {} {}", wanted.len(), self.of.target().describe()), parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expectation::testing::{expectation, object};

    #[test]
    fn missing_and_unexpected_objects_are_named() {
        let wanted: Inventory = expectation("{of: {kind: ConfigMap}, names: [a, b], ignore: '^kube-'}");
        let named = |name: &str| object(json!({"kind": "ConfigMap", "metadata": {"name": name}}));
        assert!(wanted.judge(&[named("a"), named("b"), named("kube-root-ca.crt")]).is_met());
        let expected = Judgement::not_yet("exactly 2 ConfigMaps", "2 there; missing: b; not expected: c");
        assert_eq!(wanted.judge(&[named("a"), named("c")]), expected);
    }
}
