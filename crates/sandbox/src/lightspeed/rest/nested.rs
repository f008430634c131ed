//! GET of what lies below a record: rows of orders and carts, events of orders.

use super::query::Query;
use super::read::counted;
use super::{Refusal, Reply};
use crate::lightspeed::json::Out;
use crate::lightspeed::records::Row;
use crate::lightspeed::state::Shop;
use crate::lightspeed::write;

/// Whose rows are asked for.
enum Parent {
    Order(usize),
    Quote(usize),
}

/// Answers `{parent}/{id}/products[/{row id}|/count]`.
pub(super) fn rows(
    shop: &Shop,
    parent: &str,
    id: &str,
    rest: &[&str],
    mut out: Out<'_>,
    query: &Query,
) -> Result<Reply, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
    let parent = match parent {
        "orders" => Parent::Order(shop.orders.find(id).ok_or(Refusal::NOT_FOUND)?),
        _ => Parent::Quote(shop.quotes.find(id).ok_or(Refusal::NOT_FOUND)?),
    };
    let rows = match parent {
        Parent::Order(at) => shop.orders.get(at).map(|order| &order.rows),
        Parent::Quote(at) => shop.quotes.get(at).map(|quote| &quote.rows),
    };
    let rows = rows.ok_or(Refusal::NOT_FOUND)?;
    let id_of = |row: &Row| match parent {
        Parent::Order(at) => shop.order_row_id(at, row),
        Parent::Quote(at) => shop.quote_row_id(at, row),
    };
    let name = if matches!(parent, Parent::Order(_)) {
        "orderProduct"
    } else {
        "quoteProduct"
    };
    match rest {
        ["count"] => return Ok(Reply::ok(counted(rows.len()))),
        [] => {
            out.open();
            out.open_list(&format!("{name}s"));
            let is_new = |row: &&Row| query.since_id.is_none_or(|since| id_of(row) > since);
            let skipped = (query.page - 1).saturating_mul(query.limit);
            for row in rows.iter().filter(is_new).skip(skipped).take(query.limit) {
                write_row(&mut out, shop, &parent, row);
            }
            out.close_list();
            out.close();
        }
        [row_id] => {
            let wanted: u64 = row_id.parse().map_err(|_| Refusal::NOT_FOUND)?;
            let row = rows
                .iter()
                .find(|row| id_of(row) == wanted)
                .ok_or(Refusal::NOT_FOUND)?;
            out.open();
            out.key(name);
            write_row(&mut out, shop, &parent, row);
            out.close();
        }
        _ => return Err(Refusal::NOT_FOUND),
    }
    Ok(Reply::ok(out.buf))
}

fn write_row(out: &mut Out<'_>, shop: &Shop, parent: &Parent, row: &Row) {
    match *parent {
        Parent::Order(at) => {
            if let Some(order) = shop.orders.get(at) {
                write::order_row(out, shop, at, order, row);
            }
        }
        Parent::Quote(at) => {
            if let Some(quote) = shop.quotes.get(at) {
                write::quote_row(out, shop, at, quote, row);
            }
        }
    }
}

/// Answers `orders/events[/{id}|/count]`, filtered by order.
pub(super) fn events(shop: &Shop, rest: &[&str], mut out: Out<'_>, query: &Query) -> Result<Reply, Refusal> {
    let all = shop
        .orders
        .iter()
        .filter(|(at, _)| query.id_fits("order", Some(shop.orders.id(*at))));
    let all = all.flat_map(|(at, order)| (0..order.events.len()).map(move |nth| (at, nth)));
    let mut all = all.filter(|(at, nth)| {
        query
            .since_id
            .is_none_or(|since| shop.event_id(*at, *nth) > since)
    });
    match rest {
        ["count"] => return Ok(Reply::ok(counted(all.count()))),
        [] => {
            out.open();
            out.open_list("ordersEvents");
            let skipped = (query.page - 1).saturating_mul(query.limit);
            for (at, nth) in all.skip(skipped).take(query.limit) {
                write::event(&mut out, shop, at, nth);
            }
            out.close_list();
            out.close();
        }
        [id] => {
            let wanted: u64 = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
            let found = all.find(|(at, nth)| shop.event_id(*at, *nth) == wanted);
            let (at, nth) = found.ok_or(Refusal::NOT_FOUND)?;
            out.open();
            out.key("ordersEvent");
            write::event(&mut out, shop, at, nth);
            out.close();
        }
        _ => return Err(Refusal::NOT_FOUND),
    }
    Ok(Reply::ok(out.buf))
}
