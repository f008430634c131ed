//! The outbox rows of a batch: loaded once, changed in memory, written once.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::delivery::{DeliveryState, ObjectKind, Value, Wish, desired_digest};
use schakel_core::id::{ConnectionId, DeliveryId, RelationId};
use schakel_core::preset::{Rendered, Table};
use schakel_core::time::Timestamp;
use schakel_store::{DeliveryRow, StoreError, WriteTx};

use super::load::Loaded;
use crate::hub::{Hub, Route};

/// Names one outbox row.
type Slot = (ConnectionId, ObjectKind, i64);

/// The outbox rows that a batch may change.
pub(super) struct Outbox {
    rows: BTreeMap<Slot, DeliveryRow>,
    dirty: BTreeSet<Slot>,
}

/// What an object shall be in a sink.
pub(super) struct Desired<'a> {
    /// The route by which.
    pub route: &'a Route,
    /// What kind of object.
    pub kind: ObjectKind,
    /// The object: a relation's number, or the entity's id.
    pub object: i64,
    /// The person under whose profile it shall stand; `None` for the profile itself.
    pub root: Option<RelationId>,
    /// The object that must be confirmed first: an order row's order.
    pub parent: Option<(ObjectKind, i64)>,
    /// The table of the preset.
    pub table: &'a Table,
    /// The values.
    pub rendered: Rendered,
    /// Whether something is still to come from the source that belongs to it.
    pub is_incomplete: bool,
    /// It is not delivered for the first time before this.
    pub not_before: Timestamp,
    /// When what changed it was received.
    pub since: Timestamp,
}

impl Outbox {
    /// Loads the rows of everything in `loaded`, for every sink that the scope feeds.
    pub async fn load(
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        loaded: &mut Loaded,
    ) -> Result<Self, StoreError> {
        let sinks: BTreeSet<ConnectionId> = hub.routes_of_scope(scope).map(|route| route.sink).collect();
        let mut objects: Vec<(ObjectKind, i64)> = loaded
            .relation_ids()
            .map(|id| (ObjectKind::Relation, id.0))
            .collect();
        objects.extend(loaded.entity_rows().map(|row| (row.key.kind, row.id.0)));
        let mut rows = BTreeMap::new();
        for sink in sinks {
            let held = tx.deliveries(hub.tenant, sink, &objects).await?;
            rows.extend(held.into_iter().map(|row| ((sink, row.kind, row.object), row)));
        }
        Ok(Self {
            rows,
            dirty: BTreeSet::new(),
        })
    }

    /// Tells whether a sink was ever to hold an object.
    pub fn holds(&self, sink: ConnectionId, kind: ObjectKind, object: i64) -> bool {
        self.rows.contains_key(&(sink, kind, object))
    }

    /// Makes `desired` the desired state of its object; returns whether that changed anything.
    pub fn wish(&mut self, hub: &Hub, desired: &Desired<'_>) -> bool {
        let slot = (desired.route.sink, desired.kind, desired.object);
        let root = desired
            .root
            .and_then(|id| self.rows.get(&(slot.0, ObjectKind::Relation, id.0)));
        if desired.root.is_some() && root.is_none() {
            return false;
        }
        let parent = match desired.parent {
            Some((kind, object)) => self.rows.get(&(slot.0, kind, object)),
            None => root,
        };
        let is_open = desired.root.is_none()
            || (root.is_some_and(|row| row.remote_id.is_some())
                && parent.is_some_and(|row| row.confirmed_version > 0));
        let counted = desired.table.counted(&desired.rendered.values);
        let digest = desired_digest(Wish::Present, desired.root.map_or(0, |id| id.0), &counted);
        let links = (parent.map(|row| row.id), root.map(|row| row.id));
        let now = hub.clock.now();
        let is_confirmed = self.rows.get(&slot).is_some_and(|row| row.confirmed_version > 0);
        let held_until = if desired.is_incomplete {
            Some(now.plus_ms(desired.route.hold_ms))
        } else {
            Some(desired.not_before).filter(|until| *until > now && !is_confirmed)
        };
        let state = if let Some(until) = held_until {
            (DeliveryState::Held, until)
        } else if is_open {
            (DeliveryState::Ready, now)
        } else {
            (DeliveryState::Parent, now)
        };
        let row = self
            .rows
            .entry(slot)
            .or_insert_with(|| fresh_row(hub, slot, desired.since));
        let is_same =
            row.desired_version > 0 && row.desired_digest == digest && (row.parent, row.root) == links;
        let is_waiting_no_more = row.state == DeliveryState::Held && held_until.is_none();
        if is_same && !is_waiting_no_more {
            return false;
        }
        (row.parent, row.root) = links;
        row.since = desired.since;
        row.wish = Wish::Present;
        row.desired_version += 1;
        row.desired_digest = digest;
        row.desired = to_json(&desired.rendered.values);
        move_on(row, state);
        self.dirty.insert(slot);
        true
    }

    /// Makes sure that a profile goes away once nothing of ours stands under it any more.
    pub fn wish_absent(&mut self, hub: &Hub, sink: ConnectionId, relation: RelationId) {
        let slot = (sink, ObjectKind::Relation, relation.0);
        let Some(row) = self.rows.get_mut(&slot) else {
            return;
        };
        if row.wish == Wish::Absent {
            return;
        }
        row.wish = Wish::Absent;
        row.desired_version += 1;
        row.desired_digest = desired_digest(Wish::Absent, 0, &[]);
        row.desired = "[]".to_owned();
        move_on(row, (DeliveryState::Held, hub.clock.now()));
        self.dirty.insert(slot);
    }

    /// Writes the rows that changed; returns how many.
    pub async fn write(self, hub: &Hub, tx: &mut WriteTx) -> Result<usize, StoreError> {
        let mut rows = self.rows;
        let changed: Vec<DeliveryRow> = self.dirty.iter().filter_map(|slot| rows.remove(slot)).collect();
        tx.put_deliveries(hub.tenant, &changed).await?;
        Ok(changed.len())
    }
}

/// Moves a row whose desired state changed to where it can go on.
///
/// An open attempt keeps its row: settling sees the newer version. A wait that was imposed (backoff, settle
/// delay) stays as it is (I14).
fn move_on(row: &mut DeliveryRow, (state, due_at): (DeliveryState, Timestamp)) {
    if row.state == DeliveryState::Claimed {
        return;
    }
    if row.confirmed_digest == Some(row.desired_digest) {
        row.state = DeliveryState::Clean;
        return;
    }
    let is_waiting = row.state == DeliveryState::Ready && state == DeliveryState::Ready;
    if !is_waiting {
        (row.state, row.due_at) = (state, due_at);
    }
}

fn fresh_row(hub: &Hub, (sink, kind, object): Slot, since: Timestamp) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId(hub.new_id()),
        sink,
        kind,
        object,
        parent: None,
        root: None,
        state: DeliveryState::Parent,
        due_at: Timestamp::ZERO,
        wish: Wish::Present,
        desired_version: 0,
        desired_digest: [0; 16],
        desired: String::new(),
        confirmed_version: 0,
        confirmed_digest: None,
        remote_id: None,
        remote_parent: None,
        since,
    }
}

fn to_json(values: &[Value]) -> String {
    serde_json::to_string(values).expect("a list of numbers and texts always serialises")
}
