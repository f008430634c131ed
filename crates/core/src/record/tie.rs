//! Ties: two things said of one second, and nothing tells which of them is the later one.
//!
//! The source's times have whole seconds, and one act sends several payloads (architecture §3, Record). The digest gives
//! every hub the same answer, whatever the order of arrival; it does not give the right one. See docs/adr/0009.

use super::{Content, Held, Rank, Record};

impl Held {
    /// Tells whether `record`, which is not joined yet, and what is held are of one second and say different things, so that
    /// only the source can tell which of the two is true now.
    ///
    /// Of two payloads a `created` is the older one, so only two of the same rank are a tie. The payload of a change beside
    /// an answer of ours is one as well: the answer outranks it, and was perhaps given before that change. What another
    /// payload embeds is no word of its own, since a change has a webhook of its own; and of two answers the later question
    /// counts.
    #[must_use]
    pub fn is_tie(&self, record: &Record) -> bool {
        let (Some((version, _, known)), Some(said)) = (&self.live, &record.content) else {
            return false;
        };
        let payload = record.version;
        if payload.at != version.at || payload.ordinal > 0 || payload.rank == Rank::Embedded {
            return false;
        }
        if version.ordinal > 0 {
            return payload.rank == Rank::Changed && differ_without_rows(said, known);
        }
        payload.rank == version.rank && payload.digest != version.digest
    }
}

/// Tells whether two contents differ; rows are left out, since some answers have none.
fn differ_without_rows(one: &Content, other: &Content) -> bool {
    one.without_rows() != other.without_rows()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::tests::world::{account, customer, said};

    /// What a source says in one second: a payload of some rank, or an answer of ours.
    fn word(event: i64, (rank, ordinal): (Rank, i64), flavour: i64) -> Record {
        let mut record = said(
            event,
            customer(1, 1),
            7,
            ordinal,
            account("jan@example.org", flavour),
        );
        record.version.rank = rank;
        record
    }

    fn held(word: Record) -> Held {
        let mut held = Held::empty(word.key);
        held.absorb(word);
        held
    }

    #[test]
    fn only_what_nobody_can_order_is_a_tie() {
        use Rank::{Changed, Created, Embedded};
        for (known, next, is_tie) in [
            ((Changed, 0), (Changed, 0), true),
            ((Created, 0), (Created, 0), true),
            ((Created, 0), (Changed, 0), false),
            ((Changed, 0), (Created, 0), false),
            ((Embedded, 0), (Changed, 0), false),
            ((Changed, 0), (Embedded, 0), false),
            ((Embedded, 0), (Embedded, 0), false),
            ((Changed, 3), (Changed, 0), true),
            ((Changed, 3), (Created, 0), false),
            ((Changed, 3), (Embedded, 0), false),
            ((Changed, 0), (Changed, 3), false),
            ((Changed, 3), (Changed, 4), false),
        ] {
            let held = held(word(1, known, 1));
            assert_eq!(held.is_tie(&word(2, next, 2)), is_tie, "{known:?} {next:?}");
            assert!(!held.is_tie(&word(2, next, 1)), "they say the same");
            let mut later = word(2, next, 2);
            later.version.at = later.version.at.plus_ms(1_000);
            assert!(!held.is_tie(&later), "its time tells");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        // Whatever the order and repetition: when the words of the highest rank differ, somebody notices.
        #[test]
        fn a_tie_is_noticed_in_every_order(flavours in proptest::collection::vec(1_i64..4, 1..6)) {
            let mut known = Held::empty(customer(1, 1));
            let mut is_noticed = false;
            for (flavour, event) in flavours.iter().zip(1..) {
                let word = word(event, (Rank::Changed, 0), *flavour);
                is_noticed |= known.is_tie(&word);
                known.absorb(word);
            }
            let differ = flavours.iter().any(|flavour| *flavour != flavours[0]);
            prop_assert_eq!(is_noticed, differ);
        }
    }
}
