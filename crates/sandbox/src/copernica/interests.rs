//! Interests: named switches on profiles (copernica.md §4.3, §5.3).

use std::collections::BTreeSet;

use super::account::{Account, Database, Space, id_of};
use super::call::{Call, Refusal, Reply, Verb};
use super::hooks::Trigger;
use super::out::Out;
use super::state::Interest;
use super::table::same_text;
use super::wire::Json;

impl Interest {
    /// Writes the definition.
    pub(crate) fn write(&self, out: &mut Out) {
        out.open(b'{').key("ID").digits(u64::from(self.id));
        out.key("name")
            .text(&self.name)
            .key("group")
            .text(&self.group)
            .close(b'}');
    }
}

impl Account {
    /// Gives the interests that are on for a profile.
    pub(crate) fn interests_of<'a>(&self, database: &'a Database, profile: u32) -> Vec<&'a Interest> {
        let Some(on) = self.interested.get(&profile) else {
            return Vec::new();
        };
        database
            .interests
            .iter()
            .filter(|interest| on.contains(&interest.id))
            .collect()
    }

    /// Switches the interests that a body names; the others stay as they are. Unknown names are passed
    /// over: what the server does with them is not known (copernica.md §14 no. 12).
    pub(crate) fn merge_interests(&mut self, place: usize, profile: u32, given: Option<&Json<'_>>) {
        let Some(given) = given else { return };
        for (name, is_on) in switches(given) {
            let known = self.databases[place]
                .interests
                .iter()
                .find(|interest| same_text(&interest.name, &name));
            let Some(id) = known.map(|interest| interest.id) else {
                continue;
            };
            let on = self.interested.entry(profile).or_default();
            on.retain(|known| *known != id);
            if is_on {
                on.push(id);
            }
        }
    }

    /// Switches interests like [`merge_interests`](Self::merge_interests), and tells when that changes any.
    pub(crate) fn change_interests(&mut self, place: usize, profile: u32, given: Option<&Json<'_>>) {
        let before = self.interest_ids(profile);
        self.merge_interests(place, profile, given);
        self.tell_interests(profile, &before);
    }

    fn interest_ids(&self, profile: u32) -> BTreeSet<u32> {
        let on = self.interested.get(&profile);
        on.into_iter().flatten().copied().collect()
    }

    fn tell_interests(&mut self, profile: u32, before: &BTreeSet<u32>) {
        if self.interest_ids(profile) != *before {
            self.tell(Trigger::Update, Space::Profiles, profile, None);
        }
    }

    /// Answers the calls on `profile/{id}/interests`.
    ///
    /// # Errors
    /// For a verb that the path does not know, or a body that cannot be read.
    pub(crate) fn profile_interests(&mut self, profile: u32, call: &Call) -> Result<Reply, Refusal> {
        let Some(place) = self.place_of_profile(profile) else {
            return Err(Refusal::invalid_method());
        };
        match call.verb {
            Verb::Get => Ok(self.get_profile_interests(place, profile, call)),
            Verb::Post => {
                self.change_interests(place, profile, Some(&call.json()?));
                Ok(Reply::PutMany)
            }
            Verb::Put => {
                let body = call.json()?;
                let before = self.interest_ids(profile);
                self.interested.remove(&profile);
                self.merge_interests(place, profile, Some(&body));
                self.tell_interests(profile, &before);
                Ok(Reply::Put)
            }
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn get_profile_interests(&self, place: usize, profile: u32, call: &Call) -> Reply {
        let mut out = Out::default();
        out.open(b'[');
        for interest in self.interests_of(&self.databases[place], profile) {
            match call.param("return") {
                Some("ids") => {
                    out.digits(u64::from(interest.id));
                }
                Some("objects") => interest.write(&mut out),
                _ => {
                    out.text(&interest.name);
                }
            }
        }
        out.close(b']');
        Reply::Json(out.finish())
    }

    /// Answers the calls on `database/{id}/interests`.
    ///
    /// # Errors
    /// For a verb that the path does not know, or a body without a name.
    pub(crate) fn database_interests(&mut self, place: usize, call: &Call) -> Result<Reply, Refusal> {
        match call.verb {
            Verb::Get => Ok(super::structure::list(
                call,
                &self.databases[place].interests,
                |out, each| {
                    each.write(out);
                },
            )),
            Verb::Post | Verb::Put => {
                let body = call.json()?;
                let text = |name| {
                    body.member(name)
                        .and_then(Json::text)
                        .unwrap_or_default()
                        .into_owned()
                };
                if text("name").is_empty() {
                    return Err(Refusal::new("Failed to create interest"));
                }
                self.last_interest += 1;
                let id = self.last_interest;
                let interest = Interest {
                    id,
                    name: text("name"),
                    group: text("group"),
                };
                self.databases[place].interests.push(interest);
                Ok(Reply::Created {
                    entity: "interest",
                    id: u64::from(id),
                })
            }
            _ => Err(Refusal::invalid_method()),
        }
    }

    /// Answers the calls on `interest/{id}`.
    ///
    /// # Errors
    /// For an unknown id or a verb that the path does not know.
    pub(crate) fn interest(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1));
        let database = self
            .databases
            .iter_mut()
            .find(|each| each.interests.iter().any(|known| Some(known.id) == id));
        let (Some(database), Some(id)) = (database, id) else {
            return Err(Refusal::new("No interest with supplied ID"));
        };
        match call.verb {
            Verb::Put | Verb::Post => {
                let body = call.json()?;
                let interest = database.interests.iter_mut().find(|interest| interest.id == id);
                if let Some(interest) = interest {
                    for (member, place) in [("name", &mut interest.name), ("group", &mut interest.group)] {
                        if let Some(text) = body.member(member).and_then(Json::text) {
                            *place = text.into_owned();
                        }
                    }
                }
                Ok(Reply::Put)
            }
            Verb::Delete => {
                database.interests.retain(|interest| interest.id != id);
                Ok(Reply::Deleted(Some(("interest", u64::from(id)))))
            }
            _ => Err(Refusal::invalid_method()),
        }
    }
}

/// Reads a list of names (all on) or a map of names to truth values.
fn switches(given: &Json<'_>) -> Vec<(String, bool)> {
    match given {
        Json::List(names) => names
            .iter()
            .filter_map(Json::text)
            .map(|name| (name.into_owned(), true))
            .collect(),
        Json::Object(members) => members
            .iter()
            .map(|(key, value)| match (key.parse::<u32>(), value) {
                // A form sends a list as numbered members.
                (Ok(_), Json::Text(name)) => (name.clone().into_owned(), true),
                _ => (key.clone().into_owned(), value.truth()),
            })
            .collect(),
        _ => Vec::new(),
    }
}
