//! GET: lists, counts, single records, and the few singletons.

use super::collections::{Collection, collection};
use super::query::Query;
use super::{Call, Refusal, Reply, nested};
use crate::lightspeed::json::{Out, keep_members, push_u64};
use crate::lightspeed::options::Permissions;
use crate::lightspeed::person::Country;
use crate::lightspeed::state::Shop;
use crate::lightspeed::write::{self, For};
use crate::lightspeed::{Simulator, locked};

impl Simulator {
    /// Answers a GET.
    pub(super) fn read(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        if let Some(reply) = self.singleton(call) {
            return Ok(reply);
        }
        let query = Query::of(call.query, &self.inner.wall)?;
        let shop = self.shop();
        let style = self.style(For::Answer, call.language);
        match call.segments.as_slice() {
            ["groups", "customers", rest @ ..] => in_collection(
                &shop,
                named("groups/customers")?,
                rest,
                style.out(4_096),
                call,
                &query,
            ),
            [parent @ ("orders" | "quotes"), id, "products", rest @ ..] => {
                nested::rows(&shop, parent, id, rest, style.out(8_192), &query)
            }
            ["orders", "events", rest @ ..] => nested::events(&shop, rest, style.out(8_192), &query),
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
            ["shop", "company"] => {
                out.key("shopCompany");
                write::company(&mut out, &shop);
            }
            ["shop", "website"] => {
                out.key("shopWebsite");
                write::website(&mut out, &shop);
            }
            ["languages"] => {
                let default = self.inner.default_language;
                let languages = self.inner.languages.iter();
                let list: Vec<String> = languages
                    .map(|language| language.json_of_shop(*language == default))
                    .collect();
                out.raw("languages", &format!("[{}]", list.join(",")));
            }
            ["countries"] => {
                let list: Vec<&str> = Country::all().map(Country::json).collect();
                out.raw("countries", &format!("[{}]", list.join(",")));
            }
            ["account"] => {
                out.key("account");
                write::account(&mut out, &shop, &self.inner.keys[call.key].api_key);
            }
            ["account", "permissions"] => permissions(&mut out, &self.inner.keys[call.key].permissions),
            ["account", "ratelimit"] => self.ratelimit(&mut out, call),
            _ => return None,
        }
        out.close();
        Some(Reply::ok(out.buf))
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
    for (name, access) in [
        ("content", permissions.content),
        ("products", permissions.products),
        ("customers", permissions.customers),
        ("orders", permissions.orders),
        ("settings", permissions.settings),
        ("tracking", permissions.tracking),
    ] {
        out.open_at(name);
        out.bool("read", access.read);
        out.bool("write", access.write);
        out.close();
    }
    out.close();
}

fn in_collection(
    shop: &Shop,
    of: &Collection,
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

fn list(shop: &Shop, of: &Collection, mut out: Out<'_>, call: &Call<'_>, query: &Query) -> Reply {
    let skipped = (query.page - 1).saturating_mul(query.limit);
    out.open();
    out.open_list(of.plural);
    for at in meant(shop, of, query).skip(skipped).take(query.limit) {
        record(shop, of, at, &mut out, call, query);
    }
    out.close_list();
    out.close();
    Reply::ok(out.buf)
}

fn count(shop: &Shop, of: &Collection, query: &Query) -> Vec<u8> {
    counted(meant(shop, of, query).count())
}

/// Makes the body of a count.
pub(super) fn counted(count: usize) -> Vec<u8> {
    let mut body = b"{\"count\":".to_vec();
    push_u64(&mut body, count as u64);
    body.push(b'}');
    body
}

/// Goes through the positions a query means, in ascending order of their ids.
fn meant(shop: &Shop, of: &Collection, query: &Query) -> impl Iterator<Item = usize> {
    let first_id = (of.id)(shop, 0);
    let start = query
        .since_id
        .map_or(0, |since| since.saturating_add(1).saturating_sub(first_id));
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let end = (of.positions)(shop);
    (start.min(end)..end).filter(move |at| (of.is_meant)(shop, *at, query))
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
    let at = usize::try_from(id.checked_sub((of.id)(shop, 0))?).ok()?;
    (at < (of.positions)(shop) && (of.is_meant)(shop, at, &Query::default())).then_some(at)
}

/// Writes a record, cut down to the fields that were asked for.
fn record(shop: &Shop, of: &Collection, at: usize, out: &mut Out<'_>, call: &Call<'_>, query: &Query) {
    let before = out.buf.len();
    (of.write)(out, shop, at, call.language);
    let Some(fields) = query.fields() else { return };
    let written = out.buf.split_off(before);
    let (comma, object) = match written.strip_prefix(b",") {
        Some(object) => (true, object),
        None => (false, written.as_slice()),
    };
    if comma {
        out.buf.push(b',');
    }
    out.buf.extend_from_slice(&keep_members(object, |key| {
        fields.iter().any(|field| field == key)
    }));
}
