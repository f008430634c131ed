//! The closed set of connector failures; only these decide what happens next.

use crate::connector::HttpError;
use crate::time::wait_in_words;

/// Why a call to an outside system did not give what was asked. Source: anchors 3.7, reliability.md §6.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// The other side is busy or our budget is spent; nothing was executed.
    #[error("throttled{}", .retry_after_ms.map(|ms| format!(", asked to wait {}", wait_in_words(ms.saturating_mul(1_000)))).unwrap_or_default())]
    RateLimited {
        /// Wait that the other side asked for, in milliseconds.
        retry_after_ms: Option<i64>,
    },
    /// Nothing was executed: no connection, no name, no TLS.
    #[error("not reachable: {0}")]
    Unavailable(String),
    /// Everything is switched off there in which it is asked (Lightspeed: the language); nothing was executed.
    #[error("switched off: {0}")]
    SwitchedOff(String),
    /// The credentials are refused.
    #[error("credentials refused: {0}")]
    Unauthorised(String),
    /// The other side will not accept this item.
    #[error("refused: {0}")]
    Rejected(String),
    /// The thing that was to be changed is not there (any more).
    #[error("not there: {0}")]
    Missing(String),
    /// It may have been done: the answer is lost, or no answer at all.
    #[error("outcome unknown: {0}")]
    Uncertain(String),
    /// It may have been done: no answer in time, which tells of the load of the other side.
    #[error("outcome unknown: {0}")]
    TimedOut(String),
    /// The answer is not what the reference says.
    #[error("unexpected answer: {0}")]
    Malformed(String),
    /// The other side's structure is not the one the preset was made for (fields or collections missing).
    #[error("structure differs: {0}")]
    Structure(String),
    /// The other side is not the one that it should be: another shop, or an account that another database filled.
    #[error("not ours: {0}")]
    NotOurs(String),
    /// It is another place of the other side than the one that was filled: another account or database there.
    #[error("another place: {0}")]
    Moved(String),
    /// The connector does not offer this.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
}

impl From<HttpError> for ConnectorError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::NotSent(text) => Self::Unavailable(text),
            HttpError::Lost(text) => Self::Uncertain(text),
            timed_out @ HttpError::TimedOut => Self::TimedOut(timed_out.to_string()),
            HttpError::TooLarge => Self::Malformed("answer larger than the limit".to_owned()),
            HttpError::Spent { retry_after_ms } => Self::RateLimited {
                retry_after_ms: Some(retry_after_ms),
            },
        }
    }
}
