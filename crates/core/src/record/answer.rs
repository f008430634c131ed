//! What an answer to a question of ours is worth: not every 404 is a deletion, not every content the newest.
//!
//! Source: lightspeed-ecom.md §7 (404 twice, minutes apart, while the shop answers), reliability.md I6 and I22.

use super::{Held, RecordKind};
use crate::limits;
use crate::time::Timestamp;

/// A question to a source, with what was known when it was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The kind of thing.
    pub kind: RecordKind,
    /// What the hub held before the call began: an answer is newer than all of it.
    pub held: Option<&'a Held>,
    /// Whether the source itself told that the thing is gone (a webhook).
    pub is_told: bool,
    /// When the first of the answers before found nothing; `None` when the last one found something.
    pub missing_since: Option<Timestamp>,
    /// How many answers in a row were doubted.
    pub doubts: u32,
    /// When the answer came.
    pub now: Timestamp,
}

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It counts; its version does not lie before `floor`.
    Counts {
        /// See [`crate::event::Event::floor`].
        floor: Timestamp,
    },
    /// It counts if the source answers other questions.
    CountsWithSignOfLife {
        /// See [`crate::event::Event::floor`].
        floor: Timestamp,
    },
    /// It is applied, and asked for once more: there should be something newer.
    Doubtful {
        /// See [`crate::event::Event::floor`].
        floor: Timestamp,
        /// When to ask again.
        again_at: Timestamp,
    },
    /// It is not believed yet; nothing is applied.
    Unbelieved {
        /// When to ask again.
        again_at: Timestamp,
    },
}

/// Judges an answer: `said` is the time that the content bears, `None` for a 404; `date` is the source's clock.
#[must_use]
pub fn judge(asked: &Asked<'_>, said: Option<Timestamp>, date: Option<Timestamp>) -> Worth {
    match said {
        Some(at) => judge_content(asked, at),
        None => judge_absence(asked, date),
    }
}

/// One 404 is no deletion: a shop answers so for a moment about things that are there. It counts when a webhook told
/// of the deletion, when the thing is known as gone, or when a second one comes [`limits::GONE_AGAIN_MS`] later. A
/// product or variant is marked nowhere; a missing one only leaves an order row without its picture.
fn judge_absence(asked: &Asked<'_>, date: Option<Timestamp>) -> Worth {
    let floor = absent_since(asked, date);
    let is_harmless = matches!(asked.kind, RecordKind::Product | RecordKind::Variant);
    if is_harmless || asked.is_told || asked.held.is_some_and(Held::is_deleted) {
        return Worth::Counts { floor };
    }
    // A first time that lies in the future is of a clock that was set back since; it proves nothing (I22).
    let first = asked
        .missing_since
        .filter(|first| *first <= asked.now)
        .unwrap_or(asked.now);
    let again_at = first.plus_ms(limits::GONE_AGAIN_MS);
    if asked.now < again_at {
        Worth::Unbelieved { again_at }
    } else {
        Worth::CountsWithSignOfLife { floor }
    }
}

/// Dates a deletion by the source's clock, never after now, and never before what was known when we asked. What was
/// known as gone keeps its date: a No of consent must not overrule a Yes that came between two questions.
fn absent_since(asked: &Asked<'_>, date: Option<Timestamp>) -> Timestamp {
    let gone = asked.held.filter(|held| held.is_deleted());
    if let Some((version, _)) = gone.and_then(|held| held.tombstone) {
        return version.at;
    }
    let at = date.unwrap_or(asked.now).min(asked.now);
    let known = asked.held.and_then(|held| held.live.as_ref());
    known.map_or(at, |(version, ..)| at.max(version.at))
}

/// Content that is older than what was known is a copy that is not up to date, or what was known is wrong. Asked for
/// again and again it counts in the end, since nothing else would ever settle it. A thing that is there although a
/// webhook told that it is gone is asked for once more as well.
fn judge_content(asked: &Asked<'_>, said: Timestamp) -> Worth {
    let gone = asked.held.and_then(|held| held.tombstone.as_ref());
    let floor = gone.map_or(Timestamp::ZERO, |(version, _)| version.at);
    let known = asked.held.and_then(|held| held.live.as_ref());
    let known_at = known.map_or(Timestamp::ZERO, |(version, ..)| version.at);
    if said.max(floor) < known_at {
        if asked.doubts >= limits::STALE_ANSWERS {
            return Worth::Counts { floor: known_at };
        }
        let wait_ms = limits::FETCH_QUOTA_MS << (asked.doubts + 1);
        return Worth::Doubtful {
            floor,
            again_at: asked.now.plus_ms(wait_ms),
        };
    }
    if asked.is_told && asked.doubts == 0 {
        return Worth::Doubtful {
            floor,
            again_at: asked.now.plus_ms(limits::GONE_AGAIN_MS),
        };
    }
    Worth::Counts { floor }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::tests::world::{self, at, gone, said};

    fn held(live: Option<i64>, tombstone: Option<i64>) -> Held {
        let key = world::customer(1, 1);
        let mut held = Held::empty(key);
        if let Some(seconds) = live {
            held.absorb(said(1, key, seconds, 0, world::account("jan@example.org", 1)));
        }
        if let Some(seconds) = tombstone {
            held.absorb(gone(2, key, seconds, 1));
        }
        held
    }

    fn asked(held: &Held, now: i64) -> Asked<'_> {
        Asked {
            kind: RecordKind::Customer,
            held: Some(held),
            is_told: false,
            missing_since: None,
            doubts: 0,
            now: at(now),
        }
    }

    #[test]
    fn a_deletion_costs_the_calls_that_a_plan_names() {
        let living = held(Some(10), None);
        let calls = |is_told| {
            let mut one = Asked {
                is_told,
                ..asked(&living, 1_000)
            };
            (1..10).find(|_| match judge(&one, None, None) {
                Worth::Unbelieved { again_at } => {
                    one.missing_since = one.missing_since.or(Some(one.now));
                    one.now = again_at;
                    false
                }
                _ => true,
            })
        };
        let price = crate::forecast::deletion_calls(crate::forecast::Wants::default());
        assert_eq!((calls(true), calls(false)), (price.told, Some(price.found)));
    }

    #[test]
    fn a_404_counts_the_second_time_or_with_a_second_witness() {
        let living = held(Some(10), None);
        let first = asked(&living, 1_000);
        let again_at = at(1_000).plus_ms(limits::GONE_AGAIN_MS);
        assert_eq!(judge(&first, None, None), Worth::Unbelieved { again_at });
        let soon = Asked {
            missing_since: Some(at(1_000)),
            now: at(1_060),
            ..first
        };
        assert_eq!(judge(&soon, None, None), Worth::Unbelieved { again_at });
        let later = Asked {
            now: again_at,
            ..soon
        };
        let floor = again_at;
        assert_eq!(judge(&later, None, None), Worth::CountsWithSignOfLife { floor });
        let told = Asked {
            is_told: true,
            ..first
        };
        assert_eq!(judge(&told, None, None), Worth::Counts { floor: at(1_000) });
        let known = held(Some(10), Some(20));
        assert_eq!(
            judge(&asked(&known, 1_000), None, Some(at(900))),
            Worth::Counts { floor: at(20) },
            "it is gone since then"
        );
        let product = Asked {
            kind: RecordKind::Product,
            ..first
        };
        assert!(matches!(judge(&product, None, None), Worth::Counts { .. }));
    }

    #[test]
    fn a_clock_that_was_set_back_starts_the_wait_anew() {
        let living = held(Some(10), None);
        let asked = Asked {
            missing_since: Some(at(900_000)),
            ..asked(&living, 1_000)
        };
        let again_at = at(1_000).plus_ms(limits::GONE_AGAIN_MS);
        assert_eq!(judge(&asked, None, None), Worth::Unbelieved { again_at });
    }

    #[test]
    fn a_deletion_is_dated_by_the_source_within_what_we_know() {
        let living = held(Some(500), None);
        let told = Asked {
            is_told: true,
            ..asked(&living, 1_000)
        };
        for (date, expected) in [
            (None, 1_000),
            (Some(900), 900),
            (Some(2_000), 1_000),
            (Some(400), 500),
        ] {
            let floor = at(expected);
            assert_eq!(judge(&told, None, date.map(at)), Worth::Counts { floor });
        }
    }

    #[test]
    fn older_content_is_doubted_a_few_times_and_then_counts() {
        let known = held(Some(500), None);
        let mut asked = asked(&known, 1_000);
        for doubts in 0..limits::STALE_ANSWERS {
            asked.doubts = doubts;
            assert!(matches!(
                judge(&asked, Some(at(499)), None),
                Worth::Doubtful { .. }
            ));
        }
        asked.doubts = limits::STALE_ANSWERS;
        assert_eq!(
            judge(&asked, Some(at(499)), None),
            Worth::Counts { floor: at(500) }
        );
        asked.doubts = 0;
        let floor = Timestamp::ZERO;
        assert_eq!(judge(&asked, Some(at(500)), None), Worth::Counts { floor });
        asked.is_told = true;
        assert!(matches!(
            judge(&asked, Some(at(500)), None),
            Worth::Doubtful { .. }
        ));
        asked.doubts = 1;
        assert_eq!(judge(&asked, Some(at(500)), None), Worth::Counts { floor });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        // Every question ends: an answer that stays the same counts after a bounded number of times and in a bounded
        // time, and then the thing is there or gone as the answer says.
        #[test]
        fn every_question_ends(
            live in proptest::option::of(0i64..2_000), tombstone in proptest::option::of(0i64..2_000),
            answer in proptest::option::of(0i64..2_000), date in proptest::option::of(0i64..9_000), is_told: bool,
        ) {
            let mut held = held(live, tombstone);
            let key = held.key;
            let (mut missing_since, mut doubts, mut now) = (None, 0, at(3_000));
            let floor = loop {
                let asked = Asked { kind: key.kind, held: Some(&held), is_told, missing_since, doubts, now };
                match judge(&asked, answer.map(at), date.map(at)) {
                    Worth::Counts { floor } | Worth::CountsWithSignOfLife { floor } => break floor,
                    Worth::Doubtful { again_at, .. } => {
                        prop_assert!(answer.is_some());
                        (doubts, now) = (doubts + 1, again_at);
                    }
                    Worth::Unbelieved { again_at } => {
                        prop_assert!(answer.is_none());
                        missing_since = missing_since.or(Some(now));
                        now = again_at;
                    }
                }
                prop_assert!(doubts <= limits::STALE_ANSWERS + 1);
                prop_assert!(now <= at(3_000).plus_ms(2 * limits::GONE_AGAIN_MS));
            };
            prop_assert!(floor <= now);
            let seconds = answer.unwrap_or(0);
            let floor_s = floor.as_micros() - at(0).as_micros();
            let seconds = seconds.max(floor_s / 1_000_000);
            held.absorb(match answer {
                Some(_) => said(3, key, seconds, 9, world::account("els@example.org", 1)),
                None => gone(3, key, seconds, 9),
            });
            prop_assert_eq!(held.is_deleted(), answer.is_none());
            if answer.is_some() {
                prop_assert_eq!(held.live.map(|(version, ..)| version.ordinal), Some(9));
            }
        }
    }
}
