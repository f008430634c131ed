//! Intake: a genuine webhook becomes a durable inbox row before it is answered (I1, T0).
//!
//! Invariants: a 2xx is given only after the commit that holds the event; many requests share one commit; when
//! the queue is full or the store fails, the sender hears 503 and keeps the event.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schakel_core::connector::{Received, Refused, Webhook};
use schakel_core::event::{Event, Origin};
use schakel_core::id::{ConnectionId, EventId};
use schakel_core::limits;
use schakel_core::time::Timestamp;
use schakel_store::Inserted;
use tokio::sync::{mpsc, oneshot};

use crate::hub::Hub;

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

struct Waiting {
    event: Event,
    answer: oneshot::Sender<Option<Inserted>>,
}

/// The way in for webhooks; cheap to clone.
#[derive(Clone)]
pub struct Entrance {
    hub: Arc<Hub>,
    queue: mpsc::Sender<Waiting>,
}

/// The other end: writes what came in. Run it as one task.
pub struct Writer {
    hub: Arc<Hub>,
    queue: mpsc::Receiver<Waiting>,
}

/// Opens the entrance of a hub.
#[must_use]
pub fn open(hub: &Arc<Hub>) -> (Entrance, Writer) {
    let (sender, receiver) = mpsc::channel(limits::INTAKE_QUEUE);
    (
        Entrance {
            hub: hub.clone(),
            queue: sender,
        },
        Writer {
            hub: hub.clone(),
            queue: receiver,
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
                self.count_refusal(connection, refused).await;
                return Err(NotAccepted::Refused(refused));
            }
        };
        let event = self.event(connection, received, body, received_at);
        let (answer, stored) = oneshot::channel();
        self.queue
            .try_send(Waiting { event, answer })
            .map_err(|_| NotAccepted::Busy)?;
        stored.await.ok().flatten().ok_or(NotAccepted::Busy)
    }

    async fn count_refusal(&self, connection: ConnectionId, refused: Refused) {
        let reason = match refused {
            Refused::Signature => "signature",
            Refused::OtherShop => "other_shop",
            Refused::Headers => "headers",
        };
        if let Err(error) = self
            .hub
            .store
            .count_rejected(self.hub.tenant, connection, reason, 1)
            .await
        {
            tracing::warn!(connection.id = %connection, %error, "a refusal could not be counted");
        }
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
            trust,
            stream,
            kind,
            action,
            remote_id,
            ordinal: 0,
            status: 0,
            floor: Timestamp::ZERO,
            received_at,
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
        while waiting.len() < limits::INTAKE_BATCH
            && let Ok(more) = self.queue.try_recv()
        {
            waiting.push(more);
        }
    }

    /// Writes what is queued, many events per commit, until every entrance is gone.
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(limits::INTAKE_BATCH);
        while self.queue.recv_many(&mut waiting, limits::INTAKE_BATCH).await > 0 {
            self.gather(&mut waiting).await;
            let (events, answers): (Vec<Event>, Vec<_>) = waiting
                .drain(..)
                .map(|waiting| (waiting.event, waiting.answer))
                .unzip();
            match self.hub.store.insert_events(&events).await {
                Ok(inserted) => {
                    for (answer, inserted) in answers.into_iter().zip(inserted) {
                        // A sender that hung up will send again; its event is stored all the same.
                        let _ = answer.send(Some(inserted));
                    }
                    self.hub.wake.inbox.notify_one();
                }
                Err(error) => {
                    tracing::error!(%error, events = answers.len(), "webhooks could not be stored, senders told to retry");
                    drop(answers);
                }
            }
        }
    }
}
