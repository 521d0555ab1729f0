//! What must not be told: everything that a run writes passes through here.
//!
//! Two ways at once. By rule: fields and texts that are shaped like a secret, whoever put them there ([`fields`], [`patterns`]). By
//! value: what this run knows to be secret, wherever it turns up ([`known`]). Each leaves a mark, which the reports count.

mod fields;
mod known;
mod patterns;
mod record;
mod shared;

pub use fields::redact as redact_object;
pub use shared::Secrets;

use std::borrow::Cow;

use known::Known;
use serde_json::Value;

/// Leaves secrets out of texts and records. The same text always becomes the same, and one that has been through stays as it is.
#[derive(Debug, Default, Clone)]
pub struct Redactor {
    known: Known,
}

impl Redactor {
    /// A value that its owner calls secret, whatever it looks like.
    pub fn learn(&mut self, value: &str) -> bool {
        self.known.learn(value)
    }

    /// A value that is likely a secret, by where it stands: one that is short or says nothing is left alone, for without it no text
    /// could be read.
    pub fn suspect(&mut self, value: &str) -> bool {
        let distinct = value.len() >= 8 && !value.bytes().all(|byte| byte.is_ascii_digit());
        distinct && self.known.learn(value)
    }

    /// Everything secret in an object of Kubernetes or in a kubeconfig.
    pub fn learn_object(&mut self, object: &Value) -> bool {
        let mut learnt = false;
        fields::secrets(object, &mut |value| learnt |= self.suspect(value));
        learnt
    }

    /// The text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.redact(text);
        match patterns::redact(&known) {
            Cow::Borrowed(_) => known,
            Cow::Owned(redacted) => Cow::Owned(redacted),
        }
    }
}

#[cfg(test)]
mod tests;
