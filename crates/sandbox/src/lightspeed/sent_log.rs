//! The newest attempts to deliver a webhook, for whoever wants to see them.

use std::collections::{BTreeMap, VecDeque};

/// How many attempts are kept.
const KEPT_MAX: usize = 1_000;

/// One attempt to deliver a webhook, or the loss of one.
#[derive(Debug, Clone)]
pub(crate) struct SentWebhook {
    /// Counts from 1.
    pub(crate) number: u64,
    /// When, in microseconds since 1970 (UTC).
    pub(crate) at_us: i64,
    /// Id of the registration.
    pub(crate) webhook: u64,
    /// Group and action.
    pub(crate) event: String,
    /// Id of the record.
    pub(crate) id: u64,
    /// Which attempt it was, from 1; 0 when it was lost on purpose.
    pub(crate) attempt: u8,
    /// Signed, wrongly signed or unsigned.
    pub(crate) signature: &'static str,
    /// The receiver's status, or why there was none.
    pub(crate) outcome: String,
}

/// The newest attempts, and how registrations fare.
#[derive(Debug, Default)]
pub(crate) struct SentLog {
    last: u64,
    kept: VecDeque<SentWebhook>,
    /// Deliveries given up in a row, by registration.
    given_up: BTreeMap<u64, u32>,
}

impl SentLog {
    /// Notes an attempt; the oldest makes room.
    pub(crate) fn note(&mut self, mut sent: SentWebhook) {
        self.last += 1;
        sent.number = self.last;
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(sent);
    }

    /// Returns the newest attempts, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<SentWebhook> {
        self.kept.iter().rev().take(limit).cloned().collect()
    }

    /// Forgets the failures of a registration that works.
    pub(crate) fn took(&mut self, webhook: u64) {
        self.given_up.remove(&webhook);
    }

    /// Counts a delivery that was given up and returns how many were, in a row.
    pub(crate) fn gave_up(&mut self, webhook: u64) -> u32 {
        let count = self.given_up.entry(webhook).or_default();
        *count += 1;
        *count
    }
}
