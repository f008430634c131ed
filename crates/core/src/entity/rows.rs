//! Rows that a thing lists, and those that it no longer lists: one rule for orders and carts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::Version;

/// When the rows of an order or cart were last listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsSeen {
    /// No answer listed them yet.
    #[default]
    Never,
    /// This answer lists them; its version is not known yet.
    Now,
    /// They were listed at this version.
    At(Version),
}

/// A row that a later version of its order or cart no longer has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneRow<R> {
    /// The row as last listed.
    pub row: R,
    /// The version at which it was last listed.
    pub seen: Version,
}

/// What can stand in a list of rows.
pub trait Row: Clone + PartialEq {
    /// Gives the source's id of it.
    fn id(&self) -> i64;
}

/// The rows of one order or cart, to be changed.
#[derive(Debug)]
pub struct Listed<'a, R> {
    /// As last listed.
    pub rows: &'a mut Vec<R>,
    /// When.
    pub seen: &'a mut RowsSeen,
    /// Those of earlier listings that the last one does not have.
    pub gone: &'a mut Vec<GoneRow<R>>,
}

impl<R: Row> Listed<'_, R> {
    /// Joins what another version of the same thing lists; returns whether anything changed.
    ///
    /// The rows are those of the newest listing of both; every other row ever listed is gone, with the
    /// content of its newest listing. Symmetric, so the order of arrival does not matter (I7).
    pub fn absorb(&mut self, other: (&[R], RowsSeen, &[GoneRow<R>])) -> bool {
        let before = (*self.seen, self.gone.len());
        let mut seen: BTreeMap<i64, GoneRow<R>> = BTreeMap::new();
        for (rows, at, gone) in [(self.rows.as_slice(), *self.seen, self.gone.as_slice()), other] {
            let listed = match at {
                RowsSeen::At(version) => rows.iter().map(|row| (row, version)).collect(),
                RowsSeen::Never | RowsSeen::Now => Vec::new(),
            };
            let gone = gone.iter().map(|gone| (&gone.row, gone.seen));
            for (row, version) in listed.into_iter().chain(gone) {
                if seen.get(&row.id()).is_none_or(|held| held.seen < version) {
                    let row = row.clone();
                    seen.insert(row.id(), GoneRow { row, seen: version });
                }
            }
        }
        if other.1 > *self.seen {
            *self.seen = other.1;
            *self.rows = other.0.to_vec();
        }
        for row in &*self.rows {
            seen.remove(&row.id());
        }
        let is_changed = before != (*self.seen, seen.len())
            || self
                .gone
                .iter()
                .any(|gone| seen.get(&gone.row.id()) != Some(gone));
        *self.gone = seen.into_values().collect();
        is_changed
    }
}
