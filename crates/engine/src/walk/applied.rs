//! Applied: what was read is not held before it is applied, so who compares or counts what is held waits for that.

use schakel_core::walk::Walk;
use schakel_store::{StoreError, WalkPage};

use super::Trip;

/// Wait until what was read is applied, in milliseconds, and how often at most: a minute. What waits longer is live traffic,
/// and what is not applied by then is read once more, later.
const WAIT_MS: i64 = 100;
const WAITS: i64 = 600;

/// The note of a walk that waits until what it read is applied.
const BEING_APPLIED: &str = "what was read is being applied";

/// What of the inbox waits for a walk that looks at what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inbox {
    /// Nothing waits to be applied.
    Empty,
    /// Something does, and the walk waits for it.
    Fills,
    /// Something has waited for so long that the walk goes on.
    Overflows,
}

impl Trip<'_> {
    /// Tells whether everything was applied.
    pub(super) async fn inbox(&self, walk: &Walk) -> Result<Inbox, StoreError> {
        let (store, tenant) = (&self.hub.store, self.hub.tenant);
        let is_empty = store.count_waiting(tenant, self.source.id, 1).await? == 0;
        Ok(match walk.waits {
            _ if is_empty => Inbox::Empty,
            ..WAITS => Inbox::Fills,
            _ => Inbox::Overflows,
        })
    }

    /// Lets a walk wait a moment longer.
    pub(super) fn put_off_until_applied(&self, before: &Walk, mut after: Walk) -> WalkPage {
        // To wait shows nothing of the source.
        (after.failures, after.waits) = (before.failures, before.waits + 1);
        after.due_at = self.hub.clock.now().plus_ms(WAIT_MS);
        BEING_APPLIED.clone_into(&mut after.note);
        WalkPage::bare(before.clone(), after)
    }
}
