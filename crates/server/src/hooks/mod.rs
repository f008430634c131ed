//! The webhook entrance: the only thing that strangers reach.
//!
//! Every address, known or not, takes the same steps in the same order, and whoever is not genuine hears the same
//! empty 401 (reliability.md §11.1): method, path, encoding, size, body, then the source's own checks. Who goes on
//! for too long hears 429 instead, and his connection is closed. A 200 goes out after the event is durable, see
//! `schakel_engine::intake`.

mod bodies;
pub(crate) mod guard;
mod paths;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schakel_core::limits;
use schakel_core::time::Clock;
use schakel_engine::intake::{Entrance, NotAccepted, Unread};
use tokio::time::Instant;

use crate::serve::Peer;
use bodies::{Bodies, Crowded, Room};
use guard::Guard;
pub use paths::{HookPath, HookPaths};

/// Where the webhooks of a connection arrive: this, followed by its token.
pub const PATH: &str = "/hooks/";

/// Longest time for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Time in which a body need not come any faster.
const BODY_PATIENCE: Duration = Duration::from_secs(3);

/// Fewest bytes of a body per second after that; a shop sends thousands of times as many.
const BODY_RATE: u32 = 4 * 1024;

/// When a sender that heard 503 may try again, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// When a sender that heard 429 may try again, in seconds.
const ENOUGH_AFTER_S: HeaderValue = HeaderValue::from_static("60");

struct Door {
    entrance: Entrance,
    paths: HookPaths,
    guard: Guard,
    bodies: Bodies,
    clock: Arc<dyn Clock>,
}

/// Makes the router of the webhook port: `POST /hooks/{token}` and nothing else.
///
/// `clock` says when the head of a request was read, which counts as the moment of receipt.
pub fn router(entrance: Entrance, paths: HookPaths, clock: Arc<dyn Clock>) -> Router {
    let bodies = Bodies::new(limits::WEBHOOK_BODIES_BYTES);
    router_with(bodies, entrance, paths, clock)
}

fn router_with(bodies: Bodies, entrance: Entrance, paths: HookPaths, clock: Arc<dyn Clock>) -> Router {
    let door = Arc::new(Door {
        entrance,
        paths,
        guard: Guard::new(),
        bodies,
        clock,
    });
    Router::new().fallback(receive).with_state(door)
}

impl Door {
    /// Answers a request that is not genuine.
    fn refuse(&self, peer: IpAddr) -> Response {
        if self.guard.is_within(peer, self.clock.monotonic_us()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        tracing::debug!(%peer, "an address sends too much that is not genuine");
        let close = HeaderValue::from_static("close");
        let headers = [(RETRY_AFTER, ENOUGH_AFTER_S), (CONNECTION, close)];
        (StatusCode::TOO_MANY_REQUESTS, headers).into_response()
    }
}

async fn receive(State(door): State<Arc<Door>>, request: Request) -> Response {
    let received_at = door.clock.now();
    let (head, body) = request.into_parts();
    let peer = head
        .extensions
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    if head.method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response();
    }
    // Before the body: a stranger without a path costs no memory.
    let Some(connection) = door.paths.connection(head.uri.path(), received_at) else {
        tracing::debug!("a webhook came to an address that leads nowhere");
        return door.refuse(peer);
    };
    // The room is held until the answer: what waits to be stored takes memory too.
    let (body, _room) = match read(&door.bodies, &head.headers, body).await {
        Ok(body) => body,
        Err(why) => {
            door.entrance.unread(connection, why);
            return not_read(why);
        }
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
            door.refuse(peer)
        }
        Err(NotAccepted::Unknown) => door.refuse(peer),
        Err(NotAccepted::Busy) => come_again(),
    }
}

/// Gives the answer to a body that is not read.
fn not_read(why: Unread) -> Response {
    let status = match why {
        Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Unread::Packed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Unread::Slow => StatusCode::REQUEST_TIMEOUT,
        Unread::Broken => StatusCode::BAD_REQUEST,
        Unread::Crowded => return come_again(),
    };
    status.into_response()
}

/// Asks a sender to send again.
fn come_again() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY_AFTER_S)]).into_response()
}

/// Reads a body within the limits, or says why not.
async fn read(bodies: &Bodies, headers: &HeaderMap, body: Body) -> Result<(Bytes, Room), Unread> {
    let encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings
        .into_iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Unread::Packed);
    }
    let told = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > limits::WEBHOOK_BODY_BYTES as u64) {
        return Err(Unread::TooLarge);
    }
    whole(bodies, body).await
}

/// Reads a body to its end; one that is too large, takes too long, trickles or finds no room is given up.
async fn whole(bodies: &Bodies, body: Body) -> Result<(Bytes, Room), Unread> {
    let mut body = Limited::new(body, limits::WEBHOOK_BODY_BYTES);
    let started = Instant::now();
    let mut read = bodies.begin();
    loop {
        let earned = Duration::from_secs(read.len() as u64) / BODY_RATE;
        let end = started + BODY_TIMEOUT.min(BODY_PATIENCE + earned);
        match tokio::time::timeout_at(end, body.frame()).await {
            Ok(None) => return Ok(read.end()),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    read.add(&data).map_err(|Crowded| Unread::Crowded)?;
                }
            }
            Ok(Some(Err(error))) if error.is::<LengthLimitError>() => {
                return Err(Unread::TooLarge);
            }
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            Err(_) => return Err(Unread::Slow),
        }
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
