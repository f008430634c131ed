//! The preset: a sink's fields as a data file, and how golden records fill them.
//!
//! `presets/bookerz.toml` holds the 127 fields of the Bookerz connector (mission A5, A20) and no other;
//! `presets/extras.toml` what can be switched on beside it.

mod paths;
mod rule;

mod extras;
mod file;
mod render;

mod guid;
mod stored;

#[cfg(test)]
mod tests;

pub use file::PresetError;
pub use guid::guid;
pub use render::{
    Hub, Rendered, render_group, render_order, render_order_row, render_quote, render_quote_row,
    render_relation,
};
pub use stored::{agrees, stored};

use std::sync::Arc;

use serde::Deserialize;

use crate::delivery::{ObjectKind, Value};

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
    /// How many of them are the preset's own: the others are extras.
    pub own: usize,
    /// Positions of the fields that form the natural key, in `fields`; integers all of them.
    pub key: Vec<usize>,
}

/// How a field is made in the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl FieldType {
    /// The word in presets and in Copernica's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::PhoneGsm => "phone_gsm",
            Self::Select => "select",
            Self::EmptyDate => "empty_date",
            Self::Datetime => "datetime",
            Self::EmptyDatetime => "empty_datetime",
        }
    }
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
    /// How the value is written.
    pub(crate) rule: rule::Rule,
    /// Where the value comes from.
    pub(crate) source: paths::Source,
}

impl Field {
    /// Gives the path that fills the field, such as `person.firstname`.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.source.path
    }
}

impl Preset {
    /// Gives the table of `object`, when the preset has one.
    #[must_use]
    pub fn table(&self, object: ObjectKind) -> Option<&Table> {
        self.tables.iter().find(|table| table.object == object)
    }
}

impl Table {
    /// Names a field for people: `Collection.Field`, or `Field` for the profile.
    #[must_use]
    pub fn label(&self, field: &str) -> String {
        if self.collection.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.collection)
        }
    }

    /// Gives the natural key of a rendered object: the names of the key fields with their numbers.
    #[must_use]
    pub fn key_of(&self, values: &[Value]) -> Vec<(Arc<str>, i64)> {
        let number = |at: usize| match values.get(at) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        };
        self.key
            .iter()
            .map(|at| (Arc::clone(&self.fields[*at].name), number(*at)))
            .collect()
    }

    /// Puts names to values that were rendered with this table.
    ///
    /// When other extras were on at that time, only the preset's own fields are given, which never change: the extras
    /// follow when the object changes next. `None` when the values are of another table.
    #[must_use]
    pub fn named(&self, mut values: Vec<Value>) -> Option<Vec<(Arc<str>, Value)>> {
        if values.len() != self.fields.len() {
            values.truncate(self.own);
        }
        let is_right = values.len() == self.fields.len() || values.len() == self.own;
        let names = self.fields.iter().map(|field| field.name.clone());
        is_right.then(|| names.zip(values).collect())
    }

    /// Gives the values that count in the digest of the desired state.
    #[must_use]
    pub fn counted<'a>(&self, values: &'a [Value]) -> Vec<&'a Value> {
        let counted = self
            .fields
            .iter()
            .zip(values)
            .filter(|(field, _)| field.is_counted);
        counted.map(|(_, value)| value).collect()
    }
}
