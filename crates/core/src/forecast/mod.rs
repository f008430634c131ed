//! What reading a source costs in calls, and when a history will have been read: a range, with the window that binds.
//!
//! `price` counts calls, `progress` what is left of them, `end` turns them into time. Both are pure; who asks brings
//! the counts, the limits and what others spend. The rule of the budget itself is [`crate::budget`].

mod end;
mod price;
mod progress;
mod window;

#[cfg(test)]
mod tests;

pub use end::{Forecast, Load, Range, forecast, room_per_day};
pub use price::{
    DeletionCalls, PAGE, Pace, Traffic, Wants, deletion_calls, history_calls, least_calls, live_calls, pages,
    reconcile_calls, sweep_calls, swept_rows, tie_calls,
};
pub use progress::{calls_left, drifting, part_left, still_us};
pub use window::Window;
