//! Apply: waiting events become records, persons, entities and desired states, in one transaction (T1).
//!
//! Invariants: all that an event changes is committed together with the event's own state (I5); what is
//! decided depends on records, operator decisions and configuration only (I6); one event that cannot be
//! applied holds up nothing else (I18). Runs the pure stages normalise, resolve and plan; see docs/adr/0003.

mod batch;
mod begin;
mod carts;
mod take;

pub use begin::begin;
pub(crate) use carts::Ended;
pub use carts::end_carts;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use schakel_core::connector::Class;
use schakel_core::event::{Event, EventState};
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::limits;
use schakel_core::problem::{Code, Problem};
use schakel_store::{Bound, Finished, Store, StoreError, Waiting, WriteTx};

use crate::hub::Hub;

/// What one step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Events that were taken.
    pub events: usize,
    /// Outbox rows that changed.
    pub deliveries: usize,
    /// Things that are wanted from a source now.
    pub wanted: usize,
}

impl Stepped {
    /// Adds what another step did.
    pub(crate) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.wanted += other.wanted;
    }
}

/// What keeps two processes from applying at once (I21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// No other process works on the store.
    Alone,
    /// This process holds the lease [`lease_name`] in this epoch; checked inside the transaction.
    Epoch(i64),
}

/// Gives the name of the lease that the applying process holds.
#[must_use]
pub fn lease_name(hub: &Hub) -> String {
    lease_of(hub.tenant)
}

fn lease_of(tenant: TenantId) -> String {
    format!("apply/{tenant}")
}

/// Tells whether a hub works on `store` now.
///
/// # Errors
/// When the store fails.
pub async fn is_served(store: &Store, tenant: TenantId) -> Result<bool, StoreError> {
    store.is_served(&lease_of(tenant)).await
}

/// Applies the next waiting events, at most [`limits::APPLY_BATCH`] and [`limits::APPLY_BATCH_BYTES`]; returns what was
/// done, nothing when the inbox is empty. Damaged events are set aside. Events of connections that this process does not
/// know, and those that a newer version wrote, are left waiting.
///
/// # Errors
/// When the store fails; nothing was applied then. A batch that fails for a reason of its own is tried again one
/// by one, so that only the event at fault is set aside.
pub async fn step(hub: &Hub, fence: Fence) -> Result<Stepped, StoreError> {
    let waiting = next(hub).await?;
    let Some(mut total) = set_damaged_aside(hub, fence, &waiting.damaged).await? else {
        return Ok(Stepped::default());
    };
    for events in by_class(waiting.events).values() {
        let Some(stepped) = apply_all(hub, fence, events).await? else {
            break;
        };
        total.add(stepped);
    }
    Ok(total)
}

/// Parts events by who pays for what follows from them, live ones first: what a history leads to must not be asked for at
/// the cost of live changes that happen to wait beside it. Mixed batches are rare, and the order changes no result (I6).
fn by_class(events: Vec<Event>) -> BTreeMap<Class, Vec<Event>> {
    let mut parts: BTreeMap<Class, Vec<Event>> = BTreeMap::new();
    for event in events {
        parts.entry(event.class).or_default().push(event);
    }
    parts
}

/// Reads the next batch, bounded in events and in bytes (I25).
async fn next(hub: &Hub) -> Result<Waiting, StoreError> {
    let known: Vec<ConnectionId> = hub.sources.keys().copied().collect();
    let bound = Bound {
        events: limits::APPLY_BATCH,
        bytes: limits::APPLY_BATCH_BYTES,
    };
    hub.store
        .waiting_events(hub.tenant, &known, EventId(0), bound)
        .await
}

/// Sets aside what is not what was received any more (I3); `None` when the right to apply was lost on the way.
async fn set_damaged_aside(
    hub: &Hub,
    fence: Fence,
    damaged: &[(EventId, String)],
) -> Result<Option<Stepped>, StoreError> {
    let mut total = Stepped::default();
    for (event, why) in damaged {
        if !set_aside(hub, fence, (*event, Code::Damaged), why).await? {
            return Ok(None);
        }
        total.events += 1;
    }
    Ok(Some(total))
}

/// Says in the log which events wait for a newer version, because they hold words that this one does not know; returns
/// how many of each connection. Silent while they are the ones in `said`.
///
/// # Errors
/// When the store fails.
pub async fn tell_newer(
    hub: &Hub,
    said: &[(ConnectionId, i64)],
) -> Result<Vec<(ConnectionId, i64)>, StoreError> {
    let newer = hub.store.newer_waiting(hub.tenant).await?;
    if newer != said {
        for (connection, events) in &newer {
            tracing::error!(
                connection = hub.name_of(*connection),
                events,
                "events wait that a newer version wrote: start that version, this one leaves them alone"
            );
        }
    }
    Ok(newer)
}

/// Applies `events`, together if that goes, else one by one; `None` when the right to apply was lost on the way.
async fn apply_all(hub: &Hub, fence: Fence, events: &[Event]) -> Result<Option<Stepped>, StoreError> {
    match apply(hub, fence, events).await {
        Applied::Done(stepped) => Ok(Some(stepped)),
        Applied::Lost => Ok(None),
        Applied::Later(error) => Err(error),
        Applied::AtFault(_) if events.len() > 1 => one_by_one(hub, fence, events).await,
        Applied::AtFault(why) => {
            let is_ours = set_aside(hub, fence, (events[0].id, Code::Poison), &why).await?;
            Ok(is_ours.then_some(Stepped {
                events: 1,
                ..Stepped::default()
            }))
        }
    }
}

/// How a batch went.
enum Applied {
    /// It is committed.
    Done(Stepped),
    /// Another process has the right to apply: nothing was changed.
    Lost,
    /// The store can't do it now.
    Later(StoreError),
    /// Something in it can't be applied: it broke a rule of the store, or the code.
    AtFault(String),
}

async fn apply(hub: &Hub, fence: Fence, events: &[Event]) -> Applied {
    match AssertUnwindSafe(batch::apply(hub, fence, events))
        .catch_unwind()
        .await
    {
        Ok(Ok(Some(stepped))) => Applied::Done(stepped),
        Ok(Ok(None)) => Applied::Lost,
        Ok(Err(error)) if error.is_of_data() => Applied::AtFault(error.to_string()),
        Ok(Err(error)) => Applied::Later(error),
        Err(_) => Applied::AtFault("applying it failed on our side".to_owned()),
    }
}

async fn one_by_one(hub: &Hub, fence: Fence, events: &[Event]) -> Result<Option<Stepped>, StoreError> {
    let mut total = Stepped::default();
    for event in events {
        match apply(hub, fence, std::slice::from_ref(event)).await {
            Applied::Done(stepped) => total.add(stepped),
            Applied::Lost => return Ok(None),
            Applied::Later(error) => return Err(error),
            Applied::AtFault(why) => {
                if !set_aside(hub, fence, (event.id, Code::Poison), &why).await? {
                    return Ok(None);
                }
                total.events += 1;
            }
        }
    }
    Ok(Some(total))
}

/// Sets one event aside for a reason; returns whether this process still had the right to.
async fn set_aside(
    hub: &Hub,
    fence: Fence,
    (event, code): (EventId, Code),
    why: &str,
) -> Result<bool, StoreError> {
    let mut tx = hub.store.write().await?;
    let problems = vec![Problem::new(code, "event")];
    tx.finish_events(
        hub.tenant,
        &[Finished {
            event,
            state: EventState::Quarantined,
            problems,
        }],
    )
    .await?;
    let is_ours = commit(hub, fence, tx).await?;
    if is_ours {
        tracing::error!(event.id = %event, why, "event {event} could not be applied and was set aside");
    }
    Ok(is_ours)
}

/// Commits what only the applying process may change, unless another one became it.
async fn commit(hub: &Hub, fence: Fence, mut tx: WriteTx) -> Result<bool, StoreError> {
    // In the transaction that commits, so that who reads after the lease was taken reads all that was committed (I21).
    if let Fence::Epoch(epoch) = fence
        && !tx.holds_lease(&lease_name(hub), epoch).await?
    {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}
