//! The webhook entrance: the only thing that strangers reach.
//!
//! Every address, known or not, takes the same steps in the same order, and whoever is not genuine hears the same
//! empty 401 (reliability.md §11.1): method, encoding, size, body, path, then the source's own checks. A 200 goes
//! out after the event is durable, see `schakel_engine::intake`.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schakel_core::id::ConnectionId;
use schakel_core::limits;
use schakel_core::time::Clock;
use schakel_engine::intake::{Entrance, NotAccepted};

/// Where the webhooks of a connection arrive: this, followed by its token.
pub const PATH: &str = "/hooks/";

/// Longest time for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// When a sender that heard 503 may try again, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// Which path leads to which connection; holds digests only.
#[derive(Debug, Clone, Default)]
pub struct HookPaths(HashMap<[u8; 32], ConnectionId>);

impl HookPaths {
    /// Lets webhooks to `path`, which is [`PATH`] and a token of 128 random bits, in for `connection`.
    ///
    /// Several paths may lead to one connection, so that one can be replaced.
    pub fn add(&mut self, path: &str, connection: ConnectionId) {
        self.0.insert(digest(path), connection);
    }

    /// Gives the connection of a path. Comparing digests tells nothing about how near a guess was.
    fn connection(&self, path: &str) -> Option<ConnectionId> {
        self.0.get(&digest(path)).copied()
    }
}

fn digest(path: &str) -> [u8; 32] {
    *blake3::hash(path.as_bytes()).as_bytes()
}

struct Door {
    entrance: Entrance,
    paths: HookPaths,
    clock: Arc<dyn Clock>,
}

/// Makes the router of the webhook port: `POST /hooks/{token}` and nothing else.
///
/// `clock` says when the head of a request was read, which counts as the moment of receipt.
pub fn router(entrance: Entrance, paths: HookPaths, clock: Arc<dyn Clock>) -> Router {
    let door = Arc::new(Door {
        entrance,
        paths,
        clock,
    });
    Router::new().fallback(receive).with_state(door)
}

async fn receive(State(door): State<Arc<Door>>, request: Request) -> Response {
    let received_at = door.clock.now();
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response();
    }
    // Before the body: a stranger without a path costs no memory.
    let Some(connection) = door.paths.connection(head.uri.path()) else {
        tracing::debug!("a webhook came to an address that leads nowhere");
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let body = match read(&head.headers, body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let headers = named(&head.headers);
    match door
        .entrance
        .accept(connection, &headers, body, received_at)
        .await
    {
        Ok(_) => StatusCode::OK.into_response(),
        Err(NotAccepted::Refused(refused)) => {
            tracing::debug!(connection.id = %connection, %refused, "a webhook was refused");
            StatusCode::UNAUTHORIZED.into_response()
        }
        Err(NotAccepted::Unknown) => StatusCode::UNAUTHORIZED.into_response(),
        Err(NotAccepted::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY_AFTER_S)]).into_response()
        }
    }
}

/// Reads a body within the limits, or says with which status it is refused.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, StatusCode> {
    let encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings
        .into_iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let told = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > limits::WEBHOOK_BODY_BYTES as u64) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let whole = Limited::new(body, limits::WEBHOOK_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Gives the headers that a source may look at: its own, which start with `x-`.
///
/// What travels along anyway (addresses of proxies, cookies, credentials) is left at the door.
fn named(headers: &HeaderMap) -> Vec<(String, String)> {
    let own = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-") && !name.as_str().starts_with("x-forwarded"));
    own.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}
