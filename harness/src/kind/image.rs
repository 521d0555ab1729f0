//! Which image is a node of which version.

use std::{fmt, str::FromStr};

use crate::plan::KubernetesWish;

/// kind's own images, each by the digest that its release notes give: for 1.26 to 1.30 those of 0.25, for 1.25 that of 0.24.
const KNOWN: &[(&str, &str)] = &[
    ("1.25.16", "6110314339b3b44d10da7d27881849a87e092124afab5956f2e10ecdb463b025"),
    ("1.26.15", "c79602a44b4056d7e48dc20f7504350f1e87530fe953428b792def00bc1076dd"),
    ("1.27.16", "2d21a61643eafc439905e18705b8186f3296384750a835ad7a005dceb9546d20"),
    ("1.28.15", "a7c05c7ae043a0b8c818f5a06188bc2c4098f6cb59ca7d1856df00375d839251"),
    ("1.29.10", "3b2d8c31753e6c8069d4fc4517264cd20e86fd36220671fb7d0a5855103aa84b"),
    ("1.30.6", "b6d08db72079ba5ae1f4a88a09025c0a904af3b52387643c285442afb05ab994"),
];

/// The version that a node has where nobody wants another: the newest that the simulator was compared with, too.
pub const STANDARD: KubernetesWish = KubernetesWish { major: 1, minor: 28, patch: None };

/// An image that the user names for a version: `1.28=registry.example/node:mine`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeImage {
    pub wish: KubernetesWish,
    pub image: String,
}

/// The user's images, before kind's; of two for a version, the last.
#[derive(Debug, Clone, Default)]
pub struct NodeImages(pub Vec<NodeImage>);

impl NodeImages {
    /// The image of a node of that version, `None` if none is known.
    pub fn of(&self, wish: KubernetesWish) -> Option<String> {
        let named = self.0.iter().rfind(|named| named.wish.agrees(wish)).map(|named| named.image.clone());
        named.or_else(|| {
            let (version, digest) =
                KNOWN.iter().find(|(version, _)| wish.accepts(&version.parse().expect("a version")))?;
            Some(format!("kindest/node:v{version}@sha256:{digest}"))
        })
    }

    /// The versions of which images are known, in words.
    pub fn known(&self) -> String {
        let named = self.0.iter().map(|named| named.wish.to_string());
        named.chain(KNOWN.iter().map(|(version, _)| (*version).to_owned())).collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for NodeImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not VERSION=IMAGE, like 1.28=registry.example/node:v1.28.15");
        let (version, image) = text.split_once('=').ok_or_else(wrong)?;
        let wish = version.trim_start_matches('v').parse().map_err(|_| wrong())?;
        if image.is_empty() || image.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { wish, image: image.to_owned() })
    }
}

impl fmt::Display for NodeImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.wish, self.image)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.27", Some("kindest/node:v1.27.16@sha256:2d21"))]
    #[case("1.28.15", Some("kindest/node:v1.28.15@sha256:a7c0"))]
    #[case("1.28.3", None)]
    #[case("1.40", None)]
    #[case("1.25", Some("mine:1"))]
    #[case("1.26.3", Some("mine:2"))]
    #[case("1.26.15", Some("kindest/node:v1.26.15@"))]
    fn a_version_has_its_image(#[case] wish: &str, #[case] image: Option<&str>) {
        let images = NodeImages(vec!["1.25=mine:1".parse().unwrap(), "v1.26.3=mine:2".parse().unwrap()]);
        let found = images.of(wish.parse().unwrap());
        assert_eq!(found.is_some(), image.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().starts_with(image.unwrap_or_default()));
    }

    #[rstest]
    #[case("mine:1")]
    #[case("1.28=")]
    #[case("new=mine:1")]
    fn what_names_no_version_or_image_is_refused(#[case] text: &str) {
        assert!(text.parse::<NodeImage>().unwrap_err().contains("is not VERSION=IMAGE"));
    }
}
