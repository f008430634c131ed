//! Dates as the account keeps them: Europe/Amsterdam, without a zone, from almost any text.
//!
//! The API turns every input into some date with the rules of PHP's `strtotime` (copernica.md §10). This
//! module knows the part of those rules that was observed, and the common forms around it.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What a text means as a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// No date: the empty form of the type.
    Empty,
    /// A date before the year 0: all zeros, also for types that may be empty.
    Zero,
    /// A local date and time of Europe/Amsterdam.
    At(DateTime),
}

/// The clock of the account: now, and the zone in which it reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct LocalClock {
    zone: TimeZone,
    /// Seconds since 1970 (UTC).
    pub(crate) now: i64,
}

impl LocalClock {
    /// Makes the clock of an account, standing at 1970.
    pub(crate) fn new() -> Self {
        let zone = TimeZone::get("Europe/Amsterdam").expect("the time zone table is compiled into the crate");
        Self { zone, now: 0 }
    }

    /// Gives the local date and time of `seconds` since 1970.
    fn local(&self, seconds: i64) -> DateTime {
        let stamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        self.zone.to_datetime(stamp)
    }

    /// Writes `seconds` since 1970 as `YYYY-MM-DD hh:mm:ss` in local time.
    pub(crate) fn stamp(&self, seconds: u32) -> String {
        datetime_text(self.local(i64::from(seconds)))
    }

    /// Gives the seconds since 1970 of a local time; the earlier reading of an ambiguous hour.
    pub(crate) fn seconds_of(&self, at: DateTime) -> i64 {
        self.zone
            .to_ambiguous_timestamp(at)
            .compatible()
            .map_or(0, Timestamp::as_second)
    }

    /// Reads `text` as a moment (copernica.md §10, the date table).
    pub(crate) fn read(&self, text: &str) -> Moment {
        let text = text.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']);
        let today = || self.local(self.now).date();
        match text.to_ascii_lowercase().as_str() {
            "" => return Moment::Empty,
            "now" => return Moment::At(self.local(self.now)),
            "today" | "midnight" => return Moment::At(today().at(0, 0, 0, 0)),
            "yesterday" => return self.days_from_today(-1),
            "tomorrow" => return self.days_from_today(1),
            // A single letter is a military time zone and means now; "j" is not one.
            zone if zone.len() == 1 && zone.as_bytes()[0].is_ascii_lowercase() && zone != "j" => {
                return Moment::At(self.local(self.now));
            }
            _ => {}
        }
        if let Some(seconds) = text.strip_prefix('@') {
            return seconds
                .parse()
                .map_or(Moment::Empty, |at| Moment::At(self.local(at)));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.read_digits(text);
        }
        self.read_parts(&mut Scanner(text.as_bytes()))
            .unwrap_or(Moment::Empty)
    }

    fn days_from_today(&self, days: i64) -> Moment {
        let today = self.local(self.now).date();
        today
            .checked_add(days.days())
            .map_or(Moment::Empty, |date| Moment::At(date.at(0, 0, 0, 0)))
    }

    /// Four digits are a time of day when they can be one, else a year; eight digits are a date.
    fn read_digits(&self, digits: &str) -> Moment {
        let number: i64 = digits.parse().unwrap_or(-1);
        let now = self.local(self.now);
        match digits.len() {
            4 => {
                let (hour, minute) = (number / 100, number % 100);
                if hour < 24 && minute < 60 {
                    return Time::new(hour as i8, minute as i8, 0, 0)
                        .map_or(Moment::Empty, |time| Moment::At(now.date().to_datetime(time)));
                }
                let date = civil(number, i64::from(now.month()), i64::from(now.day()));
                date.map_or(Moment::Zero, |date| Moment::At(date.to_datetime(now.time())))
            }
            8 => match (number / 10_000, number / 100 % 100, number % 100) {
                (0, 0, 0) => Moment::Empty,
                (year, month, day) if month <= 12 && day <= 31 => {
                    civil(year, month, day).map_or(Moment::Zero, |date| Moment::At(date.at(0, 0, 0, 0)))
                }
                _ => Moment::Empty,
            },
            _ => Moment::Empty,
        }
    }

    /// Reads `[date][ |t][time][zone]`; `None` when the text is something else.
    fn read_parts(&self, scanner: &mut Scanner<'_>) -> Option<Moment> {
        let parts = scanner.date()?;
        let time = if scanner.0.is_empty() {
            Some((0, 0, 0))
        } else {
            scanner.time()
        }?;
        let offset = scanner.zone()?;
        let (year, month, day) = match parts {
            Some(parts) => parts,
            None => {
                let today = self.local(self.now);
                (
                    i64::from(today.year()),
                    i64::from(today.month()),
                    i64::from(today.day()),
                )
            }
        };
        if (year, month, day) == (0, 0, 0) {
            return Some(Moment::Empty);
        }
        let Some(date) = civil(year, month, day) else {
            return Some(Moment::Zero);
        };
        let seconds = SignedDuration::from_secs(time.0 * 3600 + time.1 * 60 + time.2);
        let at = date.at(0, 0, 0, 0).checked_add(seconds).ok()?;
        Some(Moment::At(match offset {
            Some(offset) => self.local(
                Offset::from_seconds(offset)
                    .ok()?
                    .to_timestamp(at)
                    .ok()?
                    .as_second(),
            ),
            // Only an hour of the last week of March can be missing on the clock.
            None if at.month() == 3 && at.hour() == 2 => self.local(self.seconds_of(at)),
            None => at,
        }))
    }
}

/// Writes a local time as `YYYY-MM-DD hh:mm:ss`.
pub(crate) fn datetime_text(at: DateTime) -> String {
    let mut text = Vec::with_capacity(19);
    for (number, width, before) in [
        (at.year(), 4, b' '),
        (i16::from(at.month()), 2, b'-'),
        (i16::from(at.day()), 2, b'-'),
        (i16::from(at.hour()), 2, b' '),
        (i16::from(at.minute()), 2, b':'),
        (i16::from(at.second()), 2, b':'),
    ] {
        if !text.is_empty() {
            text.push(before);
        }
        for power in [1000, 100, 10, 1].iter().skip(4 - width) {
            text.push(b'0' + (number / power % 10) as u8);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Counts a date the way PHP does: month 0 is the month before, day 31 of a short month runs over.
/// `None` for anything before the year 0.
fn civil(year: i64, month: i64, day: i64) -> Option<Date> {
    let months = year * 12 + month - 1;
    let (year, month) = (
        i16::try_from(months.div_euclid(12)).ok()?,
        months.rem_euclid(12) as i8 + 1,
    );
    let date = Date::new(year, month, 1)
        .ok()?
        .checked_add((day - 1).days())
        .ok()?;
    (date.year() >= 0 && year >= 0).then_some(date)
}

/// Reads a text from the front.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().map(u8::to_ascii_lowercase)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.0 = &self.0[1..];
        }
        is_there
    }

    /// Reads up to `most` digits: the number and how many there were.
    fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let count = self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let value = self.0[..count]
            .iter()
            .fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
        self.0 = &self.0[count..];
        (count > 0).then_some((value, count))
    }

    /// Reads a date; `Some(None)` when the text begins with a time instead, `None` when with neither.
    fn date(&mut self) -> Option<Option<(i64, i64, i64)>> {
        let start = self.0;
        let (first, first_len) = self.number(4)?;
        let mark = self.peek()?;
        if mark == b':' {
            self.0 = start;
            return Some(None);
        }
        if !matches!(mark, b'-' | b'/' | b'.') {
            return None;
        }
        self.0 = &self.0[1..];
        let (second, _) = self.number(2)?;
        let third = if self.skip(mark) {
            Some(self.number(4)?)
        } else {
            None
        };
        let (year, month, day) = match (first_len, mark, third) {
            (4, b'-', None) => (first, second, 1),
            (4, b'-' | b'/', Some((day, 1 | 2))) => (first, second, day),
            (1 | 2, b'-' | b'.', Some((year, 4))) => (year, second, first),
            (1 | 2, b'/', Some((year, 4))) => (year, first, second),
            _ => return None,
        };
        if month > 12 || day > 31 {
            return None;
        }
        if self.skip(b't') {
            return (!self.0.is_empty()).then_some(Some((year, month, day)));
        }
        while self.skip(b' ') {}
        Some(Some((year, month, day)))
    }

    /// Reads `hh:mm[:ss[.fraction]]`; midnight when a zone follows at once.
    fn time(&mut self) -> Option<(i64, i64, i64)> {
        let (hour, _) = self.number(2)?;
        if !self.skip(b':') {
            return None;
        }
        let (minute, _) = self.number(2)?;
        let mut second = 0;
        if self.skip(b':') {
            second = self.number(2)?.0;
            if self.skip(b'.') {
                self.number(9)?;
            }
        }
        (hour <= 24 && minute < 60 && second <= 60).then_some((hour, minute, second))
    }

    /// Reads a zone up to the end: its offset in seconds, `Some(None)` without one, `None` for other text.
    fn zone(&mut self) -> Option<Option<i32>> {
        while self.skip(b' ') {}
        match self.0.to_ascii_lowercase().as_slice() {
            b"" => return Some(None),
            b"z" | b"utc" | b"gmt" => return Some(Some(0)),
            _ => {}
        }
        let sign = if self.skip(b'+') {
            1
        } else if self.skip(b'-') {
            -1
        } else {
            return None;
        };
        let (hours, _) = self.number(2)?;
        self.skip(b':');
        let minutes = if self.0.is_empty() { 0 } else { self.number(2)?.0 };
        self.0
            .is_empty()
            .then_some(Some(sign * (hours * 3600 + minutes * 60) as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> LocalClock {
        // 2024-05-02 11:30:15 in Amsterdam.
        LocalClock {
            now: 1_714_642_215,
            ..LocalClock::new()
        }
    }

    #[test]
    fn reads_what_was_observed() {
        // copernica.md §10, the date table.
        for (text, wanted) in [
            ("2020-01-02 03:04:05", "2020-01-02 03:04:05"),
            ("2020-01-02t03:04:05.98", "2020-01-02 03:04:05"),
            (" 2020-01-02 ", "2020-01-02 00:00:00"),
            ("2020-01-02 03:4", "2020-01-02 03:04:00"),
            ("2020-2", "2020-02-01 00:00:00"),
            ("2020-01-02 03:04:05z", "2020-01-02 04:04:05"),
            ("2020-01-02 03:04:05+03:00", "2020-01-02 01:04:05"),
            ("2020-07-02T03:04:05+00:00", "2020-07-02 05:04:05"),
            ("@1577934245", "2020-01-02 04:04:05"),
            ("now", "2024-05-02 11:30:15"),
            ("a", "2024-05-02 11:30:15"),
            ("yesterday", "2024-05-01 00:00:00"),
            ("1960", "1960-05-02 11:30:15"),
            ("1959", "2024-05-02 19:59:00"),
            ("2020-02-30", "2020-03-01 00:00:00"),
            ("2024-03-31 02:30:00", "2024-03-31 03:30:00"),
            ("0000-01-01", "0000-01-01 00:00:00"),
        ] {
            let Moment::At(at) = clock().read(text) else {
                panic!("{text} is no date")
            };
            assert_eq!(datetime_text(at), wanted, "{text}");
        }
    }

    #[test]
    fn reads_no_date() {
        for text in [
            "",
            "1596979546",
            "999",
            "10000",
            "2020-01-02 03:",
            "2020 2",
            "aa",
            "true",
            "1",
            "2020-13-01",
            "2020-01-32",
            "0000-00-00",
            "0000-00-00 23:59:59",
            "2020-01-02 25:00",
            "2020-01-02x",
        ] {
            assert_eq!(clock().read(text), Moment::Empty, "{text}");
        }
        for text in ["0000-00-01", "0000-01-00"] {
            assert_eq!(clock().read(text), Moment::Zero, "{text}");
        }
    }

    #[test]
    fn writes_local_time_on_both_sides_of_summer() {
        assert_eq!(clock().stamp(1_714_642_215), "2024-05-02 11:30:15");
        assert_eq!(clock().stamp(1_704_164_645), "2024-01-02 04:04:05");
    }
}
