//! Looks into the account without calling it: for tests and for the summary of a demonstration.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::account::{Account, Space};
use super::call::{Call, Verb};
use super::faults::FaultKind;
use super::routes::kind_of;
use super::table::{Row, Table, same_text};
use super::{Simulator, lock};

/// What came in and what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of the API that reached it, refused ones too; without the authentication host.
    pub calls: u64,
    /// The same calls by what they ask for, such as `PUT database/profiles`.
    pub calls_by_kind: BTreeMap<&'static str, u64>,
    /// Calls that a fault hit, by its kind; these include calls that never reached the account.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Calls that had to wait for a latency.
    pub slowed: u64,
    /// Rows made by calls.
    pub rows_created: u64,
    /// Writes that changed a row.
    pub rows_changed: u64,
    /// Writes to a row that held everything already.
    pub rows_unchanged: u64,
    /// Profiles and single subprofiles that were removed.
    pub rows_removed: u64,
    /// Living profiles of all databases.
    pub profiles: u64,
    /// Living subprofiles by the name of their collection.
    pub subprofiles: BTreeMap<String, u64>,
    /// Writes that are put off to a later time.
    pub waiting: u64,
}

/// One living row, as inspection shows it.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'a> {
    /// The id of the profile or subprofile.
    pub id: u64,
    /// The profile of a subprofile.
    pub profile: Option<u64>,
    table: &'a Table,
    row: &'a Row,
}

impl<'a> RowView<'a> {
    /// Gives the value of a field, by its name in any case; `None` when there is no such field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.table
            .position(name)
            .map(|position| self.table.value(self.row, position))
    }

    /// Gives all names and values, in definition order.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let (table, row) = (self.table, self.row);
        table
            .fields()
            .iter()
            .enumerate()
            .map(move |(at, field)| (field.name.as_str(), table.value(row, at)))
    }

    /// Gives the values of `names` as one key; `@profile` is the id of the profile.
    fn key(&self, names: &[&str]) -> Vec<String> {
        let value = |name: &&str| match *name {
            "@profile" => self.profile.unwrap_or(0).to_string(),
            name => self.get(name).unwrap_or_default().into_owned(),
        };
        names.iter().map(value).collect()
    }
}

impl Account {
    /// Counts a call that reached the account.
    pub(crate) fn count(&mut self, call: &Call) {
        self.tally.calls += 1;
        self.revision += u64::from(call.verb != Verb::Get);
        *self.calls_by_kind.entry(kind_of(call)).or_default() += 1;
    }

    fn tables_of(&self, space: Space, name: &str) -> Vec<&Table> {
        match space {
            Space::Profiles => self
                .database_at(name)
                .map(|place| &self.databases[place].table)
                .into_iter()
                .collect(),
            Space::Subprofiles => {
                let named = self.collections.iter().filter(|each| same_text(&each.name, name));
                named.map(|collection| &collection.table).collect()
            }
        }
    }

    fn for_each(&self, space: Space, name: &str, mut show: impl FnMut(RowView<'_>)) {
        let rows = match space {
            Space::Profiles => &self.profiles,
            Space::Subprofiles => &self.subprofiles,
        };
        for table in self.tables_of(space, name) {
            for id in &table.ids {
                let Some(row) = rows.get(*id).filter(|row| row.removed == 0) else {
                    continue;
                };
                let profile = (space == Space::Subprofiles).then_some(u64::from(row.parent));
                show(RowView {
                    id: u64::from(*id),
                    profile,
                    table,
                    row,
                });
            }
        }
    }

    fn duplicates(&self, space: Space, name: &str, names: &[&str]) -> u64 {
        let mut seen = HashSet::new();
        let mut duplicates = 0;
        self.for_each(space, name, |view| {
            if !seen.insert(view.key(names)) {
                duplicates += 1;
            }
        });
        duplicates
    }
}

impl Simulator {
    /// Gives what came in and what is stored.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (faults, slowed) = {
            let dice = lock(&self.0.dice);
            (dice.hits.clone(), dice.slowed)
        };
        let account = self.account();
        let mut subprofiles = BTreeMap::new();
        for collection in &account.collections {
            *subprofiles.entry(collection.name.clone()).or_default() += collection.table.live;
        }
        Counts {
            calls: account.tally.calls,
            calls_by_kind: account.calls_by_kind.clone(),
            faults,
            slowed,
            rows_created: account.tally.created,
            rows_changed: account.tally.changed,
            rows_unchanged: account.tally.unchanged,
            rows_removed: account.tally.removed,
            profiles: account.databases.iter().map(|database| database.table.live).sum(),
            subprofiles,
            waiting: account.later.len() as u64,
        }
    }

    /// Counts the living profiles beyond the first with the same values in `names`, empty values too.
    #[must_use]
    pub fn duplicates(&self, database: &str, names: &[&str]) -> u64 {
        self.account().duplicates(Space::Profiles, database, names)
    }

    /// Counts the living subprofiles beyond the first with the same values in `names`, over all collections
    /// of this name; the name `@profile` stands for the id of the profile.
    #[must_use]
    pub fn duplicate_subprofiles(&self, collection: &str, names: &[&str]) -> u64 {
        self.account().duplicates(Space::Subprofiles, collection, names)
    }

    /// Shows every living profile of a database, by id. The account is locked meanwhile: `show` must not
    /// ask this simulator for anything.
    pub fn for_each_profile(&self, database: &str, show: impl FnMut(RowView<'_>)) {
        self.account().for_each(Space::Profiles, database, show);
    }

    /// Shows every living subprofile of the collections of this name, by id; `show` must not ask this
    /// simulator for anything.
    pub fn for_each_subprofile(&self, collection: &str, show: impl FnMut(RowView<'_>)) {
        self.account().for_each(Space::Subprofiles, collection, show);
    }

    /// Finds the living profiles whose field holds exactly this value.
    #[must_use]
    pub fn find_profiles(&self, database: &str, field: &str, value: &str) -> Vec<u64> {
        let mut ids = Vec::new();
        self.for_each_profile(database, |view| {
            if view.get(field).is_some_and(|held| held == value) {
                ids.push(view.id);
            }
        });
        ids
    }

    /// Finds the living subprofiles whose field holds exactly this value.
    #[must_use]
    pub fn find_subprofiles(&self, collection: &str, field: &str, value: &str) -> Vec<u64> {
        let mut ids = Vec::new();
        self.for_each_subprofile(collection, |view| {
            if view.get(field).is_some_and(|held| held == value) {
                ids.push(view.id);
            }
        });
        ids
    }

    /// Gives the values of one profile by field name; `None` when it is unknown or removed.
    #[must_use]
    pub fn profile(&self, id: u64) -> Option<BTreeMap<String, String>> {
        let account = self.account();
        let id = u32::try_from(id).ok()?;
        let row = account.profiles.get(id).filter(|row| row.removed == 0)?;
        let table = &account.databases[account.place_of_profile(id)?].table;
        let view = RowView {
            id: u64::from(id),
            profile: None,
            table,
            row,
        };
        Some(
            view.fields()
                .map(|(name, value)| (name.to_owned(), value.into_owned()))
                .collect(),
        )
    }
}
