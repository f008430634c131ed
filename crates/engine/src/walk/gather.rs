//! Memberships that a list brought one by one become what a customer's groups are as a whole.

use std::collections::BTreeMap;

use bytes::Bytes;
use schakel_core::connector::Item;
use schakel_core::walk::{Walk, WalkState};
use schakel_store::{StoreError, WalkPage};

use super::Trip;
use super::page::count;

/// Pieces that are put together in one transaction.
const PIECES: usize = 1_000;

impl Trip<'_> {
    /// Puts the next things together; costs no call.
    pub(super) async fn gather(&self, before: &Walk, mut after: Walk) -> Result<WalkPage, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let pieces = store.pieces(tenant, self.source.id, before.part, PIECES).await?;
        let mut things: BTreeMap<i64, Vec<Bytes>> = BTreeMap::new();
        for piece in pieces {
            things.entry(piece.remote_id).or_default().push(piece.body);
        }
        let ends = things
            .keys()
            .next()
            .copied()
            .zip(things.keys().next_back().copied());
        let Some(range) = ends else {
            after.state = WalkState::Done;
            return Ok(WalkPage::bare(before.clone(), after));
        };
        let mut unread = Vec::new();
        let mut items = Vec::new();
        for (remote_id, bodies) in things {
            match self.source.source.join(before.part, &bodies) {
                Some(body) => items.push(Item {
                    remote_id,
                    updated_at: None,
                    body,
                }),
                None => unread.push(self.wish(self.key(before, remote_id), self.hub.clock.now())),
            }
        }
        let mut sifted = self.sift(before, &items).await?;
        // They are as old as the question, and compared with whole seconds.
        for event in &mut sifted.events {
            event.floor = before.started_at.plus_ms(-1_000);
        }
        sifted.wanted.append(&mut unread);
        after.stored += count(sifted.events.len());
        after.doubted += count(sifted.wanted.len());
        Ok(WalkPage {
            events: sifted.events,
            wanted: sifted.wanted,
            findings: sifted.findings,
            gathered: vec![range],
            ..WalkPage::bare(before.clone(), after)
        })
    }
}
