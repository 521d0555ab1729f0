//! The axis that is no variable: the version of the cluster itself.

use std::{fmt, str::FromStr};

use semver::Version;

/// The axis whose values are versions of Kubernetes.
pub const KUBERNETES_AXIS: &str = "kubernetes";

/// What cluster a cell wants: `1.28`, whatever its patch, or exactly `1.28.15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KubernetesWish {
    pub major: u64,
    pub minor: u64,
    pub patch: Option<u64>,
}

impl KubernetesWish {
    /// Whether a cluster of this version can prove the cell. What follows the patch (`-gke.1`, `+k3s1`) does not matter.
    pub fn accepts(self, version: &Version) -> bool {
        (self.major, self.minor) == (version.major, version.minor)
            && self.patch.is_none_or(|patch| patch == version.patch)
    }

    /// Whether one cluster can be both.
    pub fn agrees(self, other: Self) -> bool {
        let patches = self.patch.is_none() || other.patch.is_none() || self.patch == other.patch;
        (self.major, self.minor) == (other.major, other.minor) && patches
    }
}

impl FromStr for KubernetesWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a version of Kubernetes; write it like 1.28 or 1.28.15");
        let parts: Result<Vec<u64>, _> = text.trim_start_matches('v').split('.').map(str::parse).collect();
        match *parts.map_err(|_| wrong())? {
            [major, minor] => Ok(Self { major, minor, patch: None }),
            [major, minor, patch] => Ok(Self { major, minor, patch: Some(patch) }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for KubernetesWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.28", "1.28.15", true)]
    #[case("1.28", "1.28.0-gke.1", true)]
    #[case("v1.28", "1.27.15", false)]
    #[case("1.2", "1.28.15", false)]
    #[case("1.28.15", "1.28.15+k3s1", true)]
    #[case("1.28.15", "1.28.14", false)]
    fn a_cluster_is_wanted_by_as_much_as_is_said(#[case] wish: &str, #[case] version: &str, #[case] accepted: bool) {
        let wish: KubernetesWish = wish.parse().unwrap();
        assert_eq!(wish.accepts(&version.parse().unwrap()), accepted);
    }

    #[rstest]
    #[case("1.28", "1.28", true)]
    #[case("1.28", "1.28.15", true)]
    #[case("1.28.15", "1.28", true)]
    #[case("1.28.15", "1.28.3", false)]
    #[case("1.28", "1.27", false)]
    fn wishes_agree_where_one_cluster_is_both(#[case] one: &str, #[case] other: &str, #[case] agree: bool) {
        let (one, other): (KubernetesWish, KubernetesWish) = (one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(one.agrees(other), agree);
    }

    #[rstest]
    #[case("1")]
    #[case("1.28.15.1")]
    #[case("1.x")]
    #[case("")]
    fn what_is_no_version_is_refused(#[case] text: &str) {
        text.parse::<KubernetesWish>().unwrap_err();
    }
}
