//! What a history refers to and does not list: people and products that are older than its period, or whose list is not
//! read. How many there are shows only while it is read, so this is the most.

use schakel_core::connector::{Part, Span};
use schakel_core::forecast::Wants;
use schakel_core::lookup;
use schakel_core::walk::Job;
use serde::Serialize;

use super::ask::{Counts, referring};
use super::known::{Known, Standing};

/// What may be missing of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OutsidePrice {
    /// The list's name.
    pub part: &'static str,
    /// Most things that the history may refer to and does not list.
    pub things_most: i64,
    /// Most calls that it takes to find them: in their list, or one by one where that is cheaper (docs/spec/walks.md).
    pub calls_most: i64,
    #[serde(skip)]
    of: Part,
}

/// Gives what a history of what was counted may refer to and does not list.
pub(super) fn outside(counts: &Counts, wants: Wants, known: &Known) -> Vec<OutsidePrice> {
    let lists = Part::ALL.into_iter();
    let lists = lists.filter(|part| Job::Lookup.walks(*part) && wants.includes(*part));
    lists
        .filter_map(|part| price(counts, wants, (part, known)))
        .collect()
}

fn price(counts: &Counts, wants: Wants, (part, known): (Part, &Known)) -> Option<OutsidePrice> {
    let whole = *counts.wholes.get(&part)?;
    let listed = counts.things.get(&part).copied().unwrap_or(0);
    // A thing that is held already is missing to nobody.
    let unknown = (whole - listed.max(known.alive(part))).max(0);
    let reads = |of: &Part| wants.includes(*of) && known.standing(*of, counts.span) != Standing::Read;
    let referred: i64 = referring(part)
        .filter(reads)
        .filter_map(|of| counts.things.get(&of))
        .sum();
    let things_most = match part {
        // Each order and cart names one at most; rows name any number of products.
        Part::Customers => unknown.min(referred),
        _ if referred > 0 => unknown,
        _ => 0,
    };
    (things_most > 0).then(|| OutsidePrice {
        part: part.as_str(),
        things_most,
        calls_most: lookup::calls(things_most, not_read(counts, part, whole)),
        of: part,
    })
}

/// How many things a look-up would have to list: with an open period only what lies beside it.
fn not_read(counts: &Counts, part: Part, whole: i64) -> i64 {
    let Span {
        created_from,
        created_to,
        ..
    } = counts.span;
    match counts.things.get(&part) {
        Some(listed) if created_from.is_none() || created_to.is_none() => (whole - listed).max(0),
        _ => whole,
    }
}

/// Gives the least and the most people that the history brings and the hub does not hold yet; `None` while their list is
/// not counted.
pub(super) fn people(counts: &Counts, known: &Known, outside: &[OutsidePrice]) -> Option<[i64; 2]> {
    let mut uncounted = counts.uncounted.iter().chain(&counts.wholes_uncounted);
    if uncounted.any(|part| *part == Part::Customers) {
        return None;
    }
    let is_read = known.standing(Part::Customers, counts.span) == Standing::Read;
    let listed = counts.things.get(&Part::Customers).filter(|_| !is_read);
    let listed = listed.copied().unwrap_or(0);
    let of_people = outside.iter().filter(|price| price.of == Part::Customers);
    let most = listed + of_people.map(|price| price.things_most).sum::<i64>();
    let held = known.alive(Part::Customers);
    let new = counts.whole(Part::Customers).map(|whole| (whole - held).max(0));
    Some([(listed - held).max(0), new.map_or(most, |new| new.min(most))])
}
