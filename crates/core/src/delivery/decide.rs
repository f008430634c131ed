//! What follows an outcome: a pure, total function. Source: reliability.md §6.

use crate::connector::ConnectorError;
use crate::limits;

/// What the engine does after an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Not executed: try again after `wait_ms`; nothing is held against the delivery.
    Again {
        /// Wait, in milliseconds.
        wait_ms: i64,
    },
    /// May have been executed: wait until it can't execute any more, then look before creating.
    Settle,
    /// A fault of this item: counted; try again after `wait_ms`, dead after too many.
    Fault {
        /// Wait, in milliseconds.
        wait_ms: i64,
    },
    /// Will never be accepted: dead letter at once.
    Dead,
    /// A fault of the whole connection: stop it, tell its owner.
    Block,
}

/// Decides what follows `error` at the `attempt`-th attempt in a row (from 1); `dice` is a random number.
#[must_use]
pub fn decide(error: &ConnectorError, attempt: u32, faults: u32, dice: u64) -> Decision {
    let soon = wait_up_to(limits::RETRY_SOON_CAP_MS, attempt, dice);
    match error {
        ConnectorError::RateLimited { retry_after_ms } => {
            let asked = retry_after_ms.unwrap_or(0).clamp(0, limits::RETRY_AFTER_MS);
            Decision::Again {
                wait_ms: asked.max(soon),
            }
        }
        ConnectorError::Unavailable(_) => Decision::Again { wait_ms: soon },
        ConnectorError::Uncertain(_) | ConnectorError::TimedOut(_) | ConnectorError::Malformed(_) => {
            Decision::Settle
        }
        ConnectorError::Missing(_) | ConnectorError::Rejected(_) if faults + 1 >= limits::ENTITY_FAULTS => {
            Decision::Dead
        }
        // What the connection did meanwhile is not held against the object.
        ConnectorError::Missing(_) | ConnectorError::Rejected(_) => Decision::Fault {
            wait_ms: retry_wait_ms(faults + 1, dice),
        },
        ConnectorError::Unauthorised(_)
        | ConnectorError::SwitchedOff(_)
        | ConnectorError::Structure(_)
        | ConnectorError::NotOurs(_)
        | ConnectorError::Moved(_) => Decision::Block,
        ConnectorError::Unsupported(_) => Decision::Dead,
    }
}

/// Gives a wait with full jitter in milliseconds: base 1 s, doubling, cap 15 minutes, never 0.
#[must_use]
pub fn retry_wait_ms(attempt: u32, dice: u64) -> i64 {
    wait_up_to(limits::RETRY_CAP_MS, attempt, dice)
}

/// Gives how long a sink that refuses everything is left alone, in milliseconds, when it did so `blocks` times in a row.
#[must_use]
pub fn block_wait_ms(blocks: u32) -> i64 {
    limits::BLOCK_MS * i64::from(blocks.clamp(1, limits::BLOCKS_MAX))
}

/// Gives how long to wait before a sink whose structure could not be read is asked for it again, in milliseconds, after the
/// `attempt`-th failure in a row (from 1); `dice` is a random number.
///
/// Refused credentials, an account that is not ours or not the one that was filled and a language that is off wait like any block. All else waits as an
/// object waits for a sink that is down, so that the hub goes on soon after the sink came back or a person mended it.
#[must_use]
pub fn connect_wait_ms(error: &ConnectorError, attempt: u32, dice: u64) -> i64 {
    match (error, decide(error, attempt, 0, dice)) {
        (
            ConnectorError::Unauthorised(_)
            | ConnectorError::NotOurs(_)
            | ConnectorError::Moved(_)
            | ConnectorError::SwitchedOff(_),
            _,
        ) => block_wait_ms(attempt),
        (_, Decision::Again { wait_ms }) => wait_ms,
        _ => wait_up_to(limits::RETRY_SOON_CAP_MS, attempt, dice),
    }
}

fn wait_up_to(cap_ms: i64, attempt: u32, dice: u64) -> i64 {
    let doublings = attempt.saturating_sub(1).min(20);
    let ceiling = limits::RETRY_BASE_MS.saturating_mul(1 << doublings).min(cap_ms);
    let ceiling = u64::try_from(ceiling).unwrap_or(1).max(1);
    i64::try_from(dice % ceiling).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_failure_has_one_decision() {
        let text = String::new;
        let cases = [
            (ConnectorError::Unavailable(text()), true),
            (ConnectorError::RateLimited { retry_after_ms: None }, true),
        ];
        for (error, is_again) in cases {
            assert_eq!(
                matches!(decide(&error, 1, 0, 5), Decision::Again { .. }),
                is_again
            );
        }
        assert_eq!(
            decide(&ConnectorError::Uncertain(text()), 1, 0, 5),
            Decision::Settle
        );
        assert_eq!(
            decide(&ConnectorError::Malformed(text()), 1, 0, 5),
            Decision::Settle
        );
        assert_eq!(
            decide(&ConnectorError::TimedOut(text()), 1, 0, 5),
            Decision::Settle
        );
        assert_eq!(
            decide(&ConnectorError::Unauthorised(text()), 1, 0, 5),
            Decision::Block
        );
        assert_eq!(
            decide(&ConnectorError::Structure(text()), 1, 0, 5),
            Decision::Block
        );
        assert_eq!(decide(&ConnectorError::NotOurs(text()), 1, 0, 5), Decision::Block);
        assert_eq!(decide(&ConnectorError::Moved(text()), 1, 0, 5), Decision::Block);
        assert!(matches!(
            decide(&ConnectorError::Rejected(text()), 1, 0, 5),
            Decision::Fault { .. }
        ));
        assert_eq!(decide(&ConnectorError::Rejected(text()), 1, 7, 5), Decision::Dead);
    }

    #[test]
    fn an_outage_of_any_length_makes_nothing_dead() {
        for attempt in 1..10_000 {
            let decision = decide(&ConnectorError::Unavailable(String::new()), attempt, 0, 99);
            assert!(matches!(decision, Decision::Again { .. }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn waits_stay_in_bounds(attempt in 0u32..u32::MAX, dice: u64, asked in 0i64..i64::MAX) {
            let wait = retry_wait_ms(attempt, dice);
            prop_assert!((1..=limits::RETRY_CAP_MS).contains(&wait));
            let error = ConnectorError::RateLimited { retry_after_ms: Some(asked) };
            if let Decision::Again { wait_ms } = decide(&error, attempt, 0, dice) {
                prop_assert!(wait_ms >= asked.min(limits::RETRY_AFTER_MS));
                prop_assert!(wait_ms <= limits::RETRY_AFTER_MS);
            }
            let down = ConnectorError::Unavailable(String::new());
            let Decision::Again { wait_ms: soon } = decide(&down, attempt, 0, dice) else {
                return Err(TestCaseError::fail("an outage is waited for"));
            };
            prop_assert!((1..=limits::RETRY_SOON_CAP_MS).contains(&soon));
        }

        #[test]
        fn a_sink_that_comes_back_is_asked_soon_and_one_that_refuses_us_is_left_alone(attempt: u32, dice: u64) {
            let text = String::new;
            for error in [
                ConnectorError::Unavailable(text()),
                ConnectorError::TimedOut(text()),
                ConnectorError::Malformed(text()),
                ConnectorError::Structure(text()),
                ConnectorError::Rejected(text()),
            ] {
                let wait = connect_wait_ms(&error, attempt, dice);
                prop_assert!((1..=limits::RETRY_SOON_CAP_MS).contains(&wait), "{error}: {wait}");
            }
            let refused = connect_wait_ms(&ConnectorError::Unauthorised(text()), attempt, dice);
            prop_assert!((limits::BLOCK_MS..=8 * limits::BLOCK_MS).contains(&refused));
            let asked = ConnectorError::RateLimited { retry_after_ms: Some(60_000) };
            prop_assert!(connect_wait_ms(&asked, attempt, dice) >= 60_000);
        }
    }
}
