//! What can be switched on beside a preset: extra fields, and collections of our own.

use std::sync::LazyLock;

use serde::Deserialize;

use super::file::{self, FieldText, PresetError, TableText};
use super::{Field, Preset, Table};
use crate::delivery::ObjectKind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtrasText {
    extras: Vec<ExtraText>,
    tables: Vec<TableText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtraText {
    name: String,
    tables: Vec<ExtraTableText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtraTableText {
    object: ObjectKind,
    fields: Vec<FieldText>,
}

/// One extra: its name, and its fields by object.
struct Extra {
    name: String,
    fields: Vec<(ObjectKind, Field)>,
}

struct Extras {
    list: Vec<Extra>,
    tables: Vec<Table>,
}

static EXTRAS: LazyLock<Extras> = LazyLock::new(|| {
    read(include_str!("../../presets/extras.toml"))
        .expect("the built-in extras are right: a test switches on each of them")
});

fn read(text: &str) -> Result<Extras, PresetError> {
    let text: ExtrasText = toml::from_str(text)?;
    let list = text.extras.into_iter().map(|extra| {
        let fields = extra.tables.into_iter().flat_map(|table| {
            let object = table.object;
            table.fields.into_iter().map(move |text| (object, text))
        });
        let fields = fields
            .map(|(object, text)| Ok((object, file::field(object, text.name.clone(), text)?)))
            .collect::<Result<_, PresetError>>()?;
        Ok(Extra {
            name: extra.name,
            fields,
        })
    });
    Ok(Extras {
        list: list.collect::<Result<_, PresetError>>()?,
        tables: text
            .tables
            .into_iter()
            .map(file::table)
            .collect::<Result<_, _>>()?,
    })
}

impl Preset {
    /// Lists the names of all extras.
    ///
    /// # Panics
    /// Never: their text is compiled in, and a test reads it.
    pub fn extras() -> impl Iterator<Item = &'static str> {
        EXTRAS.list.iter().map(|extra| extra.name.as_str())
    }

    /// Gives this preset with the extras `names`, whatever their order and however often they are named: their fields
    /// stand behind the others. Without any it stays as it is, so that no digest changes.
    ///
    /// # Errors
    /// [`PresetError::UnknownExtra`]; [`PresetError::Duplicate`] when a field of that name is there already.
    pub fn with_extras(&self, names: &[String]) -> Result<Self, PresetError> {
        if let Some(name) = names
            .iter()
            .find(|name| Self::extras().all(|extra| extra != **name))
        {
            return Err(PresetError::UnknownExtra {
                name: name.clone(),
                suggestion: file::similar(name, Self::extras()),
            });
        }
        let mut preset = self.clone();
        for extra in EXTRAS.list.iter().filter(|extra| names.contains(&extra.name)) {
            for table in &mut preset.tables {
                let fields = extra.fields.iter().filter(|(object, _)| *object == table.object);
                table.fields.extend(fields.map(|(_, field)| field.clone()));
                file::check_names(table)?;
            }
        }
        Ok(preset)
    }

    /// Gives this preset with a collection for the rows of carts (mission A9).
    ///
    /// # Errors
    /// [`PresetError::Tables`] when it has one already.
    pub fn with_quote_rows(&self) -> Result<Self, PresetError> {
        let mut preset = self.clone();
        preset.tables.extend(EXTRAS.tables.iter().cloned());
        file::check_tables(&preset.tables)?;
        Ok(preset)
    }
}
