//! Writes to orders, invoices and shipments, with what follows from them.

use serde_json::Value;

use super::body::{self, Fields};
use super::read::position;
use super::write::named;
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::acts::Refund;
use crate::lightspeed::records::{Payment, Sending, Status};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;
use crate::lightspeed::write::{self, For};

impl Simulator {
    /// Changes an order; payment and sending cascade (lightspeed-ecom.md §9.3 #61, #62).
    pub(super) fn put_order(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("orders")?;
        let at = position(&shop, of, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "order")?;
        let word = |key: &str| fields.text(key);
        let status = word("status")?
            .map(|word| Status::of(&word).ok_or(Refusal::INVALID))
            .transpose()?;
        let payment = word("paymentStatus")?.map(|word| Payment::of(&word).ok_or(Refusal::INVALID));
        let sending = word("shipmentStatus")?.map(|word| Sending::of(&word).ok_or(Refusal::INVALID));
        let (payment, sending) = (payment.transpose()?, sending.transpose()?);
        let custom_status = fields.int("customStatusId")?;
        let memo = word("memo")?;
        let id = shop.orders.id(at);
        body::keep(&mut shop, ("orders", id), &fields)?;
        let now_s = self.now_s();
        if let Some(order) = shop.orders.get_mut(at) {
            order.updated_s = now_s;
            order.status = status
                .filter(|status| *status != Status::CANCELLED)
                .unwrap_or(order.status);
            order.payment = payment.filter(|to| *to != Payment::Paid).unwrap_or(order.payment);
            if let Some(sending) = sending.filter(|to| *to != Sending::Shipped) {
                order.sending = sending;
                order.first_sending = sending;
            }
            if let Some(custom_status) = custom_status {
                order.custom_status = u64::try_from(custom_status).ok();
            }
            if let Some(memo) = memo {
                order.memo = memo.into_boxed_str();
            }
        }
        // What cascades comes last, so that the deliveries carry the plain fields too.
        let is_paid = payment == Some(Payment::Paid) && self.pay(&mut shop, at);
        let is_shipped = sending == Some(Sending::Shipped) && self.ship(&mut shop, at, None);
        let is_cancelled = status == Some(Status::CANCELLED) && self.cancel(&mut shop, at);
        let has_told = is_paid || is_shipped || is_cancelled;
        if !has_told && !fields.is_empty() {
            self.tell(&mut shop, Item::Order, "updated", at);
        }
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    /// Changes a shipment; `shipped` ships it, and the order when it is the last.
    pub(super) fn put_shipment(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("shipments")?;
        let at = position(&shop, of, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "shipment")?;
        let code = fields.text("trackingCode")?;
        let status = fields
            .text("status")?
            .map(|word| Sending::of(&word).ok_or(Refusal::INVALID));
        let status = status.transpose()?;
        body::keep(&mut shop, ("shipments", number(id)?), &fields)?;
        let parcel = at.checked_sub(shop.orders.positions());
        let is_shipped = status == Some(Sending::Shipped);
        let is_told = is_shipped
            && match parcel {
                None => self.ship_first(&mut shop, at, code.as_deref()),
                Some(place) => self.ship_parcel(&mut shop, place, code.as_deref()),
            };
        if !is_told {
            self.change_shipment(&mut shop, (at, parcel), status, code);
        }
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    fn change_shipment(
        &self,
        shop: &mut Shop,
        (at, parcel): (usize, Option<usize>),
        status: Option<Sending>,
        code: Option<String>,
    ) {
        let now_s = self.now_s();
        let code = code.map(String::into_boxed_str);
        if let Some(place) = parcel {
            if let Some(parcel) = shop.parcels.get_mut(place) {
                parcel.sending = status.unwrap_or(parcel.sending);
                parcel.updated_s = now_s;
                parcel.tracking_code = code.unwrap_or_else(|| parcel.tracking_code.clone());
            }
            self.tell(shop, Item::Parcel, "updated", place);
            return;
        }
        if let Some(order) = shop.orders.get_mut(at) {
            order.first_sending = status.unwrap_or(order.first_sending);
            order.shipment_updated_s = now_s;
            order.tracking_code = code.unwrap_or_else(|| order.tracking_code.clone());
        }
        self.tell(shop, Item::Shipment, "updated", at);
    }

    /// Changes an invoice; `paid` pays the order.
    pub(super) fn put_invoice(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("invoices")?;
        let at = position(&shop, of, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "invoice")?;
        let status = fields
            .text("status")?
            .map(|word| Payment::of(&word).ok_or(Refusal::INVALID));
        let status = status.transpose()?;
        body::keep(&mut shop, ("invoices", number(id)?), &fields)?;
        let now_s = self.now_s();
        match at.checked_sub(shop.orders.positions()) {
            Some(place) => {
                if let Some(credit) = shop.credits.get_mut(place) {
                    credit.status = status.unwrap_or(credit.status);
                    credit.updated_s = now_s;
                }
                self.tell(&mut shop, Item::Credit, "updated", place);
            }
            None if status == Some(Payment::Paid) && self.pay(&mut shop, at) => {}
            None => {
                if let Some(order) = shop.orders.get_mut(at) {
                    order.payment = status.unwrap_or(order.payment);
                    order.invoice_updated_s = now_s;
                }
                self.tell(&mut shop, Item::Invoice, "updated", at);
            }
        }
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    /// Makes a credit invoice of an order (lightspeed-ecom.md §5.7).
    pub(super) fn post_credit(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let at = position(&shop, named("orders")?, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "credit")?;
        let Some(Value::Array(rows)) = fields.members().get("orderProducts") else {
            return Err(Refusal::INVALID);
        };
        let piece = |row: &Value| {
            let quantity = body::id_of(row.get("quantity")?)?;
            Some((body::id_of(row.get("id")?)?, u16::try_from(quantity).ok()?))
        };
        let pieces: Option<Vec<(u64, u16)>> = rows.iter().map(piece).collect();
        let refund = Refund {
            order: shop.orders.id(at),
            pieces: pieces.ok_or(Refusal::INVALID)?,
            has_shipping: fields.flag("creditShipment")?.unwrap_or(false),
            is_stock_updated: fields.flag("updateStock")?.unwrap_or(false),
        };
        let place = self.credit(&mut shop, at, &refund).ok_or(Refusal::INVALID)?;
        let mut out = self.style(For::Answer, call.language).out(2_048);
        out.open();
        out.key("credit");
        write::credit(&mut out, &shop, place);
        out.close();
        Ok(Reply::created(out.buf))
    }

    /// Deletes an entry of the old list of events.
    pub(super) fn delete_event(&self, id: &str) -> Result<Reply, Refusal> {
        let id: u64 = id.parse().map_err(|_| Refusal::NOT_FOUND)?;
        let mut shop = self.shop();
        let found = shop.orders.iter().find_map(|(at, order)| {
            let nth = (0..order.events.len()).find(|nth| shop.event_id(at, *nth) == id)?;
            Some((at, nth))
        });
        let (at, nth) = found.ok_or(Refusal::NOT_FOUND)?;
        if let Some(order) = shop.orders.get_mut(at) {
            order.events.remove(nth);
        }
        Ok(Reply::gone())
    }
}

/// Reads the id of a path.
fn number(id: &str) -> Result<u64, Refusal> {
    id.parse().map_err(|_| Refusal::NOT_FOUND)
}
