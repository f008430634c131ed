//! What an unsubscribe does, and doing it (copernica.md §4.5).

use super::account::{Account, Space, patch_of};
use super::call::{Call, Refusal, Reply, Verb};
use super::cell::Patch;
use super::filter::Filter;
use super::out::Out;
use super::profiles::bad_filter;
use super::rules::Behaviour;
use super::structure::{Owner, text_of};
use super::wire::Json;

impl Account {
    fn behaviour(&self, owner: Owner) -> &Behaviour {
        match owner {
            Owner::Database(place) => &self.databases[place].rules.unsubscribe,
            Owner::Collection(place) => &self.collections[place].rules.unsubscribe,
        }
    }

    /// Answers `GET …/unsubscribe` and `PUT …/unsubscribe`.
    ///
    /// # Errors
    /// For another verb or an unknown behaviour.
    pub(crate) fn unsubscribe_call(&mut self, owner: Owner, call: &Call) -> Result<Reply, Refusal> {
        if call.verb == Verb::Get {
            let mut out = Out::default();
            out.open(b'{').key("behavior");
            match self.behaviour(owner) {
                Behaviour::Nothing => out.text("nothing").key("fields").open(b'[').close(b']'),
                Behaviour::Remove => out.text("remove").key("fields").open(b'[').close(b']'),
                Behaviour::Update(fields) => {
                    out.text("update").key("fields").open(b'{');
                    for (name, value) in fields {
                        out.key(name).text(value);
                    }
                    out.close(b'}')
                }
            };
            out.close(b'}');
            return Ok(Reply::Json(out.finish()));
        }
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let body = call.json()?;
        let fields = body.member("fields").map_or(&[][..], Json::members);
        let texts = fields
            .iter()
            .map(|(name, value)| (name.to_string(), value.text().unwrap_or_default().into_owned()));
        let behaviour = match text_of(&body, "behavior").as_deref() {
            Some("nothing") => Behaviour::Nothing,
            Some("remove") => Behaviour::Remove,
            Some("update") => Behaviour::Update(texts.collect()),
            // One client spells it "behaviour": without the key, nothing changes.
            None => return Ok(Reply::Put),
            Some(_) => return Err(Refusal::new("Invalid data provided")),
        };
        match owner {
            Owner::Database(place) => self.databases[place].rules.unsubscribe = behaviour,
            Owner::Collection(place) => self.collections[place].rules.unsubscribe = behaviour,
        }
        Ok(Reply::Put)
    }

    /// Answers `PUT …/unsubscribes?fields[]=…`.
    ///
    /// # Errors
    /// Without a filter or with one that is not understood.
    pub(crate) fn unsubscribes_call(&mut self, owner: Owner, call: &Call) -> Result<Reply, Refusal> {
        if !call.has_expressions() {
            return Err(Refusal::new("URL parameter fields is required"));
        }
        let filter = Filter::read(call.expressions(), self.table(owner), &self.clock);
        if filter.ignored > 0 {
            return Err(bad_filter());
        }
        match owner {
            Owner::Database(place) => {
                for id in self.fitting_profiles(place, &filter) {
                    self.unsubscribe_profile(id);
                }
            }
            Owner::Collection(place) => {
                let ids = self.collections[place].table.ids.clone();
                for id in self.fitting(place, &filter, &ids) {
                    self.unsubscribe_subprofile(id);
                }
            }
        }
        Ok(Reply::PutMany)
    }

    /// Does with a profile what an unsubscribe does; nothing when it is removed.
    pub(crate) fn unsubscribe_profile(&mut self, id: u32) {
        let is_alive = self.profiles.get(id).is_some_and(|row| row.removed == 0);
        let Some(place) = self.place_of_profile(id).filter(|_| is_alive) else {
            return;
        };
        let owner = Owner::Database(place);
        match self.behaviour(owner) {
            Behaviour::Nothing => {}
            Behaviour::Remove => self.drop_profile(id),
            Behaviour::Update(fields) => {
                let patch = self.behaviour_patch(owner, fields);
                self.write_to_profile(place, id, &patch);
            }
        }
    }

    /// Does with a subprofile what an unsubscribe does; nothing when it is removed.
    pub(crate) fn unsubscribe_subprofile(&mut self, id: u32) {
        let row = self.subprofiles.get(id).filter(|row| row.removed == 0);
        let Some(place) = row.and_then(|row| self.collection_at(row.table)) else {
            return;
        };
        let owner = Owner::Collection(place);
        match self.behaviour(owner) {
            Behaviour::Nothing => {}
            Behaviour::Remove => self.drop_subprofile(place, id),
            Behaviour::Update(fields) => {
                let patch = self.behaviour_patch(owner, fields);
                // A restriction that forbids it leaves the row as it is; nobody waits for a refusal.
                let _ = self.write_to_subprofiles(place, &[id], &patch);
            }
        }
    }

    fn behaviour_patch(&self, owner: Owner, fields: &[(String, String)]) -> Patch {
        let table = self.table(owner);
        let given: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str().into(), Json::Text(value.as_str().into())))
            .collect();
        patch_of(&given, table, self.coercion(), &self.clock)
            .unwrap_or_else(|_| Patch::new(table.fields().len()))
    }

    /// Answers `PUT profile/{id}/unsubscribe` and the same of a subprofile.
    pub(crate) fn put_unsubscribe(&mut self, space: Space, id: u32) -> Reply {
        match space {
            Space::Profiles => self.unsubscribe_profile(id),
            Space::Subprofiles => self.unsubscribe_subprofile(id),
        }
        Reply::Put
    }
}
