//! Report: what the tables say, for people. Reads only; the command line and the pages show the same.
//!
//! [`status()`] is the hub in numbers, [`explain()`] is one person with the reasons, [`nobodys_carts()`] the carts of
//! nobody, [`preview()`] is what a delivery would do now, [`quarantine()`] and [`dead()`] are what waits for a
//! person, [`progress()`] is how far a history is,
//! [`price`] what it costs. No SQL here and no words of a language: who shows it says it.

mod anew;
mod aside;
mod asked;
mod carts;
mod end;
mod explain;
mod health;
mod history;
mod moments;
mod names;
mod nobody;
mod presets;
mod preview;
pub mod price;
mod probe;
mod reader;
mod status;
mod watch;

#[cfg(test)]
mod tests;

pub use aside::{Aside, Attempt, Dead, Wrong, dead, dead_one, quarantine, set_aside};
pub use asked::{Asked, CartAt, FailedAt, RowsAt, Stage};
pub use carts::{CartLine, CartView};
pub use end::{End, Subject};
pub use explain::{Because, Explained, Member, MergeView, SinkView, Try, explain};
pub use health::HealthLine;
pub use history::{
    FindingLine, Findings, PartProgress, Period, Progress, StoppedWalk, WalkLine, findings, parts_in,
    progress,
};
pub use moments::Moment;
pub use nobody::{CheckoutView, NobodysCart, nobodys_carts};
pub use presets::Presets;
pub use preview::{Change, KindPreview, Preview, Rejected, Sample, Waiting, preview};
pub use probe::Probe;
pub use reader::Reader;
pub use status::{InboxLine, Latency, LeftWaiting, QuarantineLine, SinkLine, Status, status};
pub use watch::WatchLine;
