//! Where the two engines part: every difference in SQL text has its name here.

use std::fmt::Write;

/// Which engine a statement is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Dialect {
    /// SQLite: one writer, in this process.
    Lite,
    /// PostgreSQL: many writers.
    Pg,
}

impl Dialect {
    /// The engine's name for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lite => "SQLite",
            Self::Pg => "PostgreSQL",
        }
    }

    /// Begins a transaction that writes.
    ///
    /// SQLite takes its write lock at once, since a lock that is taken later fails instead of waiting. PostgreSQL
    /// runs at READ COMMITTED with row locks: what two workers may change at once is read with
    /// [`Dialect::for_update`] first, and everything else belongs to one worker by a lease. SERIALIZABLE would need
    /// none of that, but its predicate locks grow to whole pages under batches of this size and abort claims that
    /// have nothing in common.
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Lite => "BEGIN IMMEDIATE",
            Self::Pg => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// Locks the rows that are read until the transaction ends; SQLite has one writer anyway.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Lite => "",
            Self::Pg => " FOR UPDATE",
        }
    }

    /// Locks the rows of alias `d` that are read, and none that they are joined with.
    pub(crate) const fn for_update_of_d(self) -> &'static str {
        match self {
            Self::Lite => "",
            Self::Pg => " FOR UPDATE OF d",
        }
    }

    /// Locks the rows of alias `d` that are read and leaves out those that another worker holds.
    pub(crate) const fn for_update_of_d_skip_locked(self) -> &'static str {
        match self {
            Self::Lite => "",
            Self::Pg => " FOR UPDATE OF d SKIP LOCKED",
        }
    }

    /// Writes the placeholder of the `n`-th parameter, from 1.
    ///
    /// SQLite gets bare question marks: it keeps numbered parameters in a list that it searches from its start for
    /// each of them, which takes longer than the inserts once there are thousands.
    pub(crate) fn placeholder(self, n: usize, text: &mut String) {
        match self {
            Self::Lite => text.push('?'),
            Self::Pg => {
                // Writing to a String cannot fail.
                let _ = write!(text, "${n}");
            }
        }
    }
}
