//! When a history will have been read, by what the hub measured of its source.

use schakel_core::budget::Limits;
use schakel_core::connector::Class;
use schakel_core::forecast::{self, Load, Range, Window};
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::Timestamp;
use schakel_store::{BudgetDay, Store, StoreError};
use serde::Serialize;

use crate::budget::{self, StoredBudget};

/// Days whose calls tell what the next ones will be like.
const DAYS: usize = 7;

/// The source that is reported on, with what its configuration says.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its id.
    pub connection: ConnectionId,
    /// Its name.
    pub name: String,
    /// The limits of its key.
    pub limits: Limits,
    /// Calls per day that sweeps and reconciliations should make, while nothing was measured.
    pub sweep_per_day: f64,
}

/// What is ahead of a history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    /// Calls that are left.
    pub(super) calls: Range,
    /// Calls per day of live traffic where nothing was measured.
    pub(super) live: Option<Range>,
    /// How long it stands still by itself, in microseconds.
    pub(super) still_us: Range,
}

/// When something will be done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct End {
    /// Calls that are left.
    pub calls_left: Range,
    /// Not sooner, in microseconds from now.
    pub earliest_us: i64,
    /// Not later, in microseconds from now, as long as nothing stands still.
    pub latest_us: i64,
    /// Length in microseconds of the window that decides; `None` when none does.
    pub binding_us: Option<i64>,
}

/// Tells when what is ahead of a history will have been read, from now on.
///
/// # Errors
/// When the store fails.
pub(super) async fn end(
    store: &Store,
    tenant: TenantId,
    subject: &Subject,
    ahead: &Ahead,
    now: Timestamp,
) -> Result<End, StoreError> {
    let known = budget::stored(store, tenant, subject.connection, &subject.limits, now).await?;
    Ok(end_with(subject, known.as_ref(), ahead))
}

/// The same, from what is known of the budget.
#[must_use]
pub(super) fn end_with(subject: &Subject, known: Option<&StoredBudget>, ahead: &Ahead) -> End {
    let windows = Window::all(&subject.limits, known.map(|known| &known.usage));
    let days = known.map_or(&[][..], |known| known.days.as_slice());
    // Up to its reserve it makes no difference what live traffic spends; more than that is rare where nothing is known.
    let live = measured(days, &[Class::Live, Class::Retry])
        .or(ahead.live)
        .unwrap_or_default();
    let planned = Range::around(subject.sweep_per_day, 25.0);
    let load = Load {
        calls: ahead.calls,
        live,
        sweep: measured(days, &[Class::Sweep]).unwrap_or(planned),
        wait_us: known.map_or(0, |known| known.usage.wait_us[Class::Backfill.index()]),
        still_us: ahead.still_us,
    };
    let said = forecast::forecast(&windows, &load);
    End {
        calls_left: ahead.calls,
        earliest_us: said.earliest_us,
        latest_us: said.latest_us,
        binding_us: said.binding_us,
    }
}

/// What was spent per day on whole days lately: the least and the most. Today and the first day are no whole days.
fn measured(days: &[BudgetDay], classes: &[Class]) -> Option<Range> {
    let whole = days.get(1..days.len().saturating_sub(1))?;
    let spent = whole.iter().take(DAYS).map(|day| {
        let of = classes.iter().map(|class| day.calls[class.index()]);
        ratio(of.sum(), 1)
    });
    spent.fold(None, |range: Option<Range>, calls| {
        let range = range.unwrap_or(Range::exact(calls));
        Some(Range {
            low: range.low.min(calls),
            high: range.high.max(calls),
        })
    })
}

/// A count by another; both far below 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of things and calls are far below 2^52"
)]
pub(super) fn ratio(count: i64, by: i64) -> f64 {
    count as f64 / by as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64, live: i64) -> BudgetDay {
        BudgetDay {
            day,
            start: Timestamp::from_micros(day * 86_400_000_000),
            calls: [live, 1, 0, 0],
        }
    }

    #[test]
    fn only_whole_days_are_a_measure() {
        let classes = [Class::Live, Class::Retry];
        assert_eq!(measured(&[], &classes), None);
        assert_eq!(measured(&[day(9, 5)], &classes), None);
        assert_eq!(measured(&[day(9, 5), day(8, 3)], &classes), None);
        let days = [day(9, 5), day(8, 300), day(7, 200), day(6, 1)];
        let range = measured(&days, &classes);
        assert_eq!(
            range,
            Some(Range {
                low: 201.0,
                high: 301.0
            })
        );
    }
}
