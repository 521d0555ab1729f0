//! Where what is pulled is to be copied, so that one rule for each registry finds it there.

use std::collections::BTreeMap;

use super::Pulled;

/// Sources with their destinations, and the rules by which a run finds these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirror {
    /// Source and destination, sorted.
    pub copies: Vec<(String, String)>,
    /// As `--registry-map` takes them.
    pub rules: Vec<String>,
    /// What would be one in the destination: the first of them is copied, and the others must be the same.
    pub same: Vec<(String, String)>,
}

/// Everything beneath `destination`, by the path that it has in its own registry.
pub fn mirror(pulled: &[Pulled], destination: &str) -> Mirror {
    let destination = destination.trim_end_matches('/');
    let mut mirror = Mirror::default();
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for Pulled { reference, .. } in pulled {
        let Some((registry, path)) = reference.split_once('/') else { continue };
        let rule = format!("{registry}={destination}");
        if !mirror.rules.contains(&rule) {
            mirror.rules.push(rule);
        }
        let to = format!("{destination}/{path}");
        match taken.get(&to) {
            Some(first) => mirror.same.push(((*first).to_owned(), reference.clone())),
            None => {
                taken.insert(to.clone(), reference);
                mirror.copies.push((reference.clone(), to));
            }
        }
    }
    mirror
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::images::Kind;

    #[test]
    fn a_rule_for_each_registry_finds_everything() {
        let pulled = ["docker.io/istio/a:1", "r.example/x/pilot:1", "s.example/x/pilot:1"].map(|reference| Pulled {
            reference: reference.to_owned(),
            kind: Kind::Image,
            from: BTreeSet::new(),
            cells: BTreeSet::new(),
        });
        let mirror = mirror(&pulled, "m.example:5000/all/");
        let copies = [
            ("docker.io/istio/a:1", "m.example:5000/all/istio/a:1"),
            ("r.example/x/pilot:1", "m.example:5000/all/x/pilot:1"),
        ];
        assert_eq!(mirror.copies, copies.map(|(from, to)| (from.to_owned(), to.to_owned())));
        assert_eq!(mirror.same, [("r.example/x/pilot:1".to_owned(), "s.example/x/pilot:1".to_owned())]);
        let map = crate::registry::RegistryMap::parse(mirror.rules.iter().map(String::as_str)).unwrap();
        assert!(pulled.iter().all(|one| mirror.copies.iter().any(|(_, to)| *to == map.apply(&one.reference))));
    }
}
