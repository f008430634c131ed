//! Health: what ails a connection is written down when it begins, goes on and ends, so that pages and commands beside the
//! hub can say it; and logged when it begins and ends.
//!
//! Whoever calls an outside system tells: the delivery loop of a sink, fetches, walks and the watch of a source. One call
//! that works ends it. A hub whose connections are well writes nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schakel_core::connector::ConnectorError;
use schakel_core::health::Ailment;
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_store::rows::HealthRow;

use crate::hub::Hub;

/// How long a connection is known to be well before the store is asked again, in microseconds: another process that was
/// killed may have left a row.
const LOOK_US: i64 = 60_000_000;

/// Longest text of a detail, in characters.
const DETAIL_CHARS: usize = 300;

/// What this process last wrote down of its connections.
#[derive(Debug, Default)]
pub struct Health {
    known: Mutex<BTreeMap<ConnectionId, Known>>,
}

#[derive(Debug, Clone, Copy)]
enum Known {
    Ill(Ailment),
    /// Nothing ails it, as the store said at that moment of the monotonic clock.
    Well(i64),
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Writes down that nothing goes through `connection` because of `error`, and that it is tried again at `next_at`.
    pub(crate) async fn note_ill(
        &self,
        connection: ConnectionId,
        error: &ConnectorError,
        next_at: Timestamp,
    ) {
        let ailment = Ailment::of(error);
        let before = self.health.lock().insert(connection, Known::Ill(ailment));
        if !matches!(before, Some(Known::Ill(before)) if before == ailment) {
            self.say_ill(connection, error, ailment, next_at);
        }
        let row = HealthRow {
            connection,
            ailment,
            detail: error.to_string().chars().take(DETAIL_CHARS).collect(),
            since: self.clock.now(),
            next_at,
        };
        if let Err(error) = self.store.put_health(self.tenant, &row).await {
            tracing::warn!(connection = self.name_of(connection), %error, "what ails a connection could not be written down");
        }
    }

    fn say_ill(
        &self,
        connection: ConnectionId,
        error: &ConnectorError,
        ailment: Ailment,
        next_at: Timestamp,
    ) {
        let (connection, reason) = (self.name_of(connection), ailment.as_str());
        if ailment.is_passing() {
            tracing::warn!(connection, reason, %error, "nothing goes through \"{connection}\", it is tried again at {next_at}");
        } else {
            tracing::error!(connection, reason, %error, "nothing goes through \"{connection}\" until a person mends it, it is tried again at {next_at}");
        }
    }

    /// Strikes out what ailed `connection`: a call worked.
    pub(crate) async fn note_well(&self, connection: ConnectionId) {
        let now_us = self.clock.monotonic_us();
        let before = self.health.lock().get(&connection).copied();
        if matches!(before, Some(Known::Well(at_us)) if now_us - at_us < LOOK_US) {
            return;
        }
        match self.store.clear_health(self.tenant, connection).await {
            Ok(was_ill) => {
                self.health.lock().insert(connection, Known::Well(now_us));
                if was_ill || matches!(before, Some(Known::Ill(_))) {
                    let connection = self.name_of(connection);
                    tracing::info!(connection, "\"{connection}\" works again");
                }
            }
            Err(error) => {
                tracing::warn!(connection = self.name_of(connection), %error, "what ailed a connection could not be struck out");
            }
        }
    }

    fn name_of(&self, connection: ConnectionId) -> &str {
        let source = self.sources.get(&connection).map(|source| source.name.as_str());
        let sink = || self.sinks.get(&connection).map(|sink| sink.name.as_str());
        source.or_else(sink).unwrap_or_default()
    }
}
