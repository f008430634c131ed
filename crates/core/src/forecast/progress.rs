//! What is left of walks that have begun, in calls.

use super::end::Range;
use super::price::{history_calls, pages, real};
use crate::connector::Part;
use crate::time::Timestamp;
use crate::walk::{COUNT_WAIT_MS, COUNTS_AGAIN, Job, Phase, Walk};

/// How far the calls of a history may turn out other than counted, in percent: the shop goes on selling meanwhile, and
/// what a webhook brings first need not be read.
const DRIFT_PERCENT: f64 = 2.0;

/// Things that a list which was not counted yet is taken to have at most.
const UNCOUNTED: i64 = 100_000;

/// Gives `calls` of a history as a range, see [`DRIFT_PERCENT`].
#[must_use]
pub fn drifting(calls: i64) -> Range {
    Range::around(real(calls), DRIFT_PERCENT)
}

/// Gives how many calls the open walks of one source and job still have to make; `None` while that is anybody's guess:
/// orders or carts whose rows are to be read were not counted yet.
#[must_use]
pub fn calls_left(walks: &[Walk]) -> Option<Range> {
    let mut left = Range::default();
    for walk in walks.iter().filter(|walk| walk.is_under_way()) {
        left = left.and(left_of(walk, walks)?);
    }
    Some(left)
}

/// Gives how many calls the history of `part` still has to make, as far as it is under way in `walks`, all of one source;
/// `None` when it is not, or was not counted yet.
#[must_use]
pub fn part_left(walks: &[Walk], part: Part) -> Option<Range> {
    let of = |walk: &&Walk| walk.job == Job::Backfill && walk.part == part && walk.is_under_way();
    let is_counted = |walk: &&Walk| walk.part.is_per_thing() || walk.expected.is_some();
    left_of(walks.iter().find(of).filter(is_counted)?, walks)
}

fn left_of(walk: &Walk, walks: &[Walk]) -> Option<Range> {
    if walk.part.is_per_thing() {
        let things = walk.expected.or_else(|| counted(walks, walk.part.list()));
        return things.map(|things| drifting((things - walk.seen).max(0)));
    }
    let Some(things) = walk.expected else {
        return Some(Range {
            low: real(history_calls(walk.part, 0)),
            high: real(history_calls(walk.part, UNCOUNTED)),
        });
    };
    let list = match walk.phase {
        Phase::Count => history_calls(walk.part, things),
        Phase::Read => pages((things - walk.seen).max(0)) + 1,
        Phase::Ids => pages((things - walk.listed).max(0)) + 1,
        Phase::Gather | Phase::Rows | Phase::Verify | Phase::Recount | Phase::Accept => 1,
    };
    let list = drifting(list);
    let more = match walk.phase {
        _ if walk.job != Job::Backfill => 0,
        // It contradicts its count: it is counted again, and its ids may have to be walked.
        Phase::Verify if !walk.cursor.is_empty() => 2 * COUNTS_AGAIN + pages(things) + 1,
        Phase::Recount | Phase::Ids => COUNTS_AGAIN,
        _ => 0,
    };
    Some(Range {
        high: list.high + real(more),
        ..list
    })
}

/// Gives how long the open walks of one source stand still by themselves from `now` on, in microseconds: a list that
/// contradicts its count is counted again now and then, before its ids are walked and after it (docs/spec/walks.md).
#[must_use]
pub fn still_us(walks: &[Walk], now: Timestamp) -> Range {
    let rounds = |walk: &Walk| {
        // The place of a walk that counts again says how often it did; its last count comes when it is due.
        let again = walk.cursor.parse::<i64>().ok().filter(|_| walk.phase.is_count());
        let next_us = again.map(|_| walk.wait_us(now).max(0));
        let more = again.map_or(0, |times| (COUNTS_AGAIN - times).max(0));
        let later = match walk.phase {
            Phase::Verify if again.is_some() => more + COUNTS_AGAIN,
            Phase::Ids => COUNTS_AGAIN,
            _ => more,
        };
        let next_us = real(next_us.unwrap_or(0));
        Range {
            low: next_us,
            high: next_us + real(later * COUNT_WAIT_MS * 1_000),
        }
    };
    let open = walks.iter().filter(|walk| walk.is_under_way());
    open.map(rounds).fold(Range::default(), Range::and)
}

fn counted(walks: &[Walk], part: Part) -> Option<i64> {
    let of = |walk: &&Walk| walk.job == Job::Backfill && walk.part == part;
    walks.iter().find(of)?.expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Span;
    use crate::id::ConnectionId;
    use crate::time::Timestamp;
    use crate::walk::WalkState;

    fn walk(part: Part, expected: Option<i64>) -> Walk {
        let mut walk = Walk::new(
            ConnectionId(1),
            Job::Backfill,
            part,
            Span::default(),
            Timestamp::ZERO,
        );
        walk.expected = expected;
        walk
    }

    fn middle(walks: &[Walk]) -> Option<f64> {
        calls_left(walks).map(|range| f64::midpoint(range.low, range.high).round())
    }

    #[test]
    fn rows_are_as_many_as_the_orders_that_were_counted() {
        let rows = walk(Part::OrderRows, None);
        assert_eq!(
            calls_left(std::slice::from_ref(&rows)),
            None,
            "nobody counted the orders"
        );
        assert_eq!(middle(&[walk(Part::Orders, Some(1_000)), rows]), Some(1_007.0));
    }

    #[test]
    fn what_was_read_or_ended_is_not_left() {
        let mut orders = walk(Part::Orders, Some(1_000));
        orders.phase = Phase::Read;
        orders.seen = 750;
        assert_eq!(middle(std::slice::from_ref(&orders)), Some(3.0));
        orders.state = WalkState::Done;
        let mut rows = walk(Part::OrderRows, Some(1_000));
        rows.seen = 400;
        assert_eq!(middle(&[orders.clone(), rows]), Some(600.0));
        assert_eq!(middle(&[orders]), Some(0.0));
    }

    #[test]
    fn a_list_that_contradicts_its_count_stands_still_for_all_the_times_that_it_is_counted_again() {
        let now = Timestamp::from_micros(1_000_000_000);
        let mut orders = walk(Part::Orders, Some(1_000));
        orders.updated_at = now;
        let still = |walk: &Walk| {
            let Range { low, high } = still_us(std::slice::from_ref(walk), now);
            (low / 60_000_000.0, high / 60_000_000.0)
        };
        orders.phase = Phase::Verify;
        assert_eq!(still(&orders), (0.0, 0.0), "it was not counted yet");
        let calls = calls_left(std::slice::from_ref(&orders)).map(|range| range.high);
        assert!(calls.is_some_and(|high| high < 2.0), "{calls:?}");
        orders.cursor = "1".to_owned();
        orders.due_at = now.plus_ms(COUNT_WAIT_MS);
        assert_eq!(still(&orders), (2.0, 12.0), "thrice, then the ids, then thrice");
        let calls = calls_left(std::slice::from_ref(&orders)).map(|range| range.high);
        assert!(calls.is_some_and(|high| high > 11.0), "a call each: {calls:?}");
        orders.phase = Phase::Recount;
        orders.cursor = "3".to_owned();
        assert_eq!(still(&orders), (2.0, 2.0));
        orders.phase = Phase::Ids;
        orders.cursor = "4 9 list ".to_owned();
        assert_eq!(still(&orders), (0.0, 6.0));
        orders.state = WalkState::Stopped;
        assert_eq!(still(&orders), (0.0, 0.0));
    }
}
