//! Whether a source may be read: what [`crate::admit`] found out about it.

use std::sync::{Arc, Mutex, PoisonError};

use schakel_core::connector::ConnectorError;
use schakel_core::time::Timestamp;
use tokio::sync::OnceCell;

/// Whether a source showed that it is the configured one.
#[derive(Clone, Default)]
pub struct Admission(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Filled once it did.
    shown: OnceCell<()>,
    refused: Mutex<Option<Refused>>,
}

/// How it last failed to.
#[derive(Clone)]
pub(crate) struct Refused {
    pub(crate) error: ConnectorError,
    /// How often in a row, from 1.
    pub(crate) failures: u32,
    /// When to ask again.
    pub(crate) until: Timestamp,
}

impl Admission {
    /// Gives the admission of a source that showed it before.
    #[must_use]
    pub fn shown() -> Self {
        let admission = Self::default();
        // A cell that was just made is empty.
        let _ = admission.0.shown.set(());
        admission
    }

    /// Tells whether the source showed it.
    pub(crate) fn is_shown(&self) -> bool {
        self.0.shown.initialized()
    }

    /// Gives when the source is asked again who it is; `None` once it said so, and before it was asked.
    pub(crate) fn asks_again_at(&self) -> Option<Timestamp> {
        let refused = self.refused().filter(|_| !self.is_shown());
        refused.map(|refused| refused.until)
    }

    /// Lets the next caller ask, however long the last failure would be waited out: somebody says that it is mended.
    pub(crate) fn ask_at_once(&self) {
        let mut refused = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = refused.as_mut() {
            refused.until = Timestamp::ZERO;
        }
    }

    /// How it last failed to.
    pub(crate) fn refused(&self) -> Option<Refused> {
        let refused = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.clone()
    }

    /// Notes how it failed to.
    pub(crate) fn refuse(&self, refused: Refused) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
    }

    /// Asks by `ask` unless it was shown before; one asks for all that wait at once.
    ///
    /// # Errors
    /// That of `ask`; the next caller asks again.
    pub(crate) async fn show<F>(&self, ask: impl FnOnce() -> F) -> Result<(), ConnectorError>
    where
        F: Future<Output = Result<(), ConnectorError>>,
    {
        self.0.shown.get_or_try_init(ask).await.copied()
    }
}
