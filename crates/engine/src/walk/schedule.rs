//! Schedule: sweeps and reconciliations begin by themselves, and the history does once.

use std::collections::BTreeMap;

use schakel_core::connector::{Part, Span};
use schakel_core::walk::{Job, Phase, Walk, WalkState, is_first_start, next_walk_us, sweep_span};
use schakel_store::StoreError;

use crate::hub::{Hub, SourceConnection};

/// Begins the walks that are due; returns when the next ones will be, in microseconds from now: 0 when any began.
pub(super) async fn begin_due(
    hub: &Hub,
    source: &SourceConnection,
    walks: &[Walk],
) -> Result<i64, StoreError> {
    let now = hub.clock.now();
    let known: BTreeMap<(Job, Part), &Walk> =
        walks.iter().map(|walk| ((walk.job, walk.part), walk)).collect();
    let parts = hub.parts_of(source);
    let mut due = Vec::new();
    let mut next_us = i64::MAX;
    for part in &parts {
        for (job, every_ms) in [
            (Job::Sweep, sweep_ms(source, *part)),
            (Job::Reconcile, source.walks.reconcile_ms),
        ] {
            if every_ms <= 0 || !job.walks(*part) {
                continue;
            }
            let last = known.get(&(job, *part)).copied();
            let (last, span) = match job {
                Job::Reconcile => {
                    // What was never read as a whole is not compared as a whole: that would be the history, twice the price.
                    let history = known.get(&(Job::Backfill, *part)).copied();
                    let Some(history) = history.filter(|history| was_read_whole(history)) else {
                        continue;
                    };
                    (last.or(Some(history)), history.span)
                }
                _ => (last, sweep_span(last, now)),
            };
            match next_walk_us(last, every_ms, now) {
                Some(0) => due.push(Walk::new(source.id, job, *part, span, now)),
                Some(wait) => next_us = next_us.min(wait),
                None => {}
            }
        }
    }
    if source.walks.has_history && is_first_start(walks, source.id) {
        let begin = |part: &Part| Walk::new(source.id, Job::Backfill, *part, Span::default(), now);
        due.extend(parts.iter().map(begin));
    }
    if due.is_empty() {
        return Ok(next_us);
    }
    hub.store.begin_walks(hub.tenant, &due).await?;
    Ok(0)
}

/// Tells whether a list was read to its end: a history that was cancelled or refused says nothing of what was not read.
const fn was_read_whole(history: &Walk) -> bool {
    match history.state {
        WalkState::Done => true,
        WalkState::Stopped => matches!(history.phase, Phase::Recount | Phase::Accept),
        _ => false,
    }
}

/// Checkouts have an interval of their own (C6).
const fn sweep_ms(source: &SourceConnection, part: Part) -> i64 {
    match part {
        Part::Checkouts => source.walks.checkouts_ms,
        _ => source.walks.sweep_ms,
    }
}
