//! Settling (T3): what an attempt's end makes of its delivery, and of those that wait for it.

use std::collections::BTreeMap;

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::id::{AttemptId, ConnectionId, DeliveryId, TenantId};
use schakel_core::time::Timestamp;

use crate::db::{Conn, Row, contradiction};
use crate::error::StoreError;
use crate::forget::{forget, lose_roots};
use crate::outbox::{has_children, is_blocked, wish_of};
use crate::rows::{Outcome, Settle};
use crate::sql::key_chunks;

const TABLE: &str = "delivery";

/// A claimed delivery as settling reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    id: DeliveryId,
    kind: ObjectKind,
    attempt: AttemptId,
    /// What apply wants after this attempt; `None` when it wrote nothing meanwhile.
    next_state: Option<DeliveryState>,
    due_at: Timestamp,
    settle_at: Timestamp,
    wish: Wish,
    desired_digest: [u8; 16],
    confirmed_version: i64,
    confirmed_digest: Option<[u8; 16]>,
    remote_id: Option<i64>,
    remote_parent: Option<i64>,
    is_uncertain: bool,
    is_forgotten: bool,
    attempts: u32,
    faults: u32,
    /// Whether the attempt should make the object be there.
    sent: Wish,
}

impl Open {
    /// Whether it shall be held when it is not paid: apply wants it so, or it is a profile that shall go, which must
    /// first be empty.
    fn is_to_be_held(&self) -> bool {
        let is_leaving = self.kind == ObjectKind::Relation && self.wish == Wish::Absent;
        self.next_state == Some(DeliveryState::Held) || is_leaving
    }
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct After {
    state: DeliveryState,
    due_at: Timestamp,
    settle_at: Timestamp,
    confirmed_version: i64,
    confirmed_digest: Option<[u8; 16]>,
    remote_id: Option<i64>,
    remote_parent: Option<i64>,
    is_uncertain: bool,
    attempts: u32,
    faults: u32,
}

/// Decides what `settle` makes of `open`. Pure.
fn after(open: &Open, settle: &Settle) -> After {
    let is_same_content = open.desired_digest == settle.digest;
    let mut after = After {
        state: DeliveryState::Ready,
        due_at: open.due_at,
        settle_at: open.settle_at,
        confirmed_version: open.confirmed_version,
        confirmed_digest: open.confirmed_digest,
        remote_id: open.remote_id,
        remote_parent: open.remote_parent,
        is_uncertain: open.is_uncertain,
        attempts: open.attempts.saturating_add(1),
        faults: open.faults,
    };
    match &settle.outcome {
        Outcome::Confirmed {
            remote_id,
            remote_parent,
            ..
        } => {
            confirm(&mut after, open, settle, (*remote_id, *remote_parent));
            return after;
        }
        Outcome::Orphaned => {
            // What was written stands where nobody sees it; the next attempt looks its key up and removes that.
            after.due_at = settle.at;
            after.is_uncertain = true;
        }
        Outcome::Again { due_at } => after.due_at = *due_at,
        Outcome::Uncertain { due_at } => {
            (after.due_at, after.settle_at) = (*due_at, *due_at);
            after.is_uncertain = true;
        }
        Outcome::Fault { due_at } => {
            after.due_at = *due_at;
            after.faults += u32::from(is_same_content);
        }
        Outcome::Dead if is_same_content => after.state = DeliveryState::Dead,
        Outcome::Dead => after.faults = 0,
    }
    let is_paid = !after.is_uncertain && open.confirmed_digest == Some(open.desired_digest);
    if is_paid {
        after.state = DeliveryState::Clean;
    } else if after.state == DeliveryState::Ready && open.is_to_be_held() {
        after.state = DeliveryState::Held;
        after.due_at = after.due_at.max(open.due_at);
    }
    after
}

fn confirm(after: &mut After, open: &Open, settle: &Settle, remote: (Option<i64>, Option<i64>)) {
    (after.attempts, after.faults) = (0, 0);
    after.settle_at = Timestamp::ZERO;
    if open.is_forgotten {
        // It was confirmed under another profile; `forget` cleared the row already, and keeps it uncertain. Where it
        // stands now is what must be looked up and left.
        after.due_at = settle.at;
        after.remote_parent = match open.sent {
            Wish::Present => remote.1.or(open.remote_parent),
            Wish::Absent => None,
        };
        after.is_uncertain = after.remote_parent.is_some();
        return;
    }
    after.is_uncertain = false;
    after.confirmed_version = settle.version;
    after.confirmed_digest = Some(settle.digest);
    (after.remote_id, after.remote_parent) = match open.sent {
        Wish::Present => (remote.0.or(open.remote_id), remote.1.or(open.remote_parent)),
        Wish::Absent => (None, None),
    };
    after.state = if open.desired_digest == settle.digest {
        DeliveryState::Clean
    } else if open.is_to_be_held() {
        DeliveryState::Held
    } else {
        DeliveryState::Ready
    };
}

/// Settles what still belongs to the attempts that are settled.
pub(crate) async fn settle(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    sink: ConnectionId,
    settles: &[Settle],
) -> Result<(), StoreError> {
    let by_attempt: BTreeMap<(DeliveryId, AttemptId), &Settle> = settles
        .iter()
        .map(|settle| ((settle.delivery, settle.attempt), settle))
        .collect();
    let settles: Vec<&Settle> = by_attempt.values().copied().collect();
    for chunk in key_chunks(&settles) {
        let mut settled = Vec::with_capacity(chunk.len());
        for open in read_open(conn, tenant, sink, chunk).await? {
            if let Some(settle) = by_attempt.get(&(open.id, open.attempt)) {
                let after = after(&open, settle);
                settled.push((open, after, *settle));
            }
        }
        if !settled.is_empty() {
            write(conn, tenant, &settled).await?;
            end_attempts(conn, tenant, &settled).await?;
            tell_others(conn, tenant, sink, &settled).await?;
        }
    }
    Ok(())
}

type Settled<'s> = (Open, After, &'s Settle);

async fn read_open(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    sink: ConnectionId,
    settles: &[&Settle],
) -> Result<Vec<Open>, StoreError> {
    let sql = conn
        .sql(
            "read open attempts",
            "SELECT d.id, d.kind, d.attempt_id, d.next_state, d.due_at, d.settle_at, d.wish, d.desired_digest,
                 d.confirmed_version, d.confirmed_digest, d.remote_id, d.remote_parent, d.is_uncertain, d.is_forgotten, d.attempts,
                 d.faults, a.wish
             FROM delivery AS d JOIN attempt AS a ON a.tenant_id = d.tenant_id + 0 AND a.id = d.attempt_id
             WHERE (d.tenant_id, d.id) IN (VALUES ",
        )
        .key_rows(settles, |settle, values| {
            values.put(tenant.0).put(settle.delivery.0);
        })
        .push(") AND d.state = 'claimed' AND d.sink_id = ")
        .bind(sink.0)
        .push(" ORDER BY +d.id")
        .push(conn.dialect().for_update_of_d());
    conn.fetch(sql).await?.iter().map(open_row).collect()
}

fn open_row(row: &Row) -> Result<Open, StoreError> {
    let mut cells = row.cells();
    let id = DeliveryId(cells.int()?);
    let kind = cells.word(TABLE, "kind", ObjectKind::parse)?;
    let attempt = AttemptId(cells.int()?);
    let next_state = match cells.opt_text()? {
        Some(word) => {
            Some(DeliveryState::parse(&word).ok_or_else(|| contradiction(TABLE, "next_state", &word))?)
        }
        None => None,
    };
    Ok(Open {
        id,
        kind,
        attempt,
        next_state,
        due_at: cells.time()?,
        settle_at: cells.time()?,
        wish: cells.word(TABLE, "wish", wish_of)?,
        desired_digest: cells.digest(TABLE, "desired_digest")?,
        confirmed_version: cells.int()?,
        confirmed_digest: cells.opt_digest(TABLE, "confirmed_digest")?,
        remote_id: cells.opt_int()?,
        remote_parent: cells.opt_int()?,
        is_uncertain: cells.flag()?,
        is_forgotten: cells.flag()?,
        attempts: cells.count()?,
        faults: cells.count()?,
        sent: cells.word("attempt", "wish", wish_of)?,
    })
}

async fn write(conn: &mut Conn<'_>, tenant: TenantId, settled: &[Settled<'_>]) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "settle deliveries",
            "WITH v (tenant, row_id, new_state, new_due, new_settle, new_version, new_digest, new_remote, new_parent,
                 new_uncertain, new_attempts, new_faults) AS (VALUES ",
        )
        .key_rows(settled, |(open, after, _), values| {
            values
                .put(tenant.0)
                .put(open.id.0)
                .put(after.state.as_str())
                .put(after.due_at)
                .put(after.settle_at)
                .put(after.confirmed_version)
                .put(after.confirmed_digest.as_ref().map(<[u8; 16]>::as_slice))
                .put(after.remote_id)
                .put(after.remote_parent)
                .put(after.is_uncertain)
                .put(after.attempts)
                .put(after.faults);
        })
        .push(concat!(
            ") UPDATE delivery SET state = CASE WHEN new_state = 'ready' AND ",
            is_blocked!(),
            " THEN 'parent' ELSE new_state END,
                 next_state = NULL, due_at = new_due, settle_at = new_settle, confirmed_version = new_version,
                 confirmed_digest = new_digest, remote_id = new_remote, remote_parent = new_parent,
                 is_uncertain = new_uncertain, is_forgotten = FALSE, attempts = new_attempts, faults = new_faults,
                 attempt_id = NULL, owner = NULL, lease_until = NULL
             FROM v WHERE tenant_id = tenant AND id = row_id"
        ));
    conn.execute(sql).await.map(|_| ())
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed { .. } => "confirmed",
        Outcome::Orphaned => "orphaned",
        Outcome::Again { .. } => "again",
        Outcome::Uncertain { .. } => "uncertain",
        Outcome::Fault { .. } => "fault",
        Outcome::Dead => "dead",
    }
}

async fn end_attempts(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    settled: &[Settled<'_>],
) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "end attempts",
            "WITH v (tenant, row_id, new_end, new_outcome, new_error, new_calls) AS (VALUES ",
        )
        .key_rows(settled, |(open, _, settle), values| {
            values
                .put(tenant.0)
                .put(open.attempt.0)
                .put(settle.at)
                .put(word(&settle.outcome))
                .put(settle.error.as_str())
                .put(settle.calls);
        })
        .push(
            ") UPDATE attempt SET ended_at = new_end, outcome = new_outcome, error = new_error, calls = new_calls
             FROM v WHERE tenant_id = tenant AND id = row_id",
        );
    conn.execute(sql).await.map(|_| ())
}

/// Moves the deliveries that waited for what was confirmed.
async fn tell_others(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    sink: ConnectionId,
    settled: &[Settled<'_>],
) -> Result<(), StoreError> {
    let first: Vec<i64> = settled
        .iter()
        .filter(|(open, after, _)| {
            let is_first = open.confirmed_version == 0 && after.confirmed_version > 0;
            is_first || (open.remote_id.is_none() && after.remote_id.is_some())
        })
        .map(|(open, ..)| open.id.0)
        .collect();
    for chunk in key_chunks(&first) {
        for children in [
            "(tenant_id, parent_id) IN (VALUES ",
            "root_id IS NOT NULL AND (tenant_id, root_id) IN (VALUES ",
        ] {
            release_children(conn, tenant, children, chunk).await?;
        }
    }
    let made_anew: Vec<i64> = settled
        .iter()
        .filter(|(open, _, settle)| {
            let is_created = matches!(settle.outcome, Outcome::Confirmed { is_created: true, .. });
            is_created && open.confirmed_version > 0
        })
        .map(|(open, ..)| open.id.0)
        .collect();
    let now = settled
        .iter()
        .map(|(_, _, settle)| settle.at)
        .max()
        .unwrap_or_default();
    for chunk in key_chunks(&made_anew) {
        forget(conn, tenant, chunk, now).await?;
    }
    let orphans: Vec<i64> = settled
        .iter()
        .filter(|(_, _, settle)| settle.outcome == Outcome::Orphaned)
        .map(|(open, ..)| open.id.0)
        .collect();
    for chunk in key_chunks(&orphans) {
        let roots = lose_roots(conn, tenant, chunk, now).await?;
        for chunk in key_chunks(&roots) {
            forget(conn, tenant, chunk, now).await?;
        }
    }
    let left: Vec<i64> = settled
        .iter()
        .filter(|(open, after, _)| open.remote_parent != after.remote_parent)
        .filter_map(|(open, ..)| open.remote_parent)
        .collect();
    for chunk in key_chunks(&left) {
        let_go(conn, tenant, sink, chunk, now).await?;
    }
    Ok(())
}

/// Lets children go whose parent and root are confirmed by now.
async fn release_children(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    of: &'static str,
    ids: &[i64],
) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "let children go",
            "UPDATE delivery SET state = 'ready' WHERE state = 'parent' AND ",
        )
        .push(of)
        .key_rows(ids, |id, values| {
            values.put(tenant.0).put(*id);
        })
        .push(concat!(") AND NOT ", is_blocked!()));
    conn.execute(sql).await.map(|_| ())
}

/// Makes profiles ready to go from which the last child has moved away.
async fn let_go(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    sink: ConnectionId,
    remote_ids: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "let profiles go",
            "UPDATE delivery SET state = 'ready', due_at = CASE WHEN settle_at > ",
        )
        .bind(now)
        .push(" THEN settle_at ELSE ")
        .bind(now)
        .push(
            " END WHERE state = 'held' AND wish = 'absent' AND kind = 'relation'
                 AND (tenant_id, sink_id, remote_id) IN (VALUES ",
        )
        .key_rows(remote_ids, |id, values| {
            values.put(tenant.0).put(sink.0).put(*id);
        })
        .push(concat!(") AND NOT ", has_children!()));
    conn.execute(sql).await.map(|_| ())
}
