//! Readers that keep an archive within its limits.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ArchiveError;
use super::unpack::Limits;
use crate::registry::{Digest, Hasher};

/// What was counted of an archive, and the error that a reader ended with: it would come out of the `tar` crate as a
/// text.
pub(super) struct Gauge {
    limits: Limits,
    /// How many bytes may be unpacked.
    most: u64,
    entries: Cell<u64>,
    /// The sizes that the entries claim. A sparse file's is nowhere in the archive.
    claimed: Cell<u64>,
    read: Cell<u64>,
    /// How many bytes of headers may be read, while headers are.
    headers: Cell<Option<u64>>,
    trip: RefCell<Option<ArchiveError>>,
}

impl Gauge {
    /// For an archive of `packed` bytes.
    pub fn new(limits: &Limits, packed: u64) -> Self {
        Self {
            most: limits.bytes.min(packed.saturating_mul(limits.ratio).max(limits.free_bytes)),
            limits: limits.clone(),
            entries: Cell::new(0),
            claimed: Cell::new(0),
            read: Cell::new(0),
            headers: Cell::new(None),
            trip: RefCell::new(None),
        }
    }

    /// Counts an entry before it is unpacked.
    pub fn count(&self, size: u64) -> Result<(), ArchiveError> {
        self.entries.set(self.entries.get() + 1);
        self.claimed.set(self.claimed.get().saturating_add(size));
        if self.entries.get() > self.limits.entries {
            return Err(ArchiveError::TooLarge { limit: format!("{} entries", self.limits.entries) });
        }
        if self.claimed.get() > self.most { Err(self.too_many_bytes()) } else { Ok(()) }
    }

    /// Headers are kept in memory, so that `next`, which reads an entry's, may not read many.
    pub fn while_reading_headers<T>(&self, next: impl FnOnce() -> T) -> T {
        self.headers.set(Some(self.limits.header_bytes));
        let result = next();
        self.headers.set(None);
        result
    }

    /// What went wrong when reading ended with `error`.
    pub fn error(&self, error: io::Error) -> ArchiveError {
        self.trip.take().unwrap_or_else(|| ArchiveError::Broken {
            reason: match error.kind() {
                ErrorKind::UnexpectedEof => "it ends early".to_owned(),
                _ => format!("it cannot be read: {error}"),
            },
        })
    }

    fn trip(&self, error: ArchiveError) -> io::Error {
        self.trip.replace(Some(error));
        io::Error::other("stopped")
    }

    fn pass(&self, bytes: u64) -> Result<(), ArchiveError> {
        self.read.set(self.read.get() + bytes);
        if self.read.get() > self.most {
            return Err(self.too_many_bytes());
        }
        if let Some(allowed) = self.headers.get() {
            let rest = allowed.checked_sub(bytes).ok_or_else(|| ArchiveError::TooLarge {
                limit: format!("{} bytes of headers for an entry", self.limits.header_bytes),
            })?;
            self.headers.set(Some(rest));
        }
        Ok(())
    }

    fn too_many_bytes(&self) -> ArchiveError {
        let times = if self.most < self.limits.bytes { ", for an archive of this size" } else { "" };
        ArchiveError::TooLarge { limit: format!("{} bytes unpacked{times}", self.most) }
    }
}

/// The archive's file. Its errors are the disk's, not the archive's.
pub(super) struct DiskReader<'a> {
    file: File,
    path: &'a Path,
    gauge: &'a Gauge,
}

impl<'a> DiskReader<'a> {
    pub fn new(file: File, path: &'a Path, gauge: &'a Gauge) -> Self {
        Self { file, path, gauge }
    }
}

impl Read for DiskReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file
            .read(buffer)
            .map_err(|error| self.gauge.trip(ArchiveError::Disk { action: "read", path: self.path.to_owned(), error }))
    }
}

/// The archive's decompressed bytes, counted and perhaps hashed.
pub(super) struct Guarded<'a> {
    bytes: Box<dyn Read + 'a>,
    hasher: Option<Hasher>,
    cancelled: &'a AtomicBool,
    gauge: &'a Gauge,
}

impl<'a> Guarded<'a> {
    pub fn new(bytes: Box<dyn Read + 'a>, hasher: Option<Hasher>, cancelled: &'a AtomicBool, gauge: &'a Gauge) -> Self {
        Self { bytes, hasher, cancelled, gauge }
    }

    /// The digest of what was read.
    pub fn digest(self) -> Option<Digest> {
        self.hasher.map(Hasher::finish)
    }
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(self.gauge.trip(ArchiveError::Cancelled));
        }
        let count = self.bytes.read(buffer)?;
        self.gauge.pass(count as u64).map_err(|error| self.gauge.trip(error))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}
