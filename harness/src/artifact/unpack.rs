//! Archives, unpacked without trusting them.
//!
//! The `tar` crate reads; what is written is decided in [`super::tree`], because the crate's own unpacking skips in
//! silence what it does not like.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use flate2::bufread::MultiGzDecoder;
use tar::Archive;

use super::ArchiveError;
use super::guard::{DiskReader, Gauge, Guarded};
use super::tree::Tree;
use crate::registry::Digest;

const BUFFER: usize = 128 * 1024;

/// What an archive may amount to.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Entries, and directories that no entry of their own describes.
    pub entries: u64,
    /// The archive's length once it is decompressed, and the sum of its files' sizes, in bytes.
    pub bytes: u64,
    /// How many times larger than the archive that may be. Below `free_bytes` it does not matter.
    pub ratio: u64,
    pub free_bytes: u64,
    /// The headers of one entry, which are kept in memory, in bytes.
    pub header_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 200_000,
            bytes: 4 << 30,
            // Text is compressed to a tenth and programs to a third; gzip's best is a thousandth.
            ratio: 100,
            free_bytes: 64 << 20,
            header_bytes: 1 << 20,
        }
    }
}

/// An archive, and what is known of its content.
pub(super) struct Source<'a> {
    archive: &'a Path,
    gzip: bool,
    /// The directory that everything must be in.
    below: &'a Path,
    digest: Option<&'a Digest>,
}

impl<'a> Source<'a> {
    pub fn tar(archive: &'a Path) -> Self {
        Self { archive, gzip: false, below: Path::new(""), digest: None }
    }

    pub fn tar_gz(archive: &'a Path) -> Self {
        Self { gzip: true, ..Self::tar(archive) }
    }

    /// The directory `below` as ORAS packs it, with the digest of the tar inside.
    pub fn directory(archive: &'a Path, below: &'a Path, digest: Option<&'a Digest>) -> Self {
        Self { below, digest, ..Self::tar_gz(archive) }
    }
}

/// Unpacks `source` into the folder `into`, which nobody else may change, and gives the top-level directories. Files
/// at the `protected` paths are not replaced. This blocks; it stops soon after `cancelled` is set.
pub(super) fn unpack(
    source: &Source<'_>,
    into: &Path,
    protected: &HashSet<PathBuf>,
    limits: &Limits,
    cancelled: &AtomicBool,
) -> Result<BTreeSet<PathBuf>, ArchiveError> {
    let unreadable = |error| ArchiveError::Disk { action: "read", path: source.archive.to_owned(), error };
    let file = File::open(source.archive).map_err(unreadable)?;
    let gauge = Gauge::new(limits, file.metadata().map_err(unreadable)?.len());
    let packed = BufReader::with_capacity(BUFFER, DiskReader::new(file, source.archive, &gauge));
    let unpacked: Box<dyn Read + '_> = if source.gzip {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(packed)))
    } else {
        Box::new(packed)
    };
    let hasher = source.digest.map(Digest::hasher);
    let mut archive = Archive::new(Guarded::new(unpacked, hasher, cancelled, &gauge));
    let mut tree = Tree::new(into, source.below, protected, &gauge);
    let mut buffer = vec![0; BUFFER];

    let mut entries = archive.entries().map_err(|error| gauge.error(error))?;
    while let Some(entry) = gauge.while_reading_headers(|| entries.next()) {
        let mut entry = entry.map_err(|error| gauge.error(error))?;
        gauge.count(entry.size())?;
        tree.add(&mut entry, &mut buffer)?;
        // The crate would skip what is left as if it were the next entry's headers.
        io::copy(&mut entry, &mut io::sink()).map_err(|error| gauge.error(error))?;
    }

    // What follows the last entry is padding. Reading it verifies gzip's checksum.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|error| gauge.error(error))?;
    match (source.digest, rest.digest()) {
        (Some(expected), Some(seen)) if seen != *expected => {
            Err(ArchiveError::Content { expected: expected.to_string(), seen: seen.to_string() })
        }
        _ => Ok(tree.roots),
    }
}

#[cfg(test)]
mod tests;
