//! How far the clock of this machine is from that of the database.
//!
//! Several processes on one PostgreSQL share leases, and each reads its own clock. A clock that is off never doubles or
//! loses anything (I22): leases are fenced by epochs, and a claim that another process takes over is looked at before
//! anything is created. But it wastes work, so beyond the margin of a claim a process does not start.

use schakel_core::time::{Clock, Timestamp};
use schakel_store::{Store, StoreError};

use crate::error::Failure;

/// Skew that claims have room for, in milliseconds (`engine::deliver`, margin of a claim).
pub(crate) const MS_MAX: i64 = 5_000;

/// Skew from which the clocks should be looked at, in milliseconds.
pub(crate) const MS_NOTABLE: i64 = 1_000;

/// Gives how far this machine is ahead of the database, in milliseconds; `None` where the database has no clock of
/// its own. The time that the question took counts for nothing.
///
/// # Errors
/// When the store fails.
pub(crate) async fn ahead_ms(store: &Store, clock: &dyn Clock) -> Result<Option<i64>, StoreError> {
    let before = clock.now();
    let server = store.server_time().await?;
    Ok(server.map(|server| between(before, server, clock.now())))
}

fn between(before: Timestamp, server: Timestamp, after: Timestamp) -> i64 {
    let nearest = server.clamp(before.min(after), before.max(after));
    (nearest.as_micros() - server.as_micros()) / 1_000
}

/// Refuses to work with a clock that is too far off.
///
/// # Errors
/// `SCH-0210`; those of the store.
pub(crate) async fn check(store: &Store, clock: &dyn Clock) -> Result<(), Failure> {
    match ahead_ms(store, clock).await? {
        Some(ms) if is_too_far(ms) => Err(too_far(ms)),
        _ => Ok(()),
    }
}

/// Whether a clock that is ahead by `ms` milliseconds is too far off to work with.
pub(crate) const fn is_too_far(ms: i64) -> bool {
    ms.abs() > MS_MAX
}

fn too_far(ms: i64) -> Failure {
    Failure::new("SCH-0210", format!("the clock of this machine is {}", said(ms))).hint(
        "let both machines take their time from the network; several processes on one database share leases by the clock",
    )
}

/// Says a skew in words.
pub(crate) fn said(ms: i64) -> String {
    let side = if ms < 0 { "behind" } else { "ahead of" };
    format!("{} ms {side} the database's", ms.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::ZERO.plus_ms(ms)
    }

    #[test]
    fn the_time_of_the_question_is_no_skew() {
        assert_eq!(between(at(1_000), at(1_300), at(1_500)), 0);
        assert_eq!(between(at(1_000), at(400), at(1_500)), 600);
        assert_eq!(between(at(1_000), at(9_000), at(1_500)), -7_500);
        assert_eq!(
            between(at(1_500), at(1_200), at(1_000)),
            0,
            "a clock that jumped back"
        );
    }

    #[test]
    fn a_refusal_says_by_how_much_and_which_way() {
        let lines = too_far(-7_500).lines().join(" ");
        assert!(
            lines.contains("7500 ms behind") && lines.contains("SCH-0210"),
            "{lines}"
        );
    }
}
