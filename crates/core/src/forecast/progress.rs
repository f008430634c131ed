//! What is left of walks that have begun, in calls.

use super::end::Range;
use super::price::{history_calls, pages, real};
use crate::connector::Part;
use crate::walk::{Job, Phase, Walk};

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
/// `None` when it is not, or nobody can tell yet.
#[must_use]
pub fn part_left(walks: &[Walk], part: Part) -> Option<Range> {
    let of = |walk: &&Walk| walk.job == Job::Backfill && walk.part == part && walk.is_under_way();
    left_of(walks.iter().find(of)?, walks)
}

fn left_of(walk: &Walk, walks: &[Walk]) -> Option<Range> {
    if walk.part.is_per_thing() {
        let things = walk.expected.or_else(|| counted(walks, owner(walk.part)));
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
    Some(drifting(list))
}

/// The list whose things have the rows.
const fn owner(part: Part) -> Part {
    match part {
        Part::QuoteRows => Part::Quotes,
        _ => Part::Orders,
    }
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
}
