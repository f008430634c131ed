//! Fetch: what is wanted from a source becomes an inbox event (T4).
//!
//! Invariants: an answer is stored word for word and gets the next ordinal of its connection; a wish that comes
//! while a fetch is running makes another fetch (I4); one 404 is no deletion, and everything else that is no 200 is
//! tried again and never taken for one; what an answer is worth is decided by what was known before the call.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use schakel_core::connector::{Class, ConnectorError, Fetched, Part};
use schakel_core::delivery::{Breaker, Flow, Signal, retry_wait_ms};
use schakel_core::event::{Action, Event, Origin, Trust};
use schakel_core::health::Ailment;
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::record::{Asked, Held, RecordKey, RecordKind, Worth, judge};
use schakel_core::time::Timestamp;
use schakel_store::{AfterFetch, ClaimedFetch, FetchRow, Hold, StoreError};

use crate::admit::admit;
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
}

/// What became of one fetch: its row goes this way, with this event.
type Ended = (FetchRow, AfterFetch, Option<Event>);

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
        }
    }

    /// Fetches what is wanted and due, at most as many things at once as the connection and its health allow; returns
    /// how many were tried.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn step(&mut self) -> Result<usize, StoreError> {
        let hub = self.hub.clone();
        let Some(source) = hub.sources.get(&self.connection) else {
            return Ok(0);
        };
        let hold = Hold {
            owner: hub.worker.clone(),
            until: hub.clock.now().plus_ms(CLAIM_MS),
        };
        let claimed = self.claim(source, &hold).await?;
        if claimed.is_empty() {
            return Ok(0);
        }
        let tried = claimed.len();
        // Before the calls begin: an answer is newer than all that is known now.
        let held = held(&hub, &claimed).await?;
        self.checked = None;
        let (asked_at, started_us) = (hub.clock.now(), hub.clock.monotonic_us());
        let (claimed, known): (Vec<_>, Vec<_>) =
            claimed.into_iter().partition(|one| !is_known(&one.row, &held));
        let mut ended: Vec<Ended> = known
            .into_iter()
            .map(|one| (one.row, AfterFetch::Done, None))
            .collect();
        let mut asked = Vec::new();
        for one in claimed {
            let beside = beside(&hub, one.row.key);
            let said = said(&hub, &one.row, held.get(&one.row.key)).await?;
            asked.push(fetch_one(source, one, (beside, said)));
        }
        let answers = join_all(asked).await;
        self.notice(started_us, &answers);
        self.tell_health(&answers).await;
        for (claimed, answer) in answers {
            let known = held.get(&claimed.row.key);
            let end = match answer {
                Ok(fetched) => self.weigh(source, &claimed, asked_at, fetched, known).await,
                Err(error) => Err(error),
            };
            match end {
                Ok(end) => ended.push(end),
                Err(ConnectorError::Unsupported(why)) => {
                    tracing::error!(
                        connection.id = %self.connection, kind = claimed.row.key.kind.as_str(), why,
                        "the source does not offer this, it is not asked for again"
                    );
                    ended.push((claimed.row, AfterFetch::Done, None));
                }
                Err(error) => again(&hub, &hold, &claimed.row, &error).await?,
            }
        }
        hub.store
            .finish_fetches(hub.tenant, &hold, ended, hub.clock.now())
            .await?;
        hub.wake.inbox.notify_one();
        Ok(tried)
    }

    async fn claim(
        &mut self,
        source: &SourceConnection,
        hold: &Hold,
    ) -> Result<Vec<ClaimedFetch>, StoreError> {
        let hub = self.hub.clone();
        let hub = hub.as_ref();
        let room = self.breaker.room(0, hub.clock.monotonic_us()).min(source.fetches);
        // Looked at first: while the shop is left alone nobody needs its budget.
        if room == 0 || !source.ledger.hold().await? {
            return Ok(Vec::new());
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
            return Ok(Vec::new());
        }
        let mut claimed = Vec::new();
        // Live wishes first, with their own room; then whatever the rooms of the others leave.
        for class in [Class::Live, Class::Sweep, Class::Backfill] {
            // An order costs two calls; one that is begun shall also be ended.
            let calls = usize::try_from(source.ledger.room(class) / 2).unwrap_or(usize::MAX);
            let room = room.min(calls).saturating_sub(claimed.len());
            if room == 0 {
                break;
            }
            let now = hub.clock.now();
            let store = &hub.store;
            claimed.extend(
                store
                    .claim_fetches(hub.tenant, self.connection, now, (class, room), hold)
                    .await?,
            );
        }
        Ok(claimed)
    }

    /// How long there is no room for a call of this loop, in microseconds; 0 when it is not the budget that it waits
    /// for.
    #[must_use]
    pub fn wait_us(&self) -> i64 {
        let source = self.hub.sources.get(&self.connection);
        source.map_or(0, |source| source.ledger.wait_us(Class::Live))
    }

    /// Lets the answers of one round move the health of the connection.
    fn notice(&mut self, started_us: i64, answers: &[(ClaimedFetch, Result<Fetched, ConnectorError>)]) {
        let now_us = self.hub.clock.monotonic_us();
        let is_spent = self.wait_us() > 0;
        for (claimed, answer) in answers {
            if answer.as_ref().is_ok_and(|fetched| fetched.status == 200) {
                self.alive_at = self.hub.clock.now();
            }
            let signal = match answer {
                Err(ConnectorError::Unauthorised(_)) => Some(Signal::Failed),
                // The budget holds the next calls back already, and knows until when.
                Err(ConnectorError::RateLimited { .. }) if is_spent => None,
                other => Signal::of(other),
            };
            if let Some(signal) = signal {
                let about = Some(claimed.row.key);
                self.breaker
                    .answered(signal, about, started_us, now_us, self.hub.dice.roll());
            }
        }
        if self.breaker.flow(now_us) == Flow::Paused {
            tracing::warn!(connection.id = %self.connection, "the source asks for a pause and gets one");
        }
    }

    /// Writes down that the source refuses the key or was left alone, or that it works.
    async fn tell_health(&self, answers: &[(ClaimedFetch, Result<Fetched, ConnectorError>)]) {
        let hub = &self.hub;
        let errors = || answers.iter().filter_map(|(_, answer)| answer.as_ref().err());
        let now_us = hub.clock.monotonic_us();
        let refused = errors().find(|error| Ailment::of(error).is_of_access());
        if let Some(error) = refused {
            let wait_ms = REFUSED_WAIT_MS.max(self.breaker.closed_us(now_us) / 1000);
            hub.note_ill(self.connection, error, hub.clock.now().plus_ms(wait_ms))
                .await;
        } else if answers.iter().any(|(_, answer)| answer.is_ok()) {
            hub.note_well(self.connection).await;
        } else if self.breaker.flow(now_us) == Flow::Broken
            && let Some(error) = errors().last()
        {
            let next_at = hub.clock.now().plus_ms(self.breaker.closed_us(now_us) / 1000);
            hub.note_ill(self.connection, error, next_at).await;
        }
    }

    /// Decides what an answer is worth and what follows.
    async fn weigh(
        &mut self,
        source: &SourceConnection,
        claimed: &ClaimedFetch,
        asked_at: Timestamp,
        fetched: Fetched,
        held: Option<&Held>,
    ) -> Result<Ended, ConnectorError> {
        let now = self.hub.clock.now();
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
        let mut event = event(&self.hub, row, fetched, now);
        if event.status == 200 && row.key.kind == RecordKind::Groups {
            // They have no time of their own, and are compared with whole seconds: as old as the question.
            event.floor = asked_at.plus_ms(-1_000);
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
                return Ok((row.clone(), AfterFetch::Missing { since, again_at }, None));
            }
        };
        event.floor = event.floor.max(floor);
        Ok((row.clone(), after, Some(event)))
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

/// Tells whether a thing was wanted only because nothing was known of it, and came meanwhile: with a list or a webhook.
fn is_known(row: &FetchRow, held: &BTreeMap<RecordKey, Held>) -> bool {
    MISSED.contains(&row.reason.as_str()) && row.wanted == 0 && held.contains_key(&row.key)
}

/// Gives what is read beside a thing: the rows of a cart, where a route delivers them.
fn beside(hub: &Hub, key: RecordKey) -> Option<Part> {
    let has_rows = hub.routes_from(key.connection).any(|route| route.has_quote_rows);
    (key.kind == RecordKind::Quote && has_rows).then_some(Part::QuoteRows)
}

/// Gives what a payload said of a cart of which only the rows are wanted; `None` when it is to be fetched as a whole.
async fn said(hub: &Hub, row: &FetchRow, held: Option<&Held>) -> Result<Option<Bytes>, StoreError> {
    let live = held.filter(|held| row.reason == "rows" && !held.is_deleted());
    match live.and_then(|held| held.live.as_ref()) {
        Some((_, event, _)) => hub.body_of(*event).await,
        None => Ok(None),
    }
}

async fn read(
    source: &SourceConnection,
    row: &FetchRow,
    (beside, said): (Option<Part>, Option<&Bytes>),
) -> Result<Fetched, ConnectorError> {
    let class = if row.attempts > 0 {
        row.class.max(Class::Retry)
    } else {
        row.class
    };
    let (cx, key) = (&source.cx.for_class(class), row.key);
    let id = key.remote_id;
    if let (Some(part), Some(said)) = (beside, said) {
        let rows = source.source.rows(cx, part, id).await?;
        let whole = Some(said).filter(|_| rows.status == 200);
        if let Some(body) = whole.and_then(|said| source.source.with_rows(part, said, &rows.body)) {
            return Ok(Fetched { body, ..rows });
        }
    }
    let fetched = source.source.fetch(cx, key.kind, id).await?;
    let Some(part) = beside.filter(|_| fetched.status == 200) else {
        return Ok(fetched);
    };
    let rows = source.source.rows(cx, part, id).await?;
    if rows.status != 200 {
        // The thing was there a moment ago: it went just now, or this 404 is one of the passing ones.
        return Err(ConnectorError::Unavailable("its rows are not there".to_owned()));
    }
    let body = source.source.with_rows(part, &fetched.body, &rows.body);
    let body = body.ok_or_else(|| ConnectorError::Malformed("the answer holds no rows".to_owned()))?;
    Ok(Fetched { body, ..fetched })
}

async fn fetch_one(
    source: &SourceConnection,
    claimed: ClaimedFetch,
    (beside, said): (Option<Part>, Option<Bytes>),
) -> (ClaimedFetch, Result<Fetched, ConnectorError>) {
    let call = read(source, &claimed.row, (beside, said.as_ref()));
    // One that fails on our side must not take along those that are out with it.
    let answer = AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
        let why = "reading the answer failed on our side".to_owned();
        Err(ConnectorError::Malformed(why))
    });
    (claimed, answer)
}

/// Gives the time that an answer's content bears; what can't be read is set aside by apply, so it counts as new.
fn said_at(source: &SourceConnection, event: &Event, key: RecordKey) -> Timestamp {
    let normalised = catch_unwind(AssertUnwindSafe(|| source.source.normalise(event))).unwrap_or_default();
    let own = normalised.records.iter().find(|record| record.key == key);
    own.map_or(event.received_at, |record| record.version.at)
}

/// Makes the event of an answer; its floor is set when its worth is known.
fn event(hub: &Hub, row: &FetchRow, fetched: Fetched, now: Timestamp) -> Event {
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
        headers: "{}".to_owned(),
        body: fetched.body,
    }
}

async fn again(hub: &Hub, hold: &Hold, row: &FetchRow, error: &ConnectorError) -> Result<(), StoreError> {
    // The long backoff, also for what may ail the whole shop: one record that always fails must not eat the calls of a
    // day.
    let backoff = retry_wait_ms(row.attempts + 1, hub.dice.roll());
    if let ConnectorError::RateLimited {
        retry_after_ms: Some(wait_ms),
    } = error
    {
        // Nothing was wrong with it: it goes when there is room again.
        let due_at = hub.clock.now().plus_ms(*wait_ms);
        tracing::debug!(connection.id = %row.key.connection, kind = row.key.kind.as_str(), wait_ms, %error, "fetch put off");
        return hub.store.postpone_fetch(hub.tenant, hold, row, due_at).await;
    }
    let wait_ms = match error {
        ConnectorError::Unauthorised(_) | ConnectorError::Rejected(_) => backoff.max(REFUSED_WAIT_MS),
        _ => backoff,
    };
    tracing::warn!(
        connection.id = %row.key.connection, kind = row.key.kind.as_str(), wait_ms, %error,
        "fetch failed, next attempt in {wait_ms} ms"
    );
    hub.store
        .retry_fetch(
            hub.tenant,
            hold,
            row,
            hub.clock.now().plus_ms(wait_ms),
            &error.to_string(),
        )
        .await
}
