//! What this process knows of the health of its connections and of the store, so that [`crate::health`] writes and logs
//! each thing once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use schakel_core::health::{Ailment, Concern};
use schakel_core::id::ConnectionId;

/// How often the log is told of a database that stays away or is damaged, in microseconds.
const AWAY_US: i64 = 5 * 60_000_000;

/// How long nobody met a database that is away before an answer counts as its return, in microseconds.
const CALM_US: i64 = 1_000_000;

/// How often the log is told that a stage goes on failing because of the store, in microseconds.
const FAILING_US: i64 = 60_000_000;

/// What this process last wrote down of its connections.
#[derive(Debug, Default)]
pub struct Health {
    known: Mutex<BTreeMap<(ConnectionId, Concern), Known>>,
    failing: Mutex<Failing>,
    is_damaged: AtomicBool,
}

/// How the store failed, and when the log was told last, by the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    away: Option<Away>,
    damage_told_us: Option<i64>,
    stages: BTreeMap<&'static str, Told>,
}

/// A database that is away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Away {
    pub(crate) since_us: i64,
    told_us: i64,
    /// When it was met last.
    met_us: i64,
}

/// What the log was told of a stage.
#[derive(Debug)]
struct Told {
    text: String,
    at_us: i64,
}

impl Failing {
    /// Whether the log is told now that the database is away.
    pub(crate) fn is_away_told(&mut self, now_us: i64) -> bool {
        let away = self.away.get_or_insert(Away {
            since_us: now_us,
            told_us: now_us - AWAY_US,
            met_us: now_us,
        });
        away.met_us = now_us;
        let is_due = now_us - away.told_us >= AWAY_US;
        if is_due {
            away.told_us = now_us;
        }
        is_due
    }

    /// Takes how the database was away, when it answers again at `now_us`; nothing as long as somebody met it a moment ago: what
    /// was under way when it went may still come back.
    pub(crate) fn take_over(&mut self, now_us: i64) -> Option<Away> {
        self.away.take_if(|away| now_us - away.met_us >= CALM_US)
    }

    /// Whether the log is told now that the file of the database is damaged.
    pub(crate) fn is_damage_told(&mut self, now_us: i64) -> bool {
        let is_due = self
            .damage_told_us
            .is_none_or(|told_us| now_us - told_us >= AWAY_US);
        if is_due {
            self.damage_told_us = Some(now_us);
        }
        is_due
    }

    /// Whether the log is told now that `stage` failed with `text`.
    pub(crate) fn is_stage_told(&mut self, stage: &'static str, text: String, now_us: i64) -> bool {
        let told = self.stages.get(stage);
        if told.is_some_and(|told| told.text == text && now_us - told.at_us < FAILING_US) {
            return false;
        }
        self.stages.insert(stage, Told { text, at_us: now_us });
        true
    }
}

/// What was last written down of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// That something ails it.
    Ill(Ailment),
    /// Nothing ails it, as the store said at that moment of the monotonic clock.
    Well(i64),
}

impl Health {
    /// What was last written down of connections.
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<(ConnectionId, Concern), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether this process met a damaged page of the database's file. That does not pass: whoever mends it puts a copy
    /// in its place, in which nothing stands that came in since.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Notes that a page is damaged.
    pub(crate) fn note_damage(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// How the store failed.
    pub(crate) fn failing(&self) -> MutexGuard<'_, Failing> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_stays_away_is_told_now_and_then() {
        let mut failing = Failing::default();
        let told: Vec<i64> = (0..=AWAY_US)
            .step_by(1_000_000)
            .filter(|now_us| failing.is_away_told(*now_us))
            .collect();
        assert_eq!(told, [0, AWAY_US]);
        assert!(
            failing.take_over(AWAY_US + CALM_US - 1).is_none(),
            "it was met a moment ago"
        );
        assert_eq!(failing.take_over(AWAY_US + CALM_US).unwrap().since_us, 0);
        assert!(failing.take_over(AWAY_US + CALM_US).is_none());
        let mut of_damage = |now_us| failing.is_damage_told(now_us);
        assert!(of_damage(0) && !of_damage(AWAY_US - 1) && of_damage(AWAY_US));
    }

    #[test]
    fn a_stage_that_goes_on_failing_is_told_once_a_minute_and_another_failure_at_once() {
        let mut failing = Failing::default();
        let mut told = |stage, text: &str, now_us| failing.is_stage_told(stage, text.to_owned(), now_us);
        assert!(told("apply", "full", 0) && told("walk", "full", 0));
        assert!(!told("apply", "full", FAILING_US - 1));
        assert!(told("apply", "damaged", FAILING_US - 1));
        assert!(told("walk", "full", FAILING_US));
    }
}
