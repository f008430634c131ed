//! The messages of webhooks that wait, in a queue for each receiver.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

/// The most messages that wait for one receiver; what comes after them is never sent.
const WAITING_MAX: usize = 1_000_000;

/// One message that waits for its delivery.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) handler: String,
    pub(crate) body: Bytes,
    /// Whether a later message was let past it already.
    pub(crate) was_held_back: bool,
}

/// Everything that waits, by receiver: a silent one holds up nobody else.
#[derive(Debug, Default)]
pub(crate) struct Outbox(BTreeMap<String, VecDeque<Notice>>);

impl Outbox {
    /// Puts a message behind those of the same receiver.
    pub(crate) fn push(&mut self, notice: Notice) {
        match self.0.get_mut(&notice.handler) {
            Some(queue) if queue.len() < WAITING_MAX => queue.push_back(notice),
            Some(_) => {}
            None => {
                self.0.insert(notice.handler.clone(), VecDeque::from([notice]));
            }
        }
    }

    /// Takes the oldest message of a receiver.
    pub(crate) fn pop(&mut self, handler: &str) -> Option<Notice> {
        let queue = self.0.get_mut(handler)?;
        let notice = queue.pop_front();
        if queue.is_empty() {
            self.0.remove(handler);
        }
        notice
    }

    /// Says whether anything waits for a receiver.
    pub(crate) fn has(&self, handler: &str) -> bool {
        self.0.contains_key(handler)
    }

    /// Gives how many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(VecDeque::len).sum()
    }

    /// Gives the receivers for whom something waits.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Gives every message, receiver by receiver, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.0.values().flatten()
    }
}

impl FromIterator<Notice> for Outbox {
    fn from_iter<I: IntoIterator<Item = Notice>>(notices: I) -> Self {
        let mut outbox = Self::default();
        notices.into_iter().for_each(|notice| outbox.push(notice));
        outbox
    }
}
