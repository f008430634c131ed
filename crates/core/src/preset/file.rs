//! Reads a preset from its TOML text, and refuses what could not be delivered.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::paths;
use super::rule::Rule;
use super::{Field, FieldType, Preset, Table};
use crate::delivery::ObjectKind;

/// Most indexed fields of one database or collection (copernica.md §4.2).
const INDEX_MAX: usize = 64;

/// Longest text of a `text` or `email` field, in characters (copernica.md §4.2).
const TEXT_CHARS: usize = 255;

/// Names that a field cannot have: some cannot be created, others shadow what the API itself means by them
/// (copernica.md §4.2, naming rules).
const RESERVED: [&str; 6] = ["id", "code", "secret", "created", "modified", "removed"];

/// Why a preset is refused. Fields are named as `Collection.Field`, or `Field` for the profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// The text is no TOML, or has a key, type, rule or object that does not exist.
    #[error("preset is not readable: {0}")]
    Syntax(#[from] toml::de::Error),
    /// There is no such path for this object.
    #[error("{field}: unknown path `{path}`{}", hint(.suggestion))]
    UnknownPath {
        /// The field.
        field: String,
        /// The path as written.
        path: String,
        /// The most similar path that exists.
        suggestion: Option<&'static str>,
    },
    /// Type, rule and path of a field do not go together.
    #[error("{field}: {reason}")]
    Unfit {
        /// The field.
        field: String,
        /// What does not go together.
        reason: String,
    },
    /// Two fields of one table have the same name (case does not count).
    #[error("{0}: the name is used twice")]
    Duplicate(String),
    /// A renaming names a field that the preset does not have.
    #[error("{field}: there is no such field{}", hint(.suggestion))]
    UnknownField {
        /// The name as written.
        field: String,
        /// The most similar name that exists.
        suggestion: Option<String>,
    },
    /// There is no such extra.
    #[error("there is no extra `{name}`{}", hint(.suggestion))]
    UnknownExtra {
        /// The name as written.
        name: String,
        /// The most similar name that exists.
        suggestion: Option<&'static str>,
    },
    /// The tables are not those of one profile with its collections.
    #[error("{0}")]
    Tables(String),
}

fn hint(suggestion: &Option<impl AsRef<str>>) -> String {
    suggestion
        .as_ref()
        .map(|name| format!(", did you mean `{}`?", name.as_ref()))
        .unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetText {
    name: String,
    tables: Vec<TableText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableText {
    object: ObjectKind,
    #[serde(default)]
    collection: String,
    key: Vec<String>,
    fields: Vec<FieldText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldText {
    pub(super) name: String,
    r#type: FieldType,
    length: Option<usize>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    default: String,
    #[serde(default)]
    index: bool,
    from: String,
    rule: Rule,
}

static BOOKERZ: LazyLock<Preset> = LazyLock::new(|| {
    Preset::parse(include_str!("../../presets/bookerz.toml"))
        .expect("the built-in preset is right: a test compares it with the reference, field by field")
});

impl Preset {
    /// Gives the built-in preset `bookerz`: the 127 fields of mission A5 and no other.
    ///
    /// # Panics
    /// Never: its text is compiled in, and a test reads it.
    #[must_use]
    pub fn bookerz() -> Self {
        BOOKERZ.clone()
    }

    /// Reads a preset.
    ///
    /// # Errors
    /// [`PresetError`], with the field it is about, for the first thing that could not be delivered.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let read: PresetText = toml::from_str(text)?;
        let tables = read
            .tables
            .into_iter()
            .map(table)
            .collect::<Result<Vec<_>, _>>()?;
        check_tables(&tables)?;
        Ok(Self {
            name: read.name,
            tables,
        })
    }

    /// Gives this preset with other field names (mission A12): from `Collection.Field`, or `Field` for the
    /// profile, to the new name of the field.
    ///
    /// # Errors
    /// [`PresetError::UnknownField`], [`PresetError::Duplicate`] or, for a name that cannot be created,
    /// [`PresetError::Unfit`].
    pub fn renamed(&self, names: &BTreeMap<String, String>) -> Result<Self, PresetError> {
        let mut preset = self.clone();
        for (old, new) in names {
            // Looked up in the old preset, so that two fields can swap their names.
            let Some((table, field)) = self.position(old) else {
                return Err(PresetError::UnknownField {
                    field: old.clone(),
                    suggestion: similar(old, self.labels()),
                });
            };
            check_name(old, new)?;
            preset.tables[table].fields[field].name = Arc::from(new.as_str());
        }
        for table in &preset.tables {
            check_names(table)?;
        }
        Ok(preset)
    }

    /// Gives this preset with the hub's own number of an order wherever it has the shop's, in the orders and in their
    /// rows, so that they join (`order_id = "hub"`; mission, Where the seeds are silent).
    ///
    /// # Panics
    /// Never: both paths exist for these objects, which a test shows.
    #[must_use]
    pub fn with_hub_order_numbers(&self) -> Self {
        let mut preset = self.clone();
        for table in &mut preset.tables {
            let Some((shops, hubs)) = order_number_paths(table.object) else {
                continue;
            };
            let source = paths::find(table.object, hubs).expect("the path is in the list of this object");
            for field in table.fields.iter_mut().filter(|field| field.path() == shops) {
                field.source = source;
            }
        }
        preset
    }

    /// Tells whether a field of the orders or their rows holds the hub's own number of the order.
    #[must_use]
    pub fn has_hub_order_numbers(&self) -> bool {
        self.tables.iter().any(|table| {
            let hubs = order_number_paths(table.object).map(|(_, hubs)| hubs);
            table.fields.iter().any(|field| Some(field.path()) == hubs)
        })
    }

    fn position(&self, name: &str) -> Option<(usize, usize)> {
        self.tables.iter().enumerate().find_map(|(at, table)| {
            let field = table
                .fields
                .iter()
                .position(|field| table.label(&field.name) == name)?;
            Some((at, field))
        })
    }

    fn labels(&self) -> impl Iterator<Item = String> {
        let fields = |table: &'_ Table| {
            table
                .fields
                .iter()
                .map(|field| table.label(&field.name))
                .collect::<Vec<_>>()
        };
        self.tables.iter().flat_map(fields)
    }
}

/// Gives the paths of the shop's and of the hub's number of an order in the tables of `object`.
const fn order_number_paths(object: ObjectKind) -> Option<(&'static str, &'static str)> {
    match object {
        ObjectKind::Order => Some(("order.id", "hub.number")),
        ObjectKind::OrderRow => Some(("row.order_id", "row.order_number")),
        ObjectKind::Relation | ObjectKind::Quote | ObjectKind::QuoteRow | ObjectKind::CustomerGroup => None,
    }
}

/// Reads one table.
pub(super) fn table(text: TableText) -> Result<Table, PresetError> {
    let mut table = Table {
        object: text.object,
        collection: text.collection,
        own: text.fields.len(),
        fields: Vec::with_capacity(text.fields.len()),
        key: Vec::with_capacity(text.key.len()),
    };
    for field_text in text.fields {
        let label = table.label(&field_text.name);
        table.fields.push(field(table.object, label, field_text)?);
    }
    check_names(&table)?;
    for name in &text.key {
        let position = table.fields.iter().position(|field| *field.name == **name);
        match position {
            Some(at) if table.fields[at].field_type == FieldType::Integer => table.key.push(at),
            _ => {
                return Err(unfit(
                    table.label(name),
                    "a key must be an integer field of its table",
                ));
            }
        }
    }
    if table.key.is_empty() {
        return Err(PresetError::Tables(format!(
            "{} has no key",
            table.object.as_str()
        )));
    }
    Ok(table)
}

/// Reads one field; `label` names it in errors.
pub(super) fn field(object: ObjectKind, label: String, text: FieldText) -> Result<Field, PresetError> {
    check_name(&label, &text.name)?;
    let Some(source) = paths::find(object, &text.from) else {
        let suggestion = similar(&text.from, paths::known(object));
        return Err(PresetError::UnknownPath {
            field: label,
            path: text.from,
            suggestion,
        });
    };
    if !text.rule.fits(text.r#type) {
        let reason = format!(
            "rule `{}` cannot fill type `{}`",
            text.rule.as_str(),
            text.r#type.as_str()
        );
        return Err(unfit(label, reason));
    }
    let other_kind = source.sample(|raw| (!text.rule.takes(&raw)).then(|| raw.kind()));
    if let Some(kind) = other_kind {
        let reason = format!(
            "rule `{}` cannot write `{}`, which is a {kind}",
            text.rule.as_str(),
            text.from
        );
        return Err(unfit(label, reason));
    }
    check_shape(&label, &text)?;
    Ok(Field {
        name: Arc::from(text.name),
        field_type: text.r#type,
        length: text.length,
        options: text.options,
        default: text.default,
        is_indexed: text.index,
        is_prose: text.rule == Rule::Prose,
        is_counted: !paths::UNCOUNTED.contains(&source.path),
        rule: text.rule,
        source,
    })
}

/// Checks length, options and default against the type.
fn check_shape(label: &str, text: &FieldText) -> Result<(), PresetError> {
    let takes_length = matches!(text.r#type, FieldType::Text | FieldType::Email);
    let wrong_length = match (text.length, takes_length) {
        (Some(length), true) if !(1..=TEXT_CHARS).contains(&length) => {
            Some(format!("length {length} is not between 1 and {TEXT_CHARS}"))
        }
        (Some(_), false) => Some(format!("type `{}` has no length", text.r#type.as_str())),
        (None, true) => Some("a text needs a length".to_owned()),
        (Some(_), true) | (None, false) => None,
    };
    if let Some(reason) = wrong_length {
        return Err(unfit(label, reason));
    }
    let has_yes_and_no = text.rule != Rule::YesNo
        || ["Yes", "No"]
            .iter()
            .all(|word| text.options.iter().any(|option| option == word));
    match text.r#type {
        FieldType::Select if !has_yes_and_no => Err(unfit(label, "the options must hold `Yes` and `No`")),
        FieldType::Select if !text.options.contains(&text.default) => {
            Err(unfit(label, "the default is not one of the options"))
        }
        FieldType::Select => Ok(()),
        _ if !text.options.is_empty() => Err(unfit(label, "only a select has options")),
        FieldType::Integer if text.default.parse::<i64>().is_err() => {
            Err(unfit(label, "the default of an integer is a whole number"))
        }
        _ => Ok(()),
    }
}

/// Checks a name by the rules of copernica.md §4.2.
fn check_name(label: &str, name: &str) -> Result<(), PresetError> {
    let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word {
        return Err(unfit(
            label,
            format!("`{name}` is not a letter followed by letters, digits or underscores"),
        ));
    }
    if RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
    {
        return Err(unfit(
            label,
            format!("`{name}` has a meaning of its own in Copernica"),
        ));
    }
    Ok(())
}

/// Checks that no two fields have one name.
pub(super) fn check_names(table: &Table) -> Result<(), PresetError> {
    let mut seen = HashSet::new();
    for field in &table.fields {
        if !seen.insert(field.name.to_ascii_lowercase()) {
            return Err(PresetError::Duplicate(table.label(&field.name)));
        }
    }
    Ok(())
}

/// Checks that the tables are those of one profile with its collections.
pub(super) fn check_tables(tables: &[Table]) -> Result<(), PresetError> {
    let wrong = |reason: String| Err(PresetError::Tables(reason));
    if tables
        .first()
        .is_none_or(|table| table.object != ObjectKind::Relation)
    {
        return wrong("the first table must be that of the relation".to_owned());
    }
    let (mut objects, mut collections) = (HashSet::new(), HashSet::new());
    for table in tables {
        let object = table.object.as_str();
        if !objects.insert(table.object) {
            return wrong(format!("{object} has two tables"));
        }
        let is_profile = table.object == ObjectKind::Relation;
        let is_word = table
            .collection
            .chars()
            .all(|c| c.is_ascii_alphabetic() || c == '_');
        if is_profile != table.collection.is_empty() || !is_word {
            return wrong(format!(
                "{object}: every table but the first has a collection, named by letters"
            ));
        }
        if !collections.insert(table.collection.to_ascii_lowercase()) {
            return wrong(format!("{object}: the collection has two tables"));
        }
        if table.fields.iter().filter(|field| field.is_indexed).count() > INDEX_MAX {
            return wrong(format!("{object} has more than {INDEX_MAX} indexed fields"));
        }
    }
    Ok(())
}

fn unfit(field: impl Into<String>, reason: impl Into<String>) -> PresetError {
    PresetError::Unfit {
        field: field.into(),
        reason: reason.into(),
    }
}

/// Gives the candidate most like `wrong`, when one is like it at all.
pub(super) fn similar<T: AsRef<str>>(wrong: &str, candidates: impl IntoIterator<Item = T>) -> Option<T> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(wrong, candidate.as_ref()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
