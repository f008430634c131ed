//! The task of a delivery loop: what an earlier process left open first, then the sink's structure, then deliveries.

use std::sync::Arc;
use std::time::Duration;

use schakel_core::delivery::connect_wait_ms;
use schakel_core::id::ConnectionId;
use tokio::sync::futures::Notified;
use tokio::sync::watch;

use super::{GATHER, PAUSE, POLL, RECOVERY_US, store_failed};
use crate::deliver::{Gauge, Loop};
use crate::hub::Hub;

/// Delivers to `sink` until the end.
pub(super) async fn deliver_task(
    hub: Arc<Hub>,
    sink: ConnectionId,
    gauge: Gauge,
    is_alone: bool,
    mut stopped: watch::Receiver<bool>,
) {
    let mut delivery = Loop::new(hub.clone(), sink, gauge.clone());
    until_recovered(&hub, &delivery, is_alone, &mut stopped).await;
    until_connected(&hub, sink, &gauge, &mut stopped).await;
    let mut last_recovery_us = hub.clock.monotonic_us();
    while !*stopped.borrow() {
        // Made before the step, so that work that comes while it runs is not waited past.
        let work = hub.wake.outbox.notified();
        match delivery.step().await {
            Ok(true) => tokio::time::sleep(GATHER).await,
            Ok(false) => {
                idle(&hub, sink, &mut delivery, work, &mut stopped).await;
            }
            Err(error) => {
                store_failed(&hub, "deliver", &error, &mut stopped).await;
                // What came back is settled first: by now its claims may have ended, and then they would be taken for ones
                // whose outcome nobody knows.
                continue;
            }
        }
        if hub.clock.monotonic_us() - last_recovery_us > RECOVERY_US {
            last_recovery_us = hub.clock.monotonic_us();
            recover(&hub, &delivery, false, &mut stopped).await;
        }
    }
    if let Err(error) = delivery.end().await {
        tracing::warn!(%error, "the last attempts could not be settled, they are looked at after the next start");
    }
}

/// Waits for an answer, new `work`, or the next due time.
async fn idle(
    hub: &Hub,
    sink: ConnectionId,
    delivery: &mut Loop,
    work: Notified<'_>,
    stopped: &mut watch::Receiver<bool>,
) {
    let due = hub.store.next_due(hub.tenant, sink).await.ok().flatten();
    let wait_ms = due.map_or(i64::MAX, |at| {
        (at.as_micros() - hub.clock.now().as_micros()) / 1000
    });
    let wait = idle_wait(wait_ms, delivery.closed_us());
    tokio::select! {
        () = work => {}
        () = delivery.until_answer() => {}
        () = tokio::time::sleep(wait) => {}
        _ = stopped.changed() => {}
    }
}

/// Gives how long there is nothing to do, when something is due in `due_ms` and the sink is closed for `closed_us`.
fn idle_wait(due_ms: i64, closed_us: i64) -> Duration {
    // What is due can't go while the sink is closed; then it is no reason to look every moment.
    let closed = Duration::from_micros(u64::try_from(closed_us).unwrap_or(0));
    let due = Duration::from_millis(u64::try_from(due_ms).unwrap_or(0));
    due.clamp(PAUSE.max(closed.min(POLL)), POLL)
}

async fn until_recovered(hub: &Hub, delivery: &Loop, is_alone: bool, stopped: &mut watch::Receiver<bool>) {
    while !*stopped.borrow() && !recover(hub, delivery, is_alone, stopped).await {}
}

/// Makes claims that ended uncertain; returns whether the store did it.
async fn recover(hub: &Hub, delivery: &Loop, is_alone: bool, stopped: &mut watch::Receiver<bool>) -> bool {
    match delivery.recover(is_alone).await {
        Ok(0) => true,
        Ok(open) => {
            tracing::info!(
                attempts = open,
                "attempts of an earlier process are looked at before anything is created"
            );
            true
        }
        Err(error) => {
            store_failed(hub, "recover", &error, stopped).await;
            false
        }
    }
}

/// Reads the sink's structure before the first delivery, as long as it takes.
async fn until_connected(hub: &Hub, sink: ConnectionId, gauge: &Gauge, stopped: &mut watch::Receiver<bool>) {
    let Some(connection) = hub.sinks.get(&sink) else {
        return;
    };
    let mut attempt = 0_u32;
    while !*stopped.borrow() {
        attempt = attempt.saturating_add(1);
        match connection.sink.connect(&connection.cx).await {
            Ok(()) => return hub.note_well(sink).await,
            Err(error) => {
                gauge.unconnected();
                let wait_ms = connect_wait_ms(&error, attempt, hub.dice.roll());
                hub.note_ill(sink, &error, hub.clock.now().plus_ms(wait_ms)).await;
                let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(1000));
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    _ = stopped.changed() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_sink_is_closed_what_is_due_is_not_looked_at_every_moment() {
        let second_us = 1_000_000;
        assert_eq!(idle_wait(0, 0), PAUSE);
        assert_eq!(idle_wait(-5_000, 0), PAUSE);
        assert_eq!(idle_wait(i64::MAX, 0), POLL);
        for closed_us in [3 * second_us, i64::MAX] {
            assert_eq!(idle_wait(0, closed_us), POLL.min(Duration::from_secs(3)));
        }
        let closed_us = i64::try_from(POLL.as_micros()).unwrap() / 2;
        assert_eq!(idle_wait(0, closed_us), POLL / 2);
        assert_eq!(idle_wait(i64::MAX, closed_us), POLL);
    }
}
