//! The rights of a whole run, as rules: printed as a manifest and asked for one by one from the same value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ApiVerb, Right};

/// The least set of rules that gives every right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(pub Vec<Rule>);

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// That of the role; `None` for the cluster role.
    pub namespace: Option<String>,
    pub group: String,
    /// With its subresource.
    pub resource: String,
    /// Empty: any.
    pub names: Vec<String>,
    pub verbs: Vec<ApiVerb>,
}

/// The name of the service account, of its roles and of their bindings.
pub const ACCOUNT: &str = "meshproof";
/// Where the service account lives.
pub const ACCOUNT_NAMESPACE: &str = "default";

/// Of one resource in one place: the names for which each verb is needed; none is any.
type Verbs = BTreeMap<ApiVerb, Option<BTreeSet<String>>>;

impl Rules {
    /// `stands` says whether a role can be put into a namespace before the run: not into one that the run itself makes or removes.
    pub fn of<'a>(rights: impl IntoIterator<Item = &'a Right>, stands: impl Fn(&str) -> bool) -> Self {
        let mut all: BTreeMap<(Option<String>, &str, &str), Verbs> = BTreeMap::new();
        for right in rights {
            let namespace = right.namespace.clone().filter(|namespace| stands(namespace));
            // A name that has the run's id in it cannot be named before.
            let name = right.name.clone().filter(|name| !name.contains(super::RUN));
            let verbs = all.entry((namespace, &right.group, &right.resource)).or_default();
            match (verbs.entry(right.verb).or_insert_with(|| Some(BTreeSet::new())), name) {
                (Some(names), Some(name)) => drop(names.insert(name)),
                (any, None) => *any = None,
                (None, Some(_)) => {}
            }
        }
        let everywhere = all.clone();
        let mut rules = Vec::new();
        for ((namespace, group, resource), mut verbs) in all {
            if namespace.is_some()
                && let Some(wide) = everywhere.get(&(None, group, resource))
            {
                leave_out(&mut verbs, wide);
            }
            let mut by_names: BTreeMap<Vec<String>, Vec<ApiVerb>> = BTreeMap::new();
            for (verb, names) in verbs {
                by_names.entry(names.unwrap_or_default().into_iter().collect()).or_default().push(verb);
            }
            rules.extend(by_names.into_iter().map(|(names, verbs)| Rule {
                namespace: namespace.clone(),
                group: group.to_owned(),
                resource: resource.to_owned(),
                names,
                verbs,
            }));
        }
        Self(rules)
    }

    /// Every right that the rules give, one by one.
    pub fn rights(&self) -> Vec<Right> {
        let of = |rule: &Rule| {
            let names: Vec<Option<String>> = match rule.names.as_slice() {
                [] => vec![None],
                names => names.iter().cloned().map(Some).collect(),
            };
            let rule = rule.clone();
            rule.verbs.clone().into_iter().flat_map(move |verb| {
                let right = Right {
                    namespace: rule.namespace.clone(),
                    group: rule.group.clone(),
                    resource: rule.resource.clone(),
                    name: None,
                    verb,
                };
                names.clone().into_iter().map(move |name| Right { name, ..right.clone() })
            })
        };
        self.0.iter().flat_map(of).collect()
    }

    /// A service account, its roles and their bindings, as objects to apply.
    pub fn manifest(&self) -> Vec<Value> {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(Some(ACCOUNT_NAMESPACE))});
        let mut objects = vec![account];
        let mut places: Vec<Option<&str>> = self.0.iter().map(|rule| rule.namespace.as_deref()).collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            let rules = self.0.iter().filter(|rule| rule.namespace.as_deref() == place);
            let kind = if place.is_some() { "Role" } else { "ClusterRole" };
            objects.push(json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": metadata(place),
                "rules": rules.map(Rule::to_json).collect::<Vec<_>>()}));
            objects.push(
                json!({"apiVersion": format!("{GROUP}/v1"), "kind": format!("{kind}Binding"), "metadata": metadata(place),
                "roleRef": {"apiGroup": GROUP, "kind": kind, "name": ACCOUNT},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ACCOUNT_NAMESPACE}]}),
            );
        }
        objects
    }
}

const GROUP: &str = "rbac.authorization.k8s.io";

impl Rule {
    /// As a role has it.
    pub fn to_json(&self) -> Value {
        let verbs: Vec<&str> = self.verbs.iter().map(|verb| verb.as_str()).collect();
        let mut rule = json!({"apiGroups": [self.group], "resources": [self.resource], "verbs": verbs});
        if !self.names.is_empty() {
            rule["resourceNames"] = json!(self.names);
        }
        rule
    }
}

fn metadata(namespace: Option<&str>) -> Value {
    let mut metadata = json!({"name": ACCOUNT});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    metadata
}

/// What is given everywhere is not given once more in a namespace.
fn leave_out(verbs: &mut Verbs, wide: &Verbs) {
    verbs.retain(|verb, names| match (wide.get(verb), names) {
        (Some(None), _) => false,
        (Some(Some(known)), Some(names)) => {
            names.retain(|name| !known.contains(name));
            !names.is_empty()
        }
        (Some(Some(_)), None) | (None, _) => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(verb: ApiVerb, namespace: Option<&str>, resource: &str, name: Option<&str>) -> Right {
        Right {
            namespace: namespace.map(str::to_owned),
            group: String::new(),
            resource: resource.to_owned(),
            name: name.map(str::to_owned),
            verb,
        }
    }

    /// `namespace resource [names] verbs`, a line each.
    fn told(rights: &[Right], stands: impl Fn(&str) -> bool) -> Vec<String> {
        let Rules(rules) = Rules::of(rights, stands);
        let told = |rule: Rule| {
            let verbs: Vec<_> = rule.verbs.iter().map(|verb| verb.as_str()).collect();
            let namespace = rule.namespace.unwrap_or_else(|| "*".to_owned());
            format!("{namespace} {} [{}] {}", rule.resource, rule.names.join(","), verbs.join(","))
        };
        rules.into_iter().map(told).collect()
    }

    #[test]
    fn verbs_with_the_same_names_are_one_rule() {
        let rights = [
            right(ApiVerb::Patch, Some("n"), "services", Some("a")),
            right(ApiVerb::Get, Some("n"), "services", Some("a")),
            right(ApiVerb::Patch, Some("n"), "services", Some("b")),
            right(ApiVerb::Get, Some("n"), "services", Some("b")),
            right(ApiVerb::List, Some("n"), "services", None),
        ];
        assert_eq!(told(&rights, |_| true), ["n services [] list", "n services [a,b] get,patch"]);
    }

    #[test]
    fn any_name_takes_in_the_names() {
        let rights = [right(ApiVerb::Get, None, "nodes", Some("a")), right(ApiVerb::Get, None, "nodes", None)];
        assert_eq!(told(&rights, |_| true), ["* nodes [] get"]);
    }

    #[test]
    fn a_namespace_of_the_runs_own_has_its_rules_in_the_cluster_role() {
        let rights =
            [right(ApiVerb::List, Some("own"), "pods", None), right(ApiVerb::List, Some("there"), "secrets", None)];
        assert_eq!(told(&rights, |namespace| namespace == "there"), ["* pods [] list", "there secrets [] list"]);
    }

    #[test]
    fn what_is_given_everywhere_is_not_given_twice() {
        let rights = [
            right(ApiVerb::List, None, "pods", None),
            right(ApiVerb::List, Some("n"), "pods", None),
            right(ApiVerb::Watch, Some("n"), "pods", None),
        ];
        assert_eq!(told(&rights, |_| true), ["* pods [] list", "n pods [] watch"]);
    }

    #[test]
    fn names_with_the_runs_id_are_any() {
        let name = format!("shop-{}", crate::effect::RUN);
        let rights = [right(ApiVerb::Delete, None, "namespaces", Some(&name))];
        assert_eq!(told(&rights, |_| true), ["* namespaces [] delete"]);
    }

    #[test]
    fn the_rules_give_back_the_rights() {
        let rights = [right(ApiVerb::Get, Some("n"), "services", Some("a")), right(ApiVerb::Watch, None, "pods", None)];
        let mut given = Rules::of(&rights, |_| true).rights();
        given.sort();
        let mut wanted = rights.to_vec();
        wanted.sort();
        assert_eq!(given, wanted);
    }

    #[test]
    fn the_manifest_binds_each_role_to_the_account() {
        let rights = [right(ApiVerb::List, Some("n"), "pods", None), right(ApiVerb::List, None, "nodes", None)];
        let manifest = Rules::of(&rights, |_| true).manifest();
        let kinds: Vec<_> = manifest.iter().filter_map(|object| object["kind"].as_str()).collect();
        assert_eq!(kinds, ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]);
        assert_eq!(manifest[4]["metadata"], json!({"name": "meshproof", "namespace": "n"}));
        assert_eq!(manifest[4]["subjects"][0]["namespace"], "default");
        assert_eq!(manifest[3]["rules"], json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]));
    }
}
