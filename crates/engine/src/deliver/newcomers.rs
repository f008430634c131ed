//! Persons who stand in a sink under another id than the one that is remembered: somebody removed them there and put them
//! back by hand.
//!
//! A write by number hits whoever has the number, and the answer does not say who that is; what is written below the former
//! id is seen by nobody. But ids in a sink only grow, so whoever was made there since the last look is one list, our own
//! among them. It is read now and then, for all persons at once: up to which id it was read stands in the database, so a
//! restart misses nothing and several processes share it.

use std::collections::BTreeSet;
use std::sync::Arc;

use schakel_core::connector::ConnectorError;
use schakel_core::delivery::{ObjectKind, connect_wait_ms};
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_store::{Elsewhere, StoreError};

use super::guard::LookError;
use crate::hub::{Hub, SinkConnection};

/// Shortest time from one look to the next, in milliseconds.
const EVERY_MS: i64 = 15 * 60 * 1000;

/// Longest time from one look to the next while anything is delivered, in milliseconds: so long may it stand where nobody
/// sees it, when little is delivered.
const LONGEST_MS: i64 = 12 * 3600 * 1000;

/// Objects that are delivered between two looks, unless the longest time is over: a look costs a call, which is 2.5% of
/// theirs.
const DELIVERED_MIN: u32 = 40;

/// Shortest wait after a look that failed, in milliseconds.
const AGAIN_MS: i64 = 60 * 1000;

/// How many ids below the last one are listed again: what was being made during a look may have got a lower id than what
/// it showed.
const OVERLAP: i64 = 100;

/// Most persons whom one step asks for one by one; the rest follows in the next.
const ASKED_MAX: usize = 20;

/// When the next look is due.
#[derive(Debug)]
pub(super) struct Watch {
    /// Not before this, ...
    due_at: Timestamp,
    /// ... and after this however little was delivered.
    late_at: Timestamp,
    is_out: bool,
    /// How many objects were delivered since the last look.
    delivered: u32,
    /// Whether the last step left some of its look to the next one.
    is_begun: bool,
    failed: u32,
}

impl Watch {
    /// A watch whose first look waits for no delivery, since an earlier process may have delivered, but as long as any after
    /// the last one ([`Watch::looked`]).
    pub(super) const fn new() -> Self {
        Self {
            due_at: Timestamp::ZERO,
            late_at: Timestamp::ZERO,
            is_out: false,
            delivered: DELIVERED_MIN,
            is_begun: false,
            failed: 0,
        }
    }

    /// Takes when a process looked last.
    pub(super) const fn looked(&mut self, at: Timestamp) {
        (self.due_at, self.late_at) = (at.plus_ms(EVERY_MS), at.plus_ms(LONGEST_MS));
    }

    /// Notes that an object was delivered.
    pub(super) const fn delivered(&mut self) {
        self.delivered = self.delivered.saturating_add(1);
    }

    /// Begins a step when one is due; gives how many ids below the last one it lists again.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<i64> {
        let is_enough = self.delivered >= DELIVERED_MIN || (self.delivered > 0 && now >= self.late_at);
        if self.is_out || now < self.due_at || !is_enough {
            return None;
        }
        (self.is_out, self.delivered) = (true, 0);
        Some(if self.is_begun { 0 } else { OVERLAP })
    }

    /// Takes the end of a step.
    pub(super) fn ended(&mut self, hub: &Hub, ended: Result<Looked, LookError>) {
        self.is_out = false;
        let now = hub.clock.now();
        match ended {
            Ok(Looked::All(at)) => {
                self.looked(at);
                (self.is_begun, self.failed) = (false, 0);
            }
            Ok(Looked::More) => {
                (self.due_at, self.delivered) = (now, DELIVERED_MIN);
                (self.is_begun, self.failed) = (true, 0);
            }
            Err(error) => {
                self.failed = self.failed.saturating_add(1);
                self.delivered = DELIVERED_MIN;
                let (wait_ms, error) = match error {
                    LookError::Store(error) => (0, error.to_string()),
                    LookError::Sink(error) => {
                        let wait_ms = connect_wait_ms(&error, self.failed, hub.dice.roll());
                        (wait_ms, error.to_string())
                    }
                };
                self.due_at = now.plus_ms(wait_ms.max(AGAIN_MS));
                if self.failed == 1 {
                    tracing::warn!(%error, "profiles that somebody put back by hand could not be looked for, it is tried again");
                }
            }
        }
    }
}

/// How a step ended.
#[derive(Debug)]
pub(super) enum Looked {
    /// All were known at this moment.
    All(Timestamp),
    /// More are to be listed.
    More,
}

/// How far the ids in a sink are known, and when a look came to its end.
#[derive(Debug, Clone, Copy)]
struct Seen {
    upto: i64,
    at: Timestamp,
}

impl Seen {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (upto, at) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Self {
            upto: upto.parse().ok()?,
            at: Timestamp::from_micros(at.parse().ok()?),
        })
    }

    fn text(self) -> String {
        format!("{} {}", self.upto, self.at.as_micros())
    }
}

/// The setting that says how far the ids in the sink `name` are known.
pub(super) fn seen_of(name: &str) -> String {
    format!("seen/{name}")
}

/// Makes sure that it is known from which id on a sink is watched, before the first delivery: from the highest that stands
/// there, or the last one that is remembered when something was delivered before this was written down. Returns when it was
/// looked last.
///
/// # Errors
/// [`LookError`].
pub(super) async fn start(hub: &Hub, sink: &SinkConnection) -> Result<Timestamp, LookError> {
    let name = seen_of(&sink.name);
    if let Some(seen) = read(hub, &name).await? {
        return Ok(seen.at);
    }
    let remembered = hub.store.last_remembered(hub.tenant, sink.id).await?;
    let seen = if remembered > 0 {
        Seen {
            upto: remembered,
            at: Timestamp::ZERO,
        }
    } else {
        Seen {
            upto: sink.sink.newcomers(&sink.cx, None).await?.upto,
            at: hub.clock.now(),
        }
    };
    hub.store.setting_or_insert(&name, seen.text().as_bytes()).await?;
    Ok(seen.at)
}

async fn read(hub: &Hub, name: &str) -> Result<Option<Seen>, StoreError> {
    let bytes = hub.store.setting(name).await?;
    Ok(bytes.and_then(|bytes| Seen::parse(&bytes)))
}

/// Lists a page of who was made in the sink, `overlap` ids below the last one first; who is remembered under an id that is
/// dead is forgotten and so delivered again, with all that stood under it.
///
/// # Errors
/// [`LookError`]; the next step begins where this one did.
pub(super) async fn step(hub: &Hub, sink: ConnectionId, overlap: i64) -> Result<Looked, LookError> {
    let sink = hub
        .sinks
        .get(&sink)
        .ok_or(ConnectorError::Unsupported("no such sink"))?;
    let (name, now) = (seen_of(&sink.name), hub.clock.now());
    let Some(seen) = read(hub, &name).await? else {
        start(hub, sink).await?;
        return Ok(Looked::More);
    };
    if now < seen.at.plus_ms(EVERY_MS) {
        // Another process looked meanwhile.
        return Ok(Looked::All(seen.at));
    }
    let above = seen.upto.saturating_sub(overlap).max(0);
    let page = sink.sink.newcomers(&sink.cx, Some(above)).await?;
    let mut elsewhere = hub
        .store
        .remembered_elsewhere(hub.tenant, sink.id, &page.found)
        .await?;
    let mut numbers = BTreeSet::new();
    elsewhere.retain(|one| numbers.insert(one.number));
    let is_cut = elsewhere.len() > ASKED_MAX;
    elsewhere.truncate(ASKED_MAX);
    let upto = match elsewhere.last() {
        Some(last) if is_cut => last.found,
        _ => page.upto.max(seen.upto),
    };
    let is_done = !is_cut && !page.has_more;
    let seen = Seen {
        upto,
        at: if is_done { now } else { seen.at },
    };
    let lost = dead_of(hub, sink, elsewhere).await?;
    let seen = seen.text();
    let of = (hub.tenant, sink.id);
    let forgotten = hub
        .store
        .forget_profiles(of, &lost, (&name, seen.as_bytes()), now)
        .await?;
    if forgotten > 0 {
        tracing::warn!(sink.id = %sink.id, profiles = forgotten, "profiles stand under other ids, as somebody removed and imported them: what stood under the former ones is delivered again");
        hub.wake.outbox.notify_waiters();
    }
    Ok(if is_done { Looked::All(now) } else { Looked::More })
}

/// Asks for each by its number, and keeps those whose remembered id is not among the living: of two that live under one
/// number the lower one counts, which a write tells.
async fn dead_of(
    hub: &Hub,
    sink: &SinkConnection,
    elsewhere: Vec<Elsewhere>,
) -> Result<Vec<Elsewhere>, ConnectorError> {
    let routes = hub.routes.iter().filter(|route| route.sink == sink.id);
    let mut tables = routes.filter_map(|route| route.preset.table(ObjectKind::Relation));
    let table = tables
        .next()
        .ok_or(ConnectorError::Unsupported("the preset has no persons"))?;
    let field: &Arc<str> = &table.fields[table.key[0]].name;
    let mut dead = Vec::with_capacity(elsewhere.len());
    for one in elsewhere {
        let key = [(field.clone(), one.number)];
        let standing = sink.sink.look_up(&sink.cx, ObjectKind::Relation, &key).await?;
        if standing.iter().all(|row| row.remote_id != one.remembered) {
            dead.push(one);
        }
    }
    Ok(dead)
}
