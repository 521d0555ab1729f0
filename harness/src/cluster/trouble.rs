//! Why a request to the cluster did not do what was asked.

use std::time::Duration;

use kube::core::Status;

/// A request that did not succeed, by what follows from it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// No answer: refused, reset, timed out, TLS. May pass.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// 429, 5xx, and 410, which says that the list or watch has to begin anew. May pass.
    #[error("the API server answered {code}: {message}")]
    Overloaded { code: u16, message: String, retry_after: Option<Duration> },
    /// A webhook that the request has to go through did not answer. May pass.
    #[error("{message}")]
    Webhook { message: String },
    /// 401 and 403.
    #[error("not allowed: {message}")]
    Denied { message: String },
    /// 404.
    #[error("not found: {message}")]
    NotFound { message: String },
    /// 409: another field manager owns the field, or the object changed meanwhile, or its namespace is going away.
    #[error("conflict: {message}")]
    Conflict { message: String },
    /// 400, 413, 415, 422, and every refusal by admission.
    #[error("refused: {message}")]
    Refused { code: u16, message: String },
    /// An answer that is no Kubernetes answer.
    #[error("an answer that cannot be read: {0}")]
    Unreadable(String),
}

impl Trouble {
    /// From a response's status code, `Retry-After` and body.
    pub(super) fn of(code: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let status: Option<Status> = serde_json::from_slice(body).ok();
        let reason = status.as_ref().map(|status| status.reason.clone()).unwrap_or_default();
        let message = match status {
            Some(status) if !status.message.is_empty() => status.message,
            _ => String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned(),
        };
        match code {
            401 => Self::Denied { message },
            403 if reason == "Forbidden" && message.contains("cannot") => Self::Denied { message },
            // Quota and admission plugins also answer 403; that is the product's doing, not a lack of rights.
            403 => Self::Refused { code, message },
            404 => Self::NotFound { message },
            409 => Self::Conflict { message },
            500.. if message.contains("failed calling webhook") => Self::Webhook { message },
            410 | 429 | 500.. => Self::Overloaded { code, message, retry_after },
            _ => Self::Refused { code, message },
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Overloaded { .. } | Self::Webhook { .. })
    }

    /// Whether it says something of the product, rather than that the check could not be made.
    pub fn is_product(&self) -> bool {
        match self {
            Self::Webhook { .. } | Self::NotFound { .. } | Self::Conflict { .. } | Self::Refused { .. } => true,
            Self::Unreachable(_) | Self::Overloaded { .. } | Self::Denied { .. } | Self::Unreadable(_) => false,
        }
    }
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let body = serde_json::to_vec(&*status).unwrap_or_default();
                Self::of(status.code, None, &body)
            }
            kube::Error::SerdeError(error) => Self::Unreadable(error.to_string()),
            other => Self::Unreachable(root_cause(&other)),
        }
    }
}

/// The innermost message of an error's chain: `connection refused` rather than five layers around it.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let message = innermost.to_string();
    if message.is_empty() { error.to_string() } else { message }
}
