//! Time: one type (microseconds UTC), one door ([`Clock`]), and the few formats that others use.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A moment, in microseconds since 1970 (UTC): the one form in which the hub keeps times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The zero of the scale, used as "before everything".
    pub const ZERO: Self = Self(0);

    /// Takes microseconds since 1970 (UTC).
    #[must_use]
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// Gives microseconds since 1970 (UTC).
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Gives the moment `ms` milliseconds later (earlier when negative), saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }

    /// Reads RFC 3339 with an offset, as Lightspeed writes it (`2026-06-02T10:24:43+02:00`).
    ///
    /// Returns `None` for anything else, for years outside 1970–9999 and for `0000-00-00…`.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let parsed: jiff::Timestamp = text.trim().parse().ok()?;
        let us = parsed.as_microsecond();
        (us >= 0).then_some(Self(us))
    }

    /// Reads `YYYY-MM-DD hh:mm:ss` (or with a `T`) without an offset, as wall time of `zone`.
    ///
    /// Of a time that occurs twice the earlier one is meant, a time that is skipped is moved forward. Returns
    /// `None` for anything else and for years outside 1970–9999.
    #[must_use]
    pub fn parse_wall(text: &str, zone: &Zone) -> Option<Self> {
        let wall: jiff::civil::DateTime = text.trim().parse().ok()?;
        let us = zone.0.to_timestamp(wall).ok()?.as_microsecond();
        (us >= 0).then_some(Self(us))
    }

    /// Reads the date of an HTTP header (`Tue, 02 Jun 2026 08:24:43 GMT`, RFC 9110 §5.6.7, newest form).
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text.trim())
            .ok()?;
        let us = parsed.as_microsecond();
        (us >= 0).then_some(Self(us))
    }

    /// Writes the wall time of `zone` as `YYYY-MM-DD hh:mm:ss`, the form of Copernica's datetime fields.
    #[must_use]
    pub fn to_wall(self, zone: &Zone) -> String {
        let Ok(at) = jiff::Timestamp::from_microsecond(self.0) else {
            return String::new();
        };
        let wall = zone.0.to_datetime(at);
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            wall.year(),
            wall.month(),
            wall.day(),
            wall.hour(),
            wall.minute(),
            wall.second()
        )
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{at:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A time zone by its name, such as `Europe/Amsterdam`.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// Looks up a zone in the compiled-in table; `None` when there is no such zone.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    /// The zone of Copernica's own times and the default of every connection.
    ///
    /// # Panics
    /// Never: the zone table is compiled in, and a test reads this name from it.
    #[must_use]
    pub fn amsterdam() -> Self {
        Self::named("Europe/Amsterdam").expect("the compiled-in zone table knows Europe/Amsterdam")
    }
}

/// The one door through which time comes in.
pub trait Clock: Send + Sync + 'static {
    /// Returns the wall time. It may jump; nothing but waiting and expiry may depend on it (I22).
    fn now(&self) -> Timestamp;

    /// Returns microseconds of a clock that never goes back, for deadlines and latencies.
    fn monotonic_us(&self) -> i64;
}

/// A clock that a test moves by hand.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Starts at `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(at.as_micros())))
    }

    /// Moves the clock forward by `ms` milliseconds.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn monotonic_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Tells whether `text` is a calendar date `YYYY-MM-DD` that exists.
#[must_use]
pub fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .parse::<jiff::civil::Date>()
            .is_ok_and(|date| date.year() > 0)
}

/// Says a wait of `us` microseconds for people, with its two largest units; rounded up, so that it is over by then.
#[must_use]
pub fn wait_in_words(us: i64) -> String {
    let up = |number: i64, unit: i64| number / unit + i64::from(number % unit > 0);
    let seconds = up(us.max(0), 1_000_000);
    let minutes = if seconds < 3_600 {
        seconds / 60
    } else {
        up(seconds, 60)
    };
    match (minutes / 60, minutes % 60, seconds % 60) {
        (0, 0, _) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_honoured_and_wall_time_follows_summer_time() {
        let summer = Timestamp::parse_rfc3339("2026-06-02T10:24:43+02:00").unwrap();
        let winter = Timestamp::parse_rfc3339("2026-01-02T10:24:43+00:00").unwrap();
        assert_eq!(summer.to_wall(&Zone::amsterdam()), "2026-06-02 10:24:43");
        assert_eq!(winter.to_wall(&Zone::amsterdam()), "2026-01-02 11:24:43");
    }

    #[test]
    fn wall_times_and_http_dates_are_read() {
        let expected = Timestamp::parse_rfc3339("2026-06-02T10:24:43+02:00");
        assert!(expected.is_some());
        let zone = Zone::amsterdam();
        assert_eq!(Timestamp::parse_wall("2026-06-02 10:24:43", &zone), expected);
        assert_eq!(
            Timestamp::parse_http_date("Tue, 02 Jun 2026 08:24:43 GMT"),
            expected
        );
        assert_eq!(Timestamp::parse_wall("0000-00-00 00:00:00", &zone), None);
        assert_eq!(Timestamp::parse_http_date("soon"), None);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "0000-00-00T00:00:00+00:00",
            "2026-13-01T00:00:00+01:00",
            "yesterday",
            "-0001-01-01",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_must_exist() {
        assert!(is_date("2024-02-29"));
        for text in ["2023-02-29", "0000-00-00", "2024-2-9", "", "2024-02-29 "] {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn a_wait_is_told_in_units_of_people_and_never_too_short() {
        let waits = [
            (-1, "0 s"),
            (1, "1 s"),
            (1_000_000, "1 s"),
            (59_000_001, "1 min"),
            (300_000_000, "5 min"),
            (187_000_000, "3 min 7 s"),
            (3_599_000_001, "1 h"),
            (3_601_000_000, "1 h 1 min"),
            (5_460_000_000, "1 h 31 min"),
            (39_600_000_000, "11 h"),
            (86_400_000_000, "24 h"),
        ];
        for (us, words) in waits {
            assert_eq!(wait_in_words(us), words);
        }
        assert!(wait_in_words(i64::MAX).ends_with("min"));
    }
}
