//! Apply: waiting events become records, persons, entities and desired states, in one transaction (T1).
//!
//! Invariants: all that an event changes is committed together with the event's own state (I5); what is
//! decided depends on records, operator decisions and configuration only (I6); one event that cannot be
//! applied holds up nothing else (I18). Runs the pure stages normalise, resolve and plan; see docs/adr/0003.

mod batch;
mod begin;
mod take;

pub use begin::begin;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use schakel_core::event::{Event, EventState};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::limits;
use schakel_core::problem::{Code, Problem};
use schakel_store::{Finished, StoreError};

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
    format!("apply/{}", hub.tenant)
}

/// Applies the next waiting events, at most [`limits::APPLY_BATCH`]; returns what was done, nothing when the inbox
/// is empty. Events of connections that this process does not know are left waiting.
///
/// # Errors
/// When the store fails; nothing was applied then. A batch that fails for a reason of its own is tried again one
/// by one, so that only the event at fault is set aside.
pub async fn step(hub: &Hub, fence: Fence) -> Result<Stepped, StoreError> {
    let known: Vec<ConnectionId> = hub.sources.keys().copied().collect();
    let events = hub
        .store
        .waiting_events(hub.tenant, &known, EventId(0), limits::APPLY_BATCH)
        .await?;
    if events.is_empty() {
        return Ok(Stepped::default());
    }
    apply_all(hub, fence, &events).await
}

/// Applies `events`, together if that goes, else one by one.
async fn apply_all(hub: &Hub, fence: Fence, events: &[Event]) -> Result<Stepped, StoreError> {
    match apply(hub, fence, events).await {
        Applied::Done(stepped) => Ok(stepped),
        Applied::Later(error) => Err(error),
        Applied::AtFault(_) if events.len() > 1 => one_by_one(hub, fence, events).await,
        Applied::AtFault(why) => {
            set_aside(hub, events[0].id, &why).await?;
            Ok(Stepped {
                events: 1,
                ..Stepped::default()
            })
        }
    }
}

/// How a batch went.
enum Applied {
    /// It is committed.
    Done(Stepped),
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
        Ok(Ok(stepped)) => Applied::Done(stepped),
        Ok(Err(error)) if error.is_of_data() => Applied::AtFault(error.to_string()),
        Ok(Err(error)) => Applied::Later(error),
        Err(_) => Applied::AtFault("applying it failed on our side".to_owned()),
    }
}

async fn one_by_one(hub: &Hub, fence: Fence, events: &[Event]) -> Result<Stepped, StoreError> {
    let mut total = Stepped::default();
    for event in events {
        match apply(hub, fence, std::slice::from_ref(event)).await {
            Applied::Done(stepped) => {
                total.deliveries += stepped.deliveries;
                total.wanted += stepped.wanted;
            }
            Applied::Later(error) => return Err(error),
            Applied::AtFault(why) => set_aside(hub, event.id, &why).await?,
        }
        total.events += 1;
    }
    Ok(total)
}

async fn set_aside(hub: &Hub, event: EventId, why: &str) -> Result<(), StoreError> {
    tracing::error!(event.id = %event, why, "event {event} could not be applied and was set aside");
    let mut tx = hub.store.write().await?;
    let problems = vec![Problem::new(Code::Poison, "event")];
    tx.finish_events(
        hub.tenant,
        &[Finished {
            event,
            state: EventState::Quarantined,
            problems,
        }],
    )
    .await?;
    tx.commit().await
}
