//! Budgets of calls, one ledger per source connection: who may call when, written down before it is used.
//!
//! The rule itself is `core::budget`; here it meets the store, the lease and the network. One process owns the
//! budget of a connection: on SQLite the only one, on PostgreSQL the one that holds the lease `source:<connection>`.
//! The hub waits nowhere here: a call without room is refused with the time after which there may be some, and the
//! caller decides. Commands have a door of their own (`guest`). See docs/spec/budget.md.

mod door;
mod guest;
mod lone;

pub use door::BudgetDoor;
pub use guest::GuestDoor;
pub use lone::LoneDoor;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schakel_core::budget::{Budget, Denied, Life, Limits, Saved, Ticket, Usage};
use schakel_core::connector::{Class, HttpError, Meter, Response, Unmetered};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::limits;
use schakel_core::time::{Clock, Timestamp};
use schakel_store::{BudgetDay, BudgetRow, GuestRow, Store, StoreError, Written};

/// How long the right to a budget holds without being renewed, in milliseconds.
const LEASE_MS: i64 = 15_000;
/// The same in microseconds of the clock that never goes back.
const LEASE_US: i64 = LEASE_MS * 1_000;
/// Wait of a call while another process owns the budget, in milliseconds.
const ELSEWHERE_MS: i64 = 5_000;
/// Longest wait that is told, in microseconds: a day.
const LONGEST_US: i64 = limits::RETRY_AFTER_MS * 1_000;
/// Without limits, calls that are counted before they are written down.
const COUNTED: u32 = 500;

/// Whose budget a ledger keeps.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Whose data it is.
    pub tenant: TenantId,
    /// Which connection.
    pub connection: ConnectionId,
    /// Name of this process start, unique among workers.
    pub worker: String,
    /// No other process works on the same store, so that no lease is needed.
    pub is_alone: bool,
}

/// The budget of one source connection, shared by all its callers in this process.
pub struct Ledger {
    store: Store,
    owner: Owner,
    clock: Arc<dyn Clock>,
    meter: Arc<dyn Meter>,
    state: Mutex<State>,
    /// Held while something is written or the lease changes; never together with `state` over a wait.
    writing: tokio::sync::Mutex<()>,
}

/// What this process knows of the budget.
#[derive(Debug, Default)]
struct State {
    /// The budget, while it is ours.
    budget: Option<Budget>,
    /// The epoch of the lease.
    epoch: Option<i64>,
    /// The budget is ours until then, by the clock that never goes back.
    until_us: i64,
    /// How often the budget was read: a call that began before says nothing to the one that is here now.
    turn: u64,
    /// When it was read and last written.
    life: Life,
    /// What guests wrote down and is in the budget, and not yet written with it: it counts once, however often that fails.
    /// With the moments at which it was counted.
    counted: BTreeMap<i64, i64>,
}

impl State {
    fn own(&mut self, budget: Budget, epoch: Option<i64>, until_us: i64, now_us: i64) {
        self.budget = Some(budget);
        self.epoch = epoch;
        self.until_us = until_us;
        self.turn += 1;
        self.life = Life::new(now_us);
        self.counted.clear();
    }

    fn lose(&mut self) -> Option<i64> {
        self.budget = None;
        self.until_us = 0;
        self.epoch.take()
    }
}

/// A call under way, and under which reading of the budget it began.
#[derive(Debug)]
struct Taken {
    ticket: Ticket,
    turn: u64,
}

impl Ledger {
    /// Makes the ledger of a connection; the budget is read with the first call or [`Ledger::hold`].
    #[must_use]
    pub fn new(store: Store, owner: Owner, clock: Arc<dyn Clock>, meter: Arc<dyn Meter>) -> Self {
        Self {
            store,
            owner,
            clock,
            meter,
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Makes the ledger of a connection without limits, in a process that is alone: calls are only counted.
    #[must_use]
    pub fn unmetered(
        store: Store,
        tenant: TenantId,
        connection: ConnectionId,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let owner = Owner {
            tenant,
            connection,
            worker: String::new(),
            is_alone: true,
        };
        Self::new(store, owner, clock, Arc::new(Unmetered))
    }

    /// Makes sure that the budget is ours, for a third of the lease at least; false while another process has it. Called by
    /// the loop that walks in all its steps, also while it waits: writes down now and then how old the budget is, so that a
    /// restart takes little of a wait.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn hold(&self) -> Result<bool, StoreError> {
        if self.is_late() {
            let _writing = self.writing.lock().await;
            // Somebody may have written it meanwhile.
            if self.is_late() {
                self.write(0).await?;
            }
        }
        self.is_ours().await
    }

    /// Makes sure that the budget is ours, see [`Ledger::hold`].
    async fn is_ours(&self) -> Result<bool, StoreError> {
        if self.is_safe() {
            return Ok(true);
        }
        let _writing = self.writing.lock().await;
        if self.is_safe() {
            return Ok(true);
        }
        if self.owner.is_alone {
            let budget = self.read(0).await?;
            let now_us = self.clock.monotonic_us();
            self.state().own(budget, None, i64::MAX, now_us);
            return Ok(true);
        }
        self.renew_or_take().await
    }

    /// Gives the epoch of the lease by which the source is ours, where several processes may have it.
    pub(crate) fn epoch(&self) -> Option<i64> {
        self.state().epoch
    }

    /// How many calls of `class` may start now; 0 while the budget is not ours.
    #[must_use]
    pub fn room(&self, class: Class) -> u32 {
        let now_us = self.clock.monotonic_us();
        let state = self.state();
        let budget = state.budget.as_ref().filter(|_| now_us < state.until_us);
        budget.map_or(0, |budget| budget.room(class, now_us))
    }

    /// How long until a call of `class` may start, in microseconds, unless others take the room first.
    #[must_use]
    pub fn wait_us(&self, class: Class) -> i64 {
        let now_us = self.clock.monotonic_us();
        match &self.state().budget {
            Some(budget) => budget
                .ready_us(class, now_us)
                .saturating_sub(now_us)
                .min(LONGEST_US),
            None => ELSEWHERE_MS * 1_000,
        }
    }

    /// What is spent and left; `None` while the budget is not ours.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let now_us = self.clock.monotonic_us();
        self.state().budget.as_ref().map(|budget| budget.usage(now_us))
    }

    /// Gives the budget back at the end: what was reserved and not used is free, and another process may have it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        if let Some(budget) = &mut self.state().budget {
            budget.give_back();
        }
        self.write(0).await?;
        let epoch = self.state().lose();
        if let Some(epoch) = epoch {
            self.store.release_lease(&self.lease(), epoch).await?;
        }
        Ok(())
    }

    /// Starts a call of `class`, after writing down the block that it is taken from.
    async fn take(&self, class: Class) -> Result<Taken, HttpError> {
        loop {
            if !self.is_ours().await.map_err(unwritten)? {
                return Err(spent(ELSEWHERE_MS * 1_000));
            }
            let now_us = self.clock.monotonic_us();
            let taken = match &mut *self.state() {
                State {
                    budget: Some(budget),
                    until_us,
                    turn,
                    ..
                } if now_us < *until_us => {
                    let turn = *turn;
                    budget.take(class, now_us).map(|ticket| Taken { ticket, turn })
                }
                _ => continue,
            };
            match taken {
                Ok(taken) => return Ok(taken),
                Err(Denied::Spent { wait_us }) => return Err(spent(wait_us)),
                Err(Denied::Unsaved) => self.reserve().await.map_err(unwritten)?,
            }
        }
    }

    /// Takes in what an answer tells; `None` for a call whose answer is lost.
    fn ended(&self, taken: &Taken, answer: Option<&Response>, may_count: bool) {
        let now_us = self.clock.monotonic_us();
        let heard = answer.map(|response| self.meter.heard(response));
        let mut state = self.state();
        let is_same = state.turn == taken.turn;
        if let Some(budget) = state.budget.as_mut().filter(|_| is_same) {
            match heard {
                Some(heard) => budget.answered(&taken.ticket, &heard, now_us),
                None => budget.unanswered(&taken.ticket, may_count),
            }
        }
    }

    /// Writes down what should not wait for the next block; a failure only costs exactness after a restart.
    async fn tidy(&self) {
        let is_due = self
            .state()
            .budget
            .as_ref()
            .is_some_and(|budget| budget.is_dirty() || budget.uncounted() >= COUNTED.max(budget.block()));
        if !is_due {
            return;
        }
        let _writing = self.writing.lock().await;
        if let Err(error) = self.write(0).await {
            tracing::warn!(connection.id = %self.owner.connection, %error, "the budget of calls could not be written down");
        }
    }

    /// Writes down the next block, unless somebody did meanwhile.
    async fn reserve(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let more = match &self.state().budget {
            Some(budget) if budget.needs_block() => budget.block(),
            _ => return Ok(()),
        };
        self.write(more).await
    }

    /// Writes the budget with `more` reserved calls; forgets it when it is another's now. What commands spend and hear beside
    /// this process is counted first: in memory once, however often writing fails or its answer is lost, and anew by a process
    /// that starts after one that could not write; never zero times. Needs `writing`.
    async fn write(&self, more: u32) -> Result<(), StoreError> {
        let Owner {
            tenant, connection, ..
        } = self.owner;
        while self.write_once(more).await? == Written::Uncounted {
            let guests = self.store.guests(tenant, connection).await?;
            let (now, now_us) = (self.clock.now(), self.clock.monotonic_us());
            let State { budget, counted, .. } = &mut *self.state();
            let Some(budget) = budget else { return Ok(()) };
            for guest in guests {
                if counted.insert(guest.id(), now_us).is_none() {
                    // What a call spends is new, however old it is: no clock is believed.
                    guest::count(budget, &guest, (now, now_us), counted, now_us);
                }
            }
        }
        Ok(())
    }

    /// Writes the budget, unless there are calls of guests that are not in it. Where it was written and the answer lost, the
    /// calls since the last time are counted twice in their day; windows count them once.
    async fn write_once(&self, more: u32) -> Result<Written, StoreError> {
        let now_us = self.clock.monotonic_us();
        let (saved, counts, epoch, counted) = {
            let mut state = self.state();
            let counted: BTreeSet<i64> = state.counted.keys().copied().collect();
            let epoch = state.epoch;
            let Some(budget) = &mut state.budget else {
                return Ok(Written::Lost);
            };
            (budget.save(more, now_us), budget.take_counts(), epoch, counted)
        };
        let row = BudgetRow {
            saved: text_of(&saved),
            saved_at: self.clock.now(),
        };
        let name = self.lease();
        let lease = epoch.map(|epoch| (name.as_str(), epoch));
        let Owner {
            tenant, connection, ..
        } = self.owner;
        let written = self
            .store
            .put_budget(tenant, connection, &row, (counts, &counted), lease)
            .await;
        let mut state = self.state();
        match (&written, &mut state.budget) {
            (Ok(Written::Yes), Some(budget)) => {
                budget.granted(more);
                state.counted.clear();
                state.life.written_us = now_us;
            }
            (Ok(Written::Uncounted), Some(budget)) => budget.put_counts_back(counts),
            (Ok(_), _) => {
                state.lose();
            }
            (Err(_), Some(budget)) => budget.put_counts_back(counts),
            (Err(_), None) => {}
        }
        written
    }

    /// Lengthens our lease, or takes it when it is free. Needs `writing`.
    async fn renew_or_take(&self) -> Result<bool, StoreError> {
        let name = self.lease();
        // Before the question: the lease began after this moment.
        let asked_us = self.clock.monotonic_us();
        let epoch = self.state().epoch;
        if let Some(epoch) = epoch {
            if self
                .store
                .renew_lease(&name, epoch, self.clock.now(), LEASE_MS)
                .await?
            {
                self.state().until_us = asked_us.saturating_add(LEASE_US);
                return Ok(true);
            }
            self.state().lose();
        }
        let now = self.clock.now();
        let Some(epoch) = self
            .store
            .take_lease(&name, &self.owner.worker, now, LEASE_MS)
            .await?
        else {
            return Ok(false);
        };
        let budget = self.read(LEASE_US).await?;
        let until_us = asked_us.saturating_add(LEASE_US);
        let now_us = self.clock.monotonic_us();
        self.state().own(budget, Some(epoch), until_us, now_us);
        Ok(true)
    }

    /// Reads the budget as it was last written; a former owner may still use what it reserved for `grace_us`.
    async fn read(&self, grace_us: i64) -> Result<Budget, StoreError> {
        let Owner {
            tenant, connection, ..
        } = self.owner;
        let limits = self.meter.limits();
        let now_us = self.clock.monotonic_us();
        let row = self.store.budget(tenant, connection).await?;
        let saved = row.map(|row| saved_of(connection, &row)).transpose()?;
        Ok(match saved {
            Some(saved) => Budget::restore(&limits, &saved, grace_us, now_us),
            None => Budget::new(&limits),
        })
    }

    /// Tells whether the budget is ours without asking, and stays so for long enough to make a call.
    fn is_safe(&self) -> bool {
        let state = self.state();
        let left_us = state.until_us.saturating_sub(self.clock.monotonic_us());
        state.budget.is_some() && left_us > LEASE_US / 3
    }

    /// Tells whether the age of the budget should be written down.
    fn is_late(&self) -> bool {
        let now_us = self.clock.monotonic_us();
        let state = self.state();
        let budget = state.budget.as_ref().filter(|_| now_us < state.until_us);
        budget.is_some_and(|budget| budget.is_late(state.life, now_us))
    }

    fn lease(&self) -> String {
        lease_of(self.owner.connection)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lease of whoever spends the budget of `connection` and walks its lists.
fn lease_of(connection: ConnectionId) -> String {
    format!("source:{}", connection.0)
}

/// Tells whether a hub runs on `store` that reads `connection` now.
///
/// # Errors
/// When the store fails.
pub async fn is_served(store: &Store, connection: ConnectionId) -> Result<bool, StoreError> {
    store.is_served(&lease_of(connection)).await
}

/// A budget as the store holds it, for commands that run beside a hub.
#[derive(Debug)]
pub struct StoredBudget {
    /// What is spent and left, if time passed as the wall clock says.
    pub usage: Usage,
    /// When it was written.
    pub saved_at: Timestamp,
    /// Calls by day, newest first.
    pub days: Vec<BudgetDay>,
}

/// Reads the budget of `connection` from the store, as it looks at `now`; `None` when it never made a call.
///
/// # Errors
/// When the store fails.
pub async fn stored(
    store: &Store,
    tenant: TenantId,
    connection: ConnectionId,
    limits: &Limits,
    now: Timestamp,
) -> Result<Option<StoredBudget>, StoreError> {
    let row = store.budget(tenant, connection).await?;
    let guests = store.guests(tenant, connection).await?;
    let written = row.iter().map(|row| row.saved_at);
    let written = written.chain(guests.iter().map(GuestRow::at));
    let Some(saved_at) = written.max() else {
        return Ok(None);
    };
    let budget = guest::aged(connection, limits, (row.as_ref(), &guests), now)?;
    Ok(Some(StoredBudget {
        usage: budget.usage(0),
        saved_at,
        days: store.budget_days(tenant, connection).await?,
    }))
}

/// # Panics
/// Never: numbers and lists of numbers always serialise.
fn text_of(saved: &Saved) -> String {
    serde_json::to_string(saved).expect("numbers and lists of numbers always serialise")
}

fn saved_of(connection: ConnectionId, row: &BudgetRow) -> Result<Saved, StoreError> {
    serde_json::from_str(&row.saved).map_err(|_| StoreError::Contradiction {
        table: "budget",
        row: connection.to_string(),
        column: "saved",
    })
}

const fn spent(wait_us: i64) -> HttpError {
    HttpError::Spent {
        retry_after_ms: if wait_us < LONGEST_US {
            wait_us / 1_000 + 1
        } else {
            limits::RETRY_AFTER_MS
        },
    }
}

#[expect(clippy::needless_pass_by_value, reason = "maps an error")]
fn unwritten(error: StoreError) -> HttpError {
    tracing::warn!(%error, "the budget of calls could not be written down, the call is not made");
    HttpError::NotSent("the budget of calls could not be written down".to_owned())
}
