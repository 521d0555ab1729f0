//! The layers, downloaded side by side to disk and verified on the way.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{PullError, manifest::ArtifactFile, staging::Staging};
use crate::registry::Repository;

/// How many layers come at a time.
pub(super) const CONCURRENT: usize = 4;

/// Downloads `files` into `staging`. The first error ends all of them.
pub(super) async fn download(
    repository: &Repository,
    files: &[ArtifactFile],
    staging: &Staging,
) -> Result<(), PullError> {
    // Collected because a closure over references that is kept across an await is not `Send`.
    let downloads: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let (blob, path) = (file.blob(), staging.download_path(index, file));
            async move { repository.download(&blob, &path).await.map_err(PullError::from) }
        })
        .collect();
    stream::iter(downloads).buffer_unordered(CONCURRENT).try_collect().await
}
