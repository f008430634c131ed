//! Ties: two things said of one second, and nothing tells which of them is the later one.
//!
//! The source's times have whole seconds, and one act sends several payloads (architecture §3, Record). The digest gives
//! every hub the same answer, whatever the order of arrival; it does not give the right one. See docs/adr/0009.

use super::{Content, Held, Rank, Record};
use crate::id::{EventId, made_at};
use crate::time::Timestamp;

impl Held {
    /// Tells whether `record`, which is not joined yet, and what is held are of one second and say different things, so that
    /// only the source can tell which of the two is true now. `asked_at`: when the words of an answer were asked for, `None`
    /// for a payload.
    ///
    /// Of two payloads a `created` is the older one, so only two of the same rank are a tie. The payload of a change beside
    /// an answer of ours is one as well: the answer outranks it, and was perhaps given before that change. Where the
    /// payload is held first, that is so only when it was received since the question: an answer is later than all that was
    /// known before it was asked for. What another payload embeds is no word of its own, since a change has a webhook of its
    /// own; and of two answers the later question counts.
    #[must_use]
    pub fn is_tie(&self, record: &Record, asked_at: Option<Timestamp>) -> bool {
        let (Some((known, event, held)), Some(said)) = (&self.live, &record.content) else {
            return false;
        };
        let new = record.version;
        if new.at != known.at {
            return false;
        }
        match (new.ordinal > 0, known.ordinal > 0) {
            (false, false) => {
                new.rank == known.rank && new.rank > Rank::Embedded && new.digest != known.digest
            }
            (false, true) => new.rank == Rank::Changed && differ_without_rows(said, held),
            (true, false) => {
                let is_newer = asked_at.is_some_and(|asked_at| is_since(*event, asked_at));
                is_newer && known.rank == Rank::Changed && differ_without_rows(said, held)
            }
            (true, true) => false,
        }
    }
}

/// Tells whether an event was received at `asked_at` or later, to the millisecond, as exact as ids are.
const fn is_since(event: EventId, asked_at: Timestamp) -> bool {
    made_at(event.0).as_micros() > asked_at.as_micros() - 1_000
}

/// Tells whether two contents differ; rows are left out, since some answers have none.
fn differ_without_rows(one: &Content, other: &Content) -> bool {
    one.without_rows() != other.without_rows()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::IdMaker;
    use crate::identity::tests::world::{Choice, account, at, customer, said};

    /// A moment of hours after the source's second, in milliseconds.
    fn ms(ms: i64) -> Timestamp {
        at(10_000).plus_ms(ms)
    }

    /// What a source says in one second, received at `received`: a payload of some rank, or an answer of ours.
    fn word(received: i64, (rank, ordinal): (Rank, i64), flavour: i64) -> Record {
        let event = IdMaker::new(0).next(ms(received));
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
        // The first word is received at 10 ms; the second is asked for then, or just after.
        for (known, next, asked, is_tie) in [
            ((Changed, 0), (Changed, 0), None, true),
            ((Created, 0), (Created, 0), None, true),
            ((Created, 0), (Changed, 0), None, false),
            ((Changed, 0), (Created, 0), None, false),
            ((Embedded, 0), (Changed, 0), None, false),
            ((Changed, 0), (Embedded, 0), None, false),
            ((Embedded, 0), (Embedded, 0), None, false),
            ((Changed, 3), (Changed, 0), None, true),
            ((Changed, 3), (Created, 0), None, false),
            ((Changed, 3), (Embedded, 0), None, false),
            ((Changed, 0), (Changed, 3), Some(10), true),
            ((Changed, 0), (Changed, 3), Some(11), false),
            ((Created, 0), (Changed, 3), Some(10), false),
            ((Embedded, 0), (Changed, 3), Some(10), false),
            ((Changed, 3), (Changed, 4), Some(0), false),
        ] {
            let held = held(word(10, known, 1));
            let (later, asked) = (20, asked.map(ms));
            assert_eq!(
                held.is_tie(&word(later, next, 2), asked),
                is_tie,
                "{known:?} {next:?} {asked:?}"
            );
            assert!(!held.is_tie(&word(later, next, 1), asked), "they say the same");
            let mut newer = word(later, next, 2);
            newer.version.at = newer.version.at.plus_ms(1_000);
            assert!(!held.is_tie(&newer, asked), "its time tells");
        }
    }

    #[test]
    fn a_payload_of_the_millisecond_of_the_question_may_be_the_later_one() {
        let held = held(word(10, (Rank::Changed, 0), 1));
        let answer = word(20, (Rank::Changed, 3), 2);
        for (asked_us, is_tie) in [(-1_000, true), (0, true), (999, true), (1_000, false)] {
            let asked_at = Timestamp::from_micros(ms(10).as_micros() + asked_us);
            assert_eq!(held.is_tie(&answer, Some(asked_at)), is_tie, "{asked_us}");
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
                is_noticed |= known.is_tie(&word, None);
                known.absorb(word);
            }
            let differ = flavours.iter().any(|flavour| *flavour != flavours[0]);
            prop_assert_eq!(is_noticed, differ);
        }

        // A thing changes every 10 ms within one second, first perhaps by being made, and each change sends a payload that
        // comes after a while. Meanwhile the hub asks, and each question is read by the source after a while. Whatever is
        // joined when: what is held at last is the last change, or somebody noticed that it may not be.
        #[test]
        fn no_older_answer_stays_unnoticed(
            delays in proptest::collection::vec(1_i64..60, 1..5), is_made: bool,
            questions in proptest::collection::vec((0_i64..60, 0_i64..40), 0..4), seed: u64,
        ) {
            let mut words = Vec::new();
            for (delay, nth) in delays.iter().zip(0_i64..) {
                let rank = if is_made && nth == 0 { Rank::Created } else { Rank::Changed };
                words.push((word(nth * 10 + delay, (rank, 0), nth), None));
            }
            let last = i64::try_from(words.len()).unwrap() - 1;
            let mut reads: Vec<(i64, i64)> = questions.iter().map(|(asked, way)| (asked + way, *asked)).collect();
            reads.sort_unstable();
            for ((read, asked), ordinal) in reads.into_iter().zip(1..) {
                let answer = word(read, (Rank::Changed, ordinal), (read / 10).min(last));
                words.push((answer, Some(ms(asked))));
            }
            let mut known = Held::empty(customer(1, 1));
            let mut is_noticed = false;
            for (word, asked_at) in Choice(seed).arrange(&words).concat() {
                is_noticed |= known.is_tie(&word, asked_at);
                known.absorb(word);
            }
            let truth = word(0, (Rank::Changed, 0), last).content;
            let held = known.live.map(|(.., content)| content);
            prop_assert!(held == truth || is_noticed, "{held:?} instead of {truth:?}");
        }
    }
}
