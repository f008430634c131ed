//! Loads what stands around orders and carts: shipments, carts, customers, products and variants.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::id::ConnectionId;
use schakel_core::record::{RecordKey, RecordKind};
use schakel_store::{StoreError, WriteTx};

use super::Loaded;
use super::carts::rows_ever;
use crate::hub::Hub;

/// Names a thing near `key`; `None` for id 0.
fn near(key: &RecordKey, kind: RecordKind, id: i64) -> Option<RecordKey> {
    (id > 0).then(|| RecordKey::new(key.connection, kind, id))
}

impl Loaded {
    /// Loads shipments, carts, customers, products and variants of the orders.
    pub(super) async fn around_orders(&mut self, hub: &Hub, tx: &mut WriteTx) -> Result<(), StoreError> {
        let orders: Vec<RecordKey> = self.orders.iter().copied().collect();
        let shipments = tx.owned(hub.tenant, &[RecordKind::Shipment], &orders).await?;
        self.keep(shipments);
        for row in self.records.values().flatten() {
            if let (RecordKind::Shipment, Some(order)) = (row.held.key.kind, row.owner) {
                self.shipments.entry(order).or_default().push(row.held.key);
            }
        }
        let mut around = BTreeSet::new();
        for key in &orders {
            let Some((_, order)) = self.order(key) else {
                continue;
            };
            around.extend(near(key, RecordKind::Quote, order.quote_id));
            around.extend(near(key, RecordKind::Customer, order.customer_id));
            let rows = order
                .rows
                .iter()
                .chain(order.gone_rows.iter().map(|gone| &gone.row));
            for row in rows {
                around.extend(near(key, RecordKind::Product, row.product_id));
                around.extend(near(key, RecordKind::Variant, row.variant_id));
            }
        }
        self.records(hub, tx, around.into_iter().collect()).await
    }

    /// Loads customers, products and variants of the carts, and notes from which carts an order was placed.
    pub(super) async fn around_quotes(&mut self, hub: &Hub, tx: &mut WriteTx) -> Result<(), StoreError> {
        let mut around = BTreeSet::new();
        let mut quotes: BTreeMap<ConnectionId, Vec<i64>> = BTreeMap::new();
        for key in &self.quotes {
            quotes.entry(key.connection).or_default().push(key.remote_id);
            around.extend(self.records.get(key).and_then(|row| row.as_ref()?.owner));
            for row in self
                .quote(key)
                .into_iter()
                .flat_map(|(_, quote)| rows_ever(quote))
            {
                around.extend(near(key, RecordKind::Product, row.product_id));
                around.extend(near(key, RecordKind::Variant, row.variant_id));
            }
        }
        self.records(hub, tx, around.into_iter().collect()).await?;
        for (connection, ids) in quotes {
            for kind in [RecordKind::Order, RecordKind::Checkout] {
                let referring = tx.referring(hub.tenant, kind, connection, &ids).await?;
                self.keep(referring);
            }
        }
        let ordered = self.records.values().flatten().filter(|row| row.held.is_order());
        let carts = ordered.filter_map(|row| near(&row.held.key, RecordKind::Quote, row.ref_id));
        self.ordered_quotes = carts.collect();
        Ok(())
    }
}
