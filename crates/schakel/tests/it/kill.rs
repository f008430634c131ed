//! The hub is killed at random moments under load and started again: nothing that was acknowledged is lost,
//! nothing is double in the account (A13, I1, I15, I23).

use schakel_sandbox::door::Seed;
use schakel_sandbox::ends;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_store::{OpenOptions, Store};
use schakel_testkit::wait_until;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

use crate::process::{DATABASE, END, Outside};

/// How often the hub is killed.
const KILLS: usize = 20;
/// Orders per second meanwhile.
const RATE: u32 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_nothing_and_double_nothing() {
    let outside = Outside::start(20, "").await;
    block_in_place(|| outside.run(&["setup"]));
    let (stop, stopped) = watch::channel(false);
    let mut generator = Generator::new(&outside.shop, Seed::new(4), Mix::demonstration());
    let mut traffic = JoinSet::new();
    traffic.spawn(async move { generator.run_rate(RATE, stopped).await });
    let mut seed = Seed::new(8);
    for _ in 0..KILLS {
        block_in_place(|| {
            let hub = outside.serve();
            let before = outside.shop.webhook_counts().acknowledged;
            let calls_before = outside.account.counts().calls;
            // Random moments by what happened, not by the clock: after so many webhooks and so many calls.
            let (hooks, calls) = (seed.below(80), seed.below(200));
            let is_time = || {
                outside.shop.webhook_counts().acknowledged >= before + hooks
                    && outside.account.counts().calls >= calls_before + calls
            };
            assert!(wait_until(END, is_time), "the hub does nothing after a start");
            hub.kill();
        });
    }
    let hub = block_in_place(|| outside.serve());
    stop.send(true).unwrap();
    traffic.join_next().await.unwrap().unwrap();
    outside.shop.webhooks_idle().await;
    assert_eq!(
        outside.shop.webhook_counts().given_up,
        0,
        "the shop gave nothing up"
    );
    until_quiet(&database(&outside)).await;
    drop(hub);
    assert_both_ends_agree(&outside);
    let store = Store::open(&database(&outside), OpenOptions { is_read_only: true })
        .await
        .unwrap();
    let tenant = schakel_core::id::TenantId(1);
    let counted = store.inbox_counts(tenant, None, None).await.unwrap();
    assert!(counted.adds_up(), "{counted:?}");
    assert_eq!((counted.waiting, counted.quarantined), (0, 0));
}

fn database(outside: &Outside) -> String {
    outside.folder.path().join("schakel.db").display().to_string()
}

/// Waits until the running hub has nothing left to do.
pub async fn until_quiet(database: &str) {
    let store = Store::open(database, OpenOptions { is_read_only: true })
        .await
        .unwrap();
    let tenant = schakel_core::id::TenantId(1);
    let runtime = tokio::runtime::Handle::current();
    // In the order in which things move on, so that none slips through between two looks.
    let is_quiet = || {
        runtime.block_on(async {
            let wanted = store.fetch_count(tenant).await.unwrap();
            let waiting = store.inbox_counts(tenant, None, None).await.unwrap().waiting;
            let open = store.delivery_counts(tenant).await.unwrap();
            waiting == 0
                && wanted == 0
                && open
                    .iter()
                    .all(|count| count.state.as_str() == "clean" || count.count == 0)
        })
    };
    // Two times: what was applied between may have wanted something.
    assert!(
        block_in_place(|| wait_until(END, || is_quiet() && is_quiet())),
        "{:?}",
        store.delivery_counts(tenant).await
    );
}

/// Compares the account with the shop itself; the hub's own books are not asked.
pub fn assert_both_ends_agree(outside: &Outside) {
    let (shop, account) = (&outside.shop, &outside.account);
    let doubles = account.duplicates(DATABASE, &["RelationID"]);
    assert_eq!(doubles, 0, "profiles are double");
    let found = ends::compare(shop, account, DATABASE);
    assert!(found.orders > 100, "only {} orders were placed", found.orders);
    assert_eq!(found.differences, 0, "{:#?}", found.told);
}
