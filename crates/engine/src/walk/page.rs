//! One page of a list, with contents.

use futures_util::future::join_all;
use schakel_core::connector::{ConnectorError, Item, Page, PageAsk, Part};
use schakel_core::event::Event;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::walk::{Job, Walk};
use schakel_store::{FetchRow, Piece, StoreError, WalkPage};

use super::Trip;

impl Trip<'_> {
    /// Reads the next page.
    pub(super) async fn page(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let page = match self.list(before, false).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        after.calls += 1;
        after.seen += count(page.items.len());
        match &page.next {
            Some(next) => after.cursor.clone_from(next),
            None => self.close_list(&mut after),
        }
        if before.part == Part::Groups {
            return Ok(Ok(pieces(before, after, page)));
        }
        let mut sifted = self.sift(before, &page.items).await?;
        if before.job == Job::Sweep && before.part == Part::Orders {
            after.calls += self.add_rows(&mut sifted.events, &mut sifted.wanted).await;
        }
        after.stored += count(sifted.events.len());
        after.doubted += count(sifted.wanted.len());
        Ok(Ok(WalkPage {
            events: sifted.events,
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

    /// Reads the rows of orders that a sweep found changed, so that they come whole: a call each, instead of two for a
    /// fetch. Those for which there is no room, or whose rows can't be read now, are asked for one by one. Returns how
    /// many calls it made.
    async fn add_rows(&self, events: &mut Vec<Event>, wanted: &mut Vec<FetchRow>) -> i64 {
        let now = self.hub.clock.now();
        let whole = events.len().min(self.room.saturating_sub(1));
        let kept: Vec<Event> = std::mem::take(events);
        let answers = join_all(kept.iter().take(whole).map(|event| {
            self.source
                .source
                .rows(&self.cx, Part::OrderRows, event.remote_id)
        }))
        .await;
        let mut answers = answers.into_iter();
        for mut event in kept {
            let rows = answers
                .next()
                .and_then(Result::ok)
                .filter(|answer| answer.status == 200);
            let body = rows.and_then(|rows| {
                self.source
                    .source
                    .with_rows(Part::OrderRows, &event.body, &rows.body)
            });
            match body {
                Some(body) => {
                    event.body = body;
                    events.push(event);
                }
                None => {
                    let key = RecordKey::new(event.connection, RecordKind::Order, event.remote_id);
                    wanted.push(self.wish(key, now));
                }
            }
        }
        count(whole)
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
