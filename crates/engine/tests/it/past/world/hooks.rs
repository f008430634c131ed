//! Webhooks of the simulated shop, handed to the entrance of the hub that is up, and what they told of.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use schakel_core::time::{Clock, ManualClock};
use schakel_engine::intake::Entrance;
use schakel_sandbox::door::Receiver;

use super::SOURCE;

/// Where webhooks come in; none while the hub is down.
pub(super) type Hooks = Arc<Mutex<Option<Entrance>>>;

/// The versions that webhooks told of: what it is, its id, when it changed.
pub(super) type Told = Arc<Mutex<BTreeSet<(String, u64, String)>>>;

/// Gives what the shop sends to the entrance that is open at that moment.
pub(super) fn receiver(hooks: &Hooks, told: &Told, clock: &ManualClock) -> Receiver {
    let (hooks, told, clock) = (hooks.clone(), told.clone(), clock.clone());
    Receiver::new(move |request: axum::http::Request<bytes::Bytes>| {
        let entrance = hooks.lock().unwrap().clone();
        let now = clock.now();
        told.lock().unwrap().extend(version_of(request.body()));
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
