//! What a run must have to itself while it lasts, as far as its plan shows.

use std::collections::BTreeSet;

use super::{
    build::{Plan, PlannedCase},
    cell::RunIdentity,
};
use crate::{cluster::Kind, yaml::Node};

/// Something that two runs at once would spoil for each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// What belongs to no namespace.
    Cluster,
    /// A namespace whose name is not the run's own.
    Namespace(String),
}

impl Claim {
    /// Fit for the name of an object.
    pub fn name(&self) -> String {
        match self {
            Self::Cluster => "meshproof-cluster".to_owned(),
            Self::Namespace(name) => format!("meshproof-namespace-{name}"),
        }
    }
}

/// The claims of every case that applies. A program that has to be undone may change anything.
pub fn claims(plan: &Plan, run: &RunIdentity) -> BTreeSet<Claim> {
    let applies = plan.cases.iter().filter(|case| case.skip.is_none());
    let all = applies.flat_map(|case| case.actions.iter().flat_map(|action| of_action(case, action)));
    // What bears the run's id is nobody else's.
    all.filter(|claim| !matches!(claim, Claim::Namespace(name) if name.contains(&run.id))).collect()
}

fn of_action(case: &PlannedCase, action: &Node) -> Vec<Claim> {
    let of = |verb: &str| action.get(verb);
    if action.get("undo").is_some() {
        return vec![Claim::Cluster];
    }
    if let Some(apply) = of("apply") {
        let objects = apply.get("objects").map(Node::to_json).unwrap_or_default();
        let objects = objects.as_array().cloned().unwrap_or_default();
        if objects.is_empty() {
            return place(None, text(apply, "namespace"), case);
        }
        let claims = objects.iter().flat_map(|object| {
            let field = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
            match (field("/kind").as_deref(), field("/metadata/name")) {
                (Some("Namespace"), Some(name)) => vec![Claim::Namespace(name)],
                (kind, _) => place(kind, field("/metadata/namespace").or_else(|| text(apply, "namespace")), case),
            }
        });
        return claims.collect();
    }
    let changed = of("label").or_else(|| of("scale")).or_else(|| of("delete").and_then(|delete| delete.get("of")));
    match (changed, of("delete")) {
        (Some(object), _) => match (text(object, "kind").as_deref(), text(object, "name")) {
            (Some("Namespace"), Some(name)) => vec![Claim::Namespace(name)],
            (kind, _) => place(kind, text(object, "namespace"), case),
        },
        (None, Some(delete)) => place(None, text(delete, "namespace"), case),
        (None, None) => Vec::new(),
    }
}

/// The namespace of an object, or the cluster if its kind has none. What is not known yet is a matter of captures, and nobody's.
fn place(kind: Option<&str>, namespace: Option<String>, case: &PlannedCase) -> Vec<Claim> {
    if kind.and_then(Kind::built_in).is_some_and(|kind| !kind.namespaced) {
        return vec![Claim::Cluster];
    }
    let namespace = namespace.or_else(|| case.namespace.clone()).filter(|name| !name.contains("{{"));
    namespace.map(Claim::Namespace).into_iter().collect()
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::testing::sound;

    fn of(action: &str) -> Vec<Claim> {
        let plan = sound(&format!(
            "apiVersion: meshproof.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: s}}\nnamespace: ns\ncases: [{{name: a, do: [{action}]}}]"
        ));
        let run = RunIdentity { id: "1234".to_owned(), directory: "/run".into() };
        claims(&plan, &run).into_iter().collect()
    }

    #[rstest]
    #[case::a_program_that_is_undone("{run: {program: p}, undo: {do: [{run: {program: q}}]}}", &[Claim::Cluster])]
    #[case::a_program_that_only_asks("{run: {program: p}}", &[])]
    #[case::what_the_scenario_names("{apply: {objects: [{apiVersion: v1, kind: Secret, metadata: {name: a}}]}}", &[Claim::Namespace("ns".into())])]
    #[case::what_the_object_names("{apply: {objects: [{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}}]}}", &[Claim::Namespace("b".into())])]
    #[case::a_namespace("{apply: {objects: [{apiVersion: v1, kind: Namespace, metadata: {name: b}}]}}", &[Claim::Namespace("b".into())])]
    #[case::a_namespace_of_its_own("{label: {kind: Namespace, name: 'x-{{ run.id }}', set: {a: b}}}", &[])]
    #[case::what_belongs_to_no_namespace("{label: {kind: Node, name: b, set: {a: b}}}", &[Claim::Cluster])]
    #[case::a_file("{apply: {file: a.yaml}}", &[Claim::Namespace("ns".into())])]
    #[case::what_is_deleted("{delete: {of: {kind: Secret, name: b, namespace: c}}}", &[Claim::Namespace("c".into())])]
    fn a_run_claims(#[case] action: &str, #[case] expected: &[Claim]) {
        assert_eq!(of(action), expected);
    }
}
