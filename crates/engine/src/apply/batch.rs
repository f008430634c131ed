//! One apply transaction, from waiting events to the outbox.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::connector::Class;
use schakel_core::delivery::ObjectKind;
use schakel_core::event::Event;
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::identity::Node;
use schakel_core::problem::Code;
use schakel_core::record::{Content, RecordKey, RecordKind};
use schakel_store::{FetchRow, StoreError, WriteTx};

use super::take::{self, Taken};
use super::{Fence, Stepped};
use crate::hub::Hub;
use crate::plan::{self, Input};
use crate::resolve::{self, NodeChanges, Resolved};

/// Applies `events`, all of one class, in one transaction; `None` when the right to apply was lost, and nothing is changed.
pub(super) async fn apply(hub: &Hub, fence: Fence, events: &[Event]) -> Result<Option<Stepped>, StoreError> {
    let normalised = take::normalise_all(hub, events);
    let mut tx = hub.store.write().await?;
    let mut taken = take::absorb(hub, &mut tx, events, normalised).await?;
    let mut stepped = Stepped {
        events: events.len(),
        ..Stepped::default()
    };
    let class = events.first().map(|event| event.class).unwrap_or_default();
    let scopes: BTreeSet<i64> = hub.sources.values().map(|source| source.scope).collect();
    for scope in scopes {
        let members: BTreeSet<ConnectionId> = hub
            .sources
            .values()
            .filter(|source| source.scope == scope)
            .map(|source| source.id)
            .collect();
        let changes = node_changes(hub, &mut tx, &mut taken, &members).await?;
        let resolved = resolve::run(hub, &mut tx, scope, changes).await?;
        want_confirmation(hub, &resolved, &mut taken, class);
        let mut input = plan_input(hub, &mut tx, &mut taken, resolved, &members).await?;
        input.class = class;
        let planned = plan::run(hub, &mut tx, scope, input).await?;
        stepped.deliveries += planned.changed;
        taken.wanted.extend(planned.wanted);
        tx.note_problems(hub.tenant, &planned.problems).await?;
    }
    stepped.wanted = taken.wanted.len();
    tx.want_fetches(hub.tenant, &taken.wanted).await?;
    tx.finish_events(hub.tenant, &taken.finished).await?;
    if !taken.nameless.is_empty() {
        tx.set_aside_applied(hub.tenant, Code::OrderWithoutPerson, &taken.nameless)
            .await?;
    }
    if !taken.named.is_empty() {
        tx.take_back(hub.tenant, Code::OrderWithoutPerson, &taken.named)
            .await?;
    }
    let is_ours = super::commit(hub, fence, tx).await?;
    Ok(is_ours.then_some(stepped))
}

/// Derives nodes from the changed records of one scope.
async fn node_changes(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &mut Taken,
    members: &BTreeSet<ConnectionId>,
) -> Result<NodeChanges, StoreError> {
    let mut changes = NodeChanges::default();
    let changed: Vec<(RecordKey, EventId)> = taken
        .changed
        .iter()
        .filter(|(key, _)| members.contains(&key.connection))
        .map(|(k, e)| (*k, *e))
        .collect();
    load_customers_of_orders(hub, tx, taken, &changed).await?;
    load_orders_of_lost_customers(hub, tx, taken, &changed).await?;
    let mut orders: BTreeMap<RecordKey, EventId> = BTreeMap::new();
    for (key, event) in changed {
        match key.kind {
            RecordKind::Customer | RecordKind::Subscription => {
                if let Some(node) = taken.held(&key).and_then(|held| Node::of(held, false)) {
                    changes.put.push((node, event));
                }
            }
            RecordKind::Order => {
                orders.insert(key, event);
            }
            _ => {}
        }
    }
    for (key, event) in &taken.orders_of_lost {
        orders.entry(*key).or_insert(*event);
    }
    changes.historic = historic(hub, tx, taken, &changes).await?;
    for (key, event) in orders {
        let is_customer_unknown = taken.is_customer_lost(&key);
        let node = taken
            .held(&key)
            .and_then(|held| Node::of(held, is_customer_unknown));
        taken.note_person(&key, node.is_some());
        match node {
            Some(node) => changes.put.push((node, event)),
            None => drop(changes.removed.insert(key)),
        }
    }
    Ok(changes)
}

/// Gives the changed records that the hub first knew from history (mission F4). A customer that had to be asked for is as
/// historic as his orders and carts, or without any as his account: he did nothing now.
async fn historic(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &Taken,
    changes: &NodeChanges,
) -> Result<BTreeSet<RecordKey>, StoreError> {
    let (mut historic, others): (BTreeSet<RecordKey>, BTreeSet<RecordKey>) =
        taken.changed.keys().partition(|key| taken.is_historic(key));
    let put = changes.put.iter().map(|(node, _)| node.key);
    let fetched: Vec<RecordKey> = put
        .filter(|key| others.contains(key) && taken.is_new_by_fetch(key))
        .collect();
    if fetched.is_empty() {
        return Ok(historic);
    }
    let is_old = |key: &RecordKey| {
        let live = taken.held(key).and_then(|held| held.live.as_ref());
        live.is_some_and(|(version, ..)| taken.is_of_before(key, version.at))
    };
    let mut is_all_historic: BTreeMap<RecordKey, bool> = BTreeMap::new();
    let kinds = [RecordKind::Order, RecordKind::Quote];
    for row in tx.owned(hub.tenant, &kinds, &fetched).await? {
        if let Some(owner) = row.owner {
            *is_all_historic.entry(owner).or_insert(true) &= row.is_historic;
        }
    }
    let is_so = |key: &RecordKey| is_all_historic.get(key).copied().unwrap_or_else(|| is_old(key));
    historic.extend(fetched.into_iter().filter(is_so));
    Ok(historic)
}

/// Loads the customers that changed orders name, so that it is known whether the shop still has them.
async fn load_customers_of_orders(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &mut Taken,
    changed: &[(RecordKey, EventId)],
) -> Result<(), StoreError> {
    let customers: BTreeSet<RecordKey> = changed
        .iter()
        .filter_map(|(key, _)| taken.customer_of(key))
        .collect();
    taken.load(hub, tx, customers).await
}

/// Loads the orders of customers of whom the hub knows only that they are gone, or knew only that until now.
async fn load_orders_of_lost_customers(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &mut Taken,
    changed: &[(RecordKey, EventId)],
) -> Result<(), StoreError> {
    let lost: BTreeMap<RecordKey, EventId> = changed
        .iter()
        .filter(|(key, _)| {
            key.kind == RecordKind::Customer && (taken.is_lost(key) || taken.was_lost.contains(key))
        })
        .copied()
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    let keys: Vec<RecordKey> = lost.keys().copied().collect();
    for row in tx.owned(hub.tenant, &[RecordKind::Order], &keys).await? {
        if let Some(event) = row.owner.and_then(|owner| lost.get(&owner)) {
            taken.orders_of_lost.insert(row.held.key, *event);
            taken.keep(row);
        }
    }
    Ok(())
}

/// Accounts that meet are fetched before a sink hears of their merge (mission, Identity).
fn want_confirmation(hub: &Hub, resolved: &Resolved, taken: &mut Taken, class: Class) {
    let due_at = hub.clock.now();
    taken
        .wanted
        .extend(resolved.unconfirmed.iter().map(|key| FetchRow {
            key: *key,
            reason: "confirm".to_owned(),
            due_at,
            attempts: 0,
            wanted: 0,
            class,
        }));
}

/// Gathers what must be planned because of the changed records of one scope.
async fn plan_input(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &mut Taken,
    resolved: Resolved,
    members: &BTreeSet<ConnectionId>,
) -> Result<Input, StoreError> {
    let mut input = Input {
        relation_of: resolved.relation_of,
        changed: resolved.changed,
        absent: resolved.absent,
        former_keys: resolved.former_keys,
        since: taken.since.clone(),
        since_any: taken.since_any,
        former_owners: taken
            .former_owners
            .iter()
            .filter(|key| members.contains(&key.connection))
            .copied()
            .collect(),
        ..Input::default()
    };
    let mut quotes: BTreeMap<ConnectionId, Vec<i64>> = BTreeMap::new();
    let mut products: BTreeMap<ConnectionId, Vec<i64>> = BTreeMap::new();
    for key in taken
        .changed
        .keys()
        .filter(|key| members.contains(&key.connection))
    {
        let content = taken
            .held(key)
            .and_then(|held| held.live.as_ref())
            .map(|(_, _, content)| content);
        match (key.kind, content) {
            (RecordKind::Order, _) => drop(input.orders.insert(*key)),
            (RecordKind::Quote, _) => {
                input.quotes.insert(*key);
                quotes.entry(key.connection).or_default().push(key.remote_id);
            }
            (RecordKind::Shipment, Some(Content::Shipment(shipment))) if shipment.order_id > 0 => {
                input.orders.insert(RecordKey::new(
                    key.connection,
                    RecordKind::Order,
                    shipment.order_id,
                ));
            }
            (RecordKind::Groups, _) => drop(input.groups.insert(*key)),
            (RecordKind::Product, _) => products.entry(key.connection).or_default().push(key.remote_id),
            (RecordKind::Variant, Some(Content::Variant(variant))) if variant.product_id > 0 => {
                products
                    .entry(key.connection)
                    .or_default()
                    .push(variant.product_id);
            }
            _ => {}
        }
    }
    add_referring(hub, tx, taken, quotes, products, &mut input).await?;
    add_moved(hub, tx, taken, &resolved.moved, &mut input).await?;
    add_carts(taken, members, &mut input);
    input.records = taken.hand_over(members);
    Ok(input)
}

/// Adds the carts that orders to plan and changed checkouts name, or named until now.
fn add_carts(taken: &Taken, members: &BTreeSet<ConnectionId>, input: &mut Input) {
    let changed = taken.changed.keys();
    let checkouts = changed.filter(|key| key.kind == RecordKind::Checkout);
    let named = input.orders.iter().chain(checkouts);
    let carts: Vec<RecordKey> = named.filter_map(|key| taken.quote_of(key)).collect();
    let carts = carts.iter().chain(&taken.former_carts);
    input
        .quotes
        .extend(carts.filter(|key| members.contains(&key.connection)));
}

/// Adds the orders and carts that show a changed cart, product or variant.
async fn add_referring(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &mut Taken,
    quotes: BTreeMap<ConnectionId, Vec<i64>>,
    products: BTreeMap<ConnectionId, Vec<i64>>,
    input: &mut Input,
) -> Result<(), StoreError> {
    for (connection, ids) in quotes {
        for row in tx
            .referring(hub.tenant, RecordKind::Order, connection, &ids)
            .await?
        {
            input.orders.insert(row.held.key);
            taken.keep(row);
        }
    }
    for (connection, ids) in products {
        for row in tx
            .entities_showing(hub.tenant, connection, ObjectKind::OrderRow, &ids)
            .await?
        {
            input
                .orders
                .insert(RecordKey::new(connection, RecordKind::Order, row.parent_id));
        }
        if !hub.routes_from(connection).any(|route| route.has_quote_rows) {
            continue;
        }
        for row in tx
            .entities_showing(hub.tenant, connection, ObjectKind::QuoteRow, &ids)
            .await?
        {
            input
                .quotes
                .insert(RecordKey::new(connection, RecordKind::Quote, row.parent_id));
        }
    }
    Ok(())
}

/// Adds the orders and carts of records that now belong to another person.
async fn add_moved(
    hub: &Hub,
    tx: &mut WriteTx,
    taken: &mut Taken,
    moved: &BTreeSet<RecordKey>,
    input: &mut Input,
) -> Result<(), StoreError> {
    let customers: Vec<RecordKey> = moved
        .iter()
        .filter(|key| key.kind == RecordKind::Customer)
        .copied()
        .collect();
    for row in tx
        .owned(
            hub.tenant,
            &[RecordKind::Order, RecordKind::Quote, RecordKind::Groups],
            &customers,
        )
        .await?
    {
        let key = row.held.key;
        let targets = match key.kind {
            RecordKind::Order => &mut input.orders,
            RecordKind::Groups => &mut input.groups,
            _ => &mut input.quotes,
        };
        targets.insert(key);
        taken.keep(row);
    }
    input
        .orders
        .extend(moved.iter().filter(|key| key.kind == RecordKind::Order));
    Ok(())
}
