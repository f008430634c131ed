//! What an answer of the sink means for the delivery, for the concurrency and for the sink as a whole.

use schakel_core::connector::{ConnectorError, Receipt};
use schakel_core::delivery::{Decision, Pressure, Signal, block_wait_ms, connect_wait_ms, decide};
use schakel_core::limits;
use schakel_core::time::Timestamp;
use schakel_store::{Claimed, Outcome, Settle};

use super::Loop;
use super::send::Sent;
use crate::hub::SinkConnection;

impl Loop {
    /// Turns what came back into decisions, and lets the sink's answers move the concurrency.
    pub(super) fn decide(&mut self, sink: &SinkConnection) {
        for sent in std::mem::take(&mut self.back) {
            let settle = self.settle_one(sink, &sent);
            self.decided.push((sent, settle));
        }
    }

    fn settle_one(&mut self, sink: &SinkConnection, sent: &Sent) -> Settle {
        // What never reached the sink tells nothing of it.
        if sent.calls > 0 {
            self.notice(sent);
        }
        let (outcome, error) = match &sent.result {
            Ok(receipt) => {
                self.blocks = 0;
                let told = tell_oddities(sent, receipt);
                if receipt.is_orphaned {
                    return settled(sent, Outcome::Orphaned, told);
                }
                let confirmed = Outcome::Confirmed {
                    remote_id: receipt.remote_id,
                    remote_parent: sent.claimed.root_remote_id,
                    is_created: receipt.is_created,
                };
                (confirmed, told)
            }
            Err(error) => (self.outcome(sink, sent, error), error.to_string()),
        };
        settled(sent, outcome, error)
    }

    /// Lets an answer of the sink move the concurrency and its health.
    fn notice(&mut self, sent: &Sent) {
        if let Some(signal) = Signal::of(&sent.result) {
            let started_us = sent.ended_us - sent.took_us;
            let broken_us = self.gauge.answered(
                signal,
                sent.claimed.id,
                started_us,
                sent.ended_us,
                self.hub.dice.roll(),
            );
            if let (Some(us), Err(error)) = (broken_us, &sent.result) {
                self.ailing = Some((error.clone(), sent.at.plus_ms(us / 1000)));
            }
            // Reading the structure tells whether it is the sink or what is sent, and nothing is sent while that fails too.
            self.is_reconnect_due |= self.gauge.take_doubt(sent.ended_us);
        }
        let pressure = Pressure::of(&sent.result);
        self.aimd
            .answered(pressure, sent.took_us, sent.in_flight, sent.ended_us);
    }

    fn outcome(&mut self, sink: &SinkConnection, sent: &Sent, error: &ConnectorError) -> Outcome {
        let Claimed {
            attempts, faults, id, ..
        } = &sent.claimed;
        let decision = decide(error, attempts + 1, *faults, self.hub.dice.roll());
        tracing::debug!(delivery.id = %id, attempt.number = attempts + 1, %error, ?decision, "delivery {id} not confirmed");
        match decision {
            Decision::Again { wait_ms } => Outcome::Again {
                due_at: sent.at.plus_ms(wait_ms),
            },
            Decision::Settle => Outcome::Uncertain {
                due_at: sent.at.plus_ms(sink.settle_ms),
            },
            Decision::Fault { wait_ms } => Outcome::Fault {
                due_at: sent.at.plus_ms(wait_ms),
            },
            Decision::Dead => {
                tracing::warn!(delivery.id = %id, %error, "delivery {id} given up, it is a dead letter now");
                Outcome::Dead
            }
            Decision::Block => {
                // It goes with the others as soon as the block is over, which may be sooner than it was to be.
                self.block(sent.at, error);
                Outcome::Again { due_at: sent.at }
            }
        }
    }

    /// Sends nothing until the structure is asked for again, which failed because of `error`.
    pub(super) fn unconnected(&mut self, error: ConnectorError) {
        self.blocks = (self.blocks + 1).min(limits::BLOCKS_MAX);
        self.is_unconnected = true;
        let wait_ms = connect_wait_ms(&error, self.blocks, self.hub.dice.roll());
        self.blocked_until = self.hub.clock.now().plus_ms(wait_ms);
        self.ailing = Some((error, self.blocked_until));
    }

    /// Sends nothing for a while because of `error`; after it the structure is read anew.
    pub(super) fn block(&mut self, now: Timestamp, error: &ConnectorError) {
        if now < self.blocked_until {
            return;
        }
        self.blocks = (self.blocks + 1).min(limits::BLOCKS_MAX);
        self.is_reconnect_due = true;
        self.blocked_until = now.plus_ms(block_wait_ms(self.blocks));
        self.ailing = Some((error.clone(), self.blocked_until));
    }
}

fn settled(sent: &Sent, outcome: Outcome, error: String) -> Settle {
    Settle {
        delivery: sent.claimed.id,
        attempt: sent.claimed.attempt,
        version: sent.claimed.version,
        digest: sent.claimed.digest,
        outcome,
        error,
        calls: sent.calls,
        at: sent.at,
    }
}

/// Tells what a success found that should not be; kept with the attempt and logged, empty when all is well.
fn tell_oddities(sent: &Sent, receipt: &Receipt) -> String {
    let Claimed { id, kind, .. } = &sent.claimed;
    if receipt.is_orphaned {
        tracing::warn!(delivery.id = %id, kind = kind.as_str(), "the profile was removed in the sink, it is made anew");
        return "its profile was removed there: it is made anew, with everything under it".to_owned();
    }
    if receipt.twins > 0 {
        let twins = receipt.twins;
        tracing::error!(delivery.id = %id, kind = kind.as_str(), twins, "several stand under one key: remove all but the lowest id");
        return format!("{twins} more stand under this key; the lowest id counts, remove the others");
    }
    String::new()
}
