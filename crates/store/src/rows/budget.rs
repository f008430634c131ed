//! Rows of budgets.

use schakel_core::connector::Class;
use schakel_core::time::Timestamp;

/// The budget of a connection as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRow {
    /// The budget, in the words of `core::budget::Saved`.
    pub saved: String,
    /// When it was written. Only for pages: no rule believes it.
    pub saved_at: Timestamp,
}

/// A call that a command makes beside the hub, until the owner of the budget counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestCall {
    /// Its number among those of the tenant.
    pub id: i64,
    /// Who pays.
    pub class: Class,
    /// When it was written down, before it was made. No rule of the hub believes it.
    pub made_at: Timestamp,
}

/// What an answer to a call of a guest told of the limits, until the owner of the budget takes it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestAnswer {
    /// Its number among those of the tenant.
    pub id: i64,
    /// What it told, in the words of `engine::budget`.
    pub told: String,
    /// When it was heard.
    pub heard_at: Timestamp,
}

/// What a guest wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestRow {
    /// A call.
    Call(GuestCall),
    /// What its answer told.
    Answer(GuestAnswer),
}

impl GuestRow {
    /// Its number among those of the tenant.
    #[must_use]
    pub const fn id(&self) -> i64 {
        match self {
            Self::Call(call) => call.id,
            Self::Answer(answer) => answer.id,
        }
    }

    /// When it was written down.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Call(call) => call.made_at,
            Self::Answer(answer) => answer.heard_at,
        }
    }
}

/// What became of a budget that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    Yes,
    /// The lease is another's: nothing was written.
    Lost,
    /// There are calls or answers of guests that it does not contain: nothing was written.
    Uncounted,
}

/// The calls of a connection on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetDay {
    /// Days since 1970 (UTC).
    pub day: i64,
    /// Its first moment.
    pub start: Timestamp,
    /// The calls by class: live, retry, sweep, backfill.
    pub calls: [i64; 4],
}
