//! Every statement of the suite runs on an index: the cost per order must not grow with the number of relations.
//!
//! The test here runs one of everything itself, and looks at nothing else: what tests beside it run depends on who came
//! first.

use std::cell::RefCell;
use std::collections::BTreeSet;

use schakel_core::connector::{Class, Part, Span};
use schakel_core::delivery::ObjectKind;
use schakel_core::event::EventState;
use schakel_core::id::{DeliveryId, EntityId, EventId, RelationId};
use schakel_core::problem::Code;
use schakel_core::record::RecordKind;
use schakel_core::walk::{Job, Walk, WalkState};

use super::make::{
    SCOPE, SHOP, SINK, TENANT, answer, at, bound, child, claim, confirmed, customer, customer_row, entity,
    event, finished, hold, ids, key, node, order, profile, put, relation, settle, wanted,
};
use crate::dialect::Dialect;
use crate::rows::{
    AfterFetch, BudgetRow, DeadFilter, EndedFetch, GuestAnswer, GuestCall, GuestRow, Outcome, Piece,
    QuarantineFilter, WalkPage, Window, Written,
};
use crate::{Store, WriteTx};

thread_local! {
    /// A test has a thread of its own, on which all its statements begin.
    static NOTED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes a statement that runs on SQLite, whose plans do not depend on how much is stored.
pub(crate) fn note(dialect: Dialect, text: &str) {
    if dialect == Dialect::Lite && !text.starts_with("EXPLAIN") {
        NOTED.with_borrow_mut(|noted| noted.insert(text.to_owned()));
    }
}

/// Tables that stay small whatever the number of relations.
const SMALL: [&str; 11] = [
    "budget",
    "budget_day",
    "budget_guest",
    "health",
    "setting",
    "connection",
    "counter",
    "number",
    "lease",
    "checkpoint",
    "walk",
];

/// Indexes that hold only rows with work to do, so that all of a tenant's or sink's entries may be read.
const WORK: [&str; 11] = [
    "event_waiting",
    "event_quarantined",
    "delivery_ready",
    "delivery_held",
    "delivery_unplaced",
    "delivery_leaving",
    "delivery_claimed",
    "delivery_dead",
    "delivery_parent",
    "wanted_fetch_claimed",
    "record_rows_due",
];

/// Statements that count everything, for pages and checks; none of them belongs to the data's way.
const COUNTS: [&str; 10] = [
    "FROM relation WHERE tenant_id = $1 AND alias_of IS NOT NULL",
    "SELECT COUNT(*) FROM merge_log",
    "SELECT COUNT(*) FROM wanted_fetch WHERE tenant_id = $1",
    "SELECT state, COUNT(*) FROM event",
    "_sqlx_migrations",
    "SELECT count(*) FROM record",
    "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN moment",
    // The newest few, in the order of the index.
    "ORDER BY id DESC LIMIT $3",
    // The highest one, likewise.
    "ORDER BY object DESC LIMIT 1",
    // The oldest few, likewise.
    "DELETE FROM finding",
];

/// Tells what is wrong with one line of a plan.
fn complaint(line: &str) -> Option<&'static str> {
    let mut words = line.split(' ');
    let (verb, table) = (words.next()?, words.next()?);
    let is_of_values = matches!(
        table,
        "CONSTANT" | "v" | "done" | "wanted" | "due" | "each_once" | "earliest" | "counted" | "few"
    ) || table.starts_with(|first: char| first == '(' || first.is_ascii_digit());
    if is_of_values || SMALL.contains(&table) {
        return None;
    }
    if verb == "SCAN" {
        return Some("reads a whole table");
    }
    if verb != "SEARCH" || WORK.iter().any(|index| line.contains(&format!(" {index} "))) {
        return None;
    }
    let columns = line.rsplit_once('(')?.1.trim_end_matches(')');
    // Below a tenant and a connection, sink or scope there must be something that names few rows.
    let is_broad = columns.split(" AND ").all(|column| {
        ["tenant_id", "connection_id", "sink_id", "scope", "kind"]
            .iter()
            .any(|broad| column.starts_with(broad))
    });
    is_broad.then_some("reads all of a tenant or connection")
}

#[tokio::test]
async fn every_statement_runs_on_an_index() {
    let (store, _folder) = super::lite().await;
    run_apply(&store).await;
    run_delivery(&store).await;
    run_reads(&store).await;
    run_finds(&store).await;
    let noted = NOTED.take();
    assert!(noted.len() > 60, "only {} statements ran", noted.len());
    let mut complaints = Vec::new();
    for text in noted {
        if COUNTS.iter().any(|count| text.contains(count)) {
            continue;
        }
        for line in plan(&store, &text).await {
            // A backlog of a million must not be sorted for each batch.
            if text.contains("state = 'waiting' AND +id > ") && line.contains("TEMP B-TREE FOR ORDER BY") {
                complaints.push(format!("sorts all that waits: {line}"));
            }
            if let Some(complaint) = complaint(&line) {
                complaints.push(format!("{complaint}: {line}\n    in {text:.300}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    store.close().await;
}

async fn plan(store: &Store, text: &str) -> Vec<String> {
    let mut tx = store.db.begin().await.unwrap();
    let mut conn = tx.conn();
    let mut sql = conn.sql("explain", "EXPLAIN QUERY PLAN ");
    sql.text.push_str(text);
    let rows = conn.fetch(sql).await.unwrap();
    rows.iter()
        .map(|row| {
            let mut cells = row.cells();
            let _numbers = [cells.int().unwrap(), cells.int().unwrap(), cells.int().unwrap()];
            cells.text().unwrap()
        })
        .collect()
}

async fn run_apply(store: &Store) {
    store
        .insert_events(&[event(1, 1, "a"), event(2, 2, "b")])
        .await
        .unwrap();
    let mut tx = store.write().await.unwrap();
    let t = TENANT;
    read_lists(&mut tx, 1).await;
    read_lists(&mut tx, 300).await;
    tx.put_records(t, &[customer_row(1, "jan@example.org")])
        .await
        .unwrap();
    let jan = node(1, &["jan@example.org"], 1);
    tx.put_nodes(t, SCOPE, &[put(jan.clone())]).await.unwrap();
    tx.put_nodes(t, SCOPE, &[put(jan)]).await.unwrap();
    tx.put_nodes(t, SCOPE, &[put(node(1, &["new@example.org"], 1))])
        .await
        .unwrap();
    tx.remove_nodes(t, SCOPE, &[customer(1)]).await.unwrap();
    tx.next_numbers(t, "relation", 1).await.unwrap();
    tx.put_relations(t, &[relation(1)]).await.unwrap();
    tx.put_entities(t, &[entity(5, ObjectKind::Order, 1, 1)])
        .await
        .unwrap();
    tx.put_deliveries(t, &[profile(1), profile(3), child(2, ObjectKind::Order, 1, 1)])
        .await
        .unwrap();
    tx.note_problems(t, &[(customer(1), Vec::new())]).await.unwrap();
    tx.want_fetches(t, &[wanted(1, 5), wanted(2, 5)]).await.unwrap();
    tx.finish_events(t, &[finished(1, EventState::Quarantined)])
        .await
        .unwrap();
    tx.holds_lease("apply", 1).await.unwrap();
    tx.commit().await.unwrap();
    let some = QuarantineFilter {
        events: Some(vec![EventId(1)]),
        reason: Some("unknown".to_owned()),
        connection: Some(SHOP),
    };
    assert_eq!(store.release(t, &some).await.unwrap(), 1);
    store.begin_events(t, &[EventId(2)]).await.unwrap();
    let mut tx = store.write().await.unwrap();
    tx.set_aside_applied(t, Code::OrderWithoutPerson, &[EventId(9)])
        .await
        .unwrap();
    tx.take_back(t, Code::OrderWithoutPerson, &[(order(1), EventId(9))])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Reads by lists of `n`: the plan must not depend on their length.
async fn read_lists(tx: &mut WriteTx, n: i64) {
    let t = TENANT;
    let numbers: Vec<i64> = (1..=n).collect();
    let customers: Vec<_> = numbers.iter().map(|id| customer(*id)).collect();
    let keys: Vec<_> = numbers
        .iter()
        .map(|id| key(&format!("{id}@example.org")))
        .collect();
    let relations: Vec<_> = numbers.iter().map(|id| RelationId(*id)).collect();
    let things: Vec<_> = numbers
        .iter()
        .map(|id| entity(*id, ObjectKind::Order, *id, 1).key)
        .collect();
    let objects: Vec<_> = numbers.iter().map(|id| (ObjectKind::Order, *id)).collect();
    let kinds = [RecordKind::Order, RecordKind::Quote];
    tx.records(t, &customers).await.unwrap();
    tx.owned(t, &kinds, &customers).await.unwrap();
    tx.newest_orders(t, SHOP, &customers, &numbers).await.unwrap();
    let window = |owner, after| Window {
        owner,
        after,
        until: at(9),
    };
    let windows: Vec<_> = customers
        .iter()
        .flat_map(|owner| [window(*owner, None), window(*owner, Some(at(1)))])
        .collect();
    tx.carts_within(t, &windows).await.unwrap();
    tx.carts_by_owner(t, &customers).await.unwrap();
    tx.referring(t, RecordKind::Order, SHOP, &numbers).await.unwrap();
    let labels: Vec<String> = numbers.iter().map(|n| format!("ORD{n:05}")).collect();
    tx.carts_by_label(t, &labels).await.unwrap();
    tx.nodes(t, SCOPE, &customers).await.unwrap();
    tx.nodes_by_keys(t, SCOPE, &keys).await.unwrap();
    tx.match_key_counts(t, SCOPE, &keys).await.unwrap();
    tx.nodes_of(t, SCOPE, &relations).await.unwrap();
    tx.relations(t, &relations).await.unwrap();
    tx.entities(t, &things).await.unwrap();
    tx.entities_showing(t, SHOP, ObjectKind::OrderRow, &numbers)
        .await
        .unwrap();
    tx.deliveries(t, SINK, &objects).await.unwrap();
}

async fn run_delivery(store: &Store) {
    let t = TENANT;
    let mut ids = ids();
    let step = claim(50, 9);
    let claimed = store
        .deliver_step(t, SINK, &[], Some(&step), &mut ids)
        .await
        .unwrap();
    let settles = [
        settle(&claimed[0], 51, confirmed(7, Some(8))),
        settle(&claimed[1], 51, Outcome::Dead),
    ];
    store
        .deliver_step(t, SINK, &settles, Some(&step), &mut ids)
        .await
        .unwrap();
    store
        .recover_claims(t, SINK, at(99), "other", true, 1)
        .await
        .unwrap();
    for deliveries in [Some(vec![DeliveryId(3)]), None] {
        let filter = DeadFilter {
            deliveries,
            ..DeadFilter::default()
        };
        store.redrive(t, SINK, &filter).await.unwrap();
    }
    run_moves(store).await;
    let elsewhere: Vec<_> = (1..=300).map(|number| (number, 9_000 + number)).collect();
    let lost = store.remembered_elsewhere(t, SINK, &elsewhere).await.unwrap();
    assert!(!lost.is_empty());
    let seen = ("seen/mail", b"1 1".as_slice());
    let forgotten = store.forget_profiles((t, SINK), &lost, seen, at(301)).await;
    assert_eq!(forgotten.unwrap(), lost.len());
    store.states_under(t, SINK, &[1, 2]).await.unwrap();
    store.start_anew((t, SINK), 0, 9, at(302)).await.unwrap();
    store.last_remembered(t, SINK).await.unwrap();
    let hold = hold("worker", 39);
    let fetches = store
        .claim_fetches(t, SHOP, at(9), (Class::Live, 9), &hold)
        .await
        .unwrap();
    store
        .retry_fetch(t, &hold, &fetches[1].row, at(50), "HTTP 503")
        .await
        .unwrap();
    let done = EndedFetch {
        row: fetches[0].row.clone(),
        until: hold.until,
        after: AfterFetch::Done,
        event: Some(answer(9, 1)),
    };
    let ended = store.finish_fetches(t, &hold.owner, &[done], at(20)).await;
    ended.unwrap();
    let running = [fetches[1].row.key];
    store.free_fetches(t, SHOP, &hold.owner, &running).await.unwrap();
    store.open_fetches(t, &[order(1)], at(20)).await.unwrap();
    store.wanted(t, order(1)).await.unwrap();
    store.recover_fetches(t, SHOP, "other").await.unwrap();
}

/// A profile that is made anew, and a child that leaves its parent in the sink.
async fn run_moves(store: &Store) {
    let mut ids = ids();
    for (now, remote_parent) in [(200, 8), (300, 9)] {
        let mut tx = store.write().await.unwrap();
        let rows = [profile(1), child(2, ObjectKind::Order, 1, 1)].map(|mut row| {
            row.state = schakel_core::delivery::DeliveryState::Ready;
            row.desired_version = now;
            row.desired_digest = [u8::try_from(now / 10).unwrap(); 16];
            row
        });
        tx.put_deliveries(TENANT, &rows).await.unwrap();
        tx.commit().await.unwrap();
        let claimed = store
            .deliver_step(TENANT, SINK, &[], Some(&claim(now, 9)), &mut ids)
            .await
            .unwrap();
        let settles: Vec<_> = claimed
            .iter()
            .map(|one| {
                let outcome = Outcome::Confirmed {
                    remote_id: Some(one.object),
                    remote_parent: (one.object == 2).then_some(remote_parent),
                    is_created: one.object == 1,
                };
                settle(one, now, outcome)
            })
            .collect();
        // The child first, so that its place in the sink is known when the profile is made anew.
        for settle in settles.iter().rev() {
            store
                .deliver_step(TENANT, SINK, std::slice::from_ref(settle), None, &mut ids)
                .await
                .unwrap();
        }
    }
}

/// Whom `explain` finds.
async fn run_finds(store: &Store) {
    let t = TENANT;
    store
        .find_relation_by_key(t, &key("jan@example.org"))
        .await
        .unwrap();
    let merged = store
        .find_relations_by_former_key(t, &key("jan@example.org"))
        .await;
    merged.unwrap();
    store.find_relations_of(t, &[(0, order(1))]).await.unwrap();
}

async fn run_reads(store: &Store) {
    let t = TENANT;
    store
        .waiting_events(t, &[SHOP], EventId(0), bound(9))
        .await
        .unwrap();
    store.newer_waiting(t).await.unwrap();
    store.event_starts(t, &[EventId(1)]).await.unwrap();
    store.read_event(t, EventId(1)).await.unwrap();
    store.read_events_of(t, order(1), 9).await.unwrap();
    for filter in [
        QuarantineFilter::default(),
        QuarantineFilter {
            events: Some(vec![EventId(1)]),
            reason: None,
            connection: Some(SHOP),
        },
    ] {
        store.quarantined(t, &filter, 9, 0).await.unwrap();
        store.release(t, &filter).await.unwrap();
    }
    store.quarantine_groups(t).await.unwrap();
    store.inbox_counts(t, Some(SHOP), None).await.unwrap();
    store.read_records(t, &[customer(1)]).await.unwrap();
    run_walks(store).await;
    run_small(store).await;
    run_cart(store).await;
    store.find_orders_by_label(t, "ORD1").await.unwrap();
    store.rows_due(t, SHOP, RecordKind::Order, None, 9).await.unwrap();
    store.count_rows_due(t, SHOP, RecordKind::Order).await.unwrap();
    store
        .carts_between(t, SHOP, ((at(1), 1), at(9)), 9)
        .await
        .unwrap();
    store.count_nobodys_carts(t, SHOP, at(9)).await.unwrap();
    store.read_nodes_of(t, RelationId(1)).await.unwrap();
    store.relation_row(t, RelationId(1)).await.unwrap();
    store.merges_of(t, RelationId(1)).await.unwrap();
    store.read_entities_of(t, RelationId(1)).await.unwrap();
    store.read_entities(t, &[EntityId(5)]).await.unwrap();
    store.problems_of(t, customer(1)).await.unwrap();
    store
        .deliveries_of(t, SINK, &[(ObjectKind::Relation, 1)])
        .await
        .unwrap();
    store
        .page_deliveries(t, SINK, ObjectKind::Relation, DeliveryId(0), 9)
        .await
        .unwrap();
    for filter in [
        DeadFilter::default(),
        DeadFilter {
            deliveries: Some(vec![DeliveryId(1)]),
            kind: Some(ObjectKind::Relation),
            ..DeadFilter::default()
        },
    ] {
        store.dead_letters(t, Some(SINK), &filter, 9).await.unwrap();
        store.dead_letters(t, None, &filter, 9).await.unwrap();
    }
    store.attempts_of(t, DeliveryId(1), 9).await.unwrap();
    store.next_due(t, SINK).await.unwrap();
    store.let_place(t, SINK, &[]).await.unwrap();
    store.delivery_counts(t).await.unwrap();
}

/// One cart, as it is explained.
async fn run_cart(store: &Store) {
    let t = TENANT;
    let cart = entity(5, ObjectKind::Quote, 5, 1).key;
    store.read_things(t, &[cart]).await.unwrap();
    store
        .read_referring(t, RecordKind::Checkout, SHOP, &[5])
        .await
        .unwrap();
}

/// What is kept once per connection.
async fn run_small(store: &Store) {
    let t = TENANT;
    let budget = BudgetRow {
        saved: String::new(),
        saved_at: at(1),
    };
    let guest = GuestCall {
        id: 1,
        class: Class::Sweep,
        made_at: at(1),
    };
    let is_room = |_: Option<&BudgetRow>, _: &[GuestRow]| Ok::<(), ()>(());
    let put = store.put_guest_call((t, SHOP), guest, is_room).await.unwrap();
    assert_eq!(put, Ok(()));
    let answer = GuestAnswer {
        id: 2,
        told: "{}".to_owned(),
        heard_at: at(1),
    };
    store.put_guest_answer((t, SHOP), answer).await.unwrap();
    store.guests(t, SHOP).await.unwrap();
    let counted = BTreeSet::from([1, 2]);
    let written = store.put_budget(t, SHOP, &budget, ([1, 0, 0, 0], &counted), None);
    assert_eq!(written.await.unwrap(), Written::Yes);
    store.budget(t, SHOP).await.unwrap();
    store.budget_days(t, SHOP).await.unwrap();
    store.count_rejected(t, &[(SHOP, "size", 1)]).await.unwrap();
    store.count_waiting(t, SHOP, 9).await.unwrap();
    store.webhooks_received(t, SHOP).await.unwrap();
    store.count_ready(t, SINK, 9).await.unwrap();
    let epoch = store.take_lease("one", "me", at(1), 1_000).await.unwrap();
    assert!(epoch.is_some());
    store
        .ensure_connection(t, "shop", "lightspeed", SHOP)
        .await
        .unwrap();
    store.connections(t).await.unwrap();
    let mut tx = store.write().await.unwrap();
    tx.put_checkpoint(t, SHOP, "watch", "").await.unwrap();
    tx.commit().await.unwrap();
    store.checkpoint(t, SHOP, "watch").await.unwrap();
}

async fn run_walks(store: &Store) {
    let t = TENANT;
    let before = Walk::new(SHOP, Job::Sweep, Part::Orders, Span::default(), at(9));
    store.begin_walks(t, std::slice::from_ref(&before)).await.unwrap();
    let anew = std::slice::from_ref(&before);
    assert!(store.begin_walks_as_seen(t, anew, anew).await.unwrap());
    let parts = [Part::Orders];
    let states = (&[WalkState::Done][..], WalkState::Waiting);
    store
        .set_walks(t, SHOP, Job::Sweep, &parts, states)
        .await
        .unwrap();
    let mut page = WalkPage::bare(before.clone(), before);
    page.pieces = vec![Piece {
        remote_id: 1,
        body: bytes::Bytes::new(),
    }];
    page.gathered = vec![(1, 1)];
    page.brought = vec![order(1)];
    assert!(store.store_page(t, page).await.unwrap());
    store.walks(t, Some(SHOP)).await.unwrap();
    let kinds = [(RecordKind::Customer, 3), (RecordKind::Product, 3)];
    store.held_back(t, SHOP, at(1), &kinds).await.unwrap();
    store
        .bring_forward(t, (SHOP, RecordKind::Order), at(1))
        .await
        .unwrap();
    store
        .pieces(t, SHOP, (Job::Sweep, Part::Orders), 9)
        .await
        .unwrap();
    store
        .ids_alive(t, SHOP, RecordKind::Order, (1, 9), 9)
        .await
        .unwrap();
    let kind = RecordKind::Order;
    for n in [1, 200] {
        let things: Vec<_> = (1..=n).map(|id| (id, &b"body"[..])).collect();
        store.are_in_inbox(t, SHOP, kind, &things).await.unwrap();
        let events: Vec<EventId> = (1..=n).map(EventId).collect();
        store.bodies(t, &events).await.unwrap();
    }
    store
        .count_pieces(t, SHOP, (Job::Sweep, Part::Orders))
        .await
        .unwrap();
    store.prune_findings(t, SHOP, at(1), 9).await.unwrap();
    store.count_alive(t, SHOP, RecordKind::Order).await.unwrap();
    store.findings(t, SHOP, 9).await.unwrap();
    store.finding_counts(t, SHOP).await.unwrap();
}

#[test]
fn complaints_name_what_grows() {
    let fine = [
        "SEARCH delivery USING INDEX sqlite_autoindex_delivery_1 (tenant_id=? AND id=?)",
        "SEARCH d USING INDEX delivery_ready (tenant_id=? AND sink_id=? AND due_at<?)",
        "SCAN 256 CONSTANT ROWS",
        "SCAN v",
        "USE TEMP B-TREE FOR ORDER BY",
    ];
    let bad = [
        "SCAN delivery",
        "SCAN event USING COVERING INDEX event_thing",
        "SEARCH entity USING INDEX entity_thing (tenant_id=? AND connection_id=?)",
    ];
    for line in fine {
        assert_eq!(complaint(line), None, "{line}");
    }
    for line in bad {
        assert!(complaint(line).is_some(), "{line}");
    }
}
