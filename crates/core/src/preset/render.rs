//! Fills the fields of a preset from golden records.

use super::paths::{Raw, Read};
use super::rule;
use crate::delivery::{ObjectKind, Value};
use crate::golden::{GroupView, OrderView, QuoteRowView, QuoteView, Relation, RowView};
use crate::preset::Table;
use crate::problem::Problem;
use crate::time::{Timestamp, Zone};

/// What the hub itself says about an object.
#[derive(Debug, Clone)]
pub struct Hub {
    /// The relation's number (relations) or the hub's own number (others).
    pub number: i64,
    /// The number of the shop, as it stands in `ShopID`.
    pub shop_id: i64,
    /// GUID with hyphens, 36 characters.
    pub guid: String,
    /// Whether the hub first knew it from history (mission F4).
    pub is_historic: bool,
    /// When the hub first wanted this object in a sink.
    pub created_at: Timestamp,
    /// When what the hub wants last changed.
    pub updated_at: Timestamp,
    /// The zone of the sink's times.
    pub zone: Zone,
}

/// The fields of one object, in the order of its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// One value per field of the table.
    pub values: Vec<Value>,
    /// What was cut or left out, with the path of the preset as its field.
    pub problems: Vec<Problem>,
}

/// Renders a person.
#[must_use]
pub fn render_relation(table: &Table, relation: &Relation, hub: &Hub) -> Rendered {
    debug_assert_eq!(table.object, ObjectKind::Relation);
    fill(table, hub, |read| match read {
        Read::Relation(read) => Some(read(relation)),
        _ => None,
    })
}

/// Renders an order.
#[must_use]
pub fn render_order(table: &Table, order: &OrderView<'_>, hub: &Hub) -> Rendered {
    debug_assert_eq!(table.object, ObjectKind::Order);
    fill(table, hub, |read| match read {
        Read::Order(read) => Some(read(order)),
        _ => None,
    })
}

/// Renders an order row.
#[must_use]
pub fn render_order_row(table: &Table, row: &RowView<'_>, hub: &Hub) -> Rendered {
    debug_assert_eq!(table.object, ObjectKind::OrderRow);
    fill(table, hub, |read| match read {
        Read::Row(read) => Some(read(row)),
        _ => None,
    })
}

/// Renders a cart.
#[must_use]
pub fn render_quote(table: &Table, quote: &QuoteView<'_>, hub: &Hub) -> Rendered {
    debug_assert_eq!(table.object, ObjectKind::Quote);
    fill(table, hub, |read| match read {
        Read::Quote(read) => Some(read(quote)),
        _ => None,
    })
}

/// Renders a row of a cart.
#[must_use]
pub fn render_quote_row(table: &Table, row: &QuoteRowView<'_>, hub: &Hub) -> Rendered {
    debug_assert_eq!(table.object, ObjectKind::QuoteRow);
    fill(table, hub, |read| match read {
        Read::QuoteRow(read) => Some(read(row)),
        _ => None,
    })
}

/// Renders a membership of a customer group; `hub.number` is its CustomerGroupID.
#[must_use]
pub fn render_group(table: &Table, group: &GroupView, hub: &Hub) -> Rendered {
    debug_assert_eq!(table.object, ObjectKind::CustomerGroup);
    fill(table, hub, |read| match read {
        Read::Group(read) => Some(read(group)),
        _ => None,
    })
}

/// Writes every field; `read_from` reads what is not the hub's own.
fn fill<'a>(table: &Table, hub: &'a Hub, read_from: impl Fn(&Read) -> Option<Raw<'a>>) -> Rendered {
    let mut rendered = Rendered {
        values: Vec::with_capacity(table.fields.len()),
        problems: Vec::new(),
    };
    for field in &table.fields {
        let raw = match &field.source.read {
            Read::Hub(read) => read(hub),
            // A preset is refused when a table names another object's path, so there is always a value.
            other => read_from(other).unwrap_or(Raw::Text("")),
        };
        let (value, problem) = rule::write(field, raw, &hub.zone);
        rendered.values.push(value);
        if let Some(code) = problem {
            rendered.problems.push(Problem::new(code, field.source.path));
        }
    }
    rendered
}
