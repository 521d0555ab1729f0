//! How the scripted API server answers a request, or does not.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, Response, header},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::{
    api::Shared,
    objects::{Change, Key},
};

/// What a request meets instead of its answer.
#[derive(Clone)]
pub enum Fault {
    /// A status with its reason and message.
    Refused { code: u16, reason: &'static str, message: &'static str, retry_after: Option<u64> },
    /// The connection is closed in mid-answer, before anything is done.
    Closed,
    /// The same, after it is done.
    ClosedAfter,
    /// A watch that begins and then says that its version is too old.
    Gone,
    /// No answer, ever.
    Silent,
}

impl Fault {
    pub fn code(code: u16) -> Self {
        Self::Refused { code, reason: "", message: "a fault of the test", retry_after: None }
    }

    /// As RBAC answers.
    pub fn forbidden(message: &'static str) -> Self {
        Self::Refused { code: 403, reason: "Forbidden", message, retry_after: None }
    }
}

/// A path of the API, taken apart.
struct Place {
    group_version: String,
    plural: String,
    namespace: String,
    name: Option<String>,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group_version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let plural = rest.first().copied().unwrap_or_default().to_owned();
        let name = rest.get(1).map(|name| (*name).to_owned());
        Some(Self { group_version, plural, namespace: namespace.to_owned(), name })
    }

    fn key(&self) -> Key {
        (self.plural.clone(), self.namespace.clone(), self.name.clone().unwrap_or_default())
    }
}

/// Answers one request.
pub async fn answer(shared: Arc<Shared>, request: Request<Body>) -> Response<Body> {
    // From before the request is noted: a test that has seen it may cut it.
    let cut = shared.cut.subscribe();
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if parts.uri.path() == "/version" {
        if matches!(shared.take("VERSION", &body), Some(Fault::Closed)) {
            return closed();
        }
        return json_answer(
            200,
            &json!({"major": "1", "minor": "28", "gitVersion": "v1.28.15", "gitCommit": "",
            "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
        );
    }
    let Some(place) = Place::of(parts.uri.path()) else { return status(404, "NotFound", parts.uri.path(), None) };
    let applies = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/apply-patch+yaml");
    let verb = match (&parts.method, &place.name) {
        _ if place.plural.is_empty() => "DISCOVER",
        (&Method::GET, Some(_)) => "GET",
        (&Method::GET, None) if query.contains("watch=true") => "WATCH",
        (&Method::GET, None) => "LIST",
        (&Method::PATCH, _) if applies => "APPLY",
        (method, _) => method.as_str(),
    };
    let target = match (verb, &place.name) {
        ("DISCOVER", _) => place.group_version.clone(),
        (_, Some(name)) => format!("{}/{name}", place.plural),
        (_, None) => place.plural.clone(),
    };
    match shared.take(&format!("{verb} {target}"), &body) {
        Some(Fault::Refused { code, reason, message, retry_after }) => status(code, reason, message, retry_after),
        Some(Fault::Closed) => closed(),
        Some(Fault::ClosedAfter) => {
            carry_out(&shared, &place, verb, &query, &body);
            closed()
        }
        Some(Fault::Gone) => {
            let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {},
                "status": "Failure", "message": "too old resource version", "reason": "Expired", "code": 410}});
            Response::new(Body::from(format!("{gone}\n")))
        }
        Some(Fault::Silent) => std::future::pending().await,
        None if verb == "WATCH" => watch(shared, &place, &query, cut),
        None => carry_out(&shared, &place, verb, &query, &body),
    }
}

fn carry_out(shared: &Shared, place: &Place, verb: &str, query: &str, body: &Bytes) -> Response<Body> {
    let mut objects = shared.objects.lock().unwrap();
    let version = objects.version;
    let key = place.key();
    let sent = || serde_json::from_slice::<Value>(body).unwrap_or_default();
    let done = match verb {
        "DISCOVER" => discover(&place.group_version, objects.all.values()).map(|found| (false, found)),
        "LIST" => {
            let inside = objects.all.iter().filter(|(other, _)| place.holds(other)).map(|(_, object)| object);
            let items: Vec<&Value> = inside.collect();
            Some((
                false,
                json!({"kind": "List", "apiVersion": place.group_version,
                "metadata": {"resourceVersion": version.to_string()}, "items": items}),
            ))
        }
        "GET" => objects.all.get(&key).map(|object| (false, object.clone())),
        "APPLY" => match objects.apply(&key, sent(), query.contains("force=true")) {
            Ok(applied) => Some(applied),
            Err(conflict) => return status(409, "Conflict", &conflict, None),
        },
        "PATCH" => objects.patch(&key, &sent()).map(|object| (false, object)),
        "DELETE" => objects.delete(&key).map(|object| (false, object)),
        _ => None,
    };
    shared.told.send_replace(objects.version);
    match done {
        Some((made, object)) => json_answer(if made { 201 } else { 200 }, &object),
        None => status(404, "NotFound", &format!("{} {:?} not found", place.plural, key.2), None),
    }
}

/// The kinds of a group, by the definitions that are there; `None` for a group that is not served.
fn discover<'a>(group_version: &str, objects: impl Iterator<Item = &'a Value>) -> Option<Value> {
    let kinds: Vec<Value> = objects
        .filter(|object| object["kind"] == "CustomResourceDefinition")
        .filter(|definition| {
            let spec = &definition["spec"];
            let version = spec["versions"][0]["name"].as_str().unwrap_or_default();
            format!("{}/{version}", spec["group"].as_str().unwrap_or_default()) == group_version
        })
        .map(|definition| {
            let (names, namespaced) = (&definition["spec"]["names"], definition["spec"]["scope"] == "Namespaced");
            json!({"name": names["plural"], "singularName": "", "namespaced": namespaced, "kind": names["kind"],
                "verbs": ["get", "list", "watch", "patch", "delete"]})
        })
        .collect();
    let found = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": kinds});
    (!kinds.is_empty()).then_some(found)
}

impl Place {
    fn holds(&self, key: &Key) -> bool {
        key.0 == self.plural && (self.namespace.is_empty() || key.1 == self.namespace)
    }
}

/// Tells each change after the version asked for, as it happens, until all watches are cut.
fn watch(shared: Arc<Shared>, place: &Place, query: &str, cut: Receiver<u64>) -> Response<Body> {
    let from = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
    let from = from.and_then(|version| version.parse().ok()).unwrap_or(0_u64);
    if from < shared.objects.lock().unwrap().oldest {
        return status(410, "Expired", "too old resource version", None);
    }
    let place = Place {
        group_version: String::new(),
        name: None,
        plural: place.plural.clone(),
        namespace: place.namespace.clone(),
    };
    let told = shared.told.subscribe();
    let state = (shared, place, from, told, cut);
    let lines = stream::unfold(state, |(shared, place, mut from, mut told, mut cut)| async move {
        loop {
            let next = {
                let objects = shared.objects.lock().unwrap();
                objects.log.iter().find(|change| change.version > from && place.holds(&change.key)).cloned()
            };
            let delay = *shared.delay.lock().unwrap();
            tokio::select! {
                line = line(next, delay, &mut told) => {
                    let Some((version, line)) = line else { continue };
                    from = version;
                    return Some((Ok(line), (shared, place, from, told, cut)));
                }
                _ = cut.changed() => {
                    let broken = Err(io::Error::other("cut"));
                    return Some((broken, (shared, place, from, told, cut)));
                }
            }
        }
    });
    // Headers are sent with the first piece of the body; a watch that has nothing to tell must begin too.
    let begun = stream::once(async { Ok(Bytes::new()) });
    Response::new(Body::from_stream(begun.chain(lines)))
}

async fn line(next: Option<Change>, delay: Duration, told: &mut Receiver<u64>) -> Option<(u64, Bytes)> {
    let Some(change) = next else {
        let _ = told.changed().await;
        return None;
    };
    tokio::time::sleep_until(change.at + delay).await;
    Some((change.version, format!("{}\n", json!({"type": change.kind, "object": change.object})).into()))
}

fn closed() -> Response<Body> {
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(io::Error::other("closed")) })))
}

fn json_answer(code: u16, body: &Value) -> Response<Body> {
    let response = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    response.body(Body::from(body.to_string())).unwrap()
}

fn status(code: u16, reason: &str, message: &str, retry_after: Option<u64>) -> Response<Body> {
    let mut response = json_answer(
        code,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code}),
    );
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
