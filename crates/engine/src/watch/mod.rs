//! Watch: notices that webhooks stay away, mends their registrations, and has the gap read (F8).
//!
//! It stands outside the webhook handler, since one that is never called can't notice that. Two signs count: a
//! registration that is missing or switched off, and silence where the source is usually heard
//! (`schakel_core::rhythm`). Either way the sweep reads exactly what changed since webhooks last worked.

use std::sync::Arc;

use schakel_core::connector::{Class, Part, Registration, Span};
use schakel_core::id::ConnectionId;
use schakel_core::rhythm::Rhythm;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk};
use schakel_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::hub::{Hub, SourceConnection};
use crate::walk::parts_of;

/// How often the rhythm is noted, in microseconds.
const TICK_US: i64 = 60_000_000;

/// How often registrations are looked at although nothing is suspicious, in microseconds: an hour, so 24 calls a day.
const LOOK_US: i64 = 3_600_000_000;

/// Wait after a suspicion before the next one, in microseconds: a shop without customers for a day is not asked about
/// every minute.
const CALM_US: i64 = 3_600_000_000;

/// How far the gap's sweep looks back behind its begin, in milliseconds: the zone of the shop's filters is unknown
/// (lightspeed-ecom.md §3.4).
const OVERLAP_MS: i64 = 3 * 3_600_000;

/// The checkpoint of a source's watch.
const CHECKPOINT: &str = "watch";

/// What is known of a source's webhooks; kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// When they were first found registered; `None` when they never were (polling).
    pub since: Option<Timestamp>,
    /// When they were last found registered and nothing was missing.
    pub good_at: Option<Timestamp>,
    /// When the last one came, as far as was noticed.
    pub heard_at: Option<Timestamp>,
    /// How many had come then.
    pub heard: i64,
    /// When silence was last suspicious.
    pub suspected_at: Option<Timestamp>,
    /// How often something had to be mended: registrations made anew or duplicates removed.
    pub mended: i64,
    /// How often silence was suspicious.
    pub suspicions: i64,
    /// The usual number of webhooks.
    pub rhythm: Rhythm,
}

/// The watch over one source's webhooks.
pub struct Watch {
    hub: Arc<Hub>,
    connection: ConnectionId,
    looked_us: Option<i64>,
}

/// Reads what is known of a source's webhooks.
///
/// # Errors
/// When the store fails. A checkpoint that cannot be read counts as none.
pub async fn read(hub: &Hub, connection: ConnectionId) -> Result<Watched, StoreError> {
    let text = hub.store.checkpoint(hub.tenant, connection, CHECKPOINT).await?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Tells since when webhooks of a source are there; `None` when they never were.
///
/// # Errors
/// When the store fails.
pub async fn told_since(hub: &Hub, connection: ConnectionId) -> Result<Option<Timestamp>, StoreError> {
    Ok(read(hub, connection).await?.since)
}

impl Watch {
    /// Makes the watch over the source `connection`.
    #[must_use]
    pub const fn new(hub: Arc<Hub>, connection: ConnectionId) -> Self {
        Self {
            hub,
            connection,
            looked_us: None,
        }
    }

    /// Looks once; returns when to look again, in microseconds.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn step(&mut self) -> Result<i64, StoreError> {
        let hub = self.hub.clone();
        let Some(source) = hub.sources.get(&self.connection) else {
            return Ok(i64::MAX);
        };
        let now = hub.clock.now();
        let before = read(&hub, self.connection).await?;
        let mut watched = before.clone();
        self.listen(&mut watched, now).await?;
        let is_silent = is_silent(&watched, now);
        if is_silent || self.is_time_to_look() {
            self.look(source, &mut watched, is_silent, now).await?;
        }
        if watched != before {
            let text = serde_json::to_string(&watched).expect("numbers always serialise");
            let mut tx = hub.store.write().await?;
            tx.put_checkpoint(hub.tenant, self.connection, CHECKPOINT, &text)
                .await?;
            tx.commit().await?;
        }
        Ok(TICK_US)
    }

    fn is_time_to_look(&self) -> bool {
        let now_us = self.hub.clock.monotonic_us();
        self.looked_us.is_none_or(|looked| now_us - looked >= LOOK_US)
    }

    /// Notes how many webhooks came since the last time.
    async fn listen(&self, watched: &mut Watched, now: Timestamp) -> Result<(), StoreError> {
        let heard = self
            .hub
            .store
            .webhooks_received(self.hub.tenant, self.connection)
            .await?;
        let arrived = heard - watched.heard;
        watched.rhythm.note(arrived, now);
        watched.heard = heard;
        if arrived > 0 {
            watched.heard_at = Some(now);
            watched.since = watched.since.or(Some(now));
        }
        Ok(())
    }

    /// Looks at the registrations and mends them; has the gap read when there was one.
    async fn look(
        &mut self,
        source: &SourceConnection,
        watched: &mut Watched,
        is_silent: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(address) = source.hook_address.get() else {
            return Ok(());
        };
        let cx = source.cx.for_class(Class::Sweep);
        let found = match source.source.register(&cx, &address).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(connection = source.name, %error, "the registrations of webhooks could not be looked at");
                return Ok(());
            }
        };
        self.looked_us = Some(self.hub.clock.monotonic_us());
        let was_good_at = watched.good_at.replace(now);
        let is_first = was_good_at.is_none();
        watched.since = watched.since.or(Some(now));
        if is_silent {
            watched.suspected_at = Some(now);
            watched.suspicions += 1;
        }
        if found.created + found.removed > 0 && !is_first {
            watched.mended += 1;
        }
        let is_gap = is_silent || (found.created > 0 && !is_first);
        if is_gap {
            let from = gap(watched, was_good_at, is_silent, now);
            tell(source, &found, is_silent, from);
            self.read_gap(source, from, now).await?;
        }
        Ok(())
    }

    /// Has the sweep read everything that changed since `from`.
    async fn read_gap(
        &self,
        source: &SourceConnection,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hub = &self.hub;
        let span = Span {
            updated_from: Some(from.plus_ms(-OVERLAP_MS)),
            ..Span::default()
        };
        let is_swept = |part: &Part| !part.is_per_thing() && *part != Part::Groups;
        let walks: Vec<Walk> = parts_of(hub, source)
            .into_iter()
            .filter(is_swept)
            .map(|part| Walk::new(source.id, Job::Sweep, part, span, now))
            .collect();
        hub.store.begin_walks(hub.tenant, &walks).await
    }
}

/// Tells whether silence is suspicious, and was not just before.
fn is_silent(watched: &Watched, now: Timestamp) -> bool {
    let calm = watched
        .suspected_at
        .is_some_and(|at| at <= now && now.as_micros() - at.as_micros() < CALM_US);
    watched
        .heard_at
        .is_some_and(|last| !calm && watched.rhythm.is_suspicious(last, now))
}

/// Gives when webhooks last worked: what was heard, or what was found registered, whichever is the surer.
fn gap(watched: &Watched, was_good_at: Option<Timestamp>, is_silent: bool, now: Timestamp) -> Timestamp {
    let heard = watched.heard_at.unwrap_or(now);
    let from = if is_silent {
        heard
    } else {
        was_good_at.unwrap_or(heard).min(heard)
    };
    from.min(now)
}

fn tell(source: &SourceConnection, found: &Registration, is_silent: bool, from: Timestamp) {
    let from = from.as_micros() / 1_000_000;
    let Registration { created, removed, .. } = found;
    let connection = source.name.as_str();
    if is_silent {
        tracing::error!(
            connection,
            created,
            removed,
            from,
            "no webhook came for much longer than usual; what changed since is being read from the lists"
        );
    } else {
        tracing::error!(
            connection,
            created,
            removed,
            from,
            "webhooks were not registered any more and are again; what changed since is being read from the lists"
        );
    }
}
