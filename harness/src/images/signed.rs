//! Signatures of what is laid out, so that they can be proved where the layout is loaded.

use super::{Copied, Layout, LayoutError, Stored, layout::stored_as};
use crate::{
    plan::Plan,
    registry::{Manifest, RegistryError, Repository},
    signature::signature_tag,
    yaml::Node,
};

/// Whether one of the plan's expectations is that something is signed.
pub fn asks_for_signatures(plan: &Plan) -> bool {
    let expectations = plan.cases.iter().flat_map(|case| &case.expectations);
    let mut verbs = expectations.flat_map(Node::entries);
    verbs.any(|verb| ["artifact", "image"].contains(&verb.key.value.as_str()) && verb.node.get("signature").is_some())
}

impl Layout {
    /// Copies the signatures of `manifest` into the layout, where there are any: what stands under cosign's tag, and all that refers to it. The
    /// list of the latter becomes a tag, by which it is found also in a registry that keeps no such list.
    pub async fn fetch_signatures(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        copied: &mut Copied,
    ) -> Result<Vec<Stored>, LayoutError> {
        let tagged = repository.beside(&signature_tag(&manifest.digest));
        let listed = repository.beside(&manifest.digest.as_tag());
        let found = [
            (&tagged, present(tagged.manifest().await)?),
            (&listed, repository.referrers_index(&manifest.digest).await?),
        ];
        let mut stored = Vec::new();
        for (place, found) in found {
            let Some(manifest) = found.filter(|manifest| !manifest.content().is_ok_and(|content| content.is_empty()))
            else {
                continue;
            };
            self.keep(place, &manifest, copied).await?;
            stored.push(stored_as(place.shown(), &manifest));
        }
        Ok(stored)
    }
}

fn present(manifest: Result<Manifest, RegistryError>) -> Result<Option<Manifest>, RegistryError> {
    match manifest {
        Err(error) if error.is_absence() => Ok(None),
        manifest => manifest.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        images::open,
        plan::testing::{planned, scenario},
        registry::{
            Contacts, Registries, Settings,
            testing::{Layer, TestRegistry},
        },
    };

    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    #[rstest]
    #[case("image: {images: ['r.example/a:1'], signature: {keys: [a.pub]}}", true)]
    #[case("artifact: {artifacts: ['r.example/a:1'], signature: {keys: [a.pub]}}", true)]
    #[case("image: {images: ['r.example/a:1']}", false)]
    fn a_suite_asks_for_signatures_where_an_expectation_does(#[case] expectation: &str, #[case] expected: bool) {
        let (plan, _) = planned(&scenario("a", &[&format!("one, expect: [{{{expectation}}}]")]));
        assert_eq!(asks_for_signatures(&plan), expected);
    }

    #[tokio::test]
    async fn what_signs_and_what_refers_is_laid_out_by_the_tags_under_which_it_is_looked_for() {
        let registry = TestRegistry::start().await;
        let digest = registry.push_artifact("a", "1", &[Layer::untitled("layer")]);
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::make(folder.path()).unwrap();
        let registries = Registries::new(Settings { docker_config: None, ..Settings::default() }, Contacts::default());
        let fetch = async || {
            let repository = open(&registries, &format!("{}/a:1", registry.host())).unwrap();
            let mut copied = Copied::default();
            let manifest = layout.fetch(&repository, &mut copied).await.unwrap();
            layout.fetch_signatures(&repository, &manifest, &mut copied).await.unwrap()
        };
        assert_eq!(fetch().await, []);

        let tag = digest.replace(':', "-");
        let signature = registry.push_artifact("a", &format!("{tag}.sig"), &[Layer::untitled("payload")]);
        let referrer = registry.push_artifact("a", "elsewhere", &[Layer::untitled("bundle")]);
        let manifests = json!([{"mediaType": OCI, "digest": referrer, "size": 1}]);
        let list = |manifests| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string();
        registry.list_referrers("a", &digest, list(manifests));
        let stored = fetch().await;
        let place = |tag: &str| format!("{}/a:{tag}", registry.host());
        let names: Vec<&String> = stored.iter().map(|one| &one.reference).collect();
        assert_eq!(names, [&place(&format!("{tag}.sig")), &place(&tag)]);
        assert_eq!((&stored[0].digest, stored[1].media_type.as_str()), (&signature, INDEX));
        for content in ["payload", "bundle"] {
            let digest = crate::registry::Digest::of(content.as_bytes(), None).to_string();
            let path = folder.path().join("blobs/sha256").join(&digest["sha256:".len()..]);
            assert_eq!(std::fs::read_to_string(path).unwrap(), content);
        }

        registry.list_referrers("a", &digest, list(json!([])));
        assert_eq!(fetch().await.len(), 1);
    }
}
