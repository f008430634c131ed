//! A budget for people.

use serde::Serialize;

use super::Budget;
use super::window::Window;
use crate::connector::Class;

/// Who spends what of a budget, for pages and commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The windows, shortest period of which the other side tells first.
    pub windows: Vec<WindowUsage>,
    /// Wait until a call may start, in microseconds, by class (live, retry, sweep, backfill); 0 for at once.
    pub wait_us: [i64; 4],
    /// How long the other side asked to be left alone, in microseconds from now; 0 for not at all.
    pub paused_us: i64,
}

/// One window of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowUsage {
    /// Its length in microseconds.
    pub window_us: i64,
    /// The limit in force.
    pub limit: u32,
    /// Whether the other side told the limit; otherwise it is the configured one.
    pub is_told: bool,
    /// Calls that count now, by class (live, retry, sweep, backfill).
    pub spent: [u32; 4],
    /// Calls of other programs in the other side's window, at least; `None` while it has not told.
    pub others: Option<i64>,
    /// Calls left in the other side's window; `None` while it has not told.
    pub left: Option<i64>,
    /// Microseconds until the other side's window starts again; `None` while it has not told.
    pub reset_us: Option<i64>,
    /// Kept for live calls.
    pub reserve_live: i64,
    /// Kept for other programs.
    pub reserve_others: i64,
    /// Calls that may start now, by class (live, retry, sweep, backfill).
    pub room: [i64; 4],
}

pub(super) fn of(budget: &Budget, now_us: i64) -> Usage {
    Usage {
        windows: budget
            .windows
            .iter()
            .map(|window| window_usage(budget, window, now_us))
            .collect(),
        wait_us: Class::ALL.map(|class| budget.ready_us(class, now_us).saturating_sub(now_us)),
        paused_us: budget.paused_us(now_us),
    }
}

fn window_usage(budget: &Budget, window: &Window, now_us: i64) -> WindowUsage {
    let cap = window.cap.filter(|cap| now_us < cap.until_us);
    let calls = window.calls();
    WindowUsage {
        window_us: window.limit.window_us,
        limit: u32::try_from(calls).unwrap_or(0),
        is_told: window.told.is_some(),
        spent: window.spent(now_us),
        others: cap.map(|cap| window.others(cap)),
        left: cap.map(|cap| cap.left),
        reset_us: cap.map(|cap| cap.until_us.saturating_sub(now_us)),
        reserve_live: budget.reserves.live(calls),
        reserve_others: budget.reserves.others(calls),
        room: Class::ALL.map(|class| window.room(class, budget.reserves, now_us).max(0)),
    }
}
