//! Webhooks of the simulated shop, handed to the entrance of the hub that is up, and what they told of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use schakel_core::time::{Clock, ManualClock};
use schakel_engine::intake::Entrance;
use schakel_sandbox::door::Receiver;

use super::SOURCE;

/// Where webhooks come in; none while the hub is down.
pub(super) type Hooks = Arc<Mutex<Option<Entrance>>>;

/// The versions that webhooks told of: what it is, its id, when it changed; of what is gone [`DELETED`], its id and what
/// it was. With the different things that they said of it, those of its making left out.
pub(super) type Told = Arc<Mutex<BTreeMap<(String, u64, String), BTreeSet<Bytes>>>>;

/// Gives what the shop sends to the entrance that is open at that moment.
pub(super) fn receiver(hooks: &Hooks, told: &Told, clock: &ManualClock) -> Receiver {
    let (hooks, told, clock) = (hooks.clone(), told.clone(), clock.clone());
    Receiver::new(move |request: axum::http::Request<Bytes>| {
        let entrance = hooks.lock().unwrap().clone();
        let now = clock.now();
        let version = version_of(request.body()).or_else(|| deletion_of(request.headers()));
        if let Some(version) = version {
            let mut told = told.lock().unwrap();
            let said = told.entry(version).or_default();
            let event = request.headers().get("x-event").map(|event| event.as_bytes());
            if !event.is_some_and(|event| event.ends_with(b"/created")) {
                said.insert(request.body().clone());
            }
        }
        async move {
            let (head, body) = request.into_parts();
            let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
            let headers: Vec<(String, String)> = head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect();
            let taken = entrance?.accept(SOURCE, &headers, body, now).await;
            Some(if taken.is_ok() {
                axum::http::StatusCode::OK
            } else {
                axum::http::StatusCode::BAD_REQUEST
            })
        }
    })
}

/// What webhooks call a thing that is gone, in what was told.
pub(super) const DELETED: &str = "deleted";

/// What a webhook without a body says is gone.
fn deletion_of(headers: &axum::http::HeaderMap) -> Option<(String, u64, String)> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let (stream, action) = text("x-event")?.split_once('/')?;
    let id = text(&format!("x-{}-id", stream.trim_end_matches('s')))?
        .parse()
        .ok()?;
    (action == DELETED).then(|| (DELETED.to_owned(), id, stream.to_owned()))
}

/// What a webhook is about, and of which time.
fn version_of(body: &[u8]) -> Option<(String, u64, String)> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let (name, thing) = body.as_object()?.iter().next()?;
    Some((
        name.clone(),
        thing["id"].as_u64()?,
        thing["updatedAt"].as_str()?.to_owned(),
    ))
}
