//! Wall time of a cluster: writing time stamps, reading time filters, aligning rate windows.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// The wall clock of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Wall {
    zone: TimeZone,
}

impl Wall {
    /// Takes the zone with this IANA name; UTC when there is none.
    pub(crate) fn of(zone: &str) -> Self {
        Self {
            zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC),
        }
    }

    /// Returns the offset from UTC at `utc_s`, in seconds.
    pub(crate) fn offset_s(&self, utc_s: i64) -> i64 {
        let at = Timestamp::from_second(utc_s).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.zone.to_offset(at).seconds())
    }

    /// Returns the seconds of the local wall clock, counted from local midnight of 1970-01-01.
    pub(crate) fn local_s(&self, utc_s: i64) -> i64 {
        utc_s + self.offset_s(utc_s)
    }

    /// Appends `2026-06-02T10:24:43+02:00`.
    pub(crate) fn write(&self, buf: &mut Vec<u8>, utc_s: i64) {
        let offset_s = self.offset_s(utc_s);
        let local = civil(utc_s + offset_s);
        push_date(buf, local);
        buf.push(b'T');
        push_clock(buf, local);
        buf.push(if offset_s < 0 { b'-' } else { b'+' });
        let minutes = offset_s.unsigned_abs() / 60;
        push_two(buf, minutes / 60);
        buf.push(b':');
        push_two(buf, minutes % 60);
    }

    /// Reads the `YYYY-MM-DD[ HH:MM:SS]` of a list filter as local wall time; an offset is obeyed.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at.as_second());
        }
        let normal = text.replacen(' ', "T", 1);
        let local = match normal.parse::<DateTime>() {
            Ok(local) => local,
            Err(_) => normal.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0),
        };
        self.zone.to_timestamp(local).ok().map(Timestamp::as_second)
    }
}

/// Returns `Sat, 06 Jun 2026 10:24:43 GMT` of an instant, for `Date` and `Retry-After`.
pub(crate) fn http_date(utc_s: i64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = civil(utc_s);
    let day = DAYS[usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0) % 7];
    let month = MONTHS[usize::try_from(at.month() - 1).unwrap_or(0) % 12];
    let mut text = format!("{day}, {:02} {month} {} ", at.day(), at.year()).into_bytes();
    push_clock(&mut text, at);
    text.extend_from_slice(b" GMT");
    String::from_utf8(text).unwrap_or_default()
}

fn civil(local_s: i64) -> DateTime {
    let at = Timestamp::from_second(local_s).unwrap_or(Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(at)
}

fn push_date(buf: &mut Vec<u8>, at: DateTime) {
    let year = u64::from(at.year().unsigned_abs());
    push_two(buf, year / 100);
    push_two(buf, year % 100);
    buf.push(b'-');
    push_two(buf, u64::from(at.month().unsigned_abs()));
    buf.push(b'-');
    push_two(buf, u64::from(at.day().unsigned_abs()));
}

fn push_clock(buf: &mut Vec<u8>, at: DateTime) {
    push_two(buf, u64::from(at.hour().unsigned_abs()));
    buf.push(b':');
    push_two(buf, u64::from(at.minute().unsigned_abs()));
    buf.push(b':');
    push_two(buf, u64::from(at.second().unsigned_abs()));
}

fn push_two(buf: &mut Vec<u8>, n: u64) {
    let digit = |d: u64| b'0' + u8::try_from(d % 10).unwrap_or(0);
    buf.push(digit(n / 10));
    buf.push(digit(n));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_winter_and_summer_offsets() {
        let wall = Wall::of("Europe/Amsterdam");
        let mut text = Vec::new();
        wall.write(&mut text, 1_767_225_600);
        text.push(b' ');
        wall.write(&mut text, 1_780_388_683);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "2026-01-01T01:00:00+01:00 2026-06-02T10:24:43+02:00"
        );
    }

    #[test]
    fn reads_filters_as_wall_time() {
        let wall = Wall::of("Europe/Amsterdam");
        assert_eq!(wall.parse("2026-06-02 10:24:43"), Some(1_780_388_683));
        assert_eq!(wall.parse("2026-06-02T08:24:43Z"), Some(1_780_388_683));
        assert_eq!(wall.parse("2026-01-01"), Some(1_767_222_000));
        assert_eq!(wall.parse("soon"), None);
    }

    #[test]
    fn writes_http_dates() {
        assert_eq!(http_date(1_780_388_683), "Tue, 02 Jun 2026 08:24:43 GMT");
    }
}
