//! POST, PUT and DELETE: customers, groups, subscriptions, webhooks; orders are in `write_orders`.
//!
//! A write tells the receivers like any other change: the integration hears its own echo
//! (lightspeed-ecom.md §9.4 #83).

use std::sync::Arc;

use super::body::{self, Fields};
use super::collections::{Collection, collection};
use super::read::position;
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::client::Target;
use crate::lightspeed::language::Language;
use crate::lightspeed::person::{Country, Gender, Person, TEXT_KEYS, Text};
use crate::lightspeed::records::{Customer, Group, Membership, Subscription, Webhook};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::{self, Item};
use crate::lightspeed::write::{For, WEBHOOKS_MAX};

/// An address that a registered customer has already.
const EMAIL_TAKEN: Refusal = Refusal(422, "Email address is already in use.");

impl Simulator {
    /// Answers a POST, PUT or DELETE.
    pub(super) fn write(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let segments = call.segments.as_slice();
        match (call.method.as_str(), segments) {
            (_, ["checkouts", ..]) => return self.query(call).and_then(|query| self.checkouts(call, &query)),
            ("POST", ["categories", "products", "bulk"]) => return self.post_category_products(call),
            _ => {}
        }
        if let Some(answer) = self.write_plain(call) {
            if answer.is_ok() {
                self.after_image(segments);
            }
            return answer;
        }
        match call.method.as_str() {
            "POST" => self.post(call, segments),
            "PUT" => self.put(call, segments),
            _ => self.remove(segments),
        }
    }

    fn post(&self, call: &Call<'_>, segments: &[&str]) -> Result<Reply, Refusal> {
        match segments {
            ["customers"] => self.post_customer(call),
            ["customers", id, "login"] => self.post_login(call, id),
            ["customers", id, "tokens"] => self.post_token(call, id),
            ["groups"] => self.save_group(call, None),
            ["groups", "customers"] => self.post_membership(call),
            ["subscriptions"] => self.post_subscription(call),
            ["webhooks"] => self.save_webhook(call, None),
            ["orders", id, "credit"] => self.post_credit(call, id),
            ["products"] => self.save_product(call, None),
            ["variants"] => self.post_variant(call),
            ["quotes"] => self.save_quote(call, None),
            ["quotes", id, "products", rest @ ..] => self.write_quote_row(call, id, rest),
            ["quotes", id, "convert"] => self.convert_quote(call, id),
            _ => Err(refused(segments)),
        }
    }

    fn put(&self, call: &Call<'_>, segments: &[&str]) -> Result<Reply, Refusal> {
        match segments {
            ["groups", "customers", ..] => Err(Refusal::METHOD),
            ["customers", id] => self.put_customer(call, id),
            ["groups", id] => self.save_group(call, Some(id)),
            ["subscriptions", id] => self.put_subscription(call, id),
            ["webhooks", id] => self.save_webhook(call, Some(id)),
            ["orders", id] => self.put_order(call, id),
            ["invoices", id] => self.put_invoice(call, id),
            ["shipments", id] => self.put_shipment(call, id),
            ["products", id] => self.save_product(call, Some(id)),
            ["variants", "bulk"] => self.put_variants(call),
            ["variants", id] => self.put_variant(call, id),
            ["quotes", id] => self.save_quote(call, Some(id)),
            ["quotes", id, "products", rest @ ..] => self.write_quote_row(call, id, rest),
            ["shop"] => self.put_shop(call),
            ["shop", "javascript"] => self.put_javascript(call),
            _ => Err(refused(segments)),
        }
    }

    fn remove(&self, segments: &[&str]) -> Result<Reply, Refusal> {
        match segments {
            ["customers", id] => self.delete(id, "customers", |id| self.delete_customer(id)),
            ["groups", "customers", id] => self.delete(id, "groups/customers", |id| {
                let mut shop = self.shop();
                shop.memberships
                    .find(id)
                    .and_then(|at| shop.memberships.remove(at))
                    .is_some()
            }),
            ["groups", id] => self.delete(id, "groups", |id| {
                let mut shop = self.shop();
                shop.groups
                    .find(id)
                    .and_then(|at| shop.groups.remove(at))
                    .is_some()
            }),
            ["subscriptions", id] => self.delete(id, "subscriptions", |id| self.unsubscribe(id)),
            ["webhooks", id] => self.delete(id, "webhooks", |id| {
                let mut shop = self.shop();
                shop.webhooks
                    .find(id)
                    .and_then(|at| shop.webhooks.remove(at))
                    .is_some()
            }),
            ["products", id] => self.delete(id, "products", |id| self.remove_product(id)),
            ["variants", id] => self.delete(id, "variants", |id| self.remove_variant(id)),
            ["quotes", id, "products", row] => self.delete_quote_row(id, row),
            ["events", id] => self.delete_event(id),
            _ => Err(refused(segments)),
        }
    }

    /// Writes the records at these positions as a list.
    pub(super) fn written_list(
        &self,
        call: &Call<'_>,
        shop: &Shop,
        of: &Collection,
        places: &[usize],
    ) -> Vec<u8> {
        let mut out = self.style(For::Answer, call.language).out(4_096);
        out.open();
        out.open_list(of.plural);
        for at in places {
            (of.write)(&mut out, shop, *at, call.language);
        }
        out.close_list();
        out.close();
        out.buf
    }

    /// Writes the record at `at` in its envelope.
    pub(super) fn written(&self, call: &Call<'_>, shop: &Shop, of: &Collection, at: usize) -> Vec<u8> {
        let mut out = self.style(For::Answer, call.language).out(4_096);
        out.open();
        out.key(of.singular);
        (of.write)(&mut out, shop, at, call.language);
        out.close();
        out.buf
    }

    fn delete(&self, id: &str, path: &str, act: impl FnOnce(u64) -> bool) -> Result<Reply, Refusal> {
        let is_known = collection(path).is_some_and(|of| position(&self.shop(), of, id).is_some());
        let id = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
        if is_known && act(id) {
            Ok(Reply::gone())
        } else {
            Err(Refusal::NOT_FOUND)
        }
    }

    fn post_customer(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let fields = Fields::of(call, "customer")?;
        let now_s = self.now_s();
        let person = personal(&fields, &Person::default())?;
        let is_complete = [Text::Email, Text::Firstname, Text::Lastname]
            .iter()
            .all(|text| !person.text(*text).is_empty());
        if !is_complete {
            return Err(Refusal::INVALID);
        }
        let mut shop = self.shop();
        if is_taken(&shop, person.email(), None) {
            return Err(EMAIL_TAKEN);
        }
        let mut record = Customer {
            created_s: now_s,
            updated_s: now_s,
            last_online_s: None,
            person: Arc::new(person),
            language: None,
            remote_ip: 0,
            is_guest: false,
            is_confirmed: false,
            notify: [false; 3],
        };
        account(&fields, &mut record)?;
        let at = shop.customers.push(record);
        let id = shop.customers.id(at);
        body::keep(&mut shop, ("customers", id), &fields)?;
        self.tell(&mut shop, Item::Customer, "created", at);
        Ok(Reply::created(self.written(call, &shop, named("customers")?, at)))
    }

    fn put_customer(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let at = position(&shop, named("customers")?, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "customer")?;
        let Some(mut record) = shop.customers.get(at).cloned() else {
            return Err(Refusal::NOT_FOUND);
        };
        let person = personal(&fields, &record.person)?;
        if person.email().is_empty() {
            return Err(Refusal::INVALID);
        }
        if !record.is_guest && is_taken(&shop, person.email(), Some(at)) {
            return Err(EMAIL_TAKEN);
        }
        account(&fields, &mut record)?;
        let id = shop.customers.id(at);
        body::keep(&mut shop, ("customers", id), &fields)?;
        record.person = Arc::new(person);
        record.updated_s = self.now_s();
        if let Some(known) = shop.customers.get_mut(at) {
            *known = record;
        }
        self.tell(&mut shop, Item::Customer, "updated", at);
        Ok(Reply::ok(self.written(call, &shop, named("customers")?, at)))
    }

    fn save_group(&self, call: &Call<'_>, id: Option<&str>) -> Result<Reply, Refusal> {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let of = named("groups")?;
        let at = id
            .map(|id| position(&shop, of, id).ok_or(Refusal::NOT_FOUND))
            .transpose()?;
        let title = Fields::of(call, "group")?
            .text("title")?
            .filter(|title| !title.is_empty());
        let title = title.ok_or(Refusal::INVALID)?;
        match at {
            Some(at) => {
                if let Some(group) = shop.groups.get_mut(at) {
                    group.title = title;
                    group.updated_s = now_s;
                }
                Ok(Reply::ok(self.written(call, &shop, of, at)))
            }
            None => {
                let at = shop.groups.push(Group {
                    created_s: now_s,
                    updated_s: now_s,
                    title,
                });
                Ok(Reply::created(self.written(call, &shop, of, at)))
            }
        }
    }

    fn post_membership(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let fields = Fields::of(call, "groupsCustomer")?;
        let id = |key| {
            Ok(fields
                .int(key)?
                .and_then(|id| u64::try_from(id).ok())
                .unwrap_or(0))
        };
        let mut shop = self.shop();
        let group = shop.groups.find(id("group")?).ok_or(Refusal::INVALID)?;
        let customer = shop.customers.find(id("customer")?).ok_or(Refusal::INVALID)?;
        let at = shop.memberships.push(Membership { group, customer });
        Ok(Reply::created(self.written(
            call,
            &shop,
            named("groups/customers")?,
            at,
        )))
    }

    fn post_subscription(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let fields = Fields::of(call, "subscription")?;
        let now_s = self.now_s();
        let mut record = Subscription {
            created_s: now_s,
            updated_s: now_s,
            email: Box::default(),
            firstname: Box::default(),
            lastname: Box::default(),
            language: None,
            is_confirmed: false,
            do_notify: false,
        };
        subscriber(&fields, &mut record)?;
        let mut shop = self.shop();
        let at = shop.subscriptions.push(record);
        self.tell(&mut shop, Item::Subscription, "created", at);
        Ok(Reply::created(self.written(
            call,
            &shop,
            named("subscriptions")?,
            at,
        )))
    }

    fn put_subscription(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("subscriptions")?;
        let at = position(&shop, of, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "subscription")?;
        let Some(mut record) = shop.subscriptions.get(at).cloned() else {
            return Err(Refusal::NOT_FOUND);
        };
        subscriber(&fields, &mut record)?;
        record.updated_s = self.now_s();
        if let Some(known) = shop.subscriptions.get_mut(at) {
            *known = record;
        }
        self.tell(&mut shop, Item::Subscription, "updated", at);
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    /// Registers or changes a webhook; nobody looks for duplicates (lightspeed-ecom.md §4.1).
    fn save_webhook(&self, call: &Call<'_>, id: Option<&str>) -> Result<Reply, Refusal> {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let of = named("webhooks")?;
        let at = id
            .map(|id| position(&shop, of, id).ok_or(Refusal::NOT_FOUND))
            .transpose()?;
        let known = at.and_then(|at| shop.webhooks.get(at)).cloned();
        let fields = Fields::of(call, "webhook")?;
        let mut hook = webhook(&fields, known.as_ref(), call.key)?;
        hook.updated_s = now_s;
        match at {
            Some(at) => {
                if let Some(known) = shop.webhooks.get_mut(at) {
                    *known = hook;
                }
                Ok(Reply::ok(self.written(call, &shop, of, at)))
            }
            None if shop.webhooks.live() >= WEBHOOKS_MAX => {
                Err(Refusal(403, "The shop has too many webhooks."))
            }
            None => {
                hook.created_s = now_s;
                let at = shop.webhooks.push(hook);
                Ok(Reply::created(self.written(call, &shop, of, at)))
            }
        }
    }
}

/// Refuses what is not offered at a path that is, and what is nowhere.
fn refused(segments: &[&str]) -> Refusal {
    match segments {
        [
            "account" | "countries" | "languages" | "time" | "dashboard" | "shop" | "catalog" | "events",
            ..,
        ] => Refusal::METHOD,
        [name, ..] if collection(name).is_some() => Refusal::METHOD,
        _ => Refusal::NOT_FOUND,
    }
}

/// Returns the collection at a path that has one.
pub(super) fn named(path: &str) -> Result<&'static Collection, Refusal> {
    collection(path).ok_or(Refusal::NOT_FOUND)
}

/// Applies the personal fields that were sent to a person.
fn personal(fields: &Fields, known: &Person) -> Result<Person, Refusal> {
    let mut texts: Vec<(Text, String)> = Vec::new();
    for (key, text) in TEXT_KEYS {
        if let Some(value) = fields.text(key)? {
            texts.push((text, value));
        }
    }
    let changes: Vec<(Text, &str)> = texts
        .iter()
        .map(|(text, value)| (*text, value.as_str()))
        .collect();
    let mut person = known.with(&changes);
    if let Some(word) = fields.text("gender")? {
        person.gender = match word.as_str() {
            "" => None,
            word => Some(Gender::of(word).ok_or(Refusal::INVALID)?),
        };
    }
    if let Some(is_company) = fields.flag("isCompany")? {
        person.is_company = is_company;
    }
    if let Some(code) = fields.text("addressBillingCountry")? {
        person.billing_country = country(&code)?;
    }
    if let Some(code) = fields.text("addressShippingCountry")? {
        person.shipping_country = country(&code)?;
    }
    Ok(person)
}

/// Applies the fields of the account that were sent.
fn account(fields: &Fields, record: &mut Customer) -> Result<(), Refusal> {
    if let Some(is_confirmed) = fields.flag("isConfirmed")? {
        record.is_confirmed = is_confirmed;
    }
    if let Some(code) = fields.text("language")? {
        record.language = language(&code)?;
    }
    let keys = ["doNotifyRegistered", "doNotifyConfirmed", "doNotifyPassword"];
    for (flag, key) in record.notify.iter_mut().zip(keys) {
        *flag = fields.flag(key)?.unwrap_or(*flag);
    }
    Ok(())
}

fn subscriber(fields: &Fields, record: &mut Subscription) -> Result<(), Refusal> {
    if let Some(email) = fields.text("email")? {
        record.email = email.into_boxed_str();
    }
    if let Some(firstname) = fields.text("firstname")? {
        record.firstname = firstname.into_boxed_str();
    }
    if let Some(lastname) = fields.text("lastname")? {
        record.lastname = lastname.into_boxed_str();
    }
    if let Some(code) = fields.text("language")? {
        record.language = language(&code)?;
    }
    record.is_confirmed = fields.flag("isConfirmed")?.unwrap_or(record.is_confirmed);
    record.do_notify = fields.flag("doNotifyConfirmed")?.unwrap_or(record.do_notify);
    if record.email.is_empty() {
        Err(Refusal::INVALID)
    } else {
        Ok(())
    }
}

fn webhook(fields: &Fields, old: Option<&Webhook>, caller: usize) -> Result<Webhook, Refusal> {
    let text = |key: &str, old: Option<&str>| {
        let sent = fields.text(key)?;
        Ok(sent.or_else(|| old.map(str::to_owned)).unwrap_or_default())
    };
    let group = webhooks::group(&text("itemGroup", old.map(|hook| hook.group))?).ok_or(Refusal::INVALID)?;
    let action = text("itemAction", old.map(|hook| hook.action))?;
    let action = webhooks::action(group, &action).ok_or(Refusal::INVALID)?;
    let code = text("language", old.map(|hook| hook.language.code()).or(Some("nl")))?;
    // The simulator writes JSON only; the real platform also offers XML.
    if text("format", Some("json"))? != "json" {
        return Err(Refusal::INVALID);
    }
    let address = text("address", old.map(|hook| hook.address.as_str()))?;
    let target = Target::of(&address).ok_or(Refusal::INVALID)?;
    Ok(Webhook {
        owner: old.map_or(caller, |hook| hook.owner),
        created_s: old.map_or(0, |hook| hook.created_s),
        updated_s: 0,
        is_active: fields
            .flag("isActive")?
            .unwrap_or(old.is_none_or(|hook| hook.is_active)),
        group,
        action,
        language: Language::of(&code).ok_or(Refusal::INVALID)?,
        format: "json",
        address,
        target: Arc::new(target),
    })
}

fn country(code: &str) -> Result<Option<Country>, Refusal> {
    if code.is_empty() {
        Ok(None)
    } else {
        Country::of(code).map(Some).ok_or(Refusal::INVALID)
    }
}

pub(super) fn language(code: &str) -> Result<Option<Language>, Refusal> {
    if code.is_empty() {
        Ok(None)
    } else {
        Language::of(code).map(Some).ok_or(Refusal::INVALID)
    }
}

/// Says whether a registered customer other than `except` has this address.
fn is_taken(shop: &Shop, email: &str, except: Option<usize>) -> bool {
    shop.customers.iter().any(|(at, record)| {
        !record.is_guest && Some(at) != except && record.person.email().eq_ignore_ascii_case(email)
    })
}
