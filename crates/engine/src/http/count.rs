//! Counts calls by class and label: API calls are a currency (architecture §5).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schakel_core::connector::{BoxFuture, Class, Http, HttpError, Request, Response};

/// How often each kind of call was made through one door.
#[derive(Debug, Clone, Default)]
pub struct CallCounts(Arc<Mutex<BTreeMap<(&'static str, Class), u64>>>);

impl CallCounts {
    /// Gives the counts by label.
    #[must_use]
    pub fn by_label(&self) -> BTreeMap<&'static str, u64> {
        self.by(|(label, _)| label)
    }

    /// Gives the counts by class.
    #[must_use]
    pub fn by_class(&self) -> BTreeMap<Class, u64> {
        self.by(|(_, class)| class)
    }

    /// Gives the sum over all labels.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.held().values().sum()
    }

    fn by<K: Ord>(&self, key: impl Fn((&'static str, Class)) -> K) -> BTreeMap<K, u64> {
        let mut sums = BTreeMap::new();
        for (kind, count) in &*self.held() {
            *sums.entry(key(*kind)).or_default() += count;
        }
        sums
    }

    fn note(&self, label: &'static str, class: Class) {
        *self.held().entry((label, class)).or_default() += 1;
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<(&'static str, Class), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.counts.note(request.label, request.class);
        self.inner.send(request)
    }
}
