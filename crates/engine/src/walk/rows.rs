//! The rows of orders and carts: a call each, newest first.

use futures_util::future::join_all;
use schakel_core::connector::{ConnectorError, Fetched};
use schakel_core::event::Event;
use schakel_core::id::EventId;
use schakel_core::record::RecordKind;
use schakel_core::walk::{Walk, WalkState};
use schakel_store::{FetchRow, StoreError, WalkPage};

use super::Trip;
use super::page::count;

/// Passes in a row without any progress after which what has no rows is left.
const EMPTY_PASSES: i64 = 8;

/// Wait between two passes, in milliseconds; longer than a 404 is doubted.
const PASS_WAIT_MS: i64 = 4 * 60_000;

/// What the answer for one order's rows leads to.
enum Rows {
    Whole(Event),
    Ask(FetchRow),
}

impl Trip<'_> {
    /// Reads the rows of the next few things whose rows are due.
    ///
    /// The place is the id below which it goes on, since what is newest is worth most; `listed` is how many had been
    /// stored when the pass began. A pass ends at the oldest; what became due meanwhile makes another one.
    pub(super) async fn rows(
        &self,
        before: &Walk,
        mut after: Walk,
    ) -> Result<Result<WalkPage, ConnectorError>, StoreError> {
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, before.part.kind());
        let below = before.cursor.parse().ok();
        let limit = self.room.min(self.source.fetches.max(1) * 2);
        let due = store.rows_due(tenant, self.source.id, kind, below, limit).await?;
        let Some((last, _)) = due.last() else {
            return self.end_pass(before, after).await.map(Ok);
        };
        after.cursor = last.to_string();
        let answers = join_all(
            due.iter()
                .map(|(id, _)| self.source.source.rows(&self.cx, before.part, *id)),
        )
        .await;
        after.calls += count(answers.len());
        if let Some(error) = fault_of_all(&answers) {
            return Ok(Err(error));
        }
        let mut page = WalkPage::bare(before.clone(), after);
        for ((id, event), answer) in due.into_iter().zip(answers) {
            match self.whole(before, id, event, answer).await? {
                Rows::Whole(event) => page.events.push(event),
                Rows::Ask(wish) => page.wanted.push(wish),
            }
        }
        page.after.seen += count(page.events.len() + page.wanted.len());
        page.after.stored += count(page.events.len());
        page.after.doubted += count(page.wanted.len());
        Ok(Ok(page))
    }

    /// Joins rows with what the thing's own event said; whatever does not fit is asked for as a whole.
    async fn whole(
        &self,
        walk: &Walk,
        id: i64,
        event: EventId,
        answer: Result<Fetched, ConnectorError>,
    ) -> Result<Rows, StoreError> {
        let now = self.hub.clock.now();
        let key = self.key(walk, id);
        let rows = answer.ok().filter(|answer| answer.status == 200);
        let said = self.hub.store.read_event(self.hub.tenant, event).await?;
        let body = rows.zip(said).and_then(|(rows, said)| {
            self.source
                .source
                .with_rows(walk.part, &said.event.body, &rows.body)
        });
        Ok(match body {
            Some(body) => Rows::Whole(self.event(walk, key, body, now)),
            None => Rows::Ask(self.wish(key, now)),
        })
    }

    async fn end_pass(&self, before: &Walk, mut after: Walk) -> Result<WalkPage, StoreError> {
        let (store, tenant, kind) = (&self.hub.store, self.hub.tenant, before.part.kind());
        let left = store.count_rows_due(tenant, self.source.id, kind).await?;
        after.cursor.clear();
        if left == 0 {
            after.state = WalkState::Done;
            return Ok(WalkPage::bare(before.clone(), after));
        }
        let is_waiting = store.count_waiting(tenant, 1).await? > 0;
        if before.stored > before.listed || is_waiting {
            after.failures = 0;
        } else {
            after.failures = before.failures + 1;
        }
        after.listed = before.stored;
        let wait_ms = if is_waiting { 100 } else { PASS_WAIT_MS };
        after.due_at = self
            .hub
            .clock
            .now()
            .plus_ms(if before.seen == 0 { 0 } else { wait_ms });
        if after.failures > EMPTY_PASSES {
            after.state = WalkState::Stopped;
            after.note = format!(
                "{left} {} give no rows; they are asked for again when they change",
                walk_word(before)
            );
        }
        Ok(WalkPage::bare(before.clone(), after))
    }
}

fn walk_word(walk: &Walk) -> &'static str {
    match walk.part.kind() {
        RecordKind::Quote => "carts",
        _ => "orders",
    }
}

/// Gives the error when every call failed: then it lies at the source, not at one of the things. A refused section or a
/// spent budget lies there too.
fn fault_of_all(answers: &[Result<Fetched, ConnectorError>]) -> Option<ConnectorError> {
    let errors: Vec<&ConnectorError> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .collect();
    let of_source = errors.iter().find(|error| {
        matches!(
            error,
            ConnectorError::RateLimited { .. }
                | ConnectorError::Unauthorised(_)
                | ConnectorError::Rejected(_)
        )
    });
    let first = errors.first().filter(|_| errors.len() == answers.len());
    of_source.or(first).map(|error| (*error).clone())
}
