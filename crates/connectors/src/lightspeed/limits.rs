//! The limits of the API, and what its headers tell of them (lightspeed-ecom.md §2.1).

use schakel_core::budget::{Heard, Limit, Limits, Reserves};
use schakel_core::connector::{Meter, Response};
use schakel_core::limits;
use schakel_core::time::Timestamp;

use crate::util::retry_after;

/// Wait after a 429 that says nothing of its own, in milliseconds (§8 #34).
const UNTOLD_WAIT_MS: i64 = 60_000;

/// Wait after a 429 of the limit per second, in milliseconds: the only one that has no header (§2.1).
const SECOND_WAIT_MS: i64 = 1_000;

/// Windows of which the headers tell, in their order: five minutes, an hour and a day, in seconds (§2.1).
const WINDOWS_S: [i64; 3] = [300, 3_600, 86_400];

/// The limits of one API key.
#[derive(Debug, Clone)]
pub struct KeyLimits {
    /// Calls per five minutes, hour and day until the headers tell better; `None` for no limits at all, which only a
    /// simulator has.
    pub windows: Option<[u32; 3]>,
    /// Calls per second.
    pub per_second: u32,
    /// What is kept free in each window.
    pub reserves: Reserves,
}

impl Default for KeyLimits {
    /// Those of the smallest plan.
    fn default() -> Self {
        Self {
            windows: Some([300, 3_000, 12_000]),
            per_second: 20,
            reserves: Reserves::default(),
        }
    }
}

impl Meter for KeyLimits {
    fn limits(&self) -> Limits {
        let Some(calls) = self.windows else {
            return Limits::none();
        };
        let long = calls.into_iter().zip(WINDOWS_S);
        let long = long.map(|(calls, seconds)| Limit::long(calls, seconds));
        Limits {
            windows: long.chain([Limit::second(self.per_second)]).collect(),
            reserves: self.reserves,
        }
    }

    fn heard(&self, response: &Response) -> Heard {
        let date = response.header("date").and_then(Timestamp::parse_http_date);
        let limits = numbers(response, "x-ratelimit-limit");
        let limits = limits.and_then(|all| all.into_iter().map(|n| u32::try_from(n).ok()).collect());
        Heard {
            limits,
            remaining: numbers(response, "x-ratelimit-remaining"),
            reset_s: numbers(response, "x-ratelimit-reset").filter(|all| all.iter().all(|n| *n >= 0)),
            date,
            refused: (response.status == 429).then(|| wait_ms(None, response)),
        }
    }
}

/// How long a 429 asks to wait: `Retry-After`, else the reset of the window that is used up,
/// else a second when no window is, else a minute.
pub(super) fn wait_ms(now: Option<Timestamp>, response: &Response) -> i64 {
    retry_after::wait_ms(response, now)
        .or_else(|| reset_ms(response))
        .unwrap_or(UNTOLD_WAIT_MS)
        .clamp(0, limits::RETRY_AFTER_MS)
}

/// The longest reset among the windows with nothing left, from headers such as `-1/2700/9800` and
/// `187/1987/23587` (§2.1); a second when all of them have something left.
fn reset_ms(response: &Response) -> Option<i64> {
    let remaining = numbers(response, "x-ratelimit-remaining")?;
    if remaining.iter().all(|calls| *calls > 0) {
        return Some(SECOND_WAIT_MS);
    }
    let reset = numbers(response, "x-ratelimit-reset")?;
    remaining
        .iter()
        .zip(&reset)
        .filter(|(remaining, _)| **remaining <= 0)
        .map(|(_, seconds)| seconds.saturating_mul(1000))
        .max()
}

/// Reads one number for each window; anything else tells nothing.
fn numbers(response: &Response, name: &str) -> Option<Vec<i64>> {
    let parts = response.header(name)?.split('/');
    let numbers: Option<Vec<i64>> = parts.map(|part| part.trim().parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() == WINDOWS_S.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Response {
            status,
            headers: headers.collect(),
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn the_triples_and_the_date_are_read() {
        let heard = KeyLimits::default().heard(&response(
            200,
            &[
                ("x-ratelimit-limit", "300/3000/12000"),
                ("x-ratelimit-remaining", "299/ 2999/11999"),
                ("x-ratelimit-reset", "263/2063/23663"),
                ("date", "Tue, 02 Jun 2026 08:24:43 GMT"),
            ],
        ));
        assert_eq!(heard.limits, Some(vec![300, 3_000, 12_000]));
        assert_eq!(heard.remaining, Some(vec![299, 2_999, 11_999]));
        assert_eq!(heard.reset_s, Some(vec![263, 2_063, 23_663]));
        assert_eq!(heard.date, Timestamp::parse_rfc3339("2026-06-02T10:24:43+02:00"));
        assert_eq!(heard.refused, None);
    }

    #[test]
    fn headers_that_are_not_three_numbers_tell_nothing() {
        for (limit, reset) in [
            ("300", "1"),
            ("", ""),
            ("a/b/c", "1/2"),
            ("-1/3/4", "-5/1/1"),
            ("1/2/3/4", "1/2/3/4"),
        ] {
            let headers = [
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-reset", reset),
                ("date", "soon"),
            ];
            let heard = KeyLimits::default().heard(&response(200, &headers));
            assert_eq!(heard, Heard::default(), "{limit}");
        }
    }

    #[test]
    fn a_429_says_how_long_to_wait() {
        let wait = |headers: &[(&str, &str)]| KeyLimits::default().heard(&response(429, headers)).refused;
        assert_eq!(wait(&[]), Some(60_000));
        assert_eq!(wait(&[("retry-after", "7")]), Some(7_000));
        let (left, reset) = (
            ("x-ratelimit-remaining", "-1/0/9800"),
            ("x-ratelimit-reset", "187/1987/23587"),
        );
        assert_eq!(wait(&[left, reset]), Some(1_987_000));
        assert_eq!(wait(&[("x-ratelimit-remaining", "1/2/3"), reset]), Some(1_000));
        let date = ("date", "Tue, 02 Jun 2026 08:24:43 GMT");
        let until = ("retry-after", "Tue, 02 Jun 2026 08:25:43 GMT");
        assert_eq!(wait(&[date, until]), Some(60_000));
        assert_eq!(wait(&[until]), Some(60_000));
        assert_eq!(
            wait(&[("retry-after", "99999999999999")]),
            Some(limits::RETRY_AFTER_MS)
        );
    }
}
