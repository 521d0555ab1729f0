//! What a whole plan does: every case's effects together.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Asked, Plan};
use crate::{
    effect::{ApiVerb, By, Effect, Extent, OPTIONAL, OWN, Optional, OwnRule, Place, RUN, Right, Rules, Scene, Thing},
    language::{CollectStep, Room},
    yaml::Node,
};

/// Everything that the cases that apply do, each thing once, with the ids of the cases that do it.
#[derive(Debug, Default)]
pub struct Outlook<'a> {
    pub makes: BTreeMap<&'a Thing, Vec<&'a str>>,
    pub changes: BTreeMap<&'a Thing, Vec<&'a str>>,
    pub deletes: BTreeMap<&'a Thing, Vec<&'a str>>,
    pub artifacts: BTreeMap<&'a str, Vec<&'a str>>,
    pub images: BTreeMap<&'a str, Vec<&'a str>>,
    pub addresses: BTreeMap<&'a str, Vec<&'a str>>,
    pub unknown: BTreeMap<&'a str, Vec<&'a str>>,
    rights: BTreeSet<&'a Right>,
    /// What room the suite needs.
    pub rooms: Vec<&'a Room>,
    /// What the suite wants to be collected besides when a case fails.
    collects: Vec<&'a Node>,
}

/// Namespaces that every cluster has, and nobody can remove.
const STANDING: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Plan {
    pub fn outlook(&self) -> Outlook<'_> {
        let mut outlook = Outlook::default();
        for case in self.cases.iter().filter(|case| case.skip.is_none()) {
            for effect in &case.effects {
                outlook.add(effect, &case.id);
            }
        }
        let checks = self.checks();
        for effect in checks.iter().flat_map(|check| &check.effects) {
            outlook.add(effect, "preflight");
        }
        let mut cells = BTreeSet::new();
        let collects = self.cases.iter().filter(|case| cells.insert(case.cell.index));
        outlook.collects.extend(collects.flat_map(|case| &case.cell.diagnose));
        outlook.rooms.extend(checks.into_iter().filter_map(|check| match &check.question {
            Asked::Room(room) => Some(room),
            Asked::Expect(_) | Asked::Kubernetes(_) => None,
        }));
        outlook
    }
}

impl<'a> Outlook<'a> {
    fn add(&mut self, effect: &'a Effect, id: &'a str) {
        let ids = match effect {
            Effect::Makes(thing) => self.makes.entry(thing).or_default(),
            Effect::Changes(thing) => self.changes.entry(thing).or_default(),
            Effect::Deletes(thing) => self.deletes.entry(thing).or_default(),
            Effect::PullsArtifact(text) => self.artifacts.entry(text).or_default(),
            Effect::PullsImage(text) => self.images.entry(text).or_default(),
            Effect::Contacts(text) => self.addresses.entry(text).or_default(),
            Effect::Unknown(text) => self.unknown.entry(text).or_default(),
            Effect::Needs(right) => {
                self.rights.insert(right);
                return;
            }
        };
        if ids.last() != Some(&id) {
            ids.push(id);
        }
    }

    /// What the run takes. `there` are the namespaces that are known to be there; without a cluster, those that the run itself neither
    /// makes nor removes are taken to be.
    pub fn rules(&self, there: Option<&BTreeSet<String>>) -> Rules {
        self.rules_with(there, &[])
    }

    /// The same, and what the run can do without.
    pub fn rules_with(&self, there: Option<&BTreeSet<String>>, also: &[Optional]) -> Rules {
        let own = self.own_namespaces();
        let stands = |namespace: &str| {
            let known = there.map_or_else(|| !own.contains(namespace), |there| there.contains(namespace));
            (known || STANDING.contains(&namespace)) && !namespace.contains(RUN)
        };
        let looks = self.looks();
        let optional = OPTIONAL.iter().filter(|(what, _)| also.contains(what)).map(|(_, rule)| rule);
        let harness: Vec<Right> = OWN.iter().chain(optional).flat_map(|rule| self.own(rule)).collect();
        let collected = if also.contains(&Optional::Diagnosis) { self.collected() } else { Vec::new() };
        Rules::of(self.rights.iter().copied().chain(&looks).chain(&harness).chain(&collected), stands)
    }

    /// The namespaces that the plan uses.
    pub fn namespaces(&self) -> BTreeSet<&'a str> {
        self.rights.iter().filter_map(|right| right.namespace.as_deref()).collect()
    }

    /// What of the things made could be in the way, and can be asked for by name: cluster-wide, or in a namespace that may be there.
    pub fn by_name(&self) -> impl Iterator<Item = &'a Thing> {
        let known = |thing: &&'a Thing| {
            let place = !matches!(&thing.place, Place::Namespace(namespace) if namespace.contains(RUN));
            let own = thing.by != By::Installed;
            own && place
                && thing.place != Place::Everywhere
                && thing.name.as_ref().is_some_and(|name| !name.contains(RUN))
        };
        self.makes.keys().copied().filter(known)
    }

    /// Whether the plan makes claims on storage.
    pub fn claims(&self) -> bool {
        self.makes.keys().any(|thing| thing.resource.kind == "PersistentVolumeClaim")
    }

    fn own_namespaces(&self) -> BTreeSet<&'a str> {
        let things = self.makes.keys().chain(self.deletes.keys());
        things.filter(|thing| thing.resource.kind == "Namespace").filter_map(|thing| thing.name.as_deref()).collect()
    }

    /// Whether a thing is there already is asked before the run.
    fn looks(&self) -> Vec<Right> {
        let look = |thing: &Thing| Right {
            namespace: match &thing.place {
                Place::Namespace(namespace) => Some(namespace.clone()),
                Place::Cluster | Place::Everywhere => None,
            },
            group: thing.resource.group.clone(),
            resource: thing.resource.plural.clone(),
            name: thing.name.clone(),
            verb: ApiVerb::Get,
        };
        self.by_name().map(look).collect()
    }

    /// What the suite wants to be collected, where the plan works. Steps that wait for captures are programs' for the most part, which
    /// look with their own rights.
    fn collected(&self) -> Vec<Right> {
        let steps: Vec<CollectStep> = self.collects.iter().filter_map(|node| CollectStep::read(node).ok()).collect();
        let mut rights = Vec::new();
        for namespace in self.namespaces() {
            let mut scene = Scene {
                namespace: Some(namespace.to_owned()),
                directory: Path::new("."),
                touches: None,
                effects: Vec::new(),
            };
            for step in &steps {
                step.collect.effects(&mut scene);
            }
            rights.extend(scene.effects.into_iter().filter_map(|effect| match effect {
                Effect::Needs(right) => Some(right),
                _ => None,
            }));
        }
        rights
    }

    fn own(&self, rule: &OwnRule) -> Vec<Right> {
        let once = |needed: bool| if needed { vec![None] } else { Vec::new() };
        let places: Vec<Option<String>> = match rule.extent {
            Extent::Cluster => vec![None],
            Extent::Room => once(!self.rooms.is_empty()),
            Extent::LoadBalancer => once(self.rooms.iter().any(|room| room.load_balancer)),
            Extent::Claims => once(self.claims()),
            // One that has the run's id in its name is not there yet, nor is its quota.
            Extent::RoomNamespaces => {
                let used = self.namespaces();
                let rooms = self.rooms.iter().map(|room| &room.namespace);
                rooms.filter(|name| used.contains(name.as_str())).cloned().map(Some).collect()
            }
            Extent::Namespace(namespace) => vec![Some(namespace.to_owned())],
            Extent::Used => self.namespaces().into_iter().map(|namespace| Some(namespace.to_owned())).collect(),
        };
        let right = |namespace: &Option<String>, verb: &ApiVerb| Right {
            namespace: namespace.clone(),
            group: rule.group.to_owned(),
            resource: rule.resource.to_owned(),
            name: None,
            verb: *verb,
        };
        places.iter().flat_map(|place| rule.verbs.iter().map(move |verb| right(place, verb))).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::{scenario, sound, suite};

    fn told<'a>(things: impl IntoIterator<Item = &'a &'a crate::effect::Thing>) -> Vec<String> {
        things.into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn effects_of_cases_that_apply_are_told_once() {
        let label = "do: [{label: {kind: Namespace, name: shop, set: {a: b}}}]";
        let skipped = "three, when: [{variable: v, is: y}], do: [{delete: {of: {kind: Namespace, name: shop}}}]";
        let text = suite("variables: {v: {type: string, default: x}}\n")
            + &scenario("a", &[&format!("one, {label}"), &format!("two, {label}"), skipped]);
        let plan = sound(&text);
        let outlook = plan.outlook();
        assert_eq!(told(outlook.changes.keys()), ["Namespace shop"]);
        assert_eq!(outlook.changes.values().next().unwrap(), &["a/one", "a/two"]);
        assert!(outlook.deletes.is_empty());
    }

    #[test]
    fn rules_for_namespaces_of_the_runs_own_are_the_cluster_roles() {
        let make = |name: &str| format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        let secret = |namespace: &str| {
            format!("{{apiVersion: v1, kind: Secret, metadata: {{name: of-{namespace}, namespace: {namespace}}}}}")
        };
        let case = format!(
            "one, do: [{{apply: {{objects: [{}, {}, {}, {}]}}}}]",
            make("own"),
            secret("own"),
            secret("other"),
            secret("default")
        );
        let plan = sound(&scenario("a", &[&case]));
        let roles = |there: Option<&std::collections::BTreeSet<String>>| {
            let rules = plan.outlook().rules(there);
            let mut places: Vec<_> = rules
                .0
                .into_iter()
                .filter(|r| r.resource == "secrets")
                .map(|r| r.namespace.unwrap_or_default())
                .collect();
            places.dedup();
            places
        };
        assert_eq!(roles(None), ["", "default", "other"]);
        // Of a cluster it is known which are there.
        assert_eq!(roles(Some(&["own".to_owned()].into())), ["", "default", "own"]);
    }

    #[test]
    fn the_runs_id_is_in_no_rule() {
        let case = "one, do: [{apply: {objects: [{apiVersion: v1, kind: Secret, metadata: {name: s}}]}}]";
        let text = suite("namespace: shop-{{ run.id }}\n") + &scenario("a", &[case]);
        let plan = sound(&text);
        let outlook = plan.outlook();
        assert_eq!(told(outlook.makes.keys()), ["Secret s in shop-<run>"]);
        assert!(
            outlook.rules(None).0.iter().filter(|rule| rule.resource == "secrets").all(|rule| rule.namespace.is_none())
        );
        assert_eq!(outlook.by_name().count(), 0);
    }
}
