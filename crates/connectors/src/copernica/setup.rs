//! Creates what is missing of the structure, and says in which way the rest differs. Changes and removes nothing.

use schakel_core::connector::{ConnectorError, Cx, Method, SetupStep, StepState};
use schakel_core::delivery::ObjectKind;
use schakel_core::preset::{Field, FieldType, Table};
use serde::Serialize;

use super::Copernica;
use super::call::Call;
use super::mapping::NewField;
use super::outcome;
use super::structure::{collection_of, compare, definition_of};
use super::wire::{Database, Definition};

#[derive(Serialize)]
struct NewDatabase<'a> {
    name: &'a str,
    description: &'a str,
}

#[derive(Serialize)]
struct NewCollection<'a> {
    name: &'a str,
}

/// The database or a collection: what fields are made in.
#[derive(Clone, Copy)]
enum Owner {
    Database(i64),
    Collection(i64),
}

impl Copernica {
    /// Creates database, collections and fields that are missing: one call for each, none for what is there.
    ///
    /// # Errors
    /// Any [`ConnectorError`] of the calls; what was made before it stays, and a repeat goes on from there.
    pub(crate) async fn set_up(&self, cx: &Cx) -> Result<Vec<SetupStep>, ConnectorError> {
        let mut steps = Vec::with_capacity(160);
        let name = &self.settings.database;
        let database = match self.read_database(cx).await? {
            Some(database) => {
                steps.push(step(name, StepState::Kept, ""));
                database
            }
            None => {
                self.create_database(cx).await?;
                steps.push(step(name, StepState::Created, ""));
                let made = self.read_database(cx).await?;
                made.ok_or_else(|| {
                    ConnectorError::Structure(format!("database `{name}` was made and is not there"))
                })?
            }
        };
        for table in &self.preset.tables {
            self.set_up_table(cx, &database, table, &mut steps).await?;
        }
        Ok(steps)
    }

    async fn set_up_table(
        &self,
        cx: &Cx,
        database: &Database,
        table: &Table,
        steps: &mut Vec<SetupStep>,
    ) -> Result<(), ConnectorError> {
        let (owner, definitions): (Owner, &[Definition]) = if table.object == ObjectKind::Relation {
            (Owner::Database(database.id), &database.fields.data)
        } else if let Some(collection) = collection_of(database, table) {
            steps.push(step(&table.collection, StepState::Kept, ""));
            (Owner::Collection(collection.id), &collection.fields.data)
        } else {
            let id = self.create_collection(cx, database.id, table).await?;
            steps.push(step(&table.collection, StepState::Created, ""));
            (Owner::Collection(id), &[])
        };
        for field in &table.fields {
            let subject = table.label(&field.name);
            steps.push(match definition_of(definitions, field) {
                Some(definition) => compared(&subject, field, definition),
                None => self.create_field(cx, owner, &subject, field).await?,
            });
        }
        Ok(())
    }

    async fn create_database(&self, cx: &Cx) -> Result<(), ConnectorError> {
        let name = &self.settings.database;
        let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word {
            // copernica.md §4.1: since 2023 a new name holds nothing else; digits alone would be read as an id.
            let text = format!(
                "a new database cannot be named `{name}`: a letter, then letters, digits or underscores"
            );
            return Err(ConnectorError::Structure(text));
        }
        let body = NewDatabase {
            name,
            description: "Filled by Schakel",
        };
        let call = Call::new(Method::Post, "databases", "POST databases").json(&body);
        outcome::post(&self.send(cx, &call).await?)?;
        Ok(())
    }

    async fn create_collection(&self, cx: &Cx, database: i64, table: &Table) -> Result<i64, ConnectorError> {
        let path = format!("database/{database}/collections");
        let body = NewCollection {
            name: &table.collection,
        };
        let call = Call::new(Method::Post, path, "POST database/{id}/collections").json(&body);
        if let Some(id) = outcome::post(&self.send(cx, &call).await?)? {
            return Ok(id);
        }
        let read = self.read_database(cx).await?;
        let made = read.as_ref().and_then(|database| collection_of(database, table));
        made.map(|collection| collection.id).ok_or_else(|| {
            ConnectorError::Structure(format!(
                "collection `{}` was made and is not there",
                table.collection
            ))
        })
    }

    async fn create_field(
        &self,
        cx: &Cx,
        owner: Owner,
        subject: &str,
        field: &Field,
    ) -> Result<SetupStep, ConnectorError> {
        let is_phone = matches!(field.field_type, FieldType::Phone | FieldType::PhoneGsm);
        match self.post_field(cx, owner, &NewField::of(field)).await {
            // The reference is not sure of phone types in databases (copernica.md §4.2).
            Err(ConnectorError::Rejected(_)) if is_phone => {
                self.post_field(cx, owner, &NewField::text_instead(field)).await?;
                let note = format!("as a text of 50: type {} was refused", field.field_type.as_str());
                Ok(step(subject, StepState::Created, &note))
            }
            Err(ConnectorError::Rejected(text)) => {
                Err(ConnectorError::Rejected(format!("{subject}: {text}")))
            }
            Err(error) => Err(error),
            Ok(()) => Ok(step(subject, StepState::Created, "")),
        }
    }

    async fn post_field(&self, cx: &Cx, owner: Owner, body: &NewField<'_>) -> Result<(), ConnectorError> {
        let call = match owner {
            Owner::Database(id) => Call::new(
                Method::Post,
                format!("database/{id}/fields"),
                "POST database/{id}/fields",
            ),
            Owner::Collection(id) => Call::new(
                Method::Post,
                format!("collection/{id}/fields"),
                "POST collection/{id}/fields",
            ),
        };
        outcome::post(&self.send(cx, &call.json(body)).await?)?;
        Ok(())
    }
}

fn compared(subject: &str, field: &Field, definition: &Definition) -> SetupStep {
    let comparison = compare(field, definition);
    if comparison.faults.is_empty() {
        step(subject, StepState::Kept, &comparison.advice.join("; "))
    } else {
        let all = comparison.faults.iter().chain(&comparison.advice);
        step(
            subject,
            StepState::Differs,
            &all.map(String::as_str).collect::<Vec<_>>().join("; "),
        )
    }
}

fn step(subject: &str, state: StepState, note: &str) -> SetupStep {
    SetupStep {
        subject: subject.to_owned(),
        state,
        note: note.to_owned(),
    }
}
