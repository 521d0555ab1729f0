//! Two footprints, and what of their difference is a run's doing: pure.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::footprint::{Footprint, Key, Seen};
use crate::{FIELD_MANAGER, engine::RUN_LABEL};

/// What is not as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// The run's doing.
    pub left: Vec<Key>,
    pub taken: Vec<Key>,
    pub changed: Vec<Key>,
    /// Anybody else's, in words.
    pub others: Vec<String>,
}

/// By what a run is known.
#[derive(Debug, Clone, Default)]
pub struct Doer {
    pub run: String,
    /// When it began, by the cluster's clock.
    pub began: Option<Timestamp>,
    /// Namespaces that it worked in.
    pub namespaces: BTreeSet<String>,
    /// Whether it did anything beyond namespaces: a program may have made anything, by field managers of its own.
    pub cluster: bool,
}

/// Compares. An object that came is put down to the run if it bears the run's label, lies where the run worked or, where the run
/// did more than that, belongs to no namespace or is written by a field manager that nobody had heard of before: on a cluster in use, others' objects come and go
/// meanwhile. Inside a namespace that came or went itself, nothing is told.
pub fn compare(before: &Footprint, after: &Footprint, doer: &Doer) -> Difference {
    let known: BTreeSet<&String> = before.objects.values().flat_map(|seen| &seen.managers).collect();
    let is_new = |seen: &Seen| doer.cluster && seen.managers.iter().any(|manager| !known.contains(manager));
    let is_here = |key: &Key| {
        doer.cluster && key.namespace.is_empty() && !key.is_namespace() || doer.namespaces.contains(&key.namespace)
    };
    let is_old = |seen: &Seen| seen.made_at.zip(doer.began).is_some_and(|(made_at, began)| made_at < began);
    let came_or_went = |namespace: &str| {
        let key = Key { resource: "namespaces".to_owned(), namespace: String::new(), name: namespace.to_owned() };
        !namespace.is_empty() && before.objects.contains_key(&key) != after.objects.contains_key(&key)
    };
    let compared = |key: &Key| !came_or_went(&key.namespace) && !before.unseen.contains(&key.resource);
    let mut difference = Difference::default();
    for (key, now) in after.objects.iter().filter(|(key, _)| compared(key)) {
        let ours = now.labels.get(RUN_LABEL) == Some(&doer.run);
        match before.objects.get(key) {
            None if ours || !is_old(now) && (is_here(key) || is_new(now)) => difference.left.push(key.clone()),
            None => difference.others.push(format!("{} came", key.describe())),
            Some(then) if (&then.uid, then.generation, &then.labels) == (&now.uid, now.generation, &now.labels) => {}
            Some(_) if ours || now.managers.contains(FIELD_MANAGER) || is_new(now) => {
                difference.changed.push(key.clone());
            }
            Some(_) => difference.others.push(format!("{} changed", key.describe())),
        }
    }
    for (key, _) in before.objects.iter().filter(|(key, _)| compared(key) && !after.unseen.contains(&key.resource)) {
        if !after.objects.contains_key(key) {
            match is_here(key) || (key.is_namespace() && doer.namespaces.contains(&key.name)) {
                true => difference.taken.push(key.clone()),
                false => difference.others.push(format!("{} went", key.describe())),
            }
        }
    }
    difference
}

impl Difference {
    /// The run's doing, a line each.
    pub fn told(&self) -> Vec<String> {
        let lines = |keys: &[Key], what: &str| keys.iter().map(|key| format!("{what} {}", key.describe())).collect();
        let parts: [Vec<String>; 3] = [
            lines(&self.left, "left behind:"),
            lines(&self.taken, "gone, and was there before:"),
            lines(&self.changed, "not as it was before:"),
        ];
        parts.concat()
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty() && self.taken.is_empty() && self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn key(text: &str) -> Key {
        let parts: Vec<&str> = text.split('/').collect();
        Key { resource: parts[0].to_owned(), namespace: parts[1].to_owned(), name: parts[2].to_owned() }
    }

    fn seen(manager: &str) -> Seen {
        Seen {
            uid: "u".to_owned(),
            generation: Some(1),
            labels: [].into(),
            managers: [manager.to_owned()].into(),
            made_at: Some("2026-01-01T00:00:10Z".parse().unwrap()),
        }
    }

    fn footprint(objects: &[(&str, Seen)]) -> Footprint {
        let always = ["namespaces//a", "namespaces//b"].map(|name| (key(name), seen("kubectl")));
        let objects = objects.iter().map(|(name, seen)| (key(name), seen.clone())).chain(always);
        Footprint { objects: objects.collect(), ..Footprint::default() }
    }

    fn doer() -> Doer {
        let began = Some("2026-01-01T00:00:05Z".parse().unwrap());
        Doer { run: "r".to_owned(), began, namespaces: ["a".to_owned()].into(), cluster: true }
    }

    #[rstest]
    #[case::where_the_run_worked("configmaps/a/x", seen("kubectl"), true)]
    #[case::where_others_work("configmaps/b/x", seen("kubectl"), false)]
    #[case::by_a_manager_that_is_new("configmaps/b/x", seen("pilot-discovery"), true)]
    #[case::cluster_wide("clusterroles//x", seen("kubectl"), true)]
    #[case::a_namespace_of_somebody("namespaces//x", seen("kubectl"), false)]
    #[case::with_the_runs_label("configmaps/b/x", Seen { labels: [(RUN_LABEL.to_owned(), "r".to_owned())].into(), ..seen("kubectl") }, true)]
    #[case::older_than_the_run("clusterroles//x", Seen { made_at: Some("2026-01-01T00:00:01Z".parse().unwrap()), ..seen("k") }, false)]
    fn what_came_is_the_runs(#[case] name: &str, #[case] now: Seen, #[case] ours: bool) {
        let found = compare(&footprint(&[]), &footprint(&[(name, now)]), &doer());
        assert_eq!((found.left.len(), found.others.len()), (usize::from(ours), usize::from(!ours)));
        assert_eq!(found.is_empty(), !ours);
    }

    #[test]
    fn a_run_that_did_nothing_beyond_namespaces_made_nothing_beyond_its_own() {
        let after = footprint(&[
            ("clusterroles//x", seen("new")),
            ("configmaps/b/x", seen("new")),
            ("configmaps/a/x", seen("k")),
        ]);
        let found = compare(&footprint(&[]), &after, &Doer { cluster: false, ..doer() });
        assert_eq!(found.left, [key("configmaps/a/x")]);
    }

    #[test]
    fn what_went_where_the_run_worked_was_taken() {
        let before =
            footprint(&[("configmaps/a/x", seen("k")), ("configmaps/b/x", seen("k")), ("clusterroles//x", seen("k"))]);
        let found = compare(&before, &footprint(&[]), &doer());
        assert_eq!(found.taken, [key("clusterroles//x"), key("configmaps/a/x")]);
        assert_eq!(found.others, ["configmaps/x in b went"]);
    }

    #[test]
    fn of_a_namespace_that_came_only_itself_is_told() {
        let after = footprint(&[("namespaces//n", seen("new")), ("configmaps/n/x", seen("new"))]);
        assert_eq!(compare(&footprint(&[]), &after, &doer()).left, [key("namespaces//n")]);
    }

    #[test]
    fn what_could_not_be_listed_is_not_compared() {
        let mut before = footprint(&[]);
        before.unseen.insert("secrets".to_owned());
        assert!(compare(&before, &footprint(&[("secrets/a/x", seen("new"))]), &doer()).is_empty());
    }

    #[test]
    fn labels_of_others_that_changed_by_another_hand_are_others() {
        let mine = Seen { labels: [("l".to_owned(), "1".to_owned())].into(), ..seen(FIELD_MANAGER) };
        let theirs = Seen { generation: Some(2), ..seen("k") };
        let before = footprint(&[("configmaps/a/x", seen("k")), ("configmaps/a/y", seen("k"))]);
        let found = compare(&before, &footprint(&[("configmaps/a/x", mine), ("configmaps/a/y", theirs)]), &doer());
        assert_eq!(found.changed, [key("configmaps/a/x")]);
        assert_eq!(found.told(), ["not as it was before: configmaps/x in a"]);
    }
}
