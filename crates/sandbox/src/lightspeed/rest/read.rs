//! GET: lists, counts, single records, and the few singletons.

use super::answer::{counted, kept};
use super::collections::{Collection, collection};
use super::query::Query;
use super::{Call, Refusal, Reply, nested};
use crate::lightspeed::json::{Out, keep_members};
use crate::lightspeed::language::Language;
use crate::lightspeed::options::Permissions;
use crate::lightspeed::person::Country;
use crate::lightspeed::state::Shop;
use crate::lightspeed::write::{self, For};
use crate::lightspeed::{Simulator, locked};

impl Simulator {
    /// Answers a GET.
    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        if let Some(reply) = self.singleton(call) {
            return Ok(reply);
        }
        let query = self.query(call)?;
        match call.segments.as_slice() {
            ["languages", rest @ ..] => {
                return fixed(("language", "languages"), &self.languages(), rest, &query);
            }
            ["countries", rest @ ..] => {
                let list: Vec<String> = Country::all().map(|country| country.json().to_owned()).collect();
                return fixed(("country", "countries"), &list, rest, &query);
            }
            _ => {}
        }
        if call.segments.first() == Some(&"checkouts") {
            return self.checkouts(call, &query);
        }
        if let Some(answer) = self.read_plain(call, &query) {
            return answer;
        }
        let shop = self.shop();
        let style = self.style(For::Answer, call.language);
        match call.segments.as_slice() {
            ["groups", "customers", rest @ ..] => {
                let of = named("groups/customers")?;
                in_collection(&shop, of, rest, style.out(4_096), call, &query)
            }
            ["variants", "movements", rest @ ..] => {
                let of = named("variants/movements")?;
                in_collection(&shop, of, rest, style.out(4_096), call, &query)
            }
            [
                parent @ ("orders" | "quotes" | "shipments"),
                id,
                "products",
                rest @ ..,
            ]
            | [parent @ "invoices", id, "items", rest @ ..] => {
                nested::lines(&shop, (parent, id), rest, style.out(8_192), &query)
            }
            [
                "quotes",
                id,
                kind @ ("shippingmethods" | "paymentmethods"),
                rest @ ..,
            ] => {
                position(&shop, named("quotes")?, id).ok_or(Refusal::NOT_FOUND)?;
                methods(kind, rest, &query)
            }
            ["orders", "events", rest @ ..] => {
                nested::events(&shop, "ordersEvent", rest, style.out(8_192), &query)
            }
            ["events", rest @ ..] => nested::events(&shop, "event", rest, style.out(8_192), &query),
            [name, rest @ ..] => in_collection(&shop, named(name)?, rest, style.out(16_384), call, &query),
            [] => Err(Refusal::NOT_FOUND),
        }
    }

    /// Answers the paths that hold one thing only.
    fn singleton(&self, call: &Call<'_>) -> Option<Reply> {
        let shop = self.shop();
        let mut out = self.style(For::Answer, call.language).out(2_048);
        out.open();
        match call.segments.as_slice() {
            ["shop"] => {
                out.key("shop");
                write::shop(&mut out, &shop);
            }
            ["shop", "limits"] => {
                out.raw("shopLimits", write::LIMITS);
            }
            ["shop", "javascript"] => {
                out.open_at("shopJavascript");
                out.bool("isActive", shop.own.is_script_active);
                out.text("script", &shop.own.script);
                out.close();
            }
            ["shop", "settings"] => out.raw("shopSettings", "[]"),
            ["time"] => {
                out.open_at("time");
                out.time("time", self.now_s());
                out.close();
            }
            ["dashboard"] => self.dashboard(&mut out, &shop),
            ["shop", "company"] => {
                out.key("shopCompany");
                write::company(&mut out, &shop);
            }
            ["shop", "website"] => {
                out.key("shopWebsite");
                write::website(&mut out, &shop);
            }
            ["account"] => {
                out.key("account");
                let app = call
                    .key
                    .checked_sub(self.inner.keys.len() - self.inner.options.apps.len());
                write::account(&mut out, &shop, &self.inner.keys[call.key].api_key, app);
            }
            ["account", "permissions"] => {
                permissions(&mut out, &locked(&self.inner.switches).permissions[call.key]);
            }
            ["account", "ratelimit"] => self.ratelimit(&mut out, call),
            _ => return None,
        }
        out.close();
        Some(Reply::ok(out.buf))
    }

    /// Gives the languages of the shop; one that was switched off is still listed.
    fn languages(&self) -> Vec<String> {
        let active = locked(&self.inner.switches).languages.clone();
        let of_shop = self
            .inner
            .options
            .languages
            .iter()
            .filter_map(|code| Language::of(code));
        let mut all: Vec<Language> = of_shop.collect();
        all.extend(
            active
                .iter()
                .filter(|language| !all.contains(language))
                .copied()
                .collect::<Vec<_>>(),
        );
        let default = self.inner.default_language;
        all.iter()
            .map(|language| language.json_of_shop(*language == default, active.contains(language)))
            .collect()
    }

    /// Reads the list parameters of a call.
    pub(super) fn query(&self, call: &Call<'_>) -> Result<Query, Refusal> {
        let rules = self.rules();
        let wall = if rules.is_filter_time_utc {
            &self.inner.utc
        } else {
            &self.inner.wall
        };
        Query::of(call.query, wall, rules.is_limit_strict)
    }

    fn dashboard(&self, out: &mut Out<'_>, shop: &Shop) {
        let now_s = self.now_s();
        out.open_at("dashboard");
        out.time("dateMin", now_s - 86_400);
        out.time("dateMax", now_s);
        out.open_at("totals");
        out.int("orders", shop.orders.live() as u64);
        out.int("customers", shop.customers.live() as u64);
        out.close();
        out.raw("periods", "[]");
        out.text("type", "day");
        out.close();
    }

    fn ratelimit(&self, out: &mut Out<'_>, call: &Call<'_>) {
        let now_s = self.now_s();
        let standing = locked(&self.inner.budgets)[call.key].peek(&self.inner.wall, now_s);
        out.open_at("accountRatelimit");
        for (at, name) in ["limit5Min", "limitHour", "limitDay"].into_iter().enumerate() {
            out.open_at(name);
            out.int("limit", u64::from(standing.limits[at]));
            out.raw("remaining", &standing.remaining[at].to_string());
            out.raw("reset", &standing.reset_s[at].to_string());
            out.time("resetTime", now_s + standing.reset_s[at]);
            out.close();
        }
        out.close();
    }
}

fn named(path: &str) -> Result<&'static Collection, Refusal> {
    collection(path).ok_or(Refusal::NOT_FOUND)
}

fn permissions(out: &mut Out<'_>, permissions: &Permissions) {
    out.open_at("accountPermissions");
    for (name, access) in permissions.sections() {
        out.open_at(name);
        out.bool("read", access.read);
        out.bool("write", access.write);
        out.close();
    }
    out.close();
}

fn in_collection(
    shop: &Shop,
    of: &'static Collection,
    rest: &[&str],
    out: Out<'_>,
    call: &Call<'_>,
    query: &Query,
) -> Result<Reply, Refusal> {
    match rest {
        [] => Ok(list(shop, of, out, call, query)),
        ["count"] => Ok(Reply::ok(count(shop, of, query))),
        [id] => one(shop, of, id, out, call, query),
        _ => Err(Refusal::NOT_FOUND),
    }
}

fn list(shop: &Shop, of: &'static Collection, mut out: Out<'_>, call: &Call<'_>, query: &Query) -> Reply {
    out.open();
    out.open_list(of.plural);
    let mut meant = Meant::new(shop, of, query);
    meant.pass(query.skipped());
    for at in meant.take(query.limit) {
        record(shop, of, at, &mut out, call, query);
    }
    out.close_list();
    out.close();
    Reply::ok(out.buf)
}

fn count(shop: &Shop, of: &'static Collection, query: &Query) -> Vec<u8> {
    counted(Meant::new(shop, of, query).pass(usize::MAX))
}

/// The positions that a query means, in ascending order of their ids.
struct Meant<'a> {
    shop: &'a Shop,
    of: &'static Collection,
    query: &'a Query,
    at: usize,
    end: usize,
}

impl<'a> Meant<'a> {
    fn new(shop: &'a Shop, of: &'static Collection, query: &'a Query) -> Self {
        Self {
            shop,
            of,
            query,
            at: query.since_id.map_or(0, |since| first_above(shop, of, since)),
            end: (of.positions)(shop),
        }
    }

    /// Passes the next `count` of them, and returns how many there were.
    fn pass(&mut self, count: usize) -> usize {
        let mut passed = 0;
        while passed < count {
            match (self.of.span)(self.shop, self.at) {
                Some(span) if self.query.means_all(&span) && span.live <= count - passed => {
                    self.at = span.end;
                    passed += span.live;
                }
                _ if self.next().is_some() => passed += 1,
                _ => break,
            }
        }
        passed
    }
}

impl Iterator for Meant<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.at < self.end {
            match (self.of.span)(self.shop, self.at) {
                Some(span) if self.query.misses(&span) => self.at = span.end,
                _ => {
                    self.at += 1;
                    if (self.of.is_meant)(self.shop, self.at - 1, self.query) {
                        return Some(self.at - 1);
                    }
                }
            }
        }
        None
    }
}

/// Returns the first position whose id is above `id`.
fn first_above(shop: &Shop, of: &Collection, id: u64) -> usize {
    let (mut low, mut high) = (0, (of.positions)(shop));
    while low < high {
        let middle = low.midpoint(high);
        if (of.id)(shop, middle) > id {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn one(
    shop: &Shop,
    of: &Collection,
    id: &str,
    mut out: Out<'_>,
    call: &Call<'_>,
    query: &Query,
) -> Result<Reply, Refusal> {
    let at = position(shop, of, id).ok_or(Refusal::NOT_FOUND)?;
    out.open();
    out.key(of.singular);
    record(shop, of, at, &mut out, call, query);
    out.close();
    Ok(Reply::ok(out.buf))
}

/// Finds a living record by the id in a path.
pub(super) fn position(shop: &Shop, of: &Collection, id: &str) -> Option<usize> {
    let id: u64 = id.parse().ok()?;
    let at = first_above(shop, of, id.checked_sub(1)?);
    let is_it = at < (of.positions)(shop) && (of.id)(shop, at) == id;
    (is_it && (of.is_meant)(shop, at, &Query::default())).then_some(at)
}

/// Answers a list that never changes, one element of it or its count.
fn fixed(
    (singular, plural): (&str, &str),
    list: &[String],
    rest: &[&str],
    query: &Query,
) -> Result<Reply, Refusal> {
    let id_of = |one: &str| {
        let digits = one.strip_prefix(r#"{"id":"#)?.split(',').next()?;
        digits.parse::<u64>().ok()
    };
    let cut = |one: &String| match query.fields() {
        None => one.clone().into_bytes(),
        Some(fields) => keep_members(one.as_bytes(), |key| fields.iter().any(|field| field == key)),
    };
    let is_meant = |one: &&String| {
        query
            .since_id
            .is_none_or(|since| id_of(one).is_some_and(|id| id > since))
    };
    let meant = list.iter().filter(is_meant);
    let (name, value) = match rest {
        [] => {
            let page = meant.skip(query.skipped()).take(query.limit);
            let page = page.map(cut).collect::<Vec<_>>().join(&b',');
            (plural, [b"[", page.as_slice(), b"]"].concat())
        }
        ["count"] => return Ok(Reply::ok(counted(meant.count()))),
        [id] => {
            let id = id.parse().ok();
            let one = list.iter().find(|one| id.is_some() && id_of(one) == id);
            (singular, cut(one.ok_or(Refusal::NOT_FOUND)?))
        }
        _ => return Err(Refusal::NOT_FOUND),
    };
    let head = format!(r#"{{"{name}":"#);
    Ok(Reply::ok([head.as_bytes(), value.as_slice(), b"}"].concat()))
}

/// Answers the ways a cart can be sent or paid; they can be listed and counted.
fn methods(kind: &str, rest: &[&str], query: &Query) -> Result<Reply, Refusal> {
    let (names, list) = if kind == "shippingmethods" {
        (
            ("quoteShippingmethod", "quoteShippingmethods"),
            write::SHIPPING_METHODS,
        )
    } else {
        (
            ("quotePaymentmethod", "quotePaymentmethods"),
            write::PAYMENT_METHODS,
        )
    };
    match rest {
        [] | ["count"] => fixed(names, &[list.to_owned()], rest, query),
        _ => Err(Refusal::NOT_FOUND),
    }
}

/// Writes a record, cut down to the fields that were asked for.
fn record(shop: &Shop, of: &Collection, at: usize, out: &mut Out<'_>, call: &Call<'_>, query: &Query) {
    kept(out, query, |out| (of.write)(out, shop, at, call.language));
}
