//! What a step has at hand to say what follows from it.

use std::path::Path;

use super::{ApiVerb, By, Effect, Place, Resource, Right, Thing};
use crate::{
    expectation::{Namespaces, Target},
    language::{Objects, Touch},
};

/// Collects the effects of one step.
pub struct Scene<'a> {
    /// The scenario's namespace.
    pub namespace: Option<String>,
    /// The folder of the scenario's file.
    pub directory: &'a Path,
    /// What the suite states of what the step itself cannot know; `None` where nothing is stated.
    pub touches: Option<&'a [Touch]>,
    pub effects: Vec<Effect>,
}

impl Scene<'_> {
    /// The resource of a kind; what only a cluster knows is told as unknown.
    pub fn resource(&mut self, api_version: Option<&str>, kind: &str) -> Option<Resource> {
        let found = Resource::of(api_version, kind);
        if found.is_none() {
            self.unknown(format!(
                "which group has the kind {kind} is known only to the cluster: name its `apiVersion`"
            ));
        }
        found
    }

    pub fn place(&self, resource: &Resource, namespaces: Namespaces<'_>) -> Place {
        match namespaces {
            _ if !resource.namespaced => Place::Cluster,
            Namespaces::All => Place::Everywhere,
            Namespaces::Named(namespace) => Place::Namespace(namespace.to_owned()),
            Namespaces::Default => self.namespace.clone().map_or(Place::Everywhere, Place::Namespace),
        }
    }

    pub fn needs(&mut self, resource: &Resource, place: &Place, name: Option<&str>, verbs: &[ApiVerb]) {
        for verb in verbs {
            self.effects.push(Effect::Needs(Right {
                namespace: match place {
                    Place::Namespace(namespace) => Some(namespace.clone()),
                    Place::Cluster | Place::Everywhere => None,
                },
                group: resource.group.clone(),
                resource: resource.plural.clone(),
                name: name.filter(|_| verb.knows_names()).map(str::to_owned),
                verb: *verb,
            }));
        }
    }

    /// A shared watch, and what is watched besides to know a hopeless state.
    pub fn watches(&mut self, target: &Target<'_>) {
        let Some(resource) = self.resource(target.api_version, target.kind) else { return };
        let place = self.place(&resource, target.namespace);
        self.needs(&resource, &place, None, &[ApiVerb::List, ApiVerb::Watch]);
        if matches!(target.kind, "Pod" | "Deployment") {
            self.watches_workloads(&place);
        }
        if Resource::of(None, target.kind).as_ref() != Some(&resource) {
            // It may come to be served while it is waited for.
            let definitions = Resource::built_in("CustomResourceDefinition");
            self.needs(&definitions, &Place::Cluster, None, &[ApiVerb::List, ApiVerb::Watch]);
        }
    }

    /// The watches by which workloads that cannot come up are seen.
    pub fn watches_workloads(&mut self, place: &Place) {
        for kind in ["Pod", "ReplicaSet", "Deployment"] {
            self.needs(&Resource::built_in(kind), place, None, &[ApiVerb::List, ApiVerb::Watch]);
        }
    }

    pub fn thing(&self, resource: &Resource, place: &Place, name: Option<&str>) -> Thing {
        Thing {
            resource: resource.clone(),
            place: place.clone(),
            name: name.map(str::to_owned),
            selector: None,
            by: By::Meshproof,
        }
    }

    pub fn unknown(&mut self, what: String) {
        self.effects.push(Effect::Unknown(what));
    }

    /// What the suite states beside the step. `standard` is what the step does to objects of which no verbs are stated; gives back
    /// those objects. Says that nothing is stated, with `what`, where nothing is.
    pub fn stated(&mut self, what: &str, mut standard: impl FnMut(&mut Self, &Resource, &Place, Option<&str>)) {
        let Some(touches) = self.touches else {
            return self.unknown(format!("{what} is not stated (`touches`)"));
        };
        for touch in touches {
            match touch {
                Touch::Objects(objects) => self.objects(objects, &mut standard),
                Touch::Images(images) => self.effects.extend(images.iter().cloned().map(Effect::PullsImage)),
                Touch::Addresses(addresses) => {
                    self.effects.extend(addresses.iter().cloned().map(Effect::Contacts));
                }
                // Those are put in their places when the plan is made.
                Touch::List(_) => {}
            }
        }
    }

    fn objects(&mut self, objects: &Objects, standard: &mut impl FnMut(&mut Self, &Resource, &Place, Option<&str>)) {
        for resource in objects.resources() {
            let place = self.place(&resource, Namespaces::of(objects.namespace.as_deref(), objects.all_namespaces));
            let names: Vec<Option<&str>> = match objects.names.as_slice() {
                [] => vec![None],
                names => names.iter().map(|name| Some(name.as_str())).collect(),
            };
            for name in names {
                if objects.indirect {
                    let thing = Thing { by: By::Installed, ..self.thing(&resource, &place, name) };
                    self.effects.push(Effect::Makes(thing));
                } else if objects.verbs.is_empty() {
                    standard(self, &resource, &place, name);
                } else {
                    self.needs(&resource, &place, name, &objects.verbs);
                    self.told(objects, &resource, &place, name);
                }
            }
        }
    }

    /// What verbs mean to a reader.
    fn told(&mut self, objects: &Objects, resource: &Resource, place: &Place, name: Option<&str>) {
        if resource.plural.contains('/') {
            return;
        }
        let thing = Thing {
            selector: objects.selector.as_ref().map(|selector| selector.as_str().to_owned()),
            by: By::Program,
            ..self.thing(resource, place, name)
        };
        let has = |verbs: &[ApiVerb]| objects.verbs.iter().any(|verb| verbs.contains(verb));
        if has(&[ApiVerb::Create]) {
            self.effects.push(Effect::Makes(thing.clone()));
        } else if has(&[ApiVerb::Update, ApiVerb::Patch]) {
            self.effects.push(Effect::Changes(thing.clone()));
        }
        if has(&[ApiVerb::Delete, ApiVerb::DeleteCollection]) {
            self.effects.push(Effect::Deletes(thing));
        }
    }
}
