//! Report: what the tables say, for people. Reads only; the command line and the pages show the same.
//!
//! [`status()`] is the hub in numbers, [`explain()`] is one person with the reasons, [`preview()`] is what a
//! delivery would do now. No SQL here and no words of a language: who shows it says it.

mod explain;
mod preview;
mod status;

#[cfg(test)]
mod tests;

pub use explain::{Because, Explained, Member, MergeView, Moment, Reader, SinkView, Try, explain};
pub use preview::{Change, KindPreview, Preview, Sample, preview};
pub use status::{InboxLine, Latency, Probe, QuarantineLine, SinkLine, Status, status};
