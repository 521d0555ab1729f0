//! Which manifest is meant, and how its registry is spoken to.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use oci_client::Reference as OciReference;

use super::RegistryError;
use super::digest::Digest;

/// A reference whose registry is named, with what its manifest must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As written: host and perhaps port.
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
    digest: Option<Digest>,
    /// The digest that the request or the reference asks for.
    pub(super) expected: Option<Digest>,
    pub(super) plain_http: bool,
}

impl Reference {
    /// Reads `registry/repository:tag`, `registry/repository@digest`, or both. The registry and one of tag and digest are required, as
    /// ORAS requires them: a default would prove something else than what was asked. `digest` is what the manifest must have.
    pub fn parse(text: &str, digest: Option<&str>, plain_http: bool) -> Result<Self, RegistryError> {
        let invalid = |reason: String| RegistryError::InvalidReference { reference: text.to_owned(), reason };
        let reference = parse_reference(text).map_err(invalid)?;
        let named = reference.digest().map(str::parse::<Digest>).transpose().map_err(invalid)?;
        let asked = digest.map(str::parse::<Digest>).transpose().map_err(invalid)?;
        if let (Some(named), Some(asked)) = (&named, &asked)
            && named != asked
        {
            return Err(invalid(format!("it names {named}, while {asked} is asked for")));
        }
        Ok(Self {
            plain_http: plain_http || is_loopback(host_of(reference.registry())),
            registry: reference.registry().to_owned(),
            repository: reference.repository().to_owned(),
            tag: reference.tag().map(str::to_owned),
            expected: asked.or_else(|| named.clone()),
            digest: named,
        })
    }

    /// `https://host:port`.
    pub fn origin(&self) -> String {
        let scheme = if self.plain_http { "http" } else { "https" };
        // Docker Hub's interface lives under another name than its references.
        let host = if self.registry == "docker.io" { "registry-1.docker.io" } else { &self.registry };
        format!("{scheme}://{host}")
    }

    /// The key of this registry in Docker's configuration.
    pub fn credentials_key(&self) -> &str {
        if self.registry == "docker.io" { "https://index.docker.io/v1/" } else { &self.registry }
    }

    /// Whether plain HTTP is spoken.
    pub fn is_plain(&self) -> bool {
        self.plain_http
    }

    /// Whether the registry is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(host_of(&self.registry))
    }

    /// What the manifest is asked for by: a digest wins over a tag, as with Docker and ORAS.
    pub fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_default(),
        }
    }

    /// Another tag of the same repository.
    #[must_use]
    pub fn beside(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, expected: None, ..self.clone() }
    }

    /// The same with the manifest's digest.
    pub fn pinned(&self, digest: &Digest) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        format!("{}/{}{tag}@{digest}", self.registry, self.repository)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// As `oci-client` parses, but without Docker's defaults for a missing registry and tag, and with IPv6 addresses.
fn parse_reference(text: &str) -> Result<OciReference, String> {
    if text.contains("://") {
        return Err("it has a scheme".to_owned());
    }
    let Some((registry, path)) = text.split_once('/') else {
        return Err("it names no registry".to_owned());
    };
    if registry.is_empty() || !(registry.contains(['.', ':']) || registry == "localhost") {
        return Err(format!("`{registry}` is not a registry's host"));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if !name.contains([':', '@']) {
        return Err("it has neither a tag nor a digest".to_owned());
    }
    if !registry.starts_with('[') {
        return text.parse().map_err(|error: oci_client::ParseError| error.to_string());
    }
    let address = host_of(registry);
    let port = registry.rsplit_once("]:").map(|(_, port)| port.parse::<u16>().is_ok());
    if address.parse::<Ipv6Addr>().is_err() || !(registry.ends_with(']') || port == Some(true)) {
        return Err(format!("`{registry}` is not an IPv6 address in brackets"));
    }
    let rest: OciReference =
        format!("localhost/{path}").parse().map_err(|error: oci_client::ParseError| error.to_string())?;
    let (registry, repository) = (registry.to_owned(), rest.repository().to_owned());
    Ok(match (rest.tag().map(str::to_owned), rest.digest().map(str::to_owned)) {
        (Some(tag), Some(digest)) => OciReference::with_tag_and_digest(registry, repository, tag, digest),
        (None, Some(digest)) => OciReference::with_digest(registry, repository, digest),
        (tag, None) => OciReference::with_tag(registry, repository, tag.unwrap_or_default()),
    })
}

/// The host of `host:port`, without an IPv6 address's brackets.
pub(crate) fn host_of(authority: &str) -> &str {
    if let Some(address) = authority.strip_prefix('[') {
        return address.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

/// Whether traffic to `host` stays on this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn target(reference: &str, plain_http: bool, digest: Option<&str>) -> Result<Reference, RegistryError> {
        Reference::parse(reference, digest, plain_http)
    }

    #[rstest]
    #[case::localhost("localhost:5000/tool:1", false, "http://localhost:5000")]
    #[case::localhost_without_port("localhost/tool:1", false, "http://localhost")]
    #[case::loopback("127.0.0.1:5000/tool:1", false, "http://127.0.0.1:5000")]
    #[case::the_whole_loopback_network("127.8.9.10:5000/tool:1", false, "http://127.8.9.10:5000")]
    #[case::ipv6_loopback("[::1]:5000/tool:1", false, "http://[::1]:5000")]
    #[case::another_ipv6_address("[2001:db8::1]/tool:1", false, "https://[2001:db8::1]")]
    #[case::elsewhere("registry.example.com/tool:1", false, "https://registry.example.com")]
    #[case::a_name_that_starts_like_loopback("127.0.0.1.example.com/tool:1", false, "https://127.0.0.1.example.com")]
    #[case::elsewhere_if_asked("registry.example.com/tool:1", true, "http://registry.example.com")]
    #[case::docker_hub("docker.io/istio/tool:1", false, "https://registry-1.docker.io")]
    fn plain_http_is_for_loopback_and_who_asks(#[case] reference: &str, #[case] plain: bool, #[case] origin: &str) {
        assert_eq!(target(reference, plain, None).unwrap().origin(), origin);
    }

    #[rstest]
    #[case::tag("r.io/a/b:1.24.0", "1.24.0", "r.io/a/b:1.24.0")]
    #[case::digest(&format!("r.io/a/b@{DIGEST}"), DIGEST, &format!("r.io/a/b@{DIGEST}"))]
    #[case::both(&format!("r.io/a/b:1@{DIGEST}"), DIGEST, &format!("r.io/a/b:1@{DIGEST}"))]
    #[case::ipv6(&format!("[::1]:5000/a:1@{DIGEST}"), DIGEST, &format!("[::1]:5000/a:1@{DIGEST}"))]
    fn a_digest_wins_over_a_tag(#[case] reference: &str, #[case] manifest: &str, #[case] shown: &str) {
        let target = target(reference, false, None).unwrap();
        assert_eq!((target.manifest().as_str(), target.to_string().as_str()), (manifest, shown));
    }

    #[rstest]
    #[case::no_registry("istioctl-tool:1.24.0", "names no registry")]
    #[case::empty_registry("/istioctl-tool:1.24.0", "not a registry's host")]
    #[case::no_host("library/istioctl-tool:1.24.0", "`library` is not a registry's host")]
    #[case::no_tag("localhost:5000/istioctl-tool", "neither a tag nor a digest")]
    #[case::scheme("https://r.io/istioctl-tool:1", "has a scheme")]
    #[case::upper_case("r.io/Istioctl:1", "invalid reference format")]
    #[case::traversal("r.io/../a:1", "invalid reference format")]
    #[case::bad_address("[::zz]:5000/a:1", "not an IPv6 address")]
    #[case::bad_port("[::1]:port/a:1", "not an IPv6 address")]
    fn a_reference_that_could_mean_anything_else_is_refused(#[case] reference: &str, #[case] reason: &str) {
        let error = target(reference, false, None).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn a_reference_and_a_request_that_disagree_are_refused() {
        let error = target(&format!("r.io/a@{DIGEST}"), false, Some(&DIGEST.replace("ba78", "0000"))).unwrap_err();
        assert!(error.to_string().contains("is asked for"), "{error}");
    }

    #[test]
    fn the_pinned_reference_keeps_the_tag() {
        let target = target("r.io/a/b:1", false, None).unwrap();
        assert_eq!(target.pinned(&DIGEST.parse().unwrap()), format!("r.io/a/b:1@{DIGEST}"));
    }
}
