//! One function per kind of object: from golden records to desired states.

use schakel_core::delivery::ObjectKind;
use schakel_core::golden::{self, OrderView, QuoteView, RowView};
use schakel_core::id::RelationId;
use schakel_core::preset::{self, Hub as HubValues};
use schakel_core::record::{Content, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::EntityKey;

use super::Planned;
use super::load::Loaded;
use super::outbox::{Desired, Outbox};
use crate::hub::{Hub, Route};

/// Plans the persons that changed.
pub(super) fn relations(
    hub: &Hub,
    scope: i64,
    loaded: &mut Loaded,
    outbox: &mut Outbox,
    planned: &mut Planned,
) {
    for id in loaded.changed.clone() {
        let Some(row) = loaded.relation(id).copied() else {
            continue;
        };
        let members = loaded.members(id);
        if row.is_unconfirmed || row.alias_of.is_some() || members.is_empty() {
            continue;
        }
        let Some(first) = members.iter().map(|held| held.key).min() else {
            continue;
        };
        let mut is_changed = false;
        for route in hub.routes_of_scope(scope) {
            let is_of_shop = members.iter().any(|held| held.key.connection == route.source);
            let Some(table) = route.preset.table(ObjectKind::Relation) else {
                continue;
            };
            if !is_of_shop {
                continue;
            }
            let golden = golden::relation(&members, loaded.order_language(id), route.is_unconfirmed_enough);
            let values = hub_values(hub, route, ObjectKind::Relation, id.0, row.created_at);
            let mut rendered = preset::render_relation(table, &golden, &values);
            note(planned, first, &mut rendered.problems);
            is_changed |= outbox.wish(
                hub,
                &Desired {
                    route,
                    kind: ObjectKind::Relation,
                    object: id.0,
                    root: None,
                    parent: None,
                    table,
                    rendered,
                    is_incomplete: false,
                    since: loaded.since_of(id),
                },
            );
        }
        if is_changed {
            loaded.touch_relation(id, hub.clock.now());
        }
    }
}

/// Plans the end of profiles whose number leads elsewhere.
pub(super) fn absent(hub: &Hub, scope: i64, loaded: &Loaded, outbox: &mut Outbox) {
    for id in &loaded.absent {
        for route in hub.routes_of_scope(scope) {
            outbox.wish_absent(hub, route.sink, *id);
        }
    }
}

/// Plans orders with their rows.
pub(super) fn orders(hub: &Hub, loaded: &mut Loaded, outbox: &mut Outbox, planned: &mut Planned) {
    for key in loaded.orders.clone() {
        let Some(relation) = loaded.owner(&key) else {
            continue;
        };
        let ref_id = loaded.order(&key).map_or(0, |(_, order)| order.quote_id);
        let name = EntityKey {
            connection: key.connection,
            kind: ObjectKind::Order,
            remote_id: key.remote_id,
        };
        let entity = loaded.entity(hub, name, relation, 0, ref_id);
        let mut is_changed = false;
        for route in hub.routes_from(key.connection) {
            is_changed |= order(
                hub,
                route,
                key,
                relation,
                (entity.id.0, entity.created_at),
                loaded,
                outbox,
                planned,
            );
        }
        if is_changed {
            loaded.touch_entity(name, hub.clock.now());
        }
        rows(hub, key, (relation, entity.id.0), loaded, outbox, planned);
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one order of one route: its place, its owner, and what it writes to"
)]
fn order(
    hub: &Hub,
    route: &Route,
    key: RecordKey,
    relation: RelationId,
    (entity, created_at): (i64, Timestamp),
    loaded: &Loaded,
    outbox: &mut Outbox,
    planned: &mut Planned,
) -> bool {
    let (Some((held, order)), Some(table)) = (loaded.order(&key), route.preset.table(ObjectKind::Order))
    else {
        return false;
    };
    let quote = RecordKey::new(key.connection, RecordKind::Quote, order.quote_id);
    let recovery_hash = loaded
        .quote(&quote)
        .map_or("", |(_, quote)| quote.recovery_hash.as_str());
    let view = OrderView {
        id: key.remote_id,
        order,
        is_deleted: held.is_deleted(),
        shipments: loaded.shipments(&key),
        recovery_hash,
    };
    let values = hub_values(hub, route, ObjectKind::Order, entity, created_at);
    let mut rendered = preset::render_order(table, &view, &values);
    note(planned, key, &mut rendered.problems);
    outbox.wish(
        hub,
        &Desired {
            route,
            kind: ObjectKind::Order,
            object: entity,
            root: Some(relation),
            parent: None,
            table,
            rendered,
            is_incomplete: order.quote_id > 0 && loaded.is_unknown(&quote),
            since: loaded.since(&key),
        },
    )
}

/// Plans the rows of one order, those it lost included.
fn rows(
    hub: &Hub,
    key: RecordKey,
    (relation, parent): (RelationId, i64),
    loaded: &mut Loaded,
    outbox: &mut Outbox,
    planned: &mut Planned,
) {
    let Some((held, order)) = loaded.order(&key) else {
        return;
    };
    let is_order_deleted = held.is_deleted();
    let listed = order.rows.iter().map(|row| (row.clone(), is_order_deleted));
    let gone = order.gone_rows.iter().map(|gone| (gone.row.clone(), true));
    let all: Vec<_> = listed.chain(gone).collect();
    for (row, is_deleted) in all {
        let name = EntityKey {
            connection: key.connection,
            kind: ObjectKind::OrderRow,
            remote_id: row.id,
        };
        let entity = loaded.entity(hub, name, relation, key.remote_id, row.product_id);
        let mut is_changed = false;
        for route in hub.routes_from(key.connection) {
            let Some(table) = route.preset.table(ObjectKind::OrderRow) else {
                continue;
            };
            let product = RecordKey::new(key.connection, RecordKind::Product, row.product_id);
            let view = RowView {
                order_id: key.remote_id,
                row: &row,
                is_deleted,
                product: loaded.product(key.connection, row.product_id),
                variant: loaded.variant(key.connection, row.variant_id),
            };
            let values = hub_values(hub, route, ObjectKind::OrderRow, entity.id.0, entity.created_at);
            let mut rendered = preset::render_order_row(table, &view, &values);
            note(planned, key, &mut rendered.problems);
            is_changed |= outbox.wish(
                hub,
                &Desired {
                    route,
                    kind: ObjectKind::OrderRow,
                    object: entity.id.0,
                    root: Some(relation),
                    parent: Some((ObjectKind::Order, parent)),
                    table,
                    rendered,
                    is_incomplete: row.product_id > 0 && !is_deleted && loaded.is_unknown(&product),
                    since: loaded.since(&key),
                },
            );
        }
        if is_changed {
            loaded.touch_entity(name, hub.clock.now());
        }
    }
}

/// Plans carts that belong to somebody; anonymous ones wait until a person is known.
pub(super) fn quotes(hub: &Hub, loaded: &mut Loaded, outbox: &mut Outbox, planned: &mut Planned) {
    for key in loaded.quotes.clone() {
        let Some(relation) = loaded.owner(&key) else {
            continue;
        };
        if loaded.quote(&key).is_none() {
            continue;
        }
        let name = EntityKey {
            connection: key.connection,
            kind: ObjectKind::Quote,
            remote_id: key.remote_id,
        };
        let entity = loaded.entity(hub, name, relation, 0, 0);
        let mut is_changed = false;
        for route in hub.routes_from(key.connection).filter(|route| route.has_quotes) {
            let Some(table) = route.preset.table(ObjectKind::Quote) else {
                continue;
            };
            let Some((held, quote)) = loaded.quote(&key) else {
                continue;
            };
            let view = QuoteView {
                id: key.remote_id,
                quote,
                is_gone: held.is_deleted(),
                is_ordered: loaded.is_ordered(&key),
            };
            let values = hub_values(hub, route, ObjectKind::Quote, entity.id.0, entity.created_at);
            let mut rendered = preset::render_quote(table, &view, &values);
            note(planned, key, &mut rendered.problems);
            is_changed |= outbox.wish(
                hub,
                &Desired {
                    route,
                    kind: ObjectKind::Quote,
                    object: entity.id.0,
                    root: Some(relation),
                    parent: None,
                    table,
                    rendered,
                    is_incomplete: false,
                    since: loaded.since(&key),
                },
            );
        }
        if is_changed {
            loaded.touch_entity(name, hub.clock.now());
        }
    }
}

fn hub_values(hub: &Hub, route: &Route, kind: ObjectKind, number: i64, created_at: Timestamp) -> HubValues {
    HubValues {
        number,
        shop_id: route.shop_id,
        guid: preset::guid(&hub.hub_key, kind, number),
        created_at,
        // Left out of the digest; when nothing else changed, the row is not written and the old time stays.
        updated_at: hub.clock.now(),
        zone: route.zone.clone(),
    }
}

fn note(planned: &mut Planned, key: RecordKey, problems: &mut Vec<schakel_core::problem::Problem>) {
    if !problems.is_empty() {
        planned.problems.push((key, std::mem::take(problems)));
    }
}

/// Gives the columns by which a record's row is found: owner, second reference, label.
#[must_use]
pub fn columns(key: RecordKey, content: &Content) -> (Option<RecordKey>, i64, String) {
    let near = |kind, id: i64| (id > 0).then(|| RecordKey::new(key.connection, kind, id));
    match content {
        Content::Order(order) => (
            near(RecordKind::Customer, order.customer_id),
            order.quote_id,
            order.number.clone(),
        ),
        Content::Quote(quote) => (near(RecordKind::Customer, quote.customer_id), 0, String::new()),
        Content::Shipment(shipment) => (near(RecordKind::Order, shipment.order_id), 0, String::new()),
        Content::Invoice(invoice) => (
            near(RecordKind::Order, invoice.order_id),
            0,
            invoice.number.clone(),
        ),
        Content::Variant(variant) => (near(RecordKind::Product, variant.product_id), 0, String::new()),
        Content::Customer(_) | Content::Subscription(_) | Content::Product(_) => (None, 0, String::new()),
    }
}
