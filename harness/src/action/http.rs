//! `http`: makes an HTTP request from where Meshproof runs.

use std::{error::Error, time::Duration};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Done, Gained, Response, Undone, shell};
use crate::{
    effect::{Effect, Scene},
    engine::Context,
    language::formats::Span,
};

/// One request. Redirects are not followed: they are an answer. That no answer comes is an answer too, to be judged by the
/// expectations after it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRequest {
    pub url: String,
    /// `GET` if it is not given.
    pub method: Option<String>,
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    pub body: Option<String>,
    /// How long one request may take: 10s if it is not given.
    pub timeout: Option<Span>,
}

/// As much of a body is read, in bytes.
const KEPT: usize = 4 << 20;

impl HttpRequest {
    pub fn title(&self) -> String {
        format!("{} {}", self.method.as_deref().unwrap_or("GET"), self.url)
    }

    pub fn look(&self) -> String {
        let mut words = vec!["curl".to_owned(), "-sSi".to_owned()];
        if let Some(method) = &self.method {
            words.extend(["-X".to_owned(), method.clone()]);
        }
        for (name, value) in &self.headers {
            words.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        words.push(self.url.clone());
        shell(&words)
    }

    pub fn effects(&self, scene: &mut Scene<'_>) {
        scene.effects.push(Effect::Contacts(origin(&self.url).to_owned()));
    }

    pub async fn perform(&self, context: &Context<'_>) -> Result<Done, Undone> {
        let request = self.request(context)?;
        let answer = tokio::select! {
            answer = answer(request) => answer,
            () = tokio::time::sleep_until(context.deadline) => Err("no answer before the deadline".to_owned()),
            () = context.cancel.cancelled() => return Err(Undone::Interrupted),
        };
        let gained = match answer {
            Ok(response) => Gained { response: Some(response), ..Gained::default() },
            Err(trouble) => Gained { trouble: Some(format!("{}: {trouble}", self.url)), ..Gained::default() },
        };
        Ok(Done { gained: Some(gained), captures: Vec::new() })
    }

    fn request(&self, context: &Context<'_>) -> Result<reqwest::RequestBuilder, Undone> {
        let wrong = |what: String| Undone::Errored(format!("not a request: {what}"));
        let url = reqwest::Url::parse(&self.url).map_err(|error| wrong(format!("`{}`: {error}", self.url)))?;
        let method = self.method.as_deref().unwrap_or("GET");
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|_| wrong(format!("method `{method}`")))?;
        context.cluster.registries.contacts().request(&url);
        let timeout = self.timeout.map_or(Duration::from_secs(10), |timeout| timeout.0);
        let mut request = context.http.request(method, url).timeout(timeout);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        Ok(request)
    }
}

/// The scheme and the authority. An address that is captured has its braces still.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |end| end + 3);
    let mut depth = 0;
    let end = url[start..].find(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0 && ['/', '?', '#'].contains(&c)
    });
    end.map_or(url, |end| &url[..start + end])
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Response, String> {
    let mut response = request.send().await.map_err(|error| innermost(&error))?;
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > KEPT {
            body.truncate(KEPT);
            break;
        }
    }
    Ok(Response { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::origin;

    #[rstest]
    #[case("https://shop.example/a/b", "https://shop.example")]
    #[case("http://shop.example:8080?a", "http://shop.example:8080")]
    #[case("http://{{ host }}:{{ port }}/{{ page }}", "http://{{ host }}:{{ port }}")]
    #[case("http://{{ host | split('/') | first }}/a", "http://{{ host | split('/') | first }}")]
    #[case("http://shop", "http://shop")]
    fn what_is_contacted_is_the_origin(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(origin(url), expected);
    }
}
