//! What is left to be read of a source: what it counted, less what the hub has.

use schakel_core::connector::Part;
use schakel_core::forecast::{history_calls, part_left};

use super::ask::Counts;
use super::known::{Known, Standing, has_rows};

/// Gives the calls that the history of `part` still takes, when the source counted so many `things` of it.
pub(super) fn calls_left(known: &Known, counts: &Counts, (part, things): (Part, i64)) -> i64 {
    match known.standing(part, counts.span) {
        Standing::UnderWay if let Some(left) = part_left(&known.walks, part) => {
            // Of what is under way there may be more than was asked for.
            left.middle().min(history_calls(part, things))
        }
        // Also of what is read already: a list that is read again brings what is new.
        _ if part.is_per_thing() => rows_left(known, counts, (part, things)),
        Standing::Read => 0,
        Standing::New | Standing::UnderWay => history_calls(part, things),
    }
}

/// A call for each order or cart that lacks its rows, and for each that its list may bring.
fn rows_left(known: &Known, counts: &Counts, (rows, things): (Part, i64)) -> i64 {
    let due = known.rows_due.get(&rows).copied().unwrap_or(0);
    let Some(list) = Part::ALL
        .into_iter()
        .find(|list| has_rows(*list) && list.kind() == rows.kind())
    else {
        return due;
    };
    let is_listed = counts.things.contains_key(&list) && known.standing(list, counts.span) != Standing::Read;
    if !is_listed {
        // Nothing new is listed: what is held alone is read.
        return due;
    }
    let not_held = counts
        .whole(list)
        .map_or(things, |whole| (whole - known.alive(list)).max(0));
    due + not_held.min(things)
}
