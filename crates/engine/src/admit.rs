//! Admit: a source shows once per process that it is the configured one, before anything is read or registered (A15).
//!
//! A key of another shop answers everything. What it says would be delivered under the number of the configured shop,
//! and nobody could tell it apart later.

use schakel_core::connector::ConnectorError;
use schakel_core::delivery::connect_wait_ms;

use crate::hub::admission::Refused;
use crate::hub::{Hub, SourceConnection};

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
    admission.show(ask).await
}
