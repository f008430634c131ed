//! Loads what decides whether carts are closed: the carts and orders of one person (mission F10; docs/spec/carts.md).

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::entity::{Quote, QuoteRow};
use schakel_core::golden;
use schakel_core::id::RelationId;
use schakel_core::record::{Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{StoreError, WriteTx};

use super::Loaded;
use crate::hub::Hub;

/// The rows that a cart has or had.
pub(super) fn rows_ever(quote: &Quote) -> impl Iterator<Item = &QuoteRow> {
    quote
        .rows
        .iter()
        .chain(quote.gone_rows.iter().map(|gone| &gone.row))
}

impl Loaded {
    /// Tells whether a cart is closed by an order ([`golden::is_closed`]).
    pub(in crate::plan) fn is_ordered(&self, quote: &RecordKey) -> bool {
        let changed_at = self.held(quote).and_then(Held::moment);
        let ordered_at = self.owner(quote).and_then(|owner| self.ordered_at.get(&owner));
        golden::is_closed(
            self.ordered_quotes.contains(quote),
            changed_at,
            ordered_at.copied(),
        )
    }

    /// Loads the nodes of persons whose nodes are not loaded yet.
    pub(super) async fn load_members(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        people: &BTreeSet<RelationId>,
    ) -> Result<(), StoreError> {
        let missing = people.iter().filter(|id| !self.members.contains_key(id));
        let missing: Vec<RelationId> = missing.copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let nodes = tx.nodes_of(hub.tenant, scope, &missing).await?;
        self.members
            .extend(missing.into_iter().map(|id| (id, Vec::new())));
        for node in nodes {
            if let Some(relation) = node.relation {
                self.members.entry(relation).or_default().push(node.key);
                self.keys_of.entry(relation).or_default().extend(node.keys);
                self.relation_of.entry(node.key).or_insert(relation);
            }
        }
        Ok(())
    }

    /// Adds the carts of everybody who changed or of whom an order or cart is planned, where a route delivers carts:
    /// each order of a person may close them, and an order that now belongs to somebody else may open them.
    pub(super) async fn carts_of_people(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
    ) -> Result<(), StoreError> {
        let named: Vec<RecordKey> = self.quotes.iter().copied().collect();
        self.bind(hub, tx, scope, named).await?;
        if !hub.routes_of_scope(scope).any(|route| route.has_quotes) {
            return Ok(());
        }
        let mut people = self.changed.clone();
        let targets = self.orders.iter().chain(&self.quotes);
        people.extend(targets.filter_map(|key| self.owner(key)));
        people.extend(
            self.former_owners
                .iter()
                .filter_map(|key| self.relation_of.get(key)),
        );
        self.load_members(hub, tx, scope, &people).await?;
        let customers = self.members_of_kind(&people, RecordKind::Customer);
        let carts = tx.owned(hub.tenant, &[RecordKind::Quote], &customers).await?;
        self.quotes.extend(carts.iter().map(|row| row.held.key));
        self.keep(carts);
        self.carts_by_checkout(hub, tx, scope, &people).await?;
        let with_carts: BTreeSet<RelationId> = self.quotes.iter().filter_map(|key| self.owner(key)).collect();
        self.load_members(hub, tx, scope, &with_carts).await?;
        self.note_orders(hub, tx, &with_carts).await
    }

    /// Notes when the persons `people` placed their newest order.
    async fn note_orders(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        people: &BTreeSet<RelationId>,
    ) -> Result<(), StoreError> {
        // Orders without a customer are members themselves.
        let own = self.members_of_kind(people, RecordKind::Order);
        self.records(hub, tx, own).await?;
        let customers = self.members_of_kind(people, RecordKind::Customer);
        let stored = tx.moments(hub.tenant, RecordKind::Order, &customers).await?;
        let mut ordered_at: BTreeMap<RelationId, Timestamp> = BTreeMap::new();
        let mut note = |owner: Option<RelationId>, at: Option<Timestamp>| {
            if let (Some(owner), Some(at)) = (owner, at) {
                let newest = ordered_at.entry(owner).or_insert(at);
                *newest = at.max(*newest);
            }
        };
        // What is in memory may be newer than what is stored.
        for moment in stored.iter().filter(|moment| self.is_unknown(&moment.key)) {
            note(self.relation_of.get(&moment.owner).copied(), moment.at);
        }
        for row in self.records.values().flatten() {
            if row.held.key.kind == RecordKind::Order {
                note(self.owner(&row.held.key), row.held.moment());
            }
        }
        self.ordered_at = ordered_at;
        Ok(())
    }

    pub(super) fn members_of_kind(&self, people: &BTreeSet<RelationId>, kind: RecordKind) -> Vec<RecordKey> {
        let members = people.iter().filter_map(|id| self.members.get(id)).flatten();
        members.filter(|key| key.kind == kind).copied().collect()
    }

    /// Notes what must be fetched before the rows of a cart are complete, where a route wants them. Asked once for each
    /// version: an answer without rows is not asked for again.
    pub(super) fn want_cart_rows(
        &self,
        key: &RecordKey,
        quote: &Quote,
        wanted: &mut BTreeMap<RecordKey, &'static str>,
    ) {
        let is_wanted = self.wants_of(key.connection).has_quote_rows;
        let Some(held) = self.held(key).filter(|_| is_wanted) else {
            return;
        };
        let live_at = held.live.as_ref().map(|(version, ..)| version.at);
        let asked_at = held.fetched.as_ref().map(|(version, _)| version.at);
        // A history reads the rows of carts by itself, the newest first.
        let is_history = self.class == Class::Backfill;
        if !is_history && held.are_rows_due() && asked_at < live_at {
            wanted.entry(*key).or_insert("rows");
        }
        for row in &quote.rows {
            let product = RecordKey::new(key.connection, RecordKind::Product, row.product_id);
            let variant = RecordKey::new(key.connection, RecordKind::Variant, row.variant_id);
            for (thing, reason) in [(product, "product"), (variant, "variant")] {
                if thing.remote_id > 0 && self.is_unknown(&thing) {
                    wanted.entry(thing).or_insert(reason);
                }
            }
        }
    }
}
