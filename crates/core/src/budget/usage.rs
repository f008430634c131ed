//! A budget for people.

use serde::{Serialize, Serializer};

use super::Budget;
use super::window::Window;
use crate::connector::Class;

/// Who spends what of a budget, for pages and commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The windows, shortest period of which the other side tells first.
    pub windows: Vec<WindowUsage>,
    /// Wait until a call may start, in microseconds, by class (live, retry, sweep, backfill); 0 for at once, [`i64::MAX`]
    /// for never.
    #[serde(serialize_with = "by_class")]
    pub wait_us: [i64; 4],
    /// How long the other side asked to be left alone, in microseconds from now; 0 for not at all.
    pub paused_us: i64,
    /// Calls of ours that the other side may not have counted when it last told: without an answer yet, or reserved by a
    /// process that ended. Where it had counted them they are among [`WindowUsage::others`].
    pub unheard: i64,
}

/// Why no call of a class may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The window of this length, in microseconds, is so small that its reserves leave the class nothing, ever.
    NeverRoom(i64),
    /// The window of this length, in microseconds, is used up for the class.
    UsedUp(i64),
    /// The other side asked to be left alone, for longer than any window.
    LeftAlone,
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
    #[serde(serialize_with = "by_class")]
    pub spent: [u32; 4],
    /// Calls of other programs in the other side's window, with up to [`Usage::unheard`] of ours; `None` while it has not
    /// told.
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
    #[serde(serialize_with = "by_class")]
    pub room: [i64; 4],
    /// Wait until this window lets a call start, in microseconds, by class; 0 for at once, [`i64::MAX`] for never.
    #[serde(serialize_with = "by_class")]
    pub wait_us: [i64; 4],
}

impl Usage {
    /// Gives why a call of `class` waits; `None` when one may start at once.
    #[must_use]
    pub fn wait_reason(&self, class: Class) -> Option<WaitReason> {
        match (self.wait_us[class.index()], self.binding_us(class)) {
            (..=0, _) => None,
            (i64::MAX, Some(window_us)) => Some(WaitReason::NeverRoom(window_us)),
            (wait_us, Some(window_us)) if wait_us > self.paused_us => Some(WaitReason::UsedUp(window_us)),
            _ => Some(WaitReason::LeftAlone),
        }
    }

    /// Gives the window that makes a call of `class` wait for longest, by its length in microseconds; `None` when none does.
    #[must_use]
    pub fn binding_us(&self, class: Class) -> Option<i64> {
        let wait_us = |window: &&WindowUsage| window.wait_us[class.index()];
        let longest = self.windows.iter().max_by_key(wait_us);
        longest
            .filter(|window| wait_us(window) > 0)
            .map(|window| window.window_us)
    }
}

/// Writes what stands in the order of [`Class::ALL`] with the words of the classes.
///
/// # Errors
/// That of the serializer.
pub fn by_class<N: Serialize, S: Serializer>(numbers: &[N; 4], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Class::ALL.iter().map(|class| class.as_str()).zip(numbers))
}

/// Says which limit the window of `window_us` microseconds has.
#[must_use]
pub fn window_in_words(window_us: i64) -> String {
    match window_us / 1_000_000 {
        300 => "the limit of five minutes".to_owned(),
        3_600 => "the limit of an hour".to_owned(),
        86_400 => "the limit of a day".to_owned(),
        seconds => format!("the limit of {seconds} s"),
    }
}

pub(super) fn of(budget: &Budget, now_us: i64) -> Usage {
    Usage {
        windows: budget
            .windows
            .iter()
            .map(|window| window_usage(budget, window, now_us))
            .collect(),
        wait_us: Class::ALL.map(|class| wait_us(budget.ready_us(class, now_us), now_us)),
        paused_us: budget.paused_us(now_us),
        unheard: budget.doubtful(now_us),
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
        left: cap.map(|cap| cap.left.max(0)),
        reset_us: cap.map(|cap| cap.until_us.saturating_sub(now_us)),
        reserve_live: budget.reserves.live(calls),
        reserve_others: budget.reserves.others(calls),
        room: Class::ALL.map(|class| window.room(class, budget.reserves, now_us).max(0)),
        wait_us: Class::ALL.map(|class| {
            let ready_us = window.ready_us(class, budget.reserves, now_us);
            wait_us(ready_us, now_us)
        }),
    }
}

/// How long it is until `ready_us`; never stays never.
const fn wait_us(ready_us: i64, now_us: i64) -> i64 {
    match ready_us {
        i64::MAX => i64::MAX,
        _ => ready_us.saturating_sub(now_us),
    }
}
