//! Schedule: sweeps and reconciliations begin by themselves, and the history does once for each part.

use std::collections::BTreeMap;

use schakel_core::connector::{Part, Span};
use schakel_core::lists::Lists;
use schakel_core::time::Timestamp;
use schakel_core::walk::{
    FINDINGS_KEPT_MS, Job, Walk, compared, is_first_start, next_us, next_walk_us, sweep_span,
};
use schakel_store::StoreError;

use crate::hub::{Hub, SourceConnection};

/// Findings that are dropped at most whenever walks begin.
const PRUNED: usize = 1_000;

/// Looks up since when the hub reads the source's lists, writes it down the first time, and begins the history of the
/// parts that were switched on since the last start. `None` when somebody changed the walks meanwhile: look again.
pub(super) async fn look_up(
    hub: &Hub,
    source: &SourceConnection,
    walks: &[Walk],
) -> Result<Option<Timestamp>, StoreError> {
    let now = hub.clock.now();
    let text = hub
        .store
        .checkpoint(hub.tenant, source.id, Lists::CHECKPOINT)
        .await?;
    let before = Lists::read(text.as_deref());
    let own = hub.parts_of(source);
    let mut lists = Lists {
        since: before.as_ref().map_or(now, |before| before.since.min(now)),
        parts: before
            .as_ref()
            .map(|before| before.parts.clone())
            .unwrap_or_default(),
        wanted: own.iter().copied().collect(),
    };
    if source.walks.has_history {
        let new = Lists::switched_on(before.as_ref(), &own, walks);
        if !begin_history(hub, source, &new, walks).await? {
            return Ok(None);
        }
        lists.parts.extend(own);
    }
    if before.as_ref() != Some(&lists) {
        let mut tx = hub.store.write().await?;
        tx.put_checkpoint(hub.tenant, source.id, Lists::CHECKPOINT, &lists.to_text())
            .await?;
        tx.commit().await?;
    }
    Ok(Some(lists.since))
}

/// Begins the history of parts that a route switched on later; false when somebody changed the walks meanwhile.
async fn begin_history(
    hub: &Hub,
    source: &SourceConnection,
    parts: &[Part],
    walks: &[Walk],
) -> Result<bool, StoreError> {
    let now = hub.clock.now();
    let begin = |part: &Part| {
        let mut walk = Walk::new(source.id, Job::Backfill, *part, Span::default(), now);
        "switched on after the history of the others; its own begins by itself".clone_into(&mut walk.note);
        walk
    };
    let new: Vec<Walk> = parts.iter().map(begin).collect();
    if new.is_empty() {
        return Ok(true);
    }
    let names: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    tracing::info!(
        connection = source.name,
        parts = names.join(", "),
        "parts were switched on, their history begins"
    );
    hub.store.begin_walks_as_seen(hub.tenant, &new, walks).await
}

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
    let mut least_us = i64::MAX;
    for part in &parts {
        for (job, every_ms) in [
            (Job::Sweep, sweep_ms(source, *part)),
            (Job::Reconcile, source.walks.reconcile_ms),
        ] {
            if every_ms <= 0 || !job.walks(*part) {
                continue;
            }
            let last = known.get(&(job, *part)).copied();
            let (wait_us, span) = match job {
                Job::Reconcile => {
                    let history = known.get(&(Job::Backfill, *part)).copied();
                    let Some((read_at, span)) = history.and_then(compared) else {
                        continue;
                    };
                    let first = Some(next_us(read_at, every_ms, now));
                    (
                        last.map_or(first, |last| next_walk_us(Some(last), every_ms, now)),
                        span,
                    )
                }
                _ => (next_walk_us(last, every_ms, now), sweep_span(last, now)),
            };
            match wait_us {
                Some(0) => due.push(Walk::new(source.id, job, *part, span, now)),
                Some(wait_us) => least_us = least_us.min(wait_us),
                None => {}
            }
        }
    }
    if source.walks.has_history && is_first_start(walks, source.id) {
        let begin = |part: &Part| Walk::new(source.id, Job::Backfill, *part, Span::default(), now);
        due.extend(parts.iter().map(begin));
    }
    if due.is_empty() {
        return Ok(least_us);
    }
    // A command may begin one of them at the same moment: then all is looked at anew.
    if hub.store.begin_walks_as_seen(hub.tenant, &due, walks).await? {
        let until = now.plus_ms(-FINDINGS_KEPT_MS);
        hub.store
            .prune_findings(hub.tenant, source.id, until, PRUNED)
            .await?;
    }
    Ok(0)
}

/// Checkouts have an interval of their own (C6).
const fn sweep_ms(source: &SourceConnection, part: Part) -> i64 {
    match part {
        Part::Checkouts => source.walks.checkouts_ms,
        _ => source.walks.sweep_ms,
    }
}
