//! `http`: what a response says.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answered, Judgement, Matcher, matcher::excerpt};
use crate::action::Gained;

/// Conditions on the response to the case's last `http` action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    pub status: Option<u16>,
    /// By the header's name, in any case of letters; each must be there.
    #[serde(default)]
    pub headers: IndexMap<String, Matcher>,
    #[serde(default)]
    pub body: Matcher,
}

impl Answered for Http {
    fn judge(&self, gained: &Gained) -> Judgement {
        let Some(response) = &gained.response else {
            let seen = gained.trouble.as_deref().unwrap_or("none: the case has no http action before this");
            return Judgement::not_yet("a response", seen);
        };
        if let Some(wanted) = self.status.filter(|wanted| *wanted != response.status) {
            let seen = format!("status {}: {}", response.status, excerpt(&response.body));
            return Judgement::not_yet(format!("status {wanted}"), seen);
        }
        for (name, matcher) in &self.headers {
            let values: Vec<&str> = response
                .headers
                .iter()
                .filter(|(seen, _)| seen.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            if values.is_empty() {
                return Judgement::not_yet(format!("a header {name}"), "no such header");
            }
            if let Some(mismatch) = matcher.mismatch(&format!("header {name}"), &values.join(", ")) {
                return Judgement::NotYet(mismatch);
            }
        }
        match self.body.mismatch("the body", &response.body) {
            Some(mismatch) => Judgement::NotYet(mismatch),
            None => Judgement::met(format!("status {}", response.status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{action::Response, expectation::testing::expectation};

    #[rstest]
    #[case("{status: 200, headers: {Server: {contains: [envoy]}}, body: {contains: [hello]}}", true)]
    #[case("{status: 503}", false)]
    #[case("{headers: {x-missing: {}}}", false)]
    #[case("{headers: {server: {equals: nginx}}}", false)]
    fn a_response_is_judged(#[case] yaml: &str, #[case] met: bool) {
        let headers = vec![("server".to_owned(), "istio-envoy".to_owned())];
        let response = Response { status: 200, headers, body: "hello".to_owned() };
        let gained = Gained { response: Some(response), ..Gained::default() };
        assert_eq!(expectation::<Http>(yaml).judge(&gained).is_met(), met);
    }

    #[test]
    fn no_response_is_told_with_its_reason() {
        let gained = Gained { trouble: Some("connection refused".to_owned()), ..Gained::default() };
        let judgement = expectation::<Http>("{status: 200}").judge(&gained);
        assert_eq!(judgement, Judgement::not_yet("a response", "connection refused"));
    }
}
