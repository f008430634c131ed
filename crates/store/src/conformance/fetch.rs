//! Fetches: wished, claimed, answered.

use schakel_core::connector::Class;
use schakel_core::event::{Event, Origin};
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::limits;

use super::make::{SHOP, TENANT, answer, at, bound, hold, order, wanted};
use super::on_both;
use crate::Store;
use crate::rows::{AfterFetch, EndedFetch, FetchRow, Hold};

on_both! {
    each_class_is_claimed_by_itself,
    a_second_wish_joins_the_first,
    a_fetch_is_open_until_it_is_done,
    due_fetches_are_claimed_once,
    an_answer_goes_into_the_inbox_with_a_number,
    a_wish_during_a_fetch_makes_another_one,
    groups_and_ties_of_a_running_fetch_are_asked_for_again,
    a_failed_fetch_waits,
    how_a_fetch_stands_is_told,
    a_fetch_that_is_put_off_waits_and_counts_no_attempt,
    fetches_of_the_gone_are_given_again,
    a_worker_frees_what_it_does_not_run,
    an_answer_that_comes_after_its_hold_is_lost_changes_nothing,
    many_answers_are_stored_at_once,
    a_wish_shortens_no_back_off,
    a_thing_is_asked_for_once_in_a_few_seconds,
    what_is_missing_is_no_wish_while_its_answer_is_fresh,
    a_deletion_that_is_told_outlasts_other_reasons,
    a_wish_for_rows_alone_gives_way_to_others,
    of_wishes_at_once_the_earliest_and_the_strongest_count,
    a_doubted_answer_is_asked_for_again,
    a_thing_that_was_not_found_is_remembered_until_it_is,
}

async fn want(store: &Store, rows: &[FetchRow]) {
    let mut tx = store.write().await.unwrap();
    tx.want_fetches(TENANT, rows).await.unwrap();
    tx.commit().await.unwrap();
}

/// The hold of the worker that takes and finishes, unless a test says otherwise.
fn held() -> Hold {
    hold("worker", 1_000)
}

async fn take(store: &Store, now: i64, limit: usize) -> Vec<FetchRow> {
    store
        .claim_fetches(TENANT, SHOP, at(now), (Class::Live, limit), &held())
        .await
        .unwrap()
        .into_iter()
        .map(|claimed| claimed.row)
        .collect()
}

type Ended = (FetchRow, AfterFetch, Option<Event>);

async fn finish(store: &Store, now: i64, ended: Vec<Ended>) {
    end(store, &held(), now, ended).await;
}

async fn end(store: &Store, hold: &Hold, now: i64, ended: Vec<Ended>) {
    let ended = ended.into_iter().map(|(row, after, event)| EndedFetch {
        row,
        until: hold.until,
        after,
        event,
    });
    let ended: Vec<EndedFetch> = ended.collect();
    let ended = store.finish_fetches(TENANT, &hold.owner, &ended, at(now)).await;
    ended.unwrap();
}

fn done(row: &FetchRow, event: i64) -> Ended {
    let answer = answer(event, row.key.remote_id);
    (row.clone(), AfterFetch::Done, Some(answer))
}

fn because(reason: &str, mut row: FetchRow) -> FetchRow {
    reason.clone_into(&mut row.reason);
    row
}

async fn a_fetch_is_open_until_it_is_done(store: Store) {
    want(&store, &[wanted(1, 5), wanted(2, 50)]).await;
    let open = async |now| {
        let keys: Vec<_> = (1..=3).map(order).collect();
        let open = store.open_fetches(TENANT, &keys, at(now)).await.unwrap();
        open.into_iter().map(|key| key.remote_id).collect::<Vec<_>>()
    };
    assert_eq!(open(9).await, [1, 2], "also one that is not due yet");
    let taken = take(&store, 10, 9).await;
    assert_eq!(open(11).await, [1, 2], "also one that runs");
    store
        .retry_fetch(TENANT, &held(), &taken[0], at(60), "HTTP 503")
        .await
        .unwrap();
    assert_eq!(open(12).await, [1, 2], "also one that failed");
    let taken = take(&store, 70, 1).await;
    finish(&store, 71, vec![done(&taken[0], 9)]).await;
    assert_eq!(open(72).await.len(), 2, "its answer may wait in the inbox");
    let later = at(71).plus_ms(limits::FETCH_QUOTA_MS).as_micros() / 1_000_000;
    assert_eq!(open(later + 1).await.len(), 1);
}

async fn a_second_wish_joins_the_first(store: Store) {
    want(&store, &[wanted(1, 20), wanted(1, 10), wanted(2, 5)]).await;
    want(&store, &[wanted(1, 15), wanted(2, 3)]).await;
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 2);
    let claimed = take(&store, 50, 9).await;
    let rows: Vec<_> = claimed
        .iter()
        .map(|row| (row.key, row.due_at, row.wanted))
        .collect();
    assert_eq!(rows, [(order(2), at(3), 2), (order(1), at(10), 2)]);
}

async fn due_fetches_are_claimed_once(store: Store) {
    want(&store, &[wanted(1, 10), wanted(2, 20), wanted(3, 30)]).await;
    assert!(take(&store, 9, 9).await.is_empty());
    assert_eq!(take(&store, 25, 1).await[0].key, order(1));
    assert_eq!(take(&store, 25, 9).await.len(), 1);
    assert!(take(&store, 25, 9).await.is_empty());
    let elsewhere = store
        .claim_fetches(
            TENANT,
            ConnectionId(99),
            at(90),
            (Class::Live, 9),
            &hold("worker", 99),
        )
        .await
        .unwrap();
    assert!(elsewhere.is_empty());
    assert_eq!(store.fetch_count(TenantId(2)).await.unwrap(), 0);
}

async fn an_answer_goes_into_the_inbox_with_a_number(store: Store) {
    want(&store, &[wanted(1, 10), wanted(2, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    finish(&store, 10, vec![done(&claimed[0], 1)]).await;
    finish(&store, 10, vec![done(&claimed[1], 2)]).await;
    let waiting = store
        .waiting_events(TENANT, &[SHOP], EventId(0), bound(9))
        .await
        .unwrap();
    let ordinals: Vec<_> = waiting
        .events
        .iter()
        .map(|event| (event.ordinal, event.origin))
        .collect();
    assert_eq!(ordinals, [(1, Origin::Fetch), (2, Origin::Fetch)]);
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 0);
    let counts = store
        .inbox_counts(TENANT, Some(SHOP), Some(Origin::Fetch))
        .await
        .unwrap();
    assert_eq!((counts.received, counts.waiting), (2, 2));
}

async fn a_wish_during_a_fetch_makes_another_one(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let first = take(&store, 10, 9).await;
    want(&store, &[wanted(1, 12)]).await;
    assert!(take(&store, 12, 9).await.is_empty(), "it is running");
    finish(&store, 13, vec![done(&first[0], 1)]).await;
    // What was said while the first one ran may not be in its answer (I4).
    assert!(take(&store, 17, 9).await.is_empty(), "it was asked a moment ago");
    let second = take(&store, 18, 9).await;
    assert_eq!(second[0].wanted, 2);
    finish(&store, 18, vec![done(&second[0], 2)]).await;
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 0);
}

async fn groups_and_ties_of_a_running_fetch_are_asked_for_again(store: Store) {
    for (reason, thing, begin) in [("groups", 1, 10), ("tie", 2, 30)] {
        let of = |second| because(reason, wanted(thing, begin + second));
        let now = |second| begin + second;
        want(&store, &[of(0)]).await;
        let first = take(&store, now(0), 9).await;
        want(&store, &[of(2)]).await;
        finish(&store, now(3), vec![done(&first[0], begin)]).await;
        // And after it, while its answer is fresh.
        want(&store, &[of(4)]).await;
        let second = take(&store, now(8), 9).await;
        assert_eq!(second.len(), 1, "{reason}");
        finish(&store, now(8), vec![done(&second[0], begin + 1)]).await;
        want(&store, &[of(9)]).await;
        let third = take(&store, now(13), 9).await;
        assert_eq!(third.len(), 1, "{reason}");
        finish(&store, now(13), vec![done(&third[0], begin + 2)]).await;
    }
}

async fn a_failed_fetch_waits(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    store
        .retry_fetch(TENANT, &held(), &claimed[0], at(40), "HTTP 503")
        .await
        .unwrap();
    assert!(take(&store, 39, 9).await.is_empty());
    let claimed = take(&store, 40, 9).await;
    assert_eq!((claimed[0].attempts, claimed[0].wanted), (1, 1));
}

async fn how_a_fetch_stands_is_told(store: Store) {
    let stands = async || {
        let wanted = store.wanted(TENANT, order(1)).await.unwrap()?;
        Some((
            wanted.due_at,
            wanted.not_before,
            wanted.missing_since,
            wanted.error,
        ))
    };
    assert_eq!(stands().await, None);
    want(&store, &[wanted(1, 10)]).await;
    assert_eq!(stands().await, Some((Some(at(10)), at(0), None, String::new())));
    let claimed = take(&store, 10, 9).await;
    let hold = held();
    let failed = store.retry_fetch(TENANT, &hold, &claimed[0], at(40), "HTTP 503");
    failed.await.unwrap();
    assert_eq!(
        stands().await,
        Some((Some(at(40)), at(40), None, "HTTP 503".to_owned()))
    );
    let claimed = take(&store, 40, 9).await;
    let missing = AfterFetch::Missing {
        since: at(41),
        again_at: at(500),
    };
    finish(&store, 41, vec![(claimed[0].clone(), missing, None)]).await;
    let quota = at(41).plus_ms(limits::FETCH_QUOTA_MS);
    assert_eq!(
        stands().await,
        Some((Some(at(500)), quota, Some(at(41)), String::new()))
    );
}

async fn a_fetch_that_is_put_off_waits_and_counts_no_attempt(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    let put_off = async |hold: &Hold, second| {
        let put_off = store.postpone_fetch(TENANT, hold, &claimed[0], at(second));
        put_off.await.unwrap();
    };
    put_off(&hold("another", 1_000), 20).await;
    put_off(&hold("worker", 999), 20).await;
    assert!(take(&store, 30, 9).await.is_empty(), "those do not hold it");
    put_off(&held(), 40).await;
    want(&store, &[wanted(1, 12)]).await;
    assert!(take(&store, 39, 9).await.is_empty(), "a new wish makes no room");
    let claimed = take(&store, 40, 9).await;
    assert_eq!((claimed.len(), claimed[0].attempts), (1, 0));
}

async fn fetches_of_the_gone_are_given_again(store: Store) {
    want(&store, &[wanted(1, 10), wanted(2, 11)]).await;
    store
        .claim_fetches(TENANT, SHOP, at(10), (Class::Live, 1), &hold("worker", 40))
        .await
        .unwrap();
    assert!(take(&store, 10, 9).await.is_empty());
    let claimed = take(&store, 40, 9).await;
    assert_eq!(claimed.len(), 2, "the lease of the first one has passed");
    assert_eq!(claimed[0].attempts, 1);
    let freed = async |owner| store.recover_fetches(TENANT, SHOP, owner).await.unwrap();
    assert_eq!(freed("worker").await, 0);
    assert_eq!(freed("restarted").await, 2);
    assert_eq!(take(&store, 41, 9).await.len(), 2);
}

async fn a_worker_frees_what_it_does_not_run(store: Store) {
    let wishes: Vec<FetchRow> = (1..=4).map(|id| wanted(id, 10)).collect();
    want(&store, &wishes).await;
    let mine = take(&store, 10, 3).await;
    let other = (Class::Live, 9);
    store
        .claim_fetches(TENANT, SHOP, at(10), other, &hold("other", 1_000))
        .await
        .unwrap();
    let running = [mine[1].key];
    let freed = store.free_fetches(TENANT, SHOP, "worker", &running).await;
    assert_eq!(freed.unwrap(), 2);
    let again = take(&store, 11, 9).await;
    let keys: Vec<_> = again.iter().map(|row| (row.key, row.attempts)).collect();
    assert_eq!(keys, [(mine[0].key, 0), (mine[2].key, 0)]);
    finish(&store, 12, vec![done(&mine[1], 1)]).await;
    let freed = store.free_fetches(TENANT, SHOP, "worker", &[]).await;
    assert_eq!(freed.unwrap(), 2, "the one that ran was ended by who held it");
}

async fn an_answer_that_comes_after_its_hold_is_lost_changes_nothing(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let (slow, quick) = (hold("slow", 40), hold("quick", 80));
    let claim = async |now, hold: &Hold| {
        let claimed = store
            .claim_fetches(TENANT, SHOP, at(now), (Class::Live, 9), hold)
            .await;
        claimed.unwrap().remove(0).row
    };
    let end = async |hold: &Hold, ended: Ended| end(&store, hold, 46, vec![ended]).await;
    let late = claim(10, &slow).await;
    let row = claim(45, &quick).await;
    end(&slow, done(&late, 1)).await;
    store
        .retry_fetch(TENANT, &slow, &late, at(46), "HTTP 503")
        .await
        .unwrap();
    // The same worker with an older hold is another one, too.
    end(&hold("quick", 40), done(&late, 2)).await;
    assert!(take(&store, 46, 9).await.is_empty(), "it still runs");
    end(&quick, done(&row, 3)).await;
    end(&slow, done(&late, 4)).await;
    let waiting = store.waiting_events(TENANT, &[SHOP], EventId(0), bound(9)).await;
    let waiting = waiting.unwrap();
    let seen: Vec<_> = waiting
        .events
        .iter()
        .map(|event| (event.id, event.ordinal))
        .collect();
    assert_eq!(seen, [(EventId(3), 1)]);
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 0);
}

async fn many_answers_are_stored_at_once(store: Store) {
    let rows: Vec<FetchRow> = (1..=300).map(|id| wanted(id, 10)).collect();
    want(&store, &rows).await;
    let claimed = take(&store, 10, 400).await;
    assert_eq!(claimed.len(), 300);
    want(&store, &[wanted(5, 10)]).await;
    let answers = claimed.iter().map(|row| done(row, row.key.remote_id)).collect();
    finish(&store, 10, answers).await;
    finish(&store, 10, Vec::new()).await;
    let waiting = store
        .waiting_events(TENANT, &[SHOP], EventId(0), bound(400))
        .await
        .unwrap();
    let mut ordinals: Vec<i64> = waiting.events.iter().map(|event| event.ordinal).collect();
    ordinals.sort_unstable();
    assert_eq!(ordinals, (1..=300).collect::<Vec<i64>>());
    assert_eq!(
        take(&store, 15, 9).await.len(),
        1,
        "the one that was wanted again"
    );
}

async fn a_wish_shortens_no_back_off(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    store
        .retry_fetch(TENANT, &held(), &claimed[0], at(60), "HTTP 503")
        .await
        .unwrap();
    want(&store, &[wanted(1, 11), because("hint", wanted(2, 11))]).await;
    let claimed = take(&store, 59, 9).await;
    assert_eq!(claimed.iter().map(|row| row.key).collect::<Vec<_>>(), [order(2)]);
    assert_eq!(take(&store, 60, 9).await.len(), 1);
}

async fn a_thing_is_asked_for_once_in_a_few_seconds(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    finish(&store, 11, vec![done(&claimed[0], 1)]).await;
    for second in [12, 13, 14] {
        want(&store, &[because("hint", wanted(1, second))]).await;
        assert!(take(&store, second, 9).await.is_empty());
    }
    let again = take(&store, 16, 9).await;
    assert_eq!((again.len(), again[0].reason.as_str()), (1, "hint"));
    // The row goes with a later answer about anything.
    finish(&store, 17, vec![done(&again[0], 2)]).await;
    want(&store, &[wanted(2, 30)]).await;
    let other = take(&store, 30, 9).await;
    finish(&store, 30, vec![done(&other[0], 3)]).await;
    want(&store, &[wanted(1, 31)]).await;
    assert_eq!(take(&store, 31, 9).await[0].wanted, 1, "it was forgotten");
}

async fn what_is_missing_is_no_wish_while_its_answer_is_fresh(store: Store) {
    let missing = |due| because("product", wanted(1, due));
    want(&store, &[missing(10)]).await;
    let claimed = take(&store, 10, 9).await;
    finish(&store, 11, vec![done(&claimed[0], 1)]).await;
    want(&store, &[missing(12)]).await;
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 0);
    want(&store, &[missing(16)]).await;
    assert_eq!(take(&store, 16, 9).await.len(), 1);
}

async fn a_deletion_that_is_told_outlasts_other_reasons(store: Store) {
    let of = |reason: &str| because(reason, wanted(1, 10));
    want(&store, &[of("hint"), of("deleted")]).await;
    want(&store, &[of("confirm")]).await;
    assert_eq!(take(&store, 10, 9).await[0].reason, "deleted");
}

async fn a_wish_for_rows_alone_gives_way_to_others(store: Store) {
    let of = |thing, reason: &str| because(reason, wanted(thing, 10));
    want(
        &store,
        &[of(1, "rows"), of(1, "hint"), of(2, "rows"), of(3, "rows")],
    )
    .await;
    want(&store, &[of(2, "hint"), of(3, "rows")]).await;
    let reasons: Vec<String> = take(&store, 10, 9)
        .await
        .into_iter()
        .map(|row| row.reason)
        .collect();
    assert_eq!(reasons, ["hint", "hint", "rows"]);
}

async fn of_wishes_at_once_the_earliest_and_the_strongest_count(store: Store) {
    let of = |thing, reason: &str, due| because(reason, wanted(thing, due));
    let mut weak = of(1, "customer", 90);
    weak.class = Class::Backfill;
    let wishes = [
        weak,
        of(1, "hint", 10),
        of(2, "rows", 10),
        of(2, "quote", 90),
        of(3, "deleted", 90),
        of(3, "confirm", 10),
    ];
    want(&store, &wishes).await;
    let claimed = take(&store, 10, 9).await;
    let seen: Vec<(i64, &str)> = claimed
        .iter()
        .map(|row| (row.key.remote_id, row.reason.as_str()))
        .collect();
    assert_eq!(seen, [(1, "hint"), (2, "rows"), (3, "deleted")]);
}

async fn a_doubted_answer_is_asked_for_again(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    for doubts in 0..3 {
        let now = 10 + 100 * i64::from(doubts);
        let claimed = store
            .claim_fetches(TENANT, SHOP, at(now), (Class::Live, 9), &held())
            .await
            .unwrap();
        assert_eq!(claimed[0].doubts, doubts);
        let again_at = at(now + 100);
        let (row, _, event) = done(&claimed[0].row, i64::from(doubts) + 1);
        finish(&store, now, vec![(row, AfterFetch::Doubted { again_at }, event)]).await;
        assert!(take(&store, now + 99, 9).await.is_empty());
    }
    assert_eq!(
        store
            .waiting_events(TENANT, &[SHOP], EventId(0), bound(9))
            .await
            .unwrap()
            .events
            .len(),
        3
    );
}

async fn a_thing_that_was_not_found_is_remembered_until_it_is(store: Store) {
    want(&store, &[wanted(1, 10)]).await;
    let claimed = take(&store, 10, 9).await;
    let missing = AfterFetch::Missing {
        since: at(10),
        again_at: at(190),
    };
    finish(&store, 10, vec![(claimed[0].clone(), missing, None)]).await;
    assert_eq!(store.fetch_count(TENANT).await.unwrap(), 1);
    want(&store, &[because("deleted", wanted(1, 20))]).await;
    let claimed = store
        .claim_fetches(TENANT, SHOP, at(20), (Class::Live, 9), &held())
        .await
        .unwrap();
    let seen = &claimed[0];
    assert_eq!(
        (seen.missing_since, seen.row.reason.as_str()),
        (Some(at(10)), "deleted")
    );
    finish(&store, 20, vec![done(&seen.row, 1)]).await;
    want(&store, &[wanted(1, 30)]).await;
    let claimed = store
        .claim_fetches(TENANT, SHOP, at(30), (Class::Live, 9), &held())
        .await
        .unwrap();
    assert_eq!(claimed[0].missing_since, None);
}

async fn each_class_is_claimed_by_itself(store: Store) {
    let late = |remote_id, class| FetchRow {
        class,
        ..wanted(remote_id, 5)
    };
    let rows = [
        late(1, Class::Backfill),
        late(2, Class::Live),
        late(3, Class::Backfill),
    ];
    want(&store, &rows).await;
    // A live wish for the same thing goes first from then on.
    want(&store, &[late(3, Class::Live)]).await;
    let claim = async |class| -> Vec<i64> {
        let claimed = store
            .claim_fetches(TENANT, SHOP, at(9), (class, 9), &held())
            .await
            .unwrap();
        claimed.iter().map(|claimed| claimed.row.key.remote_id).collect()
    };
    assert_eq!(claim(Class::Sweep).await, [0_i64; 0]);
    assert_eq!(claim(Class::Live).await, [2, 3]);
    assert_eq!(claim(Class::Backfill).await, [1]);
}
