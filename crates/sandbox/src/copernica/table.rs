//! Rows of one database or collection: fields, cells and hash indexes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use super::cell::{Cells, Patch, push};
use super::dates::LocalClock;
use super::field::{Coercion, Field, Kind};
use super::wire::Json;

/// One profile or subprofile. Times are seconds since 1970; 40 bytes, so that a million fit easily.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The database of a profile, the collection of a subprofile.
    pub(crate) table: u32,
    /// The profile of a subprofile; 0 for a profile.
    pub(crate) parent: u32,
    /// The newest subprofile of a profile, the next older sister of a subprofile; 0 for none.
    pub(crate) link: u32,
    pub(crate) created: u32,
    pub(crate) modified: u32,
    /// 0 while the row lives.
    pub(crate) removed: u32,
    pub(crate) cells: Box<[u8]>,
}

/// All profiles, or all subprofiles, of the account: one number space, ids from 1 and never used again.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// Gives the row with this id, removed or not.
    pub(crate) fn get(&self, id: u32) -> Option<&Row> {
        self.0.get((id as usize).checked_sub(1)?)
    }

    /// Gives the row with this id for changing.
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Row> {
        self.0.get_mut((id as usize).checked_sub(1)?)
    }

    /// Gives how many rows there are, removed ones too.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives all rows with their ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.0.iter().zip(1..).map(|(row, id)| (id, row))
    }

    /// Adds a row and gives its id.
    pub(crate) fn add(&mut self, row: Row) -> u32 {
        self.0.push(row);
        self.0.len() as u32
    }
}

/// Passes on a key that is a hash already.
#[derive(Debug, Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Ready>>;

/// Finds rows by the hash of one value; empty values are not kept.
#[derive(Debug, Default)]
struct Index {
    one: ByHash<u32>,
    more: ByHash<Vec<u32>>,
}

impl Index {
    fn add(&mut self, hash: u64, id: u32) {
        match self.one.entry(hash) {
            Entry::Vacant(place) => {
                place.insert(id);
            }
            Entry::Occupied(_) => self.more.entry(hash).or_default().push(id),
        }
    }

    fn remove(&mut self, hash: u64, id: u32) {
        let Some(ids) = self.more.get_mut(&hash) else {
            if self.one.get(&hash) == Some(&id) {
                self.one.remove(&hash);
            }
            return;
        };
        if self.one.get(&hash) == Some(&id) {
            if let Some(other) = ids.pop() {
                self.one.insert(hash, other);
            }
        } else {
            ids.retain(|known| *known != id);
        }
        if ids.is_empty() {
            self.more.remove(&hash);
        }
    }

    fn ids(&self, hash: u64) -> Vec<u32> {
        let mut ids: Vec<u32> = self.one.get(&hash).copied().into_iter().collect();
        ids.extend(self.more.get(&hash).into_iter().flatten());
        ids.sort_unstable();
        ids
    }
}

/// Hashes a value so that values that compare equal in a filter have one hash.
pub(crate) fn value_hash(kind: Kind, value: &str) -> u64 {
    let mut hasher = Ready(0xCBF2_9CE4_8422_2325);
    if kind == Kind::Select
        || value
            .bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        hasher.write(value.as_bytes());
    } else {
        hasher.write(value.to_lowercase().as_bytes());
    }
    // Spread the bits: the map takes its bucket and its tag from both ends.
    let mixed = (hasher.0 ^ (hasher.0 >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 32)
}

/// What a write did to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// A stored value is different now.
    Changed,
    /// Every value was there already.
    Unchanged,
}

/// The rows and fields of one database or collection.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    fields: Vec<Field>,
    #[serde(skip)]
    by_name: HashMap<String, usize>,
    next_field_id: u32,
    /// All rows in the order of their ids, the removed ones too.
    #[serde(skip)]
    pub(crate) ids: Vec<u32>,
    /// How many rows live.
    #[serde(skip)]
    pub(crate) live: u64,
    #[serde(skip)]
    indexes: Vec<Option<Index>>,
}

impl Table {
    /// Gives the fields in definition order.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Works out what follows from saved definitions.
    pub(crate) fn settle(&mut self, coercion: Coercion, clock: &LocalClock) {
        for field in &mut self.fields {
            let name = std::mem::take(&mut field.name);
            field.rename(&name);
            field.settle(coercion, clock);
        }
        self.refresh();
    }

    /// Gets to know a row that was saved; in the order of their ids.
    pub(crate) fn know(&mut self, id: u32, row: &Row) {
        self.ids.push(id);
        self.live += u64::from(row.removed == 0);
    }

    /// Makes a table with the same fields and no rows.
    pub(crate) fn empty_copy(&self) -> Self {
        let mut copy = Self {
            fields: self.fields.clone(),
            next_field_id: self.next_field_id,
            ..Self::default()
        };
        copy.refresh();
        copy
    }

    /// Finds a field by name, in any case: its position.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        if let Some(position) = self.by_name.get(name) {
            return Some(*position);
        }
        self.fields.iter().position(|field| same_text(&field.name, name))
    }

    /// Finds a field by id or, when `or_name`, by name.
    pub(crate) fn position_of(&self, text: &str, or_name: bool) -> Option<usize> {
        let by_id = text
            .parse()
            .ok()
            .and_then(|id: u32| self.fields.iter().position(|field| field.id == id));
        by_id.or_else(|| if or_name { self.position(text) } else { None })
    }

    /// Gives the id that the next field gets.
    pub(crate) fn next_field_id(&self) -> u32 {
        self.next_field_id + 1
    }

    /// Adds a field; rows that exist hold its zero form and are not touched.
    pub(crate) fn add_field(&mut self, field: Field) {
        self.next_field_id = self.next_field_id.max(field.id);
        self.fields.push(field);
        self.refresh();
    }

    /// Puts another definition at `position`; the values are converted when the type asks for it.
    pub(crate) fn change_field(
        &mut self,
        position: usize,
        field: Field,
        rows: &mut Rows,
        how: (Coercion, &LocalClock),
    ) {
        let old = std::mem::replace(&mut self.fields[position], field);
        self.refresh();
        let field = &self.fields[position];
        if old.kind == field.kind && old.length <= field.length && field.kind != Kind::Select {
            return;
        }
        for id in &self.ids {
            let Some(row) = rows.get_mut(*id).filter(|row| row.removed == 0) else {
                continue;
            };
            let value = old.read(Cells::of(&row.cells).nth(position)).into_owned();
            let mut patch = Patch::new(self.fields.len());
            let given = Json::Text(Cow::Owned(value));
            let coercion = Coercion {
                refuses_long_text: false,
                ..how.0
            };
            let value = field.coerce(&given, coercion, how.1).unwrap_or(Cow::Borrowed(""));
            patch.set(position, &value, field.kind.empty());
            row.cells = self.patched(&row.cells, &patch);
        }
    }

    /// Removes a field with all its values.
    pub(crate) fn remove_field(&mut self, position: usize, rows: &mut Rows) {
        self.fields.remove(position);
        for id in &self.ids {
            let Some(row) = rows.get_mut(*id) else { continue };
            let mut cells = Vec::with_capacity(row.cells.len());
            for (place, cell) in Cells::of(&row.cells).enumerate() {
                if place != position {
                    cells.extend_from_slice(cell);
                }
            }
            row.cells = cells.into_boxed_slice();
        }
        self.refresh();
    }

    /// Drops what is derived from the definitions; indexes come back at their next use.
    fn refresh(&mut self) {
        self.by_name = self
            .fields
            .iter()
            .enumerate()
            .map(|(at, field)| (field.name.clone(), at))
            .collect();
        self.indexes = self.fields.iter().map(|_| None).collect();
    }

    /// Gives the value of `position` in a row.
    pub(crate) fn value<'a>(&'a self, row: &'a Row, position: usize) -> Cow<'a, str> {
        // A removed row reads as empty texts, whatever the types (copernica.md §5.4).
        if row.removed != 0 {
            return Cow::Borrowed("");
        }
        self.fields[position].read(Cells::of(&row.cells).nth(position))
    }

    /// Adds a row with the values of `patch` and the defaults, and gives its id.
    pub(crate) fn insert(&mut self, rows: &mut Rows, mut row: Row, patch: &Patch) -> u32 {
        let mut cells = Vec::with_capacity(self.fields.len() * 8);
        for (position, field) in self.fields.iter().enumerate() {
            match patch.get(position) {
                Some(cell) => cells.extend_from_slice(cell),
                None => push(&mut cells, field.default(), field.kind.empty()),
            }
        }
        row.cells = cells.into_boxed_slice();
        self.take(rows, row)
    }

    /// Adds a row as it is, with its cells, and gives its id.
    pub(crate) fn take(&mut self, rows: &mut Rows, row: Row) -> u32 {
        let id = rows.add(row);
        self.ids.push(id);
        self.live += 1;
        if let Some(row) = rows.get(id) {
            self.index_row(row, id, Index::add);
        }
        id
    }

    /// Applies `patch` to a living row and moves `modified` when a value changed.
    pub(crate) fn update(&mut self, rows: &mut Rows, id: u32, patch: &Patch, now: u32) -> Written {
        let Some(row) = rows.get_mut(id) else {
            return Written::Unchanged;
        };
        if !self.differs(&row.cells, patch) {
            return Written::Unchanged;
        }
        for position in 0..self.fields.len() {
            let Some(index) = self.indexes[position].as_mut() else {
                continue;
            };
            if patch.get(position).is_none() {
                continue;
            }
            let field = &self.fields[position];
            let old = field.read(Cells::of(&row.cells).nth(position));
            let new = field.read(patch.get(position));
            if old != new {
                if old != field.kind.empty() {
                    index.remove(value_hash(field.kind, &old), id);
                }
                if new != field.kind.empty() {
                    index.add(value_hash(field.kind, &new), id);
                }
            }
        }
        row.cells = self.patched(&row.cells, patch);
        row.modified = now;
        Written::Changed
    }

    fn differs(&self, cells: &[u8], patch: &Patch) -> bool {
        let mut old = Cells::of(cells);
        self.fields.iter().enumerate().any(|(position, field)| {
            let cell = old.next();
            match (patch.get(position), cell) {
                (None, _) => false,
                (Some(new), Some(old)) => new != old,
                (new, None) => field.read(new) != field.fill(),
            }
        })
    }

    fn patched(&self, cells: &[u8], patch: &Patch) -> Box<[u8]> {
        let mut old = Cells::of(cells);
        let mut new = Vec::with_capacity(cells.len() + 64);
        for (position, field) in self.fields.iter().enumerate() {
            let cell = old.next();
            match (patch.get(position), cell) {
                (Some(cell), _) | (None, Some(cell)) => new.extend_from_slice(cell),
                (None, None) => push(&mut new, field.fill(), field.kind.empty()),
            }
        }
        new.into_boxed_slice()
    }

    /// Empties a row and marks it removed; `modified` stays (copernica.md §5.4).
    pub(crate) fn remove(&mut self, rows: &mut Rows, id: u32, now: u32) {
        let Some(row) = rows.get_mut(id).filter(|row| row.removed == 0) else {
            return;
        };
        self.index_row(row, id, Index::remove);
        row.cells = Box::default();
        row.removed = now.max(1);
        self.live -= 1;
    }

    fn index_row(&mut self, row: &Row, id: u32, what: fn(&mut Index, u64, u32)) {
        if self.indexes.iter().all(Option::is_none) {
            return;
        }
        let mut cells = Cells::of(&row.cells);
        for (field, index) in self.fields.iter().zip(&mut self.indexes) {
            let value = field.read(cells.next());
            if let Some(index) = index.as_mut().filter(|_| value != field.kind.empty()) {
                what(index, value_hash(field.kind, &value), id);
            }
        }
    }

    /// Builds the index of a field when it is not there yet; costs one walk over the table.
    pub(crate) fn ensure_index(&mut self, position: usize, rows: &Rows) {
        if self.indexes[position].is_some() {
            return;
        }
        let field = &self.fields[position];
        let mut index = Index::default();
        for id in &self.ids {
            let Some(row) = rows.get(*id).filter(|row| row.removed == 0) else {
                continue;
            };
            let value = field.read(Cells::of(&row.cells).nth(position));
            if value != field.kind.empty() {
                index.add(value_hash(field.kind, &value), *id);
            }
        }
        self.indexes[position] = Some(index);
    }

    /// Gives the rows that may hold `value` at `position`, by id; `None` without an index.
    pub(crate) fn indexed(&self, position: usize, value: &str) -> Option<Vec<u32>> {
        let kind = self.fields[position].kind;
        if value.is_empty() || value == kind.empty() {
            return None;
        }
        self.indexes[position]
            .as_ref()
            .map(|index| index.ids(value_hash(kind, value)))
    }
}

/// Compares two texts the way text fields and names are compared: without regard to case.
pub(crate) fn same_text(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.to_lowercase() == other.to_lowercase()
}
