//! The calls of a checkout, from its first product to its order (lightspeed-ecom.md §5.14).

use serde_json::{Map, Value};

use super::answer::counted;
use super::query::Query;
use super::{Call, Refusal, Reply, body};
use crate::lightspeed::Simulator;
use crate::lightspeed::acts::{Buyer, Goods, NewOrder, NewSubscription};
use crate::lightspeed::checkout::{self, PAYMENT_METHODS, SHIPMENT_METHODS};
use crate::lightspeed::json::Out;
use crate::lightspeed::language::Language;
use crate::lightspeed::person::{Person, Text};
use crate::lightspeed::records::{Checkout, Row};
use crate::lightspeed::state::Shop;
use crate::lightspeed::write::For;

/// Which row of a checkout's cart a call is about.
struct RowPlace {
    checkout: usize,
    quote: usize,
    row: Row,
}

impl Simulator {
    /// Answers any call below `checkouts`.
    pub(super) fn checkouts(&self, call: &Call<'_>, query: &Query) -> Result<Reply, Refusal> {
        let method = call.method.as_str();
        match (method, &call.segments[1..]) {
            ("GET", []) => {
                let shop = self.shop();
                let places: Vec<usize> = shop.checkouts.iter().map(|(at, _)| at).collect();
                let page = places.into_iter().skip(query.skipped()).take(query.limit);
                Ok(Reply::ok(self.bare_list(call, |out| {
                    page.for_each(|at| checkout::write(out, &shop, at));
                })))
            }
            ("GET", ["count"]) => Ok(Reply::ok(counted(self.shop().checkouts.live()))),
            ("POST", []) => self.open_checkout(call),
            (_, [id, rest @ ..]) => {
                let id = id.parse().map_err(|_| Refusal::NOT_FOUND);
                let at = id.and_then(|id| self.shop().checkouts.find(id).ok_or(Refusal::NOT_FOUND))?;
                self.one_checkout(call, at, rest)
            }
            _ => Err(Refusal::METHOD),
        }
    }

    fn one_checkout(&self, call: &Call<'_>, at: usize, rest: &[&str]) -> Result<Reply, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Reply::ok(self.bare_checkout(call, &self.shop(), at))),
            ("PUT", []) => {
                let sent = body::bare(call)?;
                let mut shop = self.shop();
                let now_s = self.now_s();
                if let Some(record) = shop.checkouts.get_mut(at) {
                    record.apply(&sent);
                    record.updated_s = now_s;
                }
                Ok(Reply::ok(self.bare_checkout(call, &shop, at)))
            }
            ("DELETE", []) => {
                self.shop().checkouts.remove(at);
                Ok(Reply::gone())
            }
            ("GET", ["shipment_methods"]) => Ok(Reply::ok(SHIPMENT_METHODS.into())),
            ("GET", ["payment_methods"]) => self.payment_methods(at),
            ("GET", ["validate"]) => Ok(Reply::ok(self.validated(at))),
            ("POST", ["order"]) => self.order_checkout(call, at),
            (_, ["products", rest @ ..]) => self.checkout_rows(call, at, rest),
            (_, ["shipment_methods" | "payment_methods" | "validate" | "order"] | []) => Err(Refusal::METHOD),
            _ => Err(Refusal::NOT_FOUND),
        }
    }

    fn open_checkout(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let sent = if call.body.is_empty() {
            Map::new()
        } else {
            body::bare(call)?
        };
        let now_s = self.now_s();
        let mut shop = self.shop();
        let quote = self.open_cart(&mut shop, None, &[]);
        let mut record = Checkout {
            created_s: now_s,
            updated_s: now_s,
            quote: u32::try_from(quote).map_err(|_| Refusal::INVALID)?,
            order: None,
            members: Map::new(),
        };
        record.apply(&sent);
        let at = shop.checkouts.push(record);
        Ok(Reply::created(self.bare_checkout(call, &shop, at)))
    }

    /// There are none before a shipment method is chosen.
    fn payment_methods(&self, at: usize) -> Result<Reply, Refusal> {
        let shop = self.shop();
        let chosen = shop
            .checkouts
            .get(at)
            .and_then(|record| record.members.get("shipment_method"));
        if chosen.is_none_or(Value::is_null) {
            return Err(Refusal(400, "Choose a shipment method first."));
        }
        Ok(Reply::ok(PAYMENT_METHODS.into()))
    }

    fn missing(&self, at: usize) -> Vec<String> {
        let shop = self.shop();
        shop.checkouts.get(at).map_or_else(Vec::new, |record| {
            record.missing(shop.quotes.get(record.quote as usize))
        })
    }

    fn validated(&self, at: usize) -> Vec<u8> {
        let missing = self.missing(at);
        if missing.is_empty() {
            return br#"{"validated":true,"errors":[]}"#.to_vec();
        }
        let errors: Map<String, Value> = missing
            .into_iter()
            .map(|key| (key, Value::from("required")))
            .collect();
        serde_json::json!({"validated": false, "errors": errors})
            .to_string()
            .into_bytes()
    }

    fn order_checkout(&self, call: &Call<'_>, at: usize) -> Result<Reply, Refusal> {
        if !self.missing(at).is_empty() {
            return Err(Refusal::INVALID);
        }
        let (record, quote, goods) = {
            let shop = self.shop();
            let record = shop.checkouts.get(at).cloned().ok_or(Refusal::NOT_FOUND)?;
            let quote = record.quote as usize;
            (record, shop.quotes.id(quote), goods_of(&shop, quote))
        };
        let order = match record.order {
            Some(order) => order,
            None => {
                let customer = record
                    .members
                    .get("customer")
                    .and_then(|customer| customer.get("id"));
                let known = customer.and_then(Value::as_u64);
                let is_newsletter = record.has_ticked("newsletter");
                let placed = self.place_order(NewOrder {
                    buyer: known.map_or_else(|| Buyer::Guest(record.person()), Buyer::Customer),
                    goods,
                    quote: Some(quote),
                    is_newsletter,
                    discount_percent: 0,
                });
                let order = placed.ok_or(Refusal::INVALID)?;
                if is_newsletter {
                    self.subscribe_buyer(&record.person(), call.language);
                }
                order
            }
        };
        let now_s = self.now_s();
        if let Some(record) = self.shop().checkouts.get_mut(at) {
            record.order = Some(order);
            record.updated_s = now_s;
        }
        let domain = &self.inner.options.sub_domain;
        let answer = serde_json::json!({
            "order_id": order,
            "payment_url": format!("https://www.{domain}.example/payment/start"),
            "payment_provider": "seoshoppayments",
        });
        Ok(Reply::created(answer.to_string().into_bytes()))
    }

    /// Subscribes who ticked the newsletter (lightspeed-ecom.md §9.4 #85), unless the address is subscribed already.
    fn subscribe_buyer(&self, buyer: &Person, language: Language) {
        let is_known = self
            .shop()
            .subscriptions
            .iter()
            .any(|(_, known)| known.email.eq_ignore_ascii_case(buyer.email()));
        if !is_known {
            self.subscribe(NewSubscription {
                email: buyer.email().to_owned(),
                firstname: buyer.text(Text::Firstname).to_owned(),
                lastname: buyer.text(Text::Lastname).to_owned(),
                language: Some(language.code().to_owned()),
                is_confirmed: false,
            });
        }
    }

    fn checkout_rows(&self, call: &Call<'_>, checkout: usize, rest: &[&str]) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let record = shop.checkouts.get(checkout).ok_or(Refusal::NOT_FOUND)?;
        let quote = record.quote as usize;
        let rows = shop
            .quotes
            .get(quote)
            .map(|quote| quote.rows.clone())
            .unwrap_or_default();
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Reply::ok(self.bare_list(call, |out| {
                rows.iter()
                    .for_each(|row| checkout::write_row(out, &shop, quote, row));
            }))),
            ("GET", ["count"]) => Ok(Reply::ok(counted(rows.len()))),
            ("POST", []) => {
                let sent = body::bare(call)?;
                let goods = goods(&shop, &sent)?;
                let row = self
                    .add_to_cart(&mut shop, quote, goods)
                    .ok_or(Refusal::INVALID)?;
                let special = body::amount_e4(&sent, "special_price_incl")?;
                let row = priced(&mut shop, quote, row, special);
                let place = RowPlace { checkout, quote, row };
                Ok(Reply::created(self.touched(call, &mut shop, &place)))
            }
            (method, [id]) => {
                let id: u64 = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
                let row = rows.iter().find(|row| shop.quote_row_id(quote, row) == id);
                let mut place = RowPlace {
                    checkout,
                    quote,
                    row: *row.ok_or(Refusal::NOT_FOUND)?,
                };
                match method {
                    "GET" => Ok(Reply::ok(self.bare_row(call, &shop, &place))),
                    "PUT" => {
                        let quantity = goods_quantity(&body::bare(call)?)?;
                        place.row.quantity = quantity;
                        self.set_row(&mut shop, quote, place.row);
                        Ok(Reply::ok(self.touched(call, &mut shop, &place)))
                    }
                    "DELETE" => {
                        self.take_from_cart(&mut shop, quote, place.row.ordinal);
                        self.touched(call, &mut shop, &place);
                        Ok(Reply::gone())
                    }
                    _ => Err(Refusal::METHOD),
                }
            }
            _ => Err(Refusal::METHOD),
        }
    }

    /// Notes that a checkout's cart changed, and writes the row.
    fn touched(&self, call: &Call<'_>, shop: &mut Shop, place: &RowPlace) -> Vec<u8> {
        let now_s = self.now_s();
        if let Some(record) = shop.checkouts.get_mut(place.checkout) {
            record.updated_s = now_s;
        }
        self.bare_row(call, shop, place)
    }

    fn bare_row(&self, call: &Call<'_>, shop: &Shop, place: &RowPlace) -> Vec<u8> {
        let mut out = self.bare_out(call);
        checkout::write_row(&mut out, shop, place.quote, &place.row);
        out.buf
    }

    fn bare_checkout(&self, call: &Call<'_>, shop: &Shop, at: usize) -> Vec<u8> {
        let mut out = self.bare_out(call);
        checkout::write(&mut out, shop, at);
        out.buf
    }

    fn bare_list(&self, call: &Call<'_>, write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
        let mut out = self.bare_out(call);
        out.buf.push(b'[');
        write(&mut out);
        out.close_list();
        out.buf
    }

    /// Starts a buffer whose times are UTC, as those of checkouts are.
    fn bare_out(&self, call: &Call<'_>) -> Out<'_> {
        self.style(For::Answer, call.language)
            .out_utc(8_192, &self.inner.utc)
    }
}

/// Returns what is in the cart at `at`.
pub(super) fn goods_of(shop: &Shop, at: usize) -> Vec<Goods> {
    let rows = shop.quotes.get(at).map(|quote| &*quote.rows).unwrap_or_default();
    rows.iter()
        .map(|row| Goods {
            variant: row.variant.map(|at| shop.variants.id(at as usize)),
            quantity: row.quantity,
        })
        .collect()
}

/// Reads `{variant_id, quantity}`; a variant nobody sells is refused.
fn goods(shop: &Shop, sent: &Map<String, Value>) -> Result<Goods, Refusal> {
    let variant = sent
        .get("variant_id")
        .and_then(body::id_of)
        .ok_or(Refusal::INVALID)?;
    shop.variants.find(variant).ok_or(Refusal::INVALID)?;
    Ok(Goods {
        variant: Some(variant),
        quantity: goods_quantity(sent)?,
    })
}

fn goods_quantity(sent: &Map<String, Value>) -> Result<u16, Refusal> {
    let quantity = match sent.get("quantity") {
        None => 1,
        Some(quantity) => body::id_of(quantity).ok_or(Refusal::INVALID)?,
    };
    u16::try_from(quantity)
        .ok()
        .filter(|quantity| *quantity > 0)
        .ok_or(Refusal::INVALID)
}

/// Gives a row the special price that was agreed.
fn priced(shop: &mut Shop, quote: usize, row: Row, special_e4: Option<u32>) -> Row {
    let Some(price_incl_e4) = special_e4 else {
        return row;
    };
    let row = Row { price_incl_e4, ..row };
    if let Some(quote) = shop.quotes.get_mut(quote)
        && let Some(known) = quote.rows.iter_mut().find(|known| known.ordinal == row.ordinal)
    {
        *known = row;
    }
    row
}
