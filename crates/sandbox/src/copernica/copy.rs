//! `POST database/{id}/copy`: a second database like the first (copernica.md §4.1). The real account copies in the
//! background; here the copy is whole at once.

use std::collections::HashMap;

use super::account::{Account, Collection, Database, Space};
use super::call::{Call, Refusal, Reply};
use super::rules::Rules;
use super::structure::{is_database_name, text_of};
use super::wire::Json;

impl Account {
    /// Answers `POST database/{id}/copy`.
    ///
    /// # Errors
    /// For a name that is missing, taken or illegal.
    pub(crate) fn copy_database(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let name = text_of(&body, "name").unwrap_or_default();
        if !is_database_name(&name) || self.database_at(&name).is_some() {
            return Err(Refusal::new("Failed to create database"));
        }
        let wants = |option: &str| {
            let options = body.member("options");
            options
                .and_then(|options| options.member(option))
                .is_some_and(Json::truth)
        };
        self.last_database += 1;
        let id = self.last_database;
        let from = &self.databases[place];
        let (old, created) = (from.id, self.now());
        let mut interests = from.interests.clone();
        for interest in &mut interests {
            self.last_interest += 1;
            interest.id = self.last_interest;
        }
        let from = &self.databases[place];
        self.databases.push(Database {
            id,
            name,
            description: from.description.clone(),
            archived: false,
            created,
            table: from.table.empty_copy(),
            rules: Rules::default(),
            interests,
            intentions: [false; 4],
        });
        let collections = if wants("collections") {
            self.copy_collections(old, id)
        } else {
            HashMap::new()
        };
        if wants("views") {
            self.copy_views(Space::Profiles, |view| (view.database == old).then_some((id, 0)));
        }
        if wants("miniviews") {
            self.copy_views(Space::Subprofiles, |view| {
                collections.get(&view.collection).map(|at| (id, *at))
            });
        }
        if wants("profiles") {
            self.copy_rows(place, &collections, wants("subprofiles"));
        }
        Ok(Reply::Created {
            entity: "database",
            id: u64::from(id),
        })
    }

    /// Copies the collections of a database; gives the new ids by the old ones.
    fn copy_collections(&mut self, old: u32, new: u32) -> HashMap<u32, u32> {
        let mut ids = HashMap::new();
        let mut copies = Vec::new();
        for collection in self.collections.iter().filter(|each| each.database == old) {
            self.last_collection += 1;
            ids.insert(collection.id, self.last_collection);
            copies.push(Collection {
                id: self.last_collection,
                database: new,
                name: collection.name.clone(),
                table: collection.table.empty_copy(),
                rules: Rules::default(),
                intentions: [false; 4],
            });
        }
        self.collections.extend(copies);
        ids
    }

    fn copy_views(&mut self, space: Space, new_place: impl Fn(&super::state::View) -> Option<(u32, u32)>) {
        let mut copies = Vec::new();
        let mut ids = HashMap::new();
        for view in &self.views[space as usize] {
            let Some((database, collection)) = new_place(view) else {
                continue;
            };
            self.last_view += 1;
            ids.insert(view.id, self.last_view);
            let mut copy = view.clone();
            (copy.id, copy.database, copy.collection) = (self.last_view, database, collection);
            (copy.ids, copy.last_built) = (Vec::new(), 0);
            copies.push(copy);
        }
        for copy in &mut copies {
            copy.parent = ids.get(&copy.parent).copied().unwrap_or(0);
        }
        self.views[space as usize].extend(copies);
    }

    fn copy_rows(&mut self, place: usize, collections: &HashMap<u32, u32>, with_subprofiles: bool) {
        let target = self.databases.len() - 1;
        let (id, now) = (self.databases[target].id, self.now());
        for old in self.databases[place].table.ids.clone() {
            let Some(row) = self.profiles.get(old).filter(|row| row.removed == 0) else {
                continue;
            };
            let mut copy = row.clone();
            (copy.table, copy.link, copy.created, copy.modified) = (id, 0, now, now);
            let new = self.databases[target].table.take(&mut self.profiles, copy);
            let mut child = self.profiles.get(old).map_or(0, |row| row.link);
            while let Some(row) = self.subprofiles.get(child).filter(|_| with_subprofiles) {
                let next = row.link;
                let to = collections.get(&row.table).and_then(|id| self.collection_at(*id));
                if let Some(to) = to.filter(|_| row.removed == 0) {
                    let mut copy = row.clone();
                    (copy.table, copy.parent, copy.created, copy.modified) =
                        (self.collections[to].id, new, now, now);
                    copy.link = self.profiles.get(new).map_or(0, |row| row.link);
                    let sub = self.collections[to].table.take(&mut self.subprofiles, copy);
                    if let Some(row) = self.profiles.get_mut(new) {
                        row.link = sub;
                    }
                }
                child = next;
            }
        }
    }
}
