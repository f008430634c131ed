//! The one door to the network: pooled, bounded in time and size, never redirected, counted by label.
//!
//! URLs, headers and bodies are never logged: Copernica v2 and v3 carry their token in the URL.

mod client;
mod count;

pub use client::HyperDoor;
pub use count::{CallCounts, CountingDoor};
