//! How often and after what pause a request is made again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// All attempts, the first included, at what may be down for good. A registry that asks for a pause is asked again until the
    /// deadline, where there is one.
    pub attempts: u32,
    /// The pause after the first attempt; it doubles after each.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// A registry that asks for more patience than this is given up on at once.
    pub longest_asked: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            longest_asked: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// Attempts that end at `deadline` at the latest.
    pub(super) fn start(&self, deadline: Option<Instant>) -> Retries {
        Retries { policy: self.clone(), made: 0, deadline }
    }
}

/// The attempts at one thing: a manifest, a layer, a token.
#[derive(Debug)]
pub(super) struct Retries {
    policy: RetryPolicy,
    made: u32,
    deadline: Option<Instant>,
}

/// Why another attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It may be down for good.
    Trouble,
    /// It said that it is asked too much, or for how long it wants to be left alone.
    Asked(Option<Duration>),
}

impl Retries {
    /// Attempts made, the present one included.
    pub fn made(&self) -> u32 {
        self.made + 1
    }

    /// Counts another attempt, and gives the pause before it; `None` if none is left, the registry asked for too long a pause, or the
    /// deadline would be over.
    pub fn again(&mut self, cause: Cause) -> Option<Duration> {
        let pause = self.pause(cause)?;
        if self.deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
            return None;
        }
        self.made += 1;
        Some(pause)
    }

    fn pause(&self, cause: Cause) -> Option<Duration> {
        let (asked, bounded) = match cause {
            Cause::Trouble => (None, true),
            Cause::Asked(asked) => (asked, self.deadline.is_none()),
        };
        if bounded && self.made() >= self.policy.attempts {
            return None;
        }
        if asked.is_some_and(|asked| asked > self.policy.longest_asked) {
            return None;
        }
        let doubled = self.policy.first_pause.saturating_mul(2u32.saturating_pow(self.made));
        Some(asked.unwrap_or_else(|| doubled.min(self.policy.longest_pause)))
    }
}

/// Why the same request may succeed later, if it may.
pub(super) fn cause(status: StatusCode, headers: &HeaderMap) -> Option<Cause> {
    let asked = retry_after(headers, Timestamp::now());
    match status {
        status if !is_transient(status) => None,
        StatusCode::TOO_MANY_REQUESTS => Some(Cause::Asked(asked)),
        _ if asked.is_some() => Some(Cause::Asked(asked)),
        _ => Some(Cause::Trouble),
    }
}

/// Whether the same request may succeed later.
pub(super) fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// The pause that a response asks for, as seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_then_end() {
        let policy = RetryPolicy {
            attempts: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(3),
            longest_asked: Duration::from_mins(1),
        };
        let pauses: Vec<_> =
            (0..5).map(|made| Retries { policy: policy.clone(), made, deadline: None }.pause(Cause::Trouble)).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(3), Some(3), None].map(|pause| pause.map(Duration::from_secs)));
    }

    #[rstest]
    #[case::honoured(Some(7), Some(7))]
    #[case::too_long(Some(3600), None)]
    fn an_asked_pause_is_honoured_within_reason(#[case] asked: Option<u64>, #[case] pause: Option<u64>) {
        let retries = RetryPolicy::default().start(None);
        assert_eq!(retries.pause(Cause::Asked(asked.map(Duration::from_secs))), pause.map(Duration::from_secs));
    }

    #[test]
    fn who_is_asked_to_wait_does_so_until_the_deadline() {
        let mut patient = RetryPolicy::default().start(Some(Instant::now() + Duration::from_secs(60)));
        let pause = Cause::Asked(Some(Duration::from_secs(1)));
        assert!((0..50).all(|_| patient.again(pause).is_some()));
        assert_eq!(patient.again(Cause::Trouble), None);
        assert_eq!(patient.again(Cause::Asked(Some(Duration::from_secs(60)))), None);
    }

    #[rstest]
    #[case::seconds("120", Some(120))]
    #[case::date("Sun, 06 Nov 1994 08:49:37 GMT", Some(30))]
    #[case::past("Sun, 06 Nov 1994 08:00:00 GMT", Some(0))]
    #[case::nonsense("soon", None)]
    fn retry_after_is_seconds_or_a_date(#[case] value: &str, #[case] seconds: Option<u64>) {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case(429, true)]
    #[case(500, true)]
    #[case(503, true)]
    #[case(404, false)]
    #[case(501, false)]
    fn only_what_may_pass_is_retried(#[case] status: u16, #[case] transient: bool) {
        assert_eq!(is_transient(StatusCode::from_u16(status).unwrap()), transient);
    }
}
