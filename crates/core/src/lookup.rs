//! Look-ups: what a history refers to and lies outside it is asked for one by one or found in its list, whichever costs
//! fewer calls.
//!
//! A history of a period reads orders whose customers and products are older; one of single parts reads no customers at
//! all. Which of them are missing is known only while it is read, so these wishes are held back until the rule here says
//! how they are paid (docs/spec/walks.md). Who counts and acts is `engine::walk`.

use crate::connector::Part;
use crate::forecast::pages;

/// So few are asked for one by one whatever their list costs: it has at least a page, and its count is a call as well.
const FEW: i64 = 2;

/// Gives how many wishes are worth counting when the list has `counted` things: what is decided does not depend on how many
/// there are beyond that.
#[must_use]
pub const fn enough(counted: Option<i64>) -> i64 {
    let most = match counted {
        Some(counted) => pages(counted),
        None => FEW,
    };
    1 + if most > FEW { most } else { FEW }
}

/// What is known of the things of a part that a history refers to and the hub does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// How many wishes for such things are held back; [`enough`] of them when there are more.
    pub missing: i64,
    /// How many things their list has, as far as it was not read before; `None` before the source was asked.
    pub counted: Option<i64>,
    /// Whether the history may bring more that refers to others.
    pub is_more_to_come: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They are held back until more is known.
    Wait,
    /// The source is asked how many things its list has.
    Count,
    /// The list is read.
    List,
    /// Each of them is asked for.
    Each,
}

/// Tells whether all that the list of `part` shows is kept when it is read for a look-up. Of customers only those are kept
/// that somebody refers to: the others are people of whom nobody wanted to hear.
#[must_use]
pub const fn keeps_all(part: Part) -> bool {
    !matches!(part, Part::Customers)
}

/// Decides how what a history misses of `part` is paid.
///
/// A list of which all is kept is read as soon as it is the cheaper way, since nothing more will be missing then. One of
/// which only what is missing now is kept waits until all that is missing is known.
#[must_use]
pub const fn next(part: Part, sight: Sight) -> Next {
    let Sight {
        missing,
        counted,
        is_more_to_come,
    } = sight;
    if missing <= 0 || (is_more_to_come && !keeps_all(part)) {
        return Next::Wait;
    }
    let is_list_cheaper = match counted {
        _ if missing <= FEW => false,
        None => return Next::Count,
        Some(counted) => pages(counted) < missing,
    };
    if is_list_cheaper {
        Next::List
    } else if is_more_to_come {
        Next::Wait
    } else {
        Next::Each
    }
}

/// Gives the calls that such a look-up costs in all when so many things turn out to be `missing` and the list has
/// `counted`.
#[must_use]
pub const fn calls(missing: i64, counted: i64) -> i64 {
    if missing <= FEW {
        return if missing < 0 { 0 } else { missing };
    }
    let list = pages(counted);
    1 + if list < missing { list } else { missing }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A history that misses more and more: calls, and whether the list was read.
    fn walked(part: Part, batches: &[i64], listed: i64) -> (i64, bool) {
        let (mut calls, mut missing, mut counted) = (0, 0, None);
        for batch in 0..=batches.len() {
            missing += batches.get(batch).copied().unwrap_or(0);
            loop {
                let sight = Sight {
                    missing,
                    counted,
                    is_more_to_come: batch < batches.len(),
                };
                match next(part, sight) {
                    Next::Wait => break,
                    Next::Count => {
                        assert_eq!(counted, None, "it is asked once");
                        counted = Some(listed);
                        calls += 1;
                    }
                    Next::List => return (calls + pages(listed), true),
                    Next::Each => return (calls + missing, false),
                }
            }
        }
        assert_eq!(missing, 0, "something is held back for ever");
        (calls, false)
    }

    proptest! {
        /// However what is missing comes to light: it costs what the cheaper way costs, and a count at most.
        #[test]
        fn the_cheaper_way_is_taken(
            batches in prop::collection::vec(0_i64..400, 0..12),
            listed in 0_i64..400_000,
            is_of_people in any::<bool>(),
        ) {
            let part = if is_of_people { Part::Customers } else { Part::Products };
            let missing: i64 = batches.iter().sum();
            let (made, is_listed) = walked(part, &batches, listed);
            prop_assert_eq!(made, calls(missing, listed));
            prop_assert!(made <= missing.min(pages(listed)) + 1, "{made} for {missing} of {listed}");
            prop_assert!(made <= missing + 1 && (missing > FEW || made == missing));
            if is_listed {
                prop_assert!(pages(listed) < missing);
            }
        }
    }

    proptest! {
        /// Counting no further than [`enough`] changes no decision; one less would.
        #[test]
        fn what_is_enough_decides_like_all_of_them(
            missing in 0_i64..3_000,
            counted in prop::option::of(0_i64..400_000),
            is_more_to_come in any::<bool>(),
            is_of_people in any::<bool>(),
        ) {
            let part = if is_of_people { Part::Customers } else { Part::Products };
            let decided = |missing| next(part, Sight { missing, counted, is_more_to_come });
            prop_assert_eq!(decided(missing.min(enough(counted))), decided(missing));
            if !is_of_people {
                let some = Sight { missing: enough(counted) - 1, counted, is_more_to_come: true };
                prop_assert_eq!(next(part, some), Next::Wait, "fewer say nothing yet");
            }
        }
    }

    #[test]
    fn people_are_looked_up_when_all_that_is_missing_is_known() {
        let sight = |is_more_to_come| Sight {
            missing: 300,
            counted: Some(1_000),
            is_more_to_come,
        };
        assert_eq!(next(Part::Customers, sight(true)), Next::Wait);
        assert_eq!(next(Part::Customers, sight(false)), Next::List);
        assert_eq!(next(Part::Products, sight(true)), Next::List);
    }

    #[test]
    fn a_list_that_costs_as_much_as_asking_is_not_read() {
        let at = |missing| Sight {
            missing,
            counted: Some(999),
            is_more_to_come: false,
        };
        assert_eq!(next(Part::Customers, at(4)), Next::Each, "four pages");
        assert_eq!(next(Part::Customers, at(5)), Next::List);
        assert_eq!(
            (calls(2, 0), calls(3, 0), calls(0, 9), calls(-1, 9)),
            (2, 2, 0, 0)
        );
    }
}
