//! The account's structure: which database, collections and fields there are, against those of the preset.

use schakel_core::connector::{ConnectorError, Cx, Lack, Method};
use schakel_core::delivery::ObjectKind;
use schakel_core::preset::{Field, FieldType, Preset, Table};

use super::Copernica;
use super::call::{Call, segment};
use super::mapping::{self, PHONE_TEXT};
use super::outcome;
use super::wire::{self, Collection, Database, Definition, List};

/// Most names that an error lists.
const NAMES_LISTED: usize = 5;

/// The ids that deliveries need, read by `connect`.
#[derive(Debug)]
pub(crate) struct Known {
    /// The database.
    pub(crate) database: i64,
    collections: Vec<(ObjectKind, i64)>,
    /// What stands in no collection, or in one that lacks fields.
    pub(crate) lacking: Vec<Lack>,
}

impl Known {
    /// Gives the collection of `kind`.
    pub(crate) fn collection(&self, kind: ObjectKind) -> Option<i64> {
        self.collections
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, id)| *id)
    }
}

/// Says how a field that is there differs from the one that is wanted; empty when it does not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// What must be mended.
    pub(crate) faults: Vec<String>,
    /// What is only advice.
    pub(crate) advice: Vec<String>,
}

impl Copernica {
    /// Reads the database with its collections and all their fields; `None` when there is no such database.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls.
    pub(crate) async fn read_database(&self, cx: &Cx) -> Result<Option<Database>, ConnectorError> {
        let name = &self.settings.database;
        let path = format!("database/{}", segment(name));
        let response = self
            .send(cx, &Call::new(Method::Get, path, "GET database/{id}"))
            .await?;
        let mut database: Database = match outcome::document(&response) {
            Ok(database) => database,
            Err(ConnectorError::Structure(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // A name of digits would be read as an id, of a database that may be anybody's.
        if !database.name.eq_ignore_ascii_case(name) {
            return Ok(None);
        }
        if database.fields.is_cut() {
            let path = format!("database/{}/fields", database.id);
            database.fields = self.read_fields(cx, path, "GET database/{id}/fields").await?;
        }
        for collection in &mut database.collections.data {
            if collection.fields.is_cut() {
                let path = format!("collection/{}/fields", collection.id);
                collection.fields = self.read_fields(cx, path, "GET collection/{id}/fields").await?;
            }
        }
        Ok(Some(database))
    }

    async fn read_fields(
        &self,
        cx: &Cx,
        path: String,
        label: &'static str,
    ) -> Result<List<Definition>, ConnectorError> {
        let call = Call::new(Method::Get, path, label).query("limit", "1000");
        outcome::document(&self.send(cx, &call).await?)
    }

    /// Finds the ids of everything that the preset names, and which kinds of subprofiles have no place.
    ///
    /// # Errors
    /// [`ConnectorError::Structure`] when the database lacks something for profiles, under which all else stands, or when
    /// their key is no number: a filter on a name that the database does not know would once have meant every profile
    /// (copernica.md §2.3).
    pub(crate) async fn read_known(&self, cx: &Cx) -> Result<Known, ConnectorError> {
        let Some(database) = self.read_database(cx).await? else {
            return Err(ConnectorError::Structure(format!(
                "no database `{}`",
                self.settings.database
            )));
        };
        let lacking = lacking(&self.preset, &database);
        if lacking.iter().any(|lack| lack.kind == ObjectKind::Relation) {
            return Err(missing_error(&lacking));
        }
        let collections = self.preset.tables.iter().filter_map(|table| {
            let has_place = lacking.iter().all(|lack| lack.kind != table.object);
            let collection = collection_of(&database, table).filter(|_| has_place)?;
            Some((table.object, collection.id))
        });
        Ok(Known {
            database: database.id,
            collections: collections.collect(),
            lacking,
        })
    }
}

/// Finds what the tables of the preset lack in a database.
pub(crate) fn lacking(preset: &Preset, database: &Database) -> Vec<Lack> {
    let lacks = preset.tables.iter().map(|table| {
        let mut missing = Vec::new();
        if table.object == ObjectKind::Relation {
            lacks(table, &database.fields.data, &mut missing);
        } else {
            match collection_of(database, table) {
                Some(collection) => lacks(table, &collection.fields.data, &mut missing),
                None => missing.push(format!("collection {}", table.collection)),
            }
        }
        let kind = table.object;
        Lack { kind, missing }
    });
    lacks.filter(|lack| !lack.missing.is_empty()).collect()
}

fn missing_error(lacking: &[Lack]) -> ConnectorError {
    let missing: Vec<&str> = lacking
        .iter()
        .flat_map(|lack| lack.missing.iter().map(String::as_str))
        .collect();
    let shown = missing[..missing.len().min(NAMES_LISTED)].join(", ");
    let more = missing.len().saturating_sub(NAMES_LISTED);
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    ConnectorError::Structure(format!("missing {shown}{more}"))
}

/// Finds the collection of a table, by name in any case.
pub(crate) fn collection_of<'a>(database: &'a Database, table: &Table) -> Option<&'a Collection> {
    let mut collections = database.collections.data.iter();
    collections.find(|collection| collection.name.eq_ignore_ascii_case(&table.collection))
}

/// Finds the definition of a field, by name in any case (copernica.md §4.2, naming rules).
pub(crate) fn definition_of<'a>(definitions: &'a [Definition], field: &Field) -> Option<&'a Definition> {
    definitions
        .iter()
        .find(|definition| definition.name.eq_ignore_ascii_case(&field.name))
}

fn lacks(table: &Table, definitions: &[Definition], missing: &mut Vec<String>) {
    for (at, field) in table.fields.iter().enumerate() {
        let label = || table.label(&field.name);
        match definition_of(definitions, field) {
            None => missing.push(label()),
            Some(found) if table.key.contains(&at) && found.kind != "integer" => {
                missing.push(format!("{} (is {}, must be integer)", label(), found.kind));
            }
            Some(_) => {}
        }
    }
}

/// Compares a field with its definition (copernica.md §4.2, "Our 127 fields"): options as a set, phone kinds as
/// one, lock and index as advice.
pub(crate) fn compare(field: &Field, found: &Definition) -> Comparison {
    let mut result = Comparison::default();
    let wanted = field.field_type.as_str();
    let is_phone = matches!(field.field_type, FieldType::Phone | FieldType::PhoneGsm);
    let is_text_instead = is_phone
        && found.kind == "text"
        && usize::try_from(found.length).is_ok_and(|length| length >= PHONE_TEXT);
    let is_same = found.kind == wanted || (is_phone && found.kind.starts_with("phone"));
    if is_text_instead {
        result.advice.push("a text instead of a phone field".to_owned());
    } else if !is_same {
        result.faults.push(format!("is {}, wanted {wanted}", found.kind));
    }
    if let Some(length) = field.length
        // What length means for an address is not documented; 0 says nothing about it.
        && !(field.field_type == FieldType::Email && found.length == 0)
        && usize::try_from(found.length) != Ok(length)
    {
        result
            .faults
            .push(format!("length {}, wanted {length}", found.length));
    }
    if field.field_type == FieldType::Select && found.kind == "select" {
        let held = mapping::options_of(&wire::text(&found.value));
        let mut options = field.options.clone();
        options.sort_unstable();
        if held != options {
            result.faults.push(format!(
                "options {}, wanted {}",
                held.join("|"),
                options.join("|")
            ));
        }
    }
    if found.lock == Some(false) {
        result
            .advice
            .push("not locked: the user interface can change it".to_owned());
    }
    if field.is_indexed && found.index == Some(false) {
        result.advice.push("no index: look-ups are slow".to_owned());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Field {
        let preset = Preset::bookerz();
        preset.tables[0]
            .fields
            .iter()
            .find(|field| &*field.name == name)
            .unwrap()
            .clone()
    }

    /// Field of the preset, what is found, what is wrong, what is advice.
    const CASES: [[&str; 4]; 11] = [
        ["FirstName", r#""type":"text","length":"100","lock":true"#, "", ""],
        [
            "FirstName",
            r#""type":"text","length":"50""#,
            "length 50, wanted 100",
            "",
        ],
        [
            "FirstName",
            r#""type":"big","length":"100""#,
            "is big, wanted text",
            "",
        ],
        ["Mobile", r#""type":"phone","length":"0""#, "", ""],
        [
            "Mobile",
            r#""type":"text","length":"50""#,
            "",
            "a text instead of a phone field",
        ],
        [
            "Mobile",
            r#""type":"text","length":"20""#,
            "is text, wanted phone_gsm",
            "",
        ],
        ["Newsletter", r#""type":"select","value":"No\r\nYes*""#, "", ""],
        [
            "Newsletter",
            r#""type":"select","value":"Ja\nNee""#,
            "options Ja|Nee, wanted No|Yes",
            "",
        ],
        ["Email", r#""type":"email","length":"0","index":true"#, "", ""],
        [
            "Email",
            r#""type":"email","length":"100""#,
            "length 100, wanted 255",
            "",
        ],
        [
            "RelationID",
            r#""type":"integer","lock":false,"index":false"#,
            "",
            "not locked: the user interface can change it; no index: look-ups are slow",
        ],
    ];

    #[test]
    fn differences_are_named_and_harmless_ones_are_advice() {
        for [name, definition, faults, advice] in CASES {
            let found = serde_json::from_str(&format!(r#"{{"name":"{name}",{definition}}}"#)).unwrap();
            let result = compare(&field(name), &found);
            let told = [result.faults.join("; "), result.advice.join("; ")];
            assert_eq!(told, [faults, advice], "{definition}");
        }
    }
}
