//! Loads what planning needs, in bulk: records, relations, entities.

mod around;
mod carts;
mod checkouts;
mod groups;

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::delivery::ObjectKind;
use schakel_core::entity::{LanguageName, Order, Product, Quote, Shipment, Variant};
use schakel_core::forecast::Wants;
use schakel_core::id::{ConnectionId, EntityId, RelationId};
use schakel_core::identity::MatchKey;
use schakel_core::limits;
use schakel_core::record::{Content, Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{EntityKey, EntityRow, FetchRow, RecordRow, RelationRow, StoreError, WriteTx};

use self::carts::rows_ever;
use self::groups::groups_of;
use super::{Input, Planned};
use crate::hub::Hub;

/// Everything that planning looks at, in memory.
pub(super) struct Loaded {
    records: BTreeMap<RecordKey, Option<RecordRow>>,
    relation_of: BTreeMap<RecordKey, RelationId>,
    shipments: BTreeMap<RecordKey, Vec<RecordKey>>,
    /// Carts to which an order refers, or whose checkout became one.
    ordered_quotes: BTreeSet<RecordKey>,
    /// When each person placed the newest order, of the persons with carts to plan.
    ordered_at: BTreeMap<RelationId, Timestamp>,
    former_owners: BTreeSet<RecordKey>,
    former_keys: BTreeSet<MatchKey>,
    members: BTreeMap<RelationId, Vec<RecordKey>>,
    /// The keys of the records about each person of whom the members are known.
    keys_of: BTreeMap<RelationId, BTreeSet<MatchKey>>,
    /// Carts that stand in a sink and belong to nobody any more.
    nobodys: BTreeSet<RecordKey>,
    relations: BTreeMap<RelationId, RelationRow>,
    entities: BTreeMap<EntityKey, EntityRow>,
    dirty_entities: BTreeSet<EntityKey>,
    dirty_relations: BTreeSet<RelationId>,
    since: BTreeMap<RecordKey, Timestamp>,
    since_any: Timestamp,
    class: Class,
    /// What the routes of each source want.
    wants: BTreeMap<ConnectionId, Wants>,
    /// Persons to plan.
    pub changed: BTreeSet<RelationId>,
    /// Numbers that no sink may hold any more.
    pub absent: BTreeSet<RelationId>,
    /// Orders to plan.
    pub orders: BTreeSet<RecordKey>,
    /// Carts to plan.
    pub quotes: BTreeSet<RecordKey>,
    /// Customers' groups to plan.
    pub groups: BTreeSet<RecordKey>,
    /// Whoever changed before was read when all memberships were last listed, by shop; clocks may differ by hours.
    listed_at: BTreeMap<ConnectionId, Timestamp>,
    /// Numbers for entities that are to show one and have none yet.
    numbers: BTreeMap<EntityKey, i64>,
}

/// Loads what `input` needs and notes what must be fetched.
pub(super) async fn load(
    hub: &Hub,
    tx: &mut WriteTx,
    scope: i64,
    input: Input,
    planned: &mut Planned,
) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded {
        records: input.records,
        relation_of: input.relation_of,
        shipments: BTreeMap::new(),
        ordered_quotes: BTreeSet::new(),
        ordered_at: BTreeMap::new(),
        former_owners: input.former_owners,
        former_keys: input.former_keys,
        members: BTreeMap::new(),
        keys_of: BTreeMap::new(),
        nobodys: BTreeSet::new(),
        relations: BTreeMap::new(),
        entities: BTreeMap::new(),
        dirty_entities: BTreeSet::new(),
        dirty_relations: BTreeSet::new(),
        since: input.since,
        since_any: input.since_any,
        class: input.class,
        wants: hub.wants(),
        changed: input.changed,
        absent: input.absent,
        orders: input.orders,
        quotes: input.quotes,
        groups: input.groups,
        listed_at: BTreeMap::new(),
        numbers: BTreeMap::new(),
    };
    let targets: Vec<RecordKey> = loaded.targets().copied().collect();
    loaded.records(hub, tx, targets).await?;
    loaded.around_orders(hub, tx).await?;
    loaded.owners(hub, tx, scope).await?;
    loaded.carts_of_people(hub, tx, scope).await?;
    loaded.around_quotes(hub, tx).await?;
    loaded.add_mute_owners();
    loaded.people(hub, tx, scope).await?;
    loaded.groups_of_people(hub, tx).await?;
    loaded.entities(hub, tx).await?;
    loaded.number(hub, tx).await?;
    loaded.want(hub, planned);
    Ok(loaded)
}

impl Loaded {
    /// Gives a record that the hub holds.
    pub fn held(&self, key: &RecordKey) -> Option<&Held> {
        self.records.get(key)?.as_ref().map(|row| &row.held)
    }

    /// Gives an order with its record.
    pub fn order(&self, key: &RecordKey) -> Option<(&Held, &Order)> {
        let held = self.held(key)?;
        match held.live.as_ref()? {
            (_, _, Content::Order(order)) => Some((held, order)),
            _ => None,
        }
    }

    /// Gives a cart with its record.
    pub fn quote(&self, key: &RecordKey) -> Option<(&Held, &Quote)> {
        let held = self.held(key)?;
        match held.live.as_ref()? {
            (_, _, Content::Quote(quote)) => Some((held, quote)),
            _ => None,
        }
    }

    /// Gives a product that the hub holds.
    pub fn product(&self, connection: ConnectionId, id: i64) -> Option<&Product> {
        match self
            .held(&RecordKey::new(connection, RecordKind::Product, id))?
            .live
            .as_ref()?
        {
            (_, _, Content::Product(product)) => Some(product),
            _ => None,
        }
    }

    /// Gives a variant that the hub holds.
    pub fn variant(&self, connection: ConnectionId, id: i64) -> Option<&Variant> {
        match self
            .held(&RecordKey::new(connection, RecordKind::Variant, id))?
            .live
            .as_ref()?
        {
            (_, _, Content::Variant(variant)) => Some(variant),
            _ => None,
        }
    }

    /// Gives what the routes of a source want of it.
    fn wants_of(&self, source: ConnectionId) -> Wants {
        self.wants.get(&source).copied().unwrap_or(Wants::NOTHING)
    }

    /// Gives everything below persons that is to be planned, an order's rows with their order.
    fn targets(&self) -> impl Iterator<Item = &RecordKey> {
        self.orders.iter().chain(&self.quotes).chain(&self.groups)
    }

    /// Gives the shipments of an order that are not gone.
    pub fn shipments(&self, order: &RecordKey) -> Vec<&Shipment> {
        let keys = self.shipments.get(order).map_or(&[][..], Vec::as_slice);
        let held = keys
            .iter()
            .filter_map(|key| self.held(key))
            .filter(|held| !held.is_deleted());
        held.filter_map(|held| match held.live.as_ref() {
            Some((_, _, Content::Shipment(shipment))) => Some(&**shipment),
            _ => None,
        })
        .collect()
    }

    /// Tells whether the hub first knew a thing from history.
    pub fn is_historic(&self, key: &RecordKey) -> bool {
        let row = self.records.get(key).and_then(Option::as_ref);
        row.is_some_and(|row| row.is_historic)
    }

    /// Tells whether the hub knows nothing at all of a thing: neither content nor that it is gone.
    pub fn is_unknown(&self, key: &RecordKey) -> bool {
        !matches!(self.records.get(key), Some(Some(_)))
    }

    /// Gives the records about a person.
    pub fn members(&self, relation: RelationId) -> Vec<&Held> {
        let keys = self.members.get(&relation).map_or(&[][..], Vec::as_slice);
        keys.iter().filter_map(|key| self.held(key)).collect()
    }

    /// Gives the language of a person's newest order that names one.
    pub fn order_language(&self, relation: RelationId) -> Option<&LanguageName> {
        if self.members(relation).iter().any(|held| speaks(held)) {
            return None;
        }
        let members: BTreeSet<&RecordKey> = self.members.get(&relation)?.iter().collect();
        let orders = self.records.values().flatten().filter_map(|row| {
            let is_own =
                members.contains(&row.held.key) || row.owner.as_ref().is_some_and(|o| members.contains(o));
            match row.held.live.as_ref() {
                Some((version, _, Content::Order(order))) if is_own && !order.person.language.is_empty() => {
                    Some((order.created_at, *version, &order.person.language))
                }
                _ => None,
            }
        });
        orders
            .max_by_key(|(created_at, version, _)| (*created_at, *version))
            .map(|(_, _, language)| language)
    }

    /// Gives the relation row of a number.
    pub fn relation(&self, id: RelationId) -> Option<&RelationRow> {
        self.relations.get(&id)
    }

    /// Gives the person to whom an order or cart belongs, when sinks may hear of it.
    pub fn owner(&self, key: &RecordKey) -> Option<RelationId> {
        let row = self.records.get(key)?.as_ref()?;
        let own = self.relation_of.get(key);
        let relation = own.or_else(|| self.relation_of.get(row.owner.as_ref()?))?;
        let is_open = self
            .relations
            .get(relation)
            .is_some_and(|row| !row.is_unconfirmed && row.alias_of.is_none());
        is_open.then_some(*relation)
    }

    /// Gives the moment of receipt of what changed `key`.
    pub fn since(&self, key: &RecordKey) -> Timestamp {
        self.since.get(key).copied().unwrap_or(self.since_any)
    }

    /// Gives the moment of receipt of what changed a person.
    pub fn since_of(&self, relation: RelationId) -> Timestamp {
        let keys = self.members.get(&relation).map_or(&[][..], Vec::as_slice);
        keys.iter()
            .filter_map(|key| self.since.get(key))
            .min()
            .copied()
            .unwrap_or(self.since_any)
    }

    /// Gives the entity of `key`, made if it is new, belonging to `relation`.
    pub fn entity(
        &mut self,
        hub: &Hub,
        key: EntityKey,
        relation: RelationId,
        parent_id: i64,
        ref_id: i64,
    ) -> EntityRow {
        let now = hub.clock.now();
        let held = self.entities.get(&key).copied();
        let mut row = held.unwrap_or_else(|| EntityRow {
            id: EntityId(hub.new_id()),
            key,
            relation,
            parent_id,
            ref_id,
            number: 0,
            created_at: now,
            updated_at: now,
        });
        (row.relation, row.parent_id, row.ref_id) = (relation, parent_id, ref_id);
        if row.number == 0 {
            row.number = self.numbers.get(&key).copied().unwrap_or(0);
        }
        if held != Some(row) {
            self.entities.insert(key, row);
            self.dirty_entities.insert(key);
        }
        row
    }

    /// Notes that the desired state of an entity changed now.
    pub fn touch_entity(&mut self, key: EntityKey, now: Timestamp) {
        if let Some(row) = self.entities.get_mut(&key) {
            row.updated_at = now;
            self.dirty_entities.insert(key);
        }
    }

    /// Notes that the desired state of a person changed now.
    pub fn touch_relation(&mut self, id: RelationId, now: Timestamp) {
        if let Some(row) = self.relations.get_mut(&id) {
            row.updated_at = now;
            self.dirty_relations.insert(id);
        }
    }

    /// Gives every entity that is loaded.
    pub fn entity_rows(&self) -> impl Iterator<Item = &EntityRow> {
        self.entities.values()
    }

    /// Gives every relation whose profile orders or carts may stand under, and those to plan.
    pub fn relation_ids(&self) -> impl Iterator<Item = RelationId> + '_ {
        self.relations.keys().copied()
    }

    /// Writes the hub-owned values that changed.
    pub async fn write(&self, hub: &Hub, tx: &mut WriteTx) -> Result<(), StoreError> {
        let entities: Vec<EntityRow> = self
            .dirty_entities
            .iter()
            .filter_map(|key| self.entities.get(key))
            .copied()
            .collect();
        tx.put_entities(hub.tenant, &entities).await?;
        let relations: Vec<RelationRow> = self
            .dirty_relations
            .iter()
            .filter_map(|id| self.relations.get(id))
            .copied()
            .collect();
        tx.put_relations(hub.tenant, &relations).await
    }

    async fn records(&mut self, hub: &Hub, tx: &mut WriteTx, keys: Vec<RecordKey>) -> Result<(), StoreError> {
        let missing: BTreeSet<RecordKey> = keys
            .into_iter()
            .filter(|key| !self.records.contains_key(key))
            .collect();
        let missing: Vec<RecordKey> = missing.into_iter().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let found = tx.records(hub.tenant, &missing).await?;
        self.records.extend(missing.into_iter().map(|key| (key, None)));
        self.keep(found);
        Ok(())
    }

    fn keep(&mut self, rows: Vec<RecordRow>) {
        for row in rows {
            let slot = self.records.entry(row.held.key).or_default();
            // What the transaction has changed already is newer than what the store gives.
            if slot.is_none() {
                *slot = Some(row);
            }
        }
    }

    /// Loads whose orders and carts these are.
    async fn owners(&mut self, hub: &Hub, tx: &mut WriteTx, scope: i64) -> Result<(), StoreError> {
        let mut keys = BTreeSet::new();
        for key in self.targets() {
            let owner = self.records.get(key).and_then(|row| row.as_ref()?.owner);
            keys.extend([Some(*key), owner].into_iter().flatten());
        }
        keys.extend(&self.former_owners);
        keys.retain(|key| !self.relation_of.contains_key(key));
        let keys: Vec<RecordKey> = keys.into_iter().collect();
        for node in tx.nodes(hub.tenant, scope, &keys).await? {
            if let Some(relation) = node.relation {
                self.relation_of.insert(node.key, relation);
            }
        }
        let mut ids: BTreeSet<RelationId> = self.changed.iter().chain(&self.absent).copied().collect();
        for key in self.targets() {
            let owner = self.records.get(key).and_then(|row| row.as_ref()?.owner);
            ids.extend(
                [Some(*key), owner]
                    .into_iter()
                    .flatten()
                    .filter_map(|key| self.relation_of.get(&key)),
            );
        }
        ids.extend(
            self.former_owners
                .iter()
                .filter_map(|key| self.relation_of.get(key)),
        );
        let ids: Vec<RelationId> = ids.into_iter().collect();
        let rows = tx.relations(hub.tenant, &ids).await?;
        self.relations.extend(rows.into_iter().map(|row| (row.id, row)));
        Ok(())
    }

    /// Adds the owners of the orders who name no language themselves: theirs is that of their newest order.
    fn add_mute_owners(&mut self) {
        let mute = self.orders.iter().filter(|key| {
            let customer = self.records.get(key).and_then(|row| row.as_ref()?.owner);
            customer
                .and_then(|key| self.held(&key))
                .is_some_and(|held| !speaks(held))
        });
        let owners: Vec<RelationId> = mute.filter_map(|key| self.owner(key)).collect();
        self.changed.extend(owners);
    }

    /// Loads the records about the persons to plan.
    async fn people(&mut self, hub: &Hub, tx: &mut WriteTx, scope: i64) -> Result<(), StoreError> {
        let changed: Vec<RelationId> = self.changed.iter().copied().collect();
        self.load_members(hub, tx, scope, &self.changed.clone()).await?;
        let keys = changed.iter().filter_map(|id| self.members.get(id)).flatten();
        let keys = keys.copied().collect();
        self.records(hub, tx, keys).await?;
        let mute: Vec<RecordKey> = changed
            .iter()
            .filter(|relation| !self.members(**relation).iter().any(|held| speaks(held)))
            .flat_map(|relation| self.members.get(relation).into_iter().flatten().copied())
            .filter(|key| key.kind == RecordKind::Customer)
            .collect();
        if !mute.is_empty() {
            let orders = tx.owned(hub.tenant, &[RecordKind::Order], &mute).await?;
            self.keep(orders);
        }
        Ok(())
    }

    async fn entities(&mut self, hub: &Hub, tx: &mut WriteTx) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        for key in &self.orders {
            let Some((_, order)) = self.order(key) else {
                continue;
            };
            let name = |kind, remote_id| entity_key(key, kind, remote_id);
            keys.push(name(ObjectKind::Order, key.remote_id));
            let rows = order
                .rows
                .iter()
                .chain(order.gone_rows.iter().map(|gone| &gone.row));
            keys.extend(rows.map(|row| name(ObjectKind::OrderRow, row.id)));
            if order.quote_id > 0 {
                keys.push(name(ObjectKind::Quote, order.quote_id));
            }
        }
        for key in &self.quotes {
            keys.push(entity_key(key, ObjectKind::Quote, key.remote_id));
            let rows = self
                .quote(key)
                .into_iter()
                .flat_map(|(_, quote)| rows_ever(quote));
            keys.extend(rows.map(|row| entity_key(key, ObjectKind::QuoteRow, row.id)));
        }
        keys.extend(self.groups.iter().flat_map(|key| self.membership_keys(key)));
        let rows = tx.entities(hub.tenant, &keys).await?;
        self.entities = rows.into_iter().map(|row| (row.key, row)).collect();
        Ok(())
    }

    /// Notes what must be fetched before these orders are complete (A2).
    fn want(&self, hub: &Hub, planned: &mut Planned) {
        let mut wanted: BTreeMap<RecordKey, &'static str> = BTreeMap::new();
        let now = hub.clock.now();
        let mut later: BTreeMap<RecordKey, Timestamp> = BTreeMap::new();
        // A history has just listed every cart, and lists the memberships after the customers: one by one they would
        // cost a call each. What else it misses is held back until the cheapest way is known (`walk::lookup`).
        let is_history = self.class == Class::Backfill;
        for key in &self.orders {
            let Some((_, order)) = self.order(key) else {
                continue;
            };
            let mut want = |kind, id: i64, reason| {
                let thing = RecordKey::new(key.connection, kind, id);
                if id > 0 && self.is_unknown(&thing) {
                    wanted.entry(thing).or_insert(reason);
                }
            };
            want(RecordKind::Customer, order.customer_id, "customer");
            let wants = self.wants_of(key.connection);
            if !is_history && wants.has_quotes {
                want(RecordKind::Quote, order.quote_id, "quote");
            }
            if wants.has_pictures {
                for row in &order.rows {
                    want(RecordKind::Product, row.product_id, "product");
                }
            }
        }
        for key in &self.quotes {
            let Some((_, quote)) = self.quote(key) else {
                continue;
            };
            let customer = RecordKey::new(key.connection, RecordKind::Customer, quote.customer_id);
            if quote.customer_id > 0 && self.is_unknown(&customer) {
                wanted.entry(customer).or_insert("customer");
            }
            self.want_cart_rows(key, quote, &mut wanted);
        }
        for customer in self.customers_with_groups().filter(|_| !is_history) {
            if self.are_groups_stale(&customer) {
                wanted.entry(groups_of(customer)).or_insert("groups");
                later.insert(groups_of(customer), self.groups_due_at(&customer, now));
            }
        }
        let missed_at = match is_history {
            true => now.plus_ms(limits::HELD_BACK_MS),
            false => now,
        };
        planned
            .wanted
            .extend(wanted.into_iter().map(|(key, reason)| FetchRow {
                key,
                reason: reason.to_owned(),
                due_at: later.get(&key).copied().unwrap_or(missed_at),
                attempts: 0,
                wanted: 0,
                class: self.class,
            }));
    }
}

/// Names the entity `remote_id` of the shop of `record`.
const fn entity_key(record: &RecordKey, kind: ObjectKind, remote_id: i64) -> EntityKey {
    EntityKey {
        connection: record.connection,
        kind,
        remote_id,
    }
}

/// Tells whether a customer or subscription names its language.
fn speaks(held: &Held) -> bool {
    match held.live.as_ref() {
        Some((_, _, Content::Customer(customer))) => !customer.person.language.is_empty(),
        Some((_, _, Content::Subscription(subscription))) => !subscription.language.is_empty(),
        _ => false,
    }
}
