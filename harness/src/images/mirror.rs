//! Where what is pulled is to be copied, so that one rule for each registry finds it there.

use std::collections::BTreeMap;

/// Sources with their destinations, and the rules by which a run finds these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Source and destination, sorted.
    pub copies: Vec<(String, String)>,
    /// As `--registry-map` takes them.
    pub rules: Vec<String>,
    /// What would be one in the destination, of other sources: the first of them is copied, and the others must be the same.
    pub same: Vec<(String, String)>,
}

/// Everything beneath `destination`, by the path that it has in its own registry. Each item is where something is copied from, and what the
/// suite calls it before any rule moves it: the same, or another if it is copied from a registry in place of the suite's.
pub fn mirror<'a>(items: impl IntoIterator<Item = (&'a str, &'a str)>, destination: &str) -> Mirror {
    let destination = destination.trim_end_matches('/');
    let mut mirror = Mirror::default();
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (source, name) in items {
        let Some((registry, path)) = name.split_once('/') else { continue };
        let rule = format!("{registry}={destination}");
        if !mirror.rules.contains(&rule) {
            mirror.rules.push(rule);
        }
        let to = format!("{destination}/{path}");
        match taken.get(&to) {
            Some(first) if *first == source => {}
            Some(first) => mirror.same.push(((*first).to_owned(), source.to_owned())),
            None => {
                taken.insert(to.clone(), source);
                mirror.copies.push((source.to_owned(), to));
            }
        }
    }
    mirror
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_each_registry_finds_everything() {
        let pulled = ["docker.io/istio/a:1", "r.example/x/pilot:1", "s.example/x/pilot:1"];
        let mirror = mirror(pulled.map(|reference| (reference, reference)), "m.example:5000/all/");
        let copies = [
            ("docker.io/istio/a:1", "m.example:5000/all/istio/a:1"),
            ("r.example/x/pilot:1", "m.example:5000/all/x/pilot:1"),
        ];
        assert_eq!(mirror.copies, copies.map(|(from, to)| (from.to_owned(), to.to_owned())));
        assert_eq!(mirror.same, [("r.example/x/pilot:1".to_owned(), "s.example/x/pilot:1".to_owned())]);
        let map = crate::registry::RegistryMap::parse(mirror.rules.iter().map(String::as_str)).unwrap();
        assert!(pulled.iter().all(|one| mirror.copies.iter().any(|(_, to)| *to == map.apply(one))));
    }

    #[test]
    fn what_is_copied_from_a_mirror_is_found_by_its_own_name() {
        let items =
            [("m.example/all/x/pilot:1", "r.example/x/pilot:1"), ("m.example/all/x/pilot:1", "s.example/x/pilot:1")];
        let mirror = mirror(items, "n.example");
        assert_eq!(mirror.copies, [("m.example/all/x/pilot:1".to_owned(), "n.example/x/pilot:1".to_owned())]);
        assert_eq!(mirror.rules, ["r.example=n.example", "s.example=n.example"]);
        assert!(mirror.same.is_empty());
    }
}
