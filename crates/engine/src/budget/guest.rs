//! Calls of commands that run beside a hub, or while none runs: written down in the store before they are made, so that the
//! owner of the budget counts them before it takes its next block.
//!
//! A guest sees what is reserved as spent, so neither needs to ask the other. How old the budget is it knows from the wall
//! clock alone; all that it spends counts as new for the owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use schakel_core::budget::{Budget, Limits};
use schakel_core::connector::{BoxFuture, Class, Http, HttpError, Request, Response};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::{Clock, Timestamp};
use schakel_store::{BudgetRow, GuestCalls, Store, StoreError};

use super::{saved_of, spent, unwritten};

/// A door for a command that calls a source; the budget is that of the hub.
pub struct GuestDoor {
    inner: Arc<dyn Http>,
    store: Store,
    owner: (TenantId, ConnectionId),
    limits: Limits,
    clock: Arc<dyn Clock>,
    /// Calls that are written down and not made yet.
    prepaid: AtomicU32,
}

impl GuestDoor {
    /// Lets calls through to `inner` as long as the budget of the connection has room; the others are refused at once.
    #[must_use]
    pub fn new(
        inner: Arc<dyn Http>,
        store: Store,
        owner: (TenantId, ConnectionId),
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            store,
            owner,
            limits,
            clock,
            prepaid: AtomicU32::new(0),
        }
    }

    /// Writes down `calls` at once, so that they are not refused half-way.
    ///
    /// # Errors
    /// [`HttpError::Spent`] when there is no room for all of them, with the time after which there is;
    /// [`HttpError::NotSent`] when the store fails.
    pub async fn prepay(&self, class: Class, calls: u32) -> Result<(), HttpError> {
        self.write(class, calls).await?;
        self.prepaid.fetch_add(calls, Ordering::Relaxed);
        Ok(())
    }

    async fn write(&self, class: Class, calls: u32) -> Result<(), HttpError> {
        let (tenant, connection) = self.owner;
        let id = self.store.next_number(tenant, "guest").await.map_err(unwritten)?;
        let now = self.clock.now();
        let new = GuestCalls {
            id,
            class,
            calls,
            made_at: now,
        };
        let limits = &self.limits;
        let is_room = |row: Option<&BudgetRow>, guests: &[GuestCalls]| {
            let mut budget = aged(connection, limits, (row, guests), now).map_err(unwritten)?;
            // However old the budget is, its owner may start these now.
            let saved = row.map(|row| saved_of(connection, row)).transpose();
            let reserved = saved.map_err(unwritten)?.map_or(0, |saved| saved.reserved());
            budget.started_elsewhere(Class::Backfill, reserved, 0);
            match wait_us(budget, class, calls) {
                0 => Ok(()),
                wait_us => Err(spent(wait_us)),
            }
        };
        let written = self.store.put_guest_calls(self.owner, new, is_room).await;
        written.map_err(unwritten)?
    }

    fn is_prepaid(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.prepaid
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

impl Http for GuestDoor {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            if !self.is_prepaid() {
                self.write(request.class, 1).await?;
            }
            self.inner.send(request).await
        })
    }
}

/// How long until so many calls of `class` may start at once, in microseconds; 0 for now.
fn wait_us(mut budget: Budget, class: Class, calls: u32) -> i64 {
    if budget.room(class, 0) >= calls {
        return 0;
    }
    // The last of them waits until all others fit.
    budget.started_elsewhere(class, calls.saturating_sub(1), 0);
    budget.ready_us(class, 0).max(1_000)
}

/// Gives the budget as it looks at `now`, calls of guests included; its clock stands at 0.
pub(super) fn aged(
    connection: ConnectionId,
    limits: &Limits,
    (row, guests): (Option<&BudgetRow>, &[GuestCalls]),
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let age_us = |at: Timestamp| now.as_micros().saturating_sub(at.as_micros()).max(0);
    let mut budget = match row {
        Some(row) => {
            let mut budget = Budget::restore(limits, &saved_of(connection, row)?, 0, 0);
            budget.age(age_us(row.saved_at));
            budget
        }
        None => Budget::new(limits),
    };
    for guest in guests {
        budget.started_elsewhere(guest.class, guest.calls, -age_us(guest.made_at));
    }
    Ok(budget)
}
