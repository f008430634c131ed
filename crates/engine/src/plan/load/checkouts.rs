//! Loads whose the carts are that name no customer: what the checkouts say that were begun with them (mission A18, C6;
//! docs/spec/carts.md, section 3).

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::delivery::ObjectKind;
use schakel_core::entity::Checkout;
use schakel_core::id::{ConnectionId, RelationId};
use schakel_core::identity::{self, MatchKey};
use schakel_core::record::{Content, RecordKey, RecordKind, Version};
use schakel_store::{RecordRow, StoreError, WriteTx};

use super::{Loaded, entity_key};
use crate::hub::Hub;

/// Whom the newest checkout of a cart that names somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    customer: Option<RecordKey>,
    email: Option<MatchKey>,
}

impl Loaded {
    /// Tells whether a cart that stands in a sink belongs to nobody any more.
    pub(in crate::plan) fn is_nobodys(&self, cart: &RecordKey) -> bool {
        self.nobodys.contains(cart)
    }

    /// Adds the carts that checkouts tie to `people`, or tied until now to whoever had a key.
    pub(super) async fn carts_by_checkout(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        people: &BTreeSet<RelationId>,
    ) -> Result<(), StoreError> {
        let keys = people.iter().filter_map(|id| self.keys_of.get(id)).flatten();
        let labels: BTreeSet<String> = keys
            .chain(&self.former_keys)
            .map(|key| key.digest(&hub.hub_key))
            .collect();
        let labels: Vec<String> = labels.into_iter().collect();
        let customers = self.members_of_kind(people, RecordKind::Customer);
        let mut carts = tx.carts_by_owner(hub.tenant, &customers).await?;
        carts.append(&mut tx.carts_by_label(hub.tenant, &labels).await?);
        carts.retain(|cart| {
            let source = hub.sources.get(&cart.connection);
            source.is_some_and(|source| source.scope == scope)
        });
        self.records(hub, tx, carts.clone()).await?;
        carts.retain(|cart| !self.quotes.contains(cart) && self.names_nobody(cart));
        self.quotes.extend(&carts);
        self.bind(hub, tx, scope, carts).await
    }

    /// Finds whose those of `carts` are that name no customer. One that stands in a sink and is nobody's any more stays
    /// with whom it was, closed.
    pub(super) async fn bind(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        mut carts: Vec<RecordKey>,
    ) -> Result<(), StoreError> {
        carts.retain(|cart| self.names_nobody(cart));
        if carts.is_empty() {
            return Ok(());
        }
        self.checkouts_of(hub, tx, &carts).await?;
        let named = self.named(&carts);
        let mut bound = self.persons(hub, tx, scope, &named).await?;
        let all: BTreeSet<RelationId> = bound.values().copied().collect();
        self.load_members(hub, tx, scope, &all).await?;
        self.keep_shared(hub, &mut bound);
        carts.retain(|cart| !bound.contains_key(cart));
        let left = self.last_holders(hub, tx, scope, &carts).await?;
        self.nobodys.extend(left.keys());
        bound.extend(left);
        let ids: BTreeSet<RelationId> = bound.values().copied().collect();
        let ids: Vec<RelationId> = ids.into_iter().collect();
        let rows = tx.relations(hub.tenant, &ids).await?;
        for row in rows {
            self.relations.entry(row.id).or_insert(row);
        }
        self.relation_of.extend(bound);
        Ok(())
    }

    /// Tells whether a cart is held and names no customer.
    fn names_nobody(&self, cart: &RecordKey) -> bool {
        let row = self.records.get(cart).and_then(Option::as_ref);
        row.is_some_and(|row| row.owner.is_none() && row.held.live.is_some())
    }

    /// Loads the checkouts that name `carts`.
    async fn checkouts_of(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        carts: &[RecordKey],
    ) -> Result<(), StoreError> {
        let mut by_connection: BTreeMap<ConnectionId, Vec<i64>> = BTreeMap::new();
        for cart in carts {
            by_connection
                .entry(cart.connection)
                .or_default()
                .push(cart.remote_id);
        }
        for (connection, ids) in by_connection {
            let checkouts = tx
                .referring(hub.tenant, RecordKind::Checkout, connection, &ids)
                .await?;
            self.keep(checkouts);
        }
        Ok(())
    }

    /// Gives whom the checkouts of `carts` name: of several that name somebody the one of the newest version counts,
    /// also one that the shop has removed since.
    fn named(&self, carts: &[RecordKey]) -> BTreeMap<RecordKey, Named> {
        let carts: BTreeSet<&RecordKey> = carts.iter().collect();
        let mut newest: BTreeMap<RecordKey, ((Version, RecordKey), Named)> = BTreeMap::new();
        for row in self.records.values().flatten() {
            let key = row.held.key;
            let (Some(cart), Some((version, checkout))) = (cart_of(row), checkout_of(row)) else {
                continue;
            };
            let customer = RecordKey::new(key.connection, RecordKind::Customer, checkout.customer_id);
            let named = Named {
                customer: (checkout.customer_id > 0).then_some(customer),
                email: MatchKey::email(&checkout.email),
            };
            let is_somebody = named.customer.is_some() || named.email.is_some();
            let rank = (version, key);
            let is_newest = newest.get(&cart).is_none_or(|(known, _)| *known < rank);
            if carts.contains(&cart) && is_somebody && is_newest {
                newest.insert(cart, (rank, named));
            }
        }
        newest
            .into_iter()
            .map(|(cart, (_, named))| (cart, named))
            .collect()
    }

    /// Gives the person of each cart: that of the customer, else the only one who has the address.
    async fn persons(
        &self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        named: &BTreeMap<RecordKey, Named>,
    ) -> Result<BTreeMap<RecordKey, RelationId>, StoreError> {
        let customers: BTreeSet<RecordKey> = named.values().filter_map(|named| named.customer).collect();
        let customers: Vec<RecordKey> = customers.into_iter().collect();
        let nodes = tx.nodes(hub.tenant, scope, &customers).await?;
        let of_customer: BTreeMap<RecordKey, RelationId> = nodes
            .into_iter()
            .filter_map(|node| Some((node.key, node.relation?)))
            .collect();
        let keys: BTreeSet<&MatchKey> = named.values().filter_map(|named| named.email.as_ref()).collect();
        let of_key = persons_by_key(hub, tx, scope, keys.into_iter().cloned().collect()).await?;
        let person = |named: &Named| {
            let by_customer = named.customer.and_then(|key| of_customer.get(&key));
            by_customer.or_else(|| of_key.get(named.email.as_ref()?)).copied()
        };
        Ok(named
            .iter()
            .filter_map(|(cart, named)| Some((*cart, person(named)?)))
            .collect())
    }

    /// Drops the carts of those who do not stand in every sink of the cart's shop; each person is looked at once.
    fn keep_shared(&self, hub: &Hub, carts: &mut BTreeMap<RecordKey, RelationId>) {
        let mut shared: BTreeMap<(RelationId, ConnectionId), bool> = BTreeMap::new();
        carts.retain(|cart, relation| {
            let of = (*relation, cart.connection);
            *shared
                .entry(of)
                .or_insert_with(|| self.shares_sinks(hub, of.0, of.1))
        });
    }

    /// Tells whether every sink of a shop hears of a person, whose members are loaded: under a profile that is not there
    /// a cart cannot stand.
    fn shares_sinks(&self, hub: &Hub, relation: RelationId, connection: ConnectionId) -> bool {
        let members = self.members.get(&relation).map_or(&[][..], Vec::as_slice);
        hub.routes_from(connection).all(|route| {
            let mut theirs = members.iter().flat_map(|key| hub.routes_from(key.connection));
            theirs.any(|other| other.sink == route.sink)
        })
    }

    /// Gives under whom the carts were planned last, where he is still there.
    async fn last_holders(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        carts: &[RecordKey],
    ) -> Result<BTreeMap<RecordKey, RelationId>, StoreError> {
        let names: Vec<_> = carts
            .iter()
            .map(|cart| entity_key(cart, ObjectKind::Quote, cart.remote_id))
            .collect();
        let rows = tx.entities(hub.tenant, &names).await?;
        let cart = |row: &schakel_store::EntityRow| {
            RecordKey::new(row.key.connection, RecordKind::Quote, row.key.remote_id)
        };
        let mut last: BTreeMap<RecordKey, RelationId> =
            rows.iter().map(|row| (cart(row), row.relation)).collect();
        let ids: BTreeSet<RelationId> = last.values().copied().collect();
        let ids: Vec<RelationId> = ids.into_iter().collect();
        let aliases: BTreeMap<RelationId, RelationId> = tx
            .relations(hub.tenant, &ids)
            .await?
            .into_iter()
            .filter_map(|row| Some((row.id, row.alias_of?)))
            .collect();
        for relation in last.values_mut() {
            *relation = aliases.get(relation).copied().unwrap_or(*relation);
        }
        let all: BTreeSet<RelationId> = last.values().copied().collect();
        self.load_members(hub, tx, scope, &all).await?;
        self.keep_shared(hub, &mut last);
        Ok(last)
    }
}

/// Gives the only person who has each key. One that joins nobody, or that persons share, leads to nobody.
async fn persons_by_key(
    hub: &Hub,
    tx: &mut WriteTx,
    scope: i64,
    keys: Vec<MatchKey>,
) -> Result<BTreeMap<MatchKey, RelationId>, StoreError> {
    let counts = tx.match_key_counts(hub.tenant, scope, &keys).await?;
    let evident = counts.into_iter().filter(|(key, count)| {
        let holders = usize::try_from(*count).unwrap_or(usize::MAX);
        identity::is_evidence(key, holders, &hub.blocked)
    });
    let evident: Vec<MatchKey> = evident.map(|(key, _)| key).collect();
    let mut holders: BTreeMap<MatchKey, BTreeSet<RelationId>> = BTreeMap::new();
    for node in tx.nodes_by_keys(hub.tenant, scope, &evident).await? {
        for key in node.keys {
            holders.entry(key).or_default().extend(node.relation);
        }
    }
    holders.retain(|key, persons| persons.len() == 1 && evident.contains(key));
    let only = holders
        .into_iter()
        .filter_map(|(key, persons)| Some((key, persons.first().copied()?)));
    Ok(only.collect())
}

/// Gives what a checkout says, with its version.
fn checkout_of(row: &RecordRow) -> Option<(Version, &Checkout)> {
    match row.held.live.as_ref()? {
        (version, _, Content::Checkout(checkout)) => Some((*version, checkout)),
        _ => None,
    }
}

/// Gives the cart that a checkout names.
fn cart_of(row: &RecordRow) -> Option<RecordKey> {
    let key = row.held.key;
    let is_one = key.kind == RecordKind::Checkout && row.ref_id > 0;
    is_one.then(|| RecordKey::new(key.connection, RecordKind::Quote, row.ref_id))
}
