//! An OCI layout on disk: everything that a suite pulls, by digest
//! (<https://github.com/opencontainers/image-spec/blob/main/image-layout.md>).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::names::names;
use crate::registry::{Blob, Content, Descriptor, Digest, Manifest, Reference, Registries, RegistryError, Repository};

/// The annotation by which a layout says what something in it is called.
const NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation by which containerd, and a bundle, says where it was pulled from.
const REFERENCE: &str = "io.containerd.image.name";
/// The annotation of a bundle's index that says how its suite is chosen: words of a command line, as a JSON list.
const CHOICE: &str = "dev.meshproof.choice";

/// A folder with a layout.
#[derive(Debug, Clone)]
pub struct Layout {
    directory: PathBuf,
}

/// What a layout has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// `registry/repository:tag`, as the suite calls it, whatever rules moved it.
    pub reference: String,
    pub digest: String,
    pub media_type: String,
    pub size: u64,
}

/// How much was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    pub blobs: u64,
    /// Those that were there already left out.
    pub new: u64,
    pub bytes: u64,
}

/// Why a layout is not made or read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("{0}")]
    Registry(#[from] RegistryError),
    #[error("{action} {}: {error}", path.display())]
    Disk { action: &'static str, path: PathBuf, error: io::Error },
    #[error("read the layout {}: {reason}", path.display())]
    Broken { path: PathBuf, reason: String },
}

impl Layout {
    /// Makes an empty one in `directory`, or goes on with one that is there.
    pub fn make(directory: &Path) -> Result<Self, LayoutError> {
        let blobs = directory.join("blobs").join("sha256");
        fs::create_dir_all(&blobs).map_err(|error| LayoutError::Disk { action: "make", path: blobs, error })?;
        let layout = Self { directory: directory.to_owned() };
        layout.write("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
        Ok(layout)
    }

    pub fn open(directory: &Path) -> Result<Self, LayoutError> {
        let path = directory.join("oci-layout");
        match fs::metadata(&path) {
            Ok(_) => Ok(Self { directory: directory.to_owned() }),
            Err(error) => Err(LayoutError::Disk { action: "find", path, error }),
        }
    }

    /// Names what is in it, and by which words of a command line the suite that pulls it is chosen.
    pub fn index(&self, stored: &[Stored], choice: &[String]) -> Result<(), LayoutError> {
        let references: Vec<&str> = stored.iter().map(|one| one.reference.as_str()).collect();
        let manifests: Vec<_> = stored
            .iter()
            .zip(names(&references))
            .map(|(one, name)| {
                json!({
                    "mediaType": one.media_type, "digest": one.digest, "size": one.size,
                    "annotations": {NAME: name, REFERENCE: one.reference},
                })
            })
            .collect();
        let index = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
            "annotations": {CHOICE: json!(choice).to_string()},
        });
        self.write("index.json", &format!("{index:#}\n"))
    }

    /// What is in it.
    pub fn stored(&self) -> Result<Vec<Stored>, LayoutError> {
        let named = self.read_index()?.manifests.into_iter().filter_map(|descriptor| {
            let reference = descriptor.annotations.get(REFERENCE)?.clone();
            let (digest, media_type) = (descriptor.digest.to_string(), descriptor.media_type.clone());
            Some(Stored { reference, digest, media_type, size: descriptor.size })
        });
        Ok(named.collect())
    }

    /// The words by which its suite is chosen; none, if it does not say.
    pub fn choice(&self) -> Result<Vec<String>, LayoutError> {
        let annotations = self.read_index()?.annotations;
        let Some(words) = annotations.get(CHOICE) else { return Ok(Vec::new()) };
        serde_json::from_str(words).map_err(|error| LayoutError::Broken {
            path: self.directory.join("index.json"),
            reason: format!("expected a list of words in its annotation {CHOICE}: {error}"),
        })
    }

    /// Copies what a reference names into the layout, with everything that it names in turn.
    pub async fn fetch(&self, repository: &Repository, copied: &mut Copied) -> Result<Manifest, LayoutError> {
        let top = repository.manifest().await?;
        self.keep(repository, &top, copied).await?;
        Ok(top)
    }

    /// Copies what a manifest that was fetched names in turn, and the manifest.
    pub(super) async fn keep(
        &self,
        repository: &Repository,
        top: &Manifest,
        copied: &mut Copied,
    ) -> Result<(), LayoutError> {
        for (manifest, _) in self.tree(repository, top, true).await? {
            let (_, blobs) = named(repository, &manifest)?;
            for blob in blobs {
                copied.blobs += 1;
                let path = self.place(&blob.digest);
                if self.has(&blob) {
                    continue;
                }
                let part = path.with_extension("part");
                repository.download(&blob, &part).await?;
                fs::rename(&part, &path).map_err(|error| LayoutError::Disk { action: "write", path, error })?;
                copied.new += 1;
                copied.bytes += blob.size;
            }
            self.put(&manifest)?;
        }
        Ok(())
    }

    /// Pushes what is stored as `stored` to `to`, everything that it names first.
    pub async fn push(&self, stored: &Stored, to: &Repository, copied: &mut Copied) -> Result<(), LayoutError> {
        let broken = |reason: String| LayoutError::Broken { path: self.directory.clone(), reason };
        let digest: Digest = stored.digest.parse().map_err(broken)?;
        let top = self.manifest(&digest, Some(stored.media_type.clone()))?;
        for (manifest, by_tag) in self.tree(to, &top, false).await? {
            let (_, blobs) = named(to, &manifest)?;
            for blob in blobs {
                copied.blobs += 1;
                if !to.lacks(&blob).await? {
                    continue;
                }
                to.push_blob(&blob, &self.prove(&blob.digest)?).await?;
                copied.new += 1;
                copied.bytes += blob.size;
            }
            let name = match (&to.reference.tag, by_tag) {
                (Some(tag), true) => tag.clone(),
                _ => manifest.digest.to_string(),
            };
            to.push_manifest(&name, &manifest).await?;
        }
        Ok(())
    }

    /// The manifests beneath one, those that are named first, with whether it is the one itself. `remote` ones are asked for.
    async fn tree(
        &self,
        repository: &Repository,
        top: &Manifest,
        remote: bool,
    ) -> Result<Vec<(Manifest, bool)>, LayoutError> {
        let mut all = Vec::new();
        let (children, _) = named(repository, top)?;
        for child in children {
            let manifest = match remote {
                true => repository.manifest_of(&child).await?,
                false => self.manifest(&child.digest, Some(child.media_type.clone()))?,
            };
            all.push((manifest, false));
        }
        all.push((top.clone(), true));
        Ok(all)
    }

    fn read_index(&self) -> Result<Index, LayoutError> {
        let path = self.directory.join("index.json");
        let broken = |reason: String| LayoutError::Broken { path: path.clone(), reason };
        let text = fs::read(&path).map_err(|error| broken(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))
    }

    fn manifest(&self, digest: &Digest, media_type: Option<String>) -> Result<Manifest, LayoutError> {
        Ok(Manifest { digest: digest.clone(), media_type, bytes: self.read(digest)? })
    }

    /// Content of the layout, which is small, proved by its digest.
    fn read(&self, digest: &Digest) -> Result<Bytes, LayoutError> {
        let path = self.prove(digest)?;
        fs::read(&path).map(Bytes::from).map_err(|error| LayoutError::Disk { action: "read", path, error })
    }

    /// The file with content of the layout, however large, proved by its digest.
    fn prove(&self, digest: &Digest) -> Result<PathBuf, LayoutError> {
        let path = self.place(digest);
        match File::open(&path).and_then(|mut file| Digest::read(&mut file, digest)) {
            Ok(seen) if seen == *digest => Ok(path),
            Ok(seen) => Err(LayoutError::Broken { path, reason: format!("expected the digest {digest}, saw {seen}") }),
            Err(error) => Err(LayoutError::Disk { action: "read", path, error }),
        }
    }

    /// Whether the layout has the blob, whole.
    fn has(&self, blob: &Blob) -> bool {
        let length = fs::metadata(self.place(&blob.digest)).map(|metadata| metadata.len());
        length.is_ok_and(|length| length == blob.size) && self.prove(&blob.digest).is_ok()
    }

    fn put(&self, manifest: &Manifest) -> Result<(), LayoutError> {
        let path = self.place(&manifest.digest);
        fs::write(&path, &manifest.bytes).map_err(|error| LayoutError::Disk { action: "write", path, error })
    }

    fn write(&self, name: &str, text: &str) -> Result<(), LayoutError> {
        let path = self.directory.join(name);
        fs::write(&path, text).map_err(|error| LayoutError::Disk { action: "write", path, error })
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        let text = digest.to_string();
        let (algorithm, hex) = text.split_once(':').unwrap_or(("sha256", &text));
        self.directory.join("blobs").join(algorithm).join(hex)
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A manifest under the name `reference`.
pub fn stored_as(reference: String, manifest: &Manifest) -> Stored {
    Stored {
        reference,
        digest: manifest.digest.to_string(),
        media_type: manifest.media_type.clone().unwrap_or_default(),
        size: manifest.bytes.len() as u64,
    }
}

/// Opens `reference` where the rules move it to.
pub fn open(registries: &Registries, reference: &str) -> Result<Repository, RegistryError> {
    registries.open(registries.reference(reference)?, None)
}

/// Opens `reference` exactly there.
pub fn open_there(registries: &Registries, reference: &str) -> Result<Repository, RegistryError> {
    let plain = registries.settings().is_plain(reference.split('/').next().unwrap_or_default());
    registries.open(Reference::parse(reference, None, plain)?, None)
}

/// The manifests and the blobs that a manifest names, each once.
fn named(repository: &Repository, manifest: &Manifest) -> Result<(Vec<Descriptor>, Vec<Blob>), RegistryError> {
    let content = manifest
        .content()
        .map_err(|reason| RegistryError::ManifestInvalid { reference: repository.shown(), reason })?;
    Ok(match content {
        Content::Index { manifests } => (manifests, Vec::new()),
        Content::Image { config, layers, .. } => {
            let mut seen = BTreeSet::new();
            let all = std::iter::once(config.blob("its config")).chain(layers.iter().map(|l| l.blob("its layer")));
            (Vec::new(), all.filter(|blob| seen.insert(blob.digest.clone())).collect())
        }
    })
}
