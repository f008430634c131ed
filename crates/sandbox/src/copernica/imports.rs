//! Imports: many different rows in one call, done later (copernica.md §5.7).

use std::collections::{HashMap, HashSet};

use super::account::{Account, id_of};
use super::call::{Call, Refusal, Reply, Verb};
use super::cell::Patch;
use super::dates::Moment;
use super::field::Field;
use super::filter::Filter;
use super::out::Out;
use super::sheet::{Line, lines_of};
use super::state::Import;
use super::structure::{Owner, text_of};
use super::wire::Json;

/// What an import does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Add,
    Update,
    UpdateOrAdd,
    IgnoreOrAdd,
    Delete,
}

impl Action {
    fn named(text: &str) -> Option<Self> {
        Some(match text {
            "add" => Self::Add,
            "update" => Self::Update,
            "update or add" | "add or update" => Self::UpdateOrAdd,
            "ignore or add" => Self::IgnoreOrAdd,
            "delete" => Self::Delete,
            _ => return None,
        })
    }
}

/// Where a column goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Profile(usize),
    Subprofile(usize, usize),
    Interest(String),
    /// Names nothing of the database and is passed over.
    Unknown,
}

/// One import while it runs.
struct Run {
    place: usize,
    action: Action,
    deletes_subprofiles: bool,
    ignores_empty: bool,
    columns: Vec<Column>,
    /// Whether the column at the same position is a key.
    keys: Vec<bool>,
    touched: HashSet<u32>,
    /// The profiles made by this import, by the values of their keys: rows with equal keys are one profile.
    made: HashMap<Vec<String>, u32>,
}

impl Run {
    /// Gives the positions in a row of the key columns that `is_wanted`.
    fn key_columns(&self, is_wanted: impl Fn(&Column) -> bool) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|at| self.keys[*at] && is_wanted(&self.columns[*at]))
            .collect()
    }
}

impl Account {
    /// Answers `POST imports`: the rows are applied later.
    ///
    /// # Errors
    /// For another verb, an unknown database or an unknown action.
    pub(crate) fn imports_call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        if call.is_late {
            self.run_import(call);
            return Ok(Reply::PutMany);
        }
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let body = call.json()?;
        let database = text_of(&body, "database").and_then(|text| self.database_at(&text));
        let place = database.ok_or(Refusal::new("No database with supplied ID"))?;
        let action = text_of(&body, "action").unwrap_or_default();
        if Action::named(&action).is_none() {
            return Err(Refusal::new("Invalid data provided"));
        }
        let id = self.imports.len() as u32 + 1;
        self.imports.push(Import {
            id,
            database: self.databases[place].id,
            name: text_of(&body, "name").unwrap_or_default(),
            action,
            ..Import::default()
        });
        if body.member("autostart").is_none_or(Json::truth) {
            let due_us = self
                .now_us
                .saturating_add(self.options.import_delay_ms.saturating_mul(1000));
            let mut late = call.clone();
            late.segments = vec!["imports".to_owned(), id.to_string()];
            self.put_off(due_us, late);
        }
        Ok(Reply::Created {
            entity: "import",
            id: u64::from(id),
        })
    }

    /// Answers `GET import/{id}`.
    ///
    /// # Errors
    /// For an unknown id or another verb.
    pub(crate) fn import_call(&self, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).and_then(|id| self.imports.get(id as usize - 1));
        let import = id.ok_or(Refusal::new("No import with supplied ID"))?;
        if call.verb != Verb::Get {
            return Err(Refusal::invalid_method());
        }
        // The one example turns the action around, and knows one status; "ready" is a guess (§5.7).
        let kind = if import.action == "update or add" {
            "add or update"
        } else {
            &import.action
        };
        let status = if import.last_run == 0 {
            "ready for start"
        } else {
            "ready"
        };
        let mut out = Out::default();
        out.open(b'{').key("ID").digits(u64::from(import.id));
        out.key("name").text(&import.name).key("type").text(kind);
        out.key("status").text(status);
        out.key("totallines").digits(import.total);
        out.key("processedLines").digits(import.processed);
        out.key("lastrun");
        match import.last_run {
            0 => out.truth(false),
            at => out.text(&self.clock.stamp(at)),
        };
        out.key("nextrun").truth(false).key("lasterror");
        match &import.last_error {
            None => out.truth(false),
            Some(error) => out.text(error),
        };
        out.close(b'}');
        Ok(Reply::Json(out.finish()))
    }

    fn run_import(&mut self, call: &Call) {
        let Some(at) = id_of(call.segment(1)).map(|id| id as usize - 1) else {
            return;
        };
        let now = self.now();
        self.imports[at].last_run = now;
        let outcome = call
            .json()
            .map_err(|refusal| refusal.message.into_owned())
            .and_then(|body| self.apply_import(at, &body));
        if let Err(error) = outcome {
            self.imports[at].last_error = Some(error);
        }
    }

    fn apply_import(&mut self, at: usize, body: &Json<'_>) -> Result<(), String> {
        let lines = lines_of(body)?;
        let database = self.imports[at].database;
        let place = self.databases.iter().position(|each| each.id == database);
        let place = place.ok_or("The database is gone")?;
        self.imports[at].total = lines.len() as u64;
        let mut run = self.plan_import(place, &lines, body)?;
        let truth = |name: &str| body.member(name).is_some_and(Json::truth);
        for line in &lines {
            // Every row must list the same columns in the same order; what comes behind one that does not
            // is not looked at (the reference says only that it goes wrong).
            if lines[0].columns != line.columns {
                return Err("The rows do not have the same columns in the same order".to_owned());
            }
            if let Err(refusal) = self.import_line(&mut run, line) {
                self.imports[at].last_error = Some(refusal.message.into_owned());
            }
            self.imports[at].processed += 1;
        }
        if truth("removeMissing") && run.action != Action::Delete {
            let ids = self.databases[place].table.ids.clone();
            for id in ids {
                if !run.touched.contains(&id) {
                    self.remove_profile(id);
                }
            }
        }
        Ok(())
    }

    fn plan_import(&mut self, place: usize, lines: &[Line], body: &Json<'_>) -> Result<Run, String> {
        let names = lines.first().map(|line| line.columns.clone()).unwrap_or_default();
        let given: Vec<String> = match body.member("keyFields") {
            Some(Json::List(names)) => names
                .iter()
                .filter_map(|name| Some(name.text()?.into_owned()))
                .collect(),
            Some(Json::Object(names)) => names
                .iter()
                .filter_map(|(_, name)| Some(name.text()?.into_owned()))
                .collect(),
            _ => Vec::new(),
        };
        let action = text_of(body, "action").and_then(|action| Action::named(&action));
        let run = Run {
            place,
            action: action.ok_or("The action is not valid")?,
            deletes_subprofiles: text_of(body, "deleteTarget").as_deref() == Some("subprofile"),
            ignores_empty: body.member("ignoreEmptyFields").is_some_and(Json::truth),
            columns: names.iter().map(|name| self.column(place, name)).collect(),
            keys: names
                .iter()
                .map(|name| given.iter().any(|key| key.eq_ignore_ascii_case(name)))
                .collect(),
            touched: HashSet::new(),
            made: HashMap::new(),
        };
        let keys = run.key_columns(|column| matches!(column, Column::Profile(_)));
        if keys.is_empty() && run.action != Action::Add {
            return Err("No key fields supplied".to_owned());
        }
        if let Some(Column::Profile(position)) = keys.first().map(|at| &run.columns[*at]) {
            self.databases[place]
                .table
                .ensure_index(*position, &self.profiles);
        }
        Ok(run)
    }

    fn column(&self, place: usize, name: &str) -> Column {
        let database = &self.databases[place];
        if let Some(interest) = name.strip_prefix("interest.") {
            return Column::Interest(interest.to_owned());
        }
        if let Some((collection, field)) = name.split_once('.') {
            return self
                .collection_of(database.id, collection)
                .and_then(|at| {
                    let position = self.collections[at].table.position(field)?;
                    Some(Column::Subprofile(at, position))
                })
                .unwrap_or(Column::Unknown);
        }
        database
            .table
            .position(name)
            .map_or(Column::Unknown, Column::Profile)
    }

    fn import_line(&mut self, run: &mut Run, line: &Line) -> Result<(), Refusal> {
        let keys = run.key_columns(|column| matches!(column, Column::Profile(_)));
        let mut ids = if keys.is_empty() || run.action == Action::Add {
            Vec::new()
        } else {
            let filter = self.key_filter(Owner::Database(run.place), run, line, &keys);
            self.fitting_profiles(run.place, &filter)
        };
        let key: Vec<String> = keys.iter().map(|at| text(&line.values[*at])).collect();
        if !keys.is_empty() {
            ids.extend(run.made.get(&key).filter(|_| run.action == Action::Add));
        }
        let was_there = !ids.is_empty();
        if run.action == Action::Delete && !run.deletes_subprofiles {
            ids.into_iter().for_each(|id| self.remove_profile(id));
            return Ok(());
        }
        let patch = self.import_patch(Owner::Database(run.place), run, line);
        let interests = interests(run, line);
        let may_add = matches!(
            run.action,
            Action::Add | Action::UpdateOrAdd | Action::IgnoreOrAdd
        );
        if !was_there && may_add {
            let id = self.create_profile(run.place, &patch, Some(&interests))?;
            run.made.insert(key, id);
            ids.push(id);
        } else if matches!(run.action, Action::Update | Action::UpdateOrAdd) {
            for id in &ids {
                self.check_profile(run.place, *id, &patch)?;
                self.write_to_profile(run.place, *id, &patch);
                self.merge_interests(run.place, *id, Some(&interests));
            }
        }
        run.touched.extend(&ids);
        ids.into_iter()
            .try_for_each(|id| self.import_subprofiles(run, line, id))
    }

    fn import_subprofiles(&mut self, run: &Run, line: &Line, profile: u32) -> Result<(), Refusal> {
        let mut places: Vec<usize> = Vec::new();
        for (column, value) in run.columns.iter().zip(&line.values) {
            if let Column::Subprofile(place, _) = column
                && !places.contains(place)
                && !text(value).is_empty()
            {
                places.push(*place);
            }
        }
        for place in places {
            let owner = Owner::Collection(place);
            let keys = run.key_columns(|column| matches!(column, Column::Subprofile(at, _) if *at == place));
            let found = if keys.is_empty() {
                if run.action != Action::Add {
                    return Err(Refusal::new("No key fields supplied for the collection"));
                }
                Vec::new()
            } else {
                let filter = self.key_filter(owner, run, line, &keys);
                let children = self.children(profile, self.collections[place].id);
                self.fitting(place, &filter, &children)
            };
            let patch = self.import_patch(owner, run, line);
            match run.action {
                Action::Delete => found.into_iter().for_each(|id| {
                    self.delete_subprofile(id);
                }),
                Action::Update => self.write_to_subprofiles(place, &found, &patch)?,
                Action::UpdateOrAdd if !found.is_empty() => {
                    self.write_to_subprofiles(place, &found, &patch)?;
                }
                Action::IgnoreOrAdd if !found.is_empty() => {}
                _ => {
                    self.create_subprofile(profile, place, &patch)?;
                }
            }
        }
        Ok(())
    }

    /// Makes the filter that finds the rows of `owner` with the keys of this line.
    fn key_filter(&self, owner: Owner, run: &Run, line: &Line, keys: &[usize]) -> Filter {
        let table = self.table(owner);
        let expressions: Vec<String> = keys
            .iter()
            .filter_map(|at| {
                let (Column::Profile(position) | Column::Subprofile(_, position)) = &run.columns[*at] else {
                    return None;
                };
                let name = &table.fields()[*position].name;
                Some(format!("{name}=={}", text(&line.values[*at])))
            })
            .collect();
        Filter::read(expressions.iter().map(String::as_str), table, &self.clock)
    }

    fn import_patch(&self, owner: Owner, run: &Run, line: &Line) -> Patch {
        let table = self.table(owner);
        let mut patch = Patch::new(table.fields().len());
        for (column, value) in run.columns.iter().zip(&line.values) {
            let position = match (column, owner) {
                (Column::Profile(position), Owner::Database(_)) => *position,
                (Column::Subprofile(at, position), Owner::Collection(place)) if *at == place => *position,
                _ => continue,
            };
            if run.ignores_empty && text(value).is_empty() {
                continue;
            }
            let field = &table.fields()[position];
            patch.set(position, &self.import_value(field, value), field.kind.empty());
        }
        patch
    }

    /// Converts one value; a date that is none becomes the zero date, also where it may be empty (§5.7).
    fn import_value(&self, field: &Field, value: &Json<'_>) -> String {
        let given = text(value);
        if field.kind.is_date() && !given.is_empty() && self.clock.read(&given) == Moment::Empty {
            return field.fill().to_owned();
        }
        field
            .coerce(value, self.coercion(), &self.clock)
            .map_or_else(|_| String::new(), |value| value.into_owned())
    }
}

fn text(value: &Json<'_>) -> String {
    value.text().unwrap_or_default().into_owned()
}

/// Reads the interest columns of a line: `Yes`/`No`, `true`/`false`, 1/0.
fn interests(run: &Run, line: &Line) -> Json<'static> {
    let mut switches = Vec::new();
    for (column, value) in run.columns.iter().zip(&line.values) {
        if let Column::Interest(name) = column {
            let given = text(value).to_lowercase();
            let is_on = matches!(given.as_str(), "yes" | "true" | "1");
            switches.push((name.clone().into(), Json::Bool(is_on)));
        }
    }
    Json::Object(switches)
}
