//! Watch: notices that webhooks stay away, mends their registrations, and has the gap read (F8).
//!
//! It stands outside the webhook handler, since one that is never called can't notice that. Three signs count: a
//! registration that is missing or switched off, silence where the source is usually heard
//! (`schakel_core::rhythm`), and a time in which no hub watched. Each has the sweep read exactly what changed since webhooks
//! last worked.

use std::sync::Arc;

use schakel_core::connector::{Class, ConnectorError, Part, Registration, Span};
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::rhythm::Watched;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, OVERLAP_MS, Phase, Walk, WalkState, compared, sweep_span};
use schakel_store::StoreError;

use crate::admit::admit;
use crate::hub::{Hub, SourceConnection};

/// How often the rhythm is noted, in microseconds.
const TICK_US: i64 = 60_000_000;

/// How often it is looked whether the first webhook came, in microseconds.
const FIRST_US: i64 = 5_000_000;

/// How often registrations are looked at although nothing is suspicious, in microseconds: an hour, so 24 calls a day.
const LOOK_US: i64 = 3_600_000_000;

/// How long after a look that failed the next one is made, in microseconds.
const LOOK_AGAIN_US: i64 = 600_000_000;

/// Calls that a look may cost without a surprise: the list and some registrations.
const ROOM: u32 = 4;

/// How long after a reconciliation of a list began a gap begins no other, in milliseconds: it costs a call for 250 things, and
/// webhooks that fail all the time must not eat the calls of each day.
const COMPARE_AGAIN_MS: i64 = 24 * 3_600_000;

/// The watch over one source's webhooks.
pub struct Watch {
    hub: Arc<Hub>,
    connection: ConnectionId,
    /// When to look next, by the monotonic clock.
    look_us: Option<i64>,
    /// Looks in a row that failed.
    failures: u32,
}

/// Why the registrations could not be looked at.
enum Failure {
    /// The source did not say who it is.
    Unknown(ConnectorError),
    /// It did not show them, or refused a change.
    Refused(ConnectorError),
}

impl Failure {
    const fn error(&self) -> &ConnectorError {
        match self {
            Self::Unknown(error) | Self::Refused(error) => error,
        }
    }
}

/// What a look at the registrations showed.
struct Look {
    found: Registration,
    /// When they had been good before; `None` at the first look.
    was_good_at: Option<Timestamp>,
}

impl Watch {
    /// Makes the watch over the source `connection`.
    #[must_use]
    pub const fn new(hub: Arc<Hub>, connection: ConnectionId) -> Self {
        Self {
            hub,
            connection,
            look_us: None,
            failures: 0,
        }
    }

    /// Looks once; returns when to look again, in microseconds. Does nothing while another process holds the source.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn step(&mut self) -> Result<i64, StoreError> {
        let hub = self.hub.clone();
        let Some(source) = hub.sources.get(&self.connection) else {
            return Ok(i64::MAX);
        };
        if !source.ledger.hold().await? {
            return Ok(TICK_US);
        }
        let (store, tenant) = (&hub.store, hub.tenant);
        let now = hub.clock.now();
        let text = store
            .checkpoint(tenant, self.connection, Watched::CHECKPOINT)
            .await?;
        let before = Watched::read(text.as_deref());
        let mut watched = before.clone();
        watched.note_awake(now);
        watched.note(store.webhooks_received(tenant, self.connection).await?, now);
        if let Some(address) = source.hook_address.get() {
            self.watch((source, &address), &mut watched, now).await?;
            // A look that was made to wait is no time without a hub.
            watched.note_watched(hub.clock.now());
        } else {
            hub.note_webhooks_well(self.connection).await;
        }
        if watched != before {
            let mut tx = store.write().await?;
            tx.put_checkpoint(tenant, self.connection, Watched::CHECKPOINT, &watched.to_text())
                .await?;
            tx.commit().await?;
        }
        // Before the first webhook somebody may be looking whether it comes.
        Ok(if watched.heard_at.is_none() {
            FIRST_US
        } else {
            TICK_US
        })
    }

    /// Looks at the registrations when it is time or silence is suspicious, and has the gap read when there was one.
    async fn watch(
        &mut self,
        (source, address): (&SourceConnection, &str),
        watched: &mut Watched,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let missed = watched.unread_from;
        let is_silent = watched.is_silent(now);
        let now_us = self.hub.clock.monotonic_us();
        let is_time = self.look_us.is_none_or(|due| now_us >= due);
        let look = if is_silent || is_time {
            self.look(source, address, watched, now).await
        } else {
            None
        };
        let lost = look
            .as_ref()
            .filter(|look| look.found.created > 0)
            .and_then(|look| look.was_good_at);
        // Silence is no less suspicious when the registrations can't be looked at.
        let from = gap(watched, lost, is_silent).into_iter().chain(missed).min();
        let Some(from) = from else {
            return Ok(());
        };
        if is_silent {
            watched.suspected_at = Some(now);
            watched.suspicions += 1;
        }
        watched.gaps.note(from, now);
        let found = look.map(|look| look.found).unwrap_or_default();
        let walks = self.read_gap(source, from, now).await?;
        watched.unread_from = None;
        tell(source, &found, is_silent, (from, &walks));
        Ok(())
    }

    /// Puts the next look off, and writes down what ails the source: a key that is refused at once, an outage when the next
    /// look finds it too.
    async fn failed(&mut self, failure: &Failure, now_us: i64) {
        self.failures = self.failures.saturating_add(1);
        // A source that has not said who it is may have been down when the hub started: it is looked at soon after it came.
        let is_soon = self.failures == 1 || matches!(failure, Failure::Unknown(_));
        let wait_us = if is_soon { TICK_US } else { LOOK_AGAIN_US };
        self.look_us = Some(now_us + wait_us);
        let next_at = self.hub.clock.now().plus_ms(wait_us / 1000);
        // Who it is was asked by others too, and told.
        let Failure::Refused(error) = failure else { return };
        let ailment = Ailment::of(error);
        if ailment == Ailment::Busy || (ailment == Ailment::Unreachable && self.failures == 1) {
            return;
        }
        if ailment == Ailment::Unreachable || ailment.is_of_access() {
            self.hub.note_ill(self.connection, error, next_at).await;
        } else {
            self.hub.note_webhooks_ill(self.connection, error, next_at).await;
        }
    }

    /// Looks at the registrations and mends them; `None` when that failed.
    async fn look(
        &mut self,
        source: &SourceConnection,
        address: &str,
        watched: &mut Watched,
        now: Timestamp,
    ) -> Option<Look> {
        // The first look after a start is live: webhooks may just have been lost, and the shop's clock in the answer tells
        // a budget that was read from the store how old it is (docs/spec/budget.md).
        let class = if self.look_us.is_none() {
            Class::Live
        } else {
            Class::Sweep
        };
        if source.ledger.room(class) < ROOM {
            return None;
        }
        let now_us = self.hub.clock.monotonic_us();
        self.look_us = Some(now_us + LOOK_AGAIN_US);
        let cx = source.cx.for_class(class);
        let registered = match admit(&self.hub, source).await {
            Ok(()) => {
                let registered = source.source.register(&cx, address).await;
                registered.map_err(Failure::Refused)
            }
            Err(error) => Err(Failure::Unknown(error)),
        };
        let found = match registered {
            Ok(found) => found,
            Err(failure) => {
                let error = failure.error();
                tracing::warn!(connection = source.name, %error, "the registrations of webhooks could not be looked at");
                self.failed(&failure, now_us).await;
                return None;
            }
        };
        self.failures = 0;
        self.look_us = Some(now_us + LOOK_US);
        self.hub.note_well(self.connection).await;
        self.hub.note_webhooks_well(self.connection).await;
        let was_good_at = watched.good_at.replace(now);
        watched.since = watched.since.or(Some(now));
        if found.created + found.removed > 0 && was_good_at.is_some() {
            watched.mended += 1;
        }
        Some(Look { found, was_good_at })
    }

    /// Has the sweep read everything that changed since `from`, and the reconciliation find what was deleted; gives the walks
    /// that began. A sweep that is under way or did not come to its end goes back as far as it would have; one that a person
    /// halted stays so.
    async fn read_gap(
        &self,
        source: &SourceConnection,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Walk>, StoreError> {
        let hub = &self.hub;
        // Until nobody changes a walk between the look at it and its beginning.
        let walks = loop {
            let known = hub.store.walks(hub.tenant, Some(source.id)).await?;
            let parts = hub.parts_of(source);
            let mut walks = gap_walks((source, &parts), &known, from, now);
            walks.extend(compare_walks((source, &parts), &known, now));
            if hub.store.begin_walks_as_seen(hub.tenant, &walks, &known).await? {
                break walks;
            }
        };
        hub.wake.walk.notify_waiters();
        Ok(walks)
    }
}

/// Gives the reconciliations that find what was deleted in a gap: no list tells of that, only ids that are not listed any more.
/// They pay as sweeps do. Of a list that is compared by periods a deletion could not be told; one that is under way, was halted
/// or began within a day is left alone.
fn compare_walks((source, parts): (&SourceConnection, &[Part]), known: &[Walk], now: Timestamp) -> Vec<Walk> {
    let of = |job, part| known.iter().find(|walk| walk.job == job && walk.part == part);
    let is_due = |part: &Part| {
        let is_whole = of(Job::Backfill, *part)
            .and_then(compared)
            .is_some_and(|(_, span)| span == Span::default());
        let is_free = |last: &Walk| {
            let is_old = last.started_at > now || last.started_at.plus_ms(COMPARE_AGAIN_MS) <= now;
            is_old && !last.is_open() && last.state != WalkState::Paused && last.phase != Phase::Accept
        };
        Job::Reconcile.walks(*part) && is_whole && of(Job::Reconcile, *part).is_none_or(is_free)
    };
    let due = parts.iter().copied().filter(is_due);
    due.map(|part| Walk::new(source.id, Job::Reconcile, part, Span::default(), now))
        .collect()
}

/// Gives the sweeps that read a gap since `from`.
fn gap_walks(
    (source, parts): (&SourceConnection, &[Part]),
    known: &[Walk],
    from: Timestamp,
    now: Timestamp,
) -> Vec<Walk> {
    let mut walks = Vec::new();
    for part in parts.iter().filter(|part| Job::Sweep.walks(**part)) {
        let last = known
            .iter()
            .find(|walk| walk.job == Job::Sweep && walk.part == *part);
        if last.is_some_and(|last| last.state == WalkState::Paused) {
            continue;
        }
        let own = last.and_then(|_| sweep_span(last, now).updated_from);
        // A sweep that began in the gap and came to its end has read what lies before it.
        let is_read = last.is_some_and(|last| last.state == WalkState::Done && last.asked_at > from);
        let gap = from.plus_ms(-OVERLAP_MS);
        let span = Span {
            updated_from: Some(own.map_or(gap, |own| if is_read { own } else { own.min(gap) })),
            ..Span::default()
        };
        walks.push(Walk::new(source.id, Job::Sweep, *part, span, now));
    }
    walks
}

/// Gives when webhooks last worked, if there was a gap: when the last one came, or when they were last found registered
/// (`lost`) if that was before.
fn gap(watched: &Watched, lost: Option<Timestamp>, is_silent: bool) -> Option<Timestamp> {
    match (lost, watched.heard_at) {
        (None, _) if !is_silent => None,
        (Some(good), Some(heard)) => Some(good.min(heard)),
        (lost, heard) => lost.or(heard),
    }
}

fn tell(
    source: &SourceConnection,
    found: &Registration,
    is_silent: bool,
    (from, walks): (Timestamp, &[Walk]),
) {
    let from = tracing::field::display(from);
    let Registration { created, removed, .. } = found;
    let connection = source.name.as_str();
    let deletions = if walks.iter().any(|walk| walk.job == Job::Reconcile) {
        "what was deleted is being looked for among the ids"
    } else {
        "what was deleted is found by the next reconciliation, or now by `schakel reconcile`"
    };
    if is_silent {
        tracing::error!(
            connection,
            created,
            removed,
            from,
            "no webhook came for much longer than usual; what changed since is being read from the lists, {deletions}"
        );
    } else if *created == 0 {
        tracing::info!(
            connection,
            from,
            "no hub watched for a while (it was stopped, stood still or had no database), so webhooks may have been lost; what changed since is being read from the lists, {deletions}"
        );
    } else {
        tracing::error!(
            connection,
            created,
            removed,
            from,
            "webhooks were not registered any more and are again; what changed since is being read from the lists, {deletions}"
        );
    }
}
