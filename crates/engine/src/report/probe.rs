//! What a running hub adds to what the tables say.

use std::collections::BTreeSet;

use schakel_core::id::ConnectionId;

use crate::deliver::Gauge;
use crate::http::CallCounts;

/// What only a running hub knows: readings of its loops and doors. Empty beside a store alone.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// The delivery loops' readings, by sink.
    pub gauges: Vec<(ConnectionId, Gauge)>,
    /// Calls through the door of each connection, by its name.
    pub calls: Vec<(String, CallCounts)>,
    /// Names of the configured connections; `None` when nobody said which they are.
    pub configured: Option<BTreeSet<String>>,
}

impl Probe {
    /// Tells whether the connection called `name` is configured here, as far as anybody said so.
    pub(super) fn is_configured(&self, name: &str) -> bool {
        self.configured.as_ref().is_none_or(|names| names.contains(name))
    }
}
