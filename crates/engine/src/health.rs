//! Health: what ails a connection is written down when it begins, goes on and ends, so that pages and commands beside the
//! hub can say it; and logged when it begins and ends.
//!
//! Whoever calls an outside system tells: the delivery loop of a sink, fetches, walks and the watch of a source. One call
//! that works ends it. A hub whose connections are well writes nothing.
//!
//! What ails the database cannot be written down there, so the log has it: once when it begins, now and then while it
//! lasts, and once when it is over, however many stages meet it.

use std::collections::BTreeSet;

use schakel_core::connector::ConnectorError;
use schakel_core::health::{Ailment, Concern};
use schakel_core::id::ConnectionId;
use schakel_core::time::Timestamp;
use schakel_store::StoreError;
use schakel_store::rows::HealthRow;

use crate::hub::Hub;
use crate::hub::health::Known;

/// How long a connection is known to be well before the store is asked again, in microseconds: another process that was
/// killed may have left a row.
const LOOK_US: i64 = 60_000_000;

/// Longest text of a detail, in characters.
const DETAIL_CHARS: usize = 300;

/// How long calls may lack room, in milliseconds, without anybody being told: limits of a second are full all the time.
const MOMENT_MS: i64 = 10_000;

/// How long live calls must be without room before that is told, in microseconds: the windows of a busy shop are full for
/// seconds all the time.
pub(crate) const SPENT_TOLD_US: i64 = 60_000_000;

/// Tells whether `error` is a lack of room for calls that is over at `next_at`, in a moment from `now`.
pub(crate) fn is_moment(error: &ConnectorError, now: Timestamp, next_at: Timestamp) -> bool {
    matches!(error, ConnectorError::RateLimited { .. }) && next_at < now.plus_ms(MOMENT_MS)
}

impl Hub {
    /// Tells the log that `stage` failed because the store did; what was told a moment ago is a detail.
    pub fn note_store_failed(&self, stage: &'static str, error: &StoreError) {
        let now_us = self.clock.monotonic_us();
        let mut failing = self.health.failing();
        if error.is_damaged() {
            self.health.note_damage();
            if failing.is_damage_told(now_us) {
                tracing::error!(code = "SCH-0211", stage, %error, "the file of the database is damaged: webhooks are refused with 503, so that shops send them again; stop Schakel, keep the file as it is, put the newest copy of it in its place and start again");
            }
        } else if error.is_outage() {
            if failing.is_away_told(now_us) {
                tracing::error!(code = "SCH-0205", %error, "the database does not answer: webhooks are refused with 503, so that shops send them again, and all else waits; it goes on by itself when the database is back");
            }
        } else if failing.is_stage_told(stage, error.to_string(), now_us) {
            tracing::error!(stage, %error, "the store failed, the stage tries again");
        }
        tracing::debug!(stage, %error, "the store failed");
    }

    /// Tells the log, if it heard that the database was away, that it answers again.
    pub fn note_store_works(&self) {
        let now_us = self.clock.monotonic_us();
        let Some(away) = self.health.failing().take_over(now_us) else {
            return;
        };
        let away_s = (now_us - away.since_us) / 1_000_000;
        tracing::info!(away_s, "the database answers again after {away_s} s");
    }

    /// Writes down that nothing goes through `connection` because of `error`, and that it is tried again at `next_at`. What is
    /// a moment only is none of a person's business.
    pub(crate) async fn note_ill(
        &self,
        connection: ConnectionId,
        error: &ConnectorError,
        next_at: Timestamp,
    ) {
        if is_moment(error, self.clock.now(), next_at) {
            let name = self.name_of(connection);
            tracing::debug!(connection = name, %error, "no room for a call before {next_at}");
            return;
        }
        self.note(connection, (Ailment::of(error), error), next_at).await;
    }

    /// Writes down that the calls of `connection` are used up for `wait_us` microseconds, also for live wishes, when that is
    /// longer than anybody expects.
    pub(crate) async fn note_spent(&self, connection: ConnectionId, wait_us: i64) {
        if wait_us < SPENT_TOLD_US {
            return;
        }
        let wait_ms = wait_us / 1_000;
        let error = ConnectorError::RateLimited {
            retry_after_ms: Some(wait_ms),
        };
        self.note_ill(connection, &error, self.clock.now().plus_ms(wait_ms))
            .await;
    }

    /// Writes down that the webhooks of `connection` cannot be looked after because of `error`, until the next look.
    pub(crate) async fn note_webhooks_ill(
        &self,
        connection: ConnectionId,
        error: &ConnectorError,
        next_at: Timestamp,
    ) {
        self.note(connection, (Ailment::Webhooks, error), next_at).await;
    }

    /// Writes down that a sink has no place for a part of what it shall hold, until the next look; or that it has one for all.
    pub(crate) async fn note_places(
        &self,
        connection: ConnectionId,
        ailing: Option<(ConnectorError, Timestamp)>,
    ) {
        match ailing {
            Some((error, next_at)) => self.note(connection, (Ailment::Places, &error), next_at).await,
            None => self.strike(connection, Concern::Places).await,
        }
    }

    /// Writes down that it cannot be looked who was imported by hand in a sink, until the next look; or that it was.
    pub(crate) async fn note_look(
        &self,
        connection: ConnectionId,
        failed: Option<(ConnectorError, Timestamp)>,
    ) {
        match failed {
            Some((error, next_at)) => self.note(connection, (Ailment::Look, &error), next_at).await,
            None => self.strike(connection, Concern::Look).await,
        }
    }

    async fn note(
        &self,
        connection: ConnectionId,
        (ailment, error): (Ailment, &ConnectorError),
        next_at: Timestamp,
    ) {
        let known = Known::Ill(ailment);
        let before = self.health.lock().insert((connection, ailment.concern()), known);
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
        match ailment {
            Ailment::Webhooks => {
                tracing::error!(connection, reason, %error, "the webhooks of \"{connection}\" cannot be looked after until a person mends it, they are looked at again at {next_at}");
            }
            Ailment::Places => {
                tracing::error!(connection, reason, code = "SCH-0504", %error, "a part of what \"{connection}\" shall hold has no place there and waits until `schakel setup` makes one, it is looked for again at {next_at}; the rest is delivered");
            }
            Ailment::Look => {
                tracing::warn!(connection, reason, code = "SCH-0505", %error, "it cannot be looked who was removed and imported by hand in \"{connection}\", so orders of such persons may stand where nobody sees them; it is tried again at {next_at}, and the rest is delivered");
            }
            _ if ailment.is_passing() => {
                tracing::warn!(connection, reason, %error, "nothing goes through \"{connection}\", it is tried again at {next_at}");
            }
            _ => {
                tracing::error!(connection, reason, %error, "nothing goes through \"{connection}\" until a person mends it, it is tried again at {next_at}");
            }
        }
    }

    /// Strikes out what ailed `connection`: a call worked.
    pub(crate) async fn note_well(&self, connection: ConnectionId) {
        self.strike(connection, Concern::Calls).await;
    }

    /// Strikes out what ailed the webhooks of `connection`: they were looked at.
    pub(crate) async fn note_webhooks_well(&self, connection: ConnectionId) {
        self.strike(connection, Concern::Webhooks).await;
    }

    async fn strike(&self, connection: ConnectionId, concern: Concern) {
        let now_us = self.clock.monotonic_us();
        let before = self.health.lock().get(&(connection, concern)).copied();
        if matches!(before, Some(Known::Well(at_us)) if now_us - at_us < LOOK_US) {
            return;
        }
        match self.store.clear_health(self.tenant, connection, concern).await {
            Ok(was_ill) => {
                let known = Known::Well(now_us);
                self.health.lock().insert((connection, concern), known);
                if was_ill || matches!(before, Some(Known::Ill(_))) {
                    let (connection, concern) = (self.name_of(connection), concern.as_str());
                    tracing::info!(connection, concern, "\"{connection}\" works again");
                }
            }
            Err(error) => {
                tracing::warn!(connection = self.name_of(connection), %error, "what ailed a connection could not be struck out");
            }
        }
    }

    /// Strikes out what ailed sinks to which no route leads any more. Nobody calls those, so no call that works would end it.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn strike_unfed(&self) -> Result<(), StoreError> {
        let fed: BTreeSet<ConnectionId> = self.fed_sinks().collect();
        let is_unfed = |sink: &ConnectionId| self.sinks.contains_key(sink) && !fed.contains(sink);
        for row in self.store.health(self.tenant).await? {
            let (connection, concern) = (row.connection, row.ailment.concern());
            if is_unfed(&connection) && self.store.clear_health(self.tenant, connection, concern).await? {
                let (connection, concern) = (self.name_of(connection), concern.as_str());
                tracing::info!(
                    connection,
                    concern,
                    "no route leads to \"{connection}\" any more, so nothing ails it"
                );
            }
        }
        Ok(())
    }

    /// Gives the name of `connection` for the log; empty for one that is not configured.
    pub(crate) fn name_of(&self, connection: ConnectionId) -> &str {
        let source = self.sources.get(&connection).map(|source| source.name.as_str());
        let sink = || self.sinks.get(&connection).map(|sink| sink.name.as_str());
        source.or_else(sink).unwrap_or_default()
    }
}
