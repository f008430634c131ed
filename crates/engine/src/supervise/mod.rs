//! Supervise: owns all tasks, wakes them, stops them, and starts a stage again when it fails (all but the intake writer,
//! whose end makes the entrance answer 503).
//!
//! The only module that sees all stages. Every task is crash-only: a start after a failure runs the same code as
//! the first start (I23). Wake-ups are hints; every task also polls.

mod deliver;

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use schakel_core::id::ConnectionId;
use schakel_core::limits;
use schakel_core::time::Timestamp;
use schakel_store::StoreError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::apply::{Fence, Stepped};
use crate::deliver::Gauge;
use crate::deliver::guard::Giving;
use crate::hub::{Hub, SourceConnection};
use crate::intake::{self, Entrance};
use crate::{apply, fetch, walk};
use deliver::deliver_task;

/// How often a stage looks for work although nobody woke it.
const POLL: Duration = Duration::from_millis(500);
/// How often a walk looks whether a person began, halted or resumed one.
const WALK_POLL: Duration = Duration::from_secs(2);
/// Shortest pause of a delivery loop that has nothing to do but wait for a due time.
const PAUSE: Duration = Duration::from_millis(20);
/// How often claims that ended are looked for, in microseconds.
const RECOVERY_US: i64 = 5_000_000;
/// How often events of a newer version are looked for, in microseconds.
const NEWER_US: i64 = 60_000_000;
/// How often carts whose time is over are looked for, in microseconds.
const CARTS_US: i64 = 60_000_000;
/// How long new persons wait after a start for the sinks to be looked at, in microseconds: a sink that is down holds up
/// nothing else.
const LOOK_US: i64 = 10_000_000;
/// How long the right to apply holds without being renewed, in milliseconds.
const APPLY_LEASE_MS: i64 = 15_000;
/// How long a stage that keeps up waits before its next transaction, so that more shares it.
const GATHER: Duration = Duration::from_millis(4);
/// Shortest and longest time between two looks at the engine's statistics.
const STATISTICS_MIN: Duration = Duration::from_millis(500);
const STATISTICS_MAX: Duration = Duration::from_secs(60);
/// How long what is under way may take after the stop. An attempt may take minutes where the sink answers nothing, and nobody
/// waits that long; what is left open is one look at the sink, or a question to a shop that is asked again (I23).
const GRACE: Duration = Duration::from_secs(8);
/// How long budgets may take to be given back by a process that left calls open.
const RELEASE: Duration = Duration::from_secs(2);
/// How often it is looked whether anything is noted of a sink that is left alone: a process of before, with another
/// configuration, may still run.
const UNFED: Duration = Duration::from_secs(60);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Pause after the store met a damaged page, which no waiting mends: other work of the stage may still be possible.
const DAMAGE_PAUSE: Duration = Duration::from_secs(60);

/// A hub whose tasks run.
pub struct Running {
    /// The way in for webhooks.
    pub entrance: Entrance,
    /// The delivery loops' readings, by sink.
    pub gauges: Vec<(ConnectionId, Gauge)>,
    hub: Arc<Hub>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Starts all tasks of `hub`. `is_alone`: no other process works on the same store.
#[must_use]
pub fn start(hub: &Arc<Hub>, is_alone: bool) -> Running {
    let (stop, stopped) = watch::channel(false);
    let (entrance, writer) = intake::open(hub);
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run());
    let (one, end) = (hub.clone(), stopped.clone());
    tasks.spawn(keep("apply", end.clone(), move || {
        apply_task(one.clone(), is_alone, end.clone())
    }));
    for connection in hub.sources.keys().copied() {
        let (one, end) = (hub.clone(), stopped.clone());
        tasks.spawn(keep("fetch", end.clone(), move || {
            fetch_task(one.clone(), connection, is_alone, end.clone())
        }));
        let (one, end) = (hub.clone(), stopped.clone());
        tasks.spawn(keep("walk", end.clone(), move || {
            walk_task(one.clone(), connection, end.clone())
        }));
        let (one, end) = (hub.clone(), stopped.clone());
        tasks.spawn(keep("watch", end.clone(), move || {
            watch_task(one.clone(), connection, end.clone())
        }));
    }
    let (one, end) = (hub.clone(), stopped.clone());
    tasks.spawn(keep("statistics", end.clone(), move || {
        statistics_task(one.clone(), end.clone())
    }));
    let (one, end) = (hub.clone(), stopped.clone());
    tasks.spawn(keep("health", end.clone(), move || {
        unfed_task(one.clone(), end.clone())
    }));
    let mut gauges = Vec::new();
    for sink in hub.fed_sinks() {
        let gauge = Gauge::default();
        gauges.push((sink, gauge.clone()));
        let (one, end) = (hub.clone(), stopped.clone());
        let task = move || deliver_task(one.clone(), sink, gauge.clone(), is_alone, end.clone());
        tasks.spawn(keep("deliver", stopped.clone(), task));
    }
    Running {
        entrance,
        gauges,
        hub: hub.clone(),
        stop,
        tasks,
    }
}

/// Runs a task to its end; one that fails on our side is started again after a moment (I23).
async fn keep<F: Future<Output = ()>>(
    stage: &'static str,
    mut stopped: watch::Receiver<bool>,
    task: impl Fn() -> F,
) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        tracing::error!(stage, "a stage failed on our side and is started again");
        tokio::select! {
            () = tokio::time::sleep(STORE_PAUSE) => {}
            _ = stopped.changed() => return,
        }
    }
}

impl Running {
    /// Lets every stage begin nothing more; what comes in is still stored.
    pub fn halt(&self) {
        // No receiver left means that the stages ended already.
        let _ = self.stop.send(true);
    }

    /// Stops claiming, lets open attempts end and waits for all tasks, but not for longer than 8 s: what is still out then is
    /// left, and looked at after the next start as after a crash.
    pub async fn stop(self) {
        self.halt();
        let Self {
            entrance,
            hub,
            mut tasks,
            ..
        } = self;
        drop(entrance);
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            tracing::warn!(
                "calls that did not end in time are left, they are looked at or made again after the next start"
            );
            tasks.shutdown().await;
            let released = async {
                for source in hub.sources.values() {
                    give_back(source).await;
                }
            };
            // Whoever comes next waits a moment for what is not given back.
            let _ = tokio::time::timeout(RELEASE, released).await;
        }
    }
}

async fn apply_task(hub: Arc<Hub>, is_alone: bool, mut stopped: watch::Receiver<bool>) {
    let mut right = Right::new(is_alone);
    let (mut begun, mut counted) = (None, BTreeSet::new());
    let (mut newer, mut carts) = (Newer::default(), Carts::default());
    let mut numbers = Numbers::new(&hub);
    while !*stopped.borrow() {
        if numbers.are_held(&hub) {
            pause(&hub.wake.inbox, POLL, &mut stopped).await;
            continue;
        }
        let stepped = match right.hold(&hub).await {
            Ok(Some(fence)) if begun == Some(fence) => carts.step(&hub, fence).await,
            Ok(Some(fence)) => {
                let stepped = apply::begin(&hub, fence, &mut counted).await;
                begun = stepped.is_ok().then_some(fence);
                stepped
            }
            Ok(None) => Ok(Stepped::default()),
            Err(error) => Err(error),
        };
        match stepped {
            Ok(stepped) if stepped.events == 0 => {
                hub.note_store_works();
                newer.tell(&hub).await;
                pause(&hub.wake.inbox, POLL, &mut stopped).await;
            }
            Ok(stepped) => {
                if stepped.deliveries > 0 {
                    hub.wake.outbox.notify_waiters();
                }
                if stepped.wanted > 0 {
                    hub.wake.fetch.notify_waiters();
                }
                if stepped.events < limits::APPLY_BATCH {
                    tokio::time::sleep(GATHER).await;
                }
            }
            Err(error) => store_failed(&hub, "apply", &error, &mut stopped).await,
        }
    }
}

/// Whether persons may be given numbers: not while the numbers could still go on above strange ones in a sink, since
/// those given now would be somebody else's there (`deliver::guard`). Nothing is lost meanwhile, the inbox takes it in.
struct Numbers {
    since_us: i64,
    is_told: bool,
}

impl Numbers {
    fn new(hub: &Hub) -> Self {
        Self {
            since_us: hub.clock.monotonic_us(),
            is_told: false,
        }
    }

    fn are_held(&mut self, hub: &Hub) -> bool {
        let was_told = self.is_told;
        self.is_told = false;
        match hub.looks.giving(hub.routes.iter().map(|route| route.sink)) {
            Giving::Free => false,
            Giving::Unknown => hub.clock.monotonic_us() - self.since_us < LOOK_US,
            Giving::Held => {
                self.is_told = true;
                if !was_told {
                    tracing::error!(
                        code = "SCH-0506",
                        "events are received and wait: persons get no numbers before it is decided what happens to those in the sink"
                    );
                }
                true
            }
        }
    }
}

/// Events that wait for a newer version, as the log was told last.
#[derive(Default)]
struct Newer {
    said: Vec<(ConnectionId, i64)>,
    looked_us: Option<i64>,
}

impl Newer {
    /// Looks now and then, while there is nothing else to apply, and says what changed.
    async fn tell(&mut self, hub: &Hub) {
        let now_us = hub.clock.monotonic_us();
        if self.looked_us.is_some_and(|last| now_us - last < NEWER_US) {
            return;
        }
        self.looked_us = Some(now_us);
        match apply::tell_newer(hub, &self.said).await {
            Ok(newer) => self.said = newer,
            Err(error) => tracing::debug!(%error, "events of a newer version could not be counted"),
        }
    }
}

/// When carts whose time is over were last looked for.
#[derive(Default)]
struct Carts {
    looked_us: Option<i64>,
}

impl Carts {
    /// Applies what waits; now and then ends carts first, a batch in each step until none are left.
    async fn step(&mut self, hub: &Hub, fence: Fence) -> Result<Stepped, StoreError> {
        let now_us = hub.clock.monotonic_us();
        let mut stepped = Stepped::default();
        if self.looked_us.is_none_or(|last| now_us - last >= CARTS_US) {
            self.looked_us = Some(now_us);
            stepped = apply::end_carts(hub, fence).await?;
            if stepped.events >= limits::APPLY_BATCH {
                self.looked_us = None;
            }
        }
        stepped.add(apply::step(hub, fence).await?);
        Ok(stepped)
    }
}

/// The right to apply: one process at a time decides who is one person (architecture §6).
struct Right {
    is_alone: bool,
    epoch: Option<i64>,
    until: Timestamp,
}

impl Right {
    fn new(is_alone: bool) -> Self {
        Self {
            is_alone,
            epoch: None,
            until: Timestamp::ZERO,
        }
    }

    /// Takes or renews the right; `None` while another process has it.
    async fn hold(&mut self, hub: &Hub) -> Result<Option<Fence>, StoreError> {
        if self.is_alone {
            return Ok(Some(Fence::Alone));
        }
        let now = hub.clock.now();
        let name = apply::lease_name(hub);
        if let Some(epoch) = self.epoch {
            if now < self.until {
                return Ok(Some(Fence::Epoch(epoch)));
            }
            if hub.store.renew_lease(&name, epoch, now, APPLY_LEASE_MS).await? {
                self.until = now.plus_ms(APPLY_LEASE_MS / 3);
                return Ok(Some(Fence::Epoch(epoch)));
            }
        }
        self.epoch = hub
            .store
            .take_lease(&name, &hub.worker, now, APPLY_LEASE_MS)
            .await?;
        self.until = now.plus_ms(APPLY_LEASE_MS / 3);
        Ok(self.epoch.map(Fence::Epoch))
    }
}

/// Keeps the engine's statistics fresh: often while tables grow by much, seldom when they do not.
async fn statistics_task(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let (mut wait, mut last) = (STATISTICS_MIN, Vec::new());
    while !*stopped.borrow() {
        wait = match hub.store.refresh_statistics().await {
            // The same ones as before: they grow by the same part in twice the time, or this user does not own them, so
            // that the engine only warns.
            Ok(tables) if tables.is_empty() || tables == last => (wait * 2).min(STATISTICS_MAX),
            Ok(tables) => {
                last = tables;
                STATISTICS_MIN
            }
            Err(error) => {
                hub.note_store_failed("statistics", &error);
                STATISTICS_MAX
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Strikes out what ailed sinks that are left alone now.
async fn unfed_task(hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match hub.strike_unfed().await {
            Ok(()) => tokio::select! {
                () = tokio::time::sleep(UNFED) => {}
                _ = stopped.changed() => {}
            },
            Err(error) => store_failed(&hub, "health", &error, &mut stopped).await,
        }
    }
}

async fn fetch_task(
    hub: Arc<Hub>,
    connection: ConnectionId,
    is_alone: bool,
    mut stopped: watch::Receiver<bool>,
) {
    // A fetch changes nothing outside: what an earlier process left open may be repeated at once.
    if is_alone
        && let Err(error) = hub
            .store
            .recover_fetches(hub.tenant, connection, &hub.worker)
            .await
    {
        store_failed(&hub, "fetch", &error, &mut stopped).await;
    }
    let mut fetching = fetch::Loop::new(hub.clone(), connection);
    while !*stopped.borrow() {
        // Made before the step, so that a wish that comes while it runs is not waited past.
        let wanted = hub.wake.fetch.notified();
        match fetching.step().await {
            Ok(0) => {
                let wait = Duration::from_micros(u64::try_from(fetching.wait_us()).unwrap_or(0));
                let longest = if wait.is_zero() {
                    POLL
                } else {
                    wait.clamp(PAUSE, POLL)
                };
                tokio::select! {
                    () = wanted => {}
                    () = tokio::time::sleep(longest) => {}
                    _ = stopped.changed() => {}
                    () = fetching.until_answer() => tokio::time::sleep(GATHER).await,
                }
            }
            Ok(_) => tokio::time::sleep(GATHER).await,
            Err(error) => store_failed(&hub, "fetch", &error, &mut stopped).await,
        }
    }
    if let Err(error) = fetching.end().await {
        tracing::warn!(%error, "the last answers of the shop could not be stored, they are asked for again");
    }
    if let Some(source) = hub.sources.get(&connection) {
        give_back(source).await;
    }
}

/// Gives back what is left of the budget of `source`.
async fn give_back(source: &SourceConnection) {
    if let Err(error) = source.ledger.release().await {
        tracing::warn!(%error, "the budget of calls could not be given back, the next process waits a moment for it");
    }
}

async fn walk_task(hub: Arc<Hub>, connection: ConnectionId, mut stopped: watch::Receiver<bool>) {
    let walking = walk::Loop::new(hub.clone(), connection);
    while !*stopped.borrow() {
        match walking.step().await {
            Ok(walk::Stepped::Went) => {}
            Ok(walk::Stepped::Idle(us) | walk::Stepped::Waits(us)) => {
                let wait = Duration::from_micros(u64::try_from(us).unwrap_or(0)).clamp(PAUSE, WALK_POLL);
                pause(&hub.wake.walk, wait, &mut stopped).await;
            }
            Err(error) => store_failed(&hub, "walk", &error, &mut stopped).await,
        }
    }
}

async fn watch_task(hub: Arc<Hub>, connection: ConnectionId, mut stopped: watch::Receiver<bool>) {
    let mut watching = crate::watch::Watch::new(hub.clone(), connection);
    while !*stopped.borrow() {
        let wait_us = match watching.step().await {
            Ok(us) => us,
            Err(error) => {
                store_failed(&hub, "watch", &error, &mut stopped).await;
                continue;
            }
        };
        let wait = Duration::from_micros(u64::try_from(wait_us).unwrap_or(0));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Waits until the stage may try again. Two transactions that met are nobody's fault and no news.
async fn store_failed(
    hub: &Hub,
    stage: &'static str,
    error: &StoreError,
    stopped: &mut watch::Receiver<bool>,
) {
    if error.is_outage() || !error.is_retryable() {
        hub.note_store_failed(stage, error);
    } else {
        tracing::debug!(stage, %error, "the store asks to try again");
    }
    let is_passing = error.is_retryable() && !error.is_outage();
    let wait = if error.is_damaged() {
        DAMAGE_PAUSE
    } else if is_passing {
        PAUSE
    } else {
        STORE_PAUSE
    };
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        _ = stopped.changed() => {}
    }
}

async fn pause(wake: &Notify, longest: Duration, stopped: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = wake.notified() => {}
        () = tokio::time::sleep(longest) => {}
        _ = stopped.changed() => {}
    }
}
