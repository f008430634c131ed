//! What ails connections, as the process that saw it wrote it down.

use schakel_core::health::Ailment;
use schakel_core::id::TenantId;
use schakel_core::problem::Language;
use schakel_store::rows::ConnectionRow;
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::names::name_in;
use super::probe::Probe;

/// Why nothing goes through a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthLine {
    /// Its name.
    pub connection: String,
    /// What ails it.
    pub reason: Ailment,
    /// The same as a sentence that follows the name, in English.
    pub text: &'static str,
    /// What the connector said.
    pub detail: String,
    /// Since when, in RFC 3339.
    pub since: String,
    /// When it is tried again, in RFC 3339; a time that has long passed is that of a hub which runs no more.
    pub next_at: String,
}

/// Reads what ails the connections; those that are not configured here are left out.
///
/// # Errors
/// When the store fails.
pub(super) async fn health_lines(
    store: &Store,
    tenant: TenantId,
    probe: &Probe,
    names: &[ConnectionRow],
) -> Result<Vec<HealthLine>, StoreError> {
    let rows = store.health(tenant).await?;
    let lines = rows.into_iter().map(|row| HealthLine {
        connection: name_in(names, row.connection),
        reason: row.ailment,
        text: row.ailment.text(Language::En),
        detail: row.detail,
        since: row.since.to_string(),
        next_at: row.next_at.to_string(),
    });
    Ok(lines
        .filter(|line| probe.is_configured(&line.connection))
        .collect())
}
