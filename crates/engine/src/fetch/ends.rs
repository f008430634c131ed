//! What fetches come to, until the store has it.

use schakel_core::connector::ConnectorError;
use schakel_core::delivery::retry_wait_ms;
use schakel_core::event::Event;
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;
use schakel_store::{AfterFetch, EndedFetch, FetchRow, Hold, StoreError};

use super::REFUSED_WAIT_MS;
use crate::hub::Hub;

/// Fetches that came to an end and are not stored yet: an answer that was paid for is not asked for twice because the store
/// was away when it came.
#[derive(Default)]
pub(super) struct Ends {
    done: Vec<EndedFetch>,
    again: Vec<Again>,
    /// What was stored and is not told yet.
    stored: Vec<RecordKey>,
}

/// A fetch that goes back.
struct Again {
    row: FetchRow,
    until: Timestamp,
    due_at: Timestamp,
    /// What failed; `None` where nothing was wrong with it.
    error: Option<String>,
}

impl Ends {
    /// Takes a fetch that goes its way, with its answer where that counts.
    pub(super) fn done(&mut self, row: FetchRow, until: Timestamp, after: AfterFetch, event: Option<Event>) {
        self.done.push(EndedFetch {
            row,
            until,
            after,
            event,
        });
    }

    /// Takes a fetch that failed.
    pub(super) fn again(&mut self, hub: &Hub, row: FetchRow, until: Timestamp, error: &ConnectorError) {
        let (id, kind) = (row.key.connection, row.key.kind.as_str());
        let (wait_ms, said) = if let ConnectorError::RateLimited {
            retry_after_ms: Some(wait_ms),
        } = error
        {
            // Nothing was wrong with it: it goes when there is room again.
            tracing::debug!(connection = hub.name_of(id), kind, wait_ms, %error, "fetch put off");
            (*wait_ms, None)
        } else {
            // The long backoff, also for what may ail the whole shop: one record that always fails must not eat the calls
            // of a day.
            let backoff = retry_wait_ms(row.attempts + 1, hub.dice.roll());
            let wait_ms = match error {
                ConnectorError::Unauthorised(_) | ConnectorError::Rejected(_) => backoff.max(REFUSED_WAIT_MS),
                _ => backoff,
            };
            tracing::warn!(connection = hub.name_of(id), kind, wait_ms, %error, "fetch failed, next attempt in {wait_ms} ms");
            (wait_ms, Some(error.to_string()))
        };
        self.again.push(Again {
            row,
            until,
            due_at: hub.clock.now().plus_ms(wait_ms),
            error: said,
        });
    }

    /// Stores what came to an end; see [`Ends::stored`].
    ///
    /// # Errors
    /// When the store fails: what it did not take is kept for the next time, unless the answers themselves are at fault.
    pub(super) async fn store(&mut self, hub: &Hub) -> Result<(), StoreError> {
        while let Some(again) = self.again.last() {
            again.put(hub).await?;
            self.stored.extend(self.again.pop().map(|again| again.row.key));
        }
        let finished = hub
            .store
            .finish_fetches(hub.tenant, &hub.worker, &self.done, hub.clock.now())
            .await;
        match finished {
            Ok(()) => {
                if self.done.iter().any(|one| one.event.is_some()) {
                    hub.wake.inbox.notify_one();
                }
                self.stored.extend(self.done.drain(..).map(|one| one.row.key));
                Ok(())
            }
            Err(error) => {
                if error.is_of_data() {
                    // Kept they would stop all others for ever. Their claims end by themselves.
                    self.done.clear();
                }
                Err(error)
            }
        }
    }

    /// Takes what was stored since it was asked last.
    pub(super) fn stored(&mut self) -> Vec<RecordKey> {
        std::mem::take(&mut self.stored)
    }
}

impl Again {
    async fn put(&self, hub: &Hub) -> Result<(), StoreError> {
        let hold = Hold {
            owner: hub.worker.clone(),
            until: self.until,
        };
        let (store, row) = (&hub.store, &self.row);
        match &self.error {
            Some(error) => {
                store
                    .retry_fetch(hub.tenant, &hold, row, self.due_at, error)
                    .await
            }
            None => store.postpone_fetch(hub.tenant, &hold, row, self.due_at).await,
        }
    }
}
