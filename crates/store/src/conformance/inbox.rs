//! Intake and the inbox's numbers: I1 to I4, F1.

use schakel_core::event::{Event, EventState, Origin, Trust};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::problem::{Code, Problem};

use super::make::{SHOP, TENANT, answer, at, bound, event, finished, order};
use super::on_both;
use crate::rows::{Finished, InboxCounts, Inserted, QuarantineFilter};
use crate::{Store, StoreError};

on_both! {
    an_event_comes_back_as_it_was_received,
    a_repeat_is_counted_and_not_stored,
    hints_and_answers_are_never_repeats,
    an_id_that_is_taken_is_no_repeat,
    waiting_events_come_in_order_and_in_pages,
    events_of_other_connections_are_left_waiting,
    an_event_is_finished_once,
    a_quarantined_event_is_released,
    refusals_are_counted_apart,
    totals_equal_what_is_stored,
    another_tenant_sees_nothing,
    large_batches_are_stored_whole,
    answers_of_our_own_stand_before_what_was_sent,
    starts_are_counted_until_a_release,
    what_was_applied_is_set_aside_after_all,
    what_was_set_aside_after_all_is_taken_back,
}

async fn finish(store: &Store, done: &[Finished]) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    tx.finish_events(TENANT, done).await?;
    tx.commit().await
}

async fn counts(store: &Store) -> InboxCounts {
    let counts = store.inbox_counts(TENANT, None, None).await.unwrap();
    assert_eq!(counts, store.inbox_audit(TENANT, None, None).await.unwrap());
    assert!(counts.adds_up(), "{counts:?}");
    counts
}

async fn an_event_comes_back_as_it_was_received(store: Store) {
    let mut sent = event(1, 7, "");
    sent.body = bytes::Bytes::from_static(b"\x00\xff {\"caf\xc3\xa9\":1}");
    let mut listed = event(3, 8, "{}");
    (listed.origin, listed.asked_at) = (Origin::Sweep, Some(at(2)));
    let both = [sent, listed];
    assert_eq!(
        store.insert_events(&both).await.unwrap(),
        [Inserted::New, Inserted::New]
    );
    for sent in both {
        let held = store.read_event(TENANT, sent.id).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", held.event), format!("{sent:?}"));
        assert_eq!((held.state, held.problems), (EventState::Waiting, Vec::new()));
    }
    let (of_record, _) = store.read_events_of(TENANT, order(7), 10).await.unwrap();
    assert_eq!(of_record.len(), 1);
    assert!(store.read_event(TENANT, EventId(2)).await.unwrap().is_none());
}

async fn a_repeat_is_counted_and_not_stored(store: Store) {
    let batch = [
        event(1, 7, "a"),
        event(2, 7, "a"),
        event(3, 7, "b"),
        event(4, 8, "a"),
    ];
    let answers = store.insert_events(&batch).await.unwrap();
    use Inserted::{Duplicate, New};
    assert_eq!(answers, [New, Duplicate, New, New]);
    // A sender that got no answer sends again, under the same or a new id.
    let answers = store
        .insert_events(&[event(1, 7, "a"), event(5, 7, "b")])
        .await
        .unwrap();
    assert_eq!(answers, [Duplicate, Duplicate]);
    let counts = counts(&store).await;
    assert_eq!((counts.received, counts.duplicate, counts.waiting), (6, 3, 3));
    assert!(store.insert_events(&[]).await.unwrap().is_empty());
}

async fn hints_and_answers_are_never_repeats(store: Store) {
    let hint = |id| crate::conformance::make::event(id, 7, "a");
    let mut hints = [hint(1), hint(2)];
    for hint in &mut hints {
        hint.trust = Trust::Hint;
    }
    assert_eq!(
        store.insert_events(&hints).await.unwrap(),
        [Inserted::New, Inserted::New]
    );
    let answers = [answer(3, 7), answer(4, 7)];
    assert_eq!(
        store.insert_events(&answers).await.unwrap(),
        [Inserted::New, Inserted::New]
    );
}

async fn an_id_that_is_taken_is_no_repeat(store: Store) {
    store.insert_events(&[event(1, 7, "a")]).await.unwrap();
    let mut hint = event(1, 7, "a");
    hint.trust = Trust::Hint;
    for other in [event(1, 8, "a"), hint] {
        let refused = store.insert_events(&[event(2, 9, "c"), other]).await;
        assert!(matches!(refused, Err(StoreError::Driver { .. })), "{refused:?}");
    }
    let counts = counts(&store).await;
    assert_eq!((counts.received, counts.duplicate, counts.waiting), (1, 0, 1));
}

async fn waiting_events_come_in_order_and_in_pages(store: Store) {
    let batch: Vec<_> = (1..=7).rev().map(|id| event(id, id, "x")).collect();
    store.insert_events(&batch).await.unwrap();
    finish(&store, &[finished(3, EventState::Applied)]).await.unwrap();
    let ids = async |after, limit| {
        let waiting = store
            .waiting_events(TENANT, &[SHOP], EventId(after), bound(limit))
            .await
            .unwrap();
        waiting.events.iter().map(|event| event.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(0, 3).await, [1, 2, 4]);
    assert_eq!(ids(4, 10).await, [5, 6, 7]);
    assert!(ids(7, 10).await.is_empty());
}

async fn events_of_other_connections_are_left_waiting(store: Store) {
    let other = ConnectionId(11);
    let theirs = Event {
        connection: other,
        ..event(1, 1, "x")
    };
    store.insert_events(&[theirs, event(2, 2, "x")]).await.unwrap();
    let ids = async |connections: &[ConnectionId]| {
        let waiting = store
            .waiting_events(TENANT, connections, EventId(0), bound(9))
            .await
            .unwrap();
        waiting.events.iter().map(|event| event.id.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[SHOP]).await, [2]);
    assert_eq!(ids(&[SHOP, other, ConnectionId(12)]).await, [1, 2]);
    assert!(ids(&[]).await.is_empty());
    assert_eq!(counts(&store).await.waiting, 2);
}

async fn an_event_is_finished_once(store: Store) {
    let batch: Vec<_> = (1..=4).map(|id| event(id, id, "x")).collect();
    store.insert_events(&batch).await.unwrap();
    let done = [
        finished(1, EventState::Applied),
        finished(2, EventState::Superseded),
        finished(3, EventState::Erased),
    ];
    finish(&store, &done).await.unwrap();
    let again = finish(&store, &[finished(4, EventState::Applied), done[0].clone()])
        .await
        .unwrap_err();
    assert!(matches!(
        again,
        StoreError::WrongRows {
            table: "event",
            expected: 2,
            touched: 1
        }
    ));
    // Another worker was first, which is no fault of the events.
    assert!(again.is_retryable() && !again.is_of_data());
    let counts = counts(&store).await;
    assert_eq!(
        (counts.applied, counts.superseded, counts.erased, counts.waiting),
        (1, 1, 1, 1)
    );
}

fn only(events: &[i64]) -> QuarantineFilter {
    QuarantineFilter {
        events: Some(events.iter().copied().map(EventId).collect()),
        ..QuarantineFilter::default()
    }
}

async fn a_quarantined_event_is_released(store: Store) {
    let batch: Vec<_> = (1..=4).map(|id| event(id, id, "x")).collect();
    store.insert_events(&batch).await.unwrap();
    let set_aside = |id, code| Finished {
        problems: vec![Problem::new(Code::Cut, "order.a"), Problem::new(code, "order.b")],
        ..finished(id, EventState::Quarantined)
    };
    let done = [
        set_aside(1, Code::NoId),
        set_aside(2, Code::BadJson),
        set_aside(3, Code::NoId),
        finished(4, EventState::Quarantined),
    ];
    finish(&store, &done).await.unwrap();
    let groups = store.quarantine_groups(TENANT).await.unwrap();
    let expected = [("bad_json", 1), ("no_id", 2), ("unknown", 1)].map(|(code, n)| (code.to_owned(), n));
    assert_eq!(groups, expected);
    let all = QuarantineFilter::default();
    let page = store.quarantined(TENANT, &all, 2, 1).await.unwrap();
    assert_eq!(page.iter().map(|row| row.event.0).collect::<Vec<_>>(), [1, 3]);
    let problems = page[0]
        .problems
        .iter()
        .map(|row| (row.code.as_str(), row.field.as_str()));
    assert_eq!(
        problems.collect::<Vec<_>>(),
        [("cut", "order.a"), ("no_id", "order.b")]
    );

    let one = only(&[1]);
    assert_eq!(store.release(TENANT, &one).await.unwrap(), 1);
    assert_eq!(store.release(TENANT, &one).await.unwrap(), 0);
    let released = store.read_event(TENANT, EventId(1)).await.unwrap().unwrap();
    assert_eq!(
        (released.state, released.problems),
        (EventState::Waiting, Vec::new())
    );
    let counts = counts(&store).await;
    assert_eq!((counts.quarantined, counts.waiting), (3, 1));
    let by_reason = |reason: &str, connection| QuarantineFilter {
        reason: Some(reason.to_owned()),
        connection,
        events: None,
    };
    let ids = async |filter: QuarantineFilter| {
        let rows = store.quarantined(TENANT, &filter, 9, 0).await.unwrap();
        rows.iter().map(|row| row.event.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(only(&[1, 2, 4])).await, [2, 4]);
    assert_eq!(ids(by_reason("no_id", Some(SHOP))).await, [3]);
    assert_eq!(
        ids(by_reason("no_id", Some(ConnectionId(11)))).await,
        [] as [i64; 0]
    );
    assert_eq!(store.release(TENANT, &by_reason("no_id", None)).await.unwrap(), 1);
    assert_eq!(store.release(TENANT, &all).await.unwrap(), 2);
    assert_eq!(store.release(TENANT, &all).await.unwrap(), 0);
}

async fn refusals_are_counted_apart(store: Store) {
    let refusals = [
        (SHOP, "signature", 2),
        (SHOP, "headers", 1),
        (SHOP, "signature", 4),
    ];
    store.count_rejected(TENANT, &refusals).await.unwrap();
    store
        .count_rejected(TENANT, &[(SHOP, "headers", 1)])
        .await
        .unwrap();
    let counts = counts(&store).await;
    assert_eq!((counts.rejected, counts.received), (8, 0));
}

async fn totals_equal_what_is_stored(store: Store) {
    let other = ConnectionId(11);
    let mut batch = vec![event(1, 1, "a"), event(2, 1, "a"), answer(3, 1)];
    batch.push(crate::conformance::make::event(4, 1, "a"));
    batch[3].connection = other;
    store.insert_events(&batch).await.unwrap();
    finish(&store, &[finished(3, EventState::Applied)]).await.unwrap();
    let of = async |connection, origin| {
        let counts = store.inbox_counts(TENANT, connection, origin).await.unwrap();
        assert_eq!(
            counts,
            store.inbox_audit(TENANT, connection, origin).await.unwrap()
        );
        assert!(counts.adds_up());
        (counts.received, counts.duplicate, counts.waiting, counts.applied)
    };
    assert_eq!(of(None, None).await, (4, 1, 2, 1));
    assert_eq!(of(Some(SHOP), None).await, (3, 1, 1, 1));
    assert_eq!(of(Some(other), None).await, (1, 0, 1, 0));
    assert_eq!(of(Some(SHOP), Some(Origin::Fetch)).await, (1, 0, 0, 1));
    assert_eq!(of(None, Some(Origin::Webhook)).await, (3, 1, 2, 0));
}

async fn another_tenant_sees_nothing(store: Store) {
    store.insert_events(&[event(1, 7, "a")]).await.unwrap();
    let stranger = schakel_core::id::TenantId(2);
    assert!(store.read_event(stranger, EventId(1)).await.unwrap().is_none());
    assert!(
        store
            .waiting_events(stranger, &[SHOP], EventId(0), bound(10))
            .await
            .unwrap()
            .events
            .is_empty()
    );
    assert_eq!(store.release(stranger, &only(&[1])).await.unwrap(), 0);
    let counts = store.inbox_counts(stranger, None, None).await.unwrap();
    assert_eq!(counts, InboxCounts::default());
}

async fn large_batches_are_stored_whole(store: Store) {
    let batch: Vec<_> = (1..=613).map(|id| event(id, id, "x")).collect();
    let answers = store.insert_events(&batch).await.unwrap();
    assert_eq!(answers, vec![Inserted::New; 613]);
    let done: Vec<_> = (1..=613).map(|id| finished(id, EventState::Applied)).collect();
    finish(&store, &done).await.unwrap();
    assert_eq!(counts(&store).await.applied, 613);
}

async fn answers_of_our_own_stand_before_what_was_sent(store: Store) {
    let mut late = answer(9, 3);
    late.ordinal = 4;
    store
        .insert_events(&[event(1, 1, "a"), event(2, 2, "b"), late])
        .await
        .unwrap();
    let waiting = store
        .waiting_events(TENANT, &[SHOP], EventId(0), bound(2))
        .await
        .unwrap();
    let ids: Vec<_> = waiting.events.iter().map(|event| event.id.0).collect();
    assert_eq!(ids, [9, 1]);
}

async fn starts_are_counted_until_a_release(store: Store) {
    store
        .insert_events(&[event(1, 1, "a"), event(2, 2, "b")])
        .await
        .unwrap();
    let both = [EventId(1), EventId(2)];
    store.begin_events(TENANT, &both).await.unwrap();
    store.begin_events(TENANT, &both[..1]).await.unwrap();
    let starts = store.event_starts(TENANT, &both).await.unwrap();
    assert_eq!((starts[&both[0]], starts[&both[1]]), (2, 1));
    finish(&store, &[finished(1, EventState::Quarantined)])
        .await
        .unwrap();
    let first = QuarantineFilter {
        events: Some(both[..1].to_vec()),
        ..QuarantineFilter::default()
    };
    assert_eq!(store.release(TENANT, &first).await.unwrap(), 1);
    assert_eq!(store.event_starts(TENANT, &both).await.unwrap()[&both[0]], 0);
}

async fn what_was_applied_is_set_aside_after_all(store: Store) {
    store
        .insert_events(&[event(1, 1, "a"), event(2, 2, "b")])
        .await
        .unwrap();
    finish(&store, &[finished(1, EventState::Applied)]).await.unwrap();
    let mut tx = store.write().await.unwrap();
    let both = [EventId(1), EventId(2)];
    tx.set_aside_applied(TENANT, Code::OrderWithoutPerson, &both)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let counts = counts(&store).await;
    assert_eq!((counts.quarantined, counts.applied, counts.waiting), (1, 0, 1));
    let groups = store.quarantine_groups(TENANT).await.unwrap();
    assert_eq!(groups, [("order_without_person".to_owned(), 1)]);
}

async fn what_was_set_aside_after_all_is_taken_back(store: Store) {
    let batch: Vec<_> = [(1, 7), (2, 7), (3, 7), (4, 8)]
        .map(|(id, thing)| event(id, thing, &format!("{id}")))
        .to_vec();
    store.insert_events(&batch).await.unwrap();
    let code = Code::OrderWithoutPerson;
    let of_its_own = Finished {
        problems: vec![Problem::new(code, "order.email")],
        ..finished(3, EventState::Quarantined)
    };
    let applied = [1, 2, 4].map(|id| finished(id, EventState::Applied));
    finish(&store, &[&applied[..], &[of_its_own]].concat())
        .await
        .unwrap();
    let mut tx = store.write().await.unwrap();
    tx.set_aside_applied(TENANT, code, &[1, 2, 4].map(EventId))
        .await
        .unwrap();
    tx.take_back(TENANT, code, &[(order(7), EventId(2))])
        .await
        .unwrap();
    tx.take_back(TENANT, Code::BadJson, &[(order(8), EventId(4))])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let counts = counts(&store).await;
    assert_eq!((counts.applied, counts.superseded, counts.quarantined), (1, 1, 2));
    let state = async |id| {
        let row = store.read_event(TENANT, EventId(id)).await.unwrap().unwrap();
        (row.state, row.problems.len())
    };
    assert_eq!(state(1).await, (EventState::Superseded, 0));
    assert_eq!(state(2).await, (EventState::Applied, 0));
    assert_eq!(state(3).await, (EventState::Quarantined, 1));
}
