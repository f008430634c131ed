//! Lists and counts: a page of up to 250 things for one call (lightspeed-ecom.md §3.4).

use std::collections::BTreeSet;
use std::fmt::Write;

use bytes::Bytes;
use schakel_core::connector::{ConnectorError, Cx, Item, Page, PageAsk, Part, Span};
use schakel_core::time::{Timestamp, Zone};
use serde_json::value::RawValue;

use super::call::{self, Answer, Call};
use super::config::Settings;
use super::cursor::{Cursor, PAGE, Seen};
use super::mapping::moment;
use super::wire::answers::CountAnswer;
use super::wire::{GROUPS_KEY, ListedWire, Scalar, items, parse_bare};

/// What the mapping reads of a product; the rest, its long texts first of all, need not be sent.
const PRODUCT_FIELDS: &str = "id,createdAt,updatedAt,url,title,image";

/// What tells a thing apart and how old it is; `id` is not implied (§3.4).
const ID_FIELDS: &str = "id,updatedAt";

/// Path, labels of list and count, section and envelope of a collection.
macro_rules! at {
    ($path:literal, $section:literal, $envelope:expr) => {
        (
            $path,
            concat!("GET ", $path),
            concat!("GET ", $path, "/count"),
            $section,
            $envelope,
        )
    };
}

/// A collection of the platform (§5.0, §1.4).
struct Collection {
    part: Part,
    path: &'static str,
    list: &'static str,
    count: &'static str,
    section: &'static str,
    /// Key of a list, and of one thing in the answer to a fetch; `None` for things without an envelope.
    envelope: Option<(&'static str, &'static str)>,
}

impl Collection {
    /// Gives the collection of `part`; for rows that of the things that have them.
    const fn of(part: Part) -> Self {
        let (path, list, count, section, envelope) = match part {
            Part::Products => at!("products", "products", Some(("products", "product"))),
            Part::Variants => at!("variants", "products", Some(("variants", "variant"))),
            Part::Customers => at!("customers", "customers", Some(("customers", "customer"))),
            Part::Subscriptions => at!(
                "subscriptions",
                "customers",
                Some(("subscriptions", "subscription"))
            ),
            Part::Groups => at!("groups/customers", "customers", Some((GROUPS_KEY, GROUPS_KEY))),
            Part::Quotes | Part::QuoteRows => at!("quotes", "orders", Some(("quotes", "quote"))),
            Part::Checkouts => at!("checkouts", "orders", None),
            Part::Orders | Part::OrderRows => at!("orders", "orders", Some(("orders", "order"))),
            Part::Shipments => at!("shipments", "orders", Some(("shipments", "shipment"))),
        };
        Self {
            part,
            path,
            list,
            count,
            section,
            envelope,
        }
    }

    /// Tells whether its things have times; memberships have none (§5.5).
    const fn has_times(&self) -> bool {
        !matches!(self.part, Part::Groups)
    }

    /// Tells whether nobody confirms that it obeys the parameters of lists (§5.14).
    const fn is_unsure(&self) -> bool {
        matches!(self.part, Part::Checkouts)
    }

    /// The fields to ask for; `None` for all. Only where it is proven that objects survive the choice, or where no
    /// objects are wanted.
    const fn fields(&self, is_ids_only: bool) -> Option<&'static str> {
        match (self.part, is_ids_only) {
            (Part::Groups | Part::Checkouts, _) => None,
            (_, true) => Some(ID_FIELDS),
            (Part::Products, false) => Some(PRODUCT_FIELDS),
            _ => None,
        }
    }

    /// The filters of `span`, each with an `&` behind it. Times are wall time of the shop.
    fn filters(&self, span: Span, zone: &Zone) -> String {
        let mut query = String::new();
        if !self.has_times() {
            return query;
        }
        for (name, at) in [
            ("created_at_min", span.created_from),
            ("created_at_max", span.created_to),
            ("updated_at_min", span.updated_from),
        ] {
            if let Some(at) = at {
                let wall = at.to_wall(zone).replace(' ', "%20").replace(':', "%3A");
                write!(query, "{name}={wall}&").expect("writing to a text cannot fail");
            }
        }
        query
    }

    /// Asks for what lies below the collection's path and gives the answer, which is there.
    async fn ask(
        &self,
        cx: &Cx,
        settings: &Settings,
        (path, label): (&str, &'static str),
        query: &str,
    ) -> Result<(Answer, Bytes), ConnectorError> {
        let call = Call {
            query,
            ..Call::get(path, label, self.section)
        };
        let answer = call::ask(cx, settings, call).await?;
        match answer.body.clone() {
            Some(body) => Ok((answer, body)),
            // Never the end of a list: the path exists as long as the shop does, and comes back with its language.
            None => Err(ConnectorError::Unavailable(format!("`{path}` is not there"))),
        }
    }
}

/// Counts the things of `part` in `span`.
pub(super) async fn count(
    cx: &Cx,
    settings: &Settings,
    zone: &Zone,
    (part, span): (Part, Span),
) -> Result<u64, ConnectorError> {
    let of = Collection::of(part);
    let path = format!("{}/count", of.path);
    let filters = of.filters(span, zone);
    let query = filters.trim_end_matches('&');
    let (answer, _) = of.ask(cx, settings, (&path, of.count), query).await?;
    let CountAnswer { count } = call::read(&answer)?;
    Ok(count)
}

/// Reads one page of a list.
pub(super) async fn list(
    cx: &Cx,
    settings: &Settings,
    zone: &Zone,
    ask: PageAsk<'_>,
) -> Result<Page, ConnectorError> {
    if ask.part.is_per_thing() {
        return Err(ConnectorError::Unsupported("a list of rows"));
    }
    let of = Collection::of(ask.part);
    let now = cx.clock.now();
    let cursor = match ask.cursor {
        "" if of.is_unsure() => Cursor::numbered(now),
        "" => Cursor::Since(0),
        text => Cursor::parse(text)?,
    };
    let query = query(&of, &ask, &cursor, zone);
    let (answer, body) = of.ask(cx, settings, (of.path, of.list), &query).await?;
    let raws =
        raws(&of, &body).ok_or_else(|| ConnectorError::Malformed(format!("`{}` is no list", of.path)))?;
    let things: Vec<Thing<'_>> = raws.into_iter().map(|raw| Thing::of(raw, zone)).collect();
    let ids: Vec<i64> = things.iter().map(|thing| thing.id).collect();
    let next = cursor.next(Seen {
        ids: &ids,
        is_unsure: of.is_unsure(),
        now,
    })?;
    Ok(Page {
        items: chosen(&of, &ask, things),
        next: next.map(|cursor| cursor.to_string()),
        at: answer.at,
    })
}

fn query(of: &Collection, ask: &PageAsk<'_>, cursor: &Cursor, zone: &Zone) -> String {
    let mut span = ask.span;
    let place = match cursor {
        Cursor::Since(id) => format!("since_id={id}"),
        Cursor::Numbered(page) => {
            // What comes meanwhile would move the pages; a later change moves nothing out of the list.
            span.created_to = Some(span.created_to.map_or(page.until, |to| to.min(page.until)));
            format!("page={}", page.page)
        }
    };
    let mut query = format!("{}limit={PAGE}&{place}", of.filters(span, zone));
    if let Some(fields) = of.fields(ask.is_ids_only) {
        write!(query, "&fields={fields}").expect("writing to a text cannot fail");
    }
    query
}

/// The things on a page, each as it was written; `None` when the answer holds no list.
fn raws<'a>(of: &Collection, body: &'a Bytes) -> Option<Vec<&'a RawValue>> {
    match of.envelope {
        Some((key, _)) => items(body, key),
        None => serde_json::from_slice(body).ok(),
    }
}

/// One thing of a list.
struct Thing<'a> {
    raw: &'a RawValue,
    /// Its id, 0 when it cannot be read.
    id: i64,
    customer: i64,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl<'a> Thing<'a> {
    fn of(raw: &'a RawValue, zone: &Zone) -> Self {
        let wire: ListedWire<'_> = parse_bare(raw.get()).unwrap_or_default();
        let time = |raw: super::wire::Raw<'_>| match raw.scalar() {
            Scalar::Text(said) => moment(&said, zone),
            _ => None,
        };
        Self {
            raw,
            id: wire.id.id().unwrap_or(0),
            customer: wire.customer.id().id().unwrap_or(0),
            created_at: time(wire.created_at),
            updated_at: time(wire.updated_at),
        }
    }

    /// Tells whether `span` means it, as far as it says when it was.
    fn is_in(&self, span: Span) -> bool {
        let is_after =
            |at: Option<Timestamp>, from: Option<Timestamp>| from.is_none() || at.is_none() || at >= from;
        is_after(self.updated_at, span.updated_from)
            && is_after(self.created_at, span.created_from)
            && is_after(span.created_to, self.created_at)
    }

    fn into_item(self, of: &Collection, is_ids_only: bool) -> Item {
        let body = match of.envelope {
            _ if is_ids_only => Bytes::new(),
            None => Bytes::copy_from_slice(self.raw.get().as_bytes()),
            Some((_, GROUPS_KEY)) => format!("{{\"{GROUPS_KEY}\":[{}]}}", self.raw).into(),
            Some((_, key)) => format!("{{\"{key}\":{}}}", self.raw).into(),
        };
        Item {
            remote_id: match of.part {
                Part::Groups => self.customer,
                _ => self.id,
            },
            updated_at: self.updated_at,
            body,
        }
    }
}

/// What of a page is given on: each id once, and nothing that was not asked for. What has no id is kept for its body.
fn chosen(of: &Collection, ask: &PageAsk<'_>, things: Vec<Thing<'_>>) -> Vec<Item> {
    let mut met = BTreeSet::new();
    things
        .into_iter()
        .filter(|thing| {
            if thing.id == 0 {
                !ask.is_ids_only
            } else {
                met.insert(thing.id)
            }
        })
        .filter(|thing| !of.is_unsure() || thing.is_in(ask.span))
        .map(|thing| thing.into_item(of, ask.is_ids_only))
        .collect()
}
