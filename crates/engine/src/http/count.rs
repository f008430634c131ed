//! Counts calls by label: API calls are a currency (architecture §5).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schakel_core::connector::{BoxFuture, Http, HttpError, Request, Response};

/// How often each kind of call was made through one door.
#[derive(Debug, Clone, Default)]
pub struct CallCounts(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl CallCounts {
    /// Gives the counts by label.
    #[must_use]
    pub fn by_label(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the sum over all labels.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .sum()
    }

    fn note(&self, label: &'static str) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(label)
            .or_default() += 1;
    }
}

/// A door that counts what goes through it.
pub struct CountingDoor {
    inner: Arc<dyn Http>,
    counts: CallCounts,
}

impl CountingDoor {
    /// Counts the calls through `inner` in `counts`.
    #[must_use]
    pub fn new(inner: Arc<dyn Http>, counts: CallCounts) -> Self {
        Self { inner, counts }
    }
}

impl Http for CountingDoor {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, HttpError>> {
        self.counts.note(request.label);
        self.inner.send(request)
    }
}
