//! Claiming (T2): what is due gets an attempt before anything is sent (I13); and claims that nobody settles.

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{AttemptId, ConnectionId, DeliveryId, TenantId};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::outbox::{has_children, is_blocked, of_due, wish_of, wish_word};
use crate::place;
use crate::rows::{Claim, Claimed, DeadFilter};
use crate::sql::{insert_chunks, key_chunks, limit_of};

const TABLE: &str = "delivery";

/// Claims due deliveries, earliest first.
pub(crate) async fn claim(
    conn: &mut Conn<'_>,
    claim: &Claim,
    ids: &mut (dyn FnMut() -> i64 + Send),
) -> Result<Vec<Claimed>, StoreError> {
    release_held(conn, claim).await?;
    place::put_aside(conn, claim).await?;
    let mut claimed = read_due(conn, claim).await?;
    // More was due than is put aside at once.
    claimed.retain(|row| !claim.unplaced.contains(&row.kind));
    for row in &mut claimed {
        row.attempt = AttemptId(ids());
    }
    for chunk in key_chunks(&claimed) {
        let sql = conn
            .sql("claim deliveries", "WITH v (tenant, row_id, new_attempt) AS (VALUES ")
            .key_rows(chunk, |row, values| {
                values
                    .put(claim.tenant.0)
                    .put(row.id.0)
                    .put(row.attempt.0);
            })
            .push(
                ") UPDATE delivery SET state = 'claimed', next_state = NULL, attempt_id = new_attempt, owner = ",
            )
            .bind(claim.owner.as_str())
            .push(", lease_until = ")
            .bind(claim.lease_until)
            .push(" FROM v WHERE tenant_id = tenant AND id = row_id");
        conn.execute(sql).await?;
    }
    for chunk in insert_chunks(&claimed, 12) {
        insert_attempts(conn, claim, chunk).await?;
    }
    Ok(claimed)
}

/// How long a profile that shall go waits before it is looked at again, in milliseconds. The last child that leaves
/// makes it ready at once; this finds those whose children went another way.
const LOOK_AGAIN_MS: i64 = 60_000;

/// Makes rows ready that are held no longer.
async fn release_held(conn: &mut Conn<'_>, claim: &Claim) -> Result<(), StoreError> {
    let sql = conn.sql(
        "release held deliveries",
        concat!(
            "UPDATE delivery SET
                 state = CASE WHEN wish = 'absent' AND kind = 'relation' AND ",
            has_children!(),
            " THEN 'held' WHEN ",
            is_blocked!(),
            " THEN 'parent' ELSE 'ready' END,
                 due_at = CASE WHEN wish = 'absent' AND kind = 'relation' AND ",
            has_children!(),
            " THEN $4 ELSE due_at END
             WHERE tenant_id = $1 AND sink_id = $2 AND state = 'held' AND due_at <= $3"
        ),
    );
    let sql = sql
        .arg(claim.tenant.0)
        .arg(claim.sink.0)
        .arg(claim.now)
        .arg(claim.now.plus_ms(LOOK_AGAIN_MS));
    conn.execute(sql).await.map(|_| ())
}

async fn read_due(conn: &mut Conn<'_>, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
    let sql = conn
        .sql(
            "read due deliveries",
            "SELECT d.id, d.kind, d.object, d.wish, d.desired_version, d.desired_digest, d.desired, d.remote_id,
                 d.remote_parent, r.remote_id, d.confirmed_version, d.is_uncertain, d.attempts, d.faults, d.since
             FROM delivery AS d LEFT JOIN delivery AS r ON r.tenant_id = d.tenant_id + 0 AND r.id = d.root_id",
        );
    let sql = of_due(sql, claim, limit_of(claim.limit), conn.dialect());
    conn.fetch(sql).await?.iter().map(claimed_row).collect()
}

/// Reads a due row; its attempt gets an id afterwards.
fn claimed_row(row: &Row) -> Result<Claimed, StoreError> {
    let mut cells = row.cells();
    Ok(Claimed {
        attempt: AttemptId(0),
        id: DeliveryId(cells.int()?),
        kind: cells.word(TABLE, "kind", ObjectKind::parse)?,
        object: cells.int()?,
        wish: cells.word(TABLE, "wish", wish_of)?,
        version: cells.int()?,
        digest: cells.digest(TABLE, "desired_digest")?,
        desired: cells.text()?,
        remote_id: cells.opt_int()?,
        remote_parent: cells.opt_int()?,
        root_remote_id: cells.opt_int()?,
        is_known: cells.int()? > 0,
        is_uncertain: cells.flag()?,
        attempts: cells.count()?,
        faults: cells.count()?,
        since: cells.time()?,
    })
}

async fn insert_attempts(conn: &mut Conn<'_>, claim: &Claim, claimed: &[Claimed]) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "record attempts",
            "INSERT INTO attempt (tenant_id, id, delivery_id, version, digest, wish, owner, started_at, lease_until,
                 outcome, error, calls)
             VALUES ",
        )
        .rows(claimed, |row, values| {
            values
                .put(claim.tenant.0)
                .put(row.attempt.0)
                .put(row.id.0)
                .put(row.version)
                .put(row.digest.as_slice())
                .put(wish_word(row.wish))
                .put(claim.owner.as_str())
                .put(claim.now)
                .put(claim.lease_until)
                .put("")
                .put("")
                .put(0_i64);
        });
    conn.execute(sql).await.map(|_| ())
}

impl Store {
    /// Makes claims that nobody settles uncertain and ready again; returns how many.
    ///
    /// Those are claims whose lease has passed, whoever has them, and without `only_expired` (the start of the only
    /// process, see [`Store::lock`]) every claim of another owner than `owner`: its process is gone. The old worker
    /// may have sent until its lease or `now`, whichever was first, so nothing is sent before `settle_ms`
    /// milliseconds after that (I14).
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    #[expect(
        clippy::too_many_arguments,
        reason = "each is of another type or plainly named; a struct would be built in one place only"
    )]
    pub async fn recover_claims(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        now: Timestamp,
        owner: &str,
        only_expired: bool,
        settle_ms: i64,
    ) -> Result<u64, StoreError> {
        // Leases end after this; a claim without `only_expired` may be of any age.
        let until = if only_expired {
            now
        } else {
            Timestamp::from_micros(i64::MAX)
        };
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let attempts = conn.sql(
            "end lost attempts",
            "UPDATE attempt SET ended_at = $4, outcome = 'lost' WHERE tenant_id = $1 AND id IN (
                 SELECT attempt_id FROM delivery WHERE tenant_id = $1 AND sink_id = $2 AND state = 'claimed'
                     AND (lease_until <= $4 OR (lease_until <= $3 AND owner <> $5)))",
        );
        let attempts = attempts.arg(tenant.0).arg(sink.0).arg(until).arg(now).arg(owner);
        conn.execute(attempts).await?;
        let sql = conn.sql("recover claims", RECOVER);
        let sql = sql
            .arg(tenant.0)
            .arg(sink.0)
            .arg(until)
            .arg(now)
            .arg(owner)
            .arg(settle_ms.saturating_mul(1000));
        let recovered = conn.execute(sql).await?;
        tx.commit().await?;
        Ok(recovered)
    }

    /// Makes deliveries ready again whose open attempt is one of `unsent`, and ends those attempts; returns how many.
    ///
    /// For a worker that never heard that its claim was committed, and so sent nothing of it: unlike after
    /// [`Store::recover_claims`] nothing is uncertain. An attempt of which a single byte may have left must never be
    /// among them (I14). One that the server commits only after this is recovered when its lease ends.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn free_unsent(
        &self,
        tenant: TenantId,
        unsent: &[AttemptId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let mut freed = 0;
        for chunk in key_chunks(unsent) {
            let sql = conn
                .sql(
                    "free claims that were never sent",
                    "WITH v (tenant, row_id) AS (VALUES ",
                )
                .key_rows(chunk, |attempt, values| {
                    values.put(tenant.0).put(attempt.0);
                })
                .push(FREE);
            freed += conn.execute(sql).await?;
            let sql = conn
                .sql(
                    "end attempts that were never sent",
                    "UPDATE attempt SET ended_at = ",
                )
                .bind(now)
                .push(", outcome = 'unsent' WHERE outcome = '' AND (tenant_id, id) IN (VALUES ")
                .key_rows(chunk, |attempt, values| {
                    values.put(tenant.0).put(attempt.0);
                })
                .push(")");
            conn.execute(sql).await?;
        }
        tx.commit().await?;
        Ok(freed)
    }

    /// Lets dead letters be delivered again, with no faults counted against them; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn redrive(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        filter: &DeadFilter,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let mut redriven = 0;
        match &filter.deliveries {
            None => redriven += redrive(&mut conn, tenant, sink, filter, None).await?,
            Some(ids) => {
                for chunk in key_chunks(ids) {
                    redriven += redrive(&mut conn, tenant, sink, filter, Some(chunk)).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(redriven)
    }
}

/// Due as it was before it was claimed.
const FREE: &str = concat!(
    ") UPDATE delivery SET
         state = CASE
             WHEN next_state = 'held' OR (delivery.wish = 'absent' AND kind = 'relation') THEN 'held'
             WHEN ",
    is_blocked!(),
    " THEN 'parent' ELSE 'ready' END,
         next_state = NULL, is_forgotten = FALSE, attempt_id = NULL, owner = NULL, lease_until = NULL
     FROM v JOIN attempt AS a ON a.tenant_id = v.tenant AND a.id = v.row_id
     WHERE delivery.tenant_id = v.tenant AND delivery.id = a.delivery_id AND delivery.attempt_id = a.id
         AND delivery.state = 'claimed'"
);

/// The settle time is counted from the lease's end or from now, whichever was first.
const RECOVER: &str = concat!(
    "UPDATE delivery SET
         state = CASE
             WHEN next_state = 'held' OR (wish = 'absent' AND kind = 'relation') THEN 'held'
             WHEN ",
    is_blocked!(),
    " THEN 'parent' ELSE 'ready' END,
         settle_at = (CASE WHEN lease_until < $4 THEN lease_until ELSE $4 END) + $6,
         due_at = CASE
             WHEN next_state = 'held' AND due_at > (CASE WHEN lease_until < $4 THEN lease_until ELSE $4 END) + $6
             THEN due_at
             ELSE (CASE WHEN lease_until < $4 THEN lease_until ELSE $4 END) + $6 END,
         next_state = NULL, is_uncertain = TRUE, is_forgotten = FALSE, attempts = attempts + 1,
         attempt_id = NULL, owner = NULL, lease_until = NULL
     WHERE tenant_id = $1 AND sink_id = $2 AND state = 'claimed' AND (lease_until <= $4 OR (lease_until <= $3 AND owner <> $5))"
);

async fn redrive(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    sink: ConnectionId,
    filter: &DeadFilter,
    ids: Option<&[DeliveryId]>,
) -> Result<u64, StoreError> {
    let mut sql = conn
        .sql(
            "redrive dead letters",
            concat!(
                "UPDATE delivery SET state = CASE WHEN ",
                is_blocked!(),
                " THEN 'parent' ELSE 'ready' END, attempts = 0, faults = 0, due_at = CASE WHEN settle_at > "
            ),
        )
        .bind(filter.due_at)
        .push(" THEN settle_at ELSE ")
        .bind(filter.due_at)
        .push(" END WHERE state = 'dead' AND tenant_id = ")
        .bind(tenant.0)
        .push(" AND sink_id = ")
        .bind(sink.0);
    if let Some(kind) = filter.kind {
        sql = sql.push(" AND kind = ").bind(kind.as_str());
    }
    if let Some(ids) = ids {
        sql = sql
            .push(" AND id IN (VALUES ")
            .key_rows(ids, |id, values| {
                values.put(id.0);
            })
            .push(")");
    }
    conn.execute(sql).await
}
