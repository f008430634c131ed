//! Reads how long an answer asks to wait (RFC 9110 §10.2.3).

use schakel_core::connector::Response;
use schakel_core::limits;
use schakel_core::time::Timestamp;

/// Gives the wait that `Retry-After` asks for, in milliseconds, from 0 to [`limits::RETRY_AFTER_MS`]: a number of
/// seconds, or a date by the answer's own `Date`, else by `now`.
///
/// `None` when the header is missing or unreadable, and for a date when nothing tells what time it is.
#[must_use]
pub fn wait_ms(response: &Response, now: Option<Timestamp>) -> Option<i64> {
    let text = response.header("retry-after")?.trim();
    let wait_ms = match text.parse::<i64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => {
            let until = Timestamp::parse_http_date(text)?;
            let date = response.header("date").and_then(Timestamp::parse_http_date);
            until.as_micros().saturating_sub(date.or(now)?.as_micros()) / 1_000
        }
    };
    Some(wait_ms.clamp(0, limits::RETRY_AFTER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let now = Timestamp::parse_http_date("Tue, 02 Jun 2026 08:24:43 GMT");
        let until = "Tue, 02 Jun 2026 08:25:13 GMT";
        let past = "Mon, 01 Jun 2026 08:25:13 GMT";
        let date = Some("Tue, 02 Jun 2026 08:25:03 GMT");
        for (asked, date, now, wait) in [
            (Some("7"), date, now, Some(7_000)),
            (Some(" 7 "), None, None, Some(7_000)),
            (Some("-5"), None, now, Some(0)),
            (Some("99999999999999"), None, now, Some(limits::RETRY_AFTER_MS)),
            (Some(until), date, now, Some(10_000)),
            (Some(until), None, now, Some(30_000)),
            (Some(until), None, None, None),
            (Some(until), Some("now"), now, Some(30_000)),
            (Some(past), date, now, Some(0)),
            (
                Some("Sun, 02 Jun 2126 08:25:13 GMT"),
                date,
                now,
                Some(limits::RETRY_AFTER_MS),
            ),
            (Some("soon"), date, now, None),
            (None, date, now, None),
        ] {
            let headers = [("retry-after", asked), ("date", date)].into_iter();
            let headers = headers.filter_map(|(name, text)| Some((name.to_owned(), text?.to_owned())));
            let response = Response {
                status: 429,
                headers: headers.collect(),
                body: bytes::Bytes::new(),
            };
            assert_eq!(wait_ms(&response, now), wait, "{asked:?} at {date:?}, {now:?}");
        }
    }
}
