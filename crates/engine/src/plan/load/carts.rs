//! Loads what decides whether carts are closed: the carts and orders of one person (mission F10; docs/spec/carts.md).

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::entity::{Quote, QuoteRow};
use schakel_core::golden;
use schakel_core::id::{ConnectionId, RelationId};
use schakel_core::record::{Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{RelationRow, StoreError, Window, WriteTx};

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

    /// Adds the carts that may be open or closed otherwise than before, where a route delivers carts: of everybody who
    /// changed or of whom an order or cart is planned those between the newest order of before and that of now, and those
    /// that checkouts tie to whoever changed. An order that now belongs to somebody else may open carts.
    ///
    /// All others stay as they are, however many there are; those that move with their customer are planned anyway.
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
        let mut touched = self.note_orders(hub, tx, scope, &people).await?;
        touched.extend(&self.changed);
        self.carts_by_checkout(hub, tx, scope, &touched).await?;
        let owners = self.quotes.iter().filter_map(|key| self.owner(key));
        let others: BTreeSet<RelationId> = owners.filter(|owner| !people.contains(owner)).collect();
        self.note_orders(hub, tx, scope, &others).await.map(drop)
    }

    /// Notes when the persons `people` placed their newest order, and adds their carts that this closes or opens. Returns of
    /// whom it is another order than before.
    async fn note_orders(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        people: &BTreeSet<RelationId>,
    ) -> Result<BTreeSet<RelationId>, StoreError> {
        self.load_members(hub, tx, scope, people).await?;
        let newest = self.newest_orders(hub, tx, people).await?;
        let (mut touched, mut windows) = (BTreeSet::new(), Vec::new());
        for id in people {
            let now = newest.get(id).copied();
            let is_open = |row: &&mut RelationRow| row.alias_of.is_none() && !row.is_unconfirmed;
            let Some(row) = self.relations.get_mut(id).filter(is_open) else {
                continue;
            };
            let before = std::mem::replace(&mut row.ordered_at, now);
            let (Some(until), after) = (before.max(now), before.min(now)) else {
                continue;
            };
            if before != now {
                self.dirty_relations.insert(*id);
                touched.insert(*id);
                let customers = self.members_of_kind(&[*id].into(), RecordKind::Customer);
                windows.extend(customers.into_iter().map(|owner| Window { owner, after, until }));
            }
        }
        self.ordered_at.extend(newest);
        let carts = tx.carts_within(hub.tenant, &windows).await?;
        self.quotes.extend(&carts);
        self.records(hub, tx, carts).await?;
        Ok(touched)
    }

    /// Gives when each of `people` placed the newest order, of those who placed any.
    async fn newest_orders(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        people: &BTreeSet<RelationId>,
    ) -> Result<BTreeMap<RelationId, Timestamp>, StoreError> {
        // Orders without a customer are members themselves.
        let own = self.members_of_kind(people, RecordKind::Order);
        self.records(hub, tx, own).await?;
        // What is in memory may be newer than what is stored.
        let in_memory = self.records.values().flatten().map(|row| &row.held);
        let in_memory = in_memory.filter(|held| held.key.kind == RecordKind::Order);
        let (mut except, mut placed): (BTreeMap<ConnectionId, Vec<i64>>, Vec<_>) = Default::default();
        for held in in_memory {
            except
                .entry(held.key.connection)
                .or_default()
                .push(held.key.remote_id);
            placed.extend(self.owner(&held.key).zip(held.moment()));
        }
        let mut owners: BTreeMap<ConnectionId, Vec<RecordKey>> = BTreeMap::new();
        for customer in self.members_of_kind(people, RecordKind::Customer) {
            owners.entry(customer.connection).or_default().push(customer);
        }
        for (connection, owners) in owners {
            let except = except.get(&connection).map_or(&[][..], Vec::as_slice);
            let stored = tx.newest_orders(hub.tenant, connection, &owners, except).await?;
            placed.extend(
                stored
                    .iter()
                    .filter_map(|(owner, at)| Some((*self.relation_of.get(owner)?, *at))),
            );
        }
        let mut newest: BTreeMap<RelationId, Timestamp> = BTreeMap::new();
        for (person, at) in placed.into_iter().filter(|(person, _)| people.contains(person)) {
            let known = newest.entry(person).or_insert(at);
            *known = at.max(*known);
        }
        Ok(newest)
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
