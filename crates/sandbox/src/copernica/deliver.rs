//! Delivery of webhooks: signed, with faults on demand (copernica.md §8.4, §8.5).
//!
//! The reference knows neither retries nor an order, so a message is tried once. A receiver gets its messages one at
//! a time, in the order of the events; receivers do not wait for each other. The clock of the account stamps a message.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::{self, JoinSet};

use super::outbox::Notice;
use super::sign::{Stamp, WebhookKey};
use super::{Simulator, lock};
use crate::client::{Lines, Target};
use crate::door::{Receiver, Seed};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the deliverer looks for work.
const LOOK: Duration = Duration::from_millis(20);
/// How many failed deliveries the log keeps.
const FAILURES_MAX: usize = 1000;

/// What goes wrong with webhooks, each in so many of 100. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookFaults {
    /// Never sent.
    pub lose: u64,
    /// Sent twice, each time with a nonce of its own.
    pub duplicate: u64,
    /// Sent after everything that waits behind it.
    pub reorder: u64,
    /// Preceded by a copy whose signature is not Copernica's.
    pub forge: u64,
    /// Sent with a `Date` of two minutes ago.
    pub stale: u64,
}

/// What became of the webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookCounts {
    /// Messages that wait.
    pub waiting: u64,
    /// Requests that were answered with 2xx.
    pub accepted: u64,
    /// Requests that were answered otherwise or not at all, forged ones too.
    pub refused: u64,
    /// Messages that were never sent.
    pub lost: u64,
    /// Messages that were sent twice.
    pub duplicated: u64,
    /// Messages that others were let past.
    pub reordered: u64,
    /// Copies with a wrong signature.
    pub forged: u64,
    /// Messages with an old date.
    pub stale: u64,
}

/// One failed delivery, as the log file `feedback-loop-errors` has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Seconds since 1970.
    pub(crate) at: u32,
    /// The status of the answer; 0 for none.
    pub(crate) response: u16,
    pub(crate) handler: String,
}

/// The state of the deliverer.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) faults: WebhookFaults,
    counts: WebhookCounts,
    seed: Seed,
}

impl Post {
    /// Makes a deliverer that delivers everything once, until told otherwise.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            faults: WebhookFaults::default(),
            counts: WebhookCounts::default(),
            seed: Seed::new(seed),
        }
    }
}

/// The deliveries under way, one for each receiver, and the connections of those that rest.
#[derive(Debug, Default)]
struct Lanes {
    running: JoinSet<(String, Lines)>,
    /// The receiver of each delivery under way.
    busy: HashMap<task::Id, String>,
    idle: BTreeMap<String, Lines>,
}

impl Lanes {
    /// Waits until a delivery ends, but never long.
    async fn look(&mut self) {
        if self.running.is_empty() {
            tokio::time::sleep(LOOK).await;
            return;
        }
        match tokio::time::timeout(LOOK, self.running.join_next_with_id()).await {
            Ok(Some(Ok((task, (handler, lines))))) => {
                self.busy.remove(&task);
                self.idle.insert(handler, lines);
            }
            // A delivery that failed in itself does not keep its receiver from the next one.
            Ok(Some(Err(failure))) => {
                self.busy.remove(&failure.id());
            }
            Ok(None) | Err(_) => {}
        }
    }
}

/// What is done with one message.
enum Fate {
    Lose,
    HoldBack,
    Send {
        copies: u8,
        is_forged_too: bool,
        is_stale: bool,
    },
}

impl Simulator {
    /// Makes webhooks go wrong from now on.
    pub fn set_webhook_faults(&self, faults: WebhookFaults) {
        lock(&self.0.post).faults = faults;
    }

    /// Gives what became of the webhooks.
    #[must_use]
    pub fn webhook_counts(&self) -> WebhookCounts {
        WebhookCounts {
            waiting: self.account().outbox.len() as u64,
            ..lock(&self.0.post).counts
        }
    }

    /// Gives the public key that verifies webhooks; a receiver uses it in place of the DNS.
    #[must_use]
    pub fn webhook_key(&self) -> WebhookKey {
        self.0.signer().key()
    }

    /// Sends all webhooks to a receiver in this process; `false` when there is one already.
    ///
    /// They are sent by [`deliver_webhooks`](Self::deliver_webhooks) or [`run_webhooks`](Self::run_webhooks), as those
    /// for addresses are.
    pub fn deliver_in_process(&self, receiver: Receiver) -> bool {
        self.0.receiver.set(receiver).is_ok()
    }

    /// Delivers what waits, and what comes meanwhile, until nothing waits.
    pub async fn deliver_webhooks(&self) {
        let mut lanes = Lanes::default();
        loop {
            self.start_lanes(&mut lanes);
            if lanes.busy.is_empty() {
                return;
            }
            lanes.look().await;
        }
    }

    /// Delivers webhooks for ever, and does what was put off when it is due.
    pub async fn run_webhooks(&self) {
        let mut lanes = Lanes::default();
        loop {
            self.start_lanes(&mut lanes);
            lanes.look().await;
        }
    }

    /// Starts a delivery for each receiver for whom something waits and nothing is under way.
    fn start_lanes(&self, lanes: &mut Lanes) {
        let waiting: Vec<String> = self.account().outbox.handlers().cloned().collect();
        for handler in waiting {
            if lanes.busy.values().any(|busy| *busy == handler) {
                continue;
            }
            let simulator = self.clone();
            let receiver = self.0.receiver.get().cloned();
            let idle = lanes.idle.remove(&handler);
            let mut lines = idle.unwrap_or_else(|| Lines::to(receiver));
            let of = handler.clone();
            let task = lanes.running.spawn(async move {
                simulator.deliver_to(&of, &mut lines).await;
                (of, lines)
            });
            lanes.busy.insert(task.id(), handler);
        }
    }

    /// Delivers to one receiver until nothing waits for it.
    async fn deliver_to(&self, handler: &str, lines: &mut Lines) {
        loop {
            let Some(notice) = self.account().outbox.pop(handler) else {
                return;
            };
            match self.fate(&notice) {
                Fate::Lose => {}
                Fate::HoldBack => self.account().outbox.push(Notice {
                    was_held_back: true,
                    ..notice
                }),
                Fate::Send {
                    copies,
                    is_forged_too,
                    is_stale,
                } => {
                    if is_forged_too {
                        self.send(lines, &notice, (true, is_stale)).await;
                    }
                    for _ in 0..copies {
                        self.send(lines, &notice, (false, is_stale)).await;
                    }
                }
            }
        }
    }

    fn fate(&self, notice: &Notice) -> Fate {
        let has_others = self.account().outbox.has(&notice.handler);
        let mut post = lock(&self.0.post);
        let faults = post.faults;
        if notice.was_held_back {
            return Fate::Send {
                copies: 1,
                is_forged_too: false,
                is_stale: false,
            };
        }
        if post.seed.percent(faults.lose) {
            post.counts.lost += 1;
            return Fate::Lose;
        }
        if has_others && post.seed.percent(faults.reorder) {
            post.counts.reordered += 1;
            return Fate::HoldBack;
        }
        let is_twice = post.seed.percent(faults.duplicate);
        let is_forged_too = post.seed.percent(faults.forge);
        let is_stale = post.seed.percent(faults.stale);
        post.counts.duplicated += u64::from(is_twice);
        post.counts.forged += u64::from(is_forged_too);
        post.counts.stale += u64::from(is_stale);
        Fate::Send {
            copies: 1 + u8::from(is_twice),
            is_forged_too,
            is_stale,
        }
    }

    async fn send(&self, lines: &mut Lines, notice: &Notice, (is_forged, is_stale): (bool, bool)) {
        let Some(target) = Target::of(&notice.handler) else {
            return;
        };
        let (account, now) = {
            let state = self.account();
            let mark = if state.options.account_underscore {
                '_'
            } else {
                '-'
            };
            (
                format!("account{mark}{}", state.options.account_id),
                state.clock.now,
            )
        };
        let nonce = lock(&self.0.post).seed.next_u64();
        let stamp = Stamp {
            account: &account,
            now: if is_stale { now - 120 } else { now },
            nonce: format!("{nonce:016x}"),
            is_forged,
        };
        let headers = self.0.signer().headers(&target, &notice.body, &stamp);
        let sending = lines.post(&target, headers, notice.body.clone());
        let status = match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(status)) => status.as_u16(),
            Ok(Err(_)) | Err(_) => 0,
        };
        if (200..300).contains(&status) {
            lock(&self.0.post).counts.accepted += 1;
            return;
        }
        lock(&self.0.post).counts.refused += 1;
        let mut state = self.account();
        let at = state.now();
        if state.failures.len() == FAILURES_MAX {
            state.failures.remove(0);
        }
        state.failures.push(Failure {
            at,
            response: status,
            handler: notice.handler.clone(),
        });
    }
}
