//! What follows an order on paper: shipments, several of them too, and credit invoices.

use super::orders::note;
use super::{Refund, Sent, Split};
use crate::lightspeed::Simulator;
use crate::lightspeed::records::{Credit, EventKind, Movement, Parcel, Payment, Pieces, Sending, Status};
use crate::lightspeed::state::Shop;
use crate::lightspeed::webhooks::Item;

impl Simulator {
    /// Hands an order to the carrier; `false` when it is unknown or sent already.
    pub fn ship_order(&self, sent: &Sent) -> bool {
        let mut shop = self.shop();
        let Some(at) = shop.orders.find(sent.order) else {
            return false;
        };
        self.ship(&mut shop, at, Some(&sent.tracking_code))
    }

    /// Ships the order at `at` with all its shipments, unless it is shipped.
    pub(crate) fn ship(&self, shop: &mut Shop, at: usize, tracking_code: Option<&str>) -> bool {
        let is_shipped = |shop: &Shop| {
            shop.orders
                .get(at)
                .is_none_or(|order| order.sending == Sending::Shipped)
        };
        if is_shipped(shop) {
            return false;
        }
        for parcel in parcels_of(shop, at) {
            self.ship_parcel(shop, parcel, tracking_code);
        }
        self.ship_first(shop, at, tracking_code);
        true
    }

    /// Ships the first shipment of the order at `at`, unless it is shipped.
    pub(crate) fn ship_first(&self, shop: &mut Shop, at: usize, tracking_code: Option<&str>) -> bool {
        let now_s = self.now_s();
        let kept: Vec<u16> = match shop.orders.get(at) {
            Some(order) if order.first_sending != Sending::Shipped => order
                .rows
                .iter()
                .map(|row| shop.pieces_in_parcels(at, row.ordinal))
                .collect(),
            _ => return false,
        };
        if let Some(order) = shop.orders.get_mut(at) {
            order.first_sending = Sending::Shipped;
            order.shipment_updated_s = now_s;
            if let Some(code) = tracking_code {
                order.tracking_code = code.into();
            }
            for (row, kept) in order.rows.iter_mut().zip(kept) {
                row.shipped = row.shipped.saturating_add(row.quantity.saturating_sub(kept));
            }
        }
        self.shipped(shop, at, Item::Shipment, at);
        true
    }

    /// Ships the further shipment at `parcel`, unless it is shipped.
    pub(crate) fn ship_parcel(&self, shop: &mut Shop, parcel: usize, tracking_code: Option<&str>) -> bool {
        let now_s = self.now_s();
        let Some(record) = shop.parcels.get_mut(parcel) else {
            return false;
        };
        if record.sending == Sending::Shipped {
            return false;
        }
        record.sending = Sending::Shipped;
        record.updated_s = now_s;
        if let Some(code) = tracking_code {
            record.tracking_code = code.into();
        }
        let (at, pieces) = (record.order as usize, record.pieces.clone());
        if let Some(order) = shop.orders.get_mut(at) {
            for row in &mut order.rows {
                let sent = pieces.iter().find(|(ordinal, _)| *ordinal == row.ordinal);
                row.shipped = row.shipped.saturating_add(sent.map_or(0, |(_, count)| *count));
            }
        }
        self.shipped(shop, at, Item::Parcel, parcel);
        true
    }

    /// Draws the order's conclusions from a shipment that left, and tells.
    fn shipped(&self, shop: &mut Shop, at: usize, item: Item, place: usize) {
        let now_s = self.now_s();
        let is_whole = parcels_of(shop, at)
            .iter()
            .filter_map(|parcel| shop.parcels.get(*parcel))
            .all(|parcel| parcel.sending == Sending::Shipped);
        let Some(order) = shop.orders.get_mut(at) else {
            return;
        };
        let is_whole = is_whole && order.first_sending == Sending::Shipped;
        order.updated_s = now_s;
        note(order, now_s, &[EventKind::ShipmentShipped]);
        if is_whole {
            order.sending = Sending::Shipped;
            order.status = Status::COMPLETED_SHIPPED;
            note(order, now_s, &[EventKind::OrderShipped]);
        } else {
            order.sending = Sending::PartiallyShipped;
        }
        self.tell(shop, item, "updated", place);
        if self.burst.paid_and_shipped_update || !is_whole {
            self.tell(shop, Item::Order, "updated", at);
        }
        if is_whole {
            self.tell(shop, Item::Order, "shipped", at);
        }
    }

    /// Takes pieces out of an order's first shipment into a further one, and returns its id.
    ///
    /// `None` when the order is unknown or sent, or when it has not that many pieces of a row left.
    pub fn split_shipment(&self, split: &Split) -> Option<u64> {
        let now_s = self.now_s();
        let mut shop = self.shop();
        let at = shop.orders.find(split.order)?;
        let order = shop.orders.get(at)?;
        if order.first_sending != Sending::NotShipped {
            return None;
        }
        let mut pieces = Vec::new();
        for (row_id, count) in &split.pieces {
            let row = order
                .rows
                .iter()
                .find(|row| shop.order_row_id(at, row) == *row_id)?;
            let taken = shop.pieces_in_parcels(at, row.ordinal).checked_add(*count)?;
            if *count == 0 || taken > row.quantity {
                return None;
            }
            pieces.push((row.ordinal, *count));
        }
        let place = shop.parcels.push(Parcel {
            created_s: now_s,
            updated_s: now_s,
            order: u32::try_from(at).ok()?,
            pieces: pieces.into_boxed_slice(),
            sending: Sending::NotShipped,
            tracking_code: Box::default(),
        });
        if let Some(order) = shop.orders.get_mut(at) {
            order.updated_s = now_s;
            order.shipment_updated_s = now_s;
        }
        self.tell(&mut shop, Item::Parcel, "created", place);
        self.tell(&mut shop, Item::Shipment, "updated", at);
        self.tell(&mut shop, Item::Order, "updated", at);
        Some(shop.parcels.id(place))
    }

    /// Gives money back for pieces of an order, and returns the id of the credit invoice.
    ///
    /// `None` when the order is unknown, or when more pieces are asked for than were bought.
    pub fn refund(&self, refund: &Refund) -> Option<u64> {
        let mut shop = self.shop();
        let at = shop.orders.find(refund.order)?;
        let place = self.credit(&mut shop, at, refund)?;
        Some(shop.credits.id(place))
    }

    /// Makes a credit invoice of the order at `at`, and returns its position.
    pub(crate) fn credit(&self, shop: &mut Shop, at: usize, refund: &Refund) -> Option<usize> {
        let now_s = self.now_s();
        let order = shop.orders.get(at)?;
        let mut rows = order.rows.clone();
        let mut pieces = Vec::new();
        for (row_id, count) in &refund.pieces {
            let row = rows
                .iter_mut()
                .find(|row| shop.order_row_id(at, row) == *row_id)?;
            let refunded = row.refunded.checked_add(*count)?;
            if *count == 0 || refunded > row.quantity {
                return None;
            }
            row.refunded = refunded;
            pieces.push((row.ordinal, *count));
        }
        let pieces: Pieces = pieces.into_boxed_slice();
        let status = if order.payment == Payment::Paid {
            Payment::Paid
        } else {
            Payment::NotPaid
        };
        if let Some(order) = shop.orders.get_mut(at) {
            order.rows = rows;
            order.updated_s = now_s;
            order.invoice_updated_s = now_s;
            note(order, now_s, &[EventKind::InvoiceCredited]);
        }
        let place = shop.credits.push(Credit {
            created_s: now_s,
            updated_s: now_s,
            order: u32::try_from(at).ok()?,
            pieces: pieces.clone(),
            has_shipping: refund.has_shipping,
            status,
        });
        self.tell(shop, Item::Credit, "created", place);
        self.tell(shop, Item::Order, "updated", at);
        if refund.is_stock_updated {
            self.back_to_stock(shop, at, &pieces);
        }
        Some(place)
    }

    fn back_to_stock(&self, shop: &mut Shop, at: usize, pieces: &[(u8, u16)]) {
        let created_s = self.now_s();
        for row in shop.rows_of_pieces(at, pieces) {
            let Some(variant) = row.variant else { continue };
            shop.move_stock(Movement {
                created_s,
                variant,
                change: i64::from(row.quantity),
                is_order: true,
            });
            self.tell(shop, Item::Variant, "updated", variant as usize);
        }
    }

    /// Removes the further shipments and credit invoices of the order at `at`.
    pub(super) fn remove_papers(&self, shop: &mut Shop, at: usize) {
        for parcel in parcels_of(shop, at) {
            self.tell(shop, Item::Parcel, "deleted", parcel);
            shop.parcels.remove(parcel);
        }
        let credits: Vec<usize> = shop
            .credits
            .iter()
            .filter(|(_, credit)| credit.order as usize == at)
            .map(|(place, _)| place)
            .collect();
        for credit in credits {
            self.tell(shop, Item::Credit, "deleted", credit);
            shop.credits.remove(credit);
        }
    }
}

/// Returns the positions of the further shipments of the order at `at`.
fn parcels_of(shop: &Shop, at: usize) -> Vec<usize> {
    shop.parcels
        .iter()
        .filter(|(_, parcel)| parcel.order as usize == at)
        .map(|(place, _)| place)
        .collect()
}
