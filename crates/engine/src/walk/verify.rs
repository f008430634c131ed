//! Verify: counts against what was read; ids against what is held. Nothing is taken for gone here: what is missing is
//! asked about one by one, and many missing things wait for a person.

use std::collections::BTreeSet;

use bytes::Bytes;
use schakel_core::connector::{ConnectorError, Item, Page, Part, Span};
use schakel_core::record::Held;
use schakel_core::walk::{Job, Phase, Walk, WalkState, What, do_counts_agree, is_mass_deletion};
use schakel_store::{Piece, StoreError, WalkPage};

use super::Trip;
use super::page::count;

/// How often counts are compared before the ids are walked: what was made a moment ago is on its way.
const COUNT_AGAIN: i64 = 3;

/// Wait before counts are compared again, in milliseconds; three of them outlast a sweep of five minutes.
const COUNT_WAIT_MS: i64 = 2 * 60_000;

/// Differences on a page of ids from which on reading the page with contents is cheaper than asking for each.
const FEW: usize = 3;

impl Trip<'_> {
    /// Counts what is to come, so that progress can be told.
    pub(super) async fn count(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let expected = if before.part.is_per_thing() {
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
    async fn counted(&self, walk: &mut Walk) -> Result<i64, ConnectorError> {
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
                return Ok(Ok(unlike(before, after, counted)));
            }
            after.phase = Phase::Ids;
            after.listed = 0;
        }
        Ok(Ok(WalkPage::bare(before.clone(), after)))
    }

    /// Has counts compared once more in a moment, unless that was done often enough. The place is how often.
    fn counts_again(&self, after: &mut Walk, counted: i64, read: i64) -> bool {
        let counts: i64 = after.cursor.parse().unwrap_or(0);
        if counts >= COUNT_AGAIN {
            after.cursor.clear();
            return false;
        }
        after.cursor = (counts + 1).to_string();
        after.due_at = self.hub.clock.now().plus_ms(COUNT_WAIT_MS);
        after.note = format!("the shop counts {counted}, {read} were read; counted again soon");
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

    /// Reads a page of ids and compares it with what is held.
    pub(super) async fn ids(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let place = Place::read(&before.cursor);
        let at_page = Walk {
            cursor: place.cursor.clone(),
            ..before.clone()
        };
        let page = match self.list(&at_page, true).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        after.calls += 1;
        after.listed += count(page.items.len());
        let last = page
            .items
            .iter()
            .map(|item| item.remote_id)
            .max()
            .unwrap_or(place.last);
        match &page.next {
            Some(next) => {
                let cursor = next.clone();
                after.cursor = Place { last, cursor }.write();
            }
            None => {
                after.cursor.clear();
                after.phase = Phase::Recount;
            }
        }
        let mut stored = WalkPage::bare(before.clone(), after);
        stored.pieces = self.missing(before, &place, &page).await?;
        let told = self.told(before).await?;
        let now = self.hub.clock.now();
        for piece in &stored.pieces {
            let why = told.explain(None, now);
            stored
                .findings
                .extend(self.finding(before, piece.remote_id, What::Missing, why));
        }
        match self.differing(&at_page, &page).await? {
            Ok(sifted) => {
                stored.after.calls += i64::from(!sifted.events.is_empty());
                stored.after.stored += count(sifted.events.len());
                stored.after.doubted += count(sifted.wanted.len());
                stored.events = sifted.events;
                stored.wanted = sifted.wanted;
                stored.findings.extend(sifted.findings);
                Ok(Ok(stored))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Gives what is held within the page's range of ids and does not stand on it, as pieces for the end of the walk.
    async fn missing(&self, walk: &Walk, place: &Place, page: &Page) -> Result<Vec<Piece>, StoreError> {
        // Of a period the list shows a part only; and what is never marked is not asked about.
        if walk.span != Span::default() || !Job::Reconcile.walks(walk.part) {
            return Ok(Vec::new());
        }
        let is_in_order = page.items.iter().all(|item| item.remote_id > place.last);
        let last = match (&page.next, page.items.iter().map(|item| item.remote_id).max()) {
            _ if !is_in_order => return Ok(Vec::new()),
            (None, _) => i64::MAX,
            (Some(_), Some(last)) => last,
            (Some(_), None) => return Ok(Vec::new()),
        };
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, walk.part.kind());
        let alive = store
            .ids_alive(tenant, self.source.id, kind, (place.last, last))
            .await?;
        let shown: BTreeSet<i64> = page.items.iter().map(|item| item.remote_id).collect();
        let unseen: Vec<i64> = alive.into_iter().filter(|id| !shown.contains(id)).collect();
        let held = self.held(walk, unseen.iter().copied()).await?;
        // What came to be known after the walk began may have been made after its page was read.
        let is_older = |held: &Held| {
            held.live
                .as_ref()
                .is_some_and(|(version, ..)| version.at < walk.started_at)
        };
        let missing = held.values().filter(|held| is_older(held)).map(|held| Piece {
            remote_id: held.key.remote_id,
            body: Bytes::new(),
        });
        Ok(missing.collect())
    }

    /// Gives what the page shows and the hub does not hold so: few are asked for one by one, many are read as a page.
    async fn differing(
        &self,
        at_page: &Walk,
        page: &Page,
    ) -> Result<Result<super::sift::Sifted, ConnectorError>, StoreError> {
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
            return match self.list(at_page, false).await {
                Ok(page) => self.sift(at_page, &page.items).await.map(Ok),
                Err(error) => Ok(Err(error)),
            };
        }
        let (told, now) = (self.told(at_page).await?, self.hub.clock.now());
        let mut sifted = super::sift::Sifted::default();
        for item in differing {
            let key = self.key(at_page, item.remote_id);
            let what = match held.get(&key) {
                None => What::New,
                Some(held) if held.is_deleted() => What::Back,
                Some(_) => What::Changed,
            };
            sifted.wanted.push(self.wish(key, now));
            let why = told.explain(item.updated_at, now);
            sifted
                .findings
                .extend(self.finding(at_page, item.remote_id, what, why));
        }
        Ok(Ok(sifted))
    }

    /// Compares the ids with a new count, and asks about what is missing.
    pub(super) async fn recount(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let counted = match self.counted(&mut after).await {
            Ok(counted) => counted,
            Err(error) => return Ok(Err(error)),
        };
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let missing = store
            .pieces(tenant, self.source.id, (before.job, before.part), usize::MAX)
            .await?;
        let held = store
            .count_alive(tenant, self.source.id, before.part.kind())
            .await?;
        let mut page = WalkPage::bare(before.clone(), after);
        if before.phase == Phase::Recount && is_mass_deletion(count(missing.len()), held) {
            page.after.state = WalkState::Stopped;
            page.after.phase = Phase::Accept;
            page.after.note = format!(
                "{} of {held} are not listed any more; if that is right, `schakel reconcile --accept-deletions` asks about each",
                missing.len()
            );
            return Ok(Ok(page));
        }
        let read = before.listed;
        let alive = self
            .alive(before)
            .await?
            .map(|alive| alive - count(missing.len()));
        let do_agree = do_counts_agree(counted, read, alive);
        if !do_agree && self.counts_again(&mut page.after, counted, read) {
            return Ok(Ok(page));
        }
        let now = self.hub.clock.now();
        page.wanted = missing
            .iter()
            .map(|piece| self.wish(self.key(before, piece.remote_id), now))
            .collect();
        page.gathered = vec![(i64::MIN, i64::MAX)];
        page.after.doubted += count(page.wanted.len());
        if do_agree {
            page.after.cursor.clear();
            page.after.state = WalkState::Done;
        } else {
            disagree(&mut page.after, counted, read);
        }
        Ok(Ok(page))
    }
}

/// Stops a walk over memberships whose count differs: they count as a whole only, so nothing of it is used, and whoever
/// resumes it reads the list anew.
fn unlike(before: &Walk, mut after: Walk, counted: i64) -> WalkPage {
    after.state = WalkState::Stopped;
    after.phase = Phase::Read;
    after.seen = 0;
    let anew = match before.job {
        Job::Backfill => "schakel backfill resume",
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
    after.note = format!(
        "the shop counts {counted} and lists {listed}; all that it lists was read, `schakel reconcile` looks again"
    );
}

/// A place in a walk over ids: the highest id so far, and the connector's own.
struct Place {
    last: i64,
    cursor: String,
}

impl Place {
    fn read(text: &str) -> Self {
        match text.split_once(' ') {
            Some((last, cursor)) => Self {
                last: last.parse().unwrap_or(0),
                cursor: cursor.to_owned(),
            },
            None => Self {
                last: 0,
                cursor: String::new(),
            },
        }
    }

    fn write(&self) -> String {
        format!("{} {}", self.last, self.cursor)
    }
}
