//! What a delivery loop shows to others: how many calls at once, and how long things took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schakel_core::time::Timestamp;

/// A reading of a delivery loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reading {
    /// Calls that may be in flight.
    pub limit: usize,
    /// Calls that are.
    pub in_flight: usize,
    /// Whether the sink is paused because it refuses everything.
    pub is_blocked: bool,
}

/// Most events whose latency is kept; older ones make room (I25).
const LATENCIES: usize = 50_000;

#[derive(Debug, Default)]
struct Inner {
    reading: Reading,
    /// Moment of receipt -> confirmation of the last object that the event touched, both in microseconds.
    latencies: BTreeMap<i64, i64>,
}

/// Shows readings and latencies of one loop; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gauge {
    inner: Arc<Mutex<Inner>>,
}

impl Gauge {
    /// Gives the last reading.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.lock().reading
    }

    /// Gives the latencies in milliseconds from the first byte of a webhook to the confirmation of the last object
    /// it touched, in rising order.
    #[must_use]
    pub fn latencies_ms(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self
            .lock()
            .latencies
            .iter()
            .map(|(since, until)| (until - since) as f64 / 1000.0)
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    pub(super) fn read(&self, reading: Reading) {
        self.lock().reading = reading;
    }

    pub(super) fn confirmed(&self, since: Timestamp, at: Timestamp) {
        let mut inner = self.lock();
        let until = inner.latencies.entry(since.as_micros()).or_insert(0);
        *until = (*until).max(at.as_micros());
        if inner.latencies.len() > LATENCIES {
            inner.latencies.pop_first();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
