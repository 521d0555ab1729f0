//! What came back instead of content.

use std::error::Error;
use std::{fmt, io};

use oci_client::errors::{OciEnvelope, OciErrorCode};
use reqwest::{Response, StatusCode};

use crate::diagnostic::with_causes;

/// An answer that is not content is read up to here.
const LONGEST_ANSWER: usize = 64 * 1024;

/// An answer that is not content, as people are shown it: `404 Not Found (MANIFEST_UNKNOWN: manifest unknown)`.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
    pub code: Option<OciErrorCode>,
    message: String,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let status = response.status();
        let body = read_to(response, LONGEST_ANSWER).await.unwrap_or_default();
        let error =
            serde_json::from_slice(&body).ok().and_then(|envelope: OciEnvelope| envelope.errors.into_iter().next());
        let (code, message) = match error {
            Some(error) => (Some(error.code), error.message),
            None => (None, plain_text(&body)),
        };
        Self { status, body, code, message }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        let code = self.code.as_ref().and_then(|code| serde_json::to_value(code).ok());
        let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default();
        let parts: Vec<_> = [code, self.message.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", shown(&parts.join(": "))) }
    }
}

/// The first line of a body that is a text for people, as servers that are no registries write it.
fn plain_text(body: &[u8]) -> String {
    let line = std::str::from_utf8(body).ok().and_then(|text| text.trim().lines().next()).unwrap_or_default();
    if line.starts_with(['<', '{', '[', '"']) { String::new() } else { line.to_owned() }
}

/// A name or a message of others for people to read: in one line, not too long, and without a terminal's commands.
pub(crate) fn shown(text: &str) -> String {
    let line = text.chars().take(300);
    line.map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }).collect()
}

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLong,
    Interrupted { seen: u64, reason: String },
}

/// The body of at most `limit` bytes.
pub(super) async fn read_to(mut response: Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(BodyError::TooLong),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(BodyError::Interrupted { seen: body.len() as u64, reason: reason(error) }),
        }
    }
}

/// Whether a connection failed for a reason that stays, as with a certificate that is not trusted.
pub(super) fn is_hopeless(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An I/O error hides the error that it wraps from its sources.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map_or(error.source(), |wrapped| Some(wrapped));
    }
    false
}

/// An error with its causes, and without the URL, which may be a signed one.
pub(super) fn reason(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

#[cfg(test)]
mod tests {
    use reqwest::Client;
    use rstest::rstest;

    use super::*;
    use crate::registry::RegistryError;
    use crate::registry::testing::{Fault, Route, TestRegistry};

    #[rstest]
    #[case::of_a_registry(r#"{"errors": [{"code": "DENIED", "message": "no"}]}"#, "403 Forbidden (DENIED: no)")]
    #[case::without_a_message(r#"{"errors": [{"code": "OWN_CODE"}]}"#, "403 Forbidden (OWN_CODE)")]
    #[case::of_another_server("Go away.\nReally.", "403 Forbidden (Go away.)")]
    #[case::with_control_characters("\u{1b}[31mred", "403 Forbidden (\\u{1b}[31mred)")]
    #[case::of_a_web_page("<html>", "403 Forbidden")]
    #[case::of_other_json(r#"{"token": "t"}"#, "403 Forbidden")]
    #[case::empty("", "403 Forbidden")]
    #[tokio::test]
    async fn an_answer_is_shown_in_one_line(#[case] body: &'static str, #[case] expected: &str) {
        let registry = TestRegistry::start().await;
        registry.fail(Route::Root, Fault::Answer { status: 403, headers: &[], body }, 1);
        let client = Client::builder().no_proxy().build().unwrap();
        let response = client.get(format!("{}/v2/", registry.origin())).send().await.unwrap();
        assert_eq!(Answer::read(response).await.to_string(), expected);
    }

    #[tokio::test]
    async fn tls_with_a_server_that_speaks_none_is_hopeless_and_says_so() {
        let registry = TestRegistry::start().await;
        let client = Client::builder().no_proxy().build().unwrap();
        let error = client.get(format!("https://{}/v2/", registry.host())).send().await.unwrap_err();
        assert!(is_hopeless(&error));
        let (reference, url) = (String::new(), String::new());
        let error = RegistryError::Unreachable { reference, url, attempts: 1, reason: reason(error) };
        assert!(error.hint().unwrap().contains("--plain-http"), "{error}");
    }
}
