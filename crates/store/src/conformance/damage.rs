//! What stands in the inbox and can't be taken from it: damaged bodies, words of a newer version, large bodies.

use bytes::Bytes;
use schakel_core::event::EventState;
use schakel_core::id::{ConnectionId, EventId};

use super::make::{SHOP, TENANT, bound, event, finished, order};
use super::on_both;
use crate::rows::{Bound, ProblemRow, QuarantineFilter};
use crate::sql::Param;
use crate::{Store, StoreError};

on_both! {
    a_damaged_event_harms_no_other,
    a_damaged_event_can_be_listed,
    a_damaged_event_does_not_hide_the_others_of_its_record,
    a_problem_of_a_newer_version_is_shown_as_it_is,
    words_of_a_newer_version_are_left_waiting,
    a_batch_is_bounded_in_bytes_and_never_empty,
    an_error_says_its_cause_and_no_value,
}

/// Changes one column of one event behind the store's back.
async fn spoil(store: &Store, event: i64, column: &'static str, value: impl Into<Param>) {
    let mut tx = store.db.begin().await.unwrap();
    let mut conn = tx.conn();
    let sql = conn
        .sql("spoil an event", "UPDATE event SET ")
        .push(column)
        .push(" = ")
        .bind(value)
        .push(" WHERE tenant_id = ")
        .bind(TENANT.0)
        .push(" AND id = ")
        .bind(event);
    assert_eq!(conn.execute(sql).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

async fn three_events(store: &Store) {
    let batch: Vec<_> = (1..=3).map(|id| event(id, id, "what was said")).collect();
    store.insert_events(&batch).await.unwrap();
}

async fn waiting(store: &Store, bound: Bound) -> (Vec<i64>, Vec<i64>) {
    let waiting = store
        .waiting_events(TENANT, &[SHOP], EventId(0), bound)
        .await
        .unwrap();
    let ids = waiting.events.iter().map(|event| event.id.0).collect();
    (ids, waiting.damaged.iter().map(|(id, _)| id.0).collect())
}

async fn a_damaged_event_harms_no_other(store: Store) {
    three_events(&store).await;
    spoil(&store, 1, "body", b"what was Said".as_slice()).await;
    assert_eq!(waiting(&store, bound(9)).await, (vec![2, 3], vec![1]));
    spoil(&store, 2, "body_digest", b"too short".as_slice()).await;
    assert_eq!(waiting(&store, bound(9)).await, (vec![3], vec![1, 2]));
    spoil(&store, 3, "status", 70_000_i64).await;
    assert_eq!(waiting(&store, bound(9)).await, (Vec::new(), vec![1, 2, 3]));
}

async fn a_damaged_event_can_be_listed(store: Store) {
    three_events(&store).await;
    let mut tx = store.write().await.unwrap();
    let done = [
        finished(1, EventState::Quarantined),
        finished(2, EventState::Quarantined),
    ];
    tx.finish_events(TENANT, &done).await.unwrap();
    tx.commit().await.unwrap();
    spoil(&store, 1, "body", b"".as_slice()).await;
    spoil(&store, 2, "kind", "of_tomorrow").await;
    let all = QuarantineFilter::default();
    let rows = store.quarantined(TENANT, &all, 9, 0).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.event.0, row.body_bytes)).collect();
    assert_eq!(seen, [(1, 13), (2, 13)], "as long as they came");
    assert_eq!(rows[1].kind.as_deref(), Some("of_tomorrow"));
    // Whoever wants what it says is told that it is not there any more.
    let read = store.read_event(TENANT, EventId(1)).await;
    assert!(
        matches!(read, Err(StoreError::Contradiction { column: "body", .. })),
        "{read:?}"
    );
}

async fn a_damaged_event_does_not_hide_the_others_of_its_record(store: Store) {
    let batch: Vec<_> = [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
        .map(|(id, said)| event(id, 7, said))
        .to_vec();
    store.insert_events(&batch).await.unwrap();
    spoil(&store, 2, "body", b"B".as_slice()).await;
    spoil(&store, 3, "trust", "of_tomorrow").await;
    let (events, unreadable) = store.read_events_of(TENANT, order(7), 9).await.unwrap();
    assert_eq!(
        events.iter().map(|row| row.event.id.0).collect::<Vec<_>>(),
        [4, 1]
    );
    assert_eq!(unreadable, [EventId(3), EventId(2)]);
}

async fn a_problem_of_a_newer_version_is_shown_as_it_is(store: Store) {
    three_events(&store).await;
    let mut tx = store.write().await.unwrap();
    tx.finish_events(TENANT, &[finished(1, EventState::Quarantined)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let problems = r#"[{"code":"of_tomorrow","field":"order.a","since":2}]"#;
    spoil(&store, 1, "problems", problems).await;
    let expected = [ProblemRow {
        code: "of_tomorrow".to_owned(),
        field: "order.a".to_owned(),
    }];
    let all = QuarantineFilter::default();
    let rows = store.quarantined(TENANT, &all, 9, 0).await.unwrap();
    assert_eq!(rows[0].problems, expected);
    let row = store.read_event(TENANT, EventId(1)).await.unwrap().unwrap();
    assert_eq!(row.problems, expected);
}

async fn words_of_a_newer_version_are_left_waiting(store: Store) {
    let mut batch: Vec<_> = (1..=5).map(|id| event(id, id, "x")).collect();
    batch[2].connection = ConnectionId(11);
    batch[4].kind = None;
    store.insert_events(&batch).await.unwrap();
    assert!(store.newer_waiting(TENANT).await.unwrap().is_empty());
    spoil(&store, 1, "kind", "of_tomorrow").await;
    spoil(&store, 2, "trust", "of_tomorrow").await;
    spoil(&store, 3, "origin", "of_tomorrow").await;
    // However many stand before them, the others have their turn.
    assert_eq!(waiting(&store, bound(1)).await, (vec![4], Vec::new()));
    assert_eq!(waiting(&store, bound(9)).await, (vec![4, 5], Vec::new()));
    assert_eq!(
        store.newer_waiting(TENANT).await.unwrap(),
        [(SHOP, 2), (ConnectionId(11), 1)]
    );
    assert_eq!(store.inbox_counts(TENANT, None, None).await.unwrap().waiting, 5);
}

async fn a_batch_is_bounded_in_bytes_and_never_empty(store: Store) {
    let mut batch: Vec<_> = (1..=4).map(|id| event(id, id, "x")).collect();
    for (event, size) in batch.iter_mut().zip([1_000, 600, 400, 1]) {
        event.body = Bytes::from(vec![b'x'; size]);
    }
    store.insert_events(&batch).await.unwrap();
    let of = async |after: i64, bytes| {
        let bound = Bound { events: 9, bytes };
        let waiting = store.waiting_events(TENANT, &[SHOP], EventId(after), bound).await;
        waiting
            .unwrap()
            .events
            .iter()
            .map(|event| event.id.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(0, 10).await, [1], "the first one is always read");
    assert_eq!(of(0, 1_599).await, [1]);
    assert_eq!(of(0, 1_600).await, [1, 2]);
    assert_eq!(of(1, 1_000).await, [2, 3]);
    assert_eq!(of(0, usize::MAX).await, [1, 2, 3, 4]);
}

async fn an_error_says_its_cause_and_no_value(store: Store) {
    const PERSON: &str = "jan@example.org";
    three_events(&store).await;
    let mut taken = event(1, 99, PERSON);
    taken.headers = PERSON.to_owned();
    let errors = [
        store.insert_events(&[taken]).await.unwrap_err().to_string(),
        cast(&store, PERSON, " AS BIGINT) FROM nowhere").await,
        cast(&store, PERSON, " AS BIGINT)").await,
    ];
    let expected = match store.engine_name() {
        "SQLite" => ["event.id (code 1555)", "nowhere (code 1)", ""],
        _ => ["event_pkey", "nowhere", "a value does not fit (code 22P02)"],
    };
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(PERSON), "{error}");
    }
}

/// Gives what the store says when it reads a text as a number; SQLite takes any text for one.
async fn cast(store: &Store, text: &str, rest: &'static str) -> String {
    let sql = crate::sql::Sql::new(store.db.dialect(), "read a number", "SELECT CAST(")
        .bind(text)
        .push(rest);
    let read = store.db.read(sql).await;
    read.err().map(|error| error.to_string()).unwrap_or_default()
}
