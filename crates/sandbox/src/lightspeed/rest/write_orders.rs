//! PUT of orders, shipments and variants, with what follows from them.

use super::body::Fields;
use super::read::position;
use super::write::named;
use super::{Call, Refusal, Reply};
use crate::lightspeed::Simulator;
use crate::lightspeed::records::{Payment, Sending, Status};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;

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
        let now_s = self.now_s();
        if let Some(order) = shop.orders.get_mut(at) {
            order.updated_s = now_s;
            order.status = status
                .filter(|status| *status != Status::CANCELLED)
                .unwrap_or(order.status);
            order.payment = payment.filter(|to| *to != Payment::Paid).unwrap_or(order.payment);
            order.sending = sending
                .filter(|to| *to != Sending::Shipped)
                .unwrap_or(order.sending);
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

    /// Changes a shipment; `shipped` ships the order.
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
        let is_told = status == Some(Sending::Shipped) && self.ship(&mut shop, at, code.as_deref());
        if !is_told {
            self.change_shipment(&mut shop, at, status, code);
        }
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }

    fn change_shipment(&self, shop: &mut Shop, at: usize, status: Option<Sending>, code: Option<String>) {
        let now_s = self.now_s();
        if let Some(order) = shop.orders.get_mut(at) {
            order.sending = status.unwrap_or(order.sending);
            order.shipment_updated_s = now_s;
            if let Some(code) = code {
                order.tracking_code = code.into_boxed_str();
            }
        }
        self.tell(shop, Item::Shipment, "updated", at);
    }

    /// Changes stock, price or codes of a variant.
    pub(super) fn put_variant(&self, call: &Call<'_>, id: &str) -> Result<Reply, Refusal> {
        let mut shop = self.shop();
        let of = named("variants")?;
        let at = position(&shop, of, id).ok_or(Refusal::NOT_FOUND)?;
        let fields = Fields::of(call, "variant")?;
        let (stock, price_e4) = (fields.int("stockLevel")?, fields.amount_e4("priceIncl")?);
        let (article_code, ean, sku) = (
            fields.text("articleCode")?,
            fields.text("ean")?,
            fields.text("sku")?,
        );
        let now_s = self.now_s();
        if let Some(variant) = shop.variants.get_mut(at) {
            variant.stock = stock.unwrap_or(variant.stock);
            variant.price_incl_e4 = price_e4.unwrap_or(variant.price_incl_e4);
            variant.article_code = article_code.unwrap_or_else(|| variant.article_code.clone());
            variant.ean = ean.unwrap_or_else(|| variant.ean.clone());
            variant.sku = sku.unwrap_or_else(|| variant.sku.clone());
            variant.updated_s = now_s;
        }
        self.tell(&mut shop, Item::Variant, "updated", at);
        Ok(Reply::ok(self.written(call, &shop, of, at)))
    }
}
