//! Reads an answer into an outcome: status *and* message, since Copernica says 400 to nearly everything.
//!
//! Sources: copernica.md §1.6, §1.7, §7; reliability.md §5, §6. Pure and total: every status has an outcome, and
//! an unknown one is never a success.

use schakel_core::connector::{ConnectorError, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::ApiVersion;
use crate::util::retry_after;

/// Longest message that is passed on, in characters.
const MESSAGE_CHARS: usize = 200;

/// What a restriction of the owner looks like from outside (copernica.md §4.7).
const RESTRICTION: &str = "a restriction that the owner set in Copernica may refuse it";

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// What was there was updated.
    Changed,
    /// A new row was made; its id, when the answer names it.
    Created(Option<i64>),
}

/// Reads the answer to a PUT of many with `create`.
pub(crate) fn put(version: ApiVersion, response: &Response) -> Result<Written, ConnectorError> {
    let id = created_id(response);
    match response.status {
        // v2 redirects where v3 and v4 say 201; the redirect is the success, and following it would leak the token.
        303 if version == ApiVersion::V2 => Ok(id.map_or(Written::Changed, |id| Written::Created(Some(id)))),
        201 if response.body.is_empty() => Ok(Written::Created(id)),
        200 | 204 if response.body.is_empty() => {
            Ok(id.map_or(Written::Changed, |id| Written::Created(Some(id))))
        }
        _ => Err(unwritten(response)),
    }
}

/// Reads the answer to a POST that makes something: its id, when the answer names it.
pub(crate) fn post(response: &Response) -> Result<Option<i64>, ConnectorError> {
    match response.status {
        200 | 201 | 204 if response.body.is_empty() => Ok(created_id(response)),
        _ => Err(unwritten(response)),
    }
}

/// Reads the answer to a DELETE of the row `id`.
pub(crate) fn delete(response: &Response, id: i64) -> Result<(), ConnectorError> {
    let is_other = response.header("x-deleted").is_some_and(|named| {
        let number = named.rsplit([' ', '/']).next().unwrap_or_default();
        number.parse() != Ok(id)
    });
    match response.status {
        200 | 204 if is_other => Err(ConnectorError::Uncertain(
            "the answer names another row".to_owned(),
        )),
        200 | 204 if response.body.is_empty() => Ok(()),
        _ => Err(unwritten(response)),
    }
}

/// Reads the answer to a GET.
pub(crate) fn document<T: DeserializeOwned>(response: &Response) -> Result<T, ConnectorError> {
    match response.status {
        // A login or maintenance page: nothing was read, nothing was changed.
        200..300 if !is_json(response) => {
            Err(ConnectorError::Unavailable("a page instead of data".to_owned()))
        }
        200..300 => serde_json::from_slice(&response.body)
            .map_err(|error| ConnectorError::Malformed(format!("not the documented shape: {error}"))),
        // A read executes nothing, so nothing about it is uncertain.
        status @ 500..600 => Err(ConnectorError::Unavailable(format!("HTTP {status}"))),
        _ => Err(refusal(response)),
    }
}

/// Tells whether the answer refuses the token that the call carried; such a call was not executed.
pub(crate) fn is_token_refused(response: &Response) -> bool {
    matches!(refusal(response), ConnectorError::Unauthorised(_))
}

/// Reads "not now" with the wait that the other side asks for; a date is read by the answer's own clock.
pub(crate) fn throttled(response: &Response) -> ConnectorError {
    ConnectorError::RateLimited {
        retry_after_ms: retry_after::wait_ms(response, None),
    }
}

/// Reads an answer to a write that is not its success.
fn unwritten(response: &Response) -> ConnectorError {
    match response.status {
        200..300 => ConnectorError::Uncertain(format!("HTTP {} with unexpected content", response.status)),
        _ => refusal(response),
    }
}

fn refusal(response: &Response) -> ConnectorError {
    let message = message(response);
    let said = || match &message {
        Some(message) => format!("HTTP {}: {message}", response.status),
        None => format!("HTTP {}", response.status),
    };
    match response.status {
        401 => ConnectorError::Unauthorised(said()),
        // A 403 without a word about the token may be about this one object; it must not stop the whole sink.
        408 | 425 | 429 => throttled(response),
        400..500 => message
            .as_deref()
            .and_then(known)
            .unwrap_or_else(|| ConnectorError::Rejected(said())),
        300..400 => ConnectorError::Rejected(format!("redirected, HTTP {}", response.status)),
        // 500 to 504, the load balancer's page, and whatever else: it may have been done.
        _ => ConnectorError::Uncertain(said()),
    }
}

/// Reads the messages of copernica.md §1.7, by part and without case: v3 writes a prefix before them.
fn known(message: &str) -> Option<ConnectorError> {
    let folded = message.to_ascii_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| folded.contains(part));
    let text = message.to_owned();
    if says(&["access token", "invalid token", "token expired", "expired token"]) {
        Some(ConnectorError::Unauthorised(text))
    } else if says(&["no database with supplied id", "no collection with given id"])
        // A filter that the server does not understand: a field of the key is gone.
        || says(&["fields parameter", "parameter fields"])
    {
        Some(ConnectorError::Structure(text))
    } else if says(&[
        "no entity with supplied id",
        "no subprofile with supplied id",
        "already been removed",
    ]) {
        Some(ConnectorError::Missing(text))
    } else if says(&[
        "failed to create profile",
        "failed to update profile",
        "subprofile could not be",
    ]) {
        Some(ConnectorError::Rejected(format!("{text} ({RESTRICTION})")))
    } else {
        None
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Message,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// Gives the message of the error envelope, shortened, without control characters and without addresses.
fn message(response: &Response) -> Option<String> {
    let envelope: Envelope = serde_json::from_slice(&response.body).ok()?;
    let text = envelope.error.message;
    let text = text
        .strip_prefix("Copernica REST API Error")
        .and_then(|rest| rest.split_once(": "))
        .map_or(text.as_str(), |(_, message)| message);
    let words = text
        .split_whitespace()
        .map(|word| if word.contains('@') { "(address)" } else { word });
    let text = words.collect::<Vec<_>>().join(" ");
    Some(
        text.chars()
            .filter(|c| !c.is_control())
            .take(MESSAGE_CHARS)
            .collect(),
    )
}

fn is_json(response: &Response) -> bool {
    let says_html = response
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    !says_html
        && response
            .body
            .trim_ascii_start()
            .first()
            .is_some_and(|byte| matches!(byte, b'{' | b'['))
}

/// Reads the id of what was made: `X-Created`, else the end of `X-location` (copernica.md §1.6).
fn created_id(response: &Response) -> Option<i64> {
    let number = |text: &str| text.trim().parse().ok().filter(|id: &i64| *id > 0);
    let by_place = || number(response.header("x-location")?.rsplit('/').next()?);
    response.header("x-created").and_then(number).or_else(by_place)
}

#[cfg(test)]
mod tests;
