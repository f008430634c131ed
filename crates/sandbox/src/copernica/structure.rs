//! The calls about databases, collections and their fields (copernica.md §4).

use super::account::{Account, Collection, Database};
use super::call::{Call, Refusal, Reply, Verb};
use super::field::{Field, Kind};
use super::out::Out;
use super::rules::Rules;
use super::table::{Table, same_text};
use super::wire::Json;

/// The limit of the lists inside a database object, and of the fields inside a collection object.
const EMBEDDED: i64 = 1000;
const EMBEDDED_FIELDS: i64 = 100;
/// How many fields of one table may have an index (copernica.md §4.2).
const INDEX_MAX: usize = 64;

/// Whose fields a call is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {
    /// The database at this place.
    Database(usize),
    /// The collection at this place.
    Collection(usize),
}

impl Account {
    /// Answers `GET databases` and `POST databases`.
    ///
    /// # Errors
    /// For another verb, or a name that is missing, taken or illegal.
    pub(crate) fn databases_call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        match call.verb {
            Verb::Get => Ok(list(call, &self.databases, |out, database| {
                self.write_database(out, database);
            })),
            Verb::Post | Verb::Put => self.post_database(call),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn post_database(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let name = text_of(&body, "name").unwrap_or_default();
        if !is_database_name(&name)
            || self
                .databases
                .iter()
                .any(|database| same_text(&database.name, &name))
        {
            return Err(Refusal::new("Failed to create database"));
        }
        self.last_database += 1;
        let database = Database {
            id: self.last_database,
            name,
            description: text_of(&body, "description").unwrap_or_default(),
            archived: body.member("archived").is_some_and(Json::truth),
            created: self.now(),
            table: Table::default(),
            rules: Rules::default(),
            interests: Vec::new(),
            intentions: [false; 4],
        };
        let id = u64::from(database.id);
        self.databases.push(database);
        Ok(Reply::Created {
            entity: "database",
            id,
        })
    }

    /// Answers `GET database/{id}`.
    pub(crate) fn get_database(&self, place: usize) -> Reply {
        let mut out = Out::sized(16 * 1024);
        self.write_database(&mut out, &self.databases[place]);
        Reply::Json(out.finish())
    }

    fn write_database(&self, out: &mut Out, database: &Database) {
        let with_star = self.options.star_in_definitions;
        out.open(b'{')
            .key("ID")
            .digits(u64::from(database.id))
            .key("name")
            .text(&database.name);
        out.key("description")
            .text(&database.description)
            .key("archived")
            .truth(database.archived);
        out.key("created").text(&self.clock.stamp(database.created));
        out.key("fields")
            .whole_list(EMBEDDED, database.table.fields(), |out, field| {
                field.write(out, with_star);
            });
        out.key("interests")
            .whole_list(EMBEDDED, &database.interests, |out, interest| interest.write(out));
        let collections: Vec<&Collection> = self
            .collections
            .iter()
            .filter(|each| each.database == database.id)
            .collect();
        out.key("collections")
            .whole_list(EMBEDDED, &collections, |out, each| {
                self.write_collection(out, each);
            });
        write_intentions(out, database.intentions);
        out.close(b'}');
    }

    /// Answers `PUT database/{id}`: the members given change.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub(crate) fn put_database(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let database = &mut self.databases[place];
        for (member, old) in [
            ("name", &mut database.name),
            ("description", &mut database.description),
        ] {
            if let Some(text) = text_of(&body, member) {
                *old = text;
            }
        }
        if let Some(archived) = body.member("archived") {
            database.archived = archived.truth();
        }
        Ok(Reply::Put)
    }

    /// Answers `GET database/{id}/collections` and `POST database/{id}/collections`.
    ///
    /// # Errors
    /// For another verb, or a name that is missing, taken or illegal.
    pub(crate) fn collections_call(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let database = self.databases[place].id;
        if call.verb == Verb::Get {
            let all: Vec<&Collection> = self
                .collections
                .iter()
                .filter(|each| each.database == database)
                .collect();
            return Ok(list(call, &all, |out, each| self.write_collection(out, each)));
        }
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let body = call.json()?;
        let name = text_of(&body, "name").unwrap_or_default();
        let is_legal = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphabetic() || char == '_');
        if !is_legal || self.collection_of(database, &name).is_some() {
            return Err(Refusal::new("Failed to create collection"));
        }
        self.last_collection += 1;
        let id = self.last_collection;
        self.collections.push(Collection {
            id,
            database,
            name,
            table: Table::default(),
            rules: Rules::default(),
            intentions: [false; 4],
        });
        Ok(Reply::Created {
            entity: "collection",
            id: u64::from(id),
        })
    }

    /// Answers `GET collection/{id}`.
    pub(crate) fn get_collection(&self, place: usize) -> Reply {
        let mut out = Out::sized(8 * 1024);
        self.write_collection(&mut out, &self.collections[place]);
        Reply::Json(out.finish())
    }

    fn write_collection(&self, out: &mut Out, collection: &Collection) {
        let with_star = self.options.star_in_definitions;
        out.open(b'{')
            .key("ID")
            .digits(u64::from(collection.id))
            .key("name")
            .text(&collection.name);
        out.key("database")
            .digits(u64::from(collection.database))
            .key("fields");
        out.whole_list(EMBEDDED_FIELDS, collection.table.fields(), |out, field| {
            field.write(out, with_star);
        });
        write_intentions(out, collection.intentions);
        out.close(b'}');
    }

    /// Answers `PUT collection/{id}`: the name, when given.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub(crate) fn put_collection(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        if let Some(name) = text_of(&call.json()?, "name") {
            self.collections[place].name = name;
        }
        Ok(Reply::Put)
    }

    /// Answers `PUT …/intentions`; keys left out stay. A switch without a destination field stays off.
    ///
    /// # Errors
    /// When the body cannot be read.
    pub(crate) fn put_intentions(&mut self, owner: Owner, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let old = match owner {
            Owner::Database(place) => self.databases[place].intentions,
            Owner::Collection(place) => self.collections[place].intentions,
        };
        let new = self.intended(owner, old, &body);
        match owner {
            Owner::Database(place) => self.databases[place].intentions = new,
            Owner::Collection(place) => self.collections[place].intentions = new,
        }
        Ok(Reply::Put)
    }

    /// Works out intentions after a body; a switch needs a destination field.
    pub(crate) fn intended(&self, owner: Owner, mut intentions: [bool; 4], body: &Json<'_>) -> [bool; 4] {
        let kinds = [Kind::Email, Kind::PhoneGsm, Kind::PhoneFax, Kind::Email];
        let fields = self.table(owner).fields();
        for (at, key) in INTENTIONS.iter().enumerate() {
            if let Some(wanted) = body.member(key) {
                let has_field = fields.iter().any(|field| field.kind == kinds[at]);
                intentions[at] = wanted.truth() && has_field;
            }
        }
        intentions
    }

    /// Gives the table of an owner of fields.
    pub(crate) fn table(&self, owner: Owner) -> &Table {
        match owner {
            Owner::Database(place) => &self.databases[place].table,
            Owner::Collection(place) => &self.collections[place].table,
        }
    }

    /// Gives the table of an owner of fields for changing.
    pub(crate) fn table_mut(&mut self, owner: Owner) -> &mut Table {
        match owner {
            Owner::Database(place) => &mut self.databases[place].table,
            Owner::Collection(place) => &mut self.collections[place].table,
        }
    }

    /// Answers `GET …/fields` and `POST …/fields`.
    ///
    /// # Errors
    /// For another verb, or a definition that cannot be.
    pub(crate) fn fields_call(&mut self, owner: Owner, call: &Call) -> Result<Reply, Refusal> {
        match call.verb {
            Verb::Get => {
                let with_star = self.options.star_in_definitions;
                Ok(list(call, self.table(owner).fields(), |out, field| {
                    field.write(out, with_star);
                }))
            }
            Verb::Post | Verb::Put => self.post_field(owner, call),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn post_field(&mut self, owner: Owner, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let name = text_of(&body, "name").unwrap_or_default();
        let kind = Kind::named(&text_of(&body, "type").unwrap_or_else(|| "text".to_owned()));
        let kind = kind.ok_or(Refusal::new("Failed to create field"))?;
        let mut field = Field::new(self.table(owner).next_field_id(), &name, kind);
        field.define(&body);
        field.settle(self.coercion(), &self.clock);
        if !may_have(self.table(owner), &field) {
            return Err(Refusal::new("Failed to create field"));
        }
        let id = u64::from(field.id);
        self.table_mut(owner).add_field(field);
        Ok(Reply::Created { entity: "field", id })
    }

    /// Answers `PUT …/field/{id}` and `DELETE …/field/{id or name}`.
    ///
    /// # Errors
    /// Without or with a wrong field id, for GET, or a definition that cannot be.
    pub(crate) fn field_call(&mut self, owner: Owner, call: &Call) -> Result<Reply, Refusal> {
        if !(call.verb.is_write() || call.verb == Verb::Delete) {
            return Err(Refusal::invalid_method());
        }
        let text = call.segment(3);
        if text.is_empty() {
            return Err(Refusal::new("No field id supplied for the field"));
        }
        let position = self.table(owner).position_of(text, call.verb == Verb::Delete);
        let position = position.ok_or(Refusal::new("Failed to get the field"))?;
        if call.verb == Verb::Delete {
            let id = u64::from(self.table(owner).fields()[position].id);
            self.drop_field(owner, position);
            return Ok(Reply::Deleted(Some(("field", id))));
        }
        let body = call.json()?;
        let mut field = self.table(owner).fields()[position].clone();
        // The name is asked for even when it does not change (copernica.md §4.2).
        let name = text_of(&body, "name").ok_or(Refusal::new("Failed to update field"))?;
        field.rename(&name);
        if let Some(kind) = text_of(&body, "type") {
            field.kind = Kind::named(&kind).ok_or(Refusal::new("Failed to update field"))?;
        }
        field.define(&body);
        if !may_have(self.table(owner), &field) {
            return Err(Refusal::new("Failed to update field"));
        }
        self.redefine(owner, position, field);
        Ok(Reply::Put)
    }

    /// Removes a field with its values.
    pub(crate) fn drop_field(&mut self, owner: Owner, position: usize) {
        match owner {
            Owner::Database(place) => {
                self.databases[place]
                    .table
                    .remove_field(position, &mut self.profiles);
            }
            Owner::Collection(place) => {
                self.collections[place]
                    .table
                    .remove_field(position, &mut self.subprofiles);
            }
        }
    }

    /// Puts another definition in place of a field and converts the values.
    pub(crate) fn redefine(&mut self, owner: Owner, position: usize, mut field: Field) {
        let coercion = self.coercion();
        field.settle(coercion, &self.clock);
        let how = (coercion, &self.clock);
        match owner {
            Owner::Database(place) => {
                self.databases[place]
                    .table
                    .change_field(position, field, &mut self.profiles, how);
            }
            Owner::Collection(place) => {
                self.collections[place]
                    .table
                    .change_field(position, field, &mut self.subprofiles, how);
            }
        }
    }
}

const INTENTIONS: [&str; 4] = ["email", "sms", "fax", "pdf"];

/// Writes the member `intentions`.
pub(crate) fn write_intentions(out: &mut Out, intentions: [bool; 4]) {
    out.key("intentions").open(b'{');
    for (key, is_on) in INTENTIONS.iter().zip(intentions) {
        out.key(key).truth(is_on);
    }
    out.close(b'}');
}

/// Says whether a definition fits into its table (copernica.md §4.2). What the server really says about
/// an impossible definition is not known (§14 no. 13 and 14); refusing is what a careful client wants to see.
fn may_have(table: &Table, field: &Field) -> bool {
    let mut others = table.fields().iter().filter(|other| other.id != field.id);
    let reserved = ["id", "code"].iter().any(|name| same_text(name, &field.name));
    let is_legal = field.name.starts_with(|char: char| char.is_ascii_alphabetic())
        && field
            .name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_');
    let indexed = others.clone().filter(|other| other.index).count();
    is_legal
        && !reserved
        && !(field.index && (field.kind == Kind::Big || indexed >= INDEX_MAX))
        && others.all(|other| {
            !(same_text(&other.name, &field.name) || field.kind.is_single() && other.kind == field.kind)
        })
}

/// Says whether a new database may have this name (copernica.md §4.1).
pub(crate) fn is_database_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Gives a member of a body as text.
pub(crate) fn text_of(body: &Json<'_>, name: &str) -> Option<String> {
    body.member(name)
        .and_then(Json::text)
        .map(|text| text.into_owned())
}

/// Writes a list of definitions, paged.
pub(crate) fn list<T>(call: &Call, items: &[T], mut write: impl FnMut(&mut Out, &T)) -> Reply {
    let (start, limit) = (call.number("start", 0), call.number("limit", 100).min(1000));
    let shown = match (usize::try_from(start), usize::try_from(limit)) {
        (Ok(start), Ok(limit)) => start.min(items.len())..start.saturating_add(limit).min(items.len()),
        _ => 0..0,
    };
    let mut out = Out::sized(4096);
    out.open(b'{')
        .key("start")
        .number(start)
        .key("limit")
        .number(limit);
    out.key("count").number(shown.len() as i64).key("data").open(b'[');
    for item in &items[shown] {
        write(&mut out, item);
    }
    out.close(b']');
    if call.flag("total", true) {
        out.key("total").number(items.len() as i64);
    }
    out.close(b'}');
    Reply::Json(out.finish())
}
