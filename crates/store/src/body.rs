//! Bodies of events as they are kept: packed where that makes them smaller (ADR 0010).
//!
//! Bodies are most of what the database holds, and each is written twice: to the log of writes and to the file.

use bytes::Bytes;
use schakel_core::event::Event;

use crate::db::{Cells, contradiction};
use crate::error::StoreError;

/// An event on its way into the inbox, with all that can be worked out before the database is written: whoever holds
/// the one connection that writes should do nothing else.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What came.
    pub(crate) event: Event,
    /// See [`Event::dedup_key`].
    pub(crate) dedup_key: Option<[u8; 16]>,
    /// Digest of the body as it came.
    pub(crate) digest: [u8; 32],
    /// The body as it is kept, see [`pack`].
    pub(crate) kept: Bytes,
}

impl From<Event> for NewEvent {
    fn from(event: Event) -> Self {
        Self {
            dedup_key: event.dedup_key(),
            digest: *blake3::hash(&event.body).as_bytes(),
            kept: pack(&event.body),
            event,
        }
    }
}

impl NewEvent {
    /// Makes all of `events` ready.
    #[must_use]
    pub fn all(events: Vec<Event>) -> Vec<Self> {
        events.into_iter().map(Self::from).collect()
    }

    /// Size of the body as it came, in bytes.
    pub(crate) fn body_bytes(&self) -> i64 {
        i64::try_from(self.event.body.len()).unwrap_or(i64::MAX)
    }
}

/// Returns `body` packed (LZ4, one block), or as it is when that is not smaller.
fn pack(body: &Bytes) -> Bytes {
    let packed = lz4_flex::block::compress(body);
    if packed.len() < body.len() {
        packed.into()
    } else {
        body.clone()
    }
}

/// Reads `body_bytes, body, body_digest` of the event `row`: the body as it came.
///
/// # Errors
/// [`StoreError::Contradiction`] when it is damaged.
pub(crate) fn body_of(cells: &mut Cells<'_>, row: &str) -> Result<Bytes, StoreError> {
    let (bytes, kept) = (cells.int()?, cells.bytes()?);
    let digest = cells.digest::<32>("event", "body_digest")?;
    unpack(kept, bytes)
        .filter(|body| *blake3::hash(body).as_bytes() == digest)
        .ok_or_else(|| contradiction("event", "body", row))
}

/// Returns the body of `bytes` bytes that is kept as `kept`; `None` when it is damaged. Whether it says what it said is
/// for its digest to tell.
fn unpack(kept: Vec<u8>, bytes: i64) -> Option<Bytes> {
    let bytes = usize::try_from(bytes).ok()?;
    if bytes == kept.len() {
        return Some(kept.into());
    }
    // No byte of a block stands for more than 255: a damaged size must not ask for the whole memory.
    let is_possible = bytes > kept.len() && bytes / 255 <= kept.len();
    let body = is_possible.then(|| lz4_flex::block::decompress(&kept, bytes).ok())??;
    (body.len() == bytes).then(|| body.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(body: &[u8]) -> i64 {
        i64::try_from(body.len()).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(piece in prop::collection::vec(any::<u8>(), 0..40), times in 0..200_usize) {
            let body = Bytes::from(piece.repeat(times));
            let kept = pack(&body);
            prop_assert!(kept.len() <= body.len());
            prop_assert_eq!(unpack(kept.to_vec(), size(&body)), Some(body));
        }

        #[test]
        fn what_is_damaged_harms_nobody(
            kept in prop::collection::vec(any::<u8>(), 0..60),
            bytes in prop_oneof![-1..200_i64, any::<i64>()],
        ) {
            if let Some(body) = unpack(kept, bytes) {
                prop_assert_eq!(size(&body), bytes);
            }
        }
    }

    #[test]
    fn the_words_that_all_have_are_kept_once() {
        let order =
            r#"{"product":{"resource":{"id":1,"url":"products/1","link":"https://shop.example/1.json"}}}"#;
        let body = Bytes::from(order.repeat(20));
        assert!(pack(&body).len() * 4 < body.len());
        let short = Bytes::from_static(b"{\"id\":1}");
        assert_eq!(pack(&short), short, "nothing to win");
    }
}
