//! Pushing: blobs first, then the manifests that name them
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push>).

use std::path::Path;

use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION},
};

use super::{
    Blob, Digest, Manifest, RegistryError, Repository,
    body::Body,
    repository::{Ask, Thing},
};

impl Repository {
    /// Whether a blob has to be pushed, because it is not there as it should be.
    pub async fn lacks(&self, blob: &Blob) -> Result<bool, RegistryError> {
        match self.find(blob).await {
            Ok(()) => Ok(false),
            Err(RegistryError::BlobUnknown { .. } | RegistryError::BlobSize { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Pushes a blob from the file at `path`, piece by piece. The registry proves its digest.
    pub async fn push_blob(&self, blob: &Blob, path: &Path) -> Result<(), RegistryError> {
        let what = format!("to push {}", blob.name);
        let begin = Ask {
            method: Method::POST,
            path: "blobs/uploads/".to_owned(),
            headers: vec![(CONTENT_LENGTH, HeaderValue::from_static("0"))],
            body: Body::none(),
            thing: Thing::Push(what.clone()),
            wanted: &[StatusCode::ACCEPTED],
        };
        let begun = self.ask(&begin, &mut self.retries()).await?.response;
        let unexpected =
            |answer: String| RegistryError::UnexpectedAnswer { reference: self.shown(), what: what.clone(), answer };
        let location = begun.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.ok_or_else(|| unexpected("without saying where to".to_owned()))?;
        let place = begun.url().join(location);
        let mut place: Url = place.map_err(|error| unexpected(format!("with the place `{location}`: {error}")))?;
        place.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let put = Ask {
            method: Method::PUT,
            path: place.to_string(),
            // A stream does not know its length, and many registries want to know it before.
            headers: vec![
                (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
                (CONTENT_LENGTH, HeaderValue::from(blob.size)),
            ],
            body: Body::File { path: path.to_owned(), size: blob.size },
            thing: Thing::Push(what.clone()),
            wanted: &[StatusCode::CREATED],
        };
        self.ask(&put, &mut self.retries()).await.map(drop)
    }

    /// Pushes a manifest under `name`: a tag, or its digest. The registry must say the same digest.
    pub async fn push_manifest(&self, name: &str, manifest: &Manifest) -> Result<(), RegistryError> {
        let media_type = manifest.media_type.as_deref().unwrap_or("application/vnd.oci.image.manifest.v1+json");
        let what = "to push its manifest".to_owned();
        let media_type = HeaderValue::from_str(media_type).map_err(|_| RegistryError::ManifestInvalid {
            reference: self.shown(),
            reason: format!("its media type is {media_type:?}"),
        })?;
        let put = Ask {
            method: Method::PUT,
            path: format!("manifests/{name}"),
            headers: vec![(CONTENT_TYPE, media_type)],
            body: Body::Memory(manifest.bytes.clone()),
            thing: Thing::Push(what),
            wanted: &[StatusCode::CREATED],
        };
        let response = self.ask(&put, &mut self.retries()).await?.response;
        let seen = response.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
        let seen: Option<Digest> = seen.and_then(|seen| seen.parse().ok());
        match seen {
            Some(seen) if seen != manifest.digest => Err(RegistryError::ManifestDigest {
                reference: self.shown(),
                expected: manifest.digest.to_string(),
                seen: seen.to_string(),
            }),
            _ => Ok(()),
        }
    }
}
