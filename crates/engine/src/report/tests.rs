//! The reasons that an explanation gives, and what a preview counts as what.

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::entity::Subscription;
use schakel_core::golden;
use schakel_core::id::{ConnectionId, DeliveryId, EventId};
use schakel_core::record::{Content, Held, Rank, RecordKey, RecordKind, Version};
use schakel_core::time::Timestamp;
use schakel_store::rows::DeliveryRow;

use super::explain::because;
use super::preview::change;
use super::{Because, Change};

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + second * 1_000_000)
}

fn version(second: i64) -> Version {
    Version {
        at: at(second),
        ordinal: 0,
        rank: Rank::Changed,
        digest: [0; 8],
    }
}

/// A delivery that is ready and was never sent.
pub(super) const fn delivery(kind: ObjectKind) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId(1),
        sink: ConnectionId(2),
        kind,
        object: 3,
        parent: None,
        root: None,
        state: DeliveryState::Ready,
        due_at: Timestamp::ZERO,
        wish: Wish::Present,
        desired_version: 1,
        desired_digest: [0; 16],
        desired: String::new(),
        confirmed_version: 0,
        confirmed_digest: None,
        remote_id: None,
        remote_parent: None,
        since: Timestamp::ZERO,
    }
}

/// A subscription made at one second and ended at another.
fn subscription(id: i64, is_confirmed: bool, made: i64, ended: Option<i64>) -> Held {
    let content = Subscription {
        email: "jan@example.org".to_owned(),
        is_confirmed,
        created_at: Some(at(made)),
        ..Subscription::default()
    };
    let key = RecordKey::new(ConnectionId(1), RecordKind::Subscription, id);
    let mut held = Held::empty(key);
    held.live = Some((
        version(made),
        EventId(1),
        Content::Subscription(Box::new(content)),
    ));
    held.tombstone = ended.map(|second| (version(second), EventId(2)));
    held
}

fn reason(held: &[Held]) -> (bool, Because) {
    let members: Vec<&Held> = held.iter().collect();
    let golden = golden::relation(&members, None, false);
    let because = because(&members, golden.newsletter, golden.subscriber_id);
    (golden.newsletter, because)
}

#[test]
fn the_newsletter_has_a_reason_that_fits_its_value() {
    assert_eq!(reason(&[]), (false, Because::NoSubscription));
    let unconfirmed = subscription(5, false, 1, None);
    assert_eq!(
        reason(std::slice::from_ref(&unconfirmed)),
        (false, Because::Unconfirmed { subscription: 5 })
    );
    let yes = Because::Subscribed {
        subscription: 6,
        is_confirmed: true,
    };
    assert_eq!(
        reason(&[unconfirmed, subscription(6, true, 2, None)]),
        (true, yes)
    );
    let ended = subscription(7, true, 3, Some(9));
    let no = Because::Ended {
        subscription: 7,
        at: at(9).to_string(),
    };
    assert_eq!(
        reason(&[subscription(6, true, 2, None), ended.clone()]),
        (false, no)
    );
    let again = Because::Subscribed {
        subscription: 8,
        is_confirmed: true,
    };
    assert_eq!(reason(&[ended, subscription(8, true, 10, None)]), (true, again));
}

#[test]
fn a_preview_counts_by_what_the_sink_has_and_shall_have() {
    let row = delivery(ObjectKind::Order);
    assert_eq!(change(&row), Change::Create);
    assert_eq!(
        change(&DeliveryRow {
            confirmed_version: 1,
            ..row.clone()
        }),
        Change::Update
    );
    assert_eq!(
        change(&DeliveryRow {
            remote_id: Some(4),
            ..row.clone()
        }),
        Change::Update
    );
    assert_eq!(
        change(&DeliveryRow {
            wish: Wish::Absent,
            ..row
        }),
        Change::Delete
    );
}
