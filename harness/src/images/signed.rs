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
