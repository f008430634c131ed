//! Where a walk through a list stands.
//!
//! A walk goes by id (`since_id`), which no insertion, deletion or change can disturb. A list that turns out not to
//! keep that order is begun anew by page number; checkouts are walked so from the start (lightspeed-ecom.md §5.14).

use std::fmt;

use schakel_core::connector::ConnectorError;
use schakel_core::time::Timestamp;

/// Most records in one page of a list (§3.4).
pub(super) const PAGE: usize = 250;

/// Records on a page of a list that passes over `limit` (§3.4).
const PAGE_UNASKED: usize = 50;

/// How many ids of a page are remembered to know it again.
const SAMPLE: usize = 8;

/// Where a walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Everything up to this id is read.
    Since(i64),
    /// By page number.
    Numbered(Numbered),
}

/// The next page of a walk by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    /// The page, counted from 1.
    pub(super) page: u32,
    /// When the walk by number began: what is created later does not belong to it.
    pub(super) until: Timestamp,
    /// How many records the page before had.
    len: usize,
    /// Some ids of the page before.
    sample: Vec<i64>,
}

/// What a page says about the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The ids of its records as they stand on it; 0 where one cannot be read.
    pub(super) ids: &'a [i64],
    /// Whether the list may pass over `limit` and `page`.
    pub(super) is_unsure: bool,
    /// When it was asked for.
    pub(super) now: Timestamp,
}

impl Cursor {
    /// Begins a walk by number.
    pub(super) const fn numbered(until: Timestamp) -> Self {
        Self::Numbered(Numbered {
            page: 1,
            until,
            len: 0,
            sample: Vec::new(),
        })
    }

    /// Reads the text of a cursor.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectorError> {
        Self::read(text).ok_or_else(|| ConnectorError::Malformed("not a cursor of this list".to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let cursor = match words.next()? {
            "since" => Self::Since(words.next()?.parse().ok()?),
            "page" => Self::Numbered(Numbered {
                page: words.next()?.parse().ok()?,
                until: Timestamp::from_micros(words.next()?.parse().ok()?),
                len: words.next()?.parse().ok()?,
                sample: words.by_ref().map(str::parse).collect::<Result<_, _>>().ok()?,
            }),
            _ => return None,
        };
        words.next().is_none().then_some(cursor)
    }

    /// Says where to go on after the page that this cursor asked for; `None` at the end of the list.
    ///
    /// # Errors
    /// When the list does not get any further.
    pub(super) fn next(&self, seen: Seen<'_>) -> Result<Option<Self>, ConnectorError> {
        match self {
            Self::Since(since) => after_id(*since, seen),
            Self::Numbered(page) => page.next(seen),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Since(id) => write!(f, "since {id}"),
            Self::Numbered(Numbered {
                page,
                until,
                len,
                sample,
            }) => {
                write!(f, "page {page} {} {len}", until.as_micros())?;
                sample.iter().try_for_each(|id| write!(f, " {id}"))
            }
        }
    }
}

/// A full page in the order of its ids leads on behind its last one; any other full page says that the list keeps
/// another order or passes over `since_id`, so that what was read so far may have gaps.
fn after_id(since: i64, seen: Seen<'_>) -> Result<Option<Cursor>, ConnectorError> {
    if seen.ids.len() < PAGE {
        return Ok(None);
    }
    let ids: Vec<i64> = seen.ids.iter().copied().filter(|id| *id > 0).collect();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
        return Err(ConnectorError::Malformed(
            "nothing on the page has an id".to_owned(),
        ));
    };
    // The bound itself may come once more: nobody says whether it is exclusive (§12 #9).
    if ids.is_sorted() && *first >= since && *last > since {
        return Ok(Some(Cursor::Since(*last)));
    }
    Ok(Some(Cursor::numbered(seen.now)))
}

impl Numbered {
    fn next(&self, seen: Seen<'_>) -> Result<Option<Cursor>, ConnectorError> {
        let len = seen.ids.len();
        let is_last = match (seen.is_unsure, self.page) {
            (false, _) => len < PAGE,
            (true, 1) => len < PAGE_UNASKED,
            (true, _) => len < self.len || self.is_again(seen.ids),
        };
        if is_last {
            return Ok(None);
        }
        // Very deep pages are cut off by the platform (§8 #16); that is not the end of the list.
        if self.is_again(seen.ids) {
            return Err(ConnectorError::Malformed(format!(
                "page {} is the page before it once more",
                self.page
            )));
        }
        Ok(Some(Cursor::Numbered(Self {
            page: self.page.saturating_add(1),
            until: self.until,
            len,
            sample: sampled(seen.ids),
        })))
    }

    /// Tells whether `ids` are those of the page before. A list that passes over `page` may have changed a little
    /// meanwhile, and a page may begin with some of the one before when something was put in: so the most counts.
    fn is_again(&self, ids: &[i64]) -> bool {
        let known = self.sample.iter().filter(|id| ids.contains(id)).count();
        known * 2 > self.sample.len()
    }
}

/// Some ids, evenly spread.
fn sampled(ids: &[i64]) -> Vec<i64> {
    let step = ids.len().div_ceil(SAMPLE).max(1);
    ids.iter().copied().step_by(step).filter(|id| *id > 0).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(7_000_000);

    fn seen(ids: &[i64]) -> Seen<'_> {
        Seen {
            ids,
            is_unsure: false,
            now: NOW,
        }
    }

    fn unsure(ids: &[i64]) -> Seen<'_> {
        Seen {
            is_unsure: true,
            ..seen(ids)
        }
    }

    fn range(from: i64, count: i64) -> Vec<i64> {
        (from..from + count).collect()
    }

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let page = Cursor::numbered(NOW).next(seen(&range(1, 250))).unwrap().unwrap();
        for cursor in [
            Cursor::Since(0),
            Cursor::Since(i64::MAX),
            Cursor::numbered(NOW),
            page,
        ] {
            assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
        }
        for text in [
            "since",
            "since x",
            "since 1 2",
            "page 1",
            "page 1 2 3 x",
            "page -1 2 3",
            "else",
        ] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_in_order_lead_on_behind_the_last_one() {
        let start = Cursor::Since(0);
        assert_eq!(start.next(seen(&range(5, 249))), Ok(None));
        assert_eq!(start.next(seen(&[])), Ok(None));
        assert_eq!(start.next(seen(&range(5, 250))), Ok(Some(Cursor::Since(254))));
        // One that cannot be read is passed over, and the bound may come again.
        let mut ids = range(254, 250);
        ids[7] = 0;
        assert_eq!(Cursor::Since(254).next(seen(&ids)), Ok(Some(Cursor::Since(503))));
        assert!(start.next(seen(&[0; 250])).is_err());
    }

    #[test]
    fn any_other_order_begins_anew_by_number() {
        let mut ids = range(1_000, 250);
        ids.swap(3, 4);
        let anew = Ok(Some(Cursor::numbered(NOW)));
        assert_eq!(Cursor::Since(0).next(seen(&ids)), anew);
        // A bound that is passed over: the first page comes again.
        assert_eq!(Cursor::Since(1_249).next(seen(&range(1_000, 250))), anew);
    }

    #[test]
    fn by_number_a_page_that_comes_again_is_not_the_end() {
        let first = Cursor::numbered(NOW);
        let second = first.next(seen(&range(1, 250))).unwrap().unwrap();
        assert!(second.next(seen(&range(1, 250))).is_err());
        assert!(second.next(seen(&range(90, 250))).is_err());
        assert!(
            second
                .next(seen(&range(241, 250)))
                .is_ok_and(|next| next.is_some())
        );
        assert_eq!(second.next(seen(&range(241, 30))), Ok(None));
    }

    #[test]
    fn a_list_that_may_pass_over_everything_ends_when_it_repeats() {
        let first = Cursor::numbered(NOW);
        assert_eq!(first.next(unsure(&range(1, 49))), Ok(None));
        for count in [50, 250, 900] {
            let second = first.next(unsure(&range(1, count))).unwrap().unwrap();
            assert_eq!(second.next(unsure(&range(1, count))), Ok(None), "{count}");
            assert_eq!(
                second.next(unsure(&range(9, count))),
                Ok(None),
                "{count}, changed a little"
            );
            assert_eq!(second.next(unsure(&[])), Ok(None), "{count}");
            let third = second.next(unsure(&range(count + 1, count)));
            assert!(third.is_ok_and(|next| next.is_some()), "{count}");
        }
    }

    /// A list that does not change: its ids in the order that it keeps, and what it obeys.
    #[derive(Debug, Clone)]
    struct List {
        ids: Vec<i64>,
        obeys_since: bool,
        obeys_page: bool,
        limit: usize,
    }

    impl List {
        fn page(&self, cursor: &Cursor) -> Vec<i64> {
            let (since, page) = match cursor {
                Cursor::Since(id) => (*id, 1),
                Cursor::Numbered(numbered) => (0, numbered.page as usize),
            };
            let meant = self.ids.iter().filter(|id| !self.obeys_since || **id > since);
            let skipped = if self.obeys_page {
                (page - 1) * self.limit
            } else {
                0
            };
            meant.skip(skipped).take(self.limit).copied().collect()
        }

        /// Walks to the end; gives what was seen and how many pages that took.
        fn walk(
            &self,
            mut cursor: Cursor,
            is_unsure: bool,
        ) -> Result<(BTreeSet<i64>, usize), ConnectorError> {
            let mut all = BTreeSet::new();
            for pages in 1..100 {
                let ids = self.page(&cursor);
                all.extend(ids.iter().copied());
                let seen = Seen {
                    is_unsure,
                    ..seen(&ids)
                };
                match cursor.next(seen)? {
                    Some(next) => cursor = Cursor::parse(&next.to_string())?,
                    None => return Ok((all, pages)),
                }
            }
            panic!("no end: {self:?}");
        }
    }

    fn some_ids() -> impl Strategy<Value = Vec<i64>> {
        proptest::collection::btree_set(1..i64::MAX, 0..900).prop_map(|ids| ids.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// By id a walk takes as few pages as there can be; one more when the last one is full.
        #[test]
        fn a_walk_by_id_sees_everything_in_the_fewest_pages(ids in some_ids()) {
            let list = List { ids, obeys_since: true, obeys_page: true, limit: PAGE };
            let (seen, pages) = list.walk(Cursor::Since(0), false).unwrap();
            prop_assert_eq!(pages, list.ids.len() / PAGE + 1);
            prop_assert!(seen.into_iter().eq(list.ids));
        }

        #[test]
        fn a_list_in_any_order_is_seen_whole(ids in some_ids().prop_shuffle(), obeys_since in any::<bool>()) {
            let list = List { ids, obeys_since, obeys_page: true, limit: PAGE };
            let (seen, _) = list.walk(Cursor::Since(0), false).unwrap();
            prop_assert_eq!(seen, list.ids.into_iter().collect());
        }

        /// A list that obeys nothing at all ends in an error or was seen whole, and always ends.
        #[test]
        fn a_list_that_obeys_nothing_is_never_taken_for_whole(ids in some_ids().prop_shuffle()) {
            let list = List { ids, obeys_since: false, obeys_page: false, limit: PAGE };
            match list.walk(Cursor::Since(0), false) {
                Ok((seen, _)) => prop_assert_eq!(seen, list.ids.into_iter().collect()),
                Err(_) => prop_assert!(list.ids.len() >= PAGE),
            }
        }

        /// Checkouts: pages of 250 or of 50, or everything at once.
        #[test]
        fn an_unsure_list_is_seen_whole(
            ids in some_ids().prop_shuffle(),
            (limit, obeys_page) in prop_oneof![Just((PAGE, true)), Just((50, true)), Just((10_000, false))],
        ) {
            let list = List { ids, obeys_since: false, obeys_page, limit };
            let (seen, _) = list.walk(Cursor::numbered(NOW), true).unwrap();
            prop_assert_eq!(seen, list.ids.into_iter().collect());
        }
    }
}
