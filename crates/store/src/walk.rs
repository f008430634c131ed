//! Walks through the lists of a source: their places, the pages on their way into the inbox (T4), their findings.

use schakel_core::connector::Part;
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::record::RecordKind;
use schakel_core::walk::{Finding, Job, Phase, Walk, WalkState};

use crate::Store;
use crate::counter::Totals;
use crate::db::{Conn, Row, contradiction};
use crate::error::StoreError;
use crate::fetch::{number_events, want};
use crate::inbox;
use crate::inbox_read::limit_of;
use crate::rows::{Piece, WalkPage};
use crate::sql::{Sql, insert_chunks, last_of_each};

/// Reads walks; the columns in the order in which [`walk_row`] takes them.
const SELECT: &str =
    "SELECT connection_id, job, part, state, phase, span, place, expected, seen, stored, doubted,
         listed, calls, failures, due_at, note, started_at, updated_at
     FROM walk WHERE ";

/// Holds for records that are there: `Held::is_deleted` in SQL.
const ALIVE: &str = " AND live_at IS NOT NULL AND (gone_at IS NULL
         OR (live_ordinal > 0 AND gone_ordinal > 0 AND gone_ordinal <= live_ordinal)
         OR ((live_ordinal = 0 OR gone_ordinal = 0)
             AND (gone_at, gone_ordinal, gone_rank) <= (live_at, live_ordinal, live_rank)))";

impl Store {
    /// Returns the walks of `connection`, or of every one; in the order of connection, job and part.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn walks(
        &self,
        tenant: TenantId,
        connection: Option<ConnectionId>,
    ) -> Result<Vec<Walk>, StoreError> {
        let mut sql = Sql::new(self.db.dialect(), "read walks", SELECT)
            .push("tenant_id = ")
            .bind(tenant.0);
        if let Some(connection) = connection {
            sql = sql.push(" AND connection_id = ").bind(connection.0);
        }
        let rows = self.db.read(sql).await?;
        let mut walks = rows.iter().map(walk_row).collect::<Result<Vec<_>, _>>()?;
        walks.sort_by_key(|walk| (walk.connection, walk.job, walk.part));
        Ok(walks)
    }

    /// Begins walks: new ones, or those of the same job and part from the start. What was gathered for them goes.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn begin_walks(&self, tenant: TenantId, walks: &[Walk]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let walks = last_of_each(walks, |walk| (walk.connection, walk.job, walk.part));
        for chunk in insert_chunks(&walks, 19) {
            put(&mut conn, tenant, chunk).await?;
        }
        tx.commit().await
    }

    /// Changes the state of the walks of `connection` that are in one of the states `from` (`parts`: only these);
    /// returns how many. One that goes on is due at once, its failures are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn set_walks(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        job: Job,
        parts: &[Part],
        (from, to): (&[WalkState], WalkState),
    ) -> Result<u64, StoreError> {
        if parts.is_empty() || from.is_empty() {
            return Ok(0);
        }
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn
            .sql(
                "change walks",
                "UPDATE walk SET due_at = 0, failures = 0, note = '', state = ",
            )
            .bind(to.as_str())
            .push(" WHERE tenant_id = ")
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND job = ")
            .bind(job.as_str())
            .push(" AND part IN (VALUES ")
            .key_rows(parts, |part, values| {
                values.put(part.as_str());
            })
            .push(") AND state IN (VALUES ")
            .key_rows(from, |state, values| {
                values.put(state.as_str());
            })
            .push(")");
        let touched = conn.execute(sql).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// Stores what one step of a walk brought, with the place up to which it came, in one transaction (T4, I24).
    ///
    /// The events get the next ordinals of their connection. Returns whether it was stored: not when somebody else
    /// moved the walk on meanwhile. A state that a person set meanwhile (paused, cancelled) stays; what was read is kept
    /// all the same.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn store_page(&self, tenant: TenantId, page: WalkPage) -> Result<bool, StoreError> {
        let WalkPage {
            before,
            after,
            mut events,
            wanted,
            pieces,
            gathered,
            findings,
        } = page;
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        // First: it locks the row, and tells whether the place is still ours.
        if !move_on(&mut conn, tenant, &before, &after).await? {
            return Ok(false);
        }
        let mut totals = Totals::default();
        number_events(&mut conn, tenant, &mut events).await?;
        inbox::insert(&mut conn, &mut totals, &events).await?;
        want(&mut conn, tenant, &wanted).await?;
        put_pieces(&mut conn, tenant, &after, &pieces).await?;
        for range in gathered {
            drop_pieces(&mut conn, tenant, &after, range).await?;
        }
        put_findings(&mut conn, tenant, &mut totals, &findings).await?;
        totals.flush(&mut conn).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns the pieces that `job` gathered for `part`, those of the things with the lowest ids first: about `limit`
    /// pieces, but all pieces of each thing.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn pieces(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        (job, part): (Job, Part),
        limit: usize,
    ) -> Result<Vec<Piece>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read pieces",
            "SELECT remote_id, body FROM walk_piece
             WHERE tenant_id = $1 AND connection_id = $2 AND job = $3 AND part = $4 AND remote_id <= (
                 SELECT max(remote_id) FROM (SELECT remote_id FROM walk_piece
                     WHERE tenant_id = $5 AND connection_id = $6 AND job = $7 AND part = $8
                     ORDER BY remote_id LIMIT $9) AS next)
             ORDER BY remote_id, digest",
        );
        let of = |sql: Sql| {
            sql.arg(tenant.0)
                .arg(connection.0)
                .arg(job.as_str())
                .arg(part.as_str())
        };
        let sql = of(of(sql)).arg(limit_of(limit));
        let rows = self.db.read(sql).await?;
        let piece = |row: &Row| {
            let mut cells = row.cells();
            Ok(Piece {
                remote_id: cells.int()?,
                body: cells.bytes()?.into(),
            })
        };
        rows.iter().map(piece).collect()
    }

    /// Counts the things of `kind` that are there, as far as the hub knows.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_alive(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count records",
            "SELECT count(*) FROM record WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(kind.as_str()).push(ALIVE);
        let rows = self.db.read(sql).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Returns the ids of the things of `kind` that are there, as far as the hub knows, above `after` and up to `last`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn ids_alive(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
        (after, last): (i64, i64),
    ) -> Result<Vec<i64>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read the ids of records",
            "SELECT remote_id FROM record WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3
                 AND remote_id > $4 AND remote_id <= $5",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(connection.0)
            .arg(kind.as_str())
            .arg(after)
            .arg(last)
            .push(ALIVE)
            .push(" ORDER BY remote_id");
        let rows = self.db.read(sql).await?;
        rows.iter().map(|row| row.cells().int()).collect()
    }

    /// Returns the newest findings, at most `limit`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn findings(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read findings",
            "SELECT id, connection_id, job, part, remote_id, at, what, why FROM finding
             WHERE tenant_id = $1 AND connection_id = $2 ORDER BY id DESC LIMIT $3",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(limit_of(limit));
        let rows = self.db.read(sql).await?;
        rows.iter().map(finding_row).collect()
    }

    /// Counts findings of `connection` by what was found and why.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn finding_counts(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count findings",
            "SELECT name, n FROM counter WHERE tenant_id = $1 AND connection_id = $2 AND origin = $3 ORDER BY name",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(FINDINGS);
        let rows = self.db.read(sql).await?;
        let count = |row: &Row| {
            let mut cells = row.cells();
            Ok((cells.text()?, cells.int()?))
        };
        rows.iter().map(count).collect()
    }
}

/// First word of the totals of findings.
const FINDINGS: &str = "finding";

async fn put(conn: &mut Conn<'_>, tenant: TenantId, walks: &[&Walk]) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "write walks",
            "INSERT INTO walk (tenant_id, connection_id, job, part, state, phase, span, place, expected, seen, stored,
                 doubted, listed, calls, failures, due_at, note, started_at, updated_at)
             VALUES ",
        )
        .rows(walks, |walk, values| {
            values
                .put(tenant.0)
                .put(walk.connection.0)
                .put(walk.job.as_str())
                .put(walk.part.as_str())
                .put(walk.state.as_str())
                .put(walk.phase.as_str())
                .put(span_text(walk))
                .put(walk.cursor.as_str())
                .put(walk.expected)
                .put(walk.seen)
                .put(walk.stored)
                .put(walk.doubted)
                .put(walk.listed)
                .put(walk.calls)
                .put(walk.failures)
                .put(walk.due_at)
                .put(walk.note.as_str())
                .put(walk.started_at)
                .put(walk.updated_at);
        })
        .push(
            " ON CONFLICT (tenant_id, connection_id, job, part) DO UPDATE SET state = excluded.state,
                 phase = excluded.phase, span = excluded.span, place = excluded.place, expected = excluded.expected,
                 seen = excluded.seen, stored = excluded.stored, doubted = excluded.doubted,
                 listed = excluded.listed, calls = excluded.calls, failures = excluded.failures,
                 due_at = excluded.due_at, note = excluded.note, started_at = excluded.started_at,
                 updated_at = excluded.updated_at",
        );
    conn.execute(sql).await?;
    for walk in walks {
        drop_pieces(conn, tenant, walk, (i64::MIN, i64::MAX)).await?;
    }
    Ok(())
}

fn span_text(walk: &Walk) -> String {
    serde_json::to_string(&walk.span).expect("a span holds numbers only, which always serialise")
}

/// Moves a walk from `before` to `after`; false when it is not at `before` any more.
async fn move_on(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    before: &Walk,
    after: &Walk,
) -> Result<bool, StoreError> {
    let sql = conn.sql(
        "move a walk on",
        "UPDATE walk SET state = CASE WHEN state IN ('waiting', 'running') THEN $1 ELSE state END, phase = $2,
             place = $3, expected = $4, seen = $5, stored = $6, doubted = $7, listed = $8, calls = $9, failures = $10,
             due_at = $11, note = $12, updated_at = $13
         WHERE tenant_id = $14 AND connection_id = $15 AND job = $16 AND part = $17
             AND phase = $18 AND place = $19 AND seen = $20 AND calls = $21 AND started_at = $22",
    );
    let sql = sql
        .arg(after.state.as_str())
        .arg(after.phase.as_str())
        .arg(after.cursor.as_str())
        .arg(after.expected)
        .arg(after.seen)
        .arg(after.stored)
        .arg(after.doubted)
        .arg(after.listed)
        .arg(after.calls)
        .arg(after.failures)
        .arg(after.due_at)
        .arg(after.note.as_str())
        .arg(after.updated_at)
        .arg(tenant.0)
        .arg(before.connection.0)
        .arg(before.job.as_str())
        .arg(before.part.as_str())
        .arg(before.phase.as_str())
        .arg(before.cursor.as_str())
        .arg(before.seen)
        .arg(before.calls)
        .arg(before.started_at);
    Ok(conn.execute(sql).await? == 1)
}

async fn put_pieces(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    walk: &Walk,
    pieces: &[Piece],
) -> Result<(), StoreError> {
    for chunk in insert_chunks(pieces, 7) {
        let sql = conn
            .sql(
                "write pieces",
                "INSERT INTO walk_piece (tenant_id, connection_id, job, part, remote_id, digest, body)
                 VALUES ",
            )
            .rows(chunk, |piece, values| {
                values
                    .put(tenant.0)
                    .put(walk.connection.0)
                    .put(walk.job.as_str())
                    .put(walk.part.as_str())
                    .put(piece.remote_id)
                    .put(blake3::hash(&piece.body).as_bytes().as_slice())
                    .put(&*piece.body);
            })
            .push(" ON CONFLICT (tenant_id, connection_id, job, part, remote_id, digest) DO NOTHING");
        conn.execute(sql).await?;
    }
    Ok(())
}

async fn drop_pieces(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    walk: &Walk,
    (first, last): (i64, i64),
) -> Result<(), StoreError> {
    let sql = conn.sql(
        "drop pieces",
        "DELETE FROM walk_piece
         WHERE tenant_id = $1 AND connection_id = $2 AND job = $3 AND part = $4 AND remote_id >= $5 AND remote_id <= $6",
    );
    let sql = sql
        .arg(tenant.0)
        .arg(walk.connection.0)
        .arg(walk.job.as_str())
        .arg(walk.part.as_str());
    conn.execute(sql.arg(first).arg(last)).await.map(|_| ())
}

async fn put_findings(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    totals: &mut Totals,
    findings: &[(EventId, Finding)],
) -> Result<(), StoreError> {
    for chunk in insert_chunks(findings, 9) {
        let sql = conn
            .sql(
                "write findings",
                "INSERT INTO finding (tenant_id, id, connection_id, job, part, remote_id, at, what, why) VALUES ",
            )
            .rows(chunk, |(id, finding), values| {
                values
                    .put(tenant.0)
                    .put(id.0)
                    .put(finding.connection.0)
                    .put(finding.job.as_str())
                    .put(finding.part.as_str())
                    .put(finding.remote_id)
                    .put(finding.at)
                    .put(finding.what.as_str())
                    .put(finding.why.as_str());
            });
        conn.execute(sql).await?;
    }
    for (_, finding) in findings {
        let name = format!(
            "{}/{}/{}",
            finding.part.as_str(),
            finding.what.as_str(),
            finding.why.as_str()
        );
        totals.add((tenant.0, finding.connection.0, FINDINGS, name), 1);
    }
    Ok(())
}

fn walk_row(row: &Row) -> Result<Walk, StoreError> {
    let mut cells = row.cells();
    Ok(Walk {
        connection: ConnectionId(cells.int()?),
        job: cells.word("walk", "job", Job::parse)?,
        part: cells.word("walk", "part", Part::parse)?,
        state: cells.word("walk", "state", WalkState::parse)?,
        phase: cells.word("walk", "phase", Phase::parse)?,
        span: {
            let text = cells.text()?;
            serde_json::from_str(&text).map_err(|_| contradiction("walk", "span", &text))?
        },
        cursor: cells.text()?,
        expected: cells.opt_int()?,
        seen: cells.int()?,
        stored: cells.int()?,
        doubted: cells.int()?,
        listed: cells.int()?,
        calls: cells.int()?,
        failures: cells.int()?,
        due_at: cells.time()?,
        note: cells.text()?,
        started_at: cells.time()?,
        updated_at: cells.time()?,
    })
}

fn finding_row(row: &Row) -> Result<Finding, StoreError> {
    use schakel_core::walk::{What, Why};
    let mut cells = row.cells();
    let _id = cells.int()?;
    Ok(Finding {
        connection: ConnectionId(cells.int()?),
        job: cells.word("finding", "job", Job::parse)?,
        part: cells.word("finding", "part", Part::parse)?,
        remote_id: cells.int()?,
        at: cells.time()?,
        what: cells.word("finding", "what", What::parse)?,
        why: cells.word("finding", "why", Why::parse)?,
    })
}
