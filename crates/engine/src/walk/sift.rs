//! Sift: what a page shows against what is held. Most of it is known; only the rest becomes events.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::{Class, Item};
use schakel_core::event::{Action, Event, Trust};
use schakel_core::id::EventId;
use schakel_core::problem::Problem;
use schakel_core::record::{Content, Held, RecordKey};
use schakel_core::rhythm::Watched;
use schakel_core::time::Timestamp;
use schakel_core::walk::{Finding, Job, Told, UNDERWAY_US, Walk, What, Why};
use schakel_store::{FetchRow, StoreError};

use super::{Trip, has_webhook, has_webhook_of_end};
use crate::normalise::stream_of;

/// What became of the things on a page.
#[derive(Default)]
pub(super) struct Sifted {
    /// Things that are new or newer than what is held.
    pub events: Vec<Event>,
    /// Things to be asked for one by one.
    pub wanted: Vec<FetchRow>,
    /// Differences, for the sweep and the reconciliation.
    pub findings: Vec<(EventId, Finding)>,
}

/// What one item is, beside what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Known,
    New,
    Changed,
    /// Of the same time as what a payload said, with other content: two payloads of one second, settled by this one
    /// (architecture §3, Record).
    Tie,
    /// Known, but for its rows.
    Rowless,
    Back,
}

impl Trip<'_> {
    /// Sifts the items of a page that have contents; it was asked for at `asked_at`.
    pub(super) async fn sift(
        &self,
        walk: &Walk,
        items: &[Item],
        asked_at: Timestamp,
    ) -> Result<Sifted, StoreError> {
        let held = self.held(walk, items.iter().map(|item| item.remote_id)).await?;
        let told = self.told(walk).await?;
        let now = self.hub.clock.now();
        let gone = held
            .values()
            .filter(|held| held.is_deleted())
            .map(|held| held.key);
        let asked = self.asked_for(&gone.collect::<Vec<_>>()).await?;
        let mut sifted = Sifted::default();
        let mut news = Vec::new();
        for item in items {
            let key = self.key(walk, item.remote_id);
            let event = self.event(walk, key, item.body.clone(), asked_at);
            let sight = match self.look(held.get(&key), item, &event) {
                Sight::Known if self.lacks_rows(walk, held.get(&key), now) => Sight::Rowless,
                sight => sight,
            };
            let why = told.explain(item.updated_at, now);
            match sight {
                Sight::Known => {}
                Sight::New => news.push((event, Some((What::New, why)))),
                Sight::Changed => news.push((event, Some((What::Changed, why)))),
                Sight::Tie => news.push((event, Some((What::Changed, Why::SameSecond)))),
                Sight::Rowless => news.push((event, None)),
                Sight::Back => {
                    sifted.wanted.push(self.wish(key, now));
                    let found = self.finding(walk, item.remote_id, What::Back, why);
                    sifted.findings.extend(found.filter(|_| !asked.contains(&key)));
                }
            }
        }
        let events: Vec<&Event> = news.iter().map(|(event, _)| event).collect();
        let are_known = self.are_in_inbox(walk, &events).await?;
        for ((event, found), _) in news.into_iter().zip(are_known).filter(|(_, is_known)| !is_known) {
            let finding = found.and_then(|(what, why)| self.finding(walk, event.remote_id, what, why));
            sifted.findings.extend(finding);
            sifted.events.push(event);
        }
        Ok(sifted)
    }

    /// Gives those of `keys` that are asked for already: whoever asked has told of them, and the answer is on its way.
    pub(super) async fn asked_for(&self, keys: &[RecordKey]) -> Result<BTreeSet<RecordKey>, StoreError> {
        let (store, now) = (&self.hub.store, self.hub.clock.now());
        store.open_fetches(self.hub.tenant, keys, now).await
    }

    /// Tells of each of `events` whether its words stand in the inbox already, waiting or set aside: what cannot be read is
    /// no news each time that a list shows it.
    pub(super) async fn are_in_inbox(&self, walk: &Walk, events: &[&Event]) -> Result<Vec<bool>, StoreError> {
        let bodies: Vec<(i64, &[u8])> = events
            .iter()
            .map(|event| (event.remote_id, &*event.body))
            .collect();
        let (store, kind) = (&self.hub.store, walk.part.kind());
        store
            .are_in_inbox(self.hub.tenant, self.source.id, kind, &bodies)
            .await
    }

    /// Tells whether an event will be set aside for what it says.
    pub(super) fn is_unreadable(&self, event: &Event) -> bool {
        let normalised = crate::normalise::normalise(&*self.source.source, event);
        normalised.problems.iter().any(Problem::is_quarantine)
    }

    fn look(&self, held: Option<&Held>, item: &Item, event: &Event) -> Sight {
        let Some(held) = held else { return Sight::New };
        let Some((version, _, content)) = &held.live else {
            return if held.is_deleted() {
                Sight::Back
            } else {
                Sight::New
            };
        };
        if held.is_deleted() {
            return Sight::Back;
        }
        let Some(said) = item.updated_at else {
            return if self.says_the_same(event, content) {
                Sight::Known
            } else {
                Sight::Changed
            };
        };
        if said > version.at {
            return Sight::Changed;
        }
        let is_settled = said < version.at || version.ordinal > 0;
        if is_settled || self.says_the_same(event, content) {
            Sight::Known
        } else {
            Sight::Tie
        }
    }

    /// Tells whether a sweep meets a thing whose rows nobody read, although its webhook had time to have them fetched.
    fn lacks_rows(&self, walk: &Walk, held: Option<&Held>, now: Timestamp) -> bool {
        let is_old = |held: &&Held| {
            let at = held.live.as_ref().map(|(version, ..)| version.at);
            at.is_some_and(|at| at.as_micros() + UNDERWAY_US < now.as_micros())
        };
        walk.job == Job::Sweep
            && self.rows_of(walk.part).is_some()
            && held.filter(is_old).is_some_and(Held::are_rows_due)
    }

    /// Tells whether an item says what is held already; rows are left out, since lists have none.
    fn says_the_same(&self, event: &Event, held: &Content) -> bool {
        let normalised = crate::normalise::normalise(&*self.source.source, event);
        let own = normalised
            .records
            .iter()
            .find(|record| Some(record.key.kind) == event.kind);
        own.and_then(|record| record.content.as_ref())
            .is_some_and(|content| content.without_rows() == held.without_rows())
    }

    /// Gives what the hub holds of things.
    pub(super) async fn held(
        &self,
        walk: &Walk,
        ids: impl Iterator<Item = i64>,
    ) -> Result<BTreeMap<RecordKey, Held>, StoreError> {
        let keys: Vec<RecordKey> = ids.map(|id| self.key(walk, id)).collect();
        let rows = self.hub.store.read_records(self.hub.tenant, &keys).await?;
        Ok(rows.into_iter().map(|row| (row.held.key, row.held)).collect())
    }

    /// Gives what is known of the source's webhooks, to explain findings.
    pub(super) async fn told(&self, walk: &Walk) -> Result<Told, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let text = store
            .checkpoint(tenant, self.source.id, Watched::CHECKPOINT)
            .await?;
        let watched = Watched::read(text.as_deref());
        Ok(Told {
            since: watched.since,
            gaps: watched.gaps,
            has_webhook: has_webhook(walk.part),
            tells_of_end: has_webhook_of_end(walk.part),
        })
    }

    pub(super) const fn key(&self, walk: &Walk, id: i64) -> RecordKey {
        RecordKey::new(self.source.id, walk.part.kind(), id)
    }

    /// Makes the event of a thing on a list whose words were asked for at `asked_at`; the store numbers it.
    pub(super) fn event(
        &self,
        walk: &Walk,
        key: RecordKey,
        body: bytes::Bytes,
        asked_at: Timestamp,
    ) -> Event {
        let now = self.hub.clock.now();
        Event {
            id: EventId(self.hub.new_id()),
            tenant: self.hub.tenant,
            connection: key.connection,
            origin: walk.job.origin(),
            class: self.cx.class,
            trust: Trust::Payload,
            stream: stream_of(key.kind).to_owned(),
            kind: Some(key.kind),
            action: Action::Updated,
            remote_id: key.remote_id,
            ordinal: 0,
            status: 200,
            floor: Timestamp::ZERO,
            received_at: now,
            // Of a clock that was set back since.
            asked_at: Some(asked_at.min(now)),
            headers: "{}".to_owned(),
            body,
        }
    }

    /// Makes the wish to ask for one thing.
    pub(super) fn wish(&self, key: RecordKey, now: Timestamp) -> FetchRow {
        FetchRow {
            key,
            reason: "hint".to_owned(),
            due_at: now,
            attempts: 0,
            wanted: 0,
            class: self.cx.class,
        }
    }

    /// Makes a finding; a history finds nothing, since it knows nothing yet.
    pub(super) fn finding(
        &self,
        walk: &Walk,
        remote_id: i64,
        what: What,
        why: Why,
    ) -> Option<(EventId, Finding)> {
        if walk.job.class() == Class::Backfill {
            return None;
        }
        let finding = Finding {
            connection: self.source.id,
            job: walk.job,
            part: walk.part,
            remote_id,
            at: self.hub.clock.now(),
            what,
            why,
        };
        Some((EventId(self.hub.new_id()), finding))
    }
}
