//! GET of what lies below a record: rows of orders and carts, lines of invoices and shipments, events.

use super::answer::{counted, kept};
use super::query::Query;
use super::{Refusal, Reply};
use crate::lightspeed::json::Out;
use crate::lightspeed::records::{Order, Row};
use crate::lightspeed::state::Shop;
use crate::lightspeed::write;

/// What lies below a record: its lines with their ids, and how one is written.
struct Below<'a> {
    name: &'static str,
    lines: Vec<(u64, Line)>,
    write: &'a dyn Fn(&mut Out<'_>, &Line),
}

/// A line: a row, or the costs of sending when there is none.
type Line = Option<Row>;

/// The order a paper belongs to, and the lines of the paper.
type Paper<'a> = (usize, &'a Order, Vec<(u64, Line)>);

/// Answers `{parent}/{id}/{products|items}[/{line id}|/count]`.
pub(super) fn lines(
    shop: &Shop,
    (parent, id): (&str, &str),
    rest: &[&str],
    mut out: Out<'_>,
    query: &Query,
) -> Result<Reply, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
    let mut answer = |below: Below<'_>| answer(&below, rest, &mut out, query);
    let answer = match parent {
        "orders" => {
            let at = shop.orders.find(id).ok_or(Refusal::NOT_FOUND)?;
            let order = shop.orders.get(at).ok_or(Refusal::NOT_FOUND)?;
            answer(Below {
                name: "orderProduct",
                lines: rows(&order.rows, |row| shop.order_row_id(at, row)),
                write: &|out, line| {
                    if let Some(row) = line {
                        write::order_row(out, shop, at, order, row);
                    }
                },
            })
        }
        "quotes" => {
            let at = shop.quotes.find(id).ok_or(Refusal::NOT_FOUND)?;
            let quote = shop.quotes.get(at).ok_or(Refusal::NOT_FOUND)?;
            answer(Below {
                name: "quoteProduct",
                lines: rows(&quote.rows, |row| shop.quote_row_id(at, row)),
                write: &|out, line| {
                    if let Some(row) = line {
                        write::quote_row(out, shop, at, quote, row);
                    }
                },
            })
        }
        "invoices" => {
            let (at, order, lines) = invoice_lines(shop, id).ok_or(Refusal::NOT_FOUND)?;
            answer(Below {
                name: "invoiceItem",
                lines,
                write: &|out, line| write::invoice_item(out, shop, (at, order), line.as_ref()),
            })
        }
        _ => {
            let (at, order, lines) = shipment_lines(shop, id).ok_or(Refusal::NOT_FOUND)?;
            answer(Below {
                name: "shipmentProduct",
                lines,
                write: &|out, line| {
                    if let Some(row) = line {
                        write::shipment_item(out, shop, (at, order), row);
                    }
                },
            })
        }
    };
    answer.map(|()| Reply::ok(out.buf))
}

fn rows(rows: &[Row], id: impl Fn(&Row) -> u64) -> Vec<(u64, Line)> {
    rows.iter().map(|row| (id(row), Some(*row))).collect()
}

/// Returns the order of an invoice or credit invoice and its lines.
fn invoice_lines(shop: &Shop, id: u64) -> Option<Paper<'_>> {
    let (at, rows, has_shipping) = match shop.credits.find(id) {
        Some(place) => {
            let credit = shop.credits.get(place)?;
            let at = credit.order as usize;
            (at, shop.rows_of_pieces(at, &credit.pieces), credit.has_shipping)
        }
        None => {
            let at = shop.order_of_invoice(id)?;
            (at, shop.orders.get(at)?.rows.to_vec(), true)
        }
    };
    let mut lines: Vec<(u64, Line)> = rows
        .iter()
        .map(|row| (shop.invoice_item_id(at, Some(row)), Some(*row)))
        .collect();
    if has_shipping {
        lines.push((shop.invoice_item_id(at, None), None));
    }
    Some((at, shop.orders.get(at)?, lines))
}

/// Returns the order of a shipment and its lines.
fn shipment_lines(shop: &Shop, id: u64) -> Option<Paper<'_>> {
    let (at, rows) = match shop.parcels.find(id) {
        Some(place) => {
            let parcel = shop.parcels.get(place)?;
            let at = parcel.order as usize;
            (at, shop.rows_of_pieces(at, &parcel.pieces))
        }
        None => {
            let at = shop.order_of_shipment(id)?;
            let rows = shop.orders.get(at)?.rows.iter().map(|row| Row {
                quantity: row
                    .quantity
                    .saturating_sub(shop.pieces_in_parcels(at, row.ordinal)),
                ..*row
            });
            (at, rows.filter(|row| row.quantity > 0).collect())
        }
    };
    let lines = rows
        .iter()
        .map(|row| (shop.shipment_item_id(at, row), Some(*row)))
        .collect();
    Some((at, shop.orders.get(at)?, lines))
}

fn answer(below: &Below<'_>, rest: &[&str], out: &mut Out<'_>, query: &Query) -> Result<(), Refusal> {
    match rest {
        ["count"] => out.buf = counted(below.lines.len()),
        [] => {
            out.open();
            out.open_list(&format!("{}s", below.name));
            let is_new = |(id, _): &&(u64, Line)| query.since_id.is_none_or(|since| *id > since);
            for (_, line) in below
                .lines
                .iter()
                .filter(is_new)
                .skip(query.skipped())
                .take(query.limit)
            {
                kept(out, query, |out| (below.write)(out, line));
            }
            out.close_list();
            out.close();
        }
        [line_id] => {
            let wanted: u64 = line_id.parse().map_err(|_| Refusal::NOT_FOUND)?;
            let found = below.lines.iter().find(|(id, _)| *id == wanted);
            let (_, line) = found.ok_or(Refusal::NOT_FOUND)?;
            out.open();
            out.key(below.name);
            kept(out, query, |out| (below.write)(out, line));
            out.close();
        }
        _ => return Err(Refusal::NOT_FOUND),
    }
    Ok(())
}

/// Answers `orders/events` or `events`, with `[/{id}|/count]`, filtered by order, invoice or shipment.
///
/// `name` is the envelope of one event.
pub(super) fn events(
    shop: &Shop,
    name: &str,
    rest: &[&str],
    mut out: Out<'_>,
    query: &Query,
) -> Result<Reply, Refusal> {
    let all = shop.orders.iter().filter(|(at, _)| {
        query.id_fits("order", Some(shop.orders.id(*at)))
            && query.id_fits("invoice", Some(shop.invoice_id(*at)))
            && query.id_fits("shipment", Some(shop.shipment_id(*at)))
    });
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
            out.open_list(&format!("{name}s"));
            for (at, nth) in all.skip(query.skipped()).take(query.limit) {
                kept(&mut out, query, |out| write::event(out, shop, at, nth));
            }
            out.close_list();
            out.close();
        }
        [id] => {
            let wanted: u64 = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
            let found = all.find(|(at, nth)| shop.event_id(*at, *nth) == wanted);
            let (at, nth) = found.ok_or(Refusal::NOT_FOUND)?;
            out.open();
            out.key(name);
            kept(&mut out, query, |out| write::event(out, shop, at, nth));
            out.close();
        }
        _ => return Err(Refusal::NOT_FOUND),
    }
    Ok(Reply::ok(out.buf))
}
