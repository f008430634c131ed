//! Schedule: sweeps and reconciliations begin by themselves; which parts of a source matter at all.

use std::collections::BTreeMap;

use schakel_core::connector::{Part, Span};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Walk, WalkState};
use schakel_store::StoreError;

use crate::hub::{Hub, SourceConnection};

/// How far a sweep looks back behind the one before, in milliseconds: three hours, since nobody says in which zone the
/// shop reads `updated_at_min` (lightspeed-ecom.md §3.4).
const OVERLAP_MS: i64 = 3 * 3_600_000;

/// Gives the parts of a source that anything is done with: groups and carts with their rows only where a route wants
/// them, since they cost calls (A9).
#[must_use]
pub fn parts_of(hub: &Hub, source: &SourceConnection) -> Vec<Part> {
    let any = |wants: fn(&crate::hub::Route) -> bool| hub.routes_from(source.id).any(wants);
    let is_wanted = |part: &Part| match part {
        Part::Groups => any(|route| route.has_groups),
        Part::Quotes | Part::Checkouts => any(|route| route.has_quotes),
        Part::QuoteRows => false,
        _ => true,
    };
    source.source.parts().iter().copied().filter(is_wanted).collect()
}

/// Begins the sweeps and reconciliations that are due; returns when the next one will be, in microseconds from now.
pub(super) async fn begin_due(
    hub: &Hub,
    source: &SourceConnection,
    walks: &[Walk],
) -> Result<i64, StoreError> {
    let now = hub.clock.now();
    let known: BTreeMap<(Job, Part), &Walk> =
        walks.iter().map(|walk| ((walk.job, walk.part), walk)).collect();
    let mut due = Vec::new();
    let mut next_us = i64::MAX;
    for part in parts_of(hub, source) {
        for (job, every_ms) in [
            (Job::Sweep, sweep_ms(source, part)),
            (Job::Reconcile, source.walks.reconcile_ms),
        ] {
            let is_meant = every_ms > 0 && !part.is_per_thing();
            if !is_meant || !is_walked(job, part) {
                continue;
            }
            let last = known.get(&(job, part)).copied();
            match wait_us(last, every_ms, now) {
                Some(0) => due.push(Walk::new(source.id, job, part, span(job, last, now), now)),
                Some(wait) => next_us = next_us.min(wait),
                None => {}
            }
        }
    }
    hub.store.begin_walks(hub.tenant, &due).await?;
    Ok(if due.is_empty() { next_us } else { 0 })
}

/// Which lists a job walks: those without times cannot be swept, and what is never marked is not reconciled.
const fn is_walked(job: Job, part: Part) -> bool {
    match job {
        Job::Sweep => !matches!(part, Part::Groups),
        Job::Reconcile => !matches!(part, Part::Products | Part::Checkouts | Part::Shipments),
        Job::Backfill => true,
    }
}

/// Checkouts have an interval of their own (C6).
const fn sweep_ms(source: &SourceConnection, part: Part) -> i64 {
    match part {
        Part::Checkouts => source.walks.checkouts_ms,
        _ => source.walks.sweep_ms,
    }
}

/// How long until the next one: 0 when it is due, `None` while one is open or halted by a person.
fn wait_us(last: Option<&Walk>, every_ms: i64, now: Timestamp) -> Option<i64> {
    let Some(last) = last else { return Some(0) };
    match last.state {
        WalkState::Waiting | WalkState::Running | WalkState::Paused => None,
        WalkState::Done | WalkState::Stopped | WalkState::Cancelled => {
            // A clock that was set back must not silence the sweep until it has caught up (I22).
            let begun = last.started_at.min(now);
            Some((begun.plus_ms(every_ms).as_micros() - now.as_micros()).max(0))
        }
    }
}

/// What a job looks at: a sweep goes on where the last one that came to its end began, with an overlap.
fn span(job: Job, last: Option<&Walk>, now: Timestamp) -> Span {
    if job != Job::Sweep {
        return Span::default();
    }
    let from = match last {
        Some(last) if last.state == WalkState::Done => last.started_at.min(now).plus_ms(-OVERLAP_MS),
        Some(last) => last.span.updated_from.unwrap_or(now.plus_ms(-OVERLAP_MS)),
        None => now.plus_ms(-OVERLAP_MS),
    };
    Span {
        updated_from: Some(from),
        ..Span::default()
    }
}

#[cfg(test)]
mod tests {
    use schakel_core::id::ConnectionId;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn sweep(started: i64, state: WalkState) -> Walk {
        let mut walk = Walk::new(
            ConnectionId(1),
            Job::Sweep,
            Part::Orders,
            Span::default(),
            at(started),
        );
        walk.state = state;
        walk.span.updated_from = Some(at(7));
        walk
    }

    #[test]
    fn a_sweep_goes_on_where_the_last_whole_one_began() {
        let now = at(1_000_000);
        let done = sweep(900_000, WalkState::Done);
        assert_eq!(
            span(Job::Sweep, Some(&done), now).updated_from,
            Some(at(900_000 - 3 * 3600))
        );
        let stopped = sweep(900_000, WalkState::Stopped);
        assert_eq!(span(Job::Sweep, Some(&stopped), now).updated_from, Some(at(7)));
        assert_eq!(span(Job::Reconcile, Some(&done), now), Span::default());
    }

    #[test]
    fn one_at_a_time_and_a_clock_that_was_set_back_silences_nothing() {
        let every = 900_000;
        assert_eq!(wait_us(None, every, at(5)), Some(0));
        assert_eq!(
            wait_us(Some(&sweep(0, WalkState::Running)), every, at(5_000)),
            None
        );
        assert_eq!(
            wait_us(Some(&sweep(0, WalkState::Paused)), every, at(5_000)),
            None
        );
        assert_eq!(
            wait_us(Some(&sweep(0, WalkState::Done)), every, at(100)),
            Some(800_000_000)
        );
        assert_eq!(wait_us(Some(&sweep(0, WalkState::Done)), every, at(900)), Some(0));
        let ahead = sweep(1_000_000, WalkState::Done);
        assert_eq!(
            wait_us(Some(&ahead), every, at(100)),
            Some(900_000_000),
            "as if it had begun now"
        );
    }
}
