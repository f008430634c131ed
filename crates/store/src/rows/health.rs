//! Rows of health: what ails a connection.

use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;

/// Why nothing goes through a connection, as the process saw it that wrote the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthRow {
    /// The connection.
    pub connection: ConnectionId,
    /// What ails it.
    pub ailment: Ailment,
    /// What the connector said, for who knows the other side; no personal data.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried again.
    pub next_at: Timestamp,
}
