//! Fills the fields of a preset from golden records.

use crate::delivery::Value;
use crate::golden::{OrderView, QuoteView, Relation, RowView};
use crate::preset::Table;
use crate::problem::Problem;
use crate::time::{Timestamp, Zone};

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceOf {
    /// To be written.
    Nothing,
}

/// What the hub itself says about an object.
#[derive(Debug, Clone)]
pub struct Hub {
    /// The relation's number (relations) or the hub's own number (others).
    pub number: i64,
    /// The number of the shop, as it stands in `ShopID`.
    pub shop_id: i64,
    /// GUID with hyphens, 36 characters.
    pub guid: String,
    /// When the hub first wanted this object in a sink.
    pub created_at: Timestamp,
    /// When what the hub wants last changed.
    pub updated_at: Timestamp,
    /// The zone of the sink's times.
    pub zone: Zone,
}

/// The fields of one object, in the order of its table.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// One value per field of the table.
    pub values: Vec<Value>,
    /// What was cut or left out.
    pub problems: Vec<Problem>,
}

/// Renders a person.
#[must_use]
pub fn render_relation(_table: &Table, _relation: &Relation, _hub: &Hub) -> Rendered {
    Rendered::default()
}

/// Renders an order.
#[must_use]
pub fn render_order(_table: &Table, _order: &OrderView<'_>, _hub: &Hub) -> Rendered {
    Rendered::default()
}

/// Renders an order row.
#[must_use]
pub fn render_order_row(_table: &Table, _row: &RowView<'_>, _hub: &Hub) -> Rendered {
    Rendered::default()
}

/// Renders a cart.
#[must_use]
pub fn render_quote(_table: &Table, _quote: &QuoteView<'_>, _hub: &Hub) -> Rendered {
    Rendered::default()
}
