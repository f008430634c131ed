//! Report: what the tables say, for people. Reads only; the command line and the pages show the same.
//!
//! [`status`] is the hub in numbers. No SQL here and no words of a language: who shows it says it.

mod status;

pub use status::{InboxLine, Latency, Probe, QuarantineLine, SinkLine, Status, status};
