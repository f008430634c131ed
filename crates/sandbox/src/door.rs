//! Time, randomness and sockets of the simulators, as parameters.
//!
//! The simulators know no clock and no random source of their own, so that a seeded test can drive them
//! and two runs with one seed are the same run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use crate::client::Receiver;

/// How long calls that are running may take when a port is closed.
const GRACE: Duration = Duration::from_millis(250);
/// How long a port that somebody else took in an outage is left alone.
const BIND_AGAIN: Duration = Duration::from_millis(50);

/// Gives the time of a simulated world, in microseconds since 1970 (UTC).
pub trait SimClock: Send + Sync + 'static {
    /// Returns the time of this world in microseconds since 1970 (UTC).
    fn now_us(&self) -> i64;
}

/// The clock of the machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct MachineClock;

impl SimClock for MachineClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the simulators read the machine's clock"
    )]
    fn now_us(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Clone)]
pub struct HandClock(Arc<AtomicI64>);

impl HandClock {
    /// Starts at `now_us` microseconds since 1970 (UTC).
    #[must_use]
    pub fn at(now_us: i64) -> Self {
        Self(Arc::new(AtomicI64::new(now_us)))
    }

    /// Moves the clock by `by_us` microseconds.
    pub fn advance(&self, by_us: i64) {
        self.0.fetch_add(by_us, Ordering::SeqCst);
    }
}

impl SimClock for HandClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A small seeded random source (SplitMix64): fast, repeatable, good enough for traffic and faults.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Seed(u64);

impl Seed {
    /// Starts a sequence; one seed gives one sequence, for ever.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives the next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Gives a number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// Is true in `percent` of 100 cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A simulator that answers on a socket until it is dropped or stopped.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Served {
    /// Stops accepting connections, and gives the calls that are running a moment to end.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// A switch that takes a served simulator off the network: connections are refused while it is on.
#[derive(Debug, Clone)]
pub struct Outage(Arc<watch::Sender<bool>>);

impl Default for Outage {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Outage {
    /// Closes the port and ends the connections that are open, as soon as their calls are answered.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Opens the port again.
    pub fn end(&self) {
        self.0.send_replace(false);
    }

    /// Says whether the port is closed.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }
}

/// Serves `router` on `listener` in a task of its own.
///
/// # Errors
/// When the listener has no local address.
pub fn serve(listener: TcpListener, router: Router) -> std::io::Result<Served> {
    serve_until(listener, router, &Outage::default())
}

/// Serves `router` on `listener` in a task of its own, but for the time of an outage.
///
/// # Errors
/// When the listener has no local address.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulator is a process of its own; nobody supervises it"
)]
pub fn serve_until(listener: TcpListener, router: Router, outage: &Outage) -> std::io::Result<Served> {
    let addr = listener.local_addr()?;
    let (stop, mut stopped) = watch::channel(false);
    let mut switch = outage.0.subscribe();
    let task = tokio::spawn(async move {
        let mut open = Some(listener);
        loop {
            if let Some(listener) = open.take() {
                let serving = axum::serve(listener, router.clone());
                let serving = serving.with_graceful_shutdown(closing(stopped.clone(), switch.clone()));
                // A call that is never answered does not keep the port from opening again.
                let patience = async {
                    closing(stopped.clone(), switch.clone()).await;
                    tokio::time::sleep(GRACE).await;
                };
                tokio::select! {
                    _ = serving => {}
                    () = patience => {}
                }
            }
            tokio::select! {
                _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
                Ok(_) = switch.wait_for(|is_off| !*is_off) => {}
            }
            match TcpListener::bind(addr).await {
                Ok(listener) => open = Some(listener),
                Err(_) => tokio::time::sleep(BIND_AGAIN).await,
            }
        }
    });
    Ok(Served { addr, stop, task })
}

/// Waits until a port has to be closed, for good or for an outage.
async fn closing(mut stopped: watch::Receiver<bool>, mut switch: watch::Receiver<bool>) {
    tokio::select! {
        _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
        Ok(_) = switch.wait_for(|is_off| *is_off) => {}
    }
}
