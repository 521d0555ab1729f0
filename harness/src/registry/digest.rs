//! Content digests (<https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests>).

use std::{
    fmt::{self, Write as _},
    io::{self, Read},
    str::FromStr,
};

use sha2::{Digest as _, Sha256, Sha512};

/// A digest of an algorithm that can be verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Digest {
    /// The digest of `bytes` under the algorithm of `like`, else SHA-256.
    pub fn of(bytes: &[u8], like: Option<&Self>) -> Self {
        let mut hasher = Hasher::new(like.map_or(Algorithm::Sha256, |digest| digest.algorithm));
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of what is left to be read of `source`, of which little is in memory at a time.
    pub fn read(source: &mut impl Read, like: &Self) -> io::Result<Self> {
        let mut hasher = like.hasher();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match source.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    /// The tag for what belongs to it, as far as tags can have it: they have no colon.
    pub fn as_tag(&self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Hashes by the same algorithm.
    pub fn hasher(&self) -> Hasher {
        Hasher::new(self.algorithm)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.algorithm {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        };
        write!(f, "{algorithm}:{}", self.hex)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, length) = match text.split_once(':') {
            Some(("sha256", _)) => (Algorithm::Sha256, 64),
            Some(("sha512", _)) => (Algorithm::Sha512, 128),
            Some((other, _)) => return Err(format!("`{text}` is a digest of the unsupported algorithm `{other}`")),
            None => return Err(format!("`{text}` is not a digest, which is an algorithm, a colon and hexadecimals")),
        };
        let hex = &text[7..];
        if hex.len() != length || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(format!("`{text}` is not a digest, which has {length} lower-case hexadecimals"));
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

/// Hashes what passes.
#[derive(Debug, Clone)]
pub enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest { algorithm: Algorithm::Sha256, hex: hex(&hasher.finalize()) },
            Self::Sha512(hasher) => Digest { algorithm: Algorithm::Sha512, hex: hex(&hasher.finalize()) },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::sha256("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    #[case::sha512(concat!(
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ))]
    fn the_digest_of_abc_is_the_published_one(#[case] published: &str) {
        let published: Digest = published.parse().unwrap();
        assert_eq!(Digest::of(b"abc", Some(&published)), published);
    }

    #[test]
    fn hashing_in_pieces_equals_hashing_at_once() {
        let whole = Digest::of(b"hello world", None);
        let mut hasher = whole.hasher();
        hasher.update(b"hello ");
        hasher.update(b"world");
        assert_eq!(hasher.finish().to_string(), whole.to_string());
    }

    #[rstest]
    #[case::no_algorithm("abc")]
    #[case::unsupported("md5:900150983cd24fb0d6963f7d28e17f72")]
    #[case::short("sha256:abc")]
    #[case::upper_case("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")]
    #[case::path("sha256:../../../../../../../../../../../../../../../../../../../../../../../")]
    fn what_cannot_be_verified_is_refused(#[case] text: &str) {
        assert!(text.parse::<Digest>().is_err());
    }
}
