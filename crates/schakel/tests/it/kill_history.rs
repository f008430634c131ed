//! The hub is killed at random moments of a history and started again: nothing is missing in the account, nothing double
//! (A8, I15, I24).

use schakel_core::id::TenantId;
use schakel_core::walk::WalkState;
use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::Past;
use schakel_store::{OpenOptions, Store};
use schakel_testkit::wait_until;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::kill::{assert_both_ends_agree, until_quiet};
use crate::process::{END, Outside};

const TENANT: TenantId = TenantId(1);
/// How often the hub is killed.
const KILLS: u64 = 50;
/// What the shop holds: customers and orders, of which some have more than the one row that most have.
const CUSTOMERS: u64 = 1_000;
const ORDERS: u64 = 5_000;
const LONG_ORDERS: u64 = 500;
/// Calls without which nobody can have read and delivered that: a profile each, an order each and its row, and the call
/// for the rows.
const CALLS: u64 = CUSTOMERS + 3 * ORDERS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_during_a_history_lose_nothing_and_double_nothing() {
    let outside = Outside::start(21, "").await;
    for (customers, orders, rows_per_order) in [(CUSTOMERS, ORDERS - LONG_ORDERS, 1), (0, LONG_ORDERS, 3)] {
        outside.shop.fill(&Past {
            customers,
            orders,
            rows_per_order,
            days: 300,
            seed: 21,
        });
    }
    block_in_place(|| {
        outside.run(&["setup"]);
        outside.run(&["backfill", "start"]);
    });
    let database = outside.folder.path().join("schakel.db").display().to_string();
    let store = Store::open(&database, OpenOptions { is_read_only: true })
        .await
        .unwrap();
    block_in_place(|| {
        let mut seed = Seed::new(9);
        for _ in 0..KILLS {
            let hub = outside.serve();
            // Random moments by what happened, not by the clock: after so many calls to either side. They are spread over
            // two thirds of the history, and all of them lie within it.
            let before = calls(&outside);
            let more = seed.below(2 * CALLS * 2 / 3 / KILLS);
            let has_gone_on = || calls(&outside) >= before + more;
            assert!(wait_until(END, has_gone_on), "the hub does nothing after a start");
            hub.kill();
        }
        assert!(!is_done(&store), "the kills came too late to hit the history");
    });
    let hub = block_in_place(|| {
        let hub = outside.serve();
        let is_read = wait_until(END, || is_done(&store));
        assert!(is_read, "{:?}", outside.ask(&["backfill", "status"]));
        hub
    });
    until_quiet(&database).await;
    drop(hub);
    let (aside, _) = block_in_place(|| outside.ask(&["quarantine", "list"]));
    assert_eq!(aside["events"].as_array().map(Vec::len), Some(0), "{aside}");
    assert_both_ends_agree(&outside);
}

/// Calls to both sides so far.
fn calls(outside: &Outside) -> u64 {
    outside.account.counts().calls + outside.shop.calls()
}

/// Tells whether the history is read. The database is asked and no command: a process every few milliseconds would take
/// half of the machine from the hub.
fn is_done(store: &Store) -> bool {
    let walks = Handle::current().block_on(store.walks(TENANT, None)).unwrap();
    !walks.is_empty() && walks.iter().all(|walk| walk.state == WalkState::Done)
}
