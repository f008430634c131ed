//! Statements: text, parameters, and lists of rows in sizes that keep the number of distinct texts small.
//!
//! Each distinct text is prepared once per connection and kept, so a list of rows is written in chunks of powers of
//! two. Only text of this crate ever gets into a statement; values are always parameters.

use schakel_core::time::Timestamp;

use crate::dialect::Dialect;

/// Largest number of rows in one inserting statement: above it the saving is small and the prepared text large.
const INSERT_ROWS: usize = 64;

/// Largest number of rows in one list of keys.
const KEY_ROWS: usize = 256;

/// Statements that a connection keeps prepared; more than the number of distinct texts.
pub(crate) const STATEMENTS_KEPT: usize = 600;

/// Most parameters of one statement, below SQLite's 32,766.
const PARAMETERS: usize = 32_000;

/// Gives a bound as the engines take it.
pub(crate) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// One value on its way into the database.
#[derive(Debug, Clone)]
pub(crate) enum Param {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BYTEA.
    Bytes(Option<Vec<u8>>),
    /// BOOLEAN.
    Flag(bool),
}

macro_rules! param_from {
    ($($from:ty, $value:ident => $param:expr;)*) => {
        $(impl From<$from> for Param {
            fn from($value: $from) -> Self {
                $param
            }
        })*
    };
}

param_from! {
    i64, value => Self::Int(Some(value));
    Option<i64>, value => Self::Int(value);
    u32, value => Self::Int(Some(i64::from(value)));
    i16, value => Self::Int(Some(i64::from(value)));
    Timestamp, value => Self::Int(Some(value.as_micros()));
    bool, value => Self::Flag(value);
    String, value => Self::Text(Some(value));
    &str, value => Self::Text(Some(value.to_owned()));
    Option<&str>, value => Self::Text(value.map(str::to_owned));
    &[u8], value => Self::Bytes(Some(value.to_vec()));
    Option<&[u8]>, value => Self::Bytes(value.map(<[u8]>::to_vec));
}

/// A statement for one engine with its parameters.
#[derive(Debug)]
pub(crate) struct Sql {
    dialect: Dialect,
    /// What it does, for an error's text: `read records`.
    pub(crate) action: &'static str,
    /// The text.
    pub(crate) text: String,
    /// The parameters, in the order of their placeholders.
    pub(crate) params: Vec<Param>,
}

impl Sql {
    /// Starts a statement that does `action` with `text`.
    pub(crate) fn new(dialect: Dialect, action: &'static str, text: &'static str) -> Self {
        Self {
            dialect,
            action,
            text: text.to_owned(),
            params: Vec::new(),
        }
    }

    /// Appends text of this crate.
    pub(crate) fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder and its value. Not in a text that has `$1`.
    pub(crate) fn bind(mut self, value: impl Into<Param>) -> Self {
        self.params.push(value.into());
        self.dialect.placeholder(self.params.len(), &mut self.text);
        self
    }

    /// Adds the value of the next `$n` that stands in the text already.
    pub(crate) fn arg(mut self, value: impl Into<Param>) -> Self {
        self.params.push(value.into());
        self
    }

    /// Appends `(?, …), (?, …)`: one row for each of `rows`, with the values that `write` puts.
    pub(crate) fn rows<T>(mut self, rows: &[T], mut write: impl FnMut(&T, &mut RowValues<'_>)) -> Self {
        for (index, row) in rows.iter().enumerate() {
            self.text.push_str(if index == 0 { "(" } else { ", (" });
            let mut values = RowValues {
                sql: &mut self,
                is_first: true,
            };
            write(row, &mut values);
            self.text.push(')');
        }
        self
    }

    /// Like [`Sql::rows`] with the last row repeated up to the next power of two; for lists of keys and for updates,
    /// where a repeated row changes nothing.
    pub(crate) fn key_rows<T>(self, rows: &[T], write: impl FnMut(&T, &mut RowValues<'_>)) -> Self {
        let size = rows.len().next_power_of_two();
        let padded: Vec<&T> = rows
            .iter()
            .chain(std::iter::repeat_n(rows.last(), size - rows.len()).flatten())
            .collect();
        let mut write = write;
        self.rows(&padded, |row, values| write(row, values))
    }
}

/// The values of one row while they are written.
#[derive(Debug)]
pub(crate) struct RowValues<'s> {
    sql: &'s mut Sql,
    is_first: bool,
}

impl RowValues<'_> {
    /// Puts the next value.
    pub(crate) fn put(&mut self, value: impl Into<Param>) -> &mut Self {
        if !self.is_first {
            self.sql.text.push_str(", ");
        }
        self.is_first = false;
        self.sql.params.push(value.into());
        self.sql
            .dialect
            .placeholder(self.sql.params.len(), &mut self.sql.text);
        self
    }
}

/// Cuts rows of `width` values into chunks for inserting statements, each a power of two long.
pub(crate) fn insert_chunks<T>(rows: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    let most = INSERT_ROWS.min(previous_power_of_two(PARAMETERS / width.max(1)));
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = previous_power_of_two(rest.len()).min(most);
        let (chunk, after) = rest.split_at(size);
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Cuts keys or updated rows into chunks for [`Sql::key_rows`].
pub(crate) fn key_chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    rows.chunks(KEY_ROWS)
}

const fn previous_power_of_two(n: usize) -> usize {
    match n.checked_ilog2() {
        Some(power) => 1 << power,
        None => 0,
    }
}

/// Sorts `rows` by `key` and keeps the last row of each key.
///
/// PostgreSQL refuses a statement that writes one row twice; rows in the order of their keys lie near each other, and
/// two writers that lock in one order never wait for each other in a circle.
pub(crate) fn last_of_each<T, K: Ord>(rows: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = rows.iter().collect();
    // Stable, so the last row of a key stays behind the others.
    sorted.sort_by_key(|row| key(row));
    let mut kept: Vec<&T> = Vec::with_capacity(sorted.len());
    for row in sorted {
        if kept.last().is_some_and(|last| key(last) == key(row)) {
            kept.pop();
        }
        kept.push(row);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_every_row_once_in_sizes_of_powers_of_two() {
        for n in 0..400 {
            let rows: Vec<usize> = (0..n).collect();
            let chunks: Vec<&[usize]> = insert_chunks(&rows, 20).collect();
            assert_eq!(chunks.concat(), rows);
            assert!(
                chunks
                    .iter()
                    .all(|chunk| chunk.len().is_power_of_two() && chunk.len() <= 64)
            );
        }
        let wide = insert_chunks(&[0; 64], 1_000).next().map(<[i32]>::len);
        assert_eq!(wide, Some(32));
        let wider = insert_chunks(&[0; 64], 1_001).next().map(<[i32]>::len);
        assert_eq!(wider, Some(16));
    }

    #[test]
    fn keys_are_padded_with_the_last_one() {
        let sql = Sql::new(Dialect::Pg, "test", "SELECT ")
            .bind(7_i64)
            .push(" IN ")
            .key_rows(&[1_i64, 2, 3], |key, values| {
                values.put(*key);
            });
        assert_eq!(sql.text, "SELECT $1 IN ($2), ($3), ($4), ($5)");
        assert_eq!(sql.params.len(), 5);
        let lite = Sql::new(Dialect::Lite, "test", "VALUES ").rows(&[(1_i64, "a")], |row, values| {
            values.put(row.0).put(row.1);
        });
        assert_eq!(lite.text, "VALUES (?, ?)");
    }

    #[test]
    fn the_last_row_of_a_key_wins() {
        let rows = [(2, 'a'), (1, 'b'), (2, 'c')];
        assert_eq!(last_of_each(&rows, |row| row.0), [&(1, 'b'), &(2, 'c')]);
    }
}
