//! The calls about subprofiles (copernica.md §6).

use std::borrow::Cow;

use super::account::{Account, Space, patch_of, secret_of, too_long};
use super::call::{Call, Refusal, Reply, Version};
use super::cell::Patch;
use super::filter::Filter;
use super::hooks::Trigger;
use super::listing::{Paging, Source, write_fields, write_ids, write_page};
use super::out::Out;
use super::profiles::{Show, bad_filter, secret_text};
use super::rules::{Removal, allows};
use super::table::{Row, Written};
use super::wire::Json;

impl Account {
    /// Lists the subprofiles of a collection, or only those `among` some ids.
    pub(crate) fn list_subprofiles(
        &mut self,
        place: usize,
        among: Option<&[u32]>,
        call: &Call,
        show: Show,
    ) -> Reply {
        let collection = &mut self.collections[place];
        let filter = Filter::read(call.expressions(), &collection.table, &self.clock);
        if among.is_none() {
            filter.prepare(&mut collection.table, &self.subprofiles);
        }
        let table = &self.collections[place].table;
        let paging = Paging::read(call, table);
        let candidates = filter.candidates(table);
        let source = Source {
            table,
            rows: &self.subprofiles,
            ids: among.unwrap_or(candidates.ids()),
            filter: &filter,
            secret: &|id| self.secret(Space::Subprofiles, id).into_owned(),
            known_total: (filter.is_open() && among.is_none()).then_some(table.live),
            seed: self.seed ^ self.tally.calls,
        };
        let page = source.page(&paging);
        let body = match show {
            Show::Ids => write_ids(&page),
            Show::Objects => write_page(call, &paging, &page, false, |out, id| {
                if let Some(row) = self.subprofiles.get(id) {
                    self.write_subprofile(out, id, row, paging.data_only);
                }
            }),
        };
        if call.is_streaming_host && paging.limit > 1000 {
            Reply::Stream(body)
        } else {
            Reply::Json(body)
        }
    }

    /// Gives the subprofiles of a profile in one collection, removed or not, by id.
    pub(crate) fn children(&self, profile: u32, collection: u32) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut child = self.profiles.get(profile).map_or(0, |row| row.link);
        while let Some(row) = self.subprofiles.get(child) {
            if row.table == collection {
                ids.push(child);
            }
            child = row.link;
        }
        ids.reverse();
        ids
    }

    fn write_subprofile(&self, out: &mut Out, id: u32, row: &Row, data_only: bool) {
        let Some(place) = self.collection_at(row.table) else {
            return;
        };
        out.open(b'{').key("ID").digits(u64::from(id));
        if !data_only {
            out.key("secret").text(&self.secret(Space::Subprofiles, id));
        }
        out.key("fields");
        write_fields(out, &self.collections[place].table, row);
        out.key("profile")
            .digits(u64::from(row.parent))
            .key("collection")
            .digits(u64::from(row.table));
        if !data_only {
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

    /// Answers `GET subprofile/{id}`; also for a removed subprofile.
    pub(crate) fn get_subprofile(&self, id: u32) -> Reply {
        let mut out = Out::sized(2048);
        if let Some(row) = self.subprofiles.get(id) {
            self.write_subprofile(&mut out, id, row, false);
        }
        Reply::Json(out.finish())
    }

    /// Writes a subprofile as its GET shows it; nothing for an unknown one.
    pub(crate) fn write_subprofile_of(&self, out: &mut Out, id: u32) {
        if let Some(row) = self.subprofiles.get(id) {
            self.write_subprofile(out, id, row, false);
        }
    }

    /// Answers `GET subprofile/{id}/fields`.
    pub(crate) fn get_subprofile_fields(&self, id: u32) -> Reply {
        let mut out = Out::sized(2048);
        if let Some(row) = self.subprofiles.get(id)
            && let Some(place) = self.collection_at(row.table)
        {
            write_fields(&mut out, &self.collections[place].table, row);
        }
        Reply::Json(out.finish())
    }

    /// Answers `POST profile/{id}/subprofiles/{collection}`: flat body, always a new row, also under a
    /// removed profile.
    ///
    /// # Errors
    /// When the body cannot be read or a restriction forbids the row.
    pub(crate) fn post_subprofile(
        &mut self,
        profile: u32,
        place: usize,
        call: &Call,
    ) -> Result<Reply, Refusal> {
        let body = call.json()?;
        let patch = self.subprofile_patch(place, body.members())?;
        let id = self.create_subprofile(profile, place, &patch)?;
        Ok(Reply::Created {
            entity: "subprofile",
            id: u64::from(id),
        })
    }

    fn subprofile_patch(&self, place: usize, fields: &[(Cow<'_, str>, Json<'_>)]) -> Result<Patch, Refusal> {
        patch_of(
            fields,
            &self.collections[place].table,
            self.coercion(),
            &self.clock,
        )
        .map_err(too_long)
    }

    /// Makes a subprofile.
    ///
    /// # Errors
    /// When a restriction forbids it.
    pub(crate) fn create_subprofile(
        &mut self,
        profile: u32,
        place: usize,
        patch: &Patch,
    ) -> Result<u32, Refusal> {
        let now = self.now();
        let collection = &mut self.collections[place];
        if !allows(
            &collection.rules,
            &mut collection.table,
            &self.subprofiles,
            None,
            patch,
        ) {
            return Err(Refusal::new("Subprofile could not be created"));
        }
        let row = Row {
            table: collection.id,
            parent: profile,
            link: self.profiles.get(profile).map_or(0, |row| row.link),
            created: now,
            modified: now,
            removed: 0,
            cells: Box::default(),
        };
        let id = collection.table.insert(&mut self.subprofiles, row, patch);
        if let Some(parent) = self.profiles.get_mut(profile) {
            parent.link = id;
        }
        self.tally.created += 1;
        self.tell(Trigger::Create, Space::Subprofiles, id, Some(patch));
        Ok(id)
    }

    /// Answers `PUT profile/{id}/subprofiles/{collection}` (copernica.md §6.3).
    ///
    /// # Errors
    /// Without a filter, with one that is not understood, or when a restriction forbids the write.
    pub(crate) fn put_subprofiles_of(
        &mut self,
        profile: u32,
        place: usize,
        call: &Call,
    ) -> Result<Reply, Refusal> {
        let filter = self.subprofile_filter(place, call)?;
        let body = call.json()?;
        let patch = self.subprofile_patch(place, body.members())?;
        if call.flag("async", false) && !call.is_late {
            self.put_off_async(call);
            return Ok(Reply::PutMany);
        }
        let ids = self.children(profile, self.collections[place].id);
        let ids = self.fitting(place, &filter, &ids);
        if ids.is_empty() && call.flag("create", false) {
            let id = self.create_subprofile(profile, place, &patch)?;
            // On v2 the header was never there; on v3 and v4 nobody has looked (copernica.md §6.3).
            let names_id = call.version != Version::V2 && !self.options.hide_subprofile_id;
            return Ok(Reply::PutCreated {
                entity: "subprofile",
                id: u64::from(id),
                names_id,
            });
        }
        self.write_to_subprofiles(place, &ids, &patch)?;
        Ok(Reply::PutMany)
    }

    /// Answers `PUT collection/{id}/subprofiles`; takes a flat and a wrapped body (copernica.md §6.2).
    ///
    /// # Errors
    /// As for the subprofiles of one profile.
    pub(crate) fn put_subprofiles(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        let filter = self.subprofile_filter(place, call)?;
        let body = call.json()?;
        let is_wrapped = matches!(body.member("fields"), Some(Json::Object(_)))
            && self.collections[place].table.position("fields").is_none();
        let wrapped = if is_wrapped { body.member("fields") } else { None };
        let patch = self.subprofile_patch(place, wrapped.unwrap_or(&body).members())?;
        let collection = &mut self.collections[place];
        filter.prepare(&mut collection.table, &self.subprofiles);
        let ids = filter.candidates(&self.collections[place].table).ids().to_vec();
        let ids = self.fitting(place, &filter, &ids);
        self.write_to_subprofiles(place, &ids, &patch)?;
        Ok(Reply::PutMany)
    }

    fn subprofile_filter(&self, place: usize, call: &Call) -> Result<Filter, Refusal> {
        if !call.has_expressions() {
            return Err(Refusal::new("URL parameter fields is required"));
        }
        let filter = Filter::read(call.expressions(), &self.collections[place].table, &self.clock);
        if filter.ignored > 0 {
            Err(bad_filter())
        } else {
            Ok(filter)
        }
    }

    /// Gives those of `ids` that live and fit a filter.
    pub(crate) fn fitting(&self, place: usize, filter: &Filter, ids: &[u32]) -> Vec<u32> {
        let table = &self.collections[place].table;
        let (set, seed) = (&self.secrets[Space::Subprofiles as usize], self.seed);
        let secret = |id| secret_of(set, seed, Space::Subprofiles, id).into_owned();
        let fits = |id: &u32| {
            self.subprofiles
                .get(*id)
                .is_some_and(|row| filter.matches(table, row, *id, &secret))
        };
        ids.iter().copied().filter(fits).collect()
    }

    /// Writes to living subprofiles of one collection: to all or, when a restriction forbids one, to none.
    ///
    /// # Errors
    /// When a restriction forbids it.
    pub(crate) fn write_to_subprofiles(
        &mut self,
        place: usize,
        ids: &[u32],
        patch: &Patch,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let collection = &mut self.collections[place];
        for id in ids {
            if !allows(
                &collection.rules,
                &mut collection.table,
                &self.subprofiles,
                Some(*id),
                patch,
            ) {
                // The words of a refused PUT are not known (copernica.md §4.7).
                return Err(Refusal::new("Failed to update subprofile"));
            }
        }
        for id in ids {
            let collection = &mut self.collections[place];
            match collection.table.update(&mut self.subprofiles, *id, patch, now) {
                Written::Changed => {
                    self.tally.changed += 1;
                    self.tell(Trigger::Update, Space::Subprofiles, *id, Some(patch));
                }
                Written::Unchanged => self.tally.unchanged += 1,
            }
        }
        Ok(())
    }

    /// Answers `PUT subprofile/{id}`: values wrapped in `fields`, and the secret.
    ///
    /// # Errors
    /// When the body cannot be read or a restriction forbids the write.
    pub(crate) fn put_subprofile(&mut self, id: u32, call: &Call) -> Result<Reply, Refusal> {
        let body = call.json()?;
        self.put_subprofile_values(id, body.member("fields").map_or(&[][..], Json::members))?;
        if let Some(secret) = body.member("secret") {
            self.secrets[Space::Subprofiles as usize].insert(id, secret_text(secret));
        }
        Ok(Reply::Put)
    }

    /// Answers `PUT subprofile/{id}/fields`: a flat body.
    ///
    /// # Errors
    /// When the body cannot be read or a restriction forbids the write.
    pub(crate) fn put_subprofile_fields(&mut self, id: u32, call: &Call) -> Result<Reply, Refusal> {
        self.put_subprofile_values(id, call.json()?.members())?;
        Ok(Reply::Put)
    }

    fn put_subprofile_values(&mut self, id: u32, fields: &[(Cow<'_, str>, Json<'_>)]) -> Result<(), Refusal> {
        let Some(place) = self
            .subprofiles
            .get(id)
            .and_then(|row| self.collection_at(row.table))
        else {
            return Ok(());
        };
        let patch = self.subprofile_patch(place, fields)?;
        if patch.is_empty() {
            return Ok(());
        }
        let now = self.now();
        if let Some(row) = self.subprofiles.get_mut(id).filter(|row| row.removed != 0) {
            row.modified = now;
            return Ok(());
        }
        self.write_to_subprofiles(place, &[id], &patch)
    }

    /// Answers `DELETE subprofile/{id}`: does what the removal behaviour says.
    pub(crate) fn delete_subprofile(&mut self, id: u32) -> Reply {
        let row = self.subprofiles.get(id);
        if let Some(place) = row.and_then(|row| self.collection_at(row.table)) {
            match self.collections[place].rules.removal {
                Removal::Remove => self.drop_subprofile(place, id),
                Removal::Nothing => {}
                Removal::Unsubscribe => self.unsubscribe_subprofile(id),
            }
        }
        Reply::Deleted(Some(("subprofile", u64::from(id))))
    }

    /// Removes a subprofile of the collection at `place`.
    pub(crate) fn drop_subprofile(&mut self, place: usize, id: u32) {
        self.tell(Trigger::Delete, Space::Subprofiles, id, None);
        let now = self.now();
        self.collections[place]
            .table
            .remove(&mut self.subprofiles, id, now);
        self.tally.removed += 1;
    }
}
