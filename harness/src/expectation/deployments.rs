//! `deployments`: deployments and how far they are.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Judgement, Target, Watched, enumerate, target::Namespaces};
use crate::{
    cluster::Object,
    language::formats::{Ready, Selector},
};

/// That deployments are there, and each is rolled out: as many updated, ready and available pods as it asks for, at least
/// one, and no older ones beside them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployments {
    /// These; without it, all that are selected.
    pub names: Option<Vec<String>>,
    pub selector: Option<Selector>,
    /// In place of the scenario's namespace.
    pub namespace: Option<String>,
    /// That there are no others among those selected.
    #[serde(default)]
    pub only: bool,
    /// Ready pods of wanted ones, of each: `1/1`.
    pub ready: Option<Ready>,
}

impl Watched for Deployments {
    fn target(&self) -> Target<'_> {
        Target {
            selector: self.selector.as_ref(),
            namespace: Namespaces::of(self.namespace.as_deref(), false),
            ..Target::of("Deployment", None)
        }
    }

    fn concerns(&self, object: &Object) -> bool {
        self.target().includes(object) && self.names.as_ref().is_none_or(|names| names.contains(&object.name))
    }

    fn lacks_pods(&self, _: &[Arc<Object>]) -> bool {
        self.ready.is_none_or(|ready| ready.total > 0)
    }

    fn judge(&self, objects: &[Arc<Object>]) -> Judgement {
        let counts = |object: &Object| self.names.as_ref().is_none_or(|names| names.contains(&object.name));
        let mut lacking: Vec<String> = self
            .names
            .iter()
            .flatten()
            .filter(|name| !objects.iter().any(|object| object.name == **name))
            .map(|name| format!("{name} is not there"))
            .collect();
        if self.names.is_none() && objects.is_empty() {
            lacking.push("no deployments".to_owned());
        }
        for object in objects {
            if counts(object) {
                lacking.extend(self.lacks(object));
            } else if self.only {
                lacking.push(format!("{} is there too", object.name));
            }
        }
        if lacking.is_empty() {
            let names: Vec<&str> = objects.iter().filter(|o| counts(o)).map(|object| object.name.as_str()).collect();
            return Judgement::met(format!("{} rolled out", enumerate(&names)));
        }
        Judgement::not_yet(self.describe(), lacking.join("; "))
    }
}

impl Deployments {
    /// What keeps a deployment from being rolled out.
    fn lacks(&self, deployment: &Object) -> Option<String> {
        let number = |pointer: &str| deployment.number(pointer).unwrap_or(0);
        let name = &deployment.name;
        if number("/status/observedGeneration") < number("/metadata/generation") {
            return Some(format!("{name} is not yet taken up by its controller"));
        }
        let wanted = deployment.number("/spec/replicas").unwrap_or(1);
        let [ready, updated, available, all] = ["readyReplicas", "updatedReplicas", "availableReplicas", "replicas"]
            .map(|n| number(&format!("/status/{n}")));
        let as_shown = format!("{ready}/{wanted}");
        if let Some(expected) = self.ready.filter(|expected| expected.to_string() != as_shown) {
            return Some(format!("{name} is {as_shown} ready, not {expected}"));
        }
        if wanted == 0 && self.ready.is_none() {
            return Some(format!("{name} is scaled to zero"));
        }
        if ready == wanted && updated == wanted && available == wanted && all == wanted {
            return None;
        }
        Some(format!(
            "{name} has {updated} updated, {ready} ready, {available} available of {wanted} wanted, {all} in all"
        ))
    }

    fn describe(&self) -> String {
        let what = match (&self.names, &self.selector) {
            (Some(names), _) => enumerate(names),
            (None, Some(selector)) => format!("deployments with {}", selector.as_str()),
            (None, None) => "all deployments".to_owned(),
        };
        let ready = self.ready.map(|ready| format!(" {ready}")).unwrap_or_default();
        let only = if self.only { " and no others" } else { "" };
        format!("{what} rolled out{ready}{only}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::expectation::testing::{expectation, object};

    fn deployment(name: &str, wanted: u64, ready: u64) -> Arc<Object> {
        object(json!({"kind": "Deployment", "metadata": {"name": name, "generation": 2}, "spec": {"replicas": wanted},
            "status": {"observedGeneration": 2, "replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready,
                "availableReplicas": ready}}))
    }

    #[rstest]
    #[case("{names: [a], ready: 1/1}", 1, 1, true)]
    #[case("{names: [a]}", 2, 2, true)]
    #[case("{names: [a]}", 2, 1, false)]
    #[case("{names: [a]}", 0, 0, false)]
    #[case("{names: [a], ready: 0/0}", 0, 0, true)]
    #[case("{names: [a], ready: 1/1}", 2, 2, false)]
    fn rolled_out_means_all_that_are_wanted(
        #[case] yaml: &str,
        #[case] want: u64,
        #[case] ready: u64,
        #[case] met: bool,
    ) {
        let wanted: Deployments = expectation(yaml);
        assert_eq!(wanted.judge(&[deployment("a", want, ready)]).is_met(), met);
    }

    #[test]
    fn others_matter_only_where_there_may_be_none() {
        let there = [deployment("a", 1, 1), deployment("b", 1, 0)];
        assert!(expectation::<Deployments>("{names: [a]}").judge(&there).is_met());
        let expected = Judgement::not_yet("a rolled out and no others", "b is there too");
        assert_eq!(expectation::<Deployments>("{names: [a], only: true}").judge(&there), expected);
    }

    #[test]
    fn a_status_of_an_older_generation_does_not_count() {
        let mut json = deployment("a", 1, 1).json.clone();
        json["metadata"]["generation"] = 3.into();
        assert!(!expectation::<Deployments>("{names: [a]}").judge(&[object(json)]).is_met());
    }
}
