//! How a report says that something was left out: a mark in its place, `[redacted:jwt]`, that can be counted.

use std::collections::BTreeMap;

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redaction {
    /// A value that is known to be secret: of a variable, a kubeconfig, a Secret.
    KnownSecret,
    /// The data of a Secret.
    SecretData,
    /// The value of a container's environment variable.
    EnvironmentValue,
    /// An annotation that holds a whole object.
    Annotation,
    /// A field or header that is called like a credential.
    Credential,
    BearerToken,
    Jwt,
    /// User and password in a URL.
    UrlPassword,
    PrivateKey,
}

impl Redaction {
    pub const ALL: [Self; 9] = [
        Self::KnownSecret,
        Self::SecretData,
        Self::EnvironmentValue,
        Self::Annotation,
        Self::Credential,
        Self::BearerToken,
        Self::Jwt,
        Self::UrlPassword,
        Self::PrivateKey,
    ];

    /// What stands in its place. No space in it, so that no renderer breaks it.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::KnownSecret => "[redacted:known-secret]",
            Self::SecretData => "[redacted:secret-data]",
            Self::EnvironmentValue => "[redacted:environment-value]",
            Self::Annotation => "[redacted:annotation]",
            Self::Credential => "[redacted:credential]",
            Self::BearerToken => "[redacted:bearer-token]",
            Self::Jwt => "[redacted:jwt]",
            Self::UrlPassword => "[redacted:url-password]",
            Self::PrivateKey => "[redacted:private-key]",
        }
    }

    fn word(self) -> &'static str {
        self.mark().trim_start_matches("[redacted:").trim_end_matches(']')
    }
}

/// How often a text says that something was left out, by the reason's word; reasons that do not occur are not in it.
#[must_use]
pub fn count_redacted(text: &str) -> BTreeMap<&'static str, usize> {
    let counts = Redaction::ALL.into_iter().map(|kind| (kind.word(), text.matches(kind.mark()).count()));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_by_its_word() {
        let text = Redaction::ALL.map(Redaction::mark).join(" and ");
        let counts = count_redacted(&(text.clone() + Redaction::Jwt.mark()));
        assert_eq!(counts.len(), Redaction::ALL.len(), "every mark is of one kind only: {counts:?}");
        assert_eq!((counts["jwt"], counts["known-secret"]), (2, 1));
        assert_eq!(count_redacted("nothing [redacted] here"), BTreeMap::new());
    }
}
