//! Rules that move references to other registries: `FROM=TO`.

use serde_json::Value;

/// Rules, of which the one with the longest `FROM` that a reference begins with counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryMap(Vec<(String, String)>);

impl RegistryMap {
    /// Reads `FROM=TO`s: both a registry, perhaps with a path, as in `docker.io/istio=registry.example:5000/mirror/istio`.
    /// `Err` says what is wrong with the first that is none.
    pub fn parse<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut map = Vec::new();
        for rule in rules {
            let Some((from, to)) = rule.split_once('=') else { return Err(format!("`{rule}` is not FROM=TO")) };
            for side in [from, to] {
                if side.is_empty() || side.contains("://") || side.ends_with('/') || side.contains('@') {
                    return Err(format!("`{side}` in `{rule}` is not a registry, perhaps with a path"));
                }
            }
            if map.iter().any(|(known, _): &(String, String)| known == from) {
                return Err(format!("`{from}` is moved twice"));
            }
            map.push((from.to_owned(), to.to_owned()));
        }
        map.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Ok(Self(map))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What references are moved to.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, to)| to.as_str())
    }

    /// The reference, or a part of one that begins with the registry, as it is after the rules.
    pub fn apply(&self, reference: &str) -> String {
        self.moved(reference).unwrap_or_else(|| reference.to_owned())
    }

    /// A variable's value: a text that is a registry, a path on one or a reference, and each such item of a list. A map is a table to
    /// choose from, and stays as it is.
    pub fn apply_to_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.apply_to_value(item)).collect(),
            other => other,
        }
    }

    /// The images of containers in an object, wherever it has a pod's spec.
    pub fn apply_to_object(&self, object: &mut Value) {
        if self.is_empty() {
            return;
        }
        match object {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if let (true, Value::Array(containers)) = (CONTAINERS.contains(&name.as_str()), &mut *field) {
                        for image in containers.iter_mut().filter_map(|container| container.get_mut("image")) {
                            if let Some(moved) = image.as_str().and_then(|text| self.moved(&normal_image(text))) {
                                *image = Value::String(moved);
                            }
                        }
                    }
                    self.apply_to_object(field);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply_to_object(item)),
            _ => {}
        }
    }

    fn moved(&self, reference: &str) -> Option<String> {
        self.0.iter().find_map(|(from, to)| {
            let rest = reference.strip_prefix(from.as_str())?;
            let whole = rest.is_empty() || rest.starts_with(['/', ':', '@']);
            whole.then(|| format!("{to}{rest}"))
        })
    }
}

/// Lists of containers in a pod's spec.
pub const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// An image's name as the container runtime reads it: without a registry, it is Docker Hub's.
pub fn normal_image(image: &str) -> String {
    let has_registry =
        image.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost");
    match (has_registry, image.contains('/')) {
        (true, _) => image.to_owned(),
        (false, true) => format!("docker.io/{image}"),
        (false, false) => format!("docker.io/library/{image}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn map() -> RegistryMap {
        RegistryMap::parse(["docker.io=mirror.example:5000/hub", "docker.io/istio=mirror.example:5000/istio"]).unwrap()
    }

    #[rstest]
    #[case::the_longest_counts("docker.io/istio/pilot:1", "mirror.example:5000/istio/pilot:1")]
    #[case::the_shorter("docker.io/library/a:1", "mirror.example:5000/hub/library/a:1")]
    #[case::whole_parts_only("docker.io/istio-2/a:1", "mirror.example:5000/hub/istio-2/a:1")]
    #[case::no_prefix_of_a_host("docker.io.example/a:1", "docker.io.example/a:1")]
    #[case::a_registry_alone("docker.io", "mirror.example:5000/hub")]
    #[case::by_digest("docker.io/istio@sha256:0", "mirror.example:5000/istio@sha256:0")]
    fn a_reference_is_moved(#[case] from: &str, #[case] to: &str) {
        assert_eq!(map().apply(from), to);
    }

    #[test]
    fn images_in_objects_are_moved_as_a_node_would_read_them() {
        let pod = |image: &str| json!({"template": {"spec": {"containers": [{"image": image}], "initContainers": []}}});
        let mut object = pod("istio/pilot:1");
        map().apply_to_object(&mut object);
        assert_eq!(object, pod("mirror.example:5000/istio/pilot:1"));
        let mut object = pod("quay.io/istio/pilot:1");
        map().apply_to_object(&mut object);
        assert_eq!(object, pod("quay.io/istio/pilot:1"));
    }

    #[rstest]
    #[case("a.example", "is not FROM=TO")]
    #[case("a.example=", "`` in `a.example=`")]
    #[case("https://a.example=b.example", "is not a registry")]
    fn what_is_no_rule_is_told(#[case] rule: &str, #[case] expected: &str) {
        let problem = RegistryMap::parse([rule]).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }

    #[test]
    fn a_table_stays_a_table() {
        let table = json!({"kr1": "docker.io/istio"});
        assert_eq!(map().apply_to_value(table.clone()), table);
        assert_eq!(map().apply_to_value(json!(["docker.io/istio", 1])), json!(["mirror.example:5000/istio", 1]));
    }
}
