//! Periods: which things of a list were read, by when they were created.

use serde::{Deserialize, Serialize};

use crate::connector::Span;
use crate::time::Timestamp;

/// A second in microseconds: sources give and compare times of creation in whole seconds (lightspeed-ecom.md §3.4), so
/// that nothing lies between the last second of a day and the first of the next.
const SECOND_US: i64 = 1_000_000;

/// Periods of creation, the oldest first, none next to or over another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Periods(Vec<Span>);

impl Periods {
    /// Adds a period; what it touches becomes one with it. A span that also says when things changed is no period of
    /// creation, and adds nothing.
    pub fn join(&mut self, span: Span) {
        let Some(mut new) = Seconds::of(span).filter(|_| span.updated_from.is_none()) else {
            return;
        };
        let (touched, mut others): (Vec<Seconds>, Vec<Seconds>) =
            self.seconds().partition(|known| known.touches(&new));
        for known in touched {
            new.first = new.first.min(known.first);
            new.last = new.last.max(known.last);
        }
        others.push(new);
        others.sort_by_key(|period| period.first);
        self.0 = others.into_iter().map(Seconds::span).collect();
    }

    /// Tells whether all that was created in `span` is meant; of a span that also says when things changed nobody knows.
    #[must_use]
    pub fn cover(&self, span: Span) -> bool {
        if span.updated_from.is_some() {
            return false;
        }
        let is_in = |asked: Seconds| {
            self.seconds()
                .any(|known| known.first <= asked.first && asked.last <= known.last)
        };
        Seconds::of(span).is_none_or(is_in)
    }

    /// Tells whether they leave nothing out.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.cover(Span::default())
    }

    /// Gives a span that holds all that they leave out: the end that is open, if it is only one, else everything.
    #[must_use]
    pub fn rest(&self) -> Span {
        let second = |at: Timestamp, by: i64| at.plus_ms(by * 1_000);
        match self.0.as_slice() {
            [
                Span {
                    created_from: Some(from),
                    created_to: None,
                    ..
                },
            ] => Span {
                created_to: Some(second(*from, -1)),
                ..Span::default()
            },
            [
                Span {
                    created_from: None,
                    created_to: Some(to),
                    ..
                },
            ] => Span {
                created_from: Some(second(*to, 1)),
                ..Span::default()
            },
            _ => Span::default(),
        }
    }

    /// Gives the newest of them; `None` when there are none.
    #[must_use]
    pub fn newest(&self) -> Option<Span> {
        self.0.last().copied()
    }

    /// Gives them, the oldest first.
    #[must_use]
    pub fn all(&self) -> &[Span] {
        &self.0
    }

    /// Tells whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn seconds(&self) -> impl Iterator<Item = Seconds> {
        self.0.iter().copied().filter_map(Seconds::of)
    }
}

/// The whole seconds of a period, both included; the least and the greatest number stand for no bound.
#[derive(Debug, Clone, Copy)]
struct Seconds {
    first: i64,
    last: i64,
}

impl Seconds {
    /// Gives those of `span`; `None` when there are none.
    fn of(span: Span) -> Option<Self> {
        let up = |at: Timestamp| -(-at.as_micros()).div_euclid(SECOND_US);
        let down = |at: Timestamp| at.as_micros().div_euclid(SECOND_US);
        let own = Self {
            first: span.created_from.map_or(i64::MIN, up),
            last: span.created_to.map_or(i64::MAX, down),
        };
        (own.first <= own.last).then_some(own)
    }

    fn span(self) -> Span {
        let at = |second: i64| Timestamp::from_micros(second.saturating_mul(SECOND_US));
        Span {
            created_from: (self.first != i64::MIN).then(|| at(self.first)),
            created_to: (self.last != i64::MAX).then(|| at(self.last)),
            updated_from: None,
        }
    }

    /// Tells whether nothing lies between the two.
    const fn touches(&self, other: &Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seconds that are looked at one by one; bounds lie among them.
    const SECONDS: i64 = 40;

    fn second(at: i64) -> Timestamp {
        Timestamp::from_micros(at * SECOND_US)
    }

    fn any_bound() -> impl Strategy<Value = Option<Timestamp>> {
        // Also between two seconds.
        prop::option::weighted(
            0.9,
            (0..SECONDS * 4).prop_map(|quarter| Timestamp::from_micros(quarter * 250_000)),
        )
    }

    prop_compose! {
        fn any_span()(created_from in any_bound(), created_to in any_bound()) -> Span {
            Span { created_from, created_to, updated_from: None }
        }
    }

    fn is_in(span: &Span, at: Timestamp) -> bool {
        span.created_from.is_none_or(|from| from <= at) && span.created_to.is_none_or(|to| at <= to)
    }

    proptest! {
        /// Whatever is joined in whatever order: a second is meant when one of the spans means it, and a span is covered
        /// when each of its seconds is.
        #[test]
        fn what_is_covered_is_what_was_joined(
            spans in prop::collection::vec(any_span(), 0..6),
            asked in any_span(),
            turn in 0_usize..6,
        ) {
            let joined = |spans: &[Span]| {
                let mut periods = Periods::default();
                spans.iter().for_each(|span| periods.join(*span));
                periods
            };
            let periods = joined(&spans);
            // A second before and one behind all bounds stand for what has no bound.
            let points: Vec<Timestamp> = (-1..=SECONDS + 1).map(second).collect();
            let is_meant = |at: &Timestamp| spans.iter().any(|span| is_in(span, *at));
            for at in &points {
                let moment = Span { created_from: Some(*at), created_to: Some(*at), updated_from: None };
                prop_assert_eq!(periods.cover(moment), is_meant(at), "{:?} in {:?}", at, periods);
            }
            let all_meant = points.iter().filter(|at| is_in(&asked, **at)).all(is_meant);
            prop_assert_eq!(periods.cover(asked), all_meant, "{:?} in {:?}", asked, periods);

            let mut turned = spans.clone();
            turned.rotate_left(turn.min(spans.len()));
            prop_assert_eq!(&joined(&turned), &periods, "in another order");
            prop_assert_eq!(&joined(&[spans.clone(), periods.all().to_vec()].concat()), &periods, "once more");
            for pair in periods.all().windows(2) {
                let (end, next) = (pair[0].created_to.unwrap(), pair[1].created_from.unwrap());
                prop_assert!(end.as_micros() + SECOND_US < next.as_micros(), "{:?}", periods);
            }
            prop_assert_eq!(periods.newest(), periods.all().last().copied());
            let left_out = points.iter().filter(|at| !is_meant(at));
            prop_assert!(left_out.into_iter().all(|at| is_in(&periods.rest(), *at)), "{:?}", periods.rest());
            if let [one] = periods.all() && one.created_from.is_none() != one.created_to.is_none() {
                prop_assert!(!points.iter().any(|at| is_meant(at) && is_in(&periods.rest(), *at)), "once only");
            }
        }
    }

    #[test]
    fn neighbouring_days_are_one_and_open_ends_make_a_whole() {
        let day = |text: &str, clock: &str| Timestamp::parse_rfc3339(&format!("{text}T{clock}Z"));
        let span = |from: Option<&str>, to: Option<&str>| Span {
            created_from: from.and_then(|from| day(from, "00:00:00")),
            created_to: to.and_then(|to| day(to, "23:59:59")),
            updated_from: None,
        };
        let mut periods = Periods::default();
        assert!(periods.is_empty() && !periods.cover(span(None, None)));
        periods.join(span(Some("2025-06-01"), Some("2025-12-31")));
        assert!(periods.cover(span(Some("2025-07-01"), Some("2025-07-01"))));
        assert!(!periods.cover(span(Some("2025-05-31"), Some("2025-06-02"))));
        periods.join(span(None, Some("2025-05-31")));
        assert_eq!(periods.all(), [span(None, Some("2025-12-31"))]);
        assert!(!periods.are_whole());
        let changed = Span {
            updated_from: day("2026-01-01", "00:00:00"),
            ..Span::default()
        };
        periods.join(changed);
        assert!(!periods.are_whole() && !periods.cover(changed));
        periods.join(span(Some("2026-01-01"), None));
        assert!(periods.are_whole());
        assert_eq!(periods.newest(), Some(Span::default()));
        let text = serde_json::to_string(&periods).unwrap();
        assert_eq!(serde_json::from_str::<Periods>(&text).unwrap(), periods);
    }
}
