//! The memory of all bodies that are held at once: one budget, however many connections there are (reliability.md §11.2).
//!
//! A body pays for its memory as it grows, and the room is free again when the body is dropped. Nobody waits for room, so
//! nothing can stand still: what finds none is refused at once, and the sender comes again. The first bytes of each body
//! are not paid for, since the number of connections bounds them: an ordinary webhook gets in however full it is.

use std::sync::Arc;

use bytes::Bytes;
use schakel_core::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// There is no room for more of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowded;

/// The room for all bodies.
#[derive(Debug, Clone)]
pub(super) struct Bodies(Arc<Semaphore>);

/// A body that is being read, and its room.
#[derive(Debug)]
pub(super) struct Growing {
    bodies: Bodies,
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

/// The room of a body that was read; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Room(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Bodies {
    /// Makes room for so many `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Begins a body.
    pub(super) fn begin(&self) -> Growing {
        Growing {
            bodies: self.clone(),
            bytes: Vec::new(),
            room: None,
        }
    }

    /// Gives how many bytes are free.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits()
    }
}

impl Growing {
    /// Gives how many bytes came so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds what came.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), Crowded> {
        let (held, needed) = (self.bytes.capacity(), self.bytes.len() + data.len());
        if needed > held {
            let grown = (held * 2)
                .clamp(limits::WEBHOOK_BODY_FREE_BYTES, limits::WEBHOOK_BODY_BYTES)
                .max(needed);
            self.pay(grown - held.max(limits::WEBHOOK_BODY_FREE_BYTES))?;
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// Ends the body.
    pub(super) fn end(self) -> (Bytes, Room) {
        (Bytes::from(self.bytes), Room(self.room))
    }

    fn pay(&mut self, bytes: usize) -> Result<(), Crowded> {
        let bytes = u32::try_from(bytes).map_err(|_| Crowded)?;
        let paid = self.bodies.0.clone().try_acquire_many_owned(bytes);
        let paid = paid.map_err(|_| Crowded)?;
        match &mut self.room {
            Some(room) => room.merge(paid),
            None => self.room = Some(paid),
        }
        Ok(())
    }
}
