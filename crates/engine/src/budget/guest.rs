//! Calls of commands that run beside a hub, or while none runs: each is written down in the store before it is made, so
//! that the owner of the budget counts it before it takes its next block.
//!
//! A guest sees what is reserved as spent, so neither needs to ask the other. How old the budget is it knows from the wall
//! clock alone; all that it spends counts as new for the owner.

use std::sync::Arc;
use std::time::Duration;

use schakel_core::budget::{Budget, Limits};
use schakel_core::connector::{BoxFuture, Class, Http, HttpError, Request, Response};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::{Clock, Timestamp};
use schakel_store::{BudgetRow, GuestCall, Store, StoreError};

use super::{saved_of, spent, unwritten};

/// A guest waits for room itself when that takes no longer, in microseconds: for a window of a second, never for a long one.
const PACE_US: i64 = 3_000_000;
/// How often it waits like that for one call; then others take all that there is.
const PACE_TIMES: u32 = 20;

/// A door for a command that calls a source; the budget is that of the hub.
pub struct GuestDoor {
    inner: Arc<dyn Http>,
    store: Store,
    owner: (TenantId, ConnectionId),
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl GuestDoor {
    /// Lets calls through to `inner` as long as the budget of the connection has room; waits for that as long as a short
    /// window lasts, otherwise the call is refused at once.
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
        }
    }

    /// Asks whether `calls` may follow each other now, so that a question of many calls is refused before its first and
    /// not half-way. Nothing is set aside for them.
    ///
    /// # Errors
    /// [`HttpError::Spent`] when a long window has no room for all of them, with the time after which it has;
    /// [`HttpError::NotSent`] when the store fails.
    pub async fn ask_room(&self, class: Class, calls: u32) -> Result<(), HttpError> {
        let (tenant, connection) = self.owner;
        let row = self.store.budget(tenant, connection).await.map_err(unwritten)?;
        let guests = self
            .store
            .guest_calls(tenant, connection)
            .await
            .map_err(unwritten)?;
        let now = self.clock.now();
        let budget = aged(connection, &self.limits, (row.as_ref(), &guests), now).map_err(unwritten)?;
        match wait_us(budget.long(), class, calls) {
            0 => Ok(()),
            wait_us => Err(spent(wait_us)),
        }
    }

    /// Writes down a call, waiting for the room of a short window.
    async fn book(&self, class: Class) -> Result<(), HttpError> {
        for _ in 0..PACE_TIMES {
            let Err(wait_us) = self.write(class).await? else {
                return Ok(());
            };
            if wait_us > PACE_US {
                return Err(spent(wait_us));
            }
            tokio::time::sleep(Duration::from_micros(wait_us.unsigned_abs())).await;
        }
        Err(spent(PACE_US))
    }

    /// Writes down a call; gives how long to wait for room in microseconds when there is none.
    async fn write(&self, class: Class) -> Result<Result<(), i64>, HttpError> {
        let (tenant, connection) = self.owner;
        let id = self.store.next_number(tenant, "guest").await.map_err(unwritten)?;
        let now = self.clock.now();
        let new = GuestCall {
            id,
            class,
            made_at: now,
        };
        let is_room = |row: Option<&BudgetRow>, guests: &[GuestCall]| {
            let budget = aged(connection, &self.limits, (row, guests), now).map_err(Refused::Broken)?;
            match wait_us(budget, class, 1) {
                0 => Ok(()),
                wait_us => Err(Refused::Spent(wait_us)),
            }
        };
        let written = self.store.put_guest_call(self.owner, new, is_room).await;
        match written.map_err(unwritten)? {
            Ok(()) => Ok(Ok(())),
            Err(Refused::Spent(wait_us)) => Ok(Err(wait_us)),
            Err(Refused::Broken(error)) => Err(unwritten(error)),
        }
    }
}

/// Why a call of a guest is not written down.
enum Refused {
    /// There is no room before so many microseconds have passed.
    Spent(i64),
    /// The budget in the store can't be read.
    Broken(StoreError),
}

impl Http for GuestDoor {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            self.book(request.class).await?;
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

/// Gives the budget as it looks at `now`, calls of guests and what is reserved included; its clock stands at 0.
pub(super) fn aged(
    connection: ConnectionId,
    limits: &Limits,
    (row, guests): (Option<&BudgetRow>, &[GuestCall]),
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let age_us = |at: Timestamp| now.as_micros().saturating_sub(at.as_micros()).max(0);
    let mut budget = match row {
        Some(row) => {
            let mut saved = saved_of(connection, row)?;
            let reserved = saved.take_reserved();
            let mut budget = Budget::restore(limits, &saved, 0, 0);
            budget.age(age_us(row.saved_at));
            // However old the budget is, its owner may start these now.
            if reserved > 0 {
                budget.started_elsewhere(Class::Backfill, reserved, 0);
            }
            budget
        }
        None => Budget::new(limits),
    };
    for guest in guests {
        budget.started_elsewhere(guest.class, 1, -age_us(guest.made_at));
    }
    Ok(budget)
}
