//! Two hubs on one PostgreSQL database: both receive and deliver, one at a time applies, and when one is killed the
//! other goes on. Nothing is lost, nothing is double in the account (I11, I15, I21, I23).

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the other side: it has a network of its own"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use schakel_sandbox::door::Seed;
use schakel_sandbox::lightspeed::traffic::{Generator, Mix};
use schakel_store::{OpenOptions, Store};
use schakel_testkit::wait_until;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

use crate::hooks::send;
use crate::kill::{assert_both_ends_agree, until_quiet};
use crate::process::{END, Hub, Outside, free_port};

/// Orders per second meanwhile.
const RATE: u32 = 40;

/// A proxy in front of two hubs, as an operator would put one there: each connection goes to the next hub that listens.
struct Balancer {
    taken: Arc<[AtomicUsize; 2]>,
    _task: JoinSet<()>,
}

impl Balancer {
    async fn start(at: SocketAddr, hubs: [SocketAddr; 2]) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let taken = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let counts = taken.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut ways = JoinSet::new();
            for turn in 0.. {
                let (shop, _) = listener.accept().await.unwrap();
                ways.spawn(pass(shop, hubs, turn, counts.clone()));
                while ways.try_join_next().is_some() {}
            }
        });
        Self { taken, _task: task }
    }

    fn taken(&self) -> [usize; 2] {
        [0, 1].map(|hub| self.taken[hub].load(Ordering::Relaxed))
    }
}

async fn pass(mut shop: TcpStream, hubs: [SocketAddr; 2], turn: usize, taken: Arc<[AtomicUsize; 2]>) {
    for hub in [turn % 2, (turn + 1) % 2] {
        if let Ok(mut way) = TcpStream::connect(hubs[hub]).await {
            taken[hub].fetch_add(1, Ordering::Relaxed);
            // A hub that is killed cuts the way; then the shop tries again.
            let _ = tokio::io::copy_bidirectional(&mut shop, &mut way).await;
            return;
        }
    }
}

/// A running hub, with the address of its pages.
struct Running {
    hub: Hub,
    pages: SocketAddr,
}

fn start(outside: &Outside, name: &str, at: SocketAddr) -> Running {
    let at = at.to_string();
    let hub = outside.serve_with(name, &["--hooks-listen", &at]);
    let pages = outside.pages_at(name);
    Running { hub, pages }
}

impl Running {
    /// Gives how many calls this process made to the account.
    fn calls(&self) -> u64 {
        let answer = send(self.pages, "GET /api/v1/status HTTP/1.1", "");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        status["calls"]["mail"].as_u64().unwrap()
    }
}

/// Waits until the shop got `webhooks` more taken and the account `calls` more calls.
pub fn until_more(outside: &Outside, webhooks: u64, calls: u64) {
    let acknowledged = outside.shop.webhook_counts().acknowledged + webhooks;
    let called = outside.account.counts().calls + calls;
    let goes_on = wait_until(END, || {
        outside.shop.webhook_counts().acknowledged >= acknowledged && outside.account.counts().calls >= called
    });
    assert!(goes_on, "the hub that is left does nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hubs_share_a_database_and_one_goes_on_when_the_other_is_killed() {
    let Some(database) = schakel_testkit::postgres::fresh_database() else {
        return;
    };
    let outside = Outside::start(50, database.url()).await;
    let at = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let balancer = Balancer::start(outside.hooks_at(), at).await;
    block_in_place(|| outside.run(&["setup"]));
    let [first, second] =
        [("first", at[0]), ("second", at[1])].map(|(name, at)| block_in_place(|| start(&outside, name, at)));
    let (stop, stopped) = watch::channel(false);
    let mut generator = Generator::new(&outside.shop, Seed::new(6), Mix::demonstration());
    let mut traffic = JoinSet::new();
    traffic.spawn(async move { generator.run_rate(RATE, stopped).await });
    let third = block_in_place(|| {
        let both_work = wait_until(END, || {
            balancer.taken().iter().all(|taken| *taken > 0) && first.calls() > 20 && second.calls() > 20
        });
        assert!(both_work, "connections: {:?}", balancer.taken());
        first.hub.kill();
        until_more(&outside, 100, 100);
        let third = start(&outside, "third", at[0]);
        assert!(
            wait_until(END, || third.calls() > 20),
            "the one that came back delivers nothing"
        );
        second.hub.kill();
        until_more(&outside, 100, 100);
        third
    });
    stop.send(true).unwrap();
    traffic.join_next().await.unwrap().unwrap();
    outside.shop.webhooks_idle().await;
    assert_eq!(outside.shop.webhook_counts().given_up, 0);
    until_quiet(database.url()).await;
    drop(third);
    assert_both_ends_agree(&outside);
    let store = Store::open(database.url(), OpenOptions { is_read_only: true })
        .await
        .unwrap();
    let tenant = schakel_core::id::TenantId(1);
    let counted = store.inbox_counts(tenant, None, None).await.unwrap();
    assert!(counted.adds_up(), "{counted:?}");
    assert_eq!((counted.waiting, counted.quarantined), (0, 0));
    store.close().await;
}
