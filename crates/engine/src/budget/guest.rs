//! Calls of commands that run beside a hub, or while none runs: each is written down in the store before it is made, so
//! that the owner of the budget counts it before it takes its next block.
//!
//! A guest sees what is reserved as spent, so neither needs to ask the other. How old the budget is it knows from the wall
//! clock alone; all that it spends counts as new for the owner. What answers tell it is written down as well, and the owner
//! takes it in before its next block, as if it had asked itself: a pause that was asked for ends when it would have. For
//! the age of that the owner believes the wall clock, since a wrong one costs a call whose answer says it again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schakel_core::budget::{Budget, Elsewhere, Heard, Limits};
use schakel_core::connector::{BoxFuture, Class, Http, HttpError, Meter, Request, Response};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::{Clock, Timestamp};
use schakel_store::{BudgetRow, GuestAnswer, GuestCall, GuestRow, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{saved_of, spent, unwritten};

/// A guest waits for room itself when that takes no longer, in microseconds: for a window of a second, never for a long one.
pub(super) const PACE_US: i64 = 3_000_000;
/// How often it waits like that for one call; then others take all that there is.
pub(super) const PACE_TIMES: u32 = 20;

/// A door for a command that calls a source; the budget is that of the hub.
pub struct GuestDoor {
    inner: Arc<dyn Http>,
    store: Store,
    owner: (TenantId, ConnectionId),
    meter: Arc<dyn Meter>,
    clock: Arc<dyn Clock>,
}

/// What an answer told a guest, as it is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// The number of its call.
    call: i64,
    /// When that was written down.
    called_at: Timestamp,
    heard: Heard,
}

impl GuestDoor {
    /// Lets calls through to `inner` as long as the budget of the connection has room; waits for that as long as a short
    /// window lasts, otherwise the call is refused at once.
    #[must_use]
    pub fn new(
        inner: Arc<dyn Http>,
        store: Store,
        owner: (TenantId, ConnectionId),
        meter: Arc<dyn Meter>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            store,
            owner,
            meter,
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
        let guests = self.store.guests(tenant, connection).await.map_err(unwritten)?;
        let (limits, now) = (self.meter.limits(), self.clock.now());
        let budget = aged(connection, &limits, (row.as_ref(), &guests), now).map_err(unwritten)?;
        match wait_us(budget.long(), class, calls) {
            0 => Ok(()),
            wait_us => Err(spent(wait_us)),
        }
    }

    /// Writes down a call, waiting for the room of a short window.
    async fn book(&self, class: Class) -> Result<GuestCall, HttpError> {
        for _ in 0..PACE_TIMES {
            let wait_us = match self.write(class).await? {
                Ok(call) => return Ok(call),
                Err(wait_us) => wait_us,
            };
            if wait_us > PACE_US {
                return Err(spent(wait_us));
            }
            pause(wait_us).await;
        }
        Err(spent(PACE_US))
    }

    /// Writes down a call; gives how long to wait for room in microseconds when there is none.
    async fn write(&self, class: Class) -> Result<Result<GuestCall, i64>, HttpError> {
        let (tenant, connection) = self.owner;
        let limits = self.meter.limits();
        let id = self.store.next_number(tenant, "guest").await.map_err(unwritten)?;
        let now = self.clock.now();
        let new = GuestCall {
            id,
            class,
            made_at: now,
        };
        let is_room = |row: Option<&BudgetRow>, guests: &[GuestRow]| {
            let budget = aged(connection, &limits, (row, guests), now).map_err(Refused::Broken)?;
            match wait_us(budget, class, 1) {
                0 => Ok(()),
                wait_us => Err(Refused::Spent(wait_us)),
            }
        };
        let written = self.store.put_guest_call(self.owner, new, is_room).await;
        match written.map_err(unwritten)? {
            Ok(()) => Ok(Ok(new)),
            Err(Refused::Spent(wait_us)) => Ok(Err(wait_us)),
            Err(Refused::Broken(error)) => Err(unwritten(error)),
        }
    }

    /// Writes down what the answer to `call` tells of the limits; gives how long a refusal asks to wait, in microseconds,
    /// `None` when it is none. Where that cannot be written the owner hears it with its own next call.
    async fn tell(&self, call: GuestCall, answer: &Response) -> Option<i64> {
        let heard = self.meter.heard(answer);
        let asked_us = heard.refused.map(asked_us);
        if !heard.is_telling() {
            return asked_us;
        }
        let told = Told {
            call: call.id,
            called_at: call.made_at,
            heard,
        };
        let written = async {
            let new = GuestAnswer {
                id: self.store.next_number(self.owner.0, "guest").await?,
                told: told.to_text(),
                heard_at: self.clock.now(),
            };
            self.store.put_guest_answer(self.owner, new).await
        };
        if let Err(error) = written.await {
            tracing::warn!(connection.id = %self.owner.1, %error, "what an answer told of the limits could not be written down");
        }
        asked_us
    }
}

impl Told {
    /// # Panics
    /// Never: numbers and lists of numbers always serialise.
    fn to_text(&self) -> String {
        serde_json::to_string(self).expect("numbers and lists of numbers always serialise")
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
            // A program that nobody counts may have taken the second: what was refused was not executed.
            for _ in 0..PACE_TIMES {
                let call = self.book(request.class).await?;
                let answer = self.inner.send(request.clone()).await?;
                match self.tell(call, &answer).await {
                    Some(wait_us) if wait_us <= PACE_US => pause(wait_us).await,
                    _ => return Ok(answer),
                }
            }
            Err(spent(PACE_US))
        })
    }
}

/// How long a refusal asks to wait, in microseconds, from its milliseconds.
pub(super) fn asked_us(wait_ms: i64) -> i64 {
    wait_ms.saturating_mul(1_000).max(1_000)
}

/// Waits so many microseconds.
pub(super) async fn pause(us: i64) {
    tokio::time::sleep(Duration::from_micros(us.unsigned_abs())).await;
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
    (row, guests): (Option<&BudgetRow>, &[GuestRow]),
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let mut budget = match row {
        Some(row) => {
            let mut saved = saved_of(connection, row)?;
            let reserved = saved.take_reserved();
            let mut budget = Budget::restore(limits, &saved, 0, 0);
            budget.age(age_us(now, row.saved_at));
            // However old the budget is, its owner may start these now.
            if reserved > 0 {
                budget.started_elsewhere(Class::Backfill, reserved, 0);
            }
            budget
        }
        None => Budget::new(limits),
    };
    let mut counted = BTreeMap::new();
    for guest in guests {
        let at_us = -age_us(now, guest.at());
        counted.insert(guest.id(), at_us);
        count(&mut budget, guest, (now, 0), &counted, at_us);
    }
    Ok(budget)
}

/// How long ago `at` was, in microseconds; 0 for a moment to come.
fn age_us(now: Timestamp, at: Timestamp) -> i64 {
    now.as_micros().saturating_sub(at.as_micros()).max(0)
}

/// Takes what a guest wrote down into `budget`, whose clock stands at `now_us`. A call starts at `at_us`; `counted` are the
/// calls that are in the budget, with their starts there.
pub(super) fn count(
    budget: &mut Budget,
    guest: &GuestRow,
    (now, now_us): (Timestamp, i64),
    counted: &BTreeMap<i64, i64>,
    at_us: i64,
) {
    match guest {
        GuestRow::Call(call) => budget.started_elsewhere(call.class, 1, at_us),
        GuestRow::Answer(answer) => {
            // What another version wrote is told to the owner again with its next call.
            let Ok(told) = serde_json::from_str::<Told>(&answer.told) else {
                return;
            };
            let call = Elsewhere {
                counted_us: counted.get(&told.call).copied(),
                started_us: now_us.saturating_sub(age_us(now, told.called_at)),
                heard_us: now_us.saturating_sub(age_us(now, answer.heard_at)),
            };
            budget.answered_elsewhere(call, &told.heard);
        }
    }
}
