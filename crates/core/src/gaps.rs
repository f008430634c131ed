//! Gaps: when the webhooks of a source are known to have stayed away, so that what nobody told then is explained.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Most gaps that are remembered; the oldest are forgotten. A week between two reconciliations has fewer.
const KEPT: usize = 50;

/// Known gaps, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gaps(Vec<Gap>);

/// One gap, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Gap {
    from: Timestamp,
    to: Timestamp,
}

impl Gaps {
    /// Adds a gap; one with those that it touches. One that ends before it begins (a clock was set back) adds nothing.
    pub fn note(&mut self, from: Timestamp, to: Timestamp) {
        if from > to {
            return;
        }
        let mut new = Gap { from, to };
        self.0.retain(|known| {
            let is_apart = !known.touches(new.from, new.to);
            if !is_apart {
                new.from = new.from.min(known.from);
                new.to = new.to.max(known.to);
            }
            is_apart
        });
        let place = self.0.partition_point(|known| known.from < new.from);
        self.0.insert(place, new);
        let forgotten = self.0.len().saturating_sub(KEPT);
        self.0.drain(..forgotten);
    }

    /// Tells whether any of them has a moment between `from` and `to`, both included.
    #[must_use]
    pub fn touch(&self, from: Timestamp, to: Timestamp) -> bool {
        self.0.iter().any(|gap| gap.touches(from, to))
    }
}

impl Gap {
    fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && from <= self.to
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second)
    }

    proptest! {
        /// Beside a model that keeps every gap as it was told.
        #[test]
        fn they_touch_what_any_of_them_touches(told in prop::collection::vec((0_i64..60, 0_i64..60), 0..12)) {
            let mut gaps = Gaps::default();
            for (from, to) in &told {
                gaps.note(at(*from), at(*to));
            }
            let is_in = |(from, to): &&(i64, i64), second: i64| *from <= second && second <= *to;
            for second in 0..60 {
                let expected = told.iter().any(|gap| is_in(&gap, second));
                prop_assert_eq!(gaps.touch(at(second), at(second)), expected, "{}", second);
            }
            prop_assert!(gaps.0.windows(2).all(|two| two[0].to < two[1].from), "{gaps:?}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut gaps = Gaps::default();
        for second in 0..60 {
            gaps.note(at(second * 10), at(second * 10 + 1));
        }
        assert!(!gaps.touch(at(0), at(91)) && gaps.touch(at(0), at(100)));
        assert!(gaps.touch(at(590), at(590)));
    }
}
