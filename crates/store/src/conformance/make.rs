//! Sample rows: invented people and things, short to write.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use schakel_core::connector::Class;
use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::entity::{Customer, Order, Person};
use schakel_core::event::{Action, Event, EventState, Origin, Trust};
use schakel_core::id::{AttemptId, ConnectionId, DeliveryId, EntityId, EventId, RelationId, TenantId};
use schakel_core::identity::{MatchKey, Node, SourceClass};
use schakel_core::record::{Content, Held, Rank, RecordKey, RecordKind, Version};
use schakel_core::time::Timestamp;

use crate::rows::{
    Bound, Claim, Claimed, DeliveryRow, EntityKey, EntityRow, FetchRow, Finished, Hold, Inserted, Outcome,
    PutNode, RecordRow, RelationRow, Settle,
};
use crate::{NewEvent, Store, StoreError, WriteTx, inbox};

pub(super) const TENANT: TenantId = TenantId(1);
pub(super) const SHOP: ConnectionId = ConnectionId(10);
pub(super) const SINK: ConnectionId = ConnectionId(20);
pub(super) const SCOPE: i64 = 10;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// An order payload: `remote_id` is the order, `body` what it says.
pub(super) fn event(id: i64, remote_id: i64, body: &str) -> Event {
    Event {
        id: EventId(id),
        tenant: TENANT,
        connection: SHOP,
        origin: Origin::Webhook,
        class: schakel_core::connector::Class::Live,
        trust: Trust::Payload,
        stream: "orders".to_owned(),
        kind: Some(RecordKind::Order),
        action: Action::Updated,
        remote_id,
        ordinal: 0,
        status: 0,
        floor: Timestamp::ZERO,
        received_at: at(id),
        asked_at: None,
        headers: r#"{"x-event":"orders/updated"}"#.to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A batch of at most so many events, whatever their size.
pub(super) const fn bound(events: usize) -> Bound {
    Bound {
        events,
        bytes: usize::MAX,
    }
}

/// The answer to a fetch of an order; the store numbers it.
pub(super) fn answer(id: i64, remote_id: i64) -> Event {
    Event {
        origin: Origin::Fetch,
        status: 200,
        ..event(id, remote_id, "{}")
    }
}

pub(super) fn finished(event: i64, state: EventState) -> Finished {
    Finished {
        event: EventId(event),
        state,
        problems: Vec::new(),
    }
}

pub(super) const fn customer(remote_id: i64) -> RecordKey {
    RecordKey::new(SHOP, RecordKind::Customer, remote_id)
}

pub(super) const fn order(remote_id: i64) -> RecordKey {
    RecordKey::new(SHOP, RecordKind::Order, remote_id)
}

pub(super) fn version(second: i64) -> Version {
    Version {
        at: at(second),
        ordinal: second % 3,
        rank: Rank::Changed,
        digest: [7; 8],
    }
}

/// A customer record with every part of what can be held.
pub(super) fn customer_row(remote_id: i64, email: &str) -> RecordRow {
    let person = Person {
        email: email.to_owned(),
        ..Person::default()
    };
    let content = Content::Customer(Box::new(Customer {
        person,
        ..Customer::default()
    }));
    RecordRow {
        held: Held {
            key: customer(remote_id),
            live: Some((version(5), EventId(3), content)),
            tombstone: Some((version(4), EventId(2))),
            fetched: Some((version(3), [9; 8])),
        },
        owner: None,
        ref_id: 0,
        label: String::new(),
        is_historic: false,
    }
}

/// An order of a customer.
pub(super) fn order_row(remote_id: i64, customer_id: i64, cart: i64) -> RecordRow {
    let content = Content::Order(Box::new(Order {
        customer_id,
        ..Order::default()
    }));
    RecordRow {
        held: Held {
            live: Some((version(5), EventId(3), content)),
            ..Held::empty(order(remote_id))
        },
        owner: (customer_id != 0).then(|| customer(customer_id)),
        ref_id: cart,
        label: format!("ORD{remote_id:05}"),
        is_historic: remote_id % 3 == 0,
    }
}

pub(super) fn key(email: &str) -> MatchKey {
    MatchKey::email(email).unwrap()
}

pub(super) fn node(remote_id: i64, emails: &[&str], relation: i64) -> Node {
    Node {
        key: customer(remote_id),
        class: SourceClass::Guest,
        created_at: at(remote_id),
        keys: emails.iter().map(|email| key(email)).collect(),
        is_deleted: false,
        is_confirmed: true,
        home: Some(RelationId(relation)),
        relation: Some(RelationId(relation)),
    }
}

pub(super) const fn put(node: Node) -> PutNode {
    PutNode {
        node,
        is_keys_changed: true,
    }
}

pub(super) fn relation(id: i64) -> RelationRow {
    RelationRow {
        id: RelationId(id),
        scope: SCOPE,
        alias_of: None,
        is_unconfirmed: false,
        is_historic: false,
        ordered_at: Some(at(id)),
        created_at: at(1),
        updated_at: at(2),
    }
}

pub(super) fn entity(id: i64, kind: ObjectKind, remote_id: i64, relation: i64) -> EntityRow {
    EntityRow {
        id: EntityId(id),
        key: EntityKey {
            connection: SHOP,
            kind,
            remote_id,
        },
        relation: RelationId(relation),
        parent_id: 0,
        ref_id: 0,
        number: 0,
        created_at: at(1),
        updated_at: at(2),
    }
}

/// A ready profile that was never confirmed.
pub(super) fn profile(id: i64) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId(id),
        sink: SINK,
        kind: ObjectKind::Relation,
        object: id,
        parent: None,
        root: None,
        state: DeliveryState::Ready,
        due_at: at(id),
        wish: Wish::Present,
        desired_version: 1,
        desired_digest: [1; 16],
        desired: r#"["first"]"#.to_owned(),
        confirmed_version: 0,
        confirmed_digest: None,
        remote_id: None,
        remote_parent: None,
        since: at(id),
    }
}

/// An order that waits for its profile.
pub(super) fn child(id: i64, kind: ObjectKind, parent: i64, root: i64) -> DeliveryRow {
    DeliveryRow {
        kind,
        parent: Some(DeliveryId(parent)),
        root: Some(DeliveryId(root)),
        state: DeliveryState::Parent,
        ..profile(id)
    }
}

/// The next version of a row, with another content.
pub(super) fn changed(row: &DeliveryRow) -> DeliveryRow {
    let version = row.desired_version + 1;
    let digest = u8::try_from(version).unwrap();
    DeliveryRow {
        desired_version: version,
        desired_digest: [digest; 16],
        desired: format!("[{version}]"),
        state: DeliveryState::Ready,
        ..row.clone()
    }
}

pub(super) fn claim(now: i64, limit: usize) -> Claim {
    Claim {
        tenant: TENANT,
        sink: SINK,
        limit,
        now: at(now),
        owner: "worker".to_owned(),
        lease_until: at(now + 30),
        unplaced: Vec::new(),
    }
}

pub(super) fn settle(claimed: &Claimed, now: i64, outcome: Outcome) -> Settle {
    Settle {
        delivery: claimed.id,
        attempt: claimed.attempt,
        version: claimed.version,
        digest: claimed.digest,
        outcome,
        error: String::new(),
        calls: 1,
        at: at(now),
    }
}

/// The sink holds it now, as `remote_id`.
pub(super) const fn confirmed(remote_id: i64, remote_parent: Option<i64>) -> Outcome {
    Outcome::Confirmed {
        remote_id: Some(remote_id),
        remote_parent,
        is_created: false,
    }
}

/// The right of `owner` to run fetches.
pub(super) fn hold(owner: &str, until: i64) -> Hold {
    Hold {
        owner: owner.to_owned(),
        until: at(until),
    }
}

pub(super) fn wanted(remote_id: i64, due: i64) -> FetchRow {
    FetchRow {
        key: order(remote_id),
        reason: "confirm".to_owned(),
        due_at: at(due),
        attempts: 0,
        wanted: 1,
        class: Class::Live,
    }
}

/// Ids that no other call in this process gets.
pub(super) fn ids() -> impl FnMut() -> i64 + Send {
    static LAST: AtomicI64 = AtomicI64::new(1_000);
    || LAST.fetch_add(1, Ordering::SeqCst)
}

/// An attempt that was never made.
pub(super) const NO_ATTEMPT: AttemptId = AttemptId(-1);

impl Store {
    /// Stores `events` as intake does.
    pub(crate) async fn insert_events(&self, events: &[Event]) -> Result<Vec<Inserted>, StoreError> {
        self.intake().await?.insert(&NewEvent::all(events.to_vec())).await
    }
}

impl WriteTx {
    /// Stores `events` beside other work.
    pub(crate) async fn insert_events(&mut self, events: &[Event]) -> Result<Vec<Inserted>, StoreError> {
        let (mut conn, totals) = self.counting().await?;
        inbox::insert(&mut conn, totals, &NewEvent::all(events.to_vec())).await
    }
}
