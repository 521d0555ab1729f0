//! From the kind that a suite names to the resource that RBAC names, without asking a cluster.

use kube::core::{ApiResource, GroupVersionKind};

use crate::cluster::Kind;

/// A kind and its resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    pub group: String,
    /// With its subresource, if it is one: `pods/exec`.
    pub plural: String,
    pub kind: String,
    /// As in `apps/v1`: where it is asked for.
    pub api_version: String,
    pub namespaced: bool,
}

impl Resource {
    /// A kind of Kubernetes' own, or one whose API version is named: such are taken to be namespaced, and their plural to be what
    /// Kubernetes itself would guess. `None` if only a cluster knows the group.
    pub fn of(api_version: Option<&str>, kind: &str) -> Option<Self> {
        // Each group of a kind of Kubernetes' own has one version in the table, and rules name no versions.
        let group = |text: &str| text.split_once('/').map_or("", |(group, _)| group).to_owned();
        let known = Kind::built_in(kind).filter(|known| api_version.is_none_or(|v| group(v) == known.resource.group));
        if let Some(known) = known {
            return Some(Self::from(&known));
        }
        let (group, version) = api_version?.split_once('/')?;
        let guess = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Some(Self::from(&Kind { resource: guess, namespaced: true }))
    }

    /// A kind of the table.
    pub fn built_in(kind: &str) -> Self {
        Self::from(&Kind::built_in(kind).expect("it is in the table"))
    }

    #[must_use]
    pub fn subresource(mut self, name: &str) -> Self {
        self.plural = format!("{}/{name}", self.plural);
        self
    }
}

impl From<&Kind> for Resource {
    fn from(kind: &Kind) -> Self {
        let ApiResource { group, plural, kind: name, api_version, .. } = kind.resource.clone();
        Self { group, plural, kind: name, api_version, namespaced: kind.namespaced }
    }
}

impl From<&Resource> for Kind {
    fn from(resource: &Resource) -> Self {
        let (group, version) = resource.api_version.split_once('/').unwrap_or(("", &resource.api_version));
        let plural = resource.plural.split('/').next().unwrap_or_default();
        let gvk = GroupVersionKind::gvk(group, version, &resource.kind);
        Self { resource: ApiResource::from_gvk_with_plural(&gvk, plural), namespaced: resource.namespaced }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::own(None, "Deployment", Some(("apps", "deployments")))]
    #[case::of_another_version(Some("apps/v1beta1"), "Deployment", Some(("apps", "deployments")))]
    #[case::of_another_group(Some("shop.example/v1"), "Service", Some(("shop.example", "services")))]
    #[case::vowel_before_y(Some("networking.istio.io/v1"), "Gateway", Some(("networking.istio.io", "gateways")))]
    #[case::consonant_before_y(Some("security.istio.io/v1"), "AuthorizationPolicy", Some(("security.istio.io", "authorizationpolicies")))]
    #[case::unknown_group(None, "Gateway", None)]
    fn kinds_have_resources(
        #[case] api_version: Option<&str>,
        #[case] kind: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let found = Resource::of(api_version, kind);
        assert_eq!(found.as_ref().map(|found| (found.group.as_str(), found.plural.as_str())), expected);
    }
}
