//! The calls about profiles (copernica.md §5).

use std::borrow::Cow;

use super::account::{Account, Space, id_of, patch_of, secret_of, too_long};
use super::call::{Call, Refusal, Reply};
use super::cell::Patch;
use super::filter::Filter;
use super::hooks::Trigger;
use super::listing::{Paging, Source, write_fields, write_ids, write_page};
use super::out::Out;
use super::rules::{Removal, allows};
use super::table::{Row, Written};
use super::wire::Json;

/// What a list of profiles shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Whole objects in a wrapper.
    Objects,
    /// A bare array of ids.
    Ids,
}

impl Account {
    /// Lists the profiles of a database, or only those `among` some ids; filtered, ordered and paged.
    pub(crate) fn list_profiles(
        &mut self,
        place: usize,
        among: Option<&[u32]>,
        call: &Call,
        show: Show,
    ) -> Reply {
        let database = &mut self.databases[place];
        let filter = Filter::read(call.expressions(), &database.table, &self.clock);
        filter.prepare(&mut database.table, &self.profiles);
        let table = &self.databases[place].table;
        let paging = Paging::read(call, table);
        let candidates = filter.candidates(table);
        let source = Source {
            table,
            rows: &self.profiles,
            ids: among.unwrap_or(candidates.ids()),
            filter: &filter,
            secret: &|id| self.secret(Space::Profiles, id).into_owned(),
            known_total: (filter.is_open() && among.is_none()).then_some(table.live),
            seed: self.seed ^ self.tally.calls,
        };
        let page = source.page(&paging);
        let body = match show {
            Show::Ids => write_ids(&page),
            Show::Objects => write_page(call, &paging, &page, true, |out, id| {
                if let Some(row) = self.profiles.get(id) {
                    self.write_profile(out, id, row, paging.data_only);
                }
            }),
        };
        if call.is_streaming_host && paging.limit > 1000 {
            Reply::Stream(body)
        } else {
            Reply::Json(body)
        }
    }

    fn write_profile(&self, out: &mut Out, id: u32, row: &Row, data_only: bool) {
        let Some(database) = self.databases.iter().find(|database| database.id == row.table) else {
            return;
        };
        out.open(b'{').key("ID").digits(u64::from(id)).key("fields");
        write_fields(out, &database.table, row);
        out.key("interests").open(b'[');
        for interest in self.interests_of(database, id) {
            out.text(&interest.name);
        }
        out.close(b']');
        if !data_only {
            out.key("database").digits(u64::from(row.table));
            out.key("secret").text(&self.secret(Space::Profiles, id));
            out.key("created").text(&self.clock.stamp(row.created));
        }
        out.key("modified").text(&self.clock.stamp(row.modified));
        if !data_only {
            out.key("removed");
            match row.removed {
                0 => out.truth(false),
                at => out.text(&self.clock.stamp(at)),
            };
        }
        out.close(b'}');
    }

    /// Answers `GET profile/{id}`; also for a removed profile.
    pub(crate) fn get_profile(&self, id: u32) -> Reply {
        let mut out = Out::sized(2048);
        if let Some(row) = self.profiles.get(id) {
            self.write_profile(&mut out, id, row, false);
        }
        Reply::Json(out.finish())
    }

    /// Writes a profile as its GET shows it; nothing for an unknown one.
    pub(crate) fn write_profile_of(&self, out: &mut Out, id: u32) {
        if let Some(row) = self.profiles.get(id) {
            self.write_profile(out, id, row, false);
        }
    }

    /// Answers `GET profile/{id}/fields`.
    pub(crate) fn get_profile_fields(&self, id: u32) -> Reply {
        let mut out = Out::sized(2048);
        if let Some(row) = self.profiles.get(id)
            && let Some(database) = self.databases.iter().find(|database| database.id == row.table)
        {
            write_fields(&mut out, &database.table, row);
        }
        Reply::Json(out.finish())
    }

    /// Answers `POST database/{id}/profiles`: always a new profile.
    ///
    /// # Errors
    /// When `fields` is not an object or a restriction forbids the profile.
    pub(crate) fn post_profile(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let patch = self.profile_patch(place, wrapped_fields(&body)?)?;
        let id = self.create_profile(place, &patch, body.member("interests"))?;
        Ok(Reply::Created {
            entity: "profile",
            id: u64::from(id),
        })
    }

    fn profile_patch(&self, place: usize, fields: &[(Cow<'_, str>, Json<'_>)]) -> Result<Patch, Refusal> {
        patch_of(fields, &self.databases[place].table, self.coercion(), &self.clock).map_err(too_long)
    }

    /// Makes a profile; `interests` are switched on or off.
    ///
    /// # Errors
    /// When a restriction forbids the profile.
    pub(crate) fn create_profile(
        &mut self,
        place: usize,
        patch: &Patch,
        interests: Option<&Json<'_>>,
    ) -> Result<u32, Refusal> {
        let now = self.now();
        let database = &mut self.databases[place];
        if !allows(&database.rules, &mut database.table, &self.profiles, None, patch) {
            return Err(Refusal::new("Failed to create profile"));
        }
        let row = Row {
            table: database.id,
            parent: 0,
            link: 0,
            created: now,
            modified: now,
            removed: 0,
            cells: Box::default(),
        };
        let id = database.table.insert(&mut self.profiles, row, patch);
        self.tally.created += 1;
        self.merge_interests(place, id, interests);
        self.tell(Trigger::Create, Space::Profiles, id, Some(patch));
        Ok(id)
    }

    /// Answers `PUT database/{id}/profiles`: one body for all rows that fit (copernica.md §5.5).
    ///
    /// # Errors
    /// Without a filter, with a filter that is not understood, or when a restriction forbids the write.
    pub(crate) fn put_profiles(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        if !call.has_expressions() {
            return Err(Refusal::new("URL parameter fields is required"));
        }
        let database = &mut self.databases[place];
        let filter = Filter::read(call.expressions(), &database.table, &self.clock);
        if filter.ignored > 0 && !self.options.legacy_put_many {
            return Err(bad_filter());
        }
        let body = call.json()?;
        let fields = wrapped_fields(&body)?;
        if call.flag("async", false) && !call.is_late {
            self.put_off_async(call);
            return Ok(Reply::PutMany);
        }
        let ids = self.fitting_profiles(place, &filter);
        let patch = self.profile_patch(place, fields)?;
        if ids.is_empty() {
            if !call.flag("create", false) {
                return Ok(Reply::PutMany);
            }
            let id = self.create_profile(place, &patch, body.member("interests"))?;
            return Ok(Reply::PutCreated {
                entity: "profile",
                id: u64::from(id),
                names_id: true,
            });
        }
        for id in &ids {
            self.check_profile(place, *id, &patch)?;
        }
        for id in ids {
            self.write_to_profile(place, id, &patch);
            self.change_interests(place, id, body.member("interests"));
        }
        Ok(Reply::PutMany)
    }

    /// Gives the living profiles of a database that fit a filter, by id.
    pub(crate) fn fitting_profiles(&mut self, place: usize, filter: &Filter) -> Vec<u32> {
        let database = &mut self.databases[place];
        filter.prepare(&mut database.table, &self.profiles);
        let table = &self.databases[place].table;
        let candidates = filter.candidates(table);
        let (set, seed) = (&self.secrets[Space::Profiles as usize], self.seed);
        let secret = |id| secret_of(set, seed, Space::Profiles, id).into_owned();
        let fits = |id: &u32| {
            self.profiles
                .get(*id)
                .is_some_and(|row| filter.matches(table, row, *id, &secret))
        };
        candidates.ids().iter().copied().filter(fits).collect()
    }

    /// Puts a call with `async=1` off; the answer does not wait (copernica.md §5.5).
    pub(crate) fn put_off_async(&mut self, call: &Call) {
        let due_us = self
            .now_us
            .saturating_add(self.options.async_delay_ms.saturating_mul(1000));
        self.put_off(due_us, call.clone());
    }

    /// Checks a write to a profile against the restrictions.
    ///
    /// # Errors
    /// When one of them forbids it.
    pub(crate) fn check_profile(&mut self, place: usize, id: u32, patch: &Patch) -> Result<(), Refusal> {
        let database = &mut self.databases[place];
        if allows(
            &database.rules,
            &mut database.table,
            &self.profiles,
            Some(id),
            patch,
        ) {
            return Ok(());
        }
        // The words of a refused PUT are not known (copernica.md §4.7).
        Err(Refusal::new("Failed to update profile"))
    }

    /// Writes to a living profile.
    pub(crate) fn write_to_profile(&mut self, place: usize, id: u32, patch: &Patch) {
        let now = self.now();
        match self.databases[place]
            .table
            .update(&mut self.profiles, id, patch, now)
        {
            Written::Changed => {
                self.tally.changed += 1;
                self.tell(Trigger::Update, Space::Profiles, id, Some(patch));
            }
            Written::Unchanged => self.tally.unchanged += 1,
        }
    }

    /// Answers `PUT profile/{id}`: only named fields change; `fields` that is no object is passed over.
    ///
    /// # Errors
    /// When the body cannot be read or a restriction forbids the write.
    pub(crate) fn put_profile(&mut self, id: u32, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let fields = body.member("fields").map_or(&[][..], Json::members);
        self.put_profile_values(id, fields)?;
        if let Some(secret) = body.member("secret") {
            self.secrets[Space::Profiles as usize].insert(id, secret_text(secret));
        }
        if let Some(place) = self.place_of_profile(id) {
            self.change_interests(place, id, body.member("interests"));
        }
        Ok(Reply::Put)
    }

    /// Answers `PUT profile/{id}/fields`: a flat body.
    ///
    /// # Errors
    /// When the body cannot be read or a restriction forbids the write.
    pub(crate) fn put_profile_fields(&mut self, id: u32, call: &Call) -> Result<Reply, Refusal> {
        self.put_profile_values(id, call.json()?.members())?;
        Ok(Reply::Put)
    }

    fn put_profile_values(&mut self, id: u32, fields: &[(Cow<'_, str>, Json<'_>)]) -> Result<(), Refusal> {
        let Some(place) = self.place_of_profile(id) else {
            return Ok(());
        };
        let patch = self.profile_patch(place, fields)?;
        if self.profiles.get(id).is_some_and(|row| row.removed != 0) {
            // A removed profile takes nothing, but moves with every known field (copernica.md §5.4).
            let now = self.now();
            if let Some(row) = self.profiles.get_mut(id).filter(|_| !patch.is_empty()) {
                row.modified = now;
            }
            return Ok(());
        }
        if patch.is_empty() {
            return Ok(());
        }
        self.check_profile(place, id, &patch)?;
        self.write_to_profile(place, id, &patch);
        Ok(())
    }

    /// Gives the place of the database of a profile.
    pub(crate) fn place_of_profile(&self, id: u32) -> Option<usize> {
        let database = self.profiles.get(id)?.table;
        self.databases.iter().position(|each| each.id == database)
    }

    /// Answers `DELETE profile/{id}`.
    pub(crate) fn delete_profile(&mut self, id: u32) -> Reply {
        self.remove_profile(id);
        Reply::Deleted(Some(("profile", u64::from(id))))
    }

    /// Answers `DELETE database/{id}/profiles`; ids of other databases are passed over.
    ///
    /// # Errors
    /// When the body has no list `profiles`; the words are not known.
    pub(crate) fn delete_profiles(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let database = self.databases[place].id;
        let ids: Vec<u32> = match body.member("profiles") {
            Some(Json::List(items)) => items.iter().filter_map(|item| id_of(&item.text()?)).collect(),
            Some(Json::Object(items)) => items
                .iter()
                .filter_map(|(_, item)| id_of(&item.text()?))
                .collect(),
            _ => return Err(Refusal::new("Invalid data provided")),
        };
        for id in ids {
            if self.profiles.get(id).is_some_and(|row| row.table == database) {
                self.remove_profile(id);
            }
        }
        Ok(Reply::Deleted(None))
    }

    /// Does what the removal behaviour says; usually removes the profile with its subprofiles.
    pub(crate) fn remove_profile(&mut self, id: u32) {
        let Some(place) = self.place_of_profile(id) else {
            return;
        };
        match self.databases[place].rules.removal {
            Removal::Remove => self.drop_profile(id),
            Removal::Nothing => {}
            Removal::Unsubscribe => self.unsubscribe_profile(id),
        }
    }

    /// Removes a profile and its subprofiles at one time.
    pub(crate) fn drop_profile(&mut self, id: u32) {
        let Some(place) = self.place_of_profile(id) else {
            return;
        };
        let now = self.now();
        self.tell(Trigger::Delete, Space::Profiles, id, None);
        let database = &mut self.databases[place];
        database.table.remove(&mut self.profiles, id, now);
        self.tally.removed += 1;
        let mut child = self.profiles.get(id).map_or(0, |row| row.link);
        while child != 0 {
            let Some((table, next)) = self.subprofiles.get(child).map(|row| (row.table, row.link)) else {
                break;
            };
            if let Some(place) = self.collection_at(table) {
                self.tell(Trigger::Delete, Space::Subprofiles, child, None);
                self.collections[place]
                    .table
                    .remove(&mut self.subprofiles, child, now);
            }
            child = next;
        }
    }
}

/// Takes the values out of a body that wraps them; absent is none.
fn wrapped_fields<'a, 'b>(body: &'a Json<'b>) -> Result<&'a [(Cow<'b, str>, Json<'b>)], Refusal> {
    match body.member("fields") {
        None => Ok(&[]),
        Some(Json::Object(members)) => Ok(members),
        Some(Json::List(_)) => Ok(&[]),
        Some(_) => Err(Refusal::new("Invalid data provided")),
    }
}

/// Refuses a write-to-many whose filter names no field; the words are not known (copernica.md §2.3).
pub(crate) fn bad_filter() -> Refusal {
    Refusal::new("Invalid fields parameter")
}

/// Converts a secret: each character beyond ASCII becomes "?", null and arrays become "1".
pub(crate) fn secret_text(secret: &Json<'_>) -> String {
    if *secret == Json::Null {
        return "1".to_owned();
    }
    let text = secret.text().unwrap_or(Cow::Borrowed("1"));
    text.chars()
        .map(|char| if char.is_ascii() { char } else { '?' })
        .collect()
}
