//! Blobs, downloaded and verified on the way; a download that is cut off goes on where it ended.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, HeaderValue, RANGE},
};
use tokio::{
    sync::mpsc::{self, Receiver},
    task::spawn_blocking,
};

use super::{
    Digest, Hasher, RegistryError, Repository,
    answer::reason,
    repository::{Ask, Live},
    retry::{Cause, Retries},
};

/// Chunks that may wait for the disk: a few megabytes at most, however large the blob is.
const WAITING_CHUNKS: usize = 16;

/// A blob as a manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// What a person calls its content, as in "`istio.tar.gz`" or "its config".
    pub name: String,
}

impl Blob {
    /// What is asked for.
    fn what(&self) -> String {
        if self.name.starts_with('`') {
            format!("the layer {} of {}", self.digest, self.name)
        } else {
            format!("{} {}", self.name, self.digest)
        }
    }
}

impl Repository {
    /// Downloads a blob into a new file at `path`, and verifies it.
    pub async fn download(&self, blob: &Blob, path: &Path) -> Result<(), RegistryError> {
        self.fetch(blob, Some(path)).await
    }

    /// Downloads a blob, verifies it and keeps nothing.
    pub async fn verify(&self, blob: &Blob) -> Result<(), RegistryError> {
        self.fetch(blob, None).await
    }

    /// Whether the blob is there and as large as it should be, without its content.
    pub async fn find(&self, blob: &Blob) -> Result<(), RegistryError> {
        let ask = Ask::blob(Method::HEAD, &blob.digest.to_string(), &blob.what());
        let live = self.ask(&ask, &mut self.retries()).await?;
        let length = live.response.headers().get(reqwest::header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        match length {
            Some(seen) if seen != blob.size => Err(self.wrong_size(blob, seen)),
            _ => Ok(()),
        }
    }

    async fn fetch(&self, blob: &Blob, path: Option<&Path>) -> Result<(), RegistryError> {
        let mut retries = self.retries();
        let mut was_damaged = false;
        let mut part = None;
        loop {
            let (live, begun) = self.begin(blob, part.take(), path, &mut retries).await?;
            let (flaw, rest) = match receive(live, blob, begun).await {
                Ok(()) => return Ok(()),
                Err(ended) => ended,
            };
            tracing::debug!(reference = %self.reference, what = %blob.name, ?flaw, "a blob was not received well");
            // What was damaged on the way may arrive well the next time; what is damaged in the registry does not.
            let again = match flaw {
                Flaw::Size(_) | Flaw::Digest(_) => !std::mem::replace(&mut was_damaged, true),
                Flaw::Interrupted { .. } => {
                    part = rest;
                    self.again(&mut retries, Cause::Trouble).await
                }
                Flaw::Disk(_) | Flaw::Cancelled => false,
            };
            if !again {
                return Err(self.flawed(blob, path, flaw, retries.made()));
            }
        }
    }

    /// Asks for the blob, or for the rest of one of which a part is there.
    async fn begin(
        &self,
        blob: &Blob,
        part: Option<Part>,
        path: Option<&Path>,
        retries: &mut Retries,
    ) -> Result<(Live, Part), RegistryError> {
        let mut ask = Ask::blob(Method::GET, &blob.digest.to_string(), &blob.what());
        if let Some(part) = &part {
            let range = HeaderValue::from_str(&format!("bytes={}-", part.seen)).expect("it is plain");
            ask.headers.push((RANGE, range));
        }
        let live = self.ask(&ask, retries).await?;
        match part {
            Some(part) if goes_on(&live.response, part.seen) => Ok((live, part)),
            // A registry that knows no ranges begins again.
            _ => {
                let file = path.map(File::create).transpose();
                let file = file.map_err(|error| self.flawed(blob, path, Flaw::Disk(error), retries.made()))?;
                Ok((live, Part { file, hasher: blob.digest.hasher(), seen: 0 }))
            }
        }
    }

    fn wrong_size(&self, blob: &Blob, seen: u64) -> RegistryError {
        RegistryError::BlobSize { reference: self.shown(), what: blob.name.clone(), expected: blob.size, seen }
    }

    fn flawed(&self, blob: &Blob, path: Option<&Path>, flaw: Flaw, attempts: u32) -> RegistryError {
        let (reference, what, expected) = (self.shown(), blob.name.clone(), blob.size);
        match flaw {
            Flaw::Size(seen) => self.wrong_size(blob, seen),
            Flaw::Digest(seen) => {
                let (expected, seen) = (blob.digest.to_string(), seen.to_string());
                RegistryError::BlobDigest { reference, what, expected, seen }
            }
            Flaw::Interrupted { seen, reason } => {
                RegistryError::Interrupted { reference, what, expected, seen, attempts, reason }
            }
            Flaw::Disk(error) => {
                let path = path.map(Path::to_owned).unwrap_or_default();
                RegistryError::Disk { reference, action: "write", path, error }
            }
            Flaw::Cancelled => RegistryError::Cancelled { reference },
        }
    }
}

/// What of a blob has come.
struct Part {
    file: Option<File>,
    hasher: Hasher,
    seen: u64,
}

/// Why a blob was not received.
#[derive(Debug)]
enum Flaw {
    /// It has this many bytes; a stream that is too long is not read to its end.
    Size(u64),
    Digest(Digest),
    Interrupted {
        seen: u64,
        reason: String,
    },
    Disk(io::Error),
    Cancelled,
}

/// Whether a response is the rest from byte `seen` on.
fn goes_on(response: &Response, seen: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    response.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {seen}-")))
}

/// Adds one response to what is there. Hashing and writing have a thread of their own, which ends when the sender goes, also if that
/// is because this future was dropped. On an error also gives what has come until then.
async fn receive(mut live: Live, blob: &Blob, part: Part) -> Result<(), (Flaw, Option<Part>)> {
    let response = &mut live.response;
    let (url, before) = (response.url().clone(), part.seen);
    if let Some(length) = response.content_length().filter(|length| before + length != blob.size) {
        return Err((Flaw::Size(before + length), None));
    }
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    let writer = spawn_blocking(move || write(part, receiver));
    let mut seen = before;
    let relayed = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                seen += chunk.len() as u64;
                // A writer that failed is gone, and says itself why.
                if seen > blob.size || sender.send(chunk).await.is_err() {
                    break Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(reason(error)),
        }
    };
    drop(sender);
    let part = match writer.await {
        Ok(Ok(part)) => part,
        Ok(Err(error)) => return Err((Flaw::Disk(error), None)),
        Err(_) => return Err((Flaw::Cancelled, None)),
    };
    live.contacts().received(&url, seen - before);
    if let Err(reason) = relayed {
        return Err((Flaw::Interrupted { seen, reason }, Some(part)));
    }
    if seen != blob.size {
        return Err((Flaw::Size(seen), None));
    }
    let digest = part.hasher.finish();
    if digest == blob.digest { Ok(()) } else { Err((Flaw::Digest(digest), None)) }
}

fn write(mut part: Part, mut chunks: Receiver<impl AsRef<[u8]>>) -> io::Result<Part> {
    while let Some(chunk) = chunks.blocking_recv() {
        let chunk = chunk.as_ref();
        part.hasher.update(chunk);
        if let Some(file) = &mut part.file {
            file.write_all(chunk)?;
        }
        part.seen += chunk.len() as u64;
    }
    Ok(part)
}
