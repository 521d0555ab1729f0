//! Looks at what is in registries: many at once, each within its registry's bounds.

use std::{collections::BTreeSet, time::Duration};

use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use super::{Item, Kind, Wanted};
use crate::registry::{
    Blame, Content, Descriptor, ImageConfig, Manifest, Platform, Registries, RegistryError, Repository,
};
use crate::signature::Prover;

/// So many references are looked at a time. What one registry is asked at once is bounded besides.
const AT_ONCE: usize = 64;

/// What one reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub digest: String,
    pub media_type: String,
    /// Whether it is an index of several.
    pub index: bool,
    /// Each image that it names; one, where it is no index.
    pub parts: Vec<Part>,
    /// What is not there or not as it should be, each a sentence.
    pub flaws: Vec<String>,
}

/// One image or artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub platform: Option<Platform>,
    pub artifact_type: Option<String>,
    /// Of its config and layers together, in bytes.
    pub size: u64,
    /// Titles of its layers.
    pub files: Vec<String>,
    /// Read where something of it is wanted.
    pub config: Option<ImageConfig>,
}

/// What was seen of one reference.
#[derive(Debug)]
pub struct Sight {
    pub item: usize,
    pub reference: String,
    pub seen: Seen,
}

#[derive(Debug)]
pub enum Seen {
    Found(Found),
    /// It is not there, or not as it should be; a sentence that names it.
    Lacking(String),
    /// It could not be looked at; a sentence that names it.
    Trouble(String),
}

/// Looks at all of `items`, in their order, until `deadline` at most. `prover` is there where a signature is wanted. `span` is how long
/// the deadline is, as the author wrote it.
pub async fn look(
    registries: &Registries,
    items: &[Item],
    wanted: &Wanted<'_>,
    prover: Option<&Prover>,
    deadline: Instant,
    span: Duration,
) -> Vec<Sight> {
    // Collected because a closure over references that is kept across an await is not `Send`.
    let looks: Vec<_> = items
        .iter()
        .enumerate()
        .flat_map(|(item, one)| one.references.iter().map(move |reference| (item, reference)))
        .map(|(item, reference)| async move {
            let seen = match tokio::time::timeout_at(deadline, one(registries, reference, wanted, prover, deadline))
                .await
            {
                Ok(Ok(found)) => Seen::Found(found),
                Ok(Err(error)) if error.blame() == Blame::Product => Seen::Lacking(error.told()),
                Ok(Err(error)) => Seen::Trouble(error.told()),
                Err(_) => {
                    let within = crate::language::formats::spell(span);
                    Seen::Trouble(format!("{reference}: expected all answers within {within}, and they were not there"))
                }
            };
            Sight { item, reference: reference.clone(), seen }
        })
        .collect();
    stream::iter(looks).buffered(AT_ONCE).collect().await
}

async fn one(
    registries: &Registries,
    reference: &str,
    wanted: &Wanted<'_>,
    prover: Option<&Prover>,
    deadline: Instant,
) -> Result<Found, RegistryError> {
    let repository = registries.open(registries.reference(reference)?, Some(deadline))?;
    let manifest = repository.manifest().await?;
    let invalid = |reason: String| RegistryError::ManifestInvalid { reference: repository.shown(), reason };
    let mut found = Found {
        digest: manifest.digest.to_string(),
        media_type: manifest.media_type.clone().unwrap_or_default(),
        index: false,
        parts: Vec::new(),
        flaws: Vec::new(),
    };
    let mut asked = BTreeSet::new();
    match manifest.content().map_err(invalid)? {
        Content::Index { manifests } => {
            found.index = true;
            for descriptor in manifests {
                // Tools put what belongs to an image beside it, as of no platform.
                if descriptor.platform.as_ref().is_some_and(|platform| !platform.is_known()) {
                    continue;
                }
                match repository.manifest_of(&descriptor).await {
                    Ok(manifest) => {
                        let platform = descriptor.platform.clone();
                        part(&repository, &manifest, platform, wanted, &mut found, &mut asked).await?;
                    }
                    Err(error) if error.blame() == Blame::Product => {
                        found.flaws.push(format!("{}{error}", of(descriptor.platform.as_ref())));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Content::Image { .. } => part(&repository, &manifest, None, wanted, &mut found, &mut asked).await?,
    }
    if let Some(prover) = prover {
        found.flaws.extend(prover.prove(&repository, &manifest.digest).await?);
    }
    Ok(found)
}

/// Looks at one image of a reference. `asked` are the blobs that were looked at already.
async fn part(
    repository: &Repository,
    manifest: &Manifest,
    platform: Option<Platform>,
    wanted: &Wanted<'_>,
    found: &mut Found,
    asked: &mut BTreeSet<String>,
) -> Result<(), RegistryError> {
    let invalid = |reason: String| RegistryError::ManifestInvalid { reference: repository.shown(), reason };
    let Content::Image { artifact_type, config, layers } = manifest.content().map_err(invalid)? else {
        return Err(invalid("an index names another index".to_owned()));
    };
    let names = |layer: &Descriptor| layer.annotations.get("org.opencontainers.image.title").cloned();
    let blobs = std::iter::once(config.blob("its config")).chain(
        layers.iter().map(|layer| layer.blob(&names(layer).map_or("its layer".into(), |name| format!("`{name}`")))),
    );
    let blobs: Vec<_> = blobs.filter(|blob| asked.insert(blob.digest.to_string())).collect();
    let looks: Vec<_> = blobs
        .iter()
        .map(|blob| async move {
            match (wanted.deep, wanted.layers) {
                (true, _) => repository.verify(blob).await,
                (false, true) => repository.find(blob).await,
                (false, false) => Ok(()),
            }
        })
        .collect();
    for result in stream::iter(looks).buffered(8).collect::<Vec<_>>().await {
        match result {
            Ok(()) => {}
            Err(error) if error.blame() == Blame::Product => {
                found.flaws.push(format!("{}{error}", of(platform.as_ref())));
            }
            Err(error) => return Err(error),
        }
    }
    let read = match &wanted.kind {
        Kind::Image { platforms, created, user, entrypoint } => {
            created.is_some() || user.is_some() || entrypoint.is_some() || (platform.is_none() && !platforms.is_empty())
        }
        Kind::Artifact { .. } => false,
        Kind::Any => platform.is_none() && artifact_type.is_none(),
    };
    let details = match read {
        false => None,
        true => match repository.config(&config).await {
            Ok(details) => Some(details),
            // That it is not there stands among the flaws already.
            Err(error) if error.blame() == Blame::Product => {
                let flaw = format!("{}{error}", of(platform.as_ref()));
                if found.flaws.is_empty() {
                    found.flaws.push(flaw);
                }
                None
            }
            Err(error) => return Err(error),
        },
    };
    let platform = platform.or_else(|| details.as_ref().map(ImageConfig::platform));
    found.parts.push(Part {
        platform,
        artifact_type,
        size: config.size + layers.iter().map(|layer| layer.size).sum::<u64>(),
        files: layers.iter().filter_map(names).collect(),
        config: details,
    });
    Ok(())
}

fn of(platform: Option<&Platform>) -> String {
    platform.map(|platform| format!("{platform} of ")).unwrap_or_default()
}
