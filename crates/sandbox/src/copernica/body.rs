//! Answer bodies: whole, in pieces, dripping, or breaking off.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;

/// How many bytes of a streamed list go out at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// The body of an answer of the simulator.
#[derive(Debug)]
pub(crate) struct Body {
    pieces: VecDeque<Bytes>,
    /// The length, when the answer announces one.
    length: Option<u64>,
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
    breaks_off: bool,
}

impl Body {
    /// Makes a body that is sent at once and announces its length.
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        let length = Some(bytes.len() as u64);
        let pieces = if bytes.is_empty() {
            VecDeque::new()
        } else {
            VecDeque::from([Bytes::from(bytes)])
        };
        Self {
            pieces,
            length,
            pause: None,
            breaks_off: false,
        }
    }

    /// Makes a body that is sent in chunks, without a length.
    pub(crate) fn pieces(bytes: Vec<u8>) -> Self {
        Self {
            length: None,
            ..Self::split(bytes, PIECE_BYTES)
        }
    }

    fn split(bytes: Vec<u8>, size: usize) -> Self {
        let mut rest = Bytes::from(bytes);
        let mut pieces = VecDeque::new();
        let length = Some(rest.len() as u64);
        while !rest.is_empty() {
            pieces.push_back(rest.split_to(rest.len().min(size)));
        }
        Self {
            pieces,
            length,
            pause: None,
            breaks_off: false,
        }
    }

    /// Makes a body whose connection breaks before a byte of the answer is sent.
    pub(crate) fn lost() -> Self {
        Self {
            pieces: VecDeque::new(),
            length: None,
            pause: None,
            breaks_off: true,
        }
    }

    /// Makes a body that drips: ten parts with a pause before each.
    pub(crate) fn dripping(bytes: Vec<u8>, pause: Duration) -> Self {
        let size = bytes.len().div_ceil(10).max(1);
        Self {
            pause: Some((pause, Box::pin(tokio::time::sleep(pause)))),
            ..Self::split(bytes, size)
        }
    }

    /// Gives how many bytes are still to be sent.
    pub(crate) fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Takes everything that is still to be sent.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.pieces.into_iter().flatten().collect()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.breaks_off {
            let error = io::Error::new(io::ErrorKind::ConnectionReset, "the simulated connection is lost");
            return Poll::Ready(Some(Err(error)));
        }
        if self.pieces.is_empty() {
            return Poll::Ready(None);
        }
        if let Some((pause, sleep)) = self.pause.as_mut() {
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let next = tokio::time::sleep(*pause);
            sleep.set(next);
        }
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.breaks_off
    }

    fn size_hint(&self) -> SizeHint {
        // A broken answer announces bytes that never come, so that it is not over before it breaks.
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
