//! Webhooks: registering them, and what they say when something happens (copernica.md §8.2, §8.3).

use super::account::{Account, Space, id_of};
use super::call::{Call, Refusal, Reply, Verb};
use super::cell::Patch;
use super::out::Out;
use super::outbox::Notice;
use super::state::Webhook;
use super::structure::text_of;
use super::table::{Row, Table};
use super::wire::Json;
use crate::client::Target;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a webhook can be told about through REST. Mails are not simulated, so only the first three happen.
const TRIGGERS: [&str; 8] = [
    "create", "update", "delete", "click", "delivery", "open", "bounce", "failure",
];
/// What a form leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Create,
    Update,
    Delete,
}

impl Trigger {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl Account {
    /// Answers `POST webhooks` and, as one client asks for it, `GET webhooks`.
    ///
    /// # Errors
    /// For another verb, a handler that is no address, or an unknown trigger, database or collection.
    pub(crate) fn webhooks_call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        if call.verb == Verb::Get {
            return Ok(super::structure::list(call, &self.webhooks, |out, hook| {
                hook.write(out);
            }));
        }
        if !call.verb.is_write() {
            return Err(Refusal::invalid_method());
        }
        let body = call.json()?;
        let mut hook = Webhook {
            id: self.last_webhook + 1,
            handler: String::new(),
            trigger: String::new(),
            callers: Vec::new(),
            database: None,
            collection: None,
        };
        hook.define(&body);
        hook.database = match text_of(&body, "database") {
            Some(text) => {
                let place = self.database_at(&text);
                Some(self.databases[place.ok_or(bad_webhook())?].id)
            }
            None => None,
        };
        hook.collection = match text_of(&body, "collection") {
            Some(text) => {
                let place = id_of(&text).and_then(|id| self.collection_at(id));
                Some(self.collections[place.ok_or(bad_webhook())?].id)
            }
            None => None,
        };
        if !hook.is_possible() {
            return Err(bad_webhook());
        }
        self.last_webhook += 1;
        self.webhooks.push(hook);
        Ok(Reply::Created {
            entity: "webhook",
            id: u64::from(self.last_webhook),
        })
    }

    /// Answers the calls on `webhook/{id}`.
    ///
    /// # Errors
    /// For an unknown id or a definition that cannot be.
    pub(crate) fn webhook_call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let id = id_of(call.segment(1)).unwrap_or(0);
        let place = self.webhooks.iter().position(|hook| hook.id == id);
        let place = place.ok_or(Refusal::new("No webhook with supplied ID"))?;
        match call.verb {
            Verb::Get => {
                let mut out = Out::default();
                self.webhooks[place].write(&mut out);
                Ok(Reply::Json(out.finish()))
            }
            Verb::Put | Verb::Post => {
                let mut hook = self.webhooks[place].clone();
                hook.define(&call.json()?);
                if !hook.is_possible() {
                    return Err(bad_webhook());
                }
                self.webhooks[place] = hook;
                Ok(Reply::Put)
            }
            Verb::Delete => {
                self.webhooks.remove(place);
                Ok(Reply::Deleted(Some(("webhook", u64::from(id)))))
            }
            Verb::Other => Err(Refusal::invalid_method()),
        }
    }

    /// Tells every webhook that is meant what happened to a living row; a deletion is told before it is done.
    pub(crate) fn tell(&mut self, trigger: Trigger, space: Space, id: u32, patch: Option<&Patch>) {
        if self.webhooks.is_empty() {
            return;
        }
        let rows = match space {
            Space::Profiles => &self.profiles,
            Space::Subprofiles => &self.subprofiles,
        };
        let Some(row) = rows.get(id).filter(|row| row.removed == 0) else {
            return;
        };
        let (database, collection) = match space {
            Space::Profiles => (Some(row.table), None),
            Space::Subprofiles => {
                let place = self.collection_at(row.table);
                (
                    place.map(|place| self.collections[place].database),
                    Some(row.table),
                )
            }
        };
        let Some(database) = database else { return };
        let handlers: Vec<String> = self
            .webhooks
            .iter()
            .filter(|hook| hook.trigger == trigger.name() && hook.wants(database, collection))
            .map(|hook| hook.handler.clone())
            .collect();
        if handlers.is_empty() {
            return;
        }
        let Some(table) = self.table_of_row(space, row.table) else {
            return;
        };
        let body = self.message(trigger, (space, id, row), (database, table), patch);
        for handler in handlers {
            self.outbox.push(Notice {
                handler,
                body: body.clone(),
                was_held_back: false,
            });
        }
    }

    fn table_of_row(&self, space: Space, table: u32) -> Option<&Table> {
        match space {
            Space::Profiles => self
                .databases
                .iter()
                .find(|each| each.id == table)
                .map(|each| &each.table),
            Space::Subprofiles => self
                .collection_at(table)
                .map(|place| &self.collections[place].table),
        }
    }

    fn message(
        &self,
        trigger: Trigger,
        (space, id, row): (Space, u32, &Row),
        (database, table): (u32, &Table),
        patch: Option<&Patch>,
    ) -> Bytes {
        let mut form = Form::default();
        form.add("type", trigger.name());
        for (position, field) in table.fields().iter().enumerate() {
            if let Some(cell) = patch.and_then(|patch| patch.get(position)) {
                form.add(&format!("parameters[{}]", field.name), &field.read(Some(cell)));
            }
        }
        form.add("timestamp", &self.clock.stamp(self.now()));
        form.add("time", &self.clock.now.to_string());
        match space {
            Space::Profiles => form.add("profile", &id.to_string()),
            Space::Subprofiles => {
                form.add("profile", &row.parent.to_string());
                form.add("subprofile", &id.to_string());
                form.add("collection", &row.table.to_string());
            }
        }
        form.add("database", &database.to_string());
        if trigger != Trigger::Delete {
            form.add("created", &self.clock.stamp(row.created));
            form.add("modified", &self.clock.stamp(row.modified));
        }
        for (position, field) in table.fields().iter().enumerate() {
            form.add(&format!("fields[{}]", field.name), &table.value(row, position));
        }
        let database = self.databases.iter().find(|each| each.id == database);
        if let (Space::Profiles, Some(database), true) = (space, database, trigger != Trigger::Delete) {
            for interest in self.interests_of(database, id) {
                form.add("interests[]", &interest.name);
            }
        }
        Bytes::from(form.0)
    }
}

impl Webhook {
    fn define(&mut self, body: &Json<'_>) {
        if let Some(handler) = text_of(body, "handler") {
            self.handler = handler;
        }
        if let Some(trigger) = text_of(body, "trigger") {
            self.trigger = trigger;
        }
        if let Some(Json::List(callers)) = body.member("callers") {
            self.callers = callers
                .iter()
                .filter_map(|caller| Some(caller.text()?.into_owned()))
                .collect();
        }
    }

    fn is_possible(&self) -> bool {
        TRIGGERS.contains(&self.trigger.as_str())
            && Target::of(&self.handler).is_some()
            && self
                .callers
                .iter()
                .all(|caller| matches!(caller.as_str(), "ms" | "publisher"))
    }

    /// Says whether something in this database, and collection if it is a subprofile, is for this webhook.
    /// A limit to a database takes its subprofiles in: the reference does not know (copernica.md §8.2).
    fn wants(&self, database: u32, collection: Option<u32>) -> bool {
        match self.collection {
            Some(wanted) => collection == Some(wanted),
            None => self.database.is_none_or(|wanted| wanted == database),
        }
    }

    fn write(&self, out: &mut Out) {
        out.open(b'{').key("ID").digits(u64::from(self.id));
        out.key("handler").text(&self.handler);
        out.key("trigger").text(&self.trigger);
        out.key("callers").open(b'[');
        for caller in &self.callers {
            out.text(caller);
        }
        out.close(b']').close(b'}');
    }
}

/// Refuses a webhook that cannot be; the words are not known.
fn bad_webhook() -> Refusal {
    Refusal::new("Failed to create webhook")
}

/// A form body under construction.
#[derive(Debug, Default)]
struct Form(String);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        for (at, text) in [name, value].into_iter().enumerate() {
            if at > 0 {
                self.0.push('=');
            }
            for (at, word) in text.split(' ').enumerate() {
                if at > 0 {
                    self.0.push('+');
                }
                self.0.extend(utf8_percent_encode(word, PLAIN));
            }
        }
    }
}
