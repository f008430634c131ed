//! Walk: lists of a source become inbox events, page by page (T4): history with its look-ups, sweep and reconciliation.
//!
//! Invariants: a place moves only in the transaction that stores what lies before it (I24); what a list shows is no
//! deletion of what it does not show, that is asked about one by one; an outage, a refused key or a half-read page ends
//! nothing and marks nothing; live traffic goes first, in the budget and in the inbox.

mod applied;
mod gather;
mod lookup;
mod page;
mod rows;
mod schedule;
mod sift;
mod verify;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use schakel_core::budget::{Usage, WaitReason, window_in_words};
use schakel_core::connector::{Class, ConnectorError, Cx, Part};
use schakel_core::delivery::retry_wait_ms;
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_store::{StoreError, WalkPage};

use crate::admit::admit;
use crate::health::is_moment;
use crate::hub::{Hub, SourceConnection};

/// Events that may wait to be applied before a walk reads on: a second or two of work, so that live events and the
/// memory of the hub notice nothing of a history (I25).
const BACKLOG: i64 = 2_000;

/// Deliveries that may be ready before a history reads on, so that live ones wait behind few.
const OUTBOX_BACKLOG: i64 = 5_000;

/// How long a walk waits while the hub is behind, in microseconds.
const BEHIND_US: i64 = 50_000;

/// How long the hub is behind before a walk that waits for it says so, in microseconds: less is the rhythm of every
/// history.
const NOTED_BEHIND_US: i64 = 5_000_000;

/// What such a walk says.
const BEHIND: &str = "the hub is behind: what waits is applied and delivered first";

/// How long a walk waits for its budget when it says so, in microseconds: less is how a history spends one.
const NOTED_SPENT_US: i64 = 30_000_000;

/// How long a walk waits while another process walks this source's lists, in microseconds.
const ELSEWHERE_US: i64 = 5_000_000;

/// Wait after refused credentials, in milliseconds.
const REFUSED_WAIT_MS: i64 = 5 * 60_000;

/// After how many failures in a row a source counts as not reachable: some seconds.
const OUTAGE_FAILURES: i64 = 3;

/// Least wait after an answer that cannot be used, in milliseconds: another one than before begins the backoff anew.
const UNUSABLE_WAIT_MS: i64 = 10_000;

/// After how many equal answers that cannot be used, one after the other, a walk stops: about five hours.
const UNUSABLE_MAX: i64 = 50;

/// The walks of one source; run one loop per source.
pub struct Loop {
    hub: Arc<Hub>,
    connection: ConnectionId,
    /// Since when the hub reads the source's lists, in microseconds since 1970; [`UNKNOWN`] before it was looked up.
    since: AtomicI64,
    /// Since when the hub is behind, by the clock that never jumps; [`UNKNOWN`] while it is not.
    behind_since: AtomicI64,
}

/// A time that is not known, later than every other.
const UNKNOWN: i64 = i64::MAX;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// Nothing is to be walked; a sweep may become due in so many microseconds.
    Idle(i64),
    /// A walk went on.
    Went,
    /// A walk waits for its budget, for the hub or after a failure: so many microseconds.
    Waits(i64),
}

impl Loop {
    /// Makes the loop of the source `connection`.
    #[must_use]
    pub const fn new(hub: Arc<Hub>, connection: ConnectionId) -> Self {
        Self {
            hub,
            connection,
            since: AtomicI64::new(UNKNOWN),
            behind_since: AtomicI64::new(UNKNOWN),
        }
    }

    /// Goes one step on: a page, a few calls for rows, or a count; begins sweeps and reconciliations that are due.
    ///
    /// # Errors
    /// When the store fails; the step is then repeated from where it began.
    pub async fn step(&self) -> Result<Stepped, StoreError> {
        let Some(source) = self.hub.sources.get(&self.connection) else {
            return Ok(Stepped::Idle(i64::MAX));
        };
        // First: who does not hold the source neither calls it nor begins anything, or two would begin the same.
        if !source.ledger.hold().await? {
            return Ok(Stepped::Waits(ELSEWHERE_US));
        }
        let mut walks = self.read_walks().await?;
        let now = self.hub.clock.now();
        // Also when the clock was set back: what is told now would be older than the beginning.
        if now.as_micros() < self.since.load(Ordering::Relaxed) {
            let since = schedule::look_up(&self.hub, source, &walks).await?;
            self.since
                .store(since.map_or(UNKNOWN, Timestamp::as_micros), Ordering::Relaxed);
            walks = self.read_walks().await?;
        }
        let next_due_us = schedule::begin_due(&self.hub, source, &walks).await?;
        if lookup::look(&self.hub, source, &walks).await? || rows::settle(&self.hub, source, &walks).await? {
            return Ok(Stepped::Went);
        }
        let Some(walk) = choose(&walks, now) else {
            return Ok(Stepped::Idle(next_due_us));
        };
        let wait_us = walk.wait_us(now);
        if wait_us > 0 {
            return Ok(Stepped::Waits(wait_us.min(next_due_us)));
        }
        if self.is_behind(walk.job).await? {
            self.note_behind(walk).await?;
            return Ok(Stepped::Waits(BEHIND_US));
        }
        self.behind_since.store(UNKNOWN, Ordering::Relaxed);
        let class = walk.job.class();
        let mut room = source.ledger.room(class);
        if room == 0 && self.may_ask_first(source) && admit(&self.hub, source).await.is_ok() {
            room = source.ledger.room(class);
        }
        if room == 0 {
            let wait_us = source.ledger.wait_us(class).max(1_000);
            self.note_spent(source, walk, wait_us).await?;
            return Ok(Stepped::Waits(wait_us));
        }
        let trip = Trip {
            hub: &self.hub,
            source,
            cx: source.cx.for_class(class),
            room: usize::try_from(room).unwrap_or(usize::MAX),
        };
        trip.go(walk).await
    }

    async fn read_walks(&self) -> Result<Vec<Walk>, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        store.walks(tenant, Some(self.connection)).await
    }

    /// Tells whether nobody asked the source anything yet although a live call may. A budget that was read from the store is
    /// as young as when it was written, until an answer tells what time it is there; where no webhooks are looked after,
    /// nobody else asks before there is room for a walk (docs/spec/budget.md, rule 5).
    fn may_ask_first(&self, source: &SourceConnection) -> bool {
        !source.admission.is_shown() && source.ledger.room(Class::Live) > 0
    }

    /// Lets a walk that waits for the hub say so, once that is no passing moment.
    async fn note_behind(&self, walk: &Walk) -> Result<(), StoreError> {
        let now_us = self.hub.clock.monotonic_us();
        let since = self.behind_since.fetch_min(now_us, Ordering::Relaxed).min(now_us);
        if now_us - since < NOTED_BEHIND_US {
            return Ok(());
        }
        self.note(walk, BEHIND.to_owned()).await
    }

    /// Lets a walk that waits for its budget say so, with the window that binds and until when, unless that is a passing
    /// moment.
    async fn note_spent(
        &self,
        source: &SourceConnection,
        walk: &Walk,
        wait_us: i64,
    ) -> Result<(), StoreError> {
        let Some(usage) = source.ledger.usage().filter(|_| wait_us >= NOTED_SPENT_US) else {
            return Ok(());
        };
        // That a history waits for its share is nothing unusual; that nobody may call is. Not only when the note changes: the
        // rest may be used up while the walk waits.
        let live_us = source.ledger.wait_us(Class::Live);
        self.hub.note_spent(source.id, live_us).await;
        let until = self.hub.clock.now().plus_ms(wait_us / 1_000);
        let note = spent_in_words(&usage, walk.job.class(), until);
        self.note(walk, note).await
    }

    /// Lets a walk that does not go on say why; nothing is written when it says that already.
    async fn note(&self, walk: &Walk, note: String) -> Result<(), StoreError> {
        if walk.note == note {
            return Ok(());
        }
        let mut after = walk.clone();
        after.note = note;
        let page = WalkPage::bare(walk.clone(), after);
        self.hub.store.store_page(self.hub.tenant, page).await.map(|_| ())
    }

    /// Tells whether the hub has more to do than a walk may add to.
    async fn is_behind(&self, job: Job) -> Result<bool, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        if store.count_waiting(tenant, self.connection, BACKLOG).await? >= BACKLOG {
            return Ok(true);
        }
        if job.class() != Class::Backfill {
            return Ok(false);
        }
        for sink in self.hub.routes_from(self.connection).map(|route| route.sink) {
            if store.count_ready(tenant, sink, OUTBOX_BACKLOG).await? >= OUTBOX_BACKLOG {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Chooses the walk that goes on: sweeps before reconciliations before look-ups before history, the one that waits
/// least before all. One list that can't be read keeps no other from being swept; in a history the parts stay one
/// after the other, since an order before its customer costs a call. A part that was read, and waits for the source
/// to count it again, holds up none.
fn choose(walks: &[Walk], now: Timestamp) -> Option<&Walk> {
    let is_read = |walk: &Walk| matches!(walk.phase, Phase::Verify | Phase::Recount) && !walk.has_failed();
    let history = walks
        .iter()
        .filter(|walk| walk.job == Job::Backfill && walk.is_open())
        .min_by_key(|walk| (is_read(walk) && walk.wait_us(now) > 0, walk.part));
    let others = walks
        .iter()
        .filter(|walk| walk.job != Job::Backfill && walk.is_open());
    others
        .chain(history)
        .min_by_key(|walk| (walk.wait_us(now), walk.job, walk.part))
}

/// Says why a call of `class` may not start before `until`, to the minute.
fn spent_in_words(usage: &Usage, class: Class, until: Timestamp) -> String {
    let until = until.to_string();
    let until = until.get(..16).unwrap_or(&until).replace('T', " ");
    match usage.wait_reason(class) {
        Some(WaitReason::NeverRoom(window_us)) => {
            let limit = window_in_words(window_us);
            format!("{limit} is so low that its reserves leave nothing; `schakel budget` shows them")
        }
        Some(WaitReason::UsedUp(window_us)) => {
            let limit = window_in_words(window_us);
            format!("{limit} leaves it no call before {until} UTC; `schakel budget` shows who spent them")
        }
        Some(WaitReason::LeftAlone) | None => format!("the shop asked to be left alone until {until} UTC"),
    }
}

/// One step of one walk.
struct Trip<'h> {
    hub: &'h Hub,
    source: &'h SourceConnection,
    /// The doors, for calls of the job's class.
    cx: Cx,
    /// How many calls may begin now.
    room: usize,
}

impl Trip<'_> {
    async fn go(&self, before: &Walk) -> Result<Stepped, StoreError> {
        let mut after = before.clone();
        after.state = WalkState::Running;
        (after.failures, after.waits) = (0, 0);
        after.note.clear();
        after.due_at = self.hub.clock.now();
        after.updated_at = after.due_at;
        if before.due_at == Timestamp::ZERO {
            self.source.admission.ask_at_once();
        }
        let page = match admit(self.hub, self.source).await {
            Ok(()) => self.phase(before, after).await?,
            Err(error) => Err(error),
        };
        let mut page = match page {
            Ok(page) => page,
            Err(error) => self.failed(before, &error).await,
        };
        page.after.note_end();
        if !page.after.has_failed() && page.after.calls > before.calls {
            self.hub.note_well(self.source.id).await;
        }
        let has_events = !page.events.is_empty();
        let has_wishes = !page.wanted.is_empty();
        let end = (page.after.state, page.after.note.clone());
        if !self.hub.store.store_page(self.hub.tenant, page).await? {
            tracing::debug!(
                walk = before.part.as_str(),
                "the walk was changed meanwhile, this step is left"
            );
        }
        if has_events {
            self.hub.wake.inbox.notify_one();
        }
        if has_wishes {
            self.hub.wake.fetch.notify_waiters();
        }
        self.tell_end(before, end);
        Ok(Stepped::Went)
    }

    /// Does what the phase of the walk asks for.
    async fn phase(
        &self,
        before: &Walk,
        after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        match before.phase {
            _ if gather::is_to_begin_anew(before) => Ok(Ok(gather::begun_anew(before, after))),
            Phase::Count if before.job == Job::Lookup => self.count_lookup(before, after).await,
            Phase::Count => self.count(before, after).await,
            Phase::Read => self.page(before, after).await,
            Phase::Gather => Ok(Ok(self.gather(before, after).await?)),
            Phase::Rows if before.job == Job::Sweep => self.swept(before, after).await,
            Phase::Rows => self.rows(before, after).await,
            Phase::Verify => self.verify(before, after).await,
            Phase::Ids => self.ids(before, after).await,
            Phase::Recount | Phase::Accept => self.recount(before, after).await,
        }
    }

    fn tell_end(&self, walk: &Walk, (state, note): (WalkState, String)) {
        let (job, part) = (walk.job.as_str(), walk.part.as_str());
        let shop = self.source.name.as_str();
        match state {
            WalkState::Done if walk.job == Job::Backfill => {
                tracing::info!(
                    connection = shop,
                    job,
                    part,
                    seen = walk.seen,
                    "history is complete"
                );
            }
            WalkState::Stopped => tracing::error!(connection = shop, job, part, note, "a walk stopped"),
            _ => {}
        }
    }

    /// Puts a walk back after a failure. Only what no patience mends stops it: a section that the key may not read, a
    /// list that the source does not have, or the same unusable answer again and again. An outage or a refused key is
    /// waited out, however long it takes (reliability.md §6).
    async fn failed(&self, before: &Walk, error: &ConnectorError) -> WalkPage {
        let mut after = before.clone();
        // What is throttled was not executed, and mostly not even sent.
        let is_call = !matches!(
            error,
            ConnectorError::Unsupported(_) | ConnectorError::RateLimited { .. } | ConnectorError::NotOurs(_)
        );
        after.calls += i64::from(is_call);
        self.put_off(&mut after, error).await;
        WalkPage::bare(before.clone(), after)
    }

    /// Notes a failure, and when to go on after it.
    async fn put_off(&self, after: &mut Walk, error: &ConnectorError) {
        let now = self.hub.clock.now();
        let note = error.to_string();
        let is_known = after.note == note;
        let is_unusable = matches!(error, ConnectorError::Malformed(_));
        if is_unusable && !is_known {
            // Only equal answers are counted.
            after.failures = 0;
        }
        after.failures += 1;
        after.updated_at = now;
        after.note = note;
        let failures = u32::try_from(after.failures).unwrap_or(u32::MAX);
        let backoff = retry_wait_ms(failures, self.hub.dice.roll());
        let wait_ms = match error {
            ConnectorError::RateLimited { retry_after_ms } => retry_after_ms.unwrap_or(backoff),
            ConnectorError::Unauthorised(_) | ConnectorError::NotOurs(_) => backoff.max(REFUSED_WAIT_MS),
            ConnectorError::Rejected(_) | ConnectorError::Unsupported(_) | ConnectorError::Missing(_) => {
                if after.job == Job::Backfill && matches!(error, ConnectorError::Rejected(_)) {
                    after.note += "; then `schakel backfill resume`";
                }
                after.state = WalkState::Stopped;
                0
            }
            _ if is_unusable && after.failures >= UNUSABLE_MAX => {
                let _ = write!(after.note, "; {UNUSABLE_MAX} times, so this part stopped");
                after.state = WalkState::Stopped;
                0
            }
            _ if is_unusable => backoff.max(UNUSABLE_WAIT_MS),
            _ => backoff,
        };
        // A shop that was down when the hub started is read as soon as it says who it is.
        let known_at = self.source.admission.asks_again_at();
        after.due_at = known_at.unwrap_or_else(|| now.plus_ms(wait_ms));
        let (connection, until) = (&self.source.name, after.due_at);
        let (job, part) = (after.job.as_str(), after.part.as_str());
        // Why a walk stopped is told with its end.
        if is_known || after.state == WalkState::Stopped || is_moment(error, now, until) {
            tracing::debug!(connection, job, part, %error, %until, "a list could not be read");
        } else {
            tracing::warn!(connection, job, part, %error, %until, "a list could not be read");
        }
        self.tell_ill(after, error).await;
    }

    /// Writes down what ails the source as a whole: a key that is refused at once, an outage when it lasts. What ails one
    /// list only stands in its walk.
    async fn tell_ill(&self, walk: &Walk, error: &ConnectorError) {
        let is_outage = Ailment::of(error) == Ailment::Unreachable && walk.failures >= OUTAGE_FAILURES;
        if is_outage || Ailment::of(error).is_of_access() {
            self.hub.note_ill(self.source.id, error, walk.due_at).await;
        }
    }

    /// Ends a walk, or lets its job's next phase follow.
    fn close_list(&self, after: &mut Walk) {
        after.cursor.clear();
        match Phase::after_list(after.job, after.part) {
            Some(phase) => after.phase = phase,
            None => after.state = WalkState::Done,
        }
    }
}

/// Whether a webhook tells of changes to such things (lightspeed-ecom.md §8 #25, #40).
const fn has_webhook(part: Part) -> bool {
    !matches!(part, Part::Groups | Part::Checkouts | Part::QuoteRows)
}

/// Whether a webhook tells of the end of such things; whether that of carts, which the platform clears away, is ever sent
/// nobody knows (lightspeed-ecom.md §7).
const fn has_webhook_of_end(part: Part) -> bool {
    has_webhook(part) && !matches!(part, Part::Quotes)
}
