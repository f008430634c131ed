//! The hub is killed at random moments of a history and started again: nothing is missing in the account, nothing double
//! (A8, I15, I24).

use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::Past;
use schakel_testkit::wait_until;
use tokio::task::block_in_place;

use crate::kill::{assert_both_ends_agree, until_quiet};
use crate::process::{END, Outside};

/// How often the hub is killed.
const KILLS: u64 = 50;
/// What the shop holds.
const CUSTOMERS: u64 = 2_000;
const ORDERS: u64 = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_during_a_history_lose_nothing_and_double_nothing() {
    let outside = Outside::start(21, "").await;
    outside.shop.fill(&Past {
        customers: CUSTOMERS,
        orders: ORDERS,
        rows_per_order: 2,
        days: 300,
        seed: 21,
    });
    block_in_place(|| {
        outside.run(&["setup"]);
        outside.run(&["backfill", "start"]);
        let mut seed = Seed::new(9);
        for _ in 0..KILLS {
            let hub = outside.serve();
            // Random moments by what happened, not by the clock: after so many calls to either side. All of them lie
            // within the history: it needs more calls than that.
            let before = calls(&outside);
            let more = seed.below(2 * (ORDERS * 3 + CUSTOMERS) / KILLS / 3);
            let has_gone_on = || calls(&outside) >= before + more;
            assert!(wait_until(END, has_gone_on), "the hub does nothing after a start");
            hub.kill();
        }
        assert!(!is_done(&outside), "the kills came too late to hit the history");
    });
    let hub = block_in_place(|| {
        let hub = outside.serve();
        assert!(
            wait_until(END, || is_done(&outside)),
            "{:?}",
            outside.ask(&["backfill", "status"])
        );
        hub
    });
    let database = outside.folder.path().join("schakel.db").display().to_string();
    until_quiet(&database).await;
    drop(hub);
    let (aside, _) = block_in_place(|| outside.ask(&["quarantine", "list"]));
    assert_eq!(aside["events"].as_array().map(Vec::len), Some(0), "{aside}");
    assert_both_ends_agree(&outside);
}

/// Calls to the account so far.
fn calls(outside: &Outside) -> u64 {
    outside.account.counts().calls
}

fn is_done(outside: &Outside) -> bool {
    let (said, _) = outside.ask(&["backfill", "status"]);
    let parts = said["histories"][0]["history"]["parts"].as_array().cloned();
    let parts = parts.unwrap_or_default();
    !parts.is_empty() && parts.iter().all(|part| part["state"] == "done")
}
