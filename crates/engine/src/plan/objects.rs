//! One function per kind of object: from golden records to desired states.

use std::collections::BTreeSet;

use schakel_core::delivery::ObjectKind;
use schakel_core::entity::{Order, OrderRow, QuoteRow};
use schakel_core::golden::{self, GroupView, OrderView, QuoteRowView, QuoteView, RowView};
use schakel_core::id::{ConnectionId, RelationId};
use schakel_core::identity::MatchKey;
use schakel_core::preset::{self, Hub as HubValues, Rendered, Table};
use schakel_core::problem::Problem;
use schakel_core::record::{Content, Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::{EntityKey, EntityRow};

use super::Planned;
use super::load::Loaded;
use super::outbox::{Desired, Outbox};
use crate::hub::{Hub, Route};

/// What planning works with: what is loaded, and where it writes.
pub(super) struct Desk<'d> {
    /// The hub.
    pub hub: &'d Hub,
    /// The identity scope.
    pub scope: i64,
    /// What is known.
    pub loaded: &'d mut Loaded,
    /// What sinks shall hold.
    pub outbox: &'d mut Outbox,
    /// What was decided beside the outbox.
    pub planned: &'d mut Planned,
}

/// One thing below a person, as it is planned.
struct Thing {
    /// The record that it comes from.
    record: RecordKey,
    /// Its name.
    name: EntityKey,
    /// Whose it is.
    relation: RelationId,
    /// The object that must be confirmed first.
    parent: Option<(ObjectKind, i64)>,
    /// The source id of the thing it stands under; 0 for none.
    parent_id: i64,
    /// The source id of a thing it shows; 0 for none.
    ref_id: i64,
    /// Whether something is still to come from the source that belongs to it.
    is_incomplete: bool,
    /// When a cart was last changed: it must be left alone for a while before it is delivered. Zero for other things.
    changed_at: Timestamp,
}

impl Thing {
    fn new(record: RecordKey, kind: ObjectKind, remote_id: i64, relation: RelationId) -> Self {
        let name = EntityKey {
            connection: record.connection,
            kind,
            remote_id,
        };
        Self {
            record,
            name,
            relation,
            parent: None,
            parent_id: 0,
            ref_id: 0,
            is_incomplete: false,
            changed_at: Timestamp::ZERO,
        }
    }
}

impl Desk<'_> {
    /// Plans the persons that changed, each for every sink to which a shop of theirs leads.
    pub fn relations(&mut self) {
        let routes: Vec<&Route> = self.hub.routes_of_scope(self.scope).collect();
        let sinks: BTreeSet<ConnectionId> = routes.iter().map(|route| route.sink).collect();
        for id in self.loaded.changed.clone() {
            let mut is_changed = false;
            for sink in &sinks {
                is_changed |= self.relation(id, *sink, &routes);
            }
            if is_changed {
                self.loaded.touch_relation(id, self.hub.clock.now());
            }
        }
    }

    /// Plans one person for one sink, which hears only of the shops that lead to it. The home shop's route says how.
    fn relation(&mut self, id: RelationId, sink: ConnectionId, routes: &[&Route]) -> bool {
        let Some(row) = self.loaded.relation(id).copied() else {
            return false;
        };
        if row.is_unconfirmed || row.alias_of.is_some() {
            return false;
        }
        let route_from = |source| {
            let mut routes = routes.iter();
            routes.find(|route| route.sink == sink && route.source == source)
        };
        let mut members: Vec<&Held> = self.loaded.members(id);
        members.retain(|held| route_from(held.key.connection).is_some());
        let Some(route) = golden::home(&members).and_then(route_from) else {
            return false;
        };
        let Some(table) = route.preset.table(ObjectKind::Relation) else {
            return false;
        };
        let first = members.iter().map(|held| held.key).min();
        let language = self.loaded.order_language(id);
        let golden = golden::relation(&members, language, route.is_unconfirmed_enough);
        let guid = preset::guid(&self.hub.hub_key, ObjectKind::Relation, id.0);
        let mut values = hub_values(self.hub, route, (id.0, guid), row.created_at);
        values.is_historic = row.is_historic;
        let mut rendered = preset::render_relation(table, &golden, &values);
        if let Some(first) = first {
            note(self.planned, first, &mut rendered.problems);
        }
        let desired = Desired {
            route,
            kind: ObjectKind::Relation,
            object: id.0,
            root: None,
            parent: None,
            table,
            rendered,
            is_incomplete: false,
            not_before: Timestamp::ZERO,
            since: self.loaded.since_of(id),
        };
        self.outbox.wish(self.hub, &desired)
    }

    /// Plans the end of profiles whose number leads elsewhere.
    pub fn absent(&mut self) {
        for id in &self.loaded.absent {
            for route in self.hub.routes_of_scope(self.scope) {
                self.outbox.wish_absent(self.hub, route.sink, *id);
            }
        }
    }

    /// Plans orders with their rows.
    pub fn orders(&mut self) {
        for key in self.loaded.orders.clone() {
            let Some(relation) = self.loaded.owner(&key) else {
                continue;
            };
            let mut thing = Thing::new(key, ObjectKind::Order, key.remote_id, relation);
            if let Some((_, order)) = self.loaded.order(&key) {
                let quote = quote_of(key, order);
                thing.ref_id = order.quote_id;
                thing.is_incomplete = order.quote_id > 0 && self.loaded.is_unknown(&quote);
            }
            let entity = self.below(
                &thing,
                |_| true,
                |loaded, (_, table), values| {
                    let (held, order) = loaded.order(&key)?;
                    let quote = loaded.quote(&quote_of(key, order));
                    let view = OrderView {
                        id: key.remote_id,
                        order,
                        is_deleted: held.is_deleted(),
                        shipments: loaded.shipments(&key),
                        recovery_hash: quote.map_or("", |(_, quote)| &quote.recovery_hash),
                    };
                    Some(preset::render_order(table, &view, values))
                },
            );
            self.rows(key, &entity);
        }
    }

    /// Plans the rows of one order, those it lost included.
    fn rows(&mut self, key: RecordKey, parent: &EntityRow) {
        let Some((held, order)) = self.loaded.order(&key) else {
            return;
        };
        let is_order_deleted = held.is_deleted();
        let loaded = &*self.loaded;
        let things: Vec<Thing> = rows_of(order)
            .map(|(row, is_gone)| {
                let product = RecordKey::new(key.connection, RecordKind::Product, row.product_id);
                let is_shown = row.product_id > 0 && !is_gone && !is_order_deleted;
                Thing {
                    parent: Some((ObjectKind::Order, parent.id.0)),
                    parent_id: key.remote_id,
                    ref_id: row.product_id,
                    is_incomplete: is_shown && loaded.is_unknown(&product),
                    ..Thing::new(key, ObjectKind::OrderRow, row.id, parent.relation)
                }
            })
            .collect();
        for (index, thing) in things.iter().enumerate() {
            self.below(
                thing,
                |_| true,
                |loaded, (route, table), values| {
                    let (_, order) = loaded.order(&key)?;
                    let (row, is_gone) = rows_of(order).nth(index)?;
                    let is_pictured = route.has_pictures;
                    let view = RowView {
                        order_id: key.remote_id,
                        order_number: parent.number,
                        row,
                        is_deleted: is_gone || is_order_deleted,
                        product: loaded
                            .product(key.connection, row.product_id)
                            .filter(|_| is_pictured),
                        variant: loaded
                            .variant(key.connection, row.variant_id)
                            .filter(|_| is_pictured),
                    };
                    Some(preset::render_order_row(table, &view, values))
                },
            );
        }
    }

    /// Plans carts that belong to somebody; others wait until a person is known.
    pub fn quotes(&mut self) {
        for key in self.loaded.quotes.clone() {
            let Some(relation) = self.loaded.owner(&key) else {
                continue;
            };
            if self.loaded.quote(&key).is_none() {
                continue;
            }
            let changed_at = self.loaded.held(&key).and_then(Held::moment).unwrap_or_default();
            let thing = Thing {
                changed_at,
                ..Thing::new(key, ObjectKind::Quote, key.remote_id, relation)
            };
            let now = self.hub.clock.now();
            let entity = self.below(
                &thing,
                |route| route.has_quotes,
                |loaded, (route, table), values| {
                    let (held, quote) = loaded.quote(&key)?;
                    let expires_ms = route.carts.expires_ms;
                    let view = QuoteView {
                        id: key.remote_id,
                        quote,
                        is_gone: held.is_deleted() || loaded.is_nobodys(&key),
                        is_ordered: loaded.is_ordered(&key),
                        is_expired: expires_ms > 0 && changed_at.plus_ms(expires_ms) <= now,
                        recovery_url: &golden::recovery_url(&route.carts.recovery_url, &quote.recovery_hash),
                    };
                    Some(preset::render_quote(table, &view, values))
                },
            );
            self.quote_rows(key, &entity);
        }
    }

    /// Plans the rows of one cart, those it lost included (mission A9).
    fn quote_rows(&mut self, key: RecordKey, parent: &EntityRow) {
        let Some((held, quote)) = self.loaded.quote(&key) else {
            return;
        };
        let is_quote_deleted = held.is_deleted();
        let listed = quote.rows.iter().map(|row| (row, false));
        let lost = quote.gone_rows.iter().map(|gone| (&gone.row, true));
        let rows: Vec<(QuoteRow, bool)> = listed
            .chain(lost)
            .map(|(row, is_gone)| (row.clone(), is_gone))
            .collect();
        for (row, is_gone) in rows {
            let is_unknown =
                |kind, id: i64| id > 0 && self.loaded.is_unknown(&RecordKey::new(key.connection, kind, id));
            let is_shown = !is_gone && !is_quote_deleted;
            let thing = Thing {
                parent: Some((ObjectKind::Quote, parent.id.0)),
                parent_id: key.remote_id,
                ref_id: row.product_id,
                is_incomplete: is_shown
                    && (is_unknown(RecordKind::Product, row.product_id)
                        || is_unknown(RecordKind::Variant, row.variant_id)),
                ..Thing::new(key, ObjectKind::QuoteRow, row.id, parent.relation)
            };
            self.below(
                &thing,
                |route| route.has_quotes && route.has_quote_rows,
                |loaded, (_, table), values| {
                    let view = QuoteRowView {
                        quote_id: key.remote_id,
                        row: &row,
                        is_deleted: is_gone || is_quote_deleted,
                        product: loaded.product(key.connection, row.product_id),
                        variant: loaded.variant(key.connection, row.variant_id),
                    };
                    Some(preset::render_quote_row(table, &view, values))
                },
            );
        }
    }

    /// Plans memberships of customer groups, those that ended included (mission A9).
    pub fn groups(&mut self) {
        for key in self.loaded.groups.clone() {
            let (Some(relation), Some(memberships)) =
                (self.loaded.owner(&key), self.loaded.memberships(&key))
            else {
                continue;
            };
            let is_customer_gone = self.loaded.is_customer_gone(&key);
            let living = memberships
                .groups
                .iter()
                .map(|(group, number)| (*group, *number, is_customer_gone));
            let left = memberships
                .left
                .iter()
                .map(|(group, number)| (*group, *number, true));
            for (group_id, number, is_gone) in living.chain(left).collect::<Vec<_>>() {
                let thing = Thing {
                    parent_id: key.remote_id,
                    ref_id: group_id,
                    ..Thing::new(key, ObjectKind::CustomerGroup, number, relation)
                };
                let view = GroupView { group_id, is_gone };
                self.below(
                    &thing,
                    |route| route.has_groups,
                    |_, (_, table), values| Some(preset::render_group(table, &view, values)),
                );
            }
        }
    }

    /// Plans one thing below a person for every route of its shop that `is_taken`; `render` gives nothing when there is
    /// nothing to deliver.
    fn below(
        &mut self,
        thing: &Thing,
        is_taken: fn(&Route) -> bool,
        render: impl Fn(&Loaded, (&Route, &Table), &HubValues) -> Option<Rendered>,
    ) -> EntityRow {
        let kind = thing.name.kind;
        let entity = self.loaded.entity(
            self.hub,
            thing.name,
            thing.relation,
            thing.parent_id,
            thing.ref_id,
        );
        let guid = preset::guid(&self.hub.hub_key, kind, entity.id.0);
        let mut is_changed = false;
        for route in self.hub.routes_from(thing.record.connection) {
            // What was delivered before an option was switched off stays, and must still move with its person.
            if !is_taken(route) && !self.outbox.holds(route.sink, kind, entity.id.0) {
                continue;
            }
            let Some(table) = route.preset.table(kind) else {
                continue;
            };
            let mut values = hub_values(self.hub, route, (entity.number, guid.clone()), entity.created_at);
            values.is_historic = self.loaded.is_historic(&thing.record);
            let Some(mut rendered) = render(self.loaded, (route, table), &values) else {
                continue;
            };
            note(self.planned, thing.record, &mut rendered.problems);
            let desired = Desired {
                route,
                kind,
                object: entity.id.0,
                root: Some(thing.relation),
                parent: thing.parent,
                table,
                rendered,
                is_incomplete: thing.is_incomplete && is_worth_waiting(route, kind),
                not_before: thing.changed_at.plus_ms(route.carts.hold_off_ms),
                since: self.loaded.since(&thing.record),
            };
            is_changed |= self.outbox.wish(self.hub, &desired);
        }
        if is_changed {
            self.loaded.touch_entity(thing.name, self.hub.clock.now());
        }
        entity
    }
}

/// Tells whether what a thing lacks is fetched for this route: the cart of an order, the product of its row.
const fn is_worth_waiting(route: &Route, kind: ObjectKind) -> bool {
    match kind {
        ObjectKind::Order => route.has_quotes,
        ObjectKind::OrderRow => route.has_pictures,
        _ => true,
    }
}

/// The cart that `order` came from.
const fn quote_of(key: RecordKey, order: &Order) -> RecordKey {
    RecordKey::new(key.connection, RecordKind::Quote, order.quote_id)
}

/// The rows of an order, with whether its newest listing no longer has them.
fn rows_of(order: &Order) -> impl Iterator<Item = (&OrderRow, bool)> {
    let listed = order.rows.iter().map(|row| (row, false));
    listed.chain(order.gone_rows.iter().map(|gone| (&gone.row, true)))
}

fn hub_values(hub: &Hub, route: &Route, (number, guid): (i64, String), created_at: Timestamp) -> HubValues {
    HubValues {
        number,
        shop_id: route.shop_id,
        guid,
        is_historic: false,
        created_at,
        // Left out of the digest; when nothing else changed, the row is not written and the old time stays.
        updated_at: hub.clock.now(),
        zone: route.zone.clone(),
    }
}

fn note(planned: &mut Planned, key: RecordKey, problems: &mut Vec<Problem>) {
    if !problems.is_empty() {
        planned.problems.push((key, std::mem::take(problems)));
    }
}

/// Gives the columns by which a record's row is found: owner, second reference, label. The label of a checkout is the
/// digest of its address, by which it is found when a person with that address appears.
#[must_use]
pub fn columns(hub: &Hub, key: RecordKey, content: &Content) -> (Option<RecordKey>, i64, String) {
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
        Content::Groups(_) => (near(RecordKind::Customer, key.remote_id), 0, String::new()),
        Content::Checkout(checkout) => (
            near(RecordKind::Customer, checkout.customer_id),
            checkout.quote_id,
            MatchKey::email(&checkout.email).map_or_else(String::new, |email| email.digest(&hub.hub_key)),
        ),
        Content::Customer(_) | Content::Subscription(_) | Content::Product(_) => (None, 0, String::new()),
    }
}
