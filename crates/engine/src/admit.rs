//! Admit: a source shows once per process that it is the configured one, before anything is read or registered (A15).
//!
//! A key of another shop answers everything. What it says would be delivered under the number of the configured shop,
//! and nobody could tell it apart later.

use std::sync::{Arc, Mutex, PoisonError};

use schakel_core::connector::ConnectorError;
use schakel_core::delivery::connect_wait_ms;
use schakel_core::time::Timestamp;
use tokio::sync::OnceCell;

use crate::hub::{Hub, SourceConnection};

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
struct Refused {
    error: ConnectorError,
    failures: u32,
    /// When to ask again.
    until: Timestamp,
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

    fn refused(&self) -> Option<Refused> {
        let refused = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.clone()
    }

    fn refuse(&self, refused: Refused) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
    }
}

/// Gives the setting that says under which name the shop `shop_id` was first admitted. What was read of it hangs on that
/// name.
#[must_use]
pub fn first_name(shop_id: i64) -> String {
    format!("shop/{shop_id}")
}

/// Writes down under which name a shop is read, unless that was done before.
async fn note_name(hub: &Hub, source: &SourceConnection) {
    let setting = first_name(source.source.shop_id());
    let noted = hub
        .store
        .setting_or_insert(&setting, source.name.as_bytes())
        .await;
    if let Err(error) = noted {
        let connection = source.name.as_str();
        tracing::warn!(connection, %error, "the name of a shop could not be written down; the next start does");
    }
}

/// Asks `source` who it is, unless it said so before; one call for all stages that ask at once, and none while the last
/// failure is waited out.
///
/// # Errors
/// That of [`schakel_core::connector::Source::connect`], also while it is waited out.
pub(crate) async fn admit(hub: &Hub, source: &SourceConnection) -> Result<(), ConnectorError> {
    let admission = &source.admission;
    let ask = || async {
        let before = admission.refused();
        let now = hub.clock.now();
        if let Some(refused) = before.as_ref().filter(|refused| now < refused.until) {
            return Err(refused.error.clone());
        }
        let Err(error) = source.source.connect(&source.cx).await else {
            hub.note_well(source.id).await;
            note_name(hub, source).await;
            return Ok(());
        };
        let failures = before.map_or(1, |before| before.failures.saturating_add(1));
        let wait_ms = connect_wait_ms(&error, failures, hub.dice.roll());
        let until = hub.clock.now().plus_ms(wait_ms);
        admission.refuse(Refused {
            error: error.clone(),
            failures,
            until,
        });
        hub.note_ill(source.id, &error, until).await;
        Err(error)
    };
    admission.0.shown.get_or_try_init(ask).await.copied()
}
