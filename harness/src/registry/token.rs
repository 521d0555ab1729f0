//! What a registry wants before it answers, and the tokens of its token service
//! (<https://distribution.github.io/distribution/spec/auth/token/>).

use http_auth::ChallengeParser;
use reqwest::header::{CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;

use super::credentials::Credential;
use super::{host_of, is_loopback};

/// How requests identify themselves.
#[derive(Clone, Default)]
pub(super) enum Authorization {
    #[default]
    None,
    Basic {
        user: String,
        password: String,
    },
    Bearer(String),
}

impl Authorization {
    pub fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

/// What a 401 asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Bearer(TokenService),
    Basic,
    /// Nothing that is understood here: the schemes that were named.
    Other(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenService {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// A token is preferred to a password, which goes over the wire with every request.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut basic = false;
        let mut others = Vec::new();
        for value in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
            for challenge in ChallengeParser::new(value).map_while(Result::ok) {
                let param = |name: &str| {
                    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = param("realm")
                {
                    return Self::Bearer(TokenService { realm, service: param("service"), scope: param("scope") });
                }
                basic |= challenge.scheme.eq_ignore_ascii_case("basic");
                others.push(challenge.scheme.to_owned());
            }
        }
        if basic { Self::Basic } else { Self::Other(others) }
    }
}

impl TokenService {
    /// The request for a token to do `actions` (`pull` or `pull,push`) with `repository`. A password goes with a GET, a refresh token with a POST
    /// (<https://distribution.github.io/distribution/spec/auth/oauth/>).
    pub fn request(
        &self,
        client: &reqwest::Client,
        registry_is_plain: bool,
        repository: &str,
        actions: &str,
        credential: Option<&Credential>,
    ) -> Result<RequestBuilder, String> {
        let mut url =
            Url::parse(&self.realm).map_err(|error| format!("its token service `{}`: {error}", self.realm))?;
        let host = url.host_str().unwrap_or_default();
        let secure = url.scheme() == "https" || registry_is_plain || is_loopback(host_of(host));
        if credential.is_some() && !secure {
            return Err(format!("its token service `{}` would get the credentials without TLS", self.realm));
        }
        let scope = self.scope.clone().unwrap_or_else(|| format!("repository:{repository}:{actions}"));
        let service = self.service.iter().map(|service| ("service", service.as_str()));
        if let Some(Credential::Identity(token)) = credential {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", "meshproof"),
                ("scope", scope.as_str()),
                ("refresh_token", token.as_str()),
            ];
            let body = encoded(form.into_iter().chain(service));
            return Ok(client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body));
        }
        url.query_pairs_mut().append_pair("scope", &scope).extend_pairs(service);
        let request = client.get(url);
        Ok(match credential {
            Some(Credential::Password { user, password }) => request.basic_auth(user, Some(password)),
            Some(Credential::Identity(_)) | None => request,
        })
    }

    /// The token in the service's answer, which is not shown: it may be a token in another shape.
    pub fn read(body: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let answer: Answer = serde_json::from_slice(body).ok()?;
        [answer.token, answer.access_token].into_iter().flatten().find(|token| !token.is_empty())
    }
}

fn encoded<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut url = Url::parse("form:").expect("a constant URL");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect()
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let (service, scope) = (service.map(str::to_owned), scope.map(str::to_owned));
        Challenge::Bearer(TokenService { realm: realm.to_owned(), service, scope })
    }

    #[rstest]
    #[case::bearer(
        &[r#"Bearer realm="https://a.io/token",service="r.io",scope="repository:a/b:pull,push""#],
        bearer("https://a.io/token", Some("r.io"), Some("repository:a/b:pull,push"))
    )]
    #[case::in_any_case(&[r#"bearer Realm="https://a.io/t""#], bearer("https://a.io/t", None, None))]
    #[case::basic(&[r#"Basic realm="r""#], Challenge::Basic)]
    #[case::both_in_one(
        &[r#"Basic realm="r", Bearer realm="https://a.io/t""#],
        bearer("https://a.io/t", None, None)
    )]
    #[case::both_in_two(
        &[r#"Basic realm="r""#, r#"Bearer realm="https://a.io/t""#],
        bearer("https://a.io/t", None, None)
    )]
    #[case::neither(&[r#"Negotiate realm="r""#], Challenge::Other(vec!["Negotiate".to_owned()]))]
    #[case::nothing(&[], Challenge::Other(vec![]))]
    fn a_challenge_is_read(#[case] values: &[&str], #[case] expected: Challenge) {
        assert_eq!(Challenge::read(&headers(values)), expected);
    }

    #[rstest]
    #[case::token(r#"{"token": "a"}"#, Some("a"))]
    #[case::access_token(r#"{"access_token": "b"}"#, Some("b"))]
    #[case::both(r#"{"token": "a", "access_token": "b"}"#, Some("a"))]
    #[case::empty_then_full(r#"{"token": "", "access_token": "b"}"#, Some("b"))]
    #[case::neither("{}", None)]
    #[case::not_json("<html>", None)]
    fn a_token_has_two_names(#[case] body: &str, #[case] expected: Option<&str>) {
        assert_eq!(TokenService::read(body.as_bytes()).as_deref(), expected);
    }

    #[rstest]
    #[case::secure("https://a.io/t", false, true)]
    #[case::downgraded("http://a.io/t", false, false)]
    #[case::plain_as_the_registry("http://a.io/t", true, true)]
    #[case::local("http://127.0.0.1:5001/t", false, true)]
    fn credentials_are_not_sent_over_a_weaker_connection(
        #[case] realm: &str,
        #[case] registry_is_plain: bool,
        #[case] allowed: bool,
    ) {
        crate::registry::testing::install_tls();
        let service = TokenService { realm: realm.to_owned(), service: None, scope: None };
        let credential = Credential::Password { user: "u".to_owned(), password: "p".to_owned() };
        let request = service.request(&reqwest::Client::new(), registry_is_plain, "a/b", "pull", Some(&credential));
        assert_eq!(request.is_ok(), allowed);
    }
}
