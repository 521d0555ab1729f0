//! One request to the API server, and the same again while what is in the way may pass.

use std::time::Duration;

use http::{Method, Request, header};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Cluster, Trouble};

/// What to do to a resource.
#[derive(Debug, Clone)]
pub enum Verb {
    Get,
    /// Of the object given; the path is its collection's.
    Create(Value),
    /// Server-side apply of the object given, by this run's field manager.
    Apply {
        object: Value,
        force: bool,
    },
    /// A JSON merge patch.
    Merge(Value),
    /// With foreground, background or orphan propagation; with a uid, only the object that has it.
    Delete {
        propagation: &'static str,
        uid: Option<String>,
    },
}

/// A successful answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Whether the request made the object, rather than changed or found it.
    pub created: bool,
    pub body: Value,
}

/// The first wait before a request is made again, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long a request that is under way may still take when the run is ended.
const GRACE: Duration = Duration::from_secs(5);

impl Cluster {
    /// Makes one request; `path` is the resource's, with its query's beginning left off.
    pub async fn once(&self, path: &str, verb: &Verb) -> Result<Answer, Trouble> {
        let (method, query, kind, body) = match verb {
            Verb::Get => (Method::GET, String::new(), "application/json", Vec::new()),
            Verb::Create(object) => (
                Method::POST,
                format!("?fieldManager={}", crate::FIELD_MANAGER),
                "application/json",
                object.to_string().into_bytes(),
            ),
            Verb::Apply { object, force } => (
                Method::PATCH,
                format!("?fieldManager={}&force={force}", crate::FIELD_MANAGER),
                "application/apply-patch+yaml",
                object.to_string().into_bytes(),
            ),
            Verb::Merge(patch) => (
                Method::PATCH,
                format!("?fieldManager={}", crate::FIELD_MANAGER),
                "application/merge-patch+json",
                patch.to_string().into_bytes(),
            ),
            Verb::Delete { propagation, uid } => {
                let mut options =
                    json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation});
                if let Some(uid) = uid {
                    options["preconditions"] = json!({"uid": uid});
                }
                (Method::DELETE, String::new(), "application/json", options.to_string().into_bytes())
            }
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}{query}"))
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, "application/json")
            .body(Body::from(body))
            .map_err(|error| Trouble::Refused { code: 0, message: error.to_string() })?;
        let response = self.client.send(request).await.map_err(Trouble::from)?;
        let code = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let bytes =
            response.into_body().collect_bytes().await.map_err(|error| Trouble::Unreachable(error.to_string()))?;
        if !(200..300).contains(&code) {
            return Err(Trouble::of(code, retry_after, &bytes));
        }
        let body = serde_json::from_slice(&bytes).map_err(|error| Trouble::Unreadable(error.to_string()))?;
        Ok(Answer { created: code == 201, body })
    }

    /// Makes the request until it succeeds or meets what does not pass, at most until `deadline`. All verbs may be repeated
    /// without harm. Once `cancel` is, it is not made again, and one that is under way has [`GRACE`] to be answered: what
    /// becomes of it would not be known otherwise.
    pub async fn request(
        &self,
        path: &str,
        verb: &Verb,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Answer, Trouble> {
        let mut wait = FIRST_WAIT;
        let mut webhook_since: Option<Instant> = None;
        let mut unsure = false;
        loop {
            let answer = tokio::select! {
                answer = tokio::time::timeout_at(deadline, self.once(path, verb)) => answer,
                () = async { cancel.cancelled().await; tokio::time::sleep(GRACE).await } => {
                    return Err(Trouble::Unreachable("no answer before the run was ended".to_owned()));
                }
            };
            let trouble = match answer {
                Ok(Ok(answer)) => {
                    let created = answer.created || (unsure && made_by_apply(&answer.body));
                    return Ok(Answer { created, ..answer });
                }
                Ok(Err(trouble)) => trouble,
                Err(_) => return Err(Trouble::Unreachable("no answer before the deadline".to_owned())),
            };
            // It may have been done all the same.
            unsure |= matches!(trouble, Trouble::Unreachable(_) | Trouble::Overloaded { .. });
            // A webhook without its server is the product's state; it gets as long as any hopeless state.
            if matches!(trouble, Trouble::Webhook { .. }) {
                let since = *webhook_since.get_or_insert_with(Instant::now);
                if since.elapsed() > crate::engine::PATIENCE {
                    return Err(trouble);
                }
            } else {
                webhook_since = None;
            }
            let pause = match &trouble {
                Trouble::Overloaded { retry_after: Some(pause), .. } => *pause,
                trouble if trouble.is_passing() => wait,
                _ => return Err(trouble),
            };
            if Instant::now() + pause >= deadline {
                return Err(trouble);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled() => return Err(trouble),
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Whether the object is as old as what this program last applied of it. Every apply of a run changes at least the label that
/// names the run, so one that was there before is older.
fn made_by_apply(object: &Value) -> bool {
    let made = &object["metadata"]["creationTimestamp"];
    let managers = object["metadata"]["managedFields"].as_array().map_or(&[][..], Vec::as_slice);
    managers.iter().any(|manager| {
        manager["manager"] == crate::FIELD_MANAGER && manager["operation"] == "Apply" && manager["time"] == *made
    })
}
