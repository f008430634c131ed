//! POST, PUT and DELETE of carts and their rows, and the conversion of a cart to an order.

use serde_json::Value;

use super::body::{self, Fields};
use super::checkouts::goods_of;
use super::read::position;
use super::write::{language, named};
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::acts::{Buyer, Goods, NewOrder};
use crate::lightspeed::records::Row;
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;
use crate::lightspeed::write::{self, For};

impl Simulator {
    /// Opens a cart, or changes one.
    pub(super) fn save_quote(&self, call: &Call<'_>, id: Option<&str>) -> Result<Reply, Refusal> {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let of = named("quotes")?;
        let known = id.map(|id| position(&shop, of, id).ok_or(Refusal::NOT_FOUND));
        let known = known.transpose()?;
        let fields = Fields::of(call, "quote")?;
        let customer = match fields.members().get("customer").filter(|sent| !sent.is_null()) {
            None | Some(Value::Bool(false)) => None,
            Some(sent) => {
                let at = body::id_of(sent).and_then(|id| shop.customers.find(id));
                Some(at.ok_or(Refusal::INVALID)?)
            }
        };
        let (zipcode, comment) = (fields.text("shipmentZipcode")?, fields.text("comment")?);
        let code = fields.text("language")?.map(|code| language(&code)).transpose()?;
        let at = known.unwrap_or_else(|| self.open_cart(&mut shop, customer, &[]));
        let id = shop.quotes.id(at);
        body::keep(&mut shop, ("quotes", id), &fields)?;
        if let Some(quote) = shop.quotes.get_mut(at) {
            quote.customer = customer.and_then(|at| u32::try_from(at).ok()).or(quote.customer);
            quote.zipcode = zipcode.map(String::into_boxed_str).or(quote.zipcode.take());
            quote.comment = comment.map(String::into_boxed_str).or(quote.comment.take());
            quote.language = code.flatten().unwrap_or(quote.language);
            quote.updated_s = now_s;
        }
        if known.is_some() {
            self.tell(&mut shop, Item::Quote, "updated", at);
            return Ok(Reply::ok(self.written(call, &shop, of, at)));
        }
        Ok(Reply::created(self.written(call, &shop, of, at)))
    }

    /// Adds or changes a row of a cart.
    pub(super) fn write_quote_row(&self, call: &Call<'_>, id: &str, rest: &[&str]) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let at = position(&shop, named("quotes")?, id).ok_or(Refusal::NOT_FOUND)?;
        match (call.method.as_str(), rest) {
            ("POST", []) => {
                let fields = Fields::of(call, "quoteProduct")?;
                let variant = fields.members().get("variant").and_then(body::id_of);
                let variant = variant.filter(|id| shop.variants.find(*id).is_some());
                let goods = Goods {
                    variant: Some(variant.ok_or(Refusal::INVALID)?),
                    quantity: quantity(&fields)?.unwrap_or(1),
                };
                let row = self.add_to_cart(&mut shop, at, goods).ok_or(Refusal::INVALID)?;
                Ok(Reply::created(self.written_row(call, &shop, at, &row)))
            }
            ("PUT", [row_id]) => {
                let mut row = row_of(&shop, at, row_id)?;
                let fields = Fields::of(call, "quoteProduct")?;
                row.quantity = quantity(&fields)?.unwrap_or(row.quantity);
                self.set_row(&mut shop, at, row);
                Ok(Reply::ok(self.written_row(call, &shop, at, &row)))
            }
            _ => Err(Refusal::METHOD),
        }
    }

    /// Takes a row out of a cart.
    pub(super) fn delete_quote_row(&self, id: &str, row_id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let at = position(&shop, named("quotes")?, id).ok_or(Refusal::NOT_FOUND)?;
        let row = row_of(&shop, at, row_id)?;
        self.take_from_cart(&mut shop, at, row.ordinal);
        Ok(Reply::gone())
    }

    /// Makes an order of a cart; the cart stays (lightspeed-ecom.md §9.3 #70).
    pub(super) fn convert_quote(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let (quote, customer, goods) = {
            let shop = self.shop();
            let at = position(&shop, named("quotes")?, id).ok_or(Refusal::NOT_FOUND)?;
            let record = shop.quotes.get(at).ok_or(Refusal::NOT_FOUND)?;
            if record.is_ordered || record.rows.is_empty() {
                return Err(Refusal::INVALID);
            }
            let customer = shop.customer_id(record.customer).ok_or(Refusal::INVALID)?;
            (shop.quotes.id(at), customer, goods_of(&shop, at))
        };
        let order = self.place_order(NewOrder {
            buyer: Buyer::Customer(customer),
            goods,
            quote: Some(quote),
            is_newsletter: false,
            discount_percent: 0,
        });
        let order = order.ok_or(Refusal::INVALID)?;
        let shop = self.shop();
        let of = named("orders")?;
        let at = position(&shop, of, &order.to_string()).ok_or(Refusal::NOT_FOUND)?;
        Ok(Reply::created(self.written(call, &shop, of, at)))
    }

    fn written_row(&self, call: &Call<'_>, shop: &Shop, at: usize, row: &Row) -> Vec<u8> {
        let mut out = self.style(For::Answer, call.language).out(2_048);
        out.open();
        out.key("quoteProduct");
        if let Some(quote) = shop.quotes.get(at) {
            write::quote_row(&mut out, shop, at, quote, row);
        }
        out.close();
        out.buf
    }
}

/// Finds a row of the cart at `at` by the id in a path.
fn row_of(shop: &Shop, at: usize, row_id: &str) -> Result<Row, Refusal> {
    let wanted: u64 = row_id.parse().map_err(|_| Refusal::NOT_FOUND)?;
    let rows = shop.quotes.get(at).map(|quote| &*quote.rows).unwrap_or_default();
    let row = rows.iter().find(|row| shop.quote_row_id(at, row) == wanted);
    row.copied().ok_or(Refusal::NOT_FOUND)
}

fn quantity(fields: &Fields) -> Result<Option<u16>, Refusal> {
    let sent = fields.int("quantity")?;
    let quantity = |n: i64| u16::try_from(n).ok().filter(|n| *n > 0).ok_or(Refusal::INVALID);
    sent.map(quantity).transpose()
}
