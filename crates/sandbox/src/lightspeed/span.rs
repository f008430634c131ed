//! Summaries of tables by the block, so that a page deep in a long list costs no walk over the pages before it.

/// Records in a block.
pub(crate) const BLOCK: usize = 256;

/// The times of a record, in seconds since 1970 (UTC).
pub(crate) trait Timed {
    /// Returns when it was made.
    fn created_s(&self) -> i64;

    /// Returns the earliest and the latest of the times at which a list may say that it was changed.
    fn updated_s(&self) -> (i64, i64);
}

/// What a block of records has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The position behind its last record.
    pub(crate) end: usize,
    /// Records that live.
    pub(crate) live: usize,
    /// The earliest and the latest creation, in seconds since 1970 (UTC).
    pub(crate) created_s: (i64, i64),
    /// The earliest and the latest change, in seconds since 1970 (UTC).
    pub(crate) updated_s: (i64, i64),
}

impl Span {
    /// Summarises the living records of a block that ends before `end`.
    pub(crate) fn of<'a, T: Timed + 'a>(end: usize, records: impl Iterator<Item = &'a T>) -> Self {
        let none = (i64::MAX, i64::MIN);
        let mut span = Self {
            end,
            live: 0,
            created_s: none,
            updated_s: none,
        };
        for record in records {
            let created_s = record.created_s();
            span.live += 1;
            span.created_s = widened(span.created_s, (created_s, created_s));
            span.updated_s = widened(span.updated_s, record.updated_s());
        }
        span
    }
}

fn widened(range: (i64, i64), by: (i64, i64)) -> (i64, i64) {
    (range.0.min(by.0), range.1.max(by.1))
}
