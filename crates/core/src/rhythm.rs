//! Rhythm: how many webhooks a source usually sends at which hour, so that silence can be told from a quiet night.
//!
//! The rates are averages per hour of the week (UTC), newer weeks counting more. Silence is suspicious when so many were
//! expected since the last one that none of them coming is no chance any more: arrivals by chance leave out twelve
//! expected ones once in 160,000 times.

use serde::{Deserialize, Serialize};

use crate::gaps::Gaps;
use crate::time::Timestamp;

/// Hours of a week.
const HOURS: usize = 168;

/// An hour in microseconds.
const HOUR_US: i64 = 3_600_000_000;

/// Arrivals that must have been expected before silence is suspicious.
const SUSPICIOUS: f64 = 12.0;

/// Shortest silence that is suspicious, in microseconds: half an hour, since even a busy shop sleeps for a moment.
const SILENCE_MIN_US: i64 = 1_800_000_000;

/// How much the newest week counts.
const NEWEST: f64 = 0.4;

/// The usual number of webhooks per hour of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rhythm {
    /// Per hour since Monday 00:00 UTC; -1 for an hour that was never watched.
    rates: Vec<f64>,
    /// The hour that is being watched, counted since 1970, and how many came in it so far.
    hour: i64,
    so_far: f64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            rates: vec![-1.0; HOURS],
            hour: 0,
            so_far: 0.0,
        }
    }
}

impl Rhythm {
    /// Takes in that `arrived` webhooks came until `now` since the last call. Hours that were not watched to their end
    /// (the hub did not run) are left as they were.
    pub fn note(&mut self, arrived: i64, now: Timestamp) {
        let hour = now.as_micros().div_euclid(HOUR_US);
        let arrived = u32::try_from(arrived.max(0)).map_or(f64::from(u32::MAX), f64::from);
        if hour == self.hour {
            self.so_far += arrived;
            return;
        }
        if hour == self.hour + 1
            && let Some(rate) = self.rates.get_mut(of_week(self.hour))
        {
            *rate = if *rate < 0.0 {
                self.so_far
            } else {
                *rate * (1.0 - NEWEST) + self.so_far * NEWEST
            };
        }
        self.hour = hour;
        self.so_far = arrived;
    }

    /// Tells whether no webhook since `last` is more than a quiet moment at `now`.
    #[must_use]
    pub fn is_suspicious(&self, last: Timestamp, now: Timestamp) -> bool {
        now.as_micros() - last.as_micros() >= SILENCE_MIN_US && self.expected(last, now) >= SUSPICIOUS
    }

    /// How many webhooks are usual between two moments; of a longer time than a week only the last week counts.
    #[must_use]
    pub fn expected(&self, from: Timestamp, to: Timestamp) -> f64 {
        let week_us = i64::try_from(HOURS).unwrap_or(0) * HOUR_US;
        let end = to.as_micros();
        let mut at = from.as_micros().max(end - week_us);
        let mut sum = 0.0;
        while at < end {
            let hour = at.div_euclid(HOUR_US);
            let until = ((hour + 1) * HOUR_US).min(end);
            let rate = self.rates.get(of_week(hour)).copied().unwrap_or(-1.0).max(0.0);
            #[expect(clippy::cast_precision_loss, reason = "at most an hour of microseconds")]
            let part = (until - at) as f64 / HOUR_US as f64;
            sum += rate * part;
            at = until;
        }
        sum
    }
}

/// The place of an hour in its week; 1970 began on a Thursday.
fn of_week(hour: i64) -> usize {
    usize::try_from((hour + 3 * 24).rem_euclid(168)).unwrap_or(0)
}

/// What is known of a source's webhooks; kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// When they were first found registered; `None` when they never were (polling).
    pub since: Option<Timestamp>,
    /// When they were last found registered and nothing was missing.
    pub good_at: Option<Timestamp>,
    /// When the last one came, as far as was noticed.
    pub heard_at: Option<Timestamp>,
    /// How many had come then.
    pub heard: i64,
    /// When silence was last suspicious.
    pub suspected_at: Option<Timestamp>,
    /// How often something had to be mended: registrations made anew or duplicates removed.
    pub mended: i64,
    /// How often silence was suspicious.
    pub suspicions: i64,
    /// The usual number of webhooks.
    pub rhythm: Rhythm,
    /// When they are known to have stayed away: not registered, suspiciously silent, or no hub watched.
    pub gaps: Gaps,
    /// When a hub last watched, to five minutes.
    pub awake_at: Option<Timestamp>,
    /// Since when no hub watched, until what changed meanwhile is being read. `None` while they were never registered.
    pub unread_from: Option<Timestamp>,
}

impl Watched {
    /// Name of the checkpoint of a source in which it is kept.
    pub const CHECKPOINT: &str = "watch";

    /// Wait after a suspicion before the next one, in microseconds: a shop without customers for a day is not asked
    /// about every minute.
    const CALM_US: i64 = HOUR_US;

    /// How exactly it is kept when a hub last watched, in microseconds: each time is a row that is written.
    const AWAKE_US: i64 = 300_000_000;

    /// From which time on without any hub webhooks may have been lost, in microseconds: less is a restart, and what comes
    /// meanwhile is sent again. A machine that was suspended and a database that was away are no better than a hub that was
    /// stopped.
    const ASLEEP_US: i64 = 2 * Self::AWAKE_US;

    /// Reads a checkpoint; one that cannot be read counts as none.
    #[must_use]
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Gives the text of the checkpoint.
    ///
    /// # Panics
    /// Never: numbers always serialise.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("numbers always serialise")
    }

    /// Notes that `heard` webhooks have come in all until `now`.
    pub fn note(&mut self, heard: i64, now: Timestamp) {
        let arrived = heard - self.heard;
        self.rhythm.note(arrived, now);
        self.heard = heard;
        if arrived > 0 {
            if let (Some(last), Some(suspected)) = (self.heard_at, self.suspected_at)
                && last < suspected
            {
                self.gaps.note(last, now);
            }
            self.heard_at = Some(now);
            self.since = self.since.or(Some(now));
        }
        // What was noted by a clock that has been set back since would silence the watch until it caught up (I22).
        for at in [
            &mut self.heard_at,
            &mut self.good_at,
            &mut self.suspected_at,
            &mut self.awake_at,
        ] {
            *at = at.map(|at| at.min(now));
        }
    }

    /// Notes that a hub watches at `now`: when none did for long, the time between is a gap that is to be read.
    pub fn note_awake(&mut self, now: Timestamp) {
        if let Some(at) = self.awake_at.filter(|at| us_between(*at, now) >= Self::ASLEEP_US) {
            self.gaps.note(at, now);
            self.unread_from = Some(self.unread_from.map_or(at, |from| from.min(at)));
        }
        if self.good_at.is_none() {
            // Before they were ever found registered no hub that slept missed any.
            self.unread_from = None;
        }
        self.note_watched(now);
    }

    /// Notes that a hub has watched until `now`, without a gap.
    pub fn note_watched(&mut self, now: Timestamp) {
        if self
            .awake_at
            .is_none_or(|at| us_between(at, now) >= Self::AWAKE_US)
        {
            self.awake_at = Some(now);
        }
    }

    /// Tells whether silence is suspicious at `now`, and was not just before.
    #[must_use]
    pub fn is_silent(&self, now: Timestamp) -> bool {
        let is_calm = self
            .suspected_at
            .is_some_and(|at| now.as_micros() - at.as_micros() < Self::CALM_US);
        self.heard_at
            .is_some_and(|last| !is_calm && self.rhythm.is_suspicious(last, now))
    }
}

const fn us_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_micros() - from.as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: f64) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "a few weeks of microseconds")]
        let us = (hours * 3.6e9) as i64;
        Timestamp::from_micros(us)
    }

    /// Two weeks of a shop with 20 webhooks an hour by day and none by night.
    fn shop() -> Rhythm {
        let mut rhythm = Rhythm::default();
        for quarter in 0..(2 * 168 * 4) {
            let hour = f64::from(quarter) / 4.0;
            let is_day = (8..22).contains(&(quarter / 4 % 24));
            rhythm.note(if is_day { 5 } else { 0 }, at(hour));
        }
        rhythm
    }

    #[test]
    fn a_quiet_night_is_no_alarm_and_a_quiet_morning_is() {
        let rhythm = shop();
        let monday = 336.0;
        assert!(
            !rhythm.is_suspicious(at(monday + 22.0), at(monday + 31.5)),
            "night"
        );
        assert!(
            rhythm.is_suspicious(at(monday + 9.0), at(monday + 10.0)),
            "an hour of the morning"
        );
        assert!(
            !rhythm.is_suspicious(at(monday + 9.0), at(monday + 9.3)),
            "a moment"
        );
    }

    #[test]
    fn what_was_never_watched_expects_nothing() {
        let rhythm = Rhythm::default();
        assert!(!rhythm.is_suspicious(at(0.0), at(5_000.0)));
        let mut slept = Rhythm::default();
        slept.note(50, at(0.0));
        slept.note(50, at(500.0));
        assert!(
            slept.expected(at(500.0), at(600.0)) < 1.0,
            "an hour that was left in the middle teaches nothing"
        );
    }

    #[test]
    fn a_clock_that_is_set_back_silences_no_watch() {
        let mut watched = Watched {
            rhythm: shop(),
            ..Watched::default()
        };
        let morning = 336.0 + 9.0;
        watched.note(5, at(morning + 24.0));
        watched.suspected_at = Some(at(morning + 24.0));
        watched.note(5, at(morning));
        assert!(!watched.is_silent(at(morning + 0.9)));
        assert!(watched.is_silent(at(morning + 1.1)));
    }

    #[test]
    fn what_is_known_is_read_back() {
        let mut watched = Watched::default();
        watched.note(3, at(5.0));
        assert_eq!(Watched::read(Some(&watched.to_text())), watched);
        assert_eq!(Watched::read(Some("{\"since\": \"never\"}")), Watched::default());
        assert_eq!(Watched::read(None), Watched::default());
    }

    #[test]
    fn a_shop_that_grew_quiet_is_believed_after_some_weeks() {
        let mut rhythm = shop();
        for quarter in (2 * 168 * 4)..(12 * 168 * 4) {
            rhythm.note(0, at(f64::from(quarter) / 4.0));
        }
        assert!(rhythm.expected(at(12.0 * 168.0), at(13.0 * 168.0)) < 12.0);
    }

    /// A shop with `rate` webhooks in every hour of two weeks.
    fn steady(rate: i64) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for hour in 0..=336_i32 {
            rhythm.note(rate, at(f64::from(hour)));
        }
        rhythm
    }

    #[test]
    fn silence_is_suspicious_from_twelve_that_were_expected_and_half_an_hour() {
        let twelve = steady(12);
        assert!(twelve.is_suspicious(at(340.0), at(341.0)), "twelve exactly");
        assert!(!twelve.is_suspicious(at(340.0), at(340.99)));
        let busy = steady(1_000);
        assert!(busy.is_suspicious(at(340.0), at(340.5)), "half an hour exactly");
        assert!(!busy.is_suspicious(at(340.0), at(340.49)));
    }

    #[test]
    fn the_newest_week_counts_two_fifths_and_hours_keep_their_place() {
        let mut rhythm = Rhythm::default();
        // Before 1970 as after it; all that comes within an hour adds up.
        for week in [-1, 0] {
            let hour = f64::from(week * 168 + 5);
            rhythm.note(0, at(hour - 1.0));
            rhythm.note(if week < 0 { 4 } else { 9 }, at(hour));
            rhythm.note(if week < 0 { 6 } else { 11 }, at(hour + 0.5));
            rhythm.note(-3, at(hour + 0.7));
            rhythm.note(0, at(hour + 1.0));
        }
        let expected = rhythm.expected(at(173.0), at(174.0));
        assert!(
            (expected - 14.0).abs() < 1e-9,
            "0.6 x 10 + 0.4 x 20, not {expected}"
        );
        let part = rhythm.expected(at(172.0), at(173.25));
        assert!((part - 3.5).abs() < 1e-9, "a quarter of it, not {part}");
        // What is not known expects nothing; of a long time the last week counts.
        assert!((rhythm.expected(at(0.0), at(1_680.0)) - 14.0).abs() < 1e-9);
        assert_eq!(of_week(0), 72, "a Thursday");
    }

    #[test]
    fn an_hour_without_any_is_known_to_have_none() {
        let mut rhythm = Rhythm::default();
        for (week, arrived) in [(0, 0), (1, 10)] {
            let hour = f64::from(week * 168 + 5);
            rhythm.note(0, at(hour - 1.0));
            rhythm.note(arrived, at(hour));
            rhythm.note(0, at(hour + 1.0));
        }
        let expected = rhythm.expected(at(2.0 * 168.0 + 5.0), at(2.0 * 168.0 + 6.0));
        assert!(
            (expected - 4.0).abs() < 1e-9,
            "0.6 x 0 + 0.4 x 10, not {expected}"
        );
    }

    #[test]
    fn what_is_watched_keeps_when_it_began_and_is_calm_for_an_hour() {
        let mut watched = Watched::default();
        watched.note(0, at(1.0));
        assert_eq!((watched.since, watched.heard_at), (None, None), "nothing came");
        watched.note(3, at(2.0));
        watched.note(3, at(3.0));
        watched.note(4, at(4.0));
        assert_eq!((watched.since, watched.heard_at), (Some(at(2.0)), Some(at(4.0))));
        watched.good_at = Some(at(9.0));
        watched.note(4, at(5.0));
        assert_eq!(watched.good_at, Some(at(5.0)), "the clock was set back");

        watched.rhythm = steady(100);
        (watched.heard_at, watched.suspected_at) = (Some(at(340.0)), Some(at(341.0)));
        assert!(!watched.is_silent(at(341.99)));
        assert!(watched.is_silent(at(342.0)), "an hour exactly");
    }

    #[test]
    fn a_silence_that_was_suspicious_is_a_gap_until_the_next_webhook() {
        let mut watched = Watched::default();
        watched.note(1, at(1.0));
        watched.note(2, at(5.0));
        assert_eq!(watched.gaps, Gaps::default(), "a quiet time");
        watched.suspected_at = Some(at(7.0));
        watched.note(2, at(8.0));
        assert_eq!(watched.gaps, Gaps::default(), "it is not known yet until when");
        watched.note(3, at(9.0));
        let is_in = |hours: f64| watched.gaps.touch(at(hours), at(hours));
        assert!(is_in(5.0) && is_in(9.0) && !is_in(4.9) && !is_in(9.1));
        watched.note(4, at(10.0));
        assert!(!watched.gaps.touch(at(9.5), at(10.0)), "it was over");
    }

    #[test]
    fn a_time_without_a_hub_is_a_gap_and_a_restart_is_none() {
        let mut watched = Watched::default();
        watched.note_awake(at(0.2));
        watched.note_awake(at(0.9));
        assert_eq!(watched.unread_from, None, "no webhook was registered yet");
        (watched.gaps, watched.good_at) = (Gaps::default(), Some(at(0.9)));
        watched.note_awake(at(1.0));
        watched.note_awake(at(1.05));
        assert_eq!(watched.awake_at, Some(at(1.0)), "it is kept to five minutes");
        watched.note_awake(at(1.1));
        assert_eq!(watched.awake_at, Some(at(1.1)));
        watched.note_awake(at(1.26));
        assert_eq!(
            (&watched.gaps, watched.unread_from),
            (&Gaps::default(), None),
            "a restart"
        );
        watched.note_awake(at(3.0));
        assert!(watched.gaps.touch(at(1.26), at(1.26)) && watched.gaps.touch(at(3.0), at(3.0)));
        assert_eq!(watched.unread_from, Some(at(1.26)));
        watched.note_awake(at(3.1));
        watched.note_watched(at(3.3));
        watched.note_awake(at(3.4));
        watched.note_awake(at(5.0));
        assert!(
            !watched.gaps.touch(at(3.2), at(3.2)),
            "a hub watched, though slowly"
        );
        assert!(!watched.gaps.touch(at(3.05), at(3.05)), "a hub watched");
        assert_eq!(watched.unread_from, Some(at(1.26)), "until it is read");
        watched.note(0, at(4.0));
        watched.note_awake(at(4.1));
        assert_eq!(watched.awake_at, Some(at(4.1)), "the clock was set back");
    }
}
