//! Deliver: what a sink shall hold is sent, as fast as the sink keeps up (T2, T3).
//!
//! Invariants: one attempt in flight per object (I11); an attempt is committed before its first byte leaves
//! (I13); an attempt whose outcome is unknown is followed by a settle delay and a look before anything is
//! created (I14); the number of calls at once follows the sink's answers (A6).

mod gauge;
pub mod guard;
pub mod moved;
pub mod newcomers;
mod place;
mod send;
mod settle;

pub use gauge::{Gauge, Reading};

use std::sync::Arc;

use schakel_core::connector::ConnectorError;
use schakel_core::delivery::{Aimd, Signal, connect_wait_ms};
use schakel_core::id::{AttemptId, ConnectionId};
use schakel_core::limits;
use schakel_core::time::Timestamp;
use schakel_store::{Claim, Claimed, Outcome, Settle, StoreError};
use tokio::task::{JoinError, JoinSet};

use crate::hub::{Hub, SinkConnection};
use guard::{LookError, Place};
use newcomers::{Failed, Looked, Watch};
use place::Places;
use send::Sent;

/// The delivery loop of one sink; run one per sink and worker.
pub struct Loop {
    hub: Arc<Hub>,
    sink: ConnectionId,
    aimd: Aimd,
    calls: JoinSet<Back>,
    blocked_until: Timestamp,
    /// When the sink was last prepared, as far as this loop heard.
    prepared: Option<Vec<u8>>,
    blocks: u32,
    gauge: Gauge,
    is_ending: bool,
    is_reconnect_due: bool,
    /// Whether reading the structure failed the last time.
    is_unconnected: bool,
    /// What just closed the sink and until when, to be written down.
    ailing: Option<(ConnectorError, Timestamp)>,
    /// Whether it is written down which place is filled.
    is_filled_noted: bool,
    /// Whether the numbers that stand in the sink are known to be ours.
    is_looked: bool,
    /// How often looking at them failed in a row.
    looks_failed: u32,
    /// What the sink has no place for.
    places: Places,
    /// When it is looked next who was put back in the sink by hand.
    watch: Watch,
    /// How the last look ended, to be written down.
    looked: Option<Result<(), Failed>>,
    /// What came back and is not decided yet.
    back: Vec<Sent>,
    /// What was decided and is not settled yet. Decided once: an answer says no more of the sink because the store failed.
    decided: Vec<(Sent, Settle)>,
    /// Attempts that a step which failed may have recorded all the same. It never heard of them, so nothing of them was sent.
    /// With the end of their claims.
    unsent: Vec<(AttemptId, Timestamp)>,
    /// When those are freed next: a server that stood still may commit them later.
    free_at: Timestamp,
}

/// The end of what was out.
enum Back {
    Sent(Box<Sent>),
    Looked(Result<Looked, LookError>),
}

/// Margin of a claim over the longest attempt, in milliseconds.
const LEASE_MARGIN_MS: i64 = 5_000;

/// How often claims of which nobody heard are looked for until they end, in milliseconds.
const FREE_MS: i64 = 5_000;

impl Loop {
    /// Makes the loop of `sink`; readings go to `gauge`.
    #[must_use]
    pub fn new(hub: Arc<Hub>, sink: ConnectionId, gauge: Gauge) -> Self {
        let ceiling = hub.sinks.get(&sink).map_or(1, |sink| sink.concurrency);
        let aimd = Aimd::new(ceiling);
        gauge.read(aimd.limit(), 0, false);
        Self {
            hub,
            sink,
            aimd,
            calls: JoinSet::new(),
            blocked_until: Timestamp::ZERO,
            prepared: None,
            blocks: 0,
            gauge,
            is_ending: false,
            is_reconnect_due: false,
            is_unconnected: false,
            ailing: None,
            is_filled_noted: false,
            is_looked: false,
            looks_failed: 0,
            places: Places::default(),
            watch: Watch::new(),
            looked: None,
            back: Vec::new(),
            decided: Vec::new(),
            unsent: Vec::new(),
            free_at: Timestamp::ZERO,
        }
    }

    /// Makes attempts that an earlier process left open uncertain (I23). `is_alone`: no other process works on
    /// this store, so that every open attempt is ours to settle; else only those whose claim ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recover(&self, is_alone: bool) -> Result<u64, StoreError> {
        let settle_ms = self.hub.sinks.get(&self.sink).map_or(0, |sink| sink.settle_ms);
        let now = self.hub.clock.now();
        self.hub
            .store
            .recover_claims(
                self.hub.tenant,
                self.sink,
                now,
                &self.hub.worker,
                !is_alone,
                settle_ms,
            )
            .await
    }

    /// Settles what came back and sends what is due; returns whether there was anything to do.
    ///
    /// # Errors
    /// When the store fails: what came back is kept and settled by the next step.
    pub async fn step(&mut self) -> Result<bool, StoreError> {
        let hub = self.hub.clone();
        let Some(sink) = hub.sinks.get(&self.sink) else {
            return Ok(false);
        };
        self.take_back();
        self.free_unsent().await?;
        self.hear_setup(sink);
        let is_open = self.is_open(sink).await?;
        let is_placed = is_open && self.look_for_places(sink).await?;
        let turn = if self.back.is_empty() && self.decided.is_empty() {
            None
        } else {
            Some(hub.store.deliver_turn().await?)
        };
        // More came back while others wrote: it shares the commit.
        self.take_back();
        self.decide(sink);
        let settles: Vec<Settle> = self.decided.iter().map(|(_, settle)| settle.clone()).collect();
        self.look_for_newcomers(is_open);
        let claim = self.claim(sink, is_open);
        self.show();
        let mut recorded = Vec::new();
        let mut ids = || {
            let id = hub.new_id();
            recorded.push(AttemptId(id));
            id
        };
        let (tenant, claim) = (hub.tenant, claim.as_ref());
        let stepped = match turn {
            Some(turn) => turn.step((tenant, self.sink), &settles, claim, &mut ids).await,
            None => {
                hub.store
                    .deliver_step(tenant, self.sink, &settles, claim, &mut ids)
                    .await
            }
        };
        let claimed = stepped.inspect_err(|_| self.doubt(recorded, claim))?;
        let settled = std::mem::take(&mut self.decided);
        for (sent, settle) in &settled {
            if matches!(settle.outcome, Outcome::Confirmed { .. }) {
                self.watch.delivered();
                self.gauge.confirmed(sent.claimed.since, settle.at);
            }
        }
        let did_something = is_placed || !settles.is_empty() || !claimed.is_empty();
        self.send(claimed);
        self.note_filled(sink, &settles).await?;
        self.show();
        // Last: it writes too, and neither this turn nor what was claimed may wait for that.
        self.tell_health(&settled).await;
        Ok(did_something)
    }

    /// Notes what a step that failed may have recorded.
    fn doubt(&mut self, recorded: Vec<AttemptId>, claim: Option<&Claim>) {
        if let Some(claim) = claim {
            let doubted = recorded.into_iter().map(|attempt| (attempt, claim.lease_until));
            self.unsent.extend(doubted);
            self.free_at = Timestamp::ZERO;
        }
    }

    /// Frees what a step claimed that failed, where its commit happened although the answer was lost.
    async fn free_unsent(&mut self) -> Result<(), StoreError> {
        let hub = &self.hub;
        let now = hub.clock.now();
        self.unsent.retain(|(_, until)| *until > now);
        if self.unsent.is_empty() || now < self.free_at {
            return Ok(());
        }
        let unsent: Vec<AttemptId> = self.unsent.iter().map(|(attempt, _)| *attempt).collect();
        let freed = hub.store.free_unsent(hub.tenant, &unsent, now).await?;
        self.free_at = now.plus_ms(FREE_MS);
        if freed > 0 {
            tracing::debug!(sink.id = %self.sink, freed, "claims of which nothing was known are free again");
        }
        Ok(())
    }

    /// Takes what came back by now.
    fn take_back(&mut self) {
        while let Some(done) = self.calls.try_join_next() {
            self.take(done);
        }
    }

    /// Writes down that the sink was closed, or that it works.
    async fn tell_health(&mut self, settled: &[(Sent, Settle)]) {
        let hub = &self.hub;
        match self.looked.take() {
            Some(Ok(())) => hub.note_look(self.sink, None).await,
            Some(Err(failed)) if failed.is_told => {
                let Failed { error, next_at, .. } = failed;
                hub.note_look(self.sink, Some((error, next_at))).await;
            }
            _ => {}
        }
        if let Some((error, until)) = self.ailing.take() {
            return hub.note_ill(self.sink, &error, until).await;
        }
        let is_good =
            |(sent, _): &(Sent, Settle)| sent.calls > 0 && Signal::of(&sent.result) == Some(Signal::Well);
        let is_open = self.closed_us() == 0 && self.gauge.is_open(hub.clock.monotonic_us());
        if is_open && settled.iter().any(is_good) {
            hub.note_well(self.sink).await;
        }
    }

    /// Writes the reading, also of a step that does nothing: a sink is paused for a while.
    fn show(&self) {
        let is_blocked = self.is_reconnect_due || self.hub.clock.now() < self.blocked_until;
        self.gauge.read(self.aimd.limit(), self.calls.len(), is_blocked);
    }

    /// Waits until a call comes back, which the next step settles; for ever when none is out.
    pub async fn until_answer(&mut self) {
        match self.calls.join_next().await {
            Some(done) => self.take(done),
            None => std::future::pending().await,
        }
    }

    /// Settles what came back without sending anything new.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drain(&mut self) -> Result<(), StoreError> {
        self.is_ending = true;
        self.step().await.map(drop)
    }

    /// Waits for the calls that are out and settles them, and what came back before; for the end of the process.
    ///
    /// # Errors
    /// When the store fails; what is not settled then is looked at after the next start.
    pub async fn end(&mut self) -> Result<(), StoreError> {
        while self.in_flight() > 0 || !self.back.is_empty() || !self.decided.is_empty() {
            if self.in_flight() > 0 {
                self.until_answer().await;
            }
            self.drain().await?;
        }
        Ok(())
    }

    /// Gives how long nothing may be sent, in microseconds: the sink is blocked, paused or broken.
    #[must_use]
    pub fn closed_us(&self) -> i64 {
        let blocked_us = self.blocked_until.as_micros() - self.hub.clock.now().as_micros();
        let broken_us = self.gauge.closed_us(self.hub.clock.monotonic_us());
        blocked_us.max(broken_us).max(0)
    }

    /// Gives the number of calls that are out.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.calls.len()
    }

    fn take(&mut self, done: Result<Back, JoinError>) {
        match done {
            Ok(Back::Sent(sent)) => self.back.push(*sent),
            Ok(Back::Looked(ended)) => self.looked = self.watch.ended(&self.hub, ended),
            // Its claim ends by itself; then `recover` makes the attempt uncertain.
            Err(error) => tracing::error!(sink.id = %self.sink, %error, "an attempt failed on our side"),
        }
    }

    /// Tells whether the sink may be called; after a block its structure is read anew first, and before the first delivery
    /// the numbers that stand there.
    async fn is_open(&mut self, sink: &SinkConnection) -> Result<bool, StoreError> {
        if self.is_ending || self.hub.clock.now() < self.blocked_until {
            return Ok(false);
        }
        if self.is_reconnect_due {
            if let Err(error) = sink.sink.connect(&sink.cx).await {
                self.unconnected(error);
                return Ok(false);
            }
            self.is_reconnect_due = false;
            if std::mem::take(&mut self.is_unconnected) {
                self.blocks = 0;
                self.hub.note_well(self.sink).await;
            }
            self.hear_places(sink).await;
        }
        Ok(self.is_looked || self.look(sink).await?)
    }

    /// Lets nothing wait any more for what `schakel setup` does, once that ran.
    fn hear_setup(&mut self, sink: &SinkConnection) {
        let prepared = Some(sink.prepared.get());
        if prepared == self.prepared {
            return;
        }
        if std::mem::replace(&mut self.prepared, prepared).is_some() {
            self.places.look_at_once();
            self.blocked_until = Timestamp::ZERO;
        }
    }

    /// Learns for what the sink has no place; returns whether anything was let go that has one again.
    async fn look_for_places(&mut self, sink: &SinkConnection) -> Result<bool, StoreError> {
        let now = self.hub.clock.now();
        if self.places.is_unknown() {
            self.hear_places(sink).await;
        } else if self.places.is_look_due(now) {
            match sink.sink.connect(&sink.cx).await {
                Ok(()) => self.hear_places(sink).await,
                // Deliveries find out what ails it.
                Err(_) => self.places.looked(now),
            }
        }
        if !self.places.is_release_due() {
            return Ok(false);
        }
        let unplaced = self.places.unplaced();
        let (tenant, store) = (self.hub.tenant, &self.hub.store);
        let is_placed = store.let_place(tenant, self.sink, unplaced).await?;
        self.places.released(is_placed);
        Ok(is_placed)
    }

    async fn hear_places(&mut self, sink: &SinkConnection) {
        if self.places.hear(sink.sink.as_ref(), self.hub.clock.now()) {
            self.hub.note_places(self.sink, self.places.ailing()).await;
        }
    }

    /// Looks whether numbers stand in the sink that this database did not give; returns whether it is free of them.
    async fn look(&mut self, sink: &SinkConnection) -> Result<bool, StoreError> {
        let looked = guard::look(&self.place(sink), sink.sink.as_ref(), &sink.cx).await;
        let looked = match looked {
            Ok(None) => newcomers::start(&self.hub, sink).await.map(|started| {
                self.watch.started(started);
                None
            }),
            other => other,
        };
        let now = self.hub.clock.now();
        match looked {
            Ok(found) => {
                self.hub.looks.note(self.sink, found);
                self.hub.wake.inbox.notify_one();
                self.is_looked = found.is_none();
                match found {
                    Some(strange) => self.block(now, &strange.into()),
                    None => self.hub.note_well(self.sink).await,
                }
            }
            Err(LookError::Store(error)) => return Err(error),
            Err(LookError::Sink(error)) => {
                self.looks_failed = self.looks_failed.saturating_add(1);
                let wait_ms = connect_wait_ms(&error, self.looks_failed, self.hub.dice.roll());
                self.blocked_until = now.plus_ms(wait_ms);
                self.ailing = Some((error, self.blocked_until));
            }
        }
        Ok(self.is_looked)
    }

    /// Writes down at the first delivery of this process which place is filled.
    async fn note_filled(&mut self, sink: &SinkConnection, settles: &[Settle]) -> Result<(), StoreError> {
        let is_confirmed = |settle: &Settle| matches!(settle.outcome, Outcome::Confirmed { .. });
        if self.is_filled_noted || !settles.iter().any(is_confirmed) {
            return Ok(());
        }
        match guard::note_filled(&self.place(sink), sink.sink.as_ref(), &sink.cx).await {
            Ok(()) => self.is_filled_noted = true,
            Err(LookError::Store(error)) => return Err(error),
            Err(LookError::Sink(error)) => {
                tracing::debug!(%error, "which place is filled is not written down yet");
            }
        }
        Ok(())
    }

    fn place<'a>(&'a self, sink: &'a SinkConnection) -> Place<'a> {
        Place {
            store: &self.hub.store,
            tenant: self.hub.tenant,
            name: &sink.name,
            id: Some(sink.id),
        }
    }

    /// Looks now and then who was put back in the sink by hand; it takes the place of one call.
    fn look_for_newcomers(&mut self, is_open: bool) {
        if !is_open || !self.gauge.is_open(self.hub.clock.monotonic_us()) {
            return;
        }
        if let Some(how) = self.watch.begin(self.hub.clock.now()) {
            let (hub, sink) = (self.hub.clone(), self.sink);
            self.calls
                .spawn(async move { Back::Looked(newcomers::step(&hub, sink, how).await) });
        }
    }

    fn claim(&self, sink: &SinkConnection, is_open: bool) -> Option<Claim> {
        let now = self.hub.clock.now();
        let room = self
            .aimd
            .limit()
            .saturating_sub(self.calls.len())
            .min(limits::CLAIM_BATCH)
            .min(self.gauge.room(self.calls.len(), self.hub.clock.monotonic_us()));
        (room > 0 && is_open).then(|| Claim {
            tenant: self.hub.tenant,
            sink: self.sink,
            limit: room,
            now,
            owner: self.hub.worker.clone(),
            lease_until: now.plus_ms(sink.attempt_ms + LEASE_MARGIN_MS),
            unplaced: self.places.unplaced().to_vec(),
        })
    }

    fn send(&mut self, claimed: Vec<Claimed>) {
        for one in claimed {
            let hub = self.hub.clone();
            let sink = self.sink;
            let in_flight = self.calls.len() + 1;
            self.calls
                .spawn(async move { Back::Sent(Box::new(send::send(&hub, sink, one, in_flight).await)) });
        }
    }
}
