//! Calls that are done after their answer: a gateway gave up on them, the shop did not.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;

use super::below_language;
use crate::lightspeed::{Simulator, locked};

/// A call that is still to be done.
pub(crate) struct PutOff {
    due_us: i64,
    parts: Parts,
    body: Bytes,
}

impl Simulator {
    /// Keeps a call until `wait_ms` have passed on the clock of the shop.
    #[expect(
        clippy::disallowed_methods,
        reason = "a simulator is a process of its own; nobody supervises it"
    )]
    pub(super) fn put_off(&self, wait_ms: u32, parts: Parts, body: Bytes) {
        let due_us = self.inner.clock.now_us() + i64::from(wait_ms) * 1_000;
        locked(&self.inner.put_off).push(PutOff { due_us, parts, body });
        let simulator = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::from(wait_ms))).await;
            simulator.do_due();
        });
    }

    /// Does the calls that were put off until now, the earliest first.
    pub(super) fn do_due(&self) {
        let now_us = self.inner.clock.now_us();
        let mut due: Vec<PutOff> = locked(&self.inner.put_off)
            .extract_if(.., |call| call.due_us <= now_us)
            .collect();
        due.sort_by_key(|call| call.due_us);
        for call in due {
            let path = call.parts.uri.path().to_owned();
            let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            // Nobody waits for the answer.
            let _ = self.passed(&call.parts, (&words, below_language(&words)), call.body, None);
        }
    }
}
