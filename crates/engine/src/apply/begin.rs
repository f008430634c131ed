//! Begin: what waits when a process starts to apply may be what ended the one before it.
//!
//! Starts are counted here and nowhere else, so that the everyday batch costs no statement more (docs/adr/0003): the
//! events that a dead process was applying are the first ones that wait. Every start runs this, after a kill and after
//! a clean stop (I23).

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::event::Event;
use schakel_core::id::EventId;
use schakel_core::limits;
use schakel_core::problem::Code;
use schakel_store::{StoreError, Waiting};

use super::{Fence, Stepped, apply_all, set_aside, set_damaged_aside};
use crate::hub::Hub;

/// Events that were begun once without an end are tried in groups of this size.
const SUSPECTS: usize = 16;

/// Applies the first waiting events with their starts counted: all together, at the next start in small groups, then
/// alone; one that was begun [`limits::EVENT_STARTS`] times is set aside. Run it when this process gets the right to
/// apply.
///
/// `counted` holds the events whose start this process counted: a start is one process that began with them, however
/// often it had to try because the store could not take the batch (a full disk, a lost lease).
///
/// # Errors
/// As [`super::step`].
pub async fn begin(hub: &Hub, fence: Fence, counted: &mut BTreeSet<EventId>) -> Result<Stepped, StoreError> {
    let Waiting { events, damaged } = super::next(hub).await?;
    let Some(mut total) = set_damaged_aside(hub, fence, &damaged).await? else {
        return Ok(Stepped::default());
    };
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let mut starts = hub.store.event_starts(hub.tenant, &ids).await?;
    for (id, begun) in &mut starts {
        *begun = begun.saturating_sub(u32::from(counted.contains(id)));
    }
    let (ended, groups) = groups(events, &starts);
    for event in ended {
        if !set_aside(
            hub,
            fence,
            (event.id, Code::Poison),
            "it ended the process several times",
        )
        .await?
        {
            return Ok(total);
        }
        total.events += 1;
    }
    for group in groups {
        let ids = group.iter().map(|event| event.id);
        let new: Vec<EventId> = ids.filter(|id| !counted.contains(id)).collect();
        if !new.is_empty() {
            hub.store.begin_events(hub.tenant, &new).await?;
            counted.extend(new);
        }
        let Some(stepped) = apply_all(hub, fence, &group).await? else {
            return Ok(total);
        };
        total.add(stepped);
    }
    Ok(total)
}

/// Gives the events that ended too many processes, and the others in groups, the least suspected first.
fn groups(events: Vec<Event>, starts: &BTreeMap<EventId, u32>) -> (Vec<Event>, Vec<Vec<Event>>) {
    let mut by_starts: BTreeMap<u32, Vec<Event>> = BTreeMap::new();
    let mut ended = Vec::new();
    for event in events {
        match starts.get(&event.id).copied().unwrap_or(0) {
            limits::EVENT_STARTS.. => ended.push(event),
            begun => by_starts.entry(begun).or_default().push(event),
        }
    }
    let mut groups = Vec::new();
    for (begun, events) in by_starts {
        let size = match begun {
            0 => events.len(),
            1 => SUSPECTS,
            _ => 1,
        };
        groups.extend(events.chunks(size).map(<[Event]>::to_vec));
    }
    (ended, groups)
}
