//! Verify: counts against what was read; ids against what is held. Nothing is taken for gone here: what is missing is
//! asked about one by one, and many missing things wait for a person.

use std::collections::BTreeSet;

use bytes::Bytes;
use schakel_core::connector::{ConnectorError, Item, Page, Part, Span};
use schakel_core::id::made_at;
use schakel_core::record::{Held, RecordKey};
use schakel_core::time::Timestamp;
use schakel_core::walk::{
    COUNT_WAIT_MS, COUNTS_AGAIN, Job, Phase, UNDERWAY_US, Walk, WalkState, What, do_counts_agree,
    is_mass_deletion,
};
use schakel_store::{Piece, StoreError, WalkPage};

use super::Trip;
use super::applied::Inbox;
use super::gather::begun_anew;
use super::page::count;
use super::sift::Sifted;

/// How often a list of memberships that is not what the shop counts is read anew before it waits for a person.
const LISTS_ANEW: i64 = 2;

/// Differences on a page of ids from which on reading the page with contents is cheaper than asking for each.
const FEW: usize = 3;

/// Things that are looked at for missing ones, noted or asked about in one transaction: a list that suddenly answers
/// empty has all that is held missing.
const MISSING: usize = 500;

impl Trip<'_> {
    /// Counts what is to come, so that progress can be told.
    pub(super) async fn count(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let expected = if before.part.is_per_thing() {
            // What was listed just before is due only once it is applied.
            if self.inbox(before).await? == Inbox::Fills {
                return Ok(Ok(self.put_off_until_applied(before, after)));
            }
            after.phase = Phase::Rows;
            let (store, kind) = (&self.hub.store, before.part.kind());
            store
                .count_rows_due(self.hub.tenant, self.source.id, kind)
                .await?
        } else {
            after.phase = Phase::Read;
            match self.counted(&mut after).await {
                Ok(counted) => counted,
                Err(error) => return Ok(Err(error)),
            }
        };
        after.expected = Some(expected);
        Ok(Ok(WalkPage::bare(before.clone(), after)))
    }

    /// Asks the source how many things the walk means, and notes the call and its answer.
    pub(super) async fn counted(&self, walk: &mut Walk) -> Result<i64, ConnectorError> {
        let counted = self.source.source.count(&self.cx, walk.part, walk.span).await?;
        let counted = i64::try_from(counted).unwrap_or(i64::MAX);
        walk.calls += 1;
        walk.expected = Some(counted);
        Ok(counted)
    }

    /// Compares the source's count with what was read.
    pub(super) async fn verify(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let counted = match self.counted(&mut after).await {
            Ok(counted) => counted,
            Err(error) => return Ok(Err(error)),
        };
        if do_counts_agree(counted, before.seen, self.alive(before).await?) {
            after.cursor.clear();
            match before.part {
                Part::Groups => after.phase = Phase::Gather,
                _ => after.state = WalkState::Done,
            }
        } else if !self.counts_again(&mut after, counted, before.seen) {
            if before.part == Part::Groups {
                return Ok(Ok(match again(before, after.clone()) {
                    Some(anew) => anew,
                    None => unlike(before, after, counted),
                }));
            }
            after.phase = Phase::Ids;
            after.listed = 0;
        }
        Ok(Ok(WalkPage::bare(before.clone(), after)))
    }

    /// Has counts compared once more in a moment, unless that was done often enough; before the ids are walked, and once more
    /// after that. The place is how often.
    fn counts_again(&self, after: &mut Walk, counted: i64, read: i64) -> bool {
        let counts: i64 = after.cursor.parse().unwrap_or(0);
        if counts >= COUNTS_AGAIN {
            after.cursor.clear();
            return false;
        }
        let next = counts + 1;
        after.cursor = next.to_string();
        after.due_at = self.hub.clock.now().plus_ms(COUNT_WAIT_MS);
        let (listed, then) = match after.phase {
            Phase::Recount => ("ids are listed", "then it stops here"),
            _ if after.part == Part::Groups => ("were read", "then the list is read anew"),
            _ => ("were read", "then its ids are compared"),
        };
        after.note = format!(
            "the shop counts {counted}, {read} {listed}; counted again every two minutes, {next} of {COUNTS_AGAIN} times, {then}"
        );
        true
    }

    /// Counts what the hub holds alive; only where the walk means all of it.
    async fn alive(&self, walk: &Walk) -> Result<Option<i64>, StoreError> {
        if walk.span != Span::default() || walk.part == Part::Groups {
            return Ok(None);
        }
        let (store, kind) = (&self.hub.store, walk.part.kind());
        store
            .count_alive(self.hub.tenant, self.source.id, kind)
            .await
            .map(Some)
    }

    /// Reads a page of ids and compares it with what is held; where much is missing, a part of it.
    pub(super) async fn ids(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        // What a history has just read would be missing otherwise, and each of it asked for by itself.
        if before.cursor.is_empty() && self.inbox(before).await? == Inbox::Fills {
            return Ok(Ok(self.put_off_until_applied(before, after)));
        }
        let place = Place::read(&before.cursor);
        let at_page = Walk {
            cursor: place.cursor.clone(),
            ..before.clone()
        };
        let mut page = Page::default();
        if !place.is_over {
            page = match self.list(&at_page, true).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            after.calls += 1;
            after.note_source_time(page.at);
        }
        let missing = self.missing(&after, &place, &page).await?;
        let next = place.after(&page, missing.rest_above);
        let is_compared = next
            .as_ref()
            .is_none_or(|next| next.cursor != place.cursor || next.is_over);
        match next {
            Some(next) => after.cursor = next.write(),
            None => {
                after.cursor.clear();
                after.phase = Phase::Recount;
            }
        }
        let mut stored = WalkPage::bare(before.clone(), after);
        stored.pieces = missing.pieces;
        if !is_compared {
            return Ok(Ok(stored));
        }
        stored.after.listed += count(page.items.len());
        let (sifted, calls) = match self.differing(&at_page, &page).await? {
            Ok(differing) => differing,
            Err(error) => {
                let mut failed = self.failed(before, &error).await;
                failed.after.calls += 1;
                return Ok(Ok(failed));
            }
        };
        stored.after.calls += calls;
        stored.after.stored += count(sifted.events.len());
        stored.after.doubted += count(sifted.wanted.len());
        stored.events = sifted.events;
        stored.wanted = sifted.wanted;
        stored.findings = sifted.findings;
        Ok(Ok(stored))
    }

    /// Gives what is held within the page's range of ids and does not stand on it, as pieces for the end of the walk.
    /// Nothing is found or wished here: a list that came back half must not be believed before its end.
    async fn missing(&self, walk: &Walk, place: &Place, page: &Page) -> Result<Missing, StoreError> {
        // Of a period the list shows a part only; and what is never marked is not asked about.
        if walk.span != Span::default() || !Job::Reconcile.walks(walk.part) {
            return Ok(Missing::default());
        }
        let shown: BTreeSet<i64> = page.items.iter().map(|item| item.remote_id).collect();
        let is_in_order = shown.first().is_none_or(|first| *first > place.first);
        let last = match (&page.next, shown.last()) {
            _ if !is_in_order => return Ok(Missing::default()),
            (None, _) => i64::MAX,
            (Some(_), Some(last)) => *last,
            (Some(_), None) => return Ok(Missing::default()),
        };
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, walk.part.kind());
        let alive = store
            .ids_alive(tenant, self.source.id, kind, (place.last, last), MISSING)
            .await?;
        let rest_above = alive.last().filter(|_| alive.len() == MISSING).map(|(id, _)| *id);
        // What came to be known after the walk began may have been made after its page was read.
        let missing = alive
            .into_iter()
            .filter(|(id, at)| !shown.contains(id) && *at < walk.asked_at);
        let piece = |(remote_id, _)| Piece {
            remote_id,
            body: Bytes::new(),
        };
        Ok(Missing {
            pieces: missing.map(piece).collect(),
            rest_above,
        })
    }

    /// Gives what the page shows and the hub does not hold so, and the calls that it took: few are asked for one by one,
    /// many are read as a page.
    async fn differing(
        &self,
        at_page: &Walk,
        page: &Page,
    ) -> Result<Result<(Sifted, i64), ConnectorError>, StoreError> {
        let held = self
            .held(at_page, page.items.iter().map(|item| item.remote_id))
            .await?;
        let is_known = |item: &Item| {
            let live = held
                .get(&self.key(at_page, item.remote_id))
                .filter(|held| !held.is_deleted());
            let at = live
                .and_then(|held| held.live.as_ref())
                .map(|(version, ..)| version.at);
            at.is_some_and(|at| item.updated_at.is_none_or(|said| said <= at))
        };
        let differing: Vec<&Item> = page.items.iter().filter(|item| !is_known(item)).collect();
        // No list has the rows of orders; a history reads them afterwards, a reconciliation does not.
        let comes_whole = !(at_page.job == Job::Reconcile && at_page.part == Part::Orders);
        if differing.len() > FEW && comes_whole {
            let asked_at = self.hub.clock.now();
            return match self.list(at_page, false).await {
                Ok(page) => self
                    .sift(at_page, &page.items, asked_at)
                    .await
                    .map(|sifted| Ok((sifted, 1))),
                Err(error) => Ok(Err(error)),
            };
        }
        let (told, now) = (self.told(at_page).await?, self.hub.clock.now());
        let keys = differing.iter().map(|item| self.key(at_page, item.remote_id));
        let asked = self.asked_for(&keys.collect::<Vec<_>>()).await?;
        let mut sifted = Sifted::default();
        for item in differing {
            let key = self.key(at_page, item.remote_id);
            let what = match held.get(&key) {
                None => What::New,
                Some(held) if held.is_deleted() => What::Back,
                Some(_) => What::Changed,
            };
            sifted.wanted.push(self.wish(key, now));
            let why = told.explain(item.updated_at, now);
            let found = self.finding(at_page, item.remote_id, what, why);
            sifted.findings.extend(found.filter(|_| !asked.contains(&key)));
        }
        Ok(Ok((sifted, 0)))
    }

    /// Compares the ids with a new count, and then asks about what is missing, unless it is so much that a person must
    /// consent first.
    pub(super) async fn recount(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        if let Some(asking) = Asking::read(&before.cursor) {
            return self.ask_missing(before, after, asking).await.map(Ok);
        }
        let counted = match self.counted(&mut after).await {
            Ok(counted) => counted,
            Err(error) => return Ok(Err(error)),
        };
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let missing = store
            .count_pieces(tenant, self.source.id, (before.job, before.part))
            .await?;
        let held = store
            .count_alive(tenant, self.source.id, before.part.kind())
            .await?;
        if before.phase == Phase::Recount && is_mass_deletion(missing, held) {
            after.state = WalkState::Stopped;
            after.phase = Phase::Accept;
            after.cursor.clear();
            after.note = format!(
                "{missing} of {held} are not listed any more; if that is right, `schakel reconcile --accept-deletions` asks about each"
            );
            return Ok(Ok(WalkPage::bare(before.clone(), after)));
        }
        let read = before.listed;
        let alive = self.alive(before).await?.map(|alive| alive - missing);
        let do_agree = do_counts_agree(counted, read, alive);
        if !do_agree && self.counts_again(&mut after, counted, read) {
            return Ok(Ok(WalkPage::bare(before.clone(), after)));
        }
        let asking = Asking {
            last: i64::MIN,
            counted: (!do_agree).then_some(counted),
        };
        let now = self.hub.clock.now();
        // A history finds nothing by itself, and its end is forecast.
        let is_compared = before.job == Job::Reconcile;
        if missing > 0 && is_compared && self.told(before).await?.may_yet_tell_of_end(now) {
            after.due_at = now.plus_ms(UNDERWAY_US / 1_000);
            after.note = format!(
                "{missing} are not listed any more; what no webhook tells of within ten minutes is asked about then"
            );
            after.cursor = asking.write();
            return Ok(Ok(WalkPage::bare(before.clone(), after)));
        }
        self.ask_missing(before, after, asking).await.map(Ok)
    }

    /// Asks about the next of what is missing, each by itself, and ends the walk with the last of it.
    async fn ask_missing(
        &self,
        before: &Walk,
        mut after: Walk,
        asking: Asking,
    ) -> Result<WalkPage, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let missing = store
            .pieces(tenant, self.source.id, (before.job, before.part), MISSING)
            .await?;
        let last = missing.last().map_or(asking.last, |piece| piece.remote_id);
        if missing.len() >= MISSING {
            after.phase = Phase::Accept;
            after.cursor = Asking { last, ..asking }.write();
        } else if let Some(counted) = asking.counted {
            disagree(&mut after, counted, before.listed);
        } else {
            after.cursor.clear();
            after.state = WalkState::Done;
        }
        let (told, now) = (self.told(before).await?, self.hub.clock.now());
        let keys = missing.iter().map(|piece| self.key(before, piece.remote_id));
        let keys: Vec<RecordKey> = keys.collect();
        let asked = self.asked_for(&keys).await?;
        let held = self.held(before, keys.iter().map(|key| key.remote_id)).await?;
        let mut page = WalkPage::bare(before.clone(), after);
        // A webhook told of some meanwhile, and that they are gone is settled.
        let is_open = |key: &RecordKey| !held.get(key).is_some_and(Held::is_deleted);
        for key in keys.into_iter().filter(is_open) {
            page.wanted.push(self.wish(key, now));
            let why = told.explain_end(last_seen(before, held.get(&key)), now);
            let found = self.finding(before, key.remote_id, What::Missing, why);
            page.findings.extend(found.filter(|_| !asked.contains(&key)));
        }
        page.after.doubted += count(page.wanted.len());
        page.gathered = vec![(i64::MIN, last)];
        Ok(page)
    }
}

/// Reads a list of memberships anew whose count differs: some ended or began while it was read, for longest while an outage
/// held it up. `listed` is how often that was done; `None` when it was often enough.
fn again(before: &Walk, mut after: Walk) -> Option<WalkPage> {
    after.listed += 1;
    (before.listed < LISTS_ANEW).then(|| begun_anew(before, after))
}

/// Stops a walk over memberships whose count still differs: they count as a whole only, so nothing of it is used, and whoever
/// resumes it reads the list anew.
fn unlike(before: &Walk, mut after: Walk, counted: i64) -> WalkPage {
    after.state = WalkState::Stopped;
    after.phase = Phase::Read;
    (after.seen, after.listed) = (0, 0);
    let anew = match before.job {
        Job::Lookup | Job::Backfill => "schakel backfill resume",
        Job::Sweep | Job::Reconcile => "schakel reconcile",
    };
    after.note = format!(
        "the shop counts {counted} memberships and lists {}: they change while they are read; `{anew}` reads the list anew",
        before.seen
    );
    WalkPage {
        gathered: vec![(i64::MIN, i64::MAX)],
        ..WalkPage::bare(before.clone(), after)
    }
}

fn disagree(after: &mut Walk, counted: i64, listed: i64) {
    after.state = WalkState::Stopped;
    after.phase = Phase::Recount;
    after.cursor.clear();
    after.note = format!(
        "the shop counts {counted} and lists {listed}; all that it lists was read, `schakel reconcile` looks again"
    );
}

/// When a thing that is missing was last there, as far as is known: what is held of it came then, or the last walk of this
/// kind, which listed it, began.
fn last_seen(walk: &Walk, held: Option<&Held>) -> Timestamp {
    let came = held.and_then(|held| held.live.as_ref());
    let came = came.map(|(version, event, _)| version.at.max(made_at(event.0)));
    let listed = walk.done_at.filter(|_| walk.job == Job::Reconcile);
    came.max(listed).unwrap_or(Timestamp::ZERO)
}

/// What of a page's range of ids is held and not shown.
#[derive(Default)]
struct Missing {
    pieces: Vec<Piece>,
    /// The id up to which was looked, when there is more above it.
    rest_above: Option<i64>,
}

/// A place in a walk over ids.
struct Place {
    /// The highest id of the pages before.
    first: i64,
    /// The id up to which what is held was compared; above `first` where so much is missing that a page takes several
    /// steps.
    last: i64,
    /// The connector's own place.
    cursor: String,
    /// The list came to its end, and what is held above `last` is left.
    is_over: bool,
}

/// Stands where the connector's place stands otherwise.
const OVER: &str = "over";

impl Place {
    fn read(text: &str) -> Self {
        let mut words = text.splitn(4, ' ');
        let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (first, last) = (number(), number());
        Self {
            first,
            last,
            is_over: words.next() == Some(OVER),
            cursor: words.next().unwrap_or_default().to_owned(),
        }
    }

    fn write(&self) -> String {
        let list = if self.is_over { OVER } else { "list" };
        format!("{} {} {list} {}", self.first, self.last, self.cursor)
    }

    /// Gives the next place after a page that was compared, or up to `rest_above` only; `None` at the end of the walk.
    fn after(&self, page: &Page, rest_above: Option<i64>) -> Option<Self> {
        let highest = page.items.iter().map(|item| item.remote_id).max();
        if let Some(last) = rest_above {
            let is_over = page.next.is_none() && highest.is_none_or(|highest| highest <= last);
            return Some(Self {
                first: self.first,
                last,
                cursor: self.cursor.clone(),
                is_over,
            });
        }
        let last = highest.unwrap_or(self.first).max(self.last);
        page.next.clone().map(|cursor| Self {
            first: last,
            last,
            cursor,
            is_over: false,
        })
    }
}

/// How far the questions about what is missing are.
struct Asking {
    /// The highest id that was asked about.
    last: i64,
    /// What the source counted last, when that contradicts what it lists.
    counted: Option<i64>,
}

impl Asking {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix("asks ")?.split(' ');
        Some(Self {
            last: words.next()?.parse().ok()?,
            counted: words.next().and_then(|word| word.parse().ok()),
        })
    }

    fn write(&self) -> String {
        let counted = self
            .counted
            .map_or_else(String::new, |counted| format!(" {counted}"));
        format!("asks {}{counted}", self.last)
    }
}
