//! What of the things that a plan makes is there already.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, DynamicObject, ListParams, PartialObjectMeta};

use super::{AT_ONCE, Findings};
use crate::{
    cluster::{Cluster, Kind, Trouble, patiently},
    effect::{By, Place, Thing},
    engine::RUN_LABEL,
    plan::Outlook,
};

/// What a cluster has of a plan's things.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub things: BTreeMap<Thing, Found>,
    /// The names of all namespaces.
    pub namespaces: BTreeSet<String>,
    /// Those of them that are being deleted.
    pub going: BTreeSet<String>,
    /// The labels of the namespaces that the plan uses.
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
}

impl Seen {
    /// What was found of a thing, whoever makes it.
    pub fn of(&self, thing: &Thing) -> Option<&Found> {
        let by = |by: By| self.things.get(&Thing { by, selector: None, ..thing.clone() });
        by(By::Meshproof).or_else(|| by(By::Program))
    }

    /// Whether an earlier run left anything.
    pub fn has_left(&self) -> bool {
        self.things.values().any(|found| matches!(found, Found::There { run: Some(_) }))
    }
}

/// Whether a thing is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Absent,
    /// With the id of the run that left it, if one did.
    There {
        run: Option<String>,
    },
    /// Why it cannot be known.
    Unseen(String),
}

/// Looks for every thing whose name is known, in the namespaces that are there: one list, and a request for each thing.
pub async fn look(cluster: &Cluster, outlook: &Outlook<'_>) -> Result<Seen, Trouble> {
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    let mut seen = Seen::default();
    let listed = patiently(|| async { Ok(namespaces.list_metadata(&ListParams::default()).await?) });
    for namespace in listed.await?.items {
        let Some(name) = namespace.metadata.name else { continue };
        if namespace.metadata.deletion_timestamp.is_some() {
            seen.going.insert(name.clone());
        }
        seen.labels.insert(name.clone(), namespace.metadata.labels.unwrap_or_default());
        seen.namespaces.insert(name);
    }
    let asked = outlook.by_name().map(|thing| {
        let there = match &thing.place {
            Place::Namespace(namespace) => seen.namespaces.contains(namespace),
            Place::Cluster | Place::Everywhere => true,
        };
        async move {
            let found = if there { find(cluster, thing).await? } else { Found::Absent };
            Ok::<_, Trouble>((thing.clone(), found))
        }
    });
    // Each is boxed, for what they have in common is too general for the compiler otherwise.
    let asked: Vec<_> = asked.map(futures::FutureExt::boxed).collect();
    seen.things = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok(seen)
}

async fn find(cluster: &Cluster, thing: &Thing) -> Result<Found, Trouble> {
    let kind = Kind::from(&thing.resource);
    let api: Api<DynamicObject> = match &thing.place {
        Place::Namespace(namespace) => Api::namespaced_with(cluster.client.clone(), namespace, &kind.resource),
        Place::Cluster | Place::Everywhere => Api::all_with(cluster.client.clone(), &kind.resource),
    };
    let name = thing.name.as_deref().unwrap_or_default();
    let asked = patiently(|| async { Ok(api.get_metadata_opt(name).await?) });
    let found: Option<PartialObjectMeta<DynamicObject>> = match asked.await {
        Ok(found) => found,
        Err(Trouble::Denied { .. }) => return Ok(Found::Unseen("not allowed to see whether it is there".to_owned())),
        Err(Trouble::NotFound { .. }) => None,
        Err(trouble) => return Err(trouble),
    };
    Ok(match found {
        None => Found::Absent,
        Some(object) => Found::There { run: object.metadata.labels.and_then(|labels| labels.get(RUN_LABEL).cloned()) },
    })
}

/// Namespaces that the plan uses and that are being deleted, with who holds them: nothing can be made there.
pub async fn going(cluster: &Cluster, outlook: &Outlook<'_>, seen: &Seen) -> Findings {
    let mut findings = Findings::default();
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    for name in outlook.namespaces().into_iter().filter(|name| seen.going.contains(*name)) {
        let namespace = match patiently(|| async { Ok(namespaces.get_opt(name).await?) }).await {
            Ok(Some(namespace)) => namespace,
            Ok(None) => continue,
            Err(trouble) => {
                findings.unasked(&format!("who holds the namespace {name}, which is being deleted"), &trouble);
                continue;
            }
        };
        let finalizers = namespace.metadata.finalizers.unwrap_or_default();
        let held = (!finalizers.is_empty()).then(|| format!("held by {}", finalizers.join(", ")));
        let conditions = namespace.status.and_then(|status| status.conditions).unwrap_or_default();
        let said = conditions.into_iter().filter(|one| one.status == "True").filter_map(|one| one.message);
        let why: Vec<String> = held.into_iter().chain(said).collect();
        let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
        let hint =
            "wait until it is gone; a finalizer goes when whoever set it has done its work, or is taken away by hand";
        findings.problem(format!("the namespace {name} is being deleted{why}"), Some(hint.to_owned()));
    }
    findings
}

/// What is in the way, and what is only to be known.
pub fn judge(seen: &Seen) -> Findings {
    let mut findings = Findings::default();
    let there = seen.things.iter().filter_map(|(thing, found)| match found {
        Found::There { run } => Some((thing, run.as_deref())),
        Found::Absent | Found::Unseen(_) => None,
    });
    let (left, strange): (Vec<_>, Vec<_>) = there.partition(|(_, run)| run.is_some());
    let runs: BTreeSet<&str> = left.iter().filter_map(|(_, run)| *run).collect();
    for run in &runs {
        let things: Vec<&Thing> = left.iter().filter(|(_, of)| of == &Some(*run)).map(|(thing, _)| *thing).collect();
        let hint = format!("`meshproof clean --run {run}` takes it back first");
        findings.note(format!("run {run} left behind {}; it is made over", told(&things)), Some(hint));
    }
    let (programs, own): (Vec<_>, Vec<_>) =
        strange.into_iter().map(|(thing, _)| thing).partition(|thing| thing.by != By::Meshproof);
    // An object that the run itself makes, too, is its own.
    let own_names: BTreeSet<(&str, &Option<String>)> =
        own.iter().map(|thing| (thing.resource.plural.as_str(), &thing.name)).collect();
    let programs: Vec<&Thing> = programs
        .into_iter()
        .filter(|thing| !own_names.contains(&(thing.resource.plural.as_str(), &thing.name)))
        .collect();
    if !own.is_empty() {
        let what = format!("there already, to be changed and given back: {}", told(&own));
        findings.note(what, None);
    }
    if programs.is_empty() {
        return findings;
    }
    let what = told(&programs);
    if seen.has_left() {
        // A run that had found it would not have begun.
        let hint = "`meshproof clean` takes back what the run did, if its journal is here";
        let what = format!("left behind by what an earlier run installed: {what}; it is made over");
        findings.note(what, Some(hint.to_owned()));
    } else {
        let hint = "what a run finds, it never removes: if an earlier run left it, `meshproof clean` takes it back; else remove it, if nobody needs it";
        findings.problem(format!("in the way of what the run makes: {what}"), Some(hint.to_owned()));
    }
    findings
}

/// Things by kind: `CustomResourceDefinition a, b; Role c in n`.
fn told(things: &[&Thing]) -> String {
    let mut groups: Vec<(String, String, Vec<&str>)> = Vec::new();
    for thing in things {
        let (kind, place) = (thing.resource.kind.clone(), thing.place_told());
        let name = thing.name.as_deref().unwrap_or_default();
        match groups.iter_mut().find(|group| (&group.0, &group.1) == (&kind, &place)) {
            // A program and the run itself may make the same.
            Some((_, _, names)) if names.contains(&name) => {}
            Some((_, _, names)) => names.push(name),
            None => groups.push((kind, place, vec![name])),
        }
    }
    let more = groups.len().saturating_sub(GROUPS);
    let told = groups.iter().take(GROUPS).map(|(kind, place, names)| {
        let some = names[..names.len().min(MOST)].join(", ");
        let more = names.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{kind} {some}{more}{place}")
    });
    let more = (more > 0).then(|| format!("{more} more kinds"));
    told.chain(more).collect::<Vec<_>>().join("; ")
}

/// So many names of a kind are told, and so many kinds.
const MOST: usize = 4;
const GROUPS: usize = 8;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::effect::Resource;

    fn seen(things: &[(&str, &str, By, Option<&str>)]) -> Seen {
        let mut seen = Seen::default();
        for (kind, name, by, run) in things {
            let resource = Resource::built_in(kind);
            let thing =
                Thing { resource, place: Place::Cluster, name: Some((*name).to_owned()), selector: None, by: *by };
            seen.things.insert(thing, Found::There { run: run.map(str::to_owned) });
        }
        seen
    }

    #[rstest]
    #[case::of_a_program(&[("ClusterRole", "a", By::Program, None)], &["in the way of what the run makes: ClusterRole a"], 0)]
    #[case::of_its_own(&[("Namespace", "a", By::Meshproof, None)], &[], 1)]
    #[case::of_both(&[("Namespace", "a", By::Meshproof, None), ("Namespace", "a", By::Program, None)], &[], 1)]
    #[case::left_behind(&[("Namespace", "a", By::Meshproof, Some("1")), ("ClusterRole", "b", By::Program, None)], &[], 2)]
    #[case::nothing(&[], &[], 0)]
    fn what_a_program_would_make_over_is_in_the_way(
        #[case] things: &[(&str, &str, By, Option<&str>)],
        #[case] problems: &[&str],
        #[case] notes: usize,
    ) {
        let findings = judge(&seen(things));
        let told: Vec<&str> = findings.problems.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!((told.as_slice(), findings.notes.len()), (problems, notes));
    }
}
