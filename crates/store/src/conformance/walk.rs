//! Walks: places, pieces, findings, and what counts as alive.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use schakel_core::connector::{Part, Span};
use schakel_core::event::{Event, EventState, Origin};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::record::{Held, Rank, RecordKind, Version};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Finding, Job, Phase, Walk, WalkState, What, Why};

use super::make::{SHOP, TENANT, answer, at, event, finished, order, order_row, wanted};
use super::on_both;
use crate::Store;
use crate::rows::{Piece, RecordRow, WalkPage};

on_both! {
    a_walk_is_read_as_it_was_written,
    a_place_moves_only_with_what_lies_before_it,
    what_somebody_else_moved_takes_nothing,
    a_halt_stays_and_what_was_read_is_kept,
    states_change_only_from_those_that_are_meant,
    pieces_of_a_thing_come_together,
    jobs_do_not_share_their_pieces,
    alive_is_what_is_not_deleted,
    findings_are_kept_and_counted,
    findings_go_when_they_are_old_and_stay_counted,
    two_who_begin_the_same_take_nothing_from_each_other,
    what_was_read_to_its_end_stays_when_the_next_begins,
    what_waits_or_was_set_aside_is_recognised_by_its_body,
    bodies_are_read_together_and_damaged_ones_left_out,
}

fn walk(job: Job, part: Part) -> Walk {
    Walk::new(SHOP, job, part, Span::default(), at(100))
}

async fn begin(store: &Store, walks: &[Walk]) {
    store.begin_walks(TENANT, walks).await.unwrap();
}

async fn the_walk(store: &Store) -> Walk {
    let walks = store.walks(TENANT, Some(SHOP)).await.unwrap();
    assert_eq!(walks.len(), 1);
    walks[0].clone()
}

/// A step that read one thing.
fn step(before: &Walk, event: i64) -> WalkPage {
    let after = Walk {
        state: WalkState::Running,
        cursor: format!("place {event}"),
        seen: before.seen + 1,
        calls: before.calls + 1,
        ..before.clone()
    };
    WalkPage {
        events: vec![schakel_core::event::Event {
            origin: Origin::Backfill,
            ..answer(event, event)
        }],
        wanted: vec![wanted(event, 5)],
        pieces: vec![piece(event, "a")],
        findings: vec![finding(event, What::New, Why::Missed)],
        ..WalkPage::bare(before.clone(), after)
    }
}

fn piece(remote_id: i64, body: &'static str) -> Piece {
    Piece {
        remote_id,
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn finding(id: i64, what: What, why: Why) -> (EventId, Finding) {
    let finding = Finding {
        connection: SHOP,
        job: Job::Sweep,
        part: Part::Orders,
        remote_id: id,
        at: at(id),
        what,
        why,
    };
    (EventId(id), finding)
}

/// How much a page left behind: events, wishes, pieces of `walk` and findings.
async fn left_by(store: &Store, walk: &Walk) -> [usize; 4] {
    let events = store.count_waiting(TENANT, SHOP, 100).await.unwrap();
    let wishes = store.fetch_count(TENANT).await.unwrap();
    let (events, wishes) = (usize::try_from(events).unwrap(), usize::try_from(wishes).unwrap());
    let pieces = store
        .pieces(TENANT, SHOP, (walk.job, walk.part), usize::MAX)
        .await;
    let findings = store.findings(TENANT, SHOP, 100).await.unwrap();
    [events, wishes, pieces.unwrap().len(), findings.len()]
}

async fn a_walk_is_read_as_it_was_written(store: Store) {
    let mut whole = walk(Job::Backfill, Part::Orders);
    whole.state = WalkState::Stopped;
    whole.phase = Phase::Accept;
    whole.span = Span {
        created_from: Some(at(1)),
        created_to: Some(at(2)),
        updated_from: Some(at(3)),
    };
    whole.cursor = "since 7".to_owned();
    whole.expected = Some(9);
    (whole.seen, whole.stored, whole.doubted, whole.listed) = (1, 2, 3, 4);
    (whole.calls, whole.failures, whole.waits, whole.due_at) = (5, 6, 7, at(8));
    whole.note = "why".to_owned();
    whole.updated_at = at(9);
    let elsewhere = Walk {
        connection: ConnectionId(SHOP.0 + 1),
        ..whole.clone()
    };
    let sweep = walk(Job::Sweep, Part::Shipments);
    begin(&store, &[whole.clone(), elsewhere.clone(), sweep.clone()]).await;
    assert_eq!(
        store.walks(TENANT, Some(SHOP)).await.unwrap(),
        [sweep.clone(), whole.clone()]
    );
    let mut tx = store.write().await.unwrap();
    assert_eq!(
        tx.walks(TENANT, SHOP).await.unwrap(),
        [sweep.clone(), whole.clone()]
    );
    drop(tx);
    assert_eq!(
        store.walks(TENANT, None).await.unwrap(),
        [sweep, whole, elsewhere]
    );
    let anew = walk(Job::Backfill, Part::Orders);
    begin(&store, std::slice::from_ref(&anew)).await;
    assert_eq!(store.walks(TENANT, Some(SHOP)).await.unwrap()[1], anew);
    begin(&store, &[]).await;
}

async fn a_place_moves_only_with_what_lies_before_it(store: Store) {
    let before = walk(Job::Backfill, Part::Orders);
    begin(&store, std::slice::from_ref(&before)).await;
    let page = step(&before, 1);
    let after = page.after.clone();
    assert!(store.store_page(TENANT, page.clone()).await.unwrap());
    assert_eq!(the_walk(&store).await, after);
    assert_eq!(left_by(&store, &after).await, [1, 1, 1, 1]);
    let counts = store.inbox_counts(TENANT, None, None).await.unwrap();
    assert_eq!((counts.received, counts.waiting), (1, 1));
    assert_eq!(counts, store.inbox_audit(TENANT, None, None).await.unwrap());
    // A page that cannot be stored whole (the finding has a number that is taken) leaves nothing.
    let mut broken = step(&after, 2);
    broken.findings = page.findings;
    assert!(store.store_page(TENANT, broken).await.is_err());
    assert_eq!(the_walk(&store).await, after);
    assert_eq!(left_by(&store, &after).await, [1, 1, 1, 1]);
}

async fn what_somebody_else_moved_takes_nothing(store: Store) {
    let before = walk(Job::Backfill, Part::Orders);
    begin(&store, std::slice::from_ref(&before)).await;
    assert!(store.store_page(TENANT, step(&before, 1)).await.unwrap());
    let moved = the_walk(&store).await;
    let began_anew = Walk {
        started_at: at(200),
        ..before.clone()
    };
    for stale in [before.clone(), began_anew] {
        assert!(!store.store_page(TENANT, step(&stale, 2)).await.unwrap());
        assert_eq!(the_walk(&store).await, moved);
        assert_eq!(left_by(&store, &moved).await, [1, 1, 1, 1]);
    }
}

async fn a_halt_stays_and_what_was_read_is_kept(store: Store) {
    for (event, halt) in [(1, WalkState::Paused), (2, WalkState::Cancelled)] {
        let before = walk(Job::Backfill, Part::Orders);
        begin(&store, std::slice::from_ref(&before)).await;
        let changed = store
            .set_walks(
                TENANT,
                SHOP,
                Job::Backfill,
                &[Part::Orders],
                (&[WalkState::Waiting, WalkState::Running], halt),
            )
            .await;
        assert_eq!(changed.unwrap(), 1);
        assert!(store.store_page(TENANT, step(&before, event)).await.unwrap());
        let kept = the_walk(&store).await;
        assert_eq!((kept.state, kept.seen), (halt, 1));
        assert_eq!(kept.cursor, format!("place {event}"));
        let count = usize::try_from(event).unwrap();
        assert_eq!(left_by(&store, &kept).await, [count, count, 1, count]);
    }
}

async fn states_change_only_from_those_that_are_meant(store: Store) {
    let mut stopped = walk(Job::Backfill, Part::Orders);
    stopped.state = WalkState::Stopped;
    (stopped.failures, stopped.waits) = (7, 8);
    stopped.note = "why".to_owned();
    stopped.due_at = at(999);
    let done = Walk {
        state: WalkState::Done,
        ..walk(Job::Backfill, Part::Customers)
    };
    let sweep = Walk {
        state: WalkState::Stopped,
        ..walk(Job::Sweep, Part::Orders)
    };
    begin(&store, &[stopped, done.clone(), sweep.clone()]).await;
    let from = [WalkState::Paused, WalkState::Stopped];
    let resume = async |parts: &[Part], from: &[WalkState]| {
        let states = (from, WalkState::Waiting);
        let changed = store.set_walks(TENANT, SHOP, Job::Backfill, parts, states).await;
        changed.unwrap()
    };
    assert_eq!(resume(&[], &from).await, 0);
    assert_eq!(resume(&[Part::Orders], &[]).await, 0);
    assert_eq!(resume(&[Part::Orders, Part::Customers], &from).await, 1);
    let walks = store.walks(TENANT, None).await.unwrap();
    assert_eq!(walks[0], sweep);
    assert_eq!(walks[1], done);
    let resumed = &walks[2];
    let tried = (resumed.failures, resumed.waits);
    assert_eq!((resumed.state, tried), (WalkState::Waiting, (0, 0)));
    assert_eq!((resumed.note.as_str(), resumed.wait_us(at(101))), ("", 0));
}

async fn pieces_of_a_thing_come_together(store: Store) {
    let before = walk(Job::Backfill, Part::Groups);
    begin(&store, std::slice::from_ref(&before)).await;
    let mut page = WalkPage::bare(before.clone(), before.clone());
    page.pieces = vec![
        piece(2, "x"),
        piece(1, "b"),
        piece(1, "a"),
        piece(1, "b"),
        piece(1, "c"),
        piece(i64::MAX, "z"),
    ];
    assert!(store.store_page(TENANT, page).await.unwrap());
    let read = async |limit: usize| -> Vec<(i64, usize)> {
        let pieces = store
            .pieces(TENANT, SHOP, (Job::Backfill, Part::Groups), limit)
            .await;
        let mut things: Vec<(i64, usize)> = Vec::new();
        for piece in pieces.unwrap() {
            match things.last_mut() {
                Some((id, count)) if *id == piece.remote_id => *count += 1,
                _ => things.push((piece.remote_id, 1)),
            }
        }
        things
    };
    assert_eq!(read(1).await, [(1, 3)], "all of the one");
    assert_eq!(read(3).await, [(1, 3)]);
    assert_eq!(read(4).await, [(1, 3), (2, 1)]);
    assert_eq!(read(usize::MAX).await, [(1, 3), (2, 1), (i64::MAX, 1)]);
    let place = (Job::Backfill, Part::Groups);
    assert_eq!(store.count_pieces(TENANT, SHOP, place).await.unwrap(), 5);
    let other = (Job::Reconcile, Part::Groups);
    assert_eq!(store.count_pieces(TENANT, SHOP, other).await.unwrap(), 0);
    let mut gathered = WalkPage::bare(before.clone(), before);
    gathered.gathered = vec![(i64::MIN, 1), (3, i64::MAX)];
    assert!(store.store_page(TENANT, gathered).await.unwrap());
    assert_eq!(read(usize::MAX).await, [(2, 1)]);
}

async fn jobs_do_not_share_their_pieces(store: Store) {
    let jobs = [Job::Backfill, Job::Reconcile].map(|job| walk(job, Part::Groups));
    begin(&store, &jobs).await;
    for walk in &jobs {
        let mut page = WalkPage::bare(walk.clone(), walk.clone());
        page.pieces = vec![piece(1, "a")];
        assert!(store.store_page(TENANT, page).await.unwrap());
    }
    begin(&store, &jobs[1..]).await;
    let left = async |walk: &Walk| {
        let pieces = store.pieces(TENANT, SHOP, (walk.job, walk.part), 9).await;
        pieces.unwrap().len()
    };
    assert_eq!((left(&jobs[0]).await, left(&jobs[1]).await), (1, 0));
}

/// Any version that there may be, close enough to others that they meet.
fn version() -> impl Strategy<Value = Version> {
    let rank = prop_oneof![Just(Rank::Embedded), Just(Rank::Created), Just(Rank::Changed)];
    (0..3_i64, 0..3_i64, rank).prop_map(|(second, ordinal, rank)| Version {
        at: at(second),
        ordinal,
        rank,
        digest: [1; 8],
    })
}

async fn alive_is_what_is_not_deleted(store: Store) {
    let mut runner = TestRunner::deterministic();
    let pair = (proptest::option::of(version()), proptest::option::of(version()));
    let mut rows: Vec<RecordRow> = Vec::new();
    let mut alive = Vec::new();
    for id in 1..=300 {
        let (live, gone) = pair.new_tree(&mut runner).unwrap().current();
        let mut row = order_row(id, 1, 0);
        let content = row.held.live.take().unwrap().2;
        row.held = Held {
            live: live.map(|version| (version, EventId(1), content)),
            tombstone: gone.map(|version| (version, EventId(2))),
            ..Held::empty(order(id))
        };
        if row.held.live.is_some() && !row.held.is_deleted() {
            alive.push(id);
        }
        rows.push(row);
    }
    let mut tx = store.write().await.unwrap();
    tx.put_records(TENANT, &rows).await.unwrap();
    tx.commit().await.unwrap();
    assert!(
        (50..250).contains(&alive.len()),
        "{} of 300 are alive",
        alive.len()
    );
    let ids = async |range| {
        let ids = store.ids_alive(TENANT, SHOP, RecordKind::Order, range, usize::MAX);
        let times: BTreeMap<i64, Timestamp> = ids.await.unwrap().into_iter().collect();
        let said = |row: &RecordRow| {
            (
                row.held.key.remote_id,
                row.held.live.as_ref().map(|live| live.0.at),
            )
        };
        let said: BTreeMap<i64, Option<Timestamp>> = rows.iter().map(said).collect();
        assert!(times.iter().all(|(id, at)| said[id] == Some(*at)));
        times.into_keys().collect::<Vec<i64>>()
    };
    let lowest = store
        .ids_alive(TENANT, SHOP, RecordKind::Order, (i64::MIN, i64::MAX), 7)
        .await
        .unwrap();
    assert!(lowest.iter().map(|(id, _)| id).eq(&alive[..7]));
    let count = store.count_alive(TENANT, SHOP, RecordKind::Order).await.unwrap();
    assert_eq!(usize::try_from(count).unwrap(), alive.len());
    assert_eq!(ids((i64::MIN, i64::MAX)).await, alive);
    let within: Vec<i64> = alive.into_iter().filter(|id| *id > 100 && *id <= 200).collect();
    assert_eq!(ids((100, 200)).await, within);
    assert_eq!(
        store.count_alive(TENANT, SHOP, RecordKind::Quote).await.unwrap(),
        0
    );
}

async fn findings_are_kept_and_counted(store: Store) {
    let before = walk(Job::Sweep, Part::Orders);
    begin(&store, std::slice::from_ref(&before)).await;
    let mut page = WalkPage::bare(before.clone(), before);
    page.findings = vec![
        finding(1, What::New, Why::Missed),
        finding(2, What::Changed, Why::Underway),
        finding(3, What::New, Why::Missed),
    ];
    let all: Vec<Finding> = page.findings.iter().rev().map(|(_, finding)| *finding).collect();
    assert!(store.store_page(TENANT, page).await.unwrap());
    assert_eq!(store.findings(TENANT, SHOP, 9).await.unwrap(), all);
    assert_eq!(store.findings(TENANT, SHOP, 1).await.unwrap(), all[..1]);
    let counts = store.finding_counts(TENANT, SHOP).await.unwrap();
    let expected = [("orders/changed/underway", 1), ("orders/new/missed", 2)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
    let elsewhere = ConnectionId(SHOP.0 + 1);
    assert_eq!(store.findings(TENANT, elsewhere, 9).await.unwrap(), []);
    assert_eq!(store.finding_counts(TENANT, elsewhere).await.unwrap(), []);
}

async fn findings_go_when_they_are_old_and_stay_counted(store: Store) {
    let before = walk(Job::Sweep, Part::Orders);
    begin(&store, std::slice::from_ref(&before)).await;
    let mut page = WalkPage::bare(before.clone(), before);
    page.findings = (1..=9).map(|id| finding(id, What::New, Why::Missed)).collect();
    assert!(store.store_page(TENANT, page).await.unwrap());
    let left = async || {
        let found = store.findings(TENANT, SHOP, 99).await.unwrap();
        found.iter().map(|one| one.remote_id).collect::<Vec<_>>()
    };
    let prune = async |connection, second, limit| {
        let pruned = store.prune_findings(TENANT, connection, at(second), limit).await;
        pruned.unwrap()
    };
    assert_eq!(prune(ConnectionId(SHOP.0 + 1), 99, 99).await, 0);
    assert_eq!(prune(SHOP, 6, 2).await, 2, "so many at a time");
    assert_eq!(left().await, [9, 8, 7, 6, 5, 4, 3]);
    assert_eq!(prune(SHOP, 6, 99).await, 3);
    assert_eq!(prune(SHOP, 6, 99).await, 0);
    assert_eq!(left().await, [9, 8, 7, 6]);
    let counts = store.finding_counts(TENANT, SHOP).await.unwrap();
    assert_eq!(counts, [("orders/new/missed".to_owned(), 9)]);
}

async fn two_who_begin_the_same_take_nothing_from_each_other(store: Store) {
    let at_second = |second, part| Walk::new(SHOP, Job::Sweep, part, Span::default(), at(second));
    let begin = async |walks: &[Walk], seen: &[Walk]| {
        let begun = store.begin_walks_as_seen(TENANT, walks, seen).await;
        begun.unwrap()
    };
    let seen = async || store.walks(TENANT, Some(SHOP)).await.unwrap();
    let nothing = seen().await;
    let first = at_second(1, Part::Orders);
    assert!(begin(std::slice::from_ref(&first), &nothing).await);
    let mut page = WalkPage::bare(first.clone(), first.clone());
    page.pieces = vec![piece(1, "a")];
    assert!(store.store_page(TENANT, page).await.unwrap());
    // Who saw none leaves the one that is there, and begins nothing else either.
    let both = [at_second(2, Part::Customers), at_second(2, Part::Orders)];
    assert!(!begin(&both, &nothing).await);
    assert_eq!(seen().await, std::slice::from_ref(&first));
    assert_eq!(left_by(&store, &first).await[2], 1, "nor what it gathered");
    let known = seen().await;
    let halt = (&[WalkState::Waiting][..], WalkState::Paused);
    store
        .set_walks(TENANT, SHOP, Job::Sweep, &[Part::Orders], halt)
        .await
        .unwrap();
    assert!(!begin(&both, &known).await, "a person halted it meanwhile");
    let known = seen().await;
    assert!(begin(&both, &known).await);
    assert_eq!(seen().await, both);
    assert_eq!(left_by(&store, &first).await[2], 0);
    assert!(!begin(&[at_second(3, Part::Orders)], &known).await);
}

async fn what_was_read_to_its_end_stays_when_the_next_begins(store: Store) {
    let before = walk(Job::Backfill, Part::Orders);
    begin(&store, std::slice::from_ref(&before)).await;
    let mut done = Walk {
        state: WalkState::Done,
        calls: 1,
        ..before.clone()
    };
    done.note_end();
    assert_eq!((done.done_at, done.read.are_whole()), (Some(at(100)), true));
    let page = WalkPage::bare(before, done.clone());
    assert!(store.store_page(TENANT, page).await.unwrap());
    assert_eq!(the_walk(&store).await, done);

    let mut next = walk(Job::Backfill, Part::Orders);
    next.started_at = at(200);
    next.span.created_from = Some(at(150));
    let begun = Walk {
        done_at: done.done_at,
        read: done.read.clone(),
        ..next.clone()
    };
    begin(&store, std::slice::from_ref(&next)).await;
    assert_eq!(the_walk(&store).await, begun);
    next.started_at = at(300);
    let seen = [begun];
    assert!(store.begin_walks_as_seen(TENANT, &[next], &seen).await.unwrap());
    let end = (&[WalkState::Waiting][..], WalkState::Cancelled);
    store
        .set_walks(TENANT, SHOP, Job::Backfill, &[Part::Orders], end)
        .await
        .unwrap();
    let kept = the_walk(&store).await;
    assert_eq!(
        (kept.started_at, kept.done_at, kept.read),
        (at(300), done.done_at, done.read)
    );
}

async fn what_waits_or_was_set_aside_is_recognised_by_its_body(store: Store) {
    let of_a_list = |id: i64, thing: i64, body: &'static str| Event {
        origin: Origin::Sweep,
        body: Bytes::from_static(body.as_bytes()),
        ..event(id, thing, "")
    };
    let events = [
        of_a_list(1, 7, "waits"),
        of_a_list(2, 0, "is set aside"),
        of_a_list(3, 8, "is applied"),
    ];
    store.insert_events(&events).await.unwrap();
    let mut tx = store.write().await.unwrap();
    let ends = [
        finished(2, EventState::Quarantined),
        finished(3, EventState::Applied),
    ];
    tx.finish_events(TENANT, &ends).await.unwrap();
    tx.commit().await.unwrap();
    let asked = [
        (7, &b"waits"[..]),
        (7, b"is set aside"),
        (0, b"is set aside"),
        (8, b"is applied"),
        (9, b"waits"),
    ];
    let kind = events[0].kind.unwrap();
    let known = store.are_in_inbox(TENANT, SHOP, kind, &asked).await.unwrap();
    assert_eq!(known, [true, false, true, false, false]);
    for (connection, kind) in [(ConnectionId(SHOP.0 + 1), kind), (SHOP, RecordKind::Product)] {
        let known = store.are_in_inbox(TENANT, connection, kind, &asked).await;
        assert_eq!(known.unwrap(), [false; 5]);
    }
}

async fn bodies_are_read_together_and_damaged_ones_left_out(store: Store) {
    store
        .insert_events(&[event(1, 1, "a"), event(2, 2, "b"), event(3, 3, "c")])
        .await
        .unwrap();
    let mut tx = store.db.begin().await.unwrap();
    let mut conn = tx.conn();
    let damage = conn.sql("damage", "UPDATE event SET body = body_digest WHERE id = 2");
    conn.execute(damage).await.unwrap();
    tx.commit().await.unwrap();
    let ids = [1, 2, 3, 4].map(EventId);
    let bodies = store.bodies(TENANT, &ids).await.unwrap();
    assert_eq!(
        bodies.keys().copied().collect::<Vec<_>>(),
        [EventId(1), EventId(3)]
    );
    assert_eq!(bodies[&EventId(3)], event(3, 3, "c").body);
}
