//! Plain resources: brands, categories, reviews, metafields and some fifty more, all from one table.
//!
//! A plain record is its times, the id of the record it lies below, and the members that were written.
//! What a resource is called, what may be done with it and how its members look is [`table`]'s business.

mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::auth::{Section, section};
use super::json::Out;
use super::language::Language;
use super::person::Country;

/// Texts that have a translation under each language.
pub(crate) const TRANSLATED: [&str; 5] = ["title", "fulltitle", "description", "content", "url"];

/// How a field of a plain resource is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `createdAt` and `updatedAt`.
    Times,
    /// `createdAt` alone.
    Created,
    /// A text; the word is what stands there when there is none.
    Text(&'static str),
    /// A whole number.
    Int,
    /// A number with or without decimals.
    Number,
    /// An amount that the platform writes as a text.
    Quoted,
    /// A flag and what it is when nobody says.
    Flag(bool),
    /// Any JSON, and what stands there when there is none.
    Any(&'static str),
    /// A country, written as a code and read back as an object.
    Country,
    /// A language, written as a code and read back as an object.
    Language,
    /// A link to one record at this path.
    One(&'static str),
    /// A link to the records at a path, by a filter of this name.
    Many(&'static str, &'static str),
    /// A link to the records below this one.
    Sub(&'static str),
}

impl Kind {
    /// Reads a kind of the table.
    fn read(word: &'static str) -> Option<Self> {
        if let Some(path) = word.strip_prefix('>') {
            return Some(Self::One(path));
        }
        if let Some(list) = word.strip_prefix('*') {
            let (path, filter) = list.split_once('?')?;
            return Some(Self::Many(path, filter));
        }
        if let Some(sub) = word.strip_prefix('/') {
            return Some(Self::Sub(sub));
        }
        Some(match word {
            "s" => Self::Text("\"\""),
            "z" => Self::Text("null"),
            "i" => Self::Int,
            "n" => Self::Number,
            "q" => Self::Quoted,
            "b" => Self::Flag(false),
            "B" => Self::Flag(true),
            "l" => Self::Any("[]"),
            "x" => Self::Any("false"),
            "c" => Self::Country,
            "g" => Self::Language,
            _ => return None,
        })
    }

    /// Turns what a client sent into what is kept; `None` when it makes no sense for the kind.
    fn kept(self, sent: &Value) -> Option<Value> {
        let is_none = matches!(sent, Value::Null | Value::Bool(false)) || sent == "";
        match self {
            Self::Text(_) => match sent {
                Value::String(_) => Some(sent.clone()),
                Value::Number(number) => Some(Value::String(number.to_string())),
                Value::Null => Some(Value::Null),
                _ => None,
            },
            Self::Int | Self::One(_) => match sent {
                _ if is_none => Some(Value::Null),
                Value::Number(number) => number.as_u64().map(Value::from),
                Value::String(text) => text.trim().parse::<u64>().ok().map(Value::from),
                _ => None,
            },
            Self::Number | Self::Quoted => match sent {
                Value::Number(_) => Some(sent.clone()),
                Value::String(text) => serde_json::from_str::<serde_json::Number>(text)
                    .ok()
                    .map(Value::Number),
                _ => None,
            },
            Self::Flag(_) => match sent {
                Value::Bool(_) => Some(sent.clone()),
                Value::Number(number) => Some(Value::Bool(number.as_i64() != Some(0))),
                Value::String(text) => match text.as_str() {
                    "true" | "1" => Some(Value::Bool(true)),
                    "false" | "0" | "" => Some(Value::Bool(false)),
                    _ => None,
                },
                _ => None,
            },
            Self::Any(_) => Some(sent.clone()),
            Self::Country => match sent {
                _ if is_none => Some(Value::Null),
                Value::String(code) => Country::of(code).map(|country| Value::from(country.code())),
                _ => None,
            },
            Self::Language => match sent {
                _ if is_none => Some(Value::Null),
                Value::String(code) => Language::of(code).map(|language| Value::from(language.code())),
                _ => None,
            },
            Self::Times | Self::Created | Self::Many(..) | Self::Sub(_) => Some(Value::Null),
        }
    }
}

/// A field of a plain resource.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    is_required: bool,
}

/// A plain resource.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Its path; `{}` is the id of the record it lies below.
    pub(crate) path: &'static str,
    operations: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) plural: &'static str,
    first_id: u64,
    pub(crate) fields: Vec<Field>,
}

static RESOURCES: LazyLock<Vec<Resource>> =
    LazyLock::new(|| table::TABLE.lines().filter_map(Resource::read).collect());

impl Resource {
    fn read(line: &'static str) -> Option<Self> {
        let mut parts = line.split('|');
        let (path, operations, envelopes, first_id) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (singular, plural) = envelopes.split_once(' ')?;
        let fields = parts.next()?.split(' ').map(|word| match word {
            "@" => Some(Field::of("", Kind::Times)),
            "+" => Some(Field::of("", Kind::Created)),
            _ => {
                let (name, kind) = word.split_once(':')?;
                Some(Field {
                    name: name.trim_end_matches('!'),
                    kind: Kind::read(kind)?,
                    is_required: name.ends_with('!'),
                })
            }
        });
        Some(Self {
            path,
            operations,
            singular,
            plural,
            first_id: first_id.parse().ok()?,
            fields: fields.collect::<Option<_>>()?,
        })
    }

    /// Says whether the operation with this letter of appendix A is offered.
    pub(crate) fn offers(&self, operation: char) -> bool {
        self.operations.contains(operation)
    }

    /// Says whether there is one record per parent and no list.
    pub(crate) fn is_singleton(&self) -> bool {
        !self.offers('L')
    }

    /// Says whether a field has a translation of its own under each language (lightspeed-ecom.md §1.1).
    ///
    /// A record that says its own language is written in that one only.
    fn is_translated(&self, name: &str) -> bool {
        let words: Vec<&str> = self.path.split('/').collect();
        TRANSLATED.contains(&name)
            && matches!(section(&words), Section::Products | Section::Content)
            && !self.fields.iter().any(|field| field.kind == Kind::Language)
    }

    /// Returns the path of its parent, when it lies below one.
    pub(crate) fn parent_path(&self) -> Option<&'static str> {
        self.path.split_once("/{}/").map(|(parent, _)| parent)
    }

    /// Returns the path with the id of the parent in it.
    fn path_below(&self, parent: u64) -> String {
        self.path.replace("{}", &parent.to_string())
    }

    /// Reads the members of a write; those nobody knows are ignored.
    ///
    /// `None` when a member cannot be understood, or when a new record lacks what it needs.
    pub(crate) fn members(&self, sent: &Map<String, Value>, is_new: bool) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        for field in &self.fields {
            let value = match sent.get(field.name) {
                Some(value) => field.kind.kept(value)?,
                None => Value::Null,
            };
            let is_missing = value.is_null() || value == "";
            if is_new && field.is_required && is_missing {
                return None;
            }
            if sent.contains_key(field.name) {
                members.insert(field.name.to_owned(), value);
            }
        }
        Some(members)
    }

    /// Writes a record as an object.
    pub(crate) fn write(&self, out: &mut Out<'_>, id: u64, record: &Record) {
        out.open();
        out.int("id", id);
        for field in &self.fields {
            let value = record.members.get(field.name).unwrap_or(&Value::Null);
            field.write(out, self, (id, record), value);
        }
        out.close();
    }
}

impl Field {
    fn of(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            is_required: false,
        }
    }

    fn write(&self, out: &mut Out<'_>, of: &Resource, (id, record): (u64, &Record), value: &Value) {
        let name = self.name;
        match self.kind {
            Kind::Times => {
                out.time("createdAt", record.created_s);
                let updated = if of.path == "discountrules" {
                    "modifiedAt"
                } else {
                    "updatedAt"
                };
                out.time(updated, record.updated_s);
            }
            Kind::Created => out.time("createdAt", record.created_s),
            Kind::Text(empty) | Kind::Any(empty) => match value {
                Value::Null => out.raw(name, empty),
                _ => out.value(name, value),
            },
            Kind::Int | Kind::Number => match value {
                Value::Null => out.raw(name, "0"),
                _ => out.value(name, value),
            },
            Kind::Quoted => {
                let amount = value.as_f64().unwrap_or(0.0);
                out.text(name, &format!("{amount:.4}"));
            }
            Kind::Flag(default) => out.bool(name, value.as_bool().unwrap_or(default)),
            Kind::Country => {
                let country = value.as_str().and_then(Country::of);
                out.raw(name, country.map_or("false", Country::json));
            }
            Kind::Language => {
                let language = value.as_str().and_then(Language::of);
                out.raw(name, language.map_or("false", Language::json));
            }
            Kind::One(path) => match value.as_u64() {
                Some(target) => out.link_one(name, path, target),
                None => out.raw(name, "false"),
            },
            Kind::Many(path, filter) => out.link_filter(name, path, filter, id),
            Kind::Sub(sub) => out.link_sub(name, &of.path_below(record.parent), id, sub),
        }
    }
}

/// A record of a plain resource.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Record {
    pub(crate) created_s: i64,
    pub(crate) updated_s: i64,
    /// Id of the record it lies below, 0 for none.
    pub(crate) parent: u64,
    /// What it has in every language, unless a translation says otherwise.
    pub(crate) members: Map<String, Value>,
    /// What was written under a language, by its code.
    #[serde(default)]
    translations: BTreeMap<String, Map<String, Value>>,
}

impl Record {
    /// Returns the record as a path of this language shows it.
    pub(crate) fn in_language(&self, language: Language) -> Cow<'_, Self> {
        match self.translations.get(language.code()) {
            None => Cow::Borrowed(self),
            Some(texts) => {
                let mut shown = self.clone();
                shown.members.extend(texts.clone());
                Cow::Owned(shown)
            }
        }
    }

    /// Takes over what was written under a language; texts without a translation hold for every language.
    pub(crate) fn change(&mut self, of: &Resource, language: Language, changes: Map<String, Value>) {
        for (key, value) in changes {
            if of.is_translated(&key) {
                let texts = self.translations.entry(language.code().to_owned());
                texts.or_default().insert(key, value);
            } else {
                self.members.insert(key, value);
            }
        }
    }

    /// Returns a text; empty when there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.members.get(key).and_then(Value::as_str).unwrap_or("")
    }
}

/// The records of one plain resource; those of the same id lie below different parents.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Records {
    /// Records by id, and by parent where the id is that of another record.
    rows: BTreeMap<u64, Vec<Record>>,
    /// Ids given out.
    made: u64,
}

/// The plain records of a shop.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Plain {
    by_path: BTreeMap<String, Records>,
}

impl Plain {
    /// Makes the records every shop opens with.
    pub(crate) fn first(now_s: i64) -> Self {
        let mut plain = Self::default();
        for line in table::FIRST_RECORDS.lines() {
            let mut parts = line.splitn(3, '|');
            let (Some(path), Some(parent), Some(members)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let (Some(of), Ok(Value::Object(members))) = (resource(path), serde_json::from_str(members))
            else {
                continue;
            };
            plain.add(of, parent.parse().unwrap_or(0), members, now_s);
        }
        plain
    }

    /// Adds a record and returns its id.
    pub(crate) fn add(&mut self, of: &Resource, parent: u64, members: Map<String, Value>, now_s: i64) -> u64 {
        let records = self.by_path.entry(of.path.to_owned()).or_default();
        let id = of.first_id + records.made;
        records.made += 1;
        records.rows.entry(id).or_default().push(Record {
            created_s: now_s,
            updated_s: now_s,
            parent,
            members,
            translations: BTreeMap::new(),
        });
        id
    }

    /// Adds the picture that is the file with this number to a product.
    pub(crate) fn add_image(&mut self, shop: u64, product: u64, file: u64, now_s: i64) {
        let Some(of) = resource("products/{}/images") else {
            return;
        };
        let base = format!("https://cdn.webshopapp.com/shops/{shop}/files/{file}");
        let members = Map::from_iter([
            ("sortOrder".to_owned(), Value::from(1)),
            ("extension".to_owned(), Value::from("jpg")),
            ("size".to_owned(), Value::from(40_000 + file % 300_000)),
            (
                "thumb".to_owned(),
                Value::from(format!("{base}/50x50x2/image.jpg")),
            ),
            ("src".to_owned(), Value::from(format!("{base}/image.jpg"))),
        ]);
        self.put(of, (product, file), members, now_s);
    }

    /// Removes every picture of a product.
    pub(crate) fn clear_images(&mut self, product: u64) {
        if let Some(records) = self.by_path.get_mut("products/{}/images") {
            records.rows.retain(|_, rows| {
                rows.retain(|record| record.parent != product);
                !rows.is_empty()
            });
        }
    }

    /// Adds or replaces a record whose id is that of another one.
    pub(crate) fn put(
        &mut self,
        of: &Resource,
        (parent, id): (u64, u64),
        members: Map<String, Value>,
        now_s: i64,
    ) {
        let records = self.by_path.entry(of.path.to_owned()).or_default();
        let rows = records.rows.entry(id).or_default();
        rows.retain(|record| record.parent != parent);
        rows.push(Record {
            created_s: now_s,
            updated_s: now_s,
            parent,
            members,
            translations: BTreeMap::new(),
        });
    }

    /// Goes through the records below `parent` (0 for those below nothing), ascending by id.
    pub(crate) fn below(&self, of: &Resource, parent: u64) -> impl Iterator<Item = (u64, &Record)> {
        let rows = self
            .by_path
            .get(of.path)
            .into_iter()
            .flat_map(|records| &records.rows);
        rows.flat_map(|(id, rows)| rows.iter().map(|record| (*id, record)))
            .filter(move |(_, record)| record.parent == parent)
    }

    /// Returns a record below `parent`.
    pub(crate) fn get(&self, of: &Resource, parent: u64, id: u64) -> Option<&Record> {
        let rows = self.by_path.get(of.path)?.rows.get(&id)?;
        rows.iter().find(|record| record.parent == parent)
    }

    /// Returns a record below `parent` for changing.
    pub(crate) fn get_mut(&mut self, of: &Resource, parent: u64, id: u64) -> Option<&mut Record> {
        let rows = self.by_path.get_mut(of.path)?.rows.get_mut(&id)?;
        rows.iter_mut().find(|record| record.parent == parent)
    }

    /// Takes a record out; `false` when there is none.
    pub(crate) fn remove(&mut self, of: &Resource, parent: u64, id: u64) -> bool {
        let rows = self
            .by_path
            .get_mut(of.path)
            .and_then(|records| records.rows.get_mut(&id));
        let Some(rows) = rows else { return false };
        let before = rows.len();
        rows.retain(|record| record.parent != parent);
        rows.len() < before
    }
}

/// Returns every plain resource.
pub(crate) fn resources() -> &'static [Resource] {
    &RESOURCES
}

/// Returns the resource with this path of the table.
pub(crate) fn resource(path: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.path == path)
}

/// Finds the resource that a path is about, its parent's id, and what follows it (an id or `count`).
pub(crate) fn find<'a, 'b>(
    segments: &'b [&'a str],
) -> Option<(&'static Resource, Option<&'a str>, &'b [&'a str])> {
    let fits = |resource: &&'static Resource| {
        let words = resource.path.split('/');
        let length = words.clone().count();
        (length..=length + 1).contains(&segments.len())
            && words
                .zip(segments)
                .all(|(word, segment)| word == "{}" || word == *segment)
    };
    // The longest wins: `blogs/articles` is no blog of that name.
    let found = RESOURCES
        .iter()
        .filter(fits)
        .max_by_key(|resource| resource.path.split('/').count())?;
    let place = found.path.split('/').position(|word| word == "{}");
    let length = found.path.split('/').count();
    Some((found, place.map(|place| segments[place]), &segments[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        assert_eq!(resources().len(), table::TABLE.lines().count());
        let plain = Plain::first(0);
        for line in table::FIRST_RECORDS.lines().filter(|line| !line.is_empty()) {
            let path = line.split('|').next().unwrap();
            assert!(plain.by_path.contains_key(path), "{path}");
        }
    }

    #[test]
    fn the_longest_path_wins() {
        let found = |path: &str| {
            let segments: Vec<&str> = path.split('/').collect();
            let (resource, parent, rest) = find(&segments)?;
            Some((resource.path, parent.map(str::to_owned), rest.join("/")))
        };
        assert_eq!(
            found("blogs/articles"),
            Some(("blogs/articles", None, String::new()))
        );
        assert_eq!(found("blogs/7"), Some(("blogs", None, "7".to_owned())));
        let metafields = ("orders/{}/metafields", Some("5".to_owned()), "9".to_owned());
        assert_eq!(found("orders/5/metafields/9"), Some(metafields));
        assert_eq!(found("orders/5"), None);
    }
}
