//! The plain resources: one set of handlers for every line of their table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::answer::{counted, kept};
use super::body::Fields;
use super::collections::collection;
use super::query::Query;
use super::read::position;
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::plain::{self, Kind, Record, Resource};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;
use crate::lightspeed::write::For;

/// A plain resource a call is about.
struct Asked<'a> {
    of: &'static Resource,
    /// Id of the record it lies below, 0 for none.
    parent: u64,
    rest: &'a [&'a str],
}

impl Simulator {
    /// Answers a GET of a plain resource; `None` when the path is not one.
    pub(super) fn read_plain(&self, call: &Call<'_>, query: &Query) -> Option<Result<Reply, Refusal>> {
        let (of, parent, rest) = plain::find(&call.segments)?;
        let shop = self.shop();
        let parent = match parent_of(&shop, of, parent) {
            Ok(parent) => parent,
            Err(refusal) => return Some(Err(refusal)),
        };
        Some(self.answer_plain(call, query, &shop, &Asked { of, parent, rest }))
    }

    fn answer_plain(
        &self,
        call: &Call<'_>,
        query: &Query,
        shop: &Shop,
        asked: &Asked<'_>,
    ) -> Result<Reply, Refusal> {
        let of = asked.of;
        let mut out = self.style(For::Answer, call.language).out(4_096);
        let meant = shop
            .plain
            .below(of, asked.parent)
            .map(|(id, record)| (id, record.in_language(call.language)))
            .filter(|(id, record)| is_meant(of, *id, record, query));
        match asked.rest {
            [] if of.is_singleton() => {
                let (id, record) = meant.last().ok_or(Refusal::NOT_FOUND)?;
                out.open();
                out.key(of.singular);
                kept(&mut out, query, |out| of.write(out, id, &record));
                out.close();
            }
            ["count"] if of.offers('N') => return Ok(Reply::ok(counted(meant.count()))),
            [] => {
                out.open();
                out.open_list(of.plural);
                for (id, record) in meant.skip(query.skipped()).take(query.limit) {
                    kept(&mut out, query, |out| of.write(out, id, &record));
                }
                out.close_list();
                out.close();
            }
            [id] if of.offers('G') => {
                let id = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
                let record = shop.plain.get(of, asked.parent, id).ok_or(Refusal::NOT_FOUND)?;
                let record = record.in_language(call.language);
                out.open();
                out.key(of.singular);
                kept(&mut out, query, |out| of.write(out, id, &record));
                out.close();
            }
            _ => return Err(Refusal::NOT_FOUND),
        }
        Ok(Reply::ok(out.buf))
    }

    /// Answers a POST, PUT or DELETE of a plain resource; `None` when the path is not one.
    pub(super) fn write_plain(&self, call: &Call<'_>) -> Option<Result<Reply, Refusal>> {
        let (of, parent, rest) = plain::find(&call.segments)?;
        let operation = match call.method.as_str() {
            "POST" => 'C',
            "PUT" => 'U',
            _ => 'D',
        };
        let is_one = if of.is_singleton() || operation == 'C' {
            rest.is_empty()
        } else {
            rest.len() == 1
        };
        if !of.offers(operation) || !is_one {
            return Some(Err(Refusal::METHOD));
        }
        let mut shop = self.shop();
        let answer = parent_of(&shop, of, parent).and_then(|parent| {
            let asked = Asked { of, parent, rest };
            match operation {
                'C' => self.create_plain(call, &mut shop, &asked),
                'U' => self.update_plain(call, &mut shop, &asked),
                _ => self.delete_plain(&mut shop, &asked),
            }
        });
        Some(answer)
    }

    fn create_plain(&self, call: &Call<'_>, shop: &mut Shop, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let of = asked.of;
        // The one resource whose POST has a plural envelope (lightspeed-ecom.md appendix A).
        let envelope = if of.path == "locations" {
            "locations"
        } else {
            of.singular
        };
        let sent = Fields::of(call, envelope)?;
        let members = members(shop, of, &sent, true)?;
        let is_picture = of.fields.iter().any(|field| field.name == "thumb");
        let file = if is_picture { Some(picture(&sent)?) } else { None };
        let id = shop.plain.add(of, asked.parent, members, self.now_s());
        if let (Some(file), Some(record)) = (file, shop.plain.get_mut(of, asked.parent, id)) {
            let base = format!(
                "https://cdn.webshopapp.com/shops/{}/files/{id}",
                self.inner.options.shop_id
            );
            let name = &file.name;
            for (key, value) in [
                ("extension", Value::from(name.rsplit('.').next().unwrap_or("jpg"))),
                ("size", Value::from(file.bytes)),
                ("thumb", Value::from(format!("{base}/50x50x2/{name}"))),
                ("src", Value::from(format!("{base}/{name}"))),
            ] {
                record.members.insert(key.to_owned(), value);
            }
        }
        if of.path == "tickets/{}/messages" {
            self.answer_ticket(shop, asked.parent);
        }
        self.tell_plain(shop, of, "created", id);
        Ok(Reply::created(self.written_plain(call, shop, asked, id)?))
    }

    fn update_plain(&self, call: &Call<'_>, shop: &mut Shop, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let of = asked.of;
        let id: u64 = asked.rest[0].parse().map_err(|_| Refusal::NOT_FOUND)?;
        let now_s = self.now_s();
        if of.offers('K') {
            let sent = Fields::of(call, of.plural).or_else(|_| Fields::of(call, of.singular))?;
            self.put_attribute(shop, asked, id, &sent)?;
            return Ok(Reply::ok(self.written_plain(call, shop, asked, id)?));
        }
        if shop.plain.get(of, asked.parent, id).is_none() {
            return Err(Refusal::NOT_FOUND);
        }
        let changes = members(shop, of, &Fields::of(call, of.singular)?, false)?;
        let is_answered =
            |members: &Map<String, Value>| members.get("isAnswered") == Some(&Value::Bool(true));
        let mut has_answer = false;
        if let Some(record) = shop.plain.get_mut(of, asked.parent, id) {
            has_answer = is_answered(&changes) && !is_answered(&record.members);
            record.change(of, call.language, changes);
            record.updated_s = now_s;
        }
        self.tell_plain(shop, of, "updated", id);
        if has_answer && of.path == "tickets" {
            self.tell_plain(shop, of, "answered", id);
        }
        Ok(Reply::ok(self.written_plain(call, shop, asked, id)?))
    }

    fn delete_plain(&self, shop: &mut Shop, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let of = asked.of;
        let id = match asked.rest {
            [id] => id.parse().map_err(|_| Refusal::NOT_FOUND)?,
            _ => {
                let newest = shop.plain.below(of, asked.parent).last();
                newest.map(|(id, _)| id).ok_or(Refusal::NOT_FOUND)?
            }
        };
        if shop.plain.get(of, asked.parent, id).is_none() {
            return Err(Refusal::NOT_FOUND);
        }
        self.tell_plain(shop, of, "deleted", id);
        shop.plain.remove(of, asked.parent, id);
        Ok(Reply::gone())
    }

    /// Sets the value a product has for an attribute.
    fn put_attribute(
        &self,
        shop: &mut Shop,
        asked: &Asked<'_>,
        id: u64,
        sent: &Fields,
    ) -> Result<(), Refusal> {
        let attributes = plain::resource("attributes").ok_or(Refusal::NOT_FOUND)?;
        let attribute = shop.plain.get(attributes, 0, id).ok_or(Refusal::NOT_FOUND)?;
        let title = attribute.members.get("title").cloned().unwrap_or_default();
        let mut members = members(shop, asked.of, sent, false)?;
        members.insert("title".to_owned(), title);
        let now_s = self.now_s();
        shop.plain.put(asked.of, (asked.parent, id), members, now_s);
        Ok(())
    }

    /// Marks a ticket as answered by the shop.
    fn answer_ticket(&self, shop: &mut Shop, ticket: u64) {
        let Some(of) = plain::resource("tickets") else {
            return;
        };
        let now_s = self.now_s();
        if let Some(record) = shop.plain.get_mut(of, 0, ticket) {
            record.members.insert("isAnswered".to_owned(), Value::Bool(true));
            record.updated_s = now_s;
        }
        self.tell_plain(shop, of, "updated", ticket);
        self.tell_plain(shop, of, "answered", ticket);
    }

    /// Tells of a record whose resource has webhooks.
    pub(crate) fn tell_plain(&self, shop: &mut Shop, of: &'static Resource, action: &'static str, id: u64) {
        if let (Some(item), Ok(at)) = (Item::of_plain(of.path), usize::try_from(id)) {
            self.tell(shop, item, action, at);
        }
    }

    fn written_plain(
        &self,
        call: &Call<'_>,
        shop: &Shop,
        asked: &Asked<'_>,
        id: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let record = shop
            .plain
            .get(asked.of, asked.parent, id)
            .ok_or(Refusal::NOT_FOUND)?;
        let mut out = self.style(For::Answer, call.language).out(2_048);
        out.open();
        out.key(asked.of.singular);
        asked.of.write(&mut out, id, &record.in_language(call.language));
        out.close();
        Ok(out.buf)
    }
}

/// Checks that the record a resource lies below exists, and returns its id.
fn parent_of(shop: &Shop, of: &Resource, parent: Option<&str>) -> Result<u64, Refusal> {
    let (Some(path), Some(parent)) = (of.parent_path(), parent) else {
        return Ok(0);
    };
    let id = parent.parse().map_err(|_| Refusal::NOT_FOUND)?;
    if exists(shop, path, id) {
        Ok(id)
    } else {
        Err(Refusal::NOT_FOUND)
    }
}

/// Says whether there is a record with this id at a path without parents.
fn exists(shop: &Shop, path: &str, id: u64) -> bool {
    match collection(path) {
        Some(of) => position(shop, of, &id.to_string()).is_some(),
        None => plain::resource(path).is_some_and(|of| shop.plain.get(of, 0, id).is_some()),
    }
}

/// Reads the members of a write; a link to nothing is refused (lightspeed-ecom.md §9.2 #36).
pub(super) fn members(
    shop: &Shop,
    of: &Resource,
    sent: &Fields,
    is_new: bool,
) -> Result<Map<String, Value>, Refusal> {
    let members = of.members(sent.members(), is_new).ok_or(Refusal::INVALID)?;
    for field in &of.fields {
        let Kind::One(path) = field.kind else { continue };
        let target = members.get(field.name).and_then(Value::as_u64);
        if target.is_some_and(|id| !exists(shop, path, id)) {
            return Err(Refusal::INVALID);
        }
    }
    Ok(members)
}

/// A file that was sent with a picture.
struct Sent {
    name: String,
    bytes: usize,
}

/// Reads the file of a picture: `attachment` (base64) and `filename` (lightspeed-ecom.md §5.11).
fn picture(sent: &Fields) -> Result<Sent, Refusal> {
    let attachment = sent.text("attachment")?.ok_or(Refusal::INVALID)?;
    let file = STANDARD.decode(attachment.trim()).map_err(|_| Refusal::INVALID)?;
    let name = sent.text("filename")?.filter(|name| !name.is_empty());
    Ok(Sent {
        name: name.ok_or(Refusal::INVALID)?,
        bytes: file.len(),
    })
}

fn is_meant(of: &Resource, id: u64, record: &Record, query: &Query) -> bool {
    let has_times = of.fields.iter().any(|field| field.kind == Kind::Times);
    if has_times && !query.holds(record.created_s, record.updated_s) {
        return false;
    }
    query.since_id.is_none_or(|since| id > since)
        && query.fits(|key| {
            let field = of.fields.iter().find(|field| field.name == key)?;
            match record.members.get(field.name) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(value) => Some(value.to_string()),
                None => Some(String::new()),
            }
        })
}
