//! Look-ups: what a history refers to and lies outside it, in the way that costs the fewest calls (`core::lookup`).
//!
//! Its wishes are held back until it is known how many there are (docs/spec/walks.md). A look-up is a walk over the list of
//! their part: it counts first, and reads the list when that is the cheaper way.

use schakel_core::connector::{ConnectorError, Page, Part, Span};
use schakel_core::lookup::{Next, Sight, enough, keeps_all, next};
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Phase, Walk, WalkState};
use schakel_store::{StoreError, WalkPage};

use super::Trip;
use super::page::count;
use crate::hub::{Hub, SourceConnection};

/// How long the count of a list is believed, in milliseconds, and a list that was read holds all that is asked for.
const FRESH_MS: i64 = 24 * 3_600_000;

/// How long what a list brought may wait to be applied before it is taken for applied, in milliseconds: live traffic that
/// is never still must not hold back what a history misses.
const APPLY_MS: i64 = 60_000;

/// Decides what becomes of the wishes that the histories of `source` hold back; returns whether anything did.
pub(super) async fn look(hub: &Hub, source: &SourceConnection, walks: &[Walk]) -> Result<bool, StoreError> {
    let now = hub.clock.now();
    let parts = Part::ALL.into_iter().filter(|part| Job::Lookup.walks(*part));
    let own = parts.map(|part| Own::of(walks, part));
    let own: Vec<(Own<'_>, Known)> = own
        .filter(|own| !own.lookup.is_some_and(Walk::is_open))
        .map(|own| {
            let known = own.known(now);
            (own, known)
        })
        .collect();
    // Every page of a walk comes by here, and a history may hold tens of thousands back.
    let most = own
        .iter()
        .map(|(own, known)| (own.part.kind(), enough(known.counted())));
    let most: Vec<_> = most.collect();
    let held = hub.store.held_back(hub.tenant, source.id, now, &most).await?;
    let mut is_changed = false;
    for (own, known) in own {
        let Some(missing) = held.get(&own.part.kind()).copied() else {
            continue;
        };
        let part = own.part;
        let decided = match known {
            // Whatever its list has was read.
            Known::Whole => Next::Each,
            known => {
                let sight = Sight {
                    missing,
                    counted: known.counted(),
                    is_more_to_come: is_more_to_come(hub, source, (walks, part)).await?,
                };
                next(part, sight)
            }
        };
        is_changed |= follow(hub, source, (walks, &own), decided).await?;
    }
    Ok(is_changed)
}

/// Does what was decided; returns whether that was anything.
async fn follow(
    hub: &Hub,
    source: &SourceConnection,
    (walks, own): (&[Walk], &Own<'_>),
    decided: Next,
) -> Result<bool, StoreError> {
    let now = hub.clock.now();
    let mut walk = Walk::new(source.id, Job::Lookup, own.part, own.rest(), now);
    match decided {
        Next::Wait => return Ok(false),
        Next::Each => {
            let of = (source.id, own.part.kind());
            hub.store.bring_forward(hub.tenant, of, now).await?;
            hub.wake.fetch.notify_waiters();
            return Ok(true);
        }
        Next::Count => {}
        Next::List => {
            walk.phase = Phase::Read;
            walk.expected = own.lookup.and_then(|before| before.expected);
            walk.calls = own.lookup.map_or(0, |before| before.calls);
        }
    }
    hub.store
        .begin_walks_as_seen(hub.tenant, std::slice::from_ref(&walk), walks)
        .await
}

/// What is known of the list of a part.
enum Known {
    Nothing,
    Counted(i64),
    /// All of it was read.
    Whole,
}

impl Known {
    const fn counted(&self) -> Option<i64> {
        match self {
            Self::Counted(counted) => Some(*counted),
            Self::Nothing | Self::Whole => None,
        }
    }
}

/// The walks over the list of a part.
struct Own<'w> {
    part: Part,
    history: Option<&'w Walk>,
    lookup: Option<&'w Walk>,
    /// When the newest history of any part began.
    begun_at: Option<Timestamp>,
}

impl<'w> Own<'w> {
    fn of(walks: &'w [Walk], part: Part) -> Self {
        let find = |job| walks.iter().find(|walk| walk.job == job && walk.part == part);
        let histories = walks.iter().filter(|walk| walk.job == Job::Backfill);
        Self {
            part,
            history: find(Job::Backfill),
            lookup: find(Job::Lookup),
            begun_at: histories.map(|walk| walk.started_at).max(),
        }
    }

    /// What of the list no history read.
    fn rest(&self) -> Span {
        self.history
            .map_or_else(Span::default, |history| history.read.rest())
    }

    fn known(&self, now: Timestamp) -> Known {
        if self.history.is_some_and(|history| history.read.are_whole()) {
            return Known::Whole;
        }
        let is_fresh = |walk: &&Walk| {
            walk.started_at > now.plus_ms(-FRESH_MS)
                && walk.started_at <= now
                && self.begun_at.is_none_or(|begun| begun <= walk.started_at)
        };
        let Some(lookup) = self.lookup.filter(is_fresh) else {
            return Known::Nothing;
        };
        match (lookup.phase, lookup.expected) {
            // One that stopped is not tried again for each wish.
            _ if lookup.state != WalkState::Done => Known::Whole,
            (Phase::Read, _) => Known::Whole,
            (_, Some(expected)) if lookup.span == self.rest() => Known::Counted(expected),
            _ => Known::Nothing,
        }
    }
}

/// Tells whether a history may still bring what refers to things of `part`: orders and carts name customers, their rows
/// products and variants.
async fn is_more_to_come(
    hub: &Hub,
    source: &SourceConnection,
    (walks, part): (&[Walk], Part),
) -> Result<bool, StoreError> {
    let histories = || walks.iter().filter(|walk| walk.job == Job::Backfill);
    let brings = |walk: &&Walk| !keeps_all(part) && walk.part.is_per_thing();
    if histories().any(|walk| walk.is_open() && !brings(&walk)) {
        return Ok(true);
    }
    let lists = histories().filter(|walk| !brings(walk));
    let ended_at = lists.map(|walk| walk.updated_at).max().unwrap_or_default();
    let now = hub.clock.now();
    let is_just_now = ended_at <= now && ended_at > now.plus_ms(-APPLY_MS);
    Ok(is_just_now && hub.store.count_waiting(hub.tenant, source.id, 1).await? > 0)
}

impl Trip<'_> {
    /// Counts what the list of a look-up has; what follows is decided with all that is missing by then.
    pub(super) async fn count_lookup(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        match self.counted(&mut after).await {
            Ok(_) => after.state = WalkState::Done,
            Err(error) => return Ok(Err(error)),
        }
        Ok(Ok(WalkPage::bare(before.clone(), after)))
    }

    /// Takes from a page of a look-up, asked for at `asked_at`, what is missing; of a list of which all is kept, what is new.
    pub(super) async fn look_up(
        &self,
        before: &Walk,
        after: Walk,
        page: Page,
        asked_at: Timestamp,
    ) -> Result<WalkPage, StoreError> {
        let keys: Vec<RecordKey> = page
            .items
            .iter()
            .map(|item| self.key(before, item.remote_id))
            .collect();
        let asked = self.asked_for(&keys).await?;
        let mut items = page.items;
        if !keeps_all(before.part) {
            items.retain(|item| asked.contains(&self.key(before, item.remote_id)));
        }
        let sifted = self.sift(before, &items, asked_at).await?;
        let mut stored = WalkPage::bare(before.clone(), after);
        stored.after.stored += count(sifted.events.len());
        stored.brought = asked.into_iter().collect();
        stored.events = sifted.events;
        Ok(stored)
    }
}
