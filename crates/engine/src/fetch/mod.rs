//! Fetch: what is wanted from a source becomes an inbox event (T4).
//!
//! Invariants: an answer is stored word for word and gets the next ordinal of its connection; a wish that comes
//! while a fetch is running makes another fetch (I4); one 404 is no deletion, and everything else that is no 200 is
//! tried again and never taken for one; what an answer is worth is decided by what was known before the call.

mod call;
mod ends;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use schakel_core::connector::{Class, ConnectorError, Fetched};
use schakel_core::delivery::{Breaker, Flow, Signal};
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::health::Ailment;
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::record::{Asked, Held, RecordKey, RecordKind, Worth, judge};
use schakel_core::time::Timestamp;
use schakel_store::{AfterFetch, ClaimedFetch, FetchRow, Hold, StoreError};
use tokio::task::{JoinError, JoinSet};

use self::call::{Answer, Question};
use self::ends::Ends;
use crate::admit::admit;
use crate::health::SPENT_TOLD_US;
use crate::hub::{Hub, SourceConnection};
use crate::normalise::stream_of;

/// How long a claim on a fetch holds, in milliseconds; longer than any call takes.
const CLAIM_MS: i64 = 120_000;
/// The reasons of wishes for what is missing only.
const MISSED: [&str; 4] = ["customer", "product", "quote", "variant"];
/// Wait after refused credentials or a refused section, in milliseconds.
const REFUSED_WAIT_MS: i64 = 5 * 60_000;

/// The fetch loop of one source; run one per source and worker.
pub struct Loop {
    hub: Arc<Hub>,
    connection: ConnectionId,
    /// Where a check of the source itself is about no thing.
    breaker: Breaker<Option<RecordKey>>,
    /// When the source last answered a question with what was asked for.
    alive_at: Timestamp,
    /// How the source's own check ended in this step; one is enough for all that it misses.
    checked: Option<Result<(), ConnectorError>>,
    /// The epoch of the source's lease in which what others had claimed was freed.
    freed: Option<i64>,
    /// The calls that are out. Tasks of their own: a call writes its budget down, which must go on while we wait for the
    /// store.
    calls: JoinSet<Answer>,
    /// What came back and is not weighed yet.
    back: Vec<Answer>,
    /// What came to an end and is not stored yet.
    ends: Ends,
    /// Everything that is out or not stored yet, with the end of its claim.
    open: BTreeMap<RecordKey, Timestamp>,
    /// Whether the store may hold claims of ours of which we know nothing.
    is_doubted: bool,
}

impl Loop {
    /// Makes the loop of the source `connection`.
    #[must_use]
    pub fn new(hub: Arc<Hub>, connection: ConnectionId) -> Self {
        Self {
            hub,
            connection,
            breaker: Breaker::default(),
            alive_at: Timestamp::ZERO,
            checked: None,
            freed: None,
            calls: JoinSet::new(),
            back: Vec::new(),
            ends: Ends::default(),
            open: BTreeMap::new(),
            // A loop before this one may have failed.
            is_doubted: true,
        }
    }

    /// Stores what came back and asks for what is wanted and due, at most as many things at once as the connection and
    /// its health allow; returns how many were taken up. [`Loop::until_answer`] lets them go on.
    ///
    /// # Errors
    /// When the store fails: what came back is kept and stored by the next step.
    pub async fn step(&mut self) -> Result<usize, StoreError> {
        let hub = self.hub.clone();
        let Some(source) = hub.sources.get(&self.connection) else {
            return Ok(0);
        };
        let stepped = async {
            self.store_answers(source).await?;
            let (claimed, until) = self.claim(source).await?;
            let tried = claimed.len();
            self.begin(claimed, until).await?;
            self.store_ends().await?;
            Ok(tried)
        };
        let stepped = stepped.await;
        // The claim may have been committed although its answer was lost, or what it needs could not be read.
        self.is_doubted |= stepped.is_err();
        stepped
    }

    /// Waits until a call comes back, which the next step stores; for ever when none is out.
    pub async fn until_answer(&mut self) {
        match self.calls.join_next().await {
            Some(done) => self.take(done),
            None => std::future::pending().await,
        }
    }

    /// Waits for the calls that are out and stores what each said as it comes, without asking for more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(&mut self) -> Result<(), StoreError> {
        let hub = self.hub.clone();
        let Some(source) = hub.sources.get(&self.connection) else {
            return Ok(());
        };
        let mut stored = self.store_answers(source).await;
        while let Some(done) = self.calls.join_next().await {
            self.take(done);
            // What could not be stored is stored with the next.
            stored = self.store_answers(source).await;
        }
        stored
    }

    fn take(&mut self, done: Result<Answer, JoinError>) {
        match done {
            Ok(answer) => {
                self.notice(&answer);
                self.back.push(answer);
            }
            // Its claim ends by itself.
            Err(error) => {
                tracing::error!(connection = self.hub.name_of(self.connection), %error, "a fetch failed on our side");
            }
        }
    }

    /// Decides what becomes of what came back by now, and stores that.
    async fn store_answers(&mut self, source: &SourceConnection) -> Result<(), StoreError> {
        while let Some(done) = self.calls.try_join_next() {
            self.take(done);
        }
        let back = std::mem::take(&mut self.back);
        if !back.is_empty() {
            self.tell_health(&back).await;
            self.checked = None;
        }
        for answer in back {
            self.decide(source, answer).await;
        }
        self.store_ends().await
    }

    async fn decide(&mut self, source: &SourceConnection, Answer { question, result }: Answer) {
        let end = match result {
            Ok(fetched) => self.weigh(source, &question, fetched).await,
            Err(error) => Err(error),
        };
        let (row, until) = (question.claimed.row, question.until);
        match end {
            Ok((after, event)) => self.ends.done(row, until, after, event),
            Err(ConnectorError::Unsupported(why)) => {
                tracing::error!(
                    connection = self.hub.name_of(self.connection),
                    kind = row.key.kind.as_str(),
                    why,
                    "the source does not offer this, it is not asked for again"
                );
                self.ends.done(row, until, AfterFetch::Done, None);
            }
            Err(error) => self.ends.again(&self.hub, row, until, &error),
        }
    }

    async fn store_ends(&mut self) -> Result<(), StoreError> {
        let stored = self.ends.store(&self.hub).await;
        for key in self.ends.stored() {
            self.open.remove(&key);
        }
        stored
    }

    /// Asks for what was claimed until `until`.
    async fn begin(&mut self, claimed: Vec<ClaimedFetch>, until: Timestamp) -> Result<(), StoreError> {
        if claimed.is_empty() {
            return self.tell_spent().await;
        }
        let hub = self.hub.clone();
        // Before the calls begin: an answer is newer than all that is known now.
        let mut held = held(&hub, &claimed).await?;
        let mut questions = Vec::with_capacity(claimed.len());
        for one in claimed {
            let held = held.remove(&one.row.key);
            if held.is_some() && is_missed_only(&one.row) {
                self.open.insert(one.row.key, until);
                self.ends.done(one.row, until, AfterFetch::Done, None);
            } else {
                questions.push(Question::new(&hub, one, until, held).await?);
            }
        }
        for question in questions {
            self.open.insert(question.claimed.row.key, until);
            self.calls.spawn(question.ask(hub.clone()));
        }
        Ok(())
    }

    /// Frees what an answer of the store that was lost gave us, and lets others have nothing that we still ask for.
    async fn free(&mut self) -> Result<(), StoreError> {
        let hub = &self.hub;
        let now = hub.clock.now();
        self.open.retain(|_, until| *until > now);
        let running: Vec<RecordKey> = self.open.keys().copied().collect();
        let freed = hub
            .store
            .free_fetches(hub.tenant, self.connection, &hub.worker, &running)
            .await?;
        self.is_doubted = false;
        if freed > 0 {
            tracing::debug!(
                connection = self.hub.name_of(self.connection),
                freed,
                "claims of which nothing was known are free again"
            );
        }
        Ok(())
    }

    /// Claims what there is room for; returns it with the end of the claim.
    async fn claim(
        &mut self,
        source: &SourceConnection,
    ) -> Result<(Vec<ClaimedFetch>, Timestamp), StoreError> {
        if self.is_doubted {
            self.free().await?;
        }
        let hub = self.hub.clone();
        let hub = hub.as_ref();
        let (out, mut claimed) = (self.calls.len(), Vec::new());
        let hold = Hold {
            owner: hub.worker.clone(),
            until: hub.clock.now().plus_ms(CLAIM_MS),
        };
        let room = self.breaker.room(out, hub.clock.monotonic_us());
        let room = room.min(source.fetches.saturating_sub(out));
        // Looked at first: while the shop is left alone nobody needs its budget.
        if room == 0 || !source.ledger.hold().await? {
            return Ok((claimed, hold.until));
        }
        let epoch = source.ledger.epoch();
        if epoch.is_some() && self.freed != epoch {
            // Who had the source before us may be dead. A fetch changes nothing outside, so what it left is asked for now.
            hub.store
                .recover_fetches(hub.tenant, self.connection, &hub.worker)
                .await?;
            self.freed = epoch;
        }
        // Nothing is asked of another shop; what is wanted waits, however long.
        if admit(hub, source).await.is_err() {
            return Ok((claimed, hold.until));
        }
        // Live wishes first, with their own room; then whatever the rooms of the others leave.
        for class in [Class::Live, Class::Sweep, Class::Backfill] {
            // An order costs two calls; one that is begun shall also be ended, and so shall those that are out.
            let calls = usize::try_from(source.ledger.room(class) / 2).unwrap_or(usize::MAX);
            let room = room.min(calls.saturating_sub(out)).saturating_sub(claimed.len());
            if room == 0 {
                break;
            }
            let now = hub.clock.now();
            let store = &hub.store;
            claimed.extend(
                store
                    .claim_fetches(hub.tenant, self.connection, now, (class, room), &hold)
                    .await?,
            );
        }
        Ok((claimed, hold.until))
    }

    /// How long there is no room for a call of this loop, in microseconds; 0 when it is not the budget that it waits
    /// for.
    #[must_use]
    pub fn wait_us(&self) -> i64 {
        let source = self.hub.sources.get(&self.connection);
        source.map_or(0, |source| source.ledger.wait_us(Class::Live))
    }

    /// Lets an answer move the health of the connection.
    fn notice(&mut self, Answer { question, result }: &Answer) {
        let now_us = self.hub.clock.monotonic_us();
        if result.as_ref().is_ok_and(|fetched| fetched.status == 200) {
            self.alive_at = self.hub.clock.now();
        }
        let signal = match result {
            Err(ConnectorError::Unauthorised(_)) => Some(Signal::Failed),
            // The budget holds the next calls back already, and knows until when.
            Err(ConnectorError::RateLimited { .. }) if self.wait_us() > 0 => None,
            other => Signal::of(other),
        };
        if let Some(signal) = signal {
            let about = Some(question.claimed.row.key);
            let roll = self.hub.dice.roll();
            self.breaker
                .answered(signal, about, question.started_us, now_us, roll);
        }
        if signal.is_some() && self.breaker.flow(now_us) == Flow::Paused {
            tracing::warn!(
                connection = self.hub.name_of(self.connection),
                "the source asks for a pause and gets one"
            );
        }
    }

    /// Writes down that the source refuses the key or was left alone, or that it works.
    async fn tell_health(&mut self, answers: &[Answer]) {
        let hub = &self.hub;
        let errors = || answers.iter().filter_map(|answer| answer.result.as_ref().err());
        let now_us = hub.clock.monotonic_us();
        let refused = errors().find(|error| Ailment::of(error).is_of_access());
        if let Some(error) = refused {
            let wait_ms = REFUSED_WAIT_MS.max(self.breaker.closed_us(now_us) / 1000);
            hub.note_ill(self.connection, error, hub.clock.now().plus_ms(wait_ms))
                .await;
        } else if answers.iter().any(|answer| answer.result.is_ok()) {
            hub.note_well(self.connection).await;
        } else if self.breaker.flow(now_us) == Flow::Broken
            && let Some(error) = errors().last()
        {
            let next_at = hub.clock.now().plus_ms(self.breaker.closed_us(now_us) / 1000);
            hub.note_ill(self.connection, error, next_at).await;
        }
    }

    /// Writes down that the calls of the shop are used up for longer than anybody expects, while things wait to be fetched:
    /// what a webhook refers to comes late then.
    async fn tell_spent(&self) -> Result<(), StoreError> {
        let (hub, wait_us) = (&self.hub, self.wait_us());
        if wait_us < SPENT_TOLD_US {
            return Ok(());
        }
        let next_at = hub.clock.now().plus_ms(wait_us / 1_000);
        // What was throttled is put off until there is room again; a second for what both times leave out.
        let (tenant, until) = (hub.tenant, next_at.plus_ms(1_000));
        let has_due = hub
            .store
            .has_due_fetch(tenant, self.connection, until, Class::Live);
        if !has_due.await? {
            return Ok(());
        }
        hub.note_spent(self.connection, wait_us).await;
        Ok(())
    }

    /// Decides what an answer is worth and what follows.
    async fn weigh(
        &mut self,
        source: &SourceConnection,
        question: &Question,
        fetched: Fetched,
    ) -> Result<(AfterFetch, Option<Event>), ConnectorError> {
        let now = self.hub.clock.now();
        let (claimed, held) = (&question.claimed, question.held.as_ref());
        let row = &claimed.row;
        let asked = Asked {
            kind: row.key.kind,
            held,
            is_told: row.reason == "deleted",
            missing_since: claimed.missing_since,
            doubts: claimed.doubts,
            now,
        };
        let date = fetched.at;
        let mut event = event(&self.hub, question, fetched, now);
        if event.status == 200 && row.key.kind == RecordKind::Groups {
            // They have no time of their own, and are compared with whole seconds: as old as the question.
            event.floor = question.asked_at.plus_ms(-1_000);
        }
        let said = (event.status == 200).then(|| said_at(source, &event, row.key));
        let (floor, after) = match judge(&asked, said, date) {
            Worth::Counts { floor } => (floor, AfterFetch::Done),
            Worth::CountsWithSignOfLife { floor } => {
                self.sign_of_life(source, claimed.missing_since).await?;
                (floor, AfterFetch::Done)
            }
            Worth::Doubtful { floor, again_at } => (floor, AfterFetch::Doubted { again_at }),
            Worth::Unbelieved { again_at } => {
                let since = claimed.missing_since.filter(|first| *first <= now).unwrap_or(now);
                return Ok((AfterFetch::Missing { since, again_at }, None));
            }
        };
        event.floor = event.floor.max(floor);
        Ok((after, Some(event)))
    }

    /// Makes sure that the source answered something since the first 404: a shop that has nothing at all is not one
    /// whose things were all deleted.
    async fn sign_of_life(
        &mut self,
        source: &SourceConnection,
        missing_since: Option<Timestamp>,
    ) -> Result<(), ConnectorError> {
        if missing_since.is_some_and(|since| self.alive_at > since) {
            return Ok(());
        }
        if let Some(checked) = &self.checked {
            return checked.clone();
        }
        let started_us = self.hub.clock.monotonic_us();
        let checked = check(source).await;
        if let Some(signal) = Signal::of(&checked) {
            let now_us = self.hub.clock.monotonic_us();
            self.breaker
                .answered(signal, None, started_us, now_us, self.hub.dice.roll());
        }
        if checked.is_ok() {
            self.alive_at = self.hub.clock.now();
        }
        self.checked = Some(checked.clone());
        checked
    }
}

/// Lets the source check itself; an error unless all is well.
async fn check(source: &SourceConnection) -> Result<(), ConnectorError> {
    let report = source.source.check(&source.cx).await?;
    if report.is_good() {
        return Ok(());
    }
    let why = "it finds nothing and does not pass its check".to_owned();
    Err(ConnectorError::Unavailable(why))
}

async fn held(hub: &Hub, claimed: &[ClaimedFetch]) -> Result<BTreeMap<RecordKey, Held>, StoreError> {
    let keys: Vec<RecordKey> = claimed.iter().map(|claimed| claimed.row.key).collect();
    let rows = hub.store.read_records(hub.tenant, &keys).await?;
    Ok(rows.into_iter().map(|row| (row.held.key, row.held)).collect())
}

/// Tells whether a thing was wanted only because nothing was known of it; it may have come meanwhile, with a list or a
/// webhook.
fn is_missed_only(row: &FetchRow) -> bool {
    MISSED.contains(&row.reason.as_str()) && row.wanted == 0
}

/// Gives the time that an answer's content bears; what can't be read is set aside by apply, so it counts as new.
fn said_at(source: &SourceConnection, event: &Event, key: RecordKey) -> Timestamp {
    let normalised = catch_unwind(AssertUnwindSafe(|| source.source.normalise(event))).unwrap_or_default();
    let own = normalised.records.iter().find(|record| record.key == key);
    own.map_or(event.received_at, |record| record.version.at)
}

/// Makes the event of an answer; its floor is set when its worth is known.
fn event(hub: &Hub, question: &Question, fetched: Fetched, now: Timestamp) -> Event {
    let row = &question.claimed.row;
    Event {
        id: EventId(hub.new_id()),
        tenant: hub.tenant,
        connection: row.key.connection,
        origin: Origin::Fetch,
        class: row.class,
        trust: Trust::Payload,
        stream: stream_of(row.key.kind).to_owned(),
        kind: Some(row.key.kind),
        action: if fetched.status == 404 {
            Action::Deleted
        } else {
            Action::Updated
        },
        remote_id: row.key.remote_id,
        // The store gives the next number of the connection, in the transaction that stores the event.
        ordinal: 0,
        status: fetched.status,
        floor: Timestamp::ZERO,
        received_at: now,
        asked_at: Some(question.words_at),
        headers: "{}".to_owned(),
        body: fetched.body,
    }
}
