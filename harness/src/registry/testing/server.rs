//! What the registry answers.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use serde_json::json;

use super::responses::{answer, deliver};
use super::{Access, Content, Fault, Login, Route, Seen, Shared, basic};
use crate::registry::Digest;

pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let content = || shared.state.lock().unwrap();
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = to_bytes(body, usize::MAX).await.map(|body| String::from_utf8_lossy(&body).into_owned());
    let (route, repository, name) = route(head.uri.path());
    let authorization = head.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let seen = Seen { route, path, authorization, body: body.unwrap_or_default() };
    let fault = content().arrive(seen.clone());
    if let Some(Fault::Late(pause)) = fault {
        tokio::time::sleep(pause).await;
    }
    let mut content = content();
    content.in_flight -= 1;
    if let Some(Fault::Answer { status, headers, body }) = fault {
        return answer(status, headers, body);
    }
    if let Some(Fault::Elsewhere { origin }) = &fault {
        return answer(307, &[("location", &format!("{origin}{}", seen.path))], "");
    }
    if route == Route::Token {
        return content.token(&head.method, &seen);
    }
    if let Some(refusal) = content.refuse(&seen, &head.headers) {
        return refusal;
    }
    let unknown = |code| answer(404, &[], &json!({"errors": [{"code": code, "message": "unknown"}]}).to_string());
    let key = (repository.clone(), name);
    match route {
        Route::Root => answer(200, &[], "{}"),
        Route::Manifest => match content.manifests.get(&key) {
            Some((media_type, body)) => {
                let mut response = deliver(body, media_type, fault.as_ref());
                let digest = Digest::of(body, None).to_string().parse().unwrap();
                response.headers_mut().insert("docker-content-digest", digest);
                response
            }
            None if content.manifests.keys().any(|key| key.0 == repository) => unknown("MANIFEST_UNKNOWN"),
            None => unknown("NAME_UNKNOWN"),
        },
        Route::Blob => match content.blobs.get(&key) {
            Some(body) => deliver(body, "application/octet-stream", fault.as_ref()),
            None => unknown("BLOB_UNKNOWN"),
        },
        Route::Referrers => match content.referrers.get(&key) {
            Some(index) => deliver(index, "application/vnd.oci.image.index.v1+json", fault.as_ref()),
            None => answer(404, &[], "404 page not found"),
        },
        Route::Token | Route::Other => answer(404, &[], ""),
    }
}

/// The route with its repository and the name of what is asked for.
fn route(path: &str) -> (Route, String, String) {
    let split = |route, kind| {
        let (repository, name) = path.strip_prefix("/v2/")?.rsplit_once(kind)?;
        Some((route, repository.to_owned(), name.to_owned()))
    };
    match path {
        "/v2/" => (Route::Root, String::new(), String::new()),
        "/token" => (Route::Token, String::new(), String::new()),
        _ => split(Route::Manifest, "/manifests/")
            .or_else(|| split(Route::Blob, "/blobs/"))
            .or_else(|| split(Route::Referrers, "/referrers/"))
            .unwrap_or((Route::Other, String::new(), String::new())),
    }
}

impl Content {
    fn arrive(&mut self, seen: Seen) -> Option<Fault> {
        let route = seen.route;
        self.seen.push(seen);
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        let faults = self.faults.get_mut(&route)?;
        let (times, fault) = faults.front_mut()?;
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            faults.pop_front();
        }
        Some(fault)
    }

    /// The answer to who may not read.
    fn refuse(&mut self, seen: &Seen, headers: &HeaderMap) -> Option<Response> {
        let allowed = match &self.access {
            Access::Anyone => true,
            Access::Basic(user, password) => seen.authorization == Some(basic(user, password)),
            Access::Token { .. } => {
                let token = seen.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
                let uses = token.and_then(|token| self.tokens.get_mut(token)).filter(|uses| **uses > 0);
                uses.map(|uses| *uses -= 1).is_some()
            }
            Access::Unknown => false,
        };
        if allowed {
            return None;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let challenge = match self.access {
            Access::Basic(..) => r#"Basic realm="test""#.to_owned(),
            Access::Unknown => r#"Negotiate realm="test""#.to_owned(),
            _ => format!(r#"Bearer realm="http://{host}/token",service="test""#),
        };
        let body = r#"{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}"#;
        Some(answer(401, &[("www-authenticate", &challenge)], body))
    }

    fn token(&mut self, method: &Method, seen: &Seen) -> Response {
        let Access::Token { login, uses } = &self.access else { return answer(404, &[], "") };
        let allowed = match login {
            Login::Anyone => method == Method::GET,
            Login::Password(user, password) => seen.authorization == Some(basic(user, password)),
            Login::Refresh(token) => method == Method::POST && seen.body.contains(&format!("refresh_token={token}")),
        };
        if !allowed {
            return answer(401, &[], r#"{"errors": [{"code": "DENIED", "message": "no token for you"}]}"#);
        }
        let token = format!("token-{}", self.tokens.len());
        let uses = if self.tokens.is_empty() { *uses } else { usize::MAX };
        self.tokens.insert(token.clone(), uses);
        answer(200, &[], &json!({"token": token}).to_string())
    }
}
