//! What a request carries.

use std::{io, path::PathBuf};

use bytes::Bytes;
use tokio::{fs::File, io::AsyncReadExt as _};
use tokio_util::io::ReaderStream;

/// How much of a file is in memory at a time, in bytes.
const PIECE: usize = 1 << 16;

/// The body of a request that may have to be made again.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// It is small.
    Memory(Bytes),
    /// The first `size` bytes of a file, which is never in memory as a whole.
    File { path: PathBuf, size: u64 },
}

impl Body {
    pub const fn none() -> Self {
        Self::Memory(Bytes::new())
    }

    /// For one attempt: a file is read from its beginning each time.
    pub async fn begin(&self) -> io::Result<reqwest::Body> {
        Ok(match self {
            Self::Memory(bytes) => bytes.clone().into(),
            Self::File { path, size } => {
                let file = File::open(path).await?.take(*size);
                reqwest::Body::wrap_stream(ReaderStream::with_capacity(file, PIECE))
            }
        })
    }
}
