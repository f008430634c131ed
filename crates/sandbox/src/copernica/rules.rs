//! What the customer sets in the user interface and no call can read: restrictions and removal behaviour.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::cell::{Cells, Patch};
use super::table::{Row, Rows, Table, same_text};
use super::wire::Json;

/// A restriction of a database or collection (copernica.md §4.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restriction {
    /// "Block double values": no two living rows hold the same values in all these fields together.
    /// Rows without any of the values are let through.
    Unique(Vec<String>),
    /// The field is at least this number; for instance an age.
    Minimum(String, i64),
    /// No value of the field contains this text; for instance the domain of a mail address.
    NotContaining(String, String),
}

/// What a delete does (copernica.md §4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Removal {
    /// The row is removed.
    #[default]
    Remove,
    /// The answer says so, but the row stays.
    Nothing,
    /// The row is unsubscribed: what that does is set beside it.
    Unsubscribe,
}

/// What an unsubscribe does with a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Behaviour {
    /// Nothing.
    #[default]
    Nothing,
    /// Removes the row.
    Remove,
    /// Writes these values.
    Update(Vec<(String, String)>),
}

/// The settings of one table.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) restrictions: Vec<Restriction>,
    pub(crate) removal: Removal,
    pub(crate) unsubscribe: Behaviour,
}

/// Says whether `table` would still satisfy its restrictions after a write.
///
/// `id` is the row written to; `None` for a new row, which takes the defaults for what `patch` leaves out.
pub(crate) fn allows(rules: &Rules, table: &mut Table, rows: &Rows, id: Option<u32>, patch: &Patch) -> bool {
    rules.restrictions.iter().all(|restriction| match restriction {
        Restriction::Unique(names) => is_unique(names, table, rows, id, patch),
        Restriction::Minimum(name, least) => table.position(name).is_none_or(|position| {
            let row = id.and_then(|id| rows.get(id));
            let value = value_after(table, row, patch, position);
            super::field::float(&Json::Text(value)) >= *least as f64
        }),
        Restriction::NotContaining(name, text) => table.position(name).is_none_or(|position| {
            let row = id.and_then(|id| rows.get(id));
            !value_after(table, row, patch, position)
                .to_lowercase()
                .contains(&text.to_lowercase())
        }),
    })
}

fn is_unique(names: &[String], table: &mut Table, rows: &Rows, id: Option<u32>, patch: &Patch) -> bool {
    let positions: Vec<usize> = names.iter().filter_map(|name| table.position(name)).collect();
    let row = id.and_then(|id| rows.get(id));
    let mut key = Vec::new();
    let mut widest = None;
    for position in &positions {
        let value = value_after(table, row, patch, *position).into_owned();
        if widest.is_none() && value != table.fields()[*position].kind.empty() {
            widest = Some((*position, value.clone()));
        }
        key.push(value);
    }
    let Some((position, value)) = widest else {
        return true;
    };
    table.ensure_index(position, rows);
    let others = table.indexed(position, &value).unwrap_or_default();
    others
        .into_iter()
        .filter(|other| Some(*other) != id)
        .all(|other| {
            let Some(other) = rows.get(other) else { return true };
            !positions
                .iter()
                .zip(&key)
                .all(|(position, value)| same_text(&table.value(other, *position), value))
        })
}

fn value_after<'a>(
    table: &'a Table,
    row: Option<&'a Row>,
    patch: &'a Patch,
    position: usize,
) -> Cow<'a, str> {
    let field = &table.fields()[position];
    match (patch.get(position), row) {
        (Some(cell), _) => field.read(Some(cell)),
        (None, Some(row)) => field.read(Cells::of(&row.cells).nth(position)),
        (None, None) => Cow::Borrowed(field.default()),
    }
}
