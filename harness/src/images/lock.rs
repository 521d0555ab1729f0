//! `images.lock.yaml`: what was found in registries, by digest.

use std::{fs, path::Path};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The file's kind.
const KIND: &str = "ImageLock";

/// What a suite pulled when the file was made, sorted by reference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    pub api_version: String,
    pub kind: String,
    pub suite: String,
    pub images: Vec<Locked>,
}

/// One reference as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Locked {
    /// `registry/repository:tag`, before any rule moved it.
    pub reference: String,
    /// Of its manifest or index.
    pub digest: String,
    pub media_type: String,
    /// Of all configs and layers together, in bytes.
    pub size: u64,
    /// Empty for what is no image of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} the lock file {path}: {reason}")]
pub struct LockError {
    pub action: &'static str,
    pub path: String,
    pub reason: String,
}

impl Lock {
    /// Of a suite; `images` in any order.
    pub fn new(suite: &str, mut images: Vec<Locked>) -> Self {
        images.sort_by(|a, b| a.reference.cmp(&b.reference));
        Self {
            api_version: crate::language::API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            suite: suite.to_owned(),
            images,
        }
    }

    pub fn read(path: &Path) -> Result<Self, LockError> {
        let failed = |reason: String| LockError { action: "read", path: path.display().to_string(), reason };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let lock: Self = serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))?;
        if lock.kind != KIND || lock.api_version != crate::language::API_VERSION {
            let expected = format!("{} {KIND}", crate::language::API_VERSION);
            return Err(failed(format!("expected {expected}, saw {} {}", lock.api_version, lock.kind)));
        }
        Ok(lock)
    }

    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let failed = |reason: String| LockError { action: "write", path: path.display().to_string(), reason };
        let text = serde_saphyr::to_string(self).map_err(|error| failed(error.to_string()))?;
        let text = format!("# Made by `meshproof images lock`: what registries had, by digest.\n{text}");
        fs::write(path, text).map_err(|error| failed(error.to_string()))
    }

    /// What is called so: exactly, else what has the same name and tag in another registry, the more of its path is the same the sooner.
    pub fn find(&self, reference: &str) -> Option<&Locked> {
        let common = |image: &&Locked| {
            let parts = image.reference.rsplit('/').zip(reference.rsplit('/'));
            parts.take_while(|(one, other)| one == other).count()
        };
        self.images.iter().filter(|image| common(image) > 0).max_by_key(common)
    }

    /// What is other than in `before`, a line each: `+` came, `-` went, `~` is another.
    pub fn changes(&self, before: &Self) -> Vec<String> {
        let by_name = |lock: &Self| -> IndexMap<String, Locked> {
            lock.images.iter().map(|image| (image.reference.clone(), image.clone())).collect()
        };
        let (old, new) = (by_name(before), by_name(self));
        let mut changes = Vec::new();
        for (reference, image) in &new {
            match old.get(reference) {
                None => changes.push(format!("+ {reference} {}", image.digest)),
                Some(known) if known == image => {}
                Some(known) if known.digest == image.digest => {
                    changes.push(format!("~ {reference} {}: the file says something else of it", image.digest));
                }
                Some(known) => {
                    let mut more = Vec::new();
                    let listed = |list: &[String]| list.join(", ");
                    if known.platforms != image.platforms {
                        more.push(format!("for {} instead of {}", listed(&image.platforms), listed(&known.platforms)));
                    }
                    if known.size != image.size {
                        more.push(format!("{} bytes instead of {}", image.size, known.size));
                    }
                    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
                    changes.push(format!("~ {reference} {} instead of {}{more}", image.digest, known.digest));
                }
            }
        }
        changes.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("- {name}")));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(reference: &str, digest: &str) -> Locked {
        Locked { reference: reference.to_owned(), digest: digest.to_owned(), size: 1, ..Locked::default() }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let lock = Lock::new("shop", vec![image("r.example/b:1", "sha256:2"), image("r.example/a:1", "sha256:1")]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.lock.yaml");
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
        assert_eq!(lock.images[0].reference, "r.example/a:1");
    }

    #[test]
    fn what_changes_is_told() {
        let before = Lock::new("shop", vec![image("r.example/a:1", "sha256:1"), image("r.example/b:1", "sha256:2")]);
        let after = Lock::new("shop", vec![image("r.example/a:1", "sha256:3"), image("r.example/c:1", "sha256:4")]);
        let told = ["~ r.example/a:1 sha256:3 instead of sha256:1", "+ r.example/c:1 sha256:4", "- r.example/b:1"];
        assert_eq!(after.changes(&before), told);
        assert!(after.changes(&after).is_empty());
    }

    #[test]
    fn a_reference_is_found_in_another_registry_too() {
        let all = ["r.example/istio/pilot:1", "r.example/old/istio/pilot:1", "r.example/istio/proxyv2:1"];
        let lock = Lock::new("shop", all.iter().map(|reference| image(reference, reference)).collect());
        let found = |reference: &str| lock.find(reference).map(|image| image.digest.as_str());
        assert_eq!(found("r.example/istio/pilot:1"), Some(all[0]));
        assert_eq!(found("m.example/old/istio/pilot:1"), Some(all[1]));
        assert_eq!(found("m.example/proxyv2:1"), Some(all[2]));
        assert_eq!(found("r.example/istio/pilot:2"), None);
    }

    #[test]
    fn what_is_no_lock_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "apiVersion: v1\nkind: Pod\nsuite: a\nimages: []\n").unwrap();
        let error = Lock::read(&path).unwrap_err().to_string();
        assert!(error.contains("expected meshproof.dev/v1alpha1 ImageLock, saw v1 Pod"), "{error}");
    }
}
