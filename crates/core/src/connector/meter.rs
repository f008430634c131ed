//! What a connector knows of the limits of its API.

use super::Response;
use crate::budget::{Heard, Limits};

/// Reads what answers tell of the limits; pure.
pub trait Meter: Send + Sync {
    /// The limits with which to begin, before any answer told others.
    fn limits(&self) -> Limits;

    /// What `response` tells of them; windows in the order of [`Meter::limits`].
    fn heard(&self, response: &Response) -> Heard;
}

/// No limits, and answers that tell nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn limits(&self) -> Limits {
        Limits::none()
    }

    fn heard(&self, _response: &Response) -> Heard {
        Heard::default()
    }
}
