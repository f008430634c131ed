//! How many calls at once: additive increase, multiplicative decrease. Source: reliability.md §7.

use crate::connector::ConnectorError;
use crate::limits;

/// What an answer says about the other side's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// It answered well.
    Fine,
    /// It is overloaded: 429, 503, time-out.
    Overload,
}

impl Pressure {
    /// Reads the pressure of an outcome. An answer that was lost or broken says nothing of the load; one that did not come
    /// in time does (reliability.md §7).
    #[must_use]
    pub const fn of<T>(outcome: &Result<T, ConnectorError>) -> Self {
        match outcome {
            Err(
                ConnectorError::RateLimited { .. }
                | ConnectorError::Unavailable(_)
                | ConnectorError::TimedOut(_),
            ) => Self::Overload,
            _ => Self::Fine,
        }
    }
}

/// A limit on concurrent calls that grows while the other side keeps up and shrinks when it does not.
///
/// Starts at 1 (doubling until the first sign of pressure, then +1 per round in which the limit was reached),
/// x0.9 when an answer takes longer than the moving average plus 2.5 deviations and clearly more than it, x0.5 on
/// overload, each at most once per round trip. Floor 1, ceiling [`limits::CONCURRENCY_MAX`] or lower.
#[derive(Debug, Clone)]
pub struct Aimd {
    limit: f64,
    ceiling: f64,
    is_starting: bool,
    average_us: f64,
    deviation_us: f64,
    answers_in_round: u32,
    was_full: bool,
    slow_in_round: u32,
    last_cut_us: i64,
}

/// Weight of the newest answer in the moving average.
const WEIGHT: f64 = 0.4;
/// Answers that are slower than this many deviations above the average count as slow.
const DEVIATIONS: f64 = 2.5;
/// Below this difference to the average a slow answer is noise of the machine, in microseconds.
const NOISE_US: f64 = 20_000.0;

impl Aimd {
    /// Starts at one call at a time, never above `ceiling`.
    #[must_use]
    pub fn new(ceiling: usize) -> Self {
        let ceiling = ceiling.clamp(1, limits::CONCURRENCY_MAX);
        Self {
            limit: 1.0,
            ceiling: ceiling as f64,
            is_starting: true,
            average_us: 0.0,
            deviation_us: 0.0,
            answers_in_round: 0,
            was_full: false,
            slow_in_round: 0,
            last_cut_us: i64::MIN / 2,
        }
    }

    /// Gives the number of calls that may be in flight now, at least 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the limit is between 1 and 200"
    )]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Takes in one answer: `round_trip_us` it took, `in_flight` calls when it came (itself included), and the
    /// monotonic time `now_us`.
    pub fn answered(&mut self, pressure: Pressure, round_trip_us: i64, in_flight: usize, now_us: i64) {
        let round_trip = round_trip_us.max(0) as f64;
        if pressure == Pressure::Overload {
            self.cut(0.5, now_us);
            return;
        }
        let threshold = self.average_us + (DEVIATIONS * self.deviation_us).max(NOISE_US);
        let is_slow = self.average_us > 0.0 && round_trip > threshold;
        if self.average_us == 0.0 {
            self.average_us = round_trip;
        }
        let difference = round_trip - self.average_us;
        self.average_us += WEIGHT * difference;
        self.deviation_us += WEIGHT * (difference.abs() - self.deviation_us);
        self.was_full |= in_flight >= self.limit();
        self.answers_in_round += 1;
        self.slow_in_round += u32::from(is_slow);
        if f64::from(self.answers_in_round) >= self.limit {
            self.end_round(now_us);
        }
    }

    fn end_round(&mut self, now_us: i64) {
        let is_slow = self.slow_in_round * 2 > self.answers_in_round;
        if is_slow {
            self.cut(0.9, now_us);
        } else if self.was_full {
            let grown = if self.is_starting {
                self.limit * 2.0
            } else {
                self.limit + 1.0
            };
            self.limit = grown.min(self.ceiling);
        }
        self.answers_in_round = 0;
        self.slow_in_round = 0;
        self.was_full = false;
    }

    fn cut(&mut self, factor: f64, now_us: i64) {
        self.is_starting = false;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a round trip in microseconds fits in 63 bits"
        )]
        let round_trip = self.average_us as i64;
        if now_us.saturating_sub(self.last_cut_us) < round_trip {
            return;
        }
        self.last_cut_us = now_us;
        self.limit = (self.limit * factor).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A sink with `capacity` slots: answers in 50 ms below it, is overloaded above.
    fn run(capacity: usize, rounds: usize) -> Aimd {
        let mut aimd = Aimd::new(200);
        let mut now_us = 0;
        for _ in 0..rounds {
            let in_flight = aimd.limit();
            now_us += 50_000;
            for _ in 0..in_flight {
                let pressure = if in_flight > capacity {
                    Pressure::Overload
                } else {
                    Pressure::Fine
                };
                aimd.answered(pressure, 50_000, in_flight, now_us);
            }
        }
        aimd
    }

    #[test]
    fn reaches_most_of_a_constant_capacity_within_sixty_round_trips() {
        for capacity in [4, 20, 60, 150] {
            let limit = run(capacity, 60).limit();
            assert!(limit * 10 >= capacity * 5, "{limit} of {capacity}");
            assert!(limit <= capacity * 2, "{limit} of {capacity}");
        }
    }

    #[test]
    fn halves_once_within_a_round_trip_after_overload() {
        let mut aimd = run(200, 30);
        let before = aimd.limit();
        for _ in 0..before {
            aimd.answered(Pressure::Overload, 50_000, before, 100_000_000);
        }
        assert_eq!(aimd.limit(), before / 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn stays_in_bounds(steps in proptest::collection::vec((any::<bool>(), 0i64..10_000_000, 0usize..400), 0..60)) {
            let mut aimd = Aimd::new(64);
            let mut now_us = 0;
            for (is_fine, round_trip, in_flight) in steps {
                now_us += round_trip;
                let pressure = if is_fine { Pressure::Fine } else { Pressure::Overload };
                aimd.answered(pressure, round_trip, in_flight, now_us);
                prop_assert!((1..=64).contains(&aimd.limit()));
            }
        }
    }
}
