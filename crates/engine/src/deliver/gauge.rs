//! What a delivery loop shows to others: how many calls at once, how the sink is, and how long things took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schakel_core::delivery::{Breaker, Flow, Signal};
use schakel_core::id::DeliveryId;
use schakel_core::time::Timestamp;

/// A reading of a delivery loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reading {
    /// Calls that may be in flight.
    pub limit: usize,
    /// Calls that are.
    pub in_flight: usize,
    /// Whether nothing is sent because the sink refuses everything or its structure could not be read yet.
    pub is_blocked: bool,
    /// Whether calls may go out, as far as the sink's health allows.
    pub flow: Flow,
}

/// Most events whose latency is kept; older ones make room (I25).
const LATENCIES: usize = 50_000;

#[derive(Debug, Default)]
struct Inner {
    reading: Reading,
    breaker: Breaker<DeliveryId>,
    /// Moment of receipt -> confirmation of the last object that the event touched, both in microseconds.
    latencies: BTreeMap<i64, i64>,
}

/// Shows readings and latencies of one loop, and keeps what is known of the sink's health when the loop starts again;
/// cheap to clone.
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

    pub(super) fn read(&self, limit: usize, in_flight: usize, is_blocked: bool) {
        let reading = &mut self.lock().reading;
        (reading.limit, reading.in_flight, reading.is_blocked) = (limit, in_flight, is_blocked);
    }

    /// Notes that the sink cannot be used yet: its structure could not be read.
    pub(crate) fn unconnected(&self) {
        self.lock().reading.is_blocked = true;
    }

    /// Takes in what an answer says about the sink as a whole, see [`Breaker::answered`]; returns for how long it broke the
    /// flow, in microseconds, if it did.
    pub(super) fn answered(
        &self,
        signal: Signal,
        about: DeliveryId,
        started_us: i64,
        ended_us: i64,
        dice: u64,
    ) -> Option<i64> {
        let breaker = &mut self.lock().breaker;
        let before_us = breaker.closed_us(ended_us);
        breaker.answered(signal, about, started_us, ended_us, dice);
        let closed_us = breaker.closed_us(ended_us);
        (closed_us > before_us && breaker.flow(ended_us) == Flow::Broken).then_some(closed_us)
    }

    /// Tells whether it is to be looked now whether the sink is there, see [`Breaker::take_doubt`].
    pub(super) fn take_doubt(&self, now_us: i64) -> bool {
        self.lock().breaker.take_doubt(now_us)
    }

    /// Tells whether the flow is open, or one call shows that it may be.
    pub(super) fn is_open(&self, now_us: i64) -> bool {
        self.lock().breaker.flow(now_us) == Flow::Open
    }

    /// Gives how many more calls the sink's health allows now, beside `in_flight`; notes it for the reading.
    pub(super) fn room(&self, in_flight: usize, now_us: i64) -> usize {
        let mut inner = self.lock();
        inner.reading.flow = inner.breaker.flow(now_us);
        inner.breaker.room(in_flight, now_us)
    }

    /// Gives how long the sink's health allows no call, in microseconds.
    pub(super) fn closed_us(&self, now_us: i64) -> i64 {
        self.lock().breaker.closed_us(now_us)
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
