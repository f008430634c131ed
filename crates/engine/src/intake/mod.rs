//! Intake: a genuine webhook becomes a durable inbox row before it is answered (I1, T0).
//!
//! Invariants: a 2xx is given only after the commit that holds the event; many requests share one commit; when
//! the queue is full, the store fails, takes too long or is known to be damaged, the sender hears 503 and keeps the event. A
//! request that is refused costs no commit: refusals are counted in memory and written together.

mod refusals;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schakel_core::connector::{Received, Refused, Webhook};
use schakel_core::event::{Event, Origin};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::limits;
use schakel_core::time::Timestamp;
use schakel_store::{Inserted, NewEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::hub::Hub;
use refusals::Refusals;
pub use refusals::Unread;

/// Why a webhook was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// It is not genuine; counted, never stored.
    Refused(Refused),
    /// No such connection.
    Unknown,
    /// The hub can't store it now: the sender shall try again.
    Busy,
}

/// How long a commit waits for more events (reliability.md §4 allows 5 ms).
const GATHER: Duration = Duration::from_millis(4);

/// How often refusals are written down. A process that is killed loses the count of this time, and no event.
const COUNT_REFUSALS: Duration = Duration::from_secs(1);

struct Waiting {
    event: NewEvent,
    answer: oneshot::Sender<Option<Inserted>>,
}

/// The way in for webhooks; cheap to clone.
#[derive(Clone)]
pub struct Entrance {
    hub: Arc<Hub>,
    queue: mpsc::Sender<Waiting>,
    refusals: Arc<Refusals>,
}

/// The other end: writes what came in. Run it as one task.
pub struct Writer {
    hub: Arc<Hub>,
    queue: mpsc::Receiver<Waiting>,
    refusals: Arc<Refusals>,
}

/// Opens the entrance of a hub.
#[must_use]
pub fn open(hub: &Arc<Hub>) -> (Entrance, Writer) {
    let (sender, receiver) = mpsc::channel(limits::INTAKE_QUEUE);
    let refusals = Arc::new(Refusals::default());
    (
        Entrance {
            hub: hub.clone(),
            queue: sender,
            refusals: refusals.clone(),
        },
        Writer {
            hub: hub.clone(),
            queue: receiver,
            refusals,
        },
    )
}

impl Entrance {
    /// Checks a webhook for `connection`, stores it and returns once it is durable.
    ///
    /// `received_at` is the moment of its first byte.
    ///
    /// # Errors
    /// See [`NotAccepted`].
    pub async fn accept(
        &self,
        connection: ConnectionId,
        headers: &[(String, String)],
        body: Bytes,
        received_at: Timestamp,
    ) -> Result<Inserted, NotAccepted> {
        let source = self.hub.sources.get(&connection).ok_or(NotAccepted::Unknown)?;
        let received = match source.source.receive(&Webhook { headers, body: &body }) {
            Ok(received) => received,
            Err(refused) => {
                self.refusals.add(connection, refused);
                return Err(NotAccepted::Refused(refused));
            }
        };
        if self.hub.health.is_damaged() {
            // It could be stored, perhaps, and would be gone with the file.
            return Err(NotAccepted::Busy);
        }
        let event = NewEvent::from(self.event(connection, received, body, received_at));
        let (answer, stored) = oneshot::channel();
        self.queue
            .try_send(Waiting { event, answer })
            .map_err(|_| NotAccepted::Busy)?;
        let wait = Duration::from_millis(limits::INTAKE_WAIT_MS);
        // What is stored later all the same is known again when it comes a second time.
        let stored = tokio::time::timeout(wait, stored).await.ok();
        stored.and_then(Result::ok).flatten().ok_or(NotAccepted::Busy)
    }

    /// Counts a webhook for `connection` whose body could not be read, so that somebody hears of it.
    pub fn unread(&self, connection: ConnectionId, why: Unread) {
        self.refusals.add_unread(connection, why);
    }

    fn event(
        &self,
        connection: ConnectionId,
        received: Received,
        body: Bytes,
        received_at: Timestamp,
    ) -> Event {
        let Received {
            stream,
            kind,
            action,
            remote_id,
            trust,
            headers,
        } = received;
        Event {
            id: EventId(self.hub.new_id()),
            tenant: self.hub.tenant,
            connection,
            origin: Origin::Webhook,
            class: Origin::Webhook.class(),
            trust,
            stream,
            kind,
            action,
            remote_id,
            ordinal: 0,
            status: 0,
            floor: Timestamp::ZERO,
            received_at,
            asked_at: None,
            headers,
            body,
        }
    }
}

impl Writer {
    /// Waits a moment for more, so that many requests share one commit (T0).
    async fn gather(&mut self, waiting: &mut Vec<Waiting>) {
        if waiting.len() < limits::INTAKE_BATCH {
            tokio::time::sleep(GATHER).await;
        }
        self.take_more(waiting);
    }

    /// Takes what is queued by now.
    fn take_more(&mut self, waiting: &mut Vec<Waiting>) {
        while waiting.len() < limits::INTAKE_BATCH
            && let Ok(more) = self.queue.try_recv()
        {
            waiting.push(more);
        }
    }

    /// Writes what is queued, many events per commit, until every entrance is gone.
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(limits::INTAKE_BATCH);
        let mut due = tokio::time::interval(COUNT_REFUSALS);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let came = tokio::select! {
                came = self.queue.recv_many(&mut waiting, limits::INTAKE_BATCH) => came,
                _ = due.tick() => {
                    self.refusals.write(&self.hub).await;
                    continue;
                }
            };
            if came == 0 {
                return self.refusals.write(&self.hub).await;
            }
            self.gather(&mut waiting).await;
            self.store(&mut waiting).await;
        }
    }

    async fn store(&mut self, waiting: &mut Vec<Waiting>) {
        let turn = self.hub.store.intake().await;
        // More came while others wrote: they share the commit instead of waiting for another.
        self.take_more(waiting);
        let (events, answers): (Vec<NewEvent>, Vec<_>) = waiting
            .drain(..)
            .map(|waiting| (waiting.event, waiting.answer))
            .unzip();
        let stored = match turn {
            Ok(turn) => turn.insert(&events).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(inserted) => {
                for (answer, inserted) in answers.into_iter().zip(inserted) {
                    // A sender that hung up will send again; its event is stored all the same.
                    let _ = answer.send(Some(inserted));
                }
                self.hub.note_store_works();
                self.hub.wake.inbox.notify_one();
            }
            Err(error) => {
                self.hub.note_store_failed("intake", &error);
                tracing::debug!(
                    events = answers.len(),
                    "webhooks could not be stored, senders told to retry"
                );
                drop(answers);
            }
        }
    }
}
