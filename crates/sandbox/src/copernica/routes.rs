//! Finds out what a path means (copernica.md §1.8).

use super::account::{Account, Space, id_of};
use super::call::{Call, Refusal, Reply, Verb, Version};
use super::out::Out;
use super::profiles::Show;
use super::structure::Owner;

/// The paths that name one thing, by an id behind them.
const ENTITIES: [&str; 14] = [
    "database",
    "collection",
    "profile",
    "subprofile",
    "interest",
    "import",
    "webhook",
    "view",
    "miniview",
    "rule",
    "minirule",
    "condition",
    "minicondition",
    "datarequest",
];

impl Account {
    /// Does what an authorised call asks for.
    ///
    /// # Errors
    /// With the refusal that the real account gives, in the order of its checks: the entity, "already been
    /// removed", then the rest of the path.
    pub(crate) fn dispatch(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let needs_id = ENTITIES.contains(&call.segment(0));
        if needs_id && call.segments.len() < 2 {
            return Err(Refusal::missing(1));
        }
        match call.segment(0) {
            "databases" => self.databases_call(call),
            "database" => self.database(call),
            "collection" => self.collection(call),
            "profile" => self.profile(call),
            "subprofile" => self.subprofile(call),
            "interest" => self.interest(call),
            "imports" if call.version != Version::V2 => self.imports_call(call),
            "import" if call.version != Version::V2 => self.import_call(call),
            "webhooks" => self.webhooks_call(call),
            "webhook" => self.webhook_call(call),
            "view" => self.view_call(Space::Profiles, call),
            "miniview" => self.view_call(Space::Subprofiles, call),
            "rule" => self.rule_call(Space::Profiles, call),
            "minirule" => self.rule_call(Space::Subprofiles, call),
            "condition" => self.condition_call(Space::Profiles, call),
            "minicondition" => self.condition_call(Space::Subprofiles, call),
            "email" if call.segment(2) == "datarequest" => {
                self.post_data_request("email", call.segment(1), call)
            }
            "datarequest" => self.data_request_call(call),
            "logfiles" => self.log_files_call(call),
            "logfile" => self.log_file_call(call),
            "identity" if call.verb == Verb::Get => Ok(self.identity(call.version)),
            "consumption" if call.verb == Verb::Get => self.consumption(call),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn database(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let place = self
            .database_at(call.segment(1))
            .ok_or(Refusal::new("No database with supplied ID"))?;
        let owner = Owner::Database(place);
        match (call.segment(2), call.verb) {
            ("", Verb::Get) => Ok(self.get_database(place)),
            ("", Verb::Put | Verb::Post) => self.put_database(place, call),
            ("profiles", Verb::Get) => Ok(self.list_profiles(place, None, call, Show::Objects)),
            ("profiles", Verb::Post) => self.post_profile(place, call),
            ("profiles", Verb::Put) => self.put_profiles(place, call),
            ("profiles", Verb::Delete) => self.delete_profiles(place, call),
            ("profileids", Verb::Get) => Ok(self.list_profiles(place, None, call, Show::Ids)),
            ("fields", _) => self.fields_call(owner, call),
            ("field", _) => self.field_call(owner, call),
            ("collections", _) => self.collections_call(place, call),
            ("views", _) => {
                let parent = (self.databases[place].id, 0, 0);
                self.views_call(Space::Profiles, parent, call)
            }
            ("copy", Verb::Post) => self.copy_database(place, call),
            ("interests", _) => self.database_interests(place, call),
            ("intentions", Verb::Put | Verb::Post) => self.put_intentions(owner, call),
            ("unsubscribe", _) => self.unsubscribe_call(owner, call),
            ("unsubscribes", Verb::Put | Verb::Post) => self.unsubscribes_call(owner, call),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn collection(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let place = id_of(call.segment(1)).and_then(|id| self.collection_at(id));
        let place = place.ok_or(Refusal::new("No collection with given ID"))?;
        let owner = Owner::Collection(place);
        match (call.segment(2), call.verb) {
            ("", Verb::Get) => Ok(self.get_collection(place)),
            ("", Verb::Put | Verb::Post) => self.put_collection(place, call),
            ("fields", _) => self.fields_call(owner, call),
            ("field", _) => self.field_call(owner, call),
            ("subprofiles", Verb::Get) => Ok(self.list_subprofiles(place, None, call, Show::Objects)),
            ("subprofiles", Verb::Put) if call.version != Version::V2 => self.put_subprofiles(place, call),
            ("subprofileids", Verb::Get) => Ok(self.list_subprofiles(place, None, call, Show::Ids)),
            ("miniviews", _) => {
                let collection = &self.collections[place];
                let parent = (collection.database, collection.id, 0);
                self.views_call(Space::Subprofiles, parent, call)
            }
            ("intentions", Verb::Put | Verb::Post) => self.put_intentions(owner, call),
            ("unsubscribe", _) => self.unsubscribe_call(owner, call),
            ("unsubscribes", Verb::Put | Verb::Post) => self.unsubscribes_call(owner, call),
            _ => Err(Refusal::invalid_method()),
        }
    }

    fn profile(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).filter(|id| self.row_exists(Space::Profiles, *id));
        let id = id.ok_or(Refusal::new("No entity with supplied ID"))?;
        let is_removed = self.profiles.get(id).is_some_and(|row| row.removed != 0);
        if call.verb == Verb::Delete && is_removed {
            return Err(Refusal::new("This profile has already been removed"));
        }
        match (call.segment(2), call.verb) {
            ("", Verb::Get) => Ok(self.get_profile(id)),
            ("", Verb::Put | Verb::Post) => self.put_profile(id, call),
            ("", Verb::Delete) => Ok(self.delete_profile(id)),
            ("fields", Verb::Get) => Ok(self.get_profile_fields(id)),
            ("fields", Verb::Put | Verb::Post) => self.put_profile_fields(id, call),
            ("subprofiles", Verb::Get | Verb::Post | Verb::Put) => self.subprofiles_of(id, call),
            ("interests", _) => self.profile_interests(id, call),
            _ => self.row_extras(Space::Profiles, id, call),
        }
    }

    fn subprofiles_of(&mut self, profile: u32, call: &Call) -> Result<Reply, Refusal> {
        if call.segments.len() < 4 {
            return Err(Refusal::missing(3));
        }
        let database = self.profiles.get(profile).map_or(0, |row| row.table);
        let Some(place) = self.collection_of(database, call.segment(3)) else {
            return Err(Refusal::new(match call.verb {
                Verb::Post => "Subprofile could not be created",
                _ => "No collection with given ID",
            }));
        };
        match call.verb {
            Verb::Get => {
                let children = self.children(profile, self.collections[place].id);
                Ok(self.list_subprofiles(place, Some(&children), call, Show::Objects))
            }
            Verb::Post => self.post_subprofile(profile, place, call),
            _ => self.put_subprofiles_of(profile, place, call),
        }
    }

    fn subprofile(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).filter(|id| self.row_exists(Space::Subprofiles, *id));
        let id = id.ok_or(Refusal::new("No subprofile with supplied ID"))?;
        let is_removed = self.subprofiles.get(id).is_some_and(|row| row.removed != 0);
        if call.verb == Verb::Delete && is_removed {
            return Err(Refusal::new("This subprofile has already been removed"));
        }
        match (call.segment(2), call.verb) {
            ("", Verb::Get) => Ok(self.get_subprofile(id)),
            ("", Verb::Put | Verb::Post) => self.put_subprofile(id, call),
            ("", Verb::Delete) => Ok(self.delete_subprofile(id)),
            ("fields", Verb::Get) => Ok(self.get_subprofile_fields(id)),
            ("fields", Verb::Put | Verb::Post) => self.put_subprofile_fields(id, call),
            _ => self.row_extras(Space::Subprofiles, id, call),
        }
    }

    /// Answers `GET identity`; v3 says more than the others (copernica.md §9.2), though not what.
    fn identity(&self, version: Version) -> Reply {
        let mut out = Out::default();
        out.open(b'{')
            .key("id")
            .digits(self.options.account_id)
            .key("name")
            .text(&self.options.account_name);
        out.key("description")
            .text("")
            .key("company")
            .text(&self.options.account_name);
        if version == Version::V3 {
            for key in ["customer", "usedBy", "license"] {
                out.key(key).text("");
            }
        }
        out.close(b'}');
        Reply::Json(out.finish())
    }

    fn consumption(&self, call: &Call) -> Result<Reply, Refusal> {
        if call.param("begin").is_none() || call.param("end").is_none() {
            // Both are required; the words of the refusal are not known (copernica.md §9.2).
            return Err(Refusal::new("Invalid data provided"));
        }
        let mut out = Out::default();
        out.open(b'{');
        for key in [
            "emails",
            "texts",
            "fax",
            "webpages",
            "apicalls",
            "litmustests",
            "twofiftyoktests",
        ] {
            out.key(key).number(if key == "apicalls" {
                self.tally.calls as i64
            } else {
                0
            });
        }
        out.close(b'}');
        Ok(Reply::Json(out.finish()))
    }
}

/// Names the kind of a call, for counting: the verb and the fixed parts of the path.
pub(crate) fn kind_of(call: &Call) -> &'static str {
    match (call.verb, call.segment(0), call.segment(2)) {
        (Verb::Get, "databases", _) => "GET databases",
        (_, "databases", _) => "POST databases",
        (Verb::Get, "database", "") => "GET database",
        (_, "database", "") => "PUT database",
        (Verb::Get, "database", "profiles" | "profileids") => "GET database/profiles",
        (Verb::Post, "database", "profiles") => "POST database/profiles",
        (Verb::Put, "database", "profiles") => "PUT database/profiles",
        (Verb::Delete, "database", "profiles") => "DELETE database/profiles",
        (Verb::Get, "database", _) => "GET database/*",
        (_, "database", "fields" | "field") => "write database/fields",
        (_, "database", _) => "write database/*",
        (Verb::Get, "collection", "subprofiles" | "subprofileids") => "GET collection/subprofiles",
        (Verb::Put, "collection", "subprofiles") => "PUT collection/subprofiles",
        (Verb::Get, "collection", _) => "GET collection",
        (_, "collection", "fields" | "field") => "write collection/fields",
        (_, "collection", _) => "write collection/*",
        (Verb::Get, "profile", "subprofiles") => "GET profile/subprofiles",
        (Verb::Post, "profile", "subprofiles") => "POST profile/subprofiles",
        (Verb::Put, "profile", "subprofiles") => "PUT profile/subprofiles",
        (Verb::Get, "profile", _) => "GET profile",
        (Verb::Delete, "profile", _) => "DELETE profile",
        (_, "profile", _) => "PUT profile",
        (Verb::Get, "subprofile", _) => "GET subprofile",
        (Verb::Delete, "subprofile", _) => "DELETE subprofile",
        (_, "subprofile", _) => "PUT subprofile",
        (_, "imports", _) => "POST imports",
        (_, "import", _) => "GET import",
        (_, "webhooks" | "webhook", _) => "webhooks",
        (_, "identity", _) => "GET identity",
        (_, "consumption", _) => "GET consumption",
        _ => "other",
    }
}
