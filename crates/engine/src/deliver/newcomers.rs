//! Persons who stand in a sink under another id than the one that is remembered: somebody removed them there and put them
//! back by hand.
//!
//! A write by number hits whoever has the number, and the answer does not say who that is; what is written below the former
//! id is seen by nobody. But ids in a sink only grow, so whoever was made there since the last look is one list, our own
//! among them. It is read at the start and now and then ([`watch`]), or when somebody asks for it, for all persons at once: up
//! to which id it was read stands in the database, so a restart misses nothing and several processes share it.

mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;

use schakel_core::connector::{ConnectorError, Cx, Sink};
use schakel_core::delivery::ObjectKind;
use schakel_core::id::ConnectionId;
use schakel_core::preset::Preset;
use schakel_core::time::Timestamp;
use schakel_store::{Elsewhere, Store, StoreError};

use super::guard::{self, LookError, Place};
use crate::hub::{Hub, SinkConnection};

pub(super) use watch::{Failed, Watch};

/// How many ids below the last one are listed again: what was being made during a look may have got a lower id than what
/// it showed.
const OVERLAP: i64 = 100;

/// Most persons whom one step asks for one by one; the rest follows in the next.
const ASKED_MAX: usize = 20;

/// One step of a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// How many ids below the last one are listed again.
    overlap: i64,
    /// A look of another process that is no older than this is enough, in milliseconds.
    fresh_ms: i64,
}

/// How a step ended.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// When all were known; `None` when more are to be listed.
    all_at: Option<Timestamp>,
    /// The numbers of those who stand under another id: they are delivered again, with all that stood under them.
    moved: Vec<i64>,
}

/// What is known at the start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Started {
    /// Nothing was before: it is known from this moment on.
    Now(Timestamp),
    /// The last look came to its end then.
    Before(Timestamp),
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

async fn read(store: &Store, name: &str) -> Result<Option<Seen>, StoreError> {
    let bytes = store.setting(&seen_of(name)).await?;
    Ok(bytes.and_then(|bytes| Seen::parse(&bytes)))
}

/// Returns when a look for persons who were put back in the sink `name` last came to its end; `None` when none did.
///
/// # Errors
/// When the store fails.
pub async fn last_look(store: &Store, name: &str) -> Result<Option<Timestamp>, StoreError> {
    let seen = read(store, name).await?;
    Ok(seen.map(|seen| seen.at).filter(|at| *at > Timestamp::ZERO))
}

/// A sink in which persons are looked for, with what speaks with it.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// Which one.
    pub place: Place<'a>,
    /// What speaks with it; connected.
    pub sink: &'a dyn Sink,
    /// Its doors.
    pub cx: &'a Cx,
    /// Its fields; `None` when no route leads to it.
    pub preset: Option<&'a Preset>,
}

impl<'a> Account<'a> {
    fn of(hub: &'a Hub, sink: &'a SinkConnection) -> Self {
        let mut routes = hub.routes.iter().filter(|route| route.sink == sink.id);
        Self {
            place: Place {
                store: &hub.store,
                tenant: hub.tenant,
                name: &sink.name,
                id: Some(sink.id),
            },
            sink: sink.sink.as_ref(),
            cx: &sink.cx,
            preset: routes.next().map(|route| &*route.preset),
        }
    }
}

/// Makes sure that it is known from which id on a sink is watched, before the first delivery: from the highest that stands
/// there, or the last one that is remembered when something was delivered before this was written down.
///
/// # Errors
/// [`LookError`].
pub(super) async fn start(hub: &Hub, sink: &SinkConnection) -> Result<Started, LookError> {
    begin(&Account::of(hub, sink), sink.id).await
}

async fn begin(account: &Account<'_>, id: ConnectionId) -> Result<Started, LookError> {
    let Place {
        store, tenant, name, ..
    } = account.place;
    if let Some(seen) = read(store, name).await? {
        return Ok(Started::Before(seen.at));
    }
    let remembered = store.last_remembered(tenant, id).await?;
    let seen = if remembered > 0 {
        Seen {
            upto: remembered,
            at: Timestamp::ZERO,
        }
    } else {
        Seen {
            upto: account.sink.newcomers(account.cx, None).await?.upto,
            at: account.cx.clock.now(),
        }
    };
    store
        .setting_or_insert(&seen_of(name), seen.text().as_bytes())
        .await?;
    Ok(if remembered > 0 {
        Started::Before(seen.at)
    } else {
        Started::Now(seen.at)
    })
}

/// Makes one step of a look; those who stand under another id are delivered again.
///
/// # Errors
/// [`LookError`]; the next step begins where this one did.
pub(super) async fn step(hub: &Hub, sink: ConnectionId, how: Step) -> Result<Looked, LookError> {
    let sink = hub
        .sinks
        .get(&sink)
        .ok_or(ConnectorError::Unsupported("no such sink"))?;
    let looked = one_step(&Account::of(hub, sink), sink.id, how).await?;
    if !looked.moved.is_empty() {
        let profiles = looked.moved.len();
        tracing::warn!(sink = %sink.name, profiles, "profiles stand under other ids, as somebody removed and imported them: what stood under the former ones is delivered again");
        hub.wake.outbox.notify_waiters();
    }
    Ok(looked)
}

/// Looks at once, however short ago the last look was, from where that one came to; for a command, also beside a hub, which
/// delivers what is to be delivered again. Returns the numbers of those who stand under another id.
///
/// # Errors
/// [`LookError`], with what was found until then already to be delivered again; [`ConnectorError::Moved`] and
/// [`ConnectorError::NotOurs`] when the sink is not the one that was filled, which would tell of nobody.
pub async fn look_now(account: &Account<'_>) -> Result<Vec<i64>, LookError> {
    let Some(id) = account.place.id else {
        return Ok(Vec::new());
    };
    if let Some(strange) = guard::look(&account.place, account.sink, account.cx).await? {
        return Err(ConnectorError::from(strange).into());
    }
    let mut moved = Vec::new();
    if let Started::Now(_) = begin(account, id).await? {
        return Ok(moved);
    }
    let mut how = Step {
        overlap: OVERLAP,
        fresh_ms: 0,
    };
    loop {
        let looked = one_step(account, id, how).await?;
        moved.extend(looked.moved);
        how.overlap = 0;
        if looked.all_at.is_some() {
            return Ok(moved);
        }
    }
}

/// Lists a page of who was made in the sink, some ids below the last one first; who is remembered under an id that is
/// dead is forgotten and so delivered again, with all that stood under it.
async fn one_step(account: &Account<'_>, id: ConnectionId, how: Step) -> Result<Looked, LookError> {
    let Place {
        store, tenant, name, ..
    } = account.place;
    let now = account.cx.clock.now();
    let Some(seen) = read(store, name).await? else {
        begin(account, id).await?;
        return Ok(Looked::default());
    };
    if now < seen.at.plus_ms(how.fresh_ms) {
        // Another process looked meanwhile.
        return Ok(Looked {
            all_at: Some(seen.at),
            ..Looked::default()
        });
    }
    let above = seen.upto.saturating_sub(how.overlap).max(0);
    let page = account.sink.newcomers(account.cx, Some(above)).await?;
    let mut elsewhere = store.remembered_elsewhere(tenant, id, &page.found).await?;
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
    let lost = dead_of(account, elsewhere).await?;
    let (name, seen) = (seen_of(name), seen.text());
    store
        .forget_profiles((tenant, id), &lost, (&name, seen.as_bytes()), now)
        .await?;
    Ok(Looked {
        all_at: is_done.then_some(now),
        moved: lost.iter().map(|one| one.number).collect(),
    })
}

/// Asks for each by its number, and keeps those whose remembered id is not among the living: of two that live under one
/// number the lower one counts, which a write tells.
async fn dead_of(account: &Account<'_>, elsewhere: Vec<Elsewhere>) -> Result<Vec<Elsewhere>, ConnectorError> {
    let table = account
        .preset
        .and_then(|preset| preset.table(ObjectKind::Relation))
        .ok_or(ConnectorError::Unsupported("the preset has no persons"))?;
    let field: &Arc<str> = &table.fields[table.key[0]].name;
    let mut dead = Vec::with_capacity(elsewhere.len());
    for one in elsewhere {
        let key = [(field.clone(), one.number)];
        let standing = account
            .sink
            .look_up(account.cx, ObjectKind::Relation, &key)
            .await?;
        if standing.iter().all(|row| row.remote_id != one.remembered) {
            dead.push(one);
        }
    }
    Ok(dead)
}
