//! The door to the network, as connectors see it.

use bytes::Bytes;

use super::BoxFuture;

/// HTTP methods that connectors use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the methods")]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Who a call is made for; earlier ones go first when the budget is short (reliability.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Class {
    /// Live traffic.
    #[default]
    Live,
    /// A retry of live traffic.
    Retry,
    /// Re-reading what changed lately.
    Sweep,
    /// History.
    Backfill,
}

impl Class {
    /// All classes, those that go first before the others.
    pub const ALL: [Self; 4] = [Self::Live, Self::Retry, Self::Sweep, Self::Backfill];

    /// The place in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Live => 0,
            Self::Retry => 1,
            Self::Sweep => 2,
            Self::Backfill => 3,
        }
    }

    /// The word for tables, pages and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Retry => "retry",
            Self::Sweep => "sweep",
            Self::Backfill => "backfill",
        }
    }
}

/// One call.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Full URL. May carry a secret (Copernica v2 and v3): never logged.
    pub url: String,
    /// Headers, credentials included: never logged.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty for none.
    pub body: Bytes,
    /// Longest time until the whole answer is there, in milliseconds.
    pub timeout_ms: u64,
    /// Who the call is made for.
    pub class: Class,
    /// What is called, without ids or values, for counters and logs: `GET orders/{id}`.
    pub label: &'static str,
}

/// One answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Whole body.
    pub body: Bytes,
}

impl Response {
    /// Gives the first header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent: no connection, no name, no TLS. Not executed.
    #[error("not sent: {0}")]
    NotSent(String),
    /// At least one byte was sent and no whole answer came: may have been executed.
    #[error("answer lost: {0}")]
    Lost(String),
    /// Sent, and no whole answer in [`Request::timeout_ms`]: may have been executed.
    #[error("no answer in time")]
    TimedOut,
    /// The answer is larger than [`crate::limits::ANSWER_BYTES`].
    #[error("answer too large")]
    TooLarge,
    /// Our own budget of calls has no room for the call's class (docs/spec/budget.md). Not sent.
    #[error("budget of calls spent, room in {retry_after_ms} ms")]
    Spent {
        /// When there may be room again, in milliseconds.
        retry_after_ms: i64,
    },
}

/// The one door to the network. Follows no redirect; the engine has the real one, tests a scripted one.
pub trait Http: Send + Sync {
    /// Sends `request` and reads the whole answer.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>>;
}
