//! Sends the webhooks: a bounded queue, a few workers, retries with growing waits, faults on the way.
//!
//! Nothing here knows what a record is. A delivery is made (body, signature and all) when the thing
//! happens; whatever happens to it later is counted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::client::{Lines, Receiver, Target};
use super::faults::WebhookFaults;
use super::locked;
use super::options::{Options, WebhookOptions};
use super::sent_log::{SentLog, SentWebhook};
use crate::door::{Seed, SimClock};

/// A signature that no secret makes.
const FORGED: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// One thing to tell one receiver.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Id of the registration.
    pub(crate) webhook: u64,
    pub(crate) target: Arc<Target>,
    /// Group and action, such as `orders/paid`.
    pub(crate) event: String,
    pub(crate) language: &'static str,
    pub(crate) id_header: HeaderName,
    pub(crate) id: u64,
    pub(crate) request_id: String,
    /// Lower-case hex; `None` when sent unsigned.
    pub(crate) signature: Option<String>,
    /// Limit, remaining, reset.
    pub(crate) rates: Arc<[String; 3]>,
    pub(crate) body: Bytes,
}

/// What became of the deliveries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookCounts {
    /// Deliveries made, the second copies of `send_twice` and of duplicates included.
    pub queued: u64,
    /// Attempts sent, retries included.
    pub sent: u64,
    /// Deliveries answered with 2xx.
    pub acknowledged: u64,
    /// Attempts answered otherwise or not at all.
    pub failed_attempts: u64,
    /// Deliveries abandoned after the last attempt.
    pub given_up: u64,
    /// Deliveries lost on purpose.
    pub lost: u64,
    /// Deliveries dropped because too many were outstanding.
    pub dropped: u64,
    /// Deliveries not settled yet.
    pub pending: u64,
    /// Deliveries that were followed by a second copy on purpose.
    pub duplicated: u64,
    /// Deliveries sent late on purpose.
    pub delayed: u64,
    /// Messages of a stranger; they count neither as queued nor as sent.
    pub forged: u64,
    /// Of these, those that the receiver refused with a status of its own.
    pub forgeries_refused: u64,
}

#[derive(Debug, Default)]
struct Counters {
    queued: AtomicU64,
    sent: AtomicU64,
    acknowledged: AtomicU64,
    failed_attempts: AtomicU64,
    given_up: AtomicU64,
    lost: AtomicU64,
    dropped: AtomicU64,
    duplicated: AtomicU64,
    delayed: AtomicU64,
    forged: AtomicU64,
    forgeries_refused: AtomicU64,
}

#[derive(Debug)]
struct Job {
    delivery: Arc<Delivery>,
    failed: u8,
    /// A stranger sends it: once, whatever the answer.
    is_forgery: bool,
}

/// A job that waits for its time; the earliest is the greatest.
#[derive(Debug)]
struct Waiting {
    /// Microseconds as [`Dispatcher::now_us`] counts them, and a serial number.
    due: Reverse<(i64, u64)>,
    job: Job,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

#[derive(Debug)]
struct Queue {
    ready: VecDeque<Job>,
    waiting: BinaryHeap<Waiting>,
    serial: u64,
    faults: WebhookFaults,
    seed: Seed,
    is_stopped: bool,
}

/// The sender of a shop's webhooks.
pub(crate) struct Dispatcher {
    options: WebhookOptions,
    /// The headers that are the same on every delivery.
    common: HeaderMap,
    queue: Mutex<Queue>,
    counters: Counters,
    pending: AtomicUsize,
    is_started: AtomicBool,
    work: Notify,
    settled: Notify,
    clock: Arc<dyn SimClock>,
    log: Mutex<SentLog>,
    on_dead: OnceLock<OnDead>,
    /// Where the waits of sockets are counted from.
    begun: Instant,
    /// Takes everything in place of the addresses, on the clock of the shop.
    receiver: OnceLock<Receiver>,
}

/// What is called with the id of a registration that has failed too often.
pub(crate) struct OnDead(pub(crate) Box<dyn Fn(u64) + Send + Sync>);

impl Dispatcher {
    /// Makes a dispatcher; its workers start with the first delivery.
    pub(crate) fn new(options: &Options, clock: Arc<dyn SimClock>, seed: Seed) -> Self {
        let mut common = HeaderMap::new();
        common.insert("content-type", HeaderValue::from_static("application/json"));
        common.insert("x-format", HeaderValue::from_static("json"));
        common.insert("x-cluster-id", HeaderValue::from_static(options.cluster.id()));
        common.insert("x-shop-id", HeaderValue::from(options.shop_id));
        let queue = Queue {
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            serial: 0,
            faults: WebhookFaults::default(),
            seed,
            is_stopped: false,
        };
        Self {
            options: options.webhooks.clone(),
            common,
            queue: Mutex::new(queue),
            counters: Counters::default(),
            pending: AtomicUsize::new(0),
            is_started: AtomicBool::new(false),
            work: Notify::new(),
            settled: Notify::new(),
            clock,
            log: Mutex::default(),
            on_dead: OnceLock::new(),
            begun: Instant::now(),
            receiver: OnceLock::new(),
        }
    }

    /// Sends everything to a receiver in this process; `false` when there is one already.
    pub(crate) fn deliver_in_process(&self, receiver: Receiver) -> bool {
        self.receiver.set(receiver).is_ok()
    }

    /// Attempts everything that is due to the receiver in this process, in the task of the caller.
    pub(crate) async fn deliver_due(&self) -> u64 {
        let mut lines = Lines::to(self.receiver.get().cloned());
        let mut attempts = 0;
        loop {
            let job = {
                let mut queue = locked(&self.queue);
                ripen(&mut queue, self.now_us());
                queue.ready.pop_front()
            };
            let Some(job) = job else { return attempts };
            attempts += 1;
            self.attempt(&mut lines, job).await;
        }
    }

    /// Returns the time that waits are measured in: of the shop when the receiver is in this process, else of the
    /// machine.
    fn now_us(&self) -> i64 {
        match self.receiver.get() {
            Some(_) => self.clock.now_us(),
            None => i64::try_from(self.begun.elapsed().as_micros()).unwrap_or(i64::MAX),
        }
    }

    fn wait(&self, queue: &mut Queue, job: Job, delay: Duration) {
        queue.serial += 1;
        let delay_us = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
        let due = Reverse((self.now_us().saturating_add(delay_us), queue.serial));
        queue.waiting.push(Waiting { due, job });
    }

    /// Replaces the standing faults.
    pub(crate) fn set_faults(&self, faults: WebhookFaults) {
        locked(&self.queue).faults = faults;
    }

    /// Returns the standing faults.
    pub(crate) fn faults(&self) -> WebhookFaults {
        locked(&self.queue).faults
    }

    /// Sets what is called, once per failure too many.
    pub(crate) fn on_dead(&self, act: OnDead) {
        let _ = self.on_dead.set(act);
    }

    /// Returns the newest attempts, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<SentWebhook> {
        locked(&self.log).newest(limit)
    }

    fn note(&self, delivery: &Delivery, attempt: u8, outcome: String) {
        let signature = match delivery.signature.as_deref() {
            None => "unsigned",
            Some(hex) if hex == FORGED => "forged",
            Some(_) => "signed",
        };
        locked(&self.log).note(SentWebhook {
            number: 0,
            at_us: self.clock.now_us(),
            webhook: delivery.webhook,
            event: delivery.event.clone(),
            id: delivery.id,
            attempt,
            signature,
            outcome,
        });
    }

    /// Takes a delivery and returns at once; without a runtime it stays queued until there is one.
    pub(crate) fn push(self: &Arc<Self>, mut delivery: Delivery) {
        let mut queue = locked(&self.queue);
        let faults = queue.faults;
        if queue.seed.percent(u64::from(faults.lost_percent)) {
            self.counters.lost.fetch_add(1, Ordering::Relaxed);
            self.note(&delivery, 0, "lost on purpose".to_owned());
            return;
        }
        if queue.seed.percent(u64::from(faults.unsigned_percent)) {
            delivery.signature = None;
        }
        if queue.seed.percent(u64::from(faults.wrong_signature_percent)) {
            delivery.signature = Some(FORGED.to_owned());
        }
        let delivery = Arc::new(delivery);
        let delay = |queue: &mut Queue| Duration::from_millis(1 + queue.seed.below(faults.delay_ms_max));
        let is_delayed = queue.seed.percent(u64::from(faults.delayed_percent));
        let first = is_delayed.then(|| delay(&mut queue));
        self.counters
            .delayed
            .fetch_add(u64::from(is_delayed), Ordering::Relaxed);
        if queue.seed.percent(u64::from(faults.forged_too_percent)) {
            self.forge(&mut queue, &delivery);
        }
        self.enqueue(&mut queue, Arc::clone(&delivery), first);
        if faults.send_twice {
            self.enqueue(&mut queue, Arc::clone(&delivery), first);
        }
        if queue.seed.percent(u64::from(faults.duplicated_percent)) {
            let later = delay(&mut queue);
            self.counters.duplicated.fetch_add(1, Ordering::Relaxed);
            self.enqueue(&mut queue, delivery, Some(later));
        }
        drop(queue);
        self.start();
        self.work.notify_one();
    }

    fn enqueue(&self, queue: &mut Queue, delivery: Arc<Delivery>, delay: Option<Duration>) {
        if self.pending.load(Ordering::Relaxed) >= self.options.pending_hard_limit {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.counters.queued.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_add(1, Ordering::SeqCst);
        let job = Job {
            delivery,
            failed: 0,
            is_forgery: false,
        };
        match delay {
            None => queue.ready.push_back(job),
            Some(delay) => self.wait(queue, job, delay),
        }
    }

    /// Lets a stranger tell the receiver of `delivery` about other people, before it arrives.
    fn forge(&self, queue: &mut Queue, delivery: &Delivery) {
        if self.pending.load(Ordering::Relaxed) >= self.options.pending_hard_limit {
            return;
        }
        let body = String::from_utf8_lossy(&delivery.body).replace('@', "@forged.");
        let forged = Delivery {
            body: Bytes::from(body),
            signature: Some(FORGED.to_owned()),
            ..delivery.clone()
        };
        self.counters.forged.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_add(1, Ordering::SeqCst);
        queue.ready.push_back(Job {
            delivery: Arc::new(forged),
            failed: 0,
            is_forgery: true,
        });
    }

    /// Starts the workers once, if the caller is inside a runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "a simulator is a process of its own; nobody supervises it"
    )]
    fn start(self: &Arc<Self>) {
        if self.receiver.get().is_some() {
            return;
        }
        if self.is_started.load(Ordering::Relaxed) || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        if self.is_started.swap(true, Ordering::SeqCst) {
            return;
        }
        for _ in 0..self.options.concurrency.max(1) {
            let dispatcher = Arc::clone(self);
            tokio::spawn(async move { dispatcher.work().await });
        }
    }

    /// Ends the workers; what is queued is never sent.
    pub(crate) fn stop(&self) {
        locked(&self.queue).is_stopped = true;
        self.work.notify_one();
    }

    /// Waits until nothing is outstanding.
    pub(crate) async fn idle(self: &Arc<Self>) {
        self.below(1, Self::outstanding).await;
    }

    /// Waits until fewer deliveries are outstanding than the soft limit.
    pub(crate) async fn room(self: &Arc<Self>) {
        self.below(self.options.pending_soft_limit.max(1), Self::outstanding)
            .await;
    }

    /// Waits until fewer deliveries than the soft limit are to be sent now; those that wait for another attempt do not
    /// count.
    pub(crate) async fn room_to_send(self: &Arc<Self>) {
        self.below(self.options.pending_soft_limit.max(1), Self::under_way)
            .await;
    }

    fn outstanding(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    fn under_way(&self) -> usize {
        let waiting = locked(&self.queue).waiting.len();
        self.outstanding().saturating_sub(waiting)
    }

    async fn below(self: &Arc<Self>, limit: usize, count: fn(&Self) -> usize) {
        self.start();
        if self.receiver.get().is_some() {
            self.deliver_due().await;
            return;
        }
        loop {
            let settled = self.settled.notified();
            let mut settled = std::pin::pin!(settled);
            settled.as_mut().enable();
            if count(self) < limit {
                return;
            }
            settled.await;
        }
    }

    /// Returns what became of the deliveries so far.
    pub(crate) fn counts(&self) -> WebhookCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        WebhookCounts {
            queued: read(&self.counters.queued),
            sent: read(&self.counters.sent),
            acknowledged: read(&self.counters.acknowledged),
            failed_attempts: read(&self.counters.failed_attempts),
            given_up: read(&self.counters.given_up),
            lost: read(&self.counters.lost),
            dropped: read(&self.counters.dropped),
            duplicated: read(&self.counters.duplicated),
            delayed: read(&self.counters.delayed),
            forged: read(&self.counters.forged),
            forgeries_refused: read(&self.counters.forgeries_refused),
            pending: self.pending.load(Ordering::SeqCst) as u64,
        }
    }

    async fn work(&self) {
        let mut lines = Lines::default();
        while let Some(job) = self.next().await {
            self.attempt(&mut lines, job).await;
        }
    }

    /// Waits for the next job; `None` once stopped.
    async fn next(&self) -> Option<Job> {
        loop {
            let due = {
                let mut queue = locked(&self.queue);
                if queue.is_stopped {
                    // One worker wakes the next: a call to all misses those about to fall asleep.
                    self.work.notify_one();
                    return None;
                }
                ripen(&mut queue, self.now_us());
                if let Some(job) = queue.ready.pop_front() {
                    if !queue.ready.is_empty() {
                        self.work.notify_one();
                    }
                    return Some(job);
                }
                queue.waiting.peek().map(|waiting| waiting.due.0.0)
            };
            match due {
                None => self.work.notified().await,
                Some(due) => {
                    let due = self.begun + Duration::from_micros(due.unsigned_abs());
                    let _ = tokio::time::timeout_at(due, self.work.notified()).await;
                }
            }
        }
    }

    async fn attempt(&self, lines: &mut Lines, job: Job) {
        if !job.is_forgery {
            self.counters.sent.fetch_add(1, Ordering::Relaxed);
        }
        let headers = self.headers(&job.delivery);
        let body = job.delivery.body.clone();
        let limit = Duration::from_millis(self.options.timeout_ms);
        let sent = tokio::time::timeout(limit, lines.post(&job.delivery.target, headers, body)).await;
        let outcome = match &sent {
            Ok(Ok(status)) => status.as_u16().to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.note(&job.delivery, job.failed.saturating_add(1), outcome);
        if job.is_forgery {
            if matches!(sent, Ok(Ok(status)) if status.is_client_error()) {
                self.counters.forgeries_refused.fetch_add(1, Ordering::SeqCst);
            }
            self.settle();
            return;
        }
        if matches!(sent, Ok(Ok(status)) if status.is_success()) {
            self.counters.acknowledged.fetch_add(1, Ordering::SeqCst);
            locked(&self.log).took(job.delivery.webhook);
            self.settle();
            return;
        }
        self.missed(job);
    }

    /// Lets a job that was not taken wait for its next attempt, or gives it up after the last.
    fn missed(&self, mut job: Job) {
        self.counters.failed_attempts.fetch_add(1, Ordering::SeqCst);
        job.failed = job.failed.saturating_add(1);
        if job.failed >= self.options.attempts_max {
            self.counters.given_up.fetch_add(1, Ordering::SeqCst);
            let given_up = locked(&self.log).gave_up(job.delivery.webhook);
            let is_dead = self
                .options
                .deactivate_after
                .is_some_and(|after| given_up >= after);
            if let (true, Some(on_dead)) = (is_dead, self.on_dead.get()) {
                on_dead.0(job.delivery.webhook);
            }
            self.settle();
            return;
        }
        let doubled = self
            .options
            .retry_wait_ms
            .saturating_mul(1 << (job.failed - 1).min(30));
        let wait_ms = doubled.min(self.options.retry_wait_ms_max);
        self.wait(&mut locked(&self.queue), job, Duration::from_millis(wait_ms));
        self.settled.notify_waiters();
        // A worker may be asleep for longer than this wait, or without any due time.
        self.work.notify_one();
    }

    fn settle(&self) {
        self.pending.fetch_sub(1, Ordering::SeqCst);
        self.settled.notify_waiters();
    }

    fn headers(&self, delivery: &Delivery) -> HeaderMap {
        let mut headers = self.common.clone();
        let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        headers.insert("x-event", text(&delivery.event));
        headers.insert("x-language", HeaderValue::from_static(delivery.language));
        headers.insert(delivery.id_header.clone(), HeaderValue::from(delivery.id));
        headers.insert("x-request-id", text(&delivery.request_id));
        if let Some(signature) = &delivery.signature {
            headers.insert("x-signature", text(signature));
        }
        let [limit, remaining, reset] = &*delivery.rates;
        headers.insert("x-ratelimit-limit", text(limit));
        headers.insert("x-ratelimit-remaining", text(remaining));
        headers.insert("x-ratelimit-reset", text(reset));
        headers
    }
}

/// Moves the jobs whose time has come to the ready ones.
fn ripen(queue: &mut Queue, now_us: i64) {
    while queue
        .waiting
        .peek()
        .is_some_and(|waiting| waiting.due.0.0 <= now_us)
    {
        if let Some(waiting) = queue.waiting.pop() {
            queue.ready.push_back(waiting.job);
        }
    }
}
