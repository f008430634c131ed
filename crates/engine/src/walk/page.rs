//! One page of a list, with contents.

use schakel_core::connector::{ConnectorError, Item, Page, PageAsk, Part};
use schakel_core::walk::{Job, Walk};
use schakel_store::{Piece, StoreError, WalkPage};

use super::Trip;

impl Trip<'_> {
    /// Reads the next page.
    pub(super) async fn page(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let asked_at = self.hub.clock.now();
        let page = match self.list(before, false).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        after.calls += 1;
        after.seen += count(page.items.len());
        if before.cursor.is_empty() {
            after.asked_at = asked_at;
        }
        // Memberships have no times: they are as old as the question.
        if before.part != Part::Groups {
            // A source that does not say what time it is has changed nothing after its newest thing.
            let newest = || page.items.iter().filter_map(|item| item.updated_at).max();
            after.note_source_time(page.at.or_else(newest));
        }
        match &page.next {
            Some(next) => after.cursor.clone_from(next),
            None => self.close_list(&mut after),
        }
        if before.part == Part::Groups {
            return Ok(Ok(pieces(before, after, page)));
        }
        if before.job == Job::Lookup {
            return self.look_up(before, after, page, asked_at).await.map(Ok);
        }
        let mut sifted = self.sift(before, &page.items, asked_at).await?;
        let mut pieces = Vec::new();
        if before.job == Job::Sweep && self.rows_of(before.part).is_some() {
            // They wait for their rows; those that cannot be read would be no better for them.
            let changed = std::mem::take(&mut sifted.events).into_iter();
            let (unreadable, whole): (Vec<_>, Vec<_>) = changed.partition(|event| self.is_unreadable(event));
            sifted.events = unreadable;
            pieces = whole
                .into_iter()
                .map(|event| Piece {
                    remote_id: event.remote_id,
                    body: event.body,
                })
                .collect();
        }
        after.stored += count(sifted.events.len());
        after.doubted += count(sifted.wanted.len());
        Ok(Ok(WalkPage {
            events: sifted.events,
            pieces,
            wanted: sifted.wanted,
            findings: sifted.findings,
            ..WalkPage::bare(before.clone(), after)
        }))
    }

    /// Asks for the page at the walk's place.
    pub(super) async fn list(&self, walk: &Walk, is_ids_only: bool) -> Result<Page, ConnectorError> {
        let ask = PageAsk {
            part: walk.part,
            span: walk.span,
            cursor: &walk.cursor,
            is_ids_only,
        };
        self.source.source.list(&self.cx, ask).await
    }
}

/// Keeps the pieces of a page until all of them are there.
fn pieces(before: &Walk, after: Walk, page: Page) -> WalkPage {
    let piece = |item: Item| Piece {
        remote_id: item.remote_id,
        body: item.body,
    };
    WalkPage {
        pieces: page.items.into_iter().map(piece).collect(),
        ..WalkPage::bare(before.clone(), after)
    }
}

/// A number of things, as tables have it.
pub(super) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
