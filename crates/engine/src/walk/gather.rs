//! Memberships that a list brought one by one become what a customer's groups are as a whole; whoever is on the list no
//! more is asked about.

use std::collections::BTreeMap;

use bytes::Bytes;
use schakel_core::connector::{Item, Part};
use schakel_core::record::{Content, Held};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Phase, Walk, WalkState, What};
use schakel_store::{StoreError, WalkPage};

use super::Trip;
use super::page::count;
use super::sift::Sifted;

/// Pieces that are put together in one transaction, and things that are compared with them.
const PIECES: usize = 1_000;

/// Tells whether a person halted a list of memberships before all of it was read and counted. It goes on from its start:
/// what was read before may be as old as the halt, and would count as memberships of the same moment as the rest.
pub(super) fn is_to_begin_anew(walk: &Walk) -> bool {
    let was_halted = walk.state == WalkState::Waiting && walk.seen > 0;
    was_halted && walk.part == Part::Groups && matches!(walk.phase, Phase::Read | Phase::Verify)
}

/// Begins a list of memberships anew, and drops what was read of it.
pub(super) fn begun_anew(before: &Walk, mut after: Walk) -> WalkPage {
    after.phase = Phase::Read;
    after.cursor.clear();
    after.seen = 0;
    WalkPage {
        gathered: vec![(i64::MIN, i64::MAX)],
        ..WalkPage::bare(before.clone(), after)
    }
}

impl Trip<'_> {
    /// Puts the next things together; costs no call. The place is the id up to which that was done.
    pub(super) async fn gather(&self, before: &Walk, mut after: Walk) -> Result<WalkPage, StoreError> {
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, before.part.kind());
        let done: i64 = before.cursor.parse().unwrap_or(i64::MIN);
        if done == i64::MAX {
            // All was put together; a person halted it then.
            after.state = WalkState::Done;
            return Ok(WalkPage::bare(before.clone(), after));
        }
        let pieces = store
            .pieces(tenant, self.source.id, (before.job, before.part), PIECES)
            .await?;
        let end = pieces.last().map_or(i64::MAX, |piece| piece.remote_id);
        let known = store
            .ids_alive(tenant, self.source.id, kind, (done, end), PIECES)
            .await?;
        let mut known: Vec<i64> = known.into_iter().map(|(id, _)| id).collect();
        let last = known
            .last()
            .filter(|_| known.len() == PIECES)
            .map_or(end, |last| *last);
        let mut things: BTreeMap<i64, Vec<Bytes>> = BTreeMap::new();
        for piece in pieces.into_iter().filter(|piece| piece.remote_id <= last) {
            things.entry(piece.remote_id).or_default().push(piece.body);
        }
        known.retain(|id| !things.contains_key(id));
        let mut sifted = self.joined(before, things).await?;
        self.ended(before, known, &mut sifted).await?;
        after.cursor = last.to_string();
        if last == i64::MAX {
            after.state = WalkState::Done;
        }
        after.stored += count(sifted.events.len());
        after.doubted += count(sifted.wanted.len());
        Ok(WalkPage {
            events: sifted.events,
            wanted: sifted.wanted,
            findings: sifted.findings,
            gathered: vec![(i64::MIN, last)],
            ..WalkPage::bare(before.clone(), after)
        })
    }

    /// Joins the pieces of each thing, and sifts what comes of it.
    async fn joined(&self, walk: &Walk, things: BTreeMap<i64, Vec<Bytes>>) -> Result<Sifted, StoreError> {
        let mut unread = Vec::new();
        let mut items = Vec::new();
        for (remote_id, bodies) in things {
            let item = |body| Item {
                remote_id,
                updated_at: None,
                body,
            };
            match self.source.source.join(walk.part, &bodies) {
                Some(body) => items.push(item(body)),
                // Nobody can be asked about a piece of nobody; normalise says what is wrong with it.
                None if remote_id == 0 => items.extend(bodies.into_iter().map(item)),
                None => unread.push(self.wish(self.key(walk, remote_id), self.hub.clock.now())),
            }
        }
        let mut sifted = self.sift(walk, &items, walk.asked_at).await?;
        // They are as old as the question for the first page, and compared with whole seconds.
        let as_of = walk.asked_at.plus_ms(-1_000);
        let held = self
            .held(walk, sifted.events.iter().map(|event| event.remote_id))
            .await?;
        for event in &mut sifted.events {
            event.floor = as_of;
            let key = self.key(walk, event.remote_id);
            if held.get(&key).is_some_and(|held| is_newer(held, as_of)) {
                // What is held wins, and the page that contradicts it may yet have been read after that.
                unread.push(self.wish(key, self.hub.clock.now()));
                sifted
                    .findings
                    .retain(|(_, finding)| finding.remote_id != key.remote_id);
            }
        }
        sifted.wanted.append(&mut unread);
        Ok(sifted)
    }

    /// Asks about those of `unlisted` that are in groups as far as the hub knows: these memberships ended, and no webhook
    /// told.
    async fn ended(&self, walk: &Walk, unlisted: Vec<i64>, sifted: &mut Sifted) -> Result<(), StoreError> {
        let held = self.held(walk, unlisted.into_iter()).await?;
        let (told, now) = (self.told(walk).await?, self.hub.clock.now());
        for (key, held) in held {
            let is_member =
                matches!(&held.live, Some((_, _, Content::Groups(own))) if !own.groups.is_empty());
            if !is_member {
                continue;
            }
            sifted.wanted.push(self.wish(key, now));
            if is_newer(&held, walk.asked_at.plus_ms(-1_000)) {
                continue;
            }
            let why = told.explain(None, now);
            sifted
                .findings
                .extend(self.finding(walk, key.remote_id, What::Missing, why));
        }
        Ok(())
    }
}

/// Tells whether the memberships that are held were read at `as_of` or later.
fn is_newer(held: &Held, as_of: Timestamp) -> bool {
    held.live
        .as_ref()
        .is_some_and(|(version, ..)| version.at >= as_of)
}
