//! Apply: waiting events become records, persons, entities and desired states, in one transaction (T1).
//!
//! Invariants: all that an event changes is committed together with the event's own state (I5); what is
//! decided depends on records, operator decisions and configuration only (I6); one event that cannot be
//! applied holds up nothing else (I18). Runs the pure stages normalise, resolve and plan; see docs/adr/0003.

mod batch;
mod take;

use schakel_core::event::EventState;
use schakel_core::id::EventId;
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

/// Applies the next waiting events, at most [`limits::APPLY_BATCH`]; returns what was done, nothing when the inbox
/// is empty.
///
/// # Errors
/// When the store fails; nothing was applied then. A batch that fails for a reason of its own is tried again one
/// by one, so that only the event at fault is set aside.
pub async fn step(hub: &Hub) -> Result<Stepped, StoreError> {
    let events = hub
        .store
        .waiting_events(hub.tenant, EventId(0), limits::APPLY_BATCH)
        .await?;
    if events.is_empty() {
        return Ok(Stepped::default());
    }
    match batch::apply(hub, &events).await {
        Ok(stepped) => Ok(stepped),
        Err(error) if error.is_of_data() && events.len() > 1 => one_by_one(hub, &events).await,
        Err(error) if error.is_of_data() => {
            set_aside(hub, events[0].id, &error).await?;
            Ok(Stepped {
                events: 1,
                ..Stepped::default()
            })
        }
        Err(error) => Err(error),
    }
}

async fn one_by_one(hub: &Hub, events: &[schakel_core::event::Event]) -> Result<Stepped, StoreError> {
    let mut total = Stepped::default();
    for event in events {
        match batch::apply(hub, std::slice::from_ref(event)).await {
            Ok(stepped) => {
                total.deliveries += stepped.deliveries;
                total.wanted += stepped.wanted;
            }
            Err(error) if error.is_of_data() => set_aside(hub, event.id, &error).await?,
            Err(error) => return Err(error),
        }
        total.events += 1;
    }
    Ok(total)
}

async fn set_aside(hub: &Hub, event: EventId, error: &StoreError) -> Result<(), StoreError> {
    tracing::error!(event.id = %event, %error, "event {event} could not be applied and was set aside");
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
