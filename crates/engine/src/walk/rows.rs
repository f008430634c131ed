//! The rows of orders and carts: a call each; of a history the newest first, of a sweep all that it found changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use schakel_core::connector::{ConnectorError, Fetched, Part, Span};
use schakel_core::event::Event;
use schakel_core::id::{EventId, made_at};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_store::{StoreError, WalkPage};

use super::Trip;
use super::applied::Inbox;
use super::page::count;
use crate::hub::{Hub, SourceConnection};

/// Passes in a row without any progress after which what has no rows is left.
const EMPTY_PASSES: i64 = 4;

/// Wait after a pass without any progress, and after one that left something under way (things asked for as a whole, events
/// that still wait): in milliseconds; longer than a 404 is doubted. After any other the next begins at once: what is left is
/// mostly what was applied behind it.
const PASS_WAIT_MS: i64 = 4 * 60_000;

/// Steps in a row that brought nothing after which the source is asked whether it is there at all: if so, it lies at the
/// things.
const STUBBORN: i64 = 5;

/// How long ago things must have changed for their rows to be the history's concern to its end, in milliseconds: those
/// of newer ones come with their webhook or a sweep.
const SETTLED_MS: i64 = 3_600_000;

/// How many of what is left at the end of a pass are looked at one by one; more are never all new.
const LOOKED_AT: usize = 100;

/// How many of the things that give no rows are named.
const IDS_NAMED: usize = 5;

/// What the answer for the rows of one thing leads to.
enum Rows {
    /// The thing's body with its rows.
    Whole(Bytes),
    /// The thing is to be asked for as a whole.
    Ask,
    /// There was no answer.
    Unanswered,
}

/// The next few things whose rows are due.
#[derive(Default)]
struct Due {
    /// What those said that are to be asked for their rows, and when.
    said: Vec<(i64, Bytes, Timestamp)>,
    /// Those that are to be asked for as a whole.
    mute: Vec<i64>,
    /// Whether others are asked for as a whole already.
    is_under_way: bool,
}

/// The answers for the rows of some things.
struct Answers {
    each: Vec<Result<Fetched, ConnectorError>>,
    /// What lies at the source and not at one of the things, although others were answered.
    fault: Option<ConnectorError>,
}

impl Trip<'_> {
    /// Reads the rows of the next few things whose rows are due.
    ///
    /// A pass goes from the newest id, which is worth most, to the oldest; what became due meanwhile or gave no answer
    /// makes another one. `seen` are the things whose rows were read, `listed` is the fewest that a pass left, 0 before the
    /// first ended.
    pub(super) async fn rows(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, before.part.kind());
        let pass = Pass::read(&before.cursor);
        let due = store
            .rows_due(tenant, self.source.id, kind, pass.below, self.at_once())
            .await?;
        let Some((last, _)) = due.last() else {
            return self.end_pass(before, after, &pass).await.map(Ok);
        };
        let below = Some(*last);
        if before.cursor.is_empty() {
            after.asked_at = self.hub.clock.now();
        }
        let Due {
            said,
            mute,
            is_under_way,
        } = self.part_due(before, due).await?;
        let ids: Vec<i64> = said.iter().map(|(id, ..)| *id).collect();
        let Answers { each, fault } = match self.ask_rows(before, before.part, &ids).await {
            Ok(answers) => answers,
            Err(error) => return Ok(Err(error)),
        };
        after.calls += count(each.len());
        let now = self.hub.clock.now();
        let mut page = WalkPage::bare(before.clone(), after);
        page.wanted
            .extend(mute.into_iter().map(|id| self.wish(self.key(before, id), now)));
        for ((id, body, said_at), answer) in said.into_iter().zip(each) {
            let key = self.key(before, id);
            match self.fit(before.part, Some(&body), &answer) {
                Rows::Whole(body) => page.events.push(self.event(before, key, body, said_at)),
                Rows::Ask => page.wanted.push(self.wish(key, now)),
                Rows::Unanswered => {}
            }
        }
        page.after.seen += count(page.events.len());
        page.after.stored += count(page.events.len());
        page.after.doubted += count(page.wanted.len());
        let has_wishes = pass.has_wishes || is_under_way || !page.wanted.is_empty();
        page.after.cursor = Pass {
            below,
            has_wishes,
            ..pass
        }
        .write();
        page.after.expected = page.after.expected.map(|expected| expected.max(page.after.seen));
        if let Some(fault) = fault {
            self.put_off(&mut page.after, &fault).await;
        }
        Ok(Ok(page))
    }

    /// Parts the things whose rows are due. What is asked for as a whole comes with its rows, however long that takes: asked
    /// for once more it would be read twice. What is damaged or gone says nothing that rows could be joined with.
    async fn part_due(&self, walk: &Walk, due: Vec<(i64, EventId)>) -> Result<Due, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let keys: Vec<RecordKey> = due.iter().map(|(id, _)| self.key(walk, *id)).collect();
        let open = store.open_fetches(tenant, &keys, self.hub.clock.now()).await?;
        let events: Vec<EventId> = due.iter().map(|(_, event)| *event).collect();
        let bodies = store.bodies(tenant, &events).await?;
        let mut parted = Due {
            is_under_way: !open.is_empty(),
            ..Due::default()
        };
        for (id, event) in due {
            if open.contains(&self.key(walk, id)) {
                continue;
            }
            match bodies.get(&event).cloned() {
                Some(body) => parted.said.push((id, body, made_at(event.0))),
                None => parted.mute.push(id),
            }
        }
        Ok(parted)
    }

    /// Reads the rows of the next few things that a sweep found changed, so that they come whole: a call each, instead of
    /// two for a fetch.
    pub(super) async fn swept(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let pieces = self
            .hub
            .store
            .pieces(
                self.hub.tenant,
                self.source.id,
                (before.job, before.part),
                self.at_once(),
            )
            .await?;
        let Some(part) = self.rows_of(before.part).filter(|_| !pieces.is_empty()) else {
            after.state = WalkState::Done;
            return Ok(Ok(WalkPage::bare(before.clone(), after)));
        };
        let mut things: BTreeMap<i64, Vec<Bytes>> = BTreeMap::new();
        for piece in pieces {
            things.entry(piece.remote_id).or_default().push(piece.body);
        }
        let ids: Vec<i64> = things.keys().copied().collect();
        let Answers { each, fault } = match self.ask_rows(before, part, &ids).await {
            Ok(answers) => answers,
            Err(error) => return Ok(Err(error)),
        };
        after.calls += count(each.len());
        let now = self.hub.clock.now();
        let mut page = WalkPage::bare(before.clone(), after);
        for ((id, bodies), answer) in things.into_iter().zip(each) {
            if answer.is_err() && fault.is_some() {
                continue;
            }
            let key = self.key(before, id);
            // It stands on two pages when it changed between them.
            for body in &bodies {
                match self.fit(part, Some(body), &answer) {
                    Rows::Whole(body) => page.events.push(self.event(before, key, body, before.asked_at)),
                    Rows::Ask | Rows::Unanswered => page.wanted.push(self.wish(key, now)),
                }
            }
            page.gathered.push((id, id));
        }
        let events: Vec<&Event> = page.events.iter().collect();
        let mut are_known = self.are_in_inbox(before, &events).await?.into_iter();
        page.events.retain(|_| !are_known.next().unwrap_or(false));
        page.after.stored += count(page.events.len());
        page.after.doubted += count(page.wanted.len());
        if let Some(fault) = fault {
            self.put_off(&mut page.after, &fault).await;
        }
        Ok(Ok(page))
    }

    /// The rows that a sweep reads with the things of `part`; `None` when nobody wants them.
    pub(super) fn rows_of(&self, part: Part) -> Option<Part> {
        let rows = match part {
            Part::Orders => Part::OrderRows,
            Part::Quotes => Part::QuoteRows,
            _ => return None,
        };
        self.hub.parts_of(self.source).contains(&rows).then_some(rows)
    }

    /// How many calls go out at once.
    fn at_once(&self) -> usize {
        self.room.min(self.source.fetches.max(1) * 2)
    }

    /// Asks for the rows of things, a call each. When none is answered it lies at the source, which is the error, unless
    /// that goes on for long although the source answers everything else.
    async fn ask_rows(&self, walk: &Walk, part: Part, ids: &[i64]) -> Result<Answers, ConnectorError> {
        let source = &self.source.source;
        let each = join_all(ids.iter().map(|id| source.rows(&self.cx, part, *id))).await;
        let errors: Vec<&ConnectorError> = each.iter().filter_map(|answer| answer.as_ref().err()).collect();
        let fault = errors
            .iter()
            .find(|error| is_of_source(error))
            .map(|error| (*error).clone());
        if let Some(first) = errors.first().filter(|_| errors.len() == each.len()) {
            let is_stubborn = fault.is_none() && walk.failures >= STUBBORN;
            if !is_stubborn || source.count(&self.cx, part, Span::default()).await.is_err() {
                return Err(fault.unwrap_or_else(|| (*first).clone()));
            }
        }
        Ok(Answers { each, fault })
    }

    /// Joins rows with what the thing itself said.
    fn fit(&self, part: Part, said: Option<&Bytes>, answer: &Result<Fetched, ConnectorError>) -> Rows {
        let Ok(rows) = answer else {
            return Rows::Unanswered;
        };
        let said = said.filter(|_| rows.status == 200);
        let whole = said.and_then(|said| self.source.source.with_rows(part, said, &rows.body));
        whole.map_or(Rows::Ask, Rows::Whole)
    }

    async fn end_pass(&self, before: &Walk, mut after: Walk, pass: &Pass) -> Result<WalkPage, StoreError> {
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, before.part.kind());
        let now = self.hub.clock.now();
        // First, and also when nothing is left: the orders themselves may still be waiting, and are due only afterwards.
        let inbox = self.inbox(before).await?;
        let left = store.count_rows_due(tenant, self.source.id, kind).await?;
        after.expected = Some(after.seen + left);
        if inbox == Inbox::Fills {
            return Ok(self.put_off_until_applied(before, after));
        }
        if left == 0 || self.are_all_new(before).await? {
            after.cursor.clear();
            after.state = WalkState::Done;
            return Ok(WalkPage::bare(before.clone(), after));
        }
        // What was read and set aside stays due, so only what is left tells of progress: fewer than ever, since things become
        // due meanwhile in a shop that is never still.
        let fewest = Some(before.listed).filter(|listed| *listed > 0);
        let is_less = fewest.is_none_or(|fewest| left < fewest);
        let empty = if is_less { 0 } else { pass.empty + 1 };
        after.listed = fewest.map_or(left, |fewest| fewest.min(left));
        after.cursor = Pass::after(empty).write();
        // What is under way would be asked for twice.
        if !is_less || pass.has_wishes || inbox != Inbox::Empty {
            after.due_at = now.plus_ms(PASS_WAIT_MS);
        }
        if empty >= EMPTY_PASSES {
            after.cursor.clear();
            after.listed = 0;
            after.state = WalkState::Stopped;
            let newest = store
                .rows_due(tenant, self.source.id, kind, None, IDS_NAMED)
                .await?;
            let newest: Vec<i64> = newest.into_iter().map(|(id, _)| id).collect();
            after.note = without_rows(kind, left, &newest);
        }
        Ok(WalkPage::bare(before.clone(), after))
    }

    /// Tells whether all things whose rows are due changed a short time ago.
    async fn are_all_new(&self, walk: &Walk) -> Result<bool, StoreError> {
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, walk.part.kind());
        let due = store
            .rows_due(tenant, self.source.id, kind, None, LOOKED_AT)
            .await?;
        if due.len() == LOOKED_AT {
            return Ok(false);
        }
        let held = self.held(walk, due.iter().map(|(id, _)| *id)).await?;
        let settled = self.hub.clock.now().plus_ms(-SETTLED_MS);
        let at = |held: &schakel_core::record::Held| held.live.as_ref().map(|(version, ..)| version.at);
        Ok(held.values().all(|held| at(held) > Some(settled)))
    }
}

/// A place in the passes over what has no rows.
struct Pass {
    /// The id below which it goes on.
    below: Option<i64>,
    /// How many passes in a row brought nothing.
    empty: i64,
    /// Whether this pass had things asked for as a whole.
    has_wishes: bool,
}

impl Pass {
    /// The begin of a pass, after so many that brought nothing.
    const fn after(empty: i64) -> Self {
        Self {
            below: None,
            empty,
            has_wishes: false,
        }
    }

    fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        let below = words.next().and_then(|below| below.parse().ok());
        let empty = words.next().and_then(|empty| empty.parse().ok());
        Self {
            below,
            empty: empty.unwrap_or(0),
            has_wishes: words.next() == Some(WISHES),
        }
    }

    fn write(&self) -> String {
        let below = self.below.map_or_else(String::new, |below| below.to_string());
        let wishes = if self.has_wishes { WISHES } else { "" };
        format!("{below} {} {wishes}", self.empty)
    }
}

/// How a place says that its pass had things asked for.
const WISHES: &str = "wishes";

/// Says how many things of `kind` are left without rows, and the ids of the `newest`.
fn without_rows(kind: RecordKind, left: i64, newest: &[i64]) -> String {
    let word = match kind {
        RecordKind::Quote => "cart",
        _ => "order",
    };
    let ids: Vec<String> = newest.iter().map(i64::to_string).collect();
    let ids = ids.join(", ");
    match left - count(newest.len()) {
        ..=0 if left == 1 => format!("1 {word} gives no rows ({ids}); it is asked for again when it changes"),
        ..=0 => format!("{left} {word}s give no rows ({ids}); they are asked for again when they change"),
        more => {
            format!(
                "{left} {word}s give no rows ({ids} and {more} more); they are asked for again when they change"
            )
        }
    }
}

/// Lets a history of rows go on to its end that stopped because some things gave none, when none lacks them any more: they
/// changed, a webhook brought their rows, or they are gone. Tells whether any does.
pub(super) async fn settle(hub: &Hub, source: &SourceConnection, walks: &[Walk]) -> Result<bool, StoreError> {
    let is_left = |walk: &&Walk| {
        walk.job == Job::Backfill && walk.state == WalkState::Stopped && walk.part.is_per_thing()
    };
    for walk in walks.iter().filter(is_left) {
        let due = hub
            .store
            .rows_due(hub.tenant, source.id, walk.part.kind(), None, 1)
            .await?;
        if !due.is_empty() {
            continue;
        }
        // It goes on where it was, and finds nothing more to read.
        let change = (&[WalkState::Stopped][..], WalkState::Waiting);
        hub.store
            .set_walks(hub.tenant, source.id, Job::Backfill, &[walk.part], change)
            .await?;
        return Ok(true);
    }
    Ok(false)
}

/// Tells whether an error lies at the source, whatever was asked for: a refused section, a language that is off or a spent
/// budget.
const fn is_of_source(error: &ConnectorError) -> bool {
    matches!(
        error,
        ConnectorError::RateLimited { .. }
            | ConnectorError::Unauthorised(_)
            | ConnectorError::SwitchedOff(_)
            | ConnectorError::Rejected(_)
    )
}
