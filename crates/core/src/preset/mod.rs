//! The preset: a sink's fields as a data file, and how golden records fill them.
//!
//! `presets/bookerz.toml` holds the 127 fields of the Bookerz connector (mission A5, A20) and no other.

mod file;
mod render;

pub use render::{Hub, Rendered, render_order, render_order_row, render_quote, render_relation};

use std::sync::Arc;

use crate::delivery::ObjectKind;

/// The fields of one sink, by object.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Name, such as `bookerz`.
    pub name: String,
    /// One table per object; the relation's comes first and is the profile itself.
    pub tables: Vec<Table>,
}

/// The fields of one object: the profile, or one collection.
#[derive(Debug, Clone)]
pub struct Table {
    /// What stands in it.
    pub object: ObjectKind,
    /// Name of the collection; empty for the profile.
    pub collection: String,
    /// The fields, in the order in which they are created and rendered.
    pub fields: Vec<Field>,
    /// Positions of the fields that form the natural key, in `fields`.
    pub key: Vec<usize>,
}

/// How a field is made in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of copernica.md §4.2")]
pub enum FieldType {
    Integer,
    Text,
    Email,
    Phone,
    PhoneGsm,
    Select,
    EmptyDate,
    Datetime,
    EmptyDatetime,
}

/// One field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name in the sink (after renaming).
    pub name: Arc<str>,
    /// Type in the sink.
    pub field_type: FieldType,
    /// Longest text in characters; `None` where the type has no length.
    pub length: Option<usize>,
    /// Choices of a select field, in order.
    pub options: Vec<String>,
    /// Value of new rows in the sink; for a select the choice that is marked.
    pub default: String,
    /// Whether the sink shall index it.
    pub is_indexed: bool,
    /// Whether a text that is too long may be cut; a key, code, hash or URL is left out instead.
    pub is_prose: bool,
    /// Whether the value counts in the digest; hub times do not (architecture §3).
    pub is_counted: bool,
    /// Where the value comes from.
    pub(crate) source: render::SourceOf,
}

impl Preset {
    /// Gives the table of `object`, when the preset has one.
    #[must_use]
    pub fn table(&self, object: ObjectKind) -> Option<&Table> {
        self.tables.iter().find(|table| table.object == object)
    }
}
