//! When a whole connection is left alone: a pause after 429, a breaker after failures. Source: reliability.md §6, §7.

use crate::connector::ConnectorError;
use crate::delivery::retry_wait_ms;
use crate::limits;

/// What one answer says about the connection as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It answers; whether it liked the item is another matter.
    Well,
    /// It asks for fewer calls.
    Throttled {
        /// Wait that it asked for, in milliseconds.
        retry_after_ms: Option<i64>,
    },
    /// It did not answer, or not as documented.
    Failed,
}

impl Signal {
    /// Reads the signal of an outcome; `None` for what says nothing about the other side's health: refused
    /// credentials and a wrong structure stop the connection by a rule of their own.
    #[must_use]
    pub fn of<T>(outcome: &Result<T, ConnectorError>) -> Option<Self> {
        match outcome {
            Ok(_) | Err(ConnectorError::Rejected(_) | ConnectorError::Missing(_)) => Some(Self::Well),
            Err(ConnectorError::RateLimited { retry_after_ms }) => Some(Self::Throttled {
                retry_after_ms: *retry_after_ms,
            }),
            Err(
                ConnectorError::Unavailable(_)
                | ConnectorError::SwitchedOff(_)
                | ConnectorError::Uncertain(_)
                | ConnectorError::TimedOut(_)
                | ConnectorError::Malformed(_),
            ) => Some(Self::Failed),
            Err(
                ConnectorError::Unauthorised(_)
                | ConnectorError::Structure(_)
                | ConnectorError::NotOurs(_)
                | ConnectorError::Moved(_)
                | ConnectorError::Unsupported(_),
            ) => None,
        }
    }
}

/// Whether calls may go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// As many as the concurrency allows.
    #[default]
    Open,
    /// None for a moment: the other side asked for it.
    Paused,
    /// None: it failed too often.
    Broken,
    /// One, to see whether it is well again.
    Probing,
}

impl Flow {
    /// The word for pages and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Broken => "broken",
            Self::Probing => "probing",
        }
    }
}

/// Pause and breaker of one connection; its times are monotonic microseconds.
///
/// A failure counts when its call began after the failure before was seen, so that the calls which were out together
/// count once: overshooting a sink's capacity is the concurrency's business. Nor does one count that is about the same
/// thing as the failure before, while the flow is not broken: one bad record says nothing of the connection.
/// [`limits::BREAKER_FAILURES`] in a row
/// break the flow for [`limits::BREAKER_MS`], which doubles with every probe that fails. Any other answer of a call
/// that began since then ends it. A 429 pauses everything for the time that it asks for; one that asks for
/// none pauses only when the next round of calls gets another.
///
/// `K` names what a call is about.
#[derive(Debug, Clone)]
pub struct Breaker<K> {
    failures: u32,
    throttles: u32,
    /// How often in a row the flow was broken; 0 while it is not.
    breaks: u32,
    /// No call starts before.
    until_us: i64,
    /// When the newest failure or 429 was counted: what began until then says nothing new.
    counted_us: i64,
    /// What the newest failure was about.
    failed_about: Option<K>,
    /// Since when answers only failed, or since when nobody looked why.
    failing_since_us: Option<i64>,
}

impl<K> Default for Breaker<K> {
    fn default() -> Self {
        Self {
            failures: 0,
            throttles: 0,
            breaks: 0,
            until_us: 0,
            counted_us: -1,
            failed_about: None,
            failing_since_us: None,
        }
    }
}

impl<K: PartialEq> Breaker<K> {
    /// Takes in the answer to a call that began at `started_us` and was seen at `now_us`; `about` names the
    /// thing that the call was about, `dice` is a random number.
    pub fn answered(&mut self, signal: Signal, about: K, started_us: i64, now_us: i64, dice: u64) {
        let is_new = started_us > self.counted_us;
        if signal == Signal::Failed {
            self.failing_since_us.get_or_insert(now_us);
        } else {
            self.failing_since_us = None;
        }
        match signal {
            Signal::Well if is_new => {
                (self.failures, self.throttles, self.breaks) = (0, 0, 0);
            }
            // The flow is not broken: an older call that ends well shows that the others were too many at once.
            Signal::Well if self.breaks == 0 => self.failures = 0,
            Signal::Well => {}
            Signal::Throttled { retry_after_ms } => self.throttled(retry_after_ms, is_new, now_us, dice),
            Signal::Failed if is_new => self.failed(about, now_us, dice),
            Signal::Failed => {}
        }
    }

    fn throttled(&mut self, retry_after_ms: Option<i64>, is_new: bool, now_us: i64, dice: u64) {
        if is_new {
            // It is there and speaks.
            (self.failures, self.breaks) = (0, 0);
            self.throttles = self.throttles.saturating_add(1);
            self.counted_us = now_us;
        }
        let asked_ms = retry_after_ms.unwrap_or(0).clamp(0, limits::RETRY_AFTER_MS);
        let own_ms = match self.throttles {
            0 | 1 => 0,
            more if is_new => retry_wait_ms(more - 1, dice),
            _ => 0,
        };
        self.wait(asked_ms.max(own_ms), now_us);
    }

    fn failed(&mut self, about: K, now_us: i64, dice: u64) {
        let is_repeat = self.failed_about.as_ref() == Some(&about) && self.failures > 0;
        self.failed_about = Some(about);
        if is_repeat && self.breaks == 0 {
            return;
        }
        self.counted_us = now_us;
        self.failures = self.failures.saturating_add(1);
        if self.breaks == 0 && self.failures < limits::BREAKER_FAILURES {
            return;
        }
        self.breaks = self.breaks.saturating_add(1);
        let doublings = (self.breaks - 1).min(16);
        let wait_ms = (limits::BREAKER_MS << doublings).min(limits::BREAKER_CAP_MS);
        let jitter = i64::try_from(dice % 1000).unwrap_or(0) * wait_ms / 4000;
        self.wait(wait_ms + jitter, now_us);
    }

    /// Tells, once in [`limits::DOUBT_MS`], whether answers did nothing but fail for so long while the flow is not broken: too
    /// few things were tried to say whose fault that is, so it is worth a look.
    pub fn take_doubt(&mut self, now_us: i64) -> bool {
        let is_due = |since_us: i64| now_us.saturating_sub(since_us) >= limits::DOUBT_MS * 1000;
        let is_doubtful = self.breaks == 0 && self.failing_since_us.is_some_and(is_due);
        if is_doubtful {
            self.failing_since_us = Some(now_us);
        }
        is_doubtful
    }

    fn wait(&mut self, wait_ms: i64, now_us: i64) {
        self.until_us = self.until_us.max(now_us.saturating_add(wait_ms * 1000));
    }

    /// Gives how many more calls may start now while `in_flight` are out; `usize::MAX` for no limit.
    #[must_use]
    pub fn room(&self, in_flight: usize, now_us: i64) -> usize {
        match self.flow(now_us) {
            Flow::Open => usize::MAX,
            Flow::Paused | Flow::Broken => 0,
            Flow::Probing => 1_usize.saturating_sub(in_flight),
        }
    }

    /// Gives how long no call may go out, in microseconds; 0 when one may go now.
    #[must_use]
    pub fn closed_us(&self, now_us: i64) -> i64 {
        self.until_us.saturating_sub(now_us).max(0)
    }

    /// Tells whether calls may go out now.
    #[must_use]
    pub const fn flow(&self, now_us: i64) -> Flow {
        match (self.breaks > 0, now_us < self.until_us) {
            (false, false) => Flow::Open,
            (false, true) => Flow::Paused,
            (true, true) => Flow::Broken,
            (true, false) => Flow::Probing,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn broken() -> (Breaker<i64>, i64) {
        let mut breaker = Breaker::default();
        let mut now_us = 0;
        for _ in 0..limits::BREAKER_FAILURES {
            assert_eq!(breaker.flow(now_us), Flow::Open);
            now_us += SECOND;
            breaker.answered(Signal::Failed, now_us, now_us - 10, now_us, 0);
        }
        (breaker, now_us)
    }

    #[test]
    fn failures_in_a_row_break_the_flow_and_one_probe_at_a_time_mends_it() {
        let (mut breaker, at_us) = broken();
        let until_us = at_us + limits::BREAKER_MS * 1000;
        assert_eq!(breaker.room(0, until_us - 1), 0);
        assert_eq!((breaker.room(0, until_us), breaker.room(1, until_us)), (1, 0));
        // What began before it broke proves nothing.
        breaker.answered(Signal::Well, 1, at_us - 5 * SECOND, until_us, 0);
        assert_eq!(breaker.flow(until_us), Flow::Probing);
        breaker.answered(Signal::Failed, 1, until_us, until_us + SECOND, 0);
        let again_us = until_us + SECOND + 2 * limits::BREAKER_MS * 1000;
        assert_eq!(breaker.flow(again_us - 1), Flow::Broken);
        breaker.answered(Signal::Well, 1, again_us, again_us + SECOND, 0);
        assert_eq!(breaker.room(7, again_us + SECOND), usize::MAX);
    }

    #[test]
    fn calls_that_were_out_together_count_once() {
        let mut breaker = Breaker::default();
        for about in 0..200 {
            breaker.answered(Signal::Failed, about, 0, SECOND, 0);
        }
        assert_eq!(breaker.flow(SECOND), Flow::Open);
        breaker.answered(Signal::Well, 1, 0, SECOND, 0);
        for round in 2..=i64::from(limits::BREAKER_FAILURES) {
            breaker.answered(Signal::Failed, round, round * SECOND, round * SECOND, 0);
        }
        let now_us = i64::from(limits::BREAKER_FAILURES) * SECOND;
        assert_eq!(breaker.flow(now_us), Flow::Open, "one answer was good");
    }

    #[test]
    fn one_thing_that_always_fails_breaks_nothing_and_several_do() {
        let mut breaker = Breaker::default();
        let mut now_us = 0;
        for _ in 0..10 * limits::BREAKER_FAILURES {
            now_us += SECOND;
            breaker.answered(Signal::Failed, 7, now_us - 10, now_us, 0);
            assert_eq!(breaker.flow(now_us), Flow::Open);
        }
        for about in 1..i64::from(limits::BREAKER_FAILURES) {
            assert_eq!(breaker.flow(now_us), Flow::Open);
            now_us += SECOND;
            breaker.answered(Signal::Failed, about % 2, now_us - 10, now_us, 0);
        }
        assert_eq!(breaker.flow(now_us), Flow::Broken);
        // The probe of a broken flow counts, whatever it is about.
        now_us += 2 * limits::BREAKER_MS * 1000;
        for _ in 0..2 {
            assert_eq!(breaker.flow(now_us), Flow::Probing);
            breaker.answered(Signal::Failed, 1, now_us, now_us + 1, 0);
            assert_eq!(breaker.flow(now_us + 1), Flow::Broken);
            now_us += limits::BREAKER_CAP_MS * 2000;
        }
    }

    #[test]
    fn what_only_fails_for_long_is_doubted_now_and_then_until_anything_is_answered() {
        const DOUBT_US: i64 = limits::DOUBT_MS * 1000;
        for answer in [Signal::Well, Signal::Throttled { retry_after_ms: None }] {
            let mut breaker = Breaker::default();
            let mut doubted = Vec::new();
            for second in 0..150 {
                let now_us = second * SECOND;
                breaker.answered(Signal::Failed, 7, now_us - 10, now_us, 0);
                if breaker.take_doubt(now_us) {
                    doubted.push(now_us);
                }
            }
            assert_eq!(doubted, [DOUBT_US, 2 * DOUBT_US]);
            breaker.answered(answer, 7, 150 * SECOND, 151 * SECOND, 0);
            assert!(!breaker.take_doubt(9 * DOUBT_US), "it answered");
        }
        let (mut breaker, at_us) = broken();
        assert!(!breaker.take_doubt(at_us + DOUBT_US), "probes tell");
    }

    #[test]
    fn a_429_pauses_as_long_as_it_asks() {
        let mut breaker = Breaker::default();
        let asks = |ms| Signal::Throttled { retry_after_ms: ms };
        breaker.answered(asks(Some(7_000)), 1, 0, SECOND, 9);
        assert_eq!(breaker.flow(8 * SECOND - 1), Flow::Paused);
        assert_eq!(
            (breaker.closed_us(2 * SECOND), breaker.closed_us(9 * SECOND)),
            (6 * SECOND, 0)
        );
        assert_eq!(breaker.flow(8 * SECOND), Flow::Open);
        let mut breaker = Breaker::default();
        breaker.answered(asks(None), 1, 0, SECOND, 999);
        assert_eq!(breaker.flow(SECOND), Flow::Open, "one without a wish only slows");
        breaker.answered(asks(None), 1, 0, SECOND, 999);
        assert_eq!(breaker.flow(SECOND), Flow::Open, "it was out with the first");
        breaker.answered(asks(None), 1, SECOND + 1, 2 * SECOND, 999);
        assert_eq!(breaker.flow(2 * SECOND + 999_000), Flow::Paused);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        // Whatever happens, waits are bounded and a sink that is well again gets all its calls.
        #[test]
        fn it_always_comes_back(steps in proptest::collection::vec((0u8..5, 0i64..60_000_000, any::<u64>()), 0..80)) {
            let mut breaker = Breaker::default();
            let mut now_us = 0;
            for (kind, pause_us, dice) in steps {
                let started_us = now_us;
                now_us += pause_us;
                let signal = match kind {
                    0 => Signal::Well,
                    1 => Signal::Throttled { retry_after_ms: None },
                    2 => Signal::Throttled { retry_after_ms: Some(5_000) },
                    _ => Signal::Failed,
                };
                breaker.answered(signal, i64::from(kind), started_us, now_us, dice);
                prop_assert!(breaker.until_us <= now_us + limits::RETRY_CAP_MS * 1000);
                prop_assert!(breaker.room(1, now_us) == 0 || breaker.flow(now_us) == Flow::Open);
            }
            now_us += limits::RETRY_CAP_MS * 1000;
            prop_assert!(breaker.room(0, now_us) >= 1);
            breaker.answered(Signal::Well, 1, now_us, now_us + 1, 0);
            prop_assert_eq!(breaker.room(50, now_us + 1), usize::MAX);
        }
    }
}
