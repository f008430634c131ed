//! Reads the layers: the file with its lines, the environment, the command line.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use super::schema::{self, Key};
use super::{Complaint, Origin};

/// A value with where it came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// One section as written so far: `[hub]`, one `[[connection]]` or one `[[route]]`.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// How people call it, such as `connection "shop"`.
    pub title: String,
    /// What may stand in it.
    pub keys: &'static [Key],
    /// What does.
    pub values: BTreeMap<&'static str, Told>,
    /// The line on which it starts; 0 when it stands in no file.
    pub line: usize,
}

/// All sections.
#[derive(Debug)]
pub(super) struct Sections {
    /// `[hub]`.
    pub hub: Section,
    /// The connections, in the order of the file.
    pub connections: Vec<Section>,
    /// The routes, in the order of the file.
    pub routes: Vec<Section>,
}

impl Default for Sections {
    fn default() -> Self {
        let hub = Section {
            title: "hub".to_owned(),
            keys: schema::HUB,
            values: BTreeMap::new(),
            line: 0,
        };
        Self {
            hub,
            connections: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Section {
    /// Gives the text under `name`, or an empty one.
    pub(super) fn text(&self, name: &str) -> &str {
        self.values
            .get(name)
            .and_then(|told| told.value.as_str())
            .unwrap_or_default()
    }

    /// Takes in one value, or says what is wrong with it.
    fn put(&mut self, name: &str, value: Value, origin: Origin) -> Result<(), Complaint> {
        let Some(key) = self.keys.iter().find(|key| key.name == name) else {
            let names: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
            let text = format!(
                "{} has no key `{name}`{}",
                self.title,
                schema::guess(name, &names)
            );
            return Err(Complaint::at(&origin, text));
        };
        if let Some(fault) = key.fault(&value) {
            return Err(Complaint::at(
                &origin,
                format!("{}: `{name}` {fault}", self.title),
            ));
        }
        let told = Told { value, origin };
        let other = self.other_form(key.name).filter(|_| told.is_given());
        let before = other.and_then(|other| self.values.get(other).filter(|before| before.is_given()));
        if let (Some(other), Some(before)) = (other, before) {
            if before.origin.is_same_place(&told.origin) {
                let text = format!(
                    "{}: `{name}` and `{other}` ({}) are both given; keep one of the two, the file is the safer one",
                    self.title, before.origin
                );
                return Err(Complaint::at(&told.origin, text));
            }
            // What comes over another place takes the place of both forms.
            self.values.remove(other);
        }
        self.values.insert(key.name, told);
        Ok(())
    }

    /// Gives the key that holds the same secret in its other form: `…_file` for a secret, and the other way about.
    fn other_form(&self, name: &str) -> Option<&'static str> {
        let file = format!("{name}_file");
        let other = name.strip_suffix("_file").unwrap_or(&file);
        self.keys.iter().map(|key| key.name).find(|known| *known == other)
    }
}

impl Told {
    fn is_given(&self) -> bool {
        self.value.as_str().is_some_and(|text| !text.is_empty())
    }
}

/// Reads a file; complaints carry line and column.
pub(super) fn file(text: &str) -> Result<Sections, Vec<Complaint>> {
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![Complaint::at(&place(text, at), error.message().to_owned())]
    })?;
    let mut reader = Reader {
        text,
        sections: Sections::default(),
        complaints: Vec::new(),
    };
    for (name, value) in root.get_ref() {
        reader.root(name, value);
    }
    if reader.complaints.is_empty() {
        Ok(reader.sections)
    } else {
        Err(reader.complaints)
    }
}

struct Reader<'t> {
    text: &'t str,
    sections: Sections,
    complaints: Vec<Complaint>,
}

type Name<'i> = Spanned<std::borrow::Cow<'i, str>>;

impl Reader<'_> {
    fn root(&mut self, name: &Name<'_>, value: &Spanned<DeValue<'_>>) {
        let at = name.span().start;
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("hub", DeValue::Table(table)) => {
                let mut hub = std::mem::replace(&mut self.sections.hub, Sections::default().hub);
                hub.line = self.line(at);
                self.fill(&mut hub, table);
                self.sections.hub = hub;
            }
            ("connection", DeValue::Array(list)) => self.list(list, Self::connection),
            ("route", DeValue::Array(list)) => self.list(list, Self::route),
            ("hub", _) => self.complain(at, "`hub` is a section: write it as `[hub]`".to_owned()),
            (name @ ("connection" | "route"), _) => {
                self.complain(
                    at,
                    format!("there may be several of `{name}`: write it as `[[{name}]]`"),
                );
            }
            (name, _) => {
                let guess = schema::guess(name, schema::SECTIONS);
                self.complain(at, format!("there is no section `{name}`{guess}"));
            }
        }
    }

    fn list(&mut self, list: &[Spanned<DeValue<'_>>], read: fn(&mut Self, usize, &DeTable<'_>)) {
        for item in list {
            let at = item.span().start;
            match item.get_ref() {
                DeValue::Table(table) => read(self, at, table),
                _ => self.complain(at, "a section is expected here".to_owned()),
            }
        }
    }

    fn connection(&mut self, at: usize, table: &DeTable<'_>) {
        let text = |name: &str| {
            table
                .get(name)
                .and_then(|value| value.get_ref().as_str())
                .unwrap_or_default()
        };
        let (name, connector) = (text("name").to_owned(), text("connector").to_owned());
        let Some(keys) = schema::connection_keys(&connector) else {
            let words = schema::any_of(schema::CONNECTORS);
            let at = table.get("connector").map_or(at, |value| value.span().start);
            self.complain(at, format!("connection \"{name}\": `connector` must be {words}"));
            return;
        };
        let title = format!("connection \"{name}\"");
        let mut section = Section {
            title,
            keys,
            values: BTreeMap::new(),
            line: self.line(at),
        };
        self.fill(&mut section, table);
        self.sections.connections.push(section);
    }

    fn route(&mut self, at: usize, table: &DeTable<'_>) {
        let title = format!("route {}", self.sections.routes.len() + 1);
        let mut section = Section {
            title,
            keys: schema::ROUTE,
            values: BTreeMap::new(),
            line: self.line(at),
        };
        self.fill(&mut section, table);
        self.sections.routes.push(section);
    }

    fn fill(&mut self, section: &mut Section, table: &DeTable<'_>) {
        for (name, value) in table {
            let is_known = section.keys.iter().any(|key| key.name == name.get_ref().as_ref());
            let at = if is_known {
                value.span().start
            } else {
                name.span().start
            };
            match plain(value.get_ref()) {
                Some(value) => {
                    if let Err(complaint) = section.put(name.get_ref(), value, place(self.text, at)) {
                        self.complaints.push(complaint);
                    }
                }
                None => self.complain(
                    at,
                    format!("{}: `{}` is out of range", section.title, name.get_ref()),
                ),
            }
        }
    }

    fn line(&self, at: usize) -> usize {
        line_and_column(self.text, at).0
    }

    fn complain(&mut self, at: usize, text: String) {
        self.complaints.push(Complaint::at(&place(self.text, at), text));
    }
}

/// Gives the value without its places; `None` for a number of more than 64 bits.
fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(list) => Value::Array(
            list.iter()
                .map(|item| plain(item.get_ref()))
                .collect::<Option<_>>()?,
        ),
        DeValue::Table(table) => {
            let entries = table
                .iter()
                .map(|(name, value)| Some((name.get_ref().to_string(), plain(value.get_ref())?)));
            Value::Table(entries.collect::<Option<_>>()?)
        }
    })
}

fn place(text: &str, at: usize) -> Origin {
    let (line, column) = line_and_column(text, at);
    Origin::File { line, column }
}

/// Counts lines and columns from 1, columns in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[start..].chars().count() + 1,
    )
}

/// Lays `SCHAKEL_A__B=value` over what was read so far. Variables without two underscores are none of ours.
pub(super) fn environment(sections: &mut Sections, variables: &BTreeMap<String, String>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (variable, text) in variables {
        let Some(path) = variable
            .strip_prefix("SCHAKEL_")
            .filter(|path| path.contains("__"))
        else {
            continue;
        };
        let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let origin = Origin::Environment(variable.clone());
        if let Err(complaint) = lay(sections, &parts, text, origin) {
            complaints.push(complaint);
        }
    }
    complaints
}

/// Lays `--set a.b=value` of the command line over everything else.
pub(super) fn flags(sections: &mut Sections, flags: &[(String, String)]) -> Vec<Complaint> {
    let lain = flags.iter().map(|(path, text)| {
        let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
        lay(sections, &parts, text, Origin::Flag)
    });
    lain.filter_map(Result::err).collect()
}

/// Puts one value: `hub.KEY`, `connection.NAME.KEY`, `route.NUMBER.KEY`.
fn lay(sections: &mut Sections, parts: &[String], text: &str, origin: Origin) -> Result<(), Complaint> {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (section, name) = match parts[..] {
        ["hub", name] => (&mut sections.hub, name),
        ["connection", connection, name] => {
            let found = sections
                .connections
                .iter_mut()
                .find(|section| folded(section.text("name")) == folded(connection));
            let missing = || Complaint::at(&origin, format!("there is no connection `{connection}`"));
            (found.ok_or_else(missing)?, name)
        }
        ["route", number, name] => {
            let index = number
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1));
            let found = index.and_then(|index| sections.routes.get_mut(index));
            let missing = || Complaint::at(&origin, format!("there is no route {number}; they count from 1"));
            (found.ok_or_else(missing)?, name)
        }
        _ => {
            let text = "the key must be hub.KEY, connection.NAME.KEY or route.NUMBER.KEY".to_owned();
            return Err(Complaint::at(&origin, text));
        }
    };
    let value = section
        .keys
        .iter()
        .find(|key| key.name == name)
        .map(|key| key.read(text));
    section.put(
        name,
        value.unwrap_or_else(|| Value::String(text.to_owned())),
        origin,
    )
}

/// Folds a name for the environment, where only letters, digits and underscores can stand.
fn folded(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect()
}
