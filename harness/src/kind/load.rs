//! Images that a node is given before anything is started: archives, as `docker save` writes them or with an OCI layout in them.

use std::path::{Path, PathBuf};

use super::{KindError, Step, container::Node};

/// Where they lie in a node meanwhile: /var is a volume, and /tmp would be memory.
const FOLDER: &str = "/var/lib";
const NAME: &str = "meshproof-load.tar";

/// Gives the images of all archives to the node.
pub async fn load(node: &Node, archives: &[PathBuf]) -> Result<(), KindError> {
    for archive in archives {
        node.copy(Step::Load, archive, FOLDER, NAME).await?;
        let path = format!("{FOLDER}/{NAME}");
        let imported =
            node.run(Step::Load, &["ctr", "--namespace=k8s.io", "images", "import", "--digests", &path]).await;
        node.run(Step::Load, &["rm", "-f", &path]).await?;
        imported.map_err(|error| {
            let reason = format!("{} holds no images that containerd reads: {}", archive.display(), error.reason);
            KindError { reason, ..error }
        })?;
    }
    Ok(())
}

/// Says of each archive that it cannot be read, before anything is started.
pub fn check(archives: &[PathBuf]) -> Result<(), KindError> {
    let unreadable = |path: &Path| std::fs::File::open(path).and_then(|file| file.metadata());
    for path in archives {
        match unreadable(path) {
            Ok(file) if file.is_file() => {}
            Ok(_) => {
                return Err(KindError::new(Step::Load, format!("{} is not a file: pack it with tar", path.display())));
            }
            Err(error) => return Err(KindError::new(Step::Load, format!("{}: {error}", path.display()))),
        }
    }
    Ok(())
}
