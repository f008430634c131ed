//! Walks through the lists of a source: their places, and the pages on their way into the inbox (T4).

use schakel_core::connector::Part;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Job, Phase, Walk, WalkState};

use crate::Store;
use crate::body::NewEvent;
use crate::counter::Totals;
use crate::db::{Conn, Row, contradiction};
use crate::error::StoreError;
use crate::fetch::{number_events, want};
use crate::finding::put_findings;
use crate::held_back;
use crate::inbox;
use crate::rows::{Piece, WalkPage};
use crate::sql::{Sql, insert_chunks, last_of_each};

/// Reads walks; the columns in the order in which [`walk_row`] takes them.
const SELECT: &str =
    "SELECT connection_id, job, part, state, phase, span, place, expected, seen, stored, doubted,
         listed, calls, failures, waits, due_at, note, started_at, asked_at, updated_at, done_at, read_spans
     FROM walk WHERE ";

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
        let sql = Sql::new(self.db.dialect(), "read walks", SELECT);
        walks_of(&self.db.read(of_tenant(sql, tenant, connection)).await?)
    }

    /// Begins walks: new ones, or those of the same job and part from the start, however they stand. What was gathered
    /// for them goes; what was read to its end before stays known.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn begin_walks(&self, tenant: TenantId, walks: &[Walk]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        for walk in last_of_each(walks, place_of) {
            put(&mut conn, tenant, walk, None).await?;
        }
        tx.commit().await
    }

    /// Begins walks like [`Store::begin_walks`], all of them or none: none when one was begun, halted or ended since
    /// `seen` was read, so that two who begin the same at once take nothing from each other. Returns whether they began.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn begin_walks_as_seen(
        &self,
        tenant: TenantId,
        walks: &[Walk],
        seen: &[Walk],
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        for walk in last_of_each(walks, place_of) {
            let before = seen.iter().find(|before| place_of(before) == place_of(walk));
            if !put(&mut conn, tenant, walk, Some(before)).await? {
                return Ok(false);
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Changes the state of the walks of `connection` that are in one of the states `from` (`parts`: only these);
    /// returns how many. One that goes on is due at once, its failures and waits are forgotten.
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
                "UPDATE walk SET due_at = 0, failures = 0, waits = 0, note = '', state = ",
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
            events,
            wanted,
            pieces,
            gathered,
            findings,
            brought,
        } = page;
        let mut events = NewEvent::all(events);
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        // First: it locks the row, and tells whether the place is still ours.
        if !move_on(&mut conn, tenant, &before, &after).await? {
            return Ok(false);
        }
        // Wishes before numbers, as whoever ends a fetch locks them, or two would wait for each other.
        want(&mut conn, tenant, &wanted).await?;
        held_back::forget(&mut conn, tenant, &brought, after.updated_at).await?;
        let mut totals = Totals::default();
        number_events(&mut conn, tenant, &mut events).await?;
        inbox::insert(&mut conn, &mut totals, &events).await?;
        put_pieces(&mut conn, tenant, &after, &pieces).await?;
        for range in gathered {
            drop_pieces(&mut conn, tenant, &after, range).await?;
        }
        put_findings(&mut conn, tenant, &mut totals, &findings).await?;
        totals.flush(&mut conn).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Returns the walks of `connection`, in the order of job and part.
pub(crate) async fn read(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    connection: ConnectionId,
) -> Result<Vec<Walk>, StoreError> {
    let sql = conn.sql("read walks", SELECT);
    walks_of(&conn.fetch(of_tenant(sql, tenant, Some(connection))).await?)
}

fn of_tenant(sql: Sql, tenant: TenantId, connection: Option<ConnectionId>) -> Sql {
    let sql = sql.push("tenant_id = ").bind(tenant.0);
    match connection {
        Some(connection) => sql.push(" AND connection_id = ").bind(connection.0),
        None => sql,
    }
}

fn walks_of(rows: &[Row]) -> Result<Vec<Walk>, StoreError> {
    let mut walks = rows.iter().map(walk_row).collect::<Result<Vec<_>, _>>()?;
    walks.sort_by_key(|walk| (walk.connection, walk.job, walk.part));
    Ok(walks)
}

/// What a walk is one of: there is one of each.
const fn place_of(walk: &Walk) -> (ConnectionId, Job, Part) {
    (walk.connection, walk.job, walk.part)
}

/// Writes a walk from its start. With `guard` only if the one that is there stands as it was seen (`Some(None)`: there
/// was none); returns whether it was written.
async fn put(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    walk: &Walk,
    guard: Option<Option<&Walk>>,
) -> Result<bool, StoreError> {
    let mut sql = conn
        .sql(
            "write a walk",
            "INSERT INTO walk (tenant_id, connection_id, job, part, state, phase, span, place, expected, seen, stored,
                 doubted, listed, calls, failures, waits, due_at, note, started_at, asked_at, updated_at, done_at,
                 read_spans)
             VALUES ",
        )
        .rows(&[walk], |walk, values| {
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
                .put(walk.waits)
                .put(walk.due_at)
                .put(walk.note.as_str())
                .put(walk.started_at)
                .put(walk.asked_at)
                .put(walk.updated_at)
                .put(walk.done_at.map(Timestamp::as_micros))
                .put(read_text(walk));
        })
        .push(
            " ON CONFLICT (tenant_id, connection_id, job, part) DO UPDATE SET state = excluded.state,
                 phase = excluded.phase, span = excluded.span, place = excluded.place, expected = excluded.expected,
                 seen = excluded.seen, stored = excluded.stored, doubted = excluded.doubted,
                 listed = excluded.listed, calls = excluded.calls, failures = excluded.failures, waits = excluded.waits,
                 due_at = excluded.due_at, note = excluded.note, started_at = excluded.started_at,
                 asked_at = excluded.asked_at, updated_at = excluded.updated_at",
        );
    if let Some(seen) = guard {
        // No walk has an empty state, so one that was not there before is left.
        sql = sql
            .push(" WHERE walk.started_at = ")
            .bind(seen.map_or(0, |seen| seen.started_at.as_micros()))
            .push(" AND walk.state = ")
            .bind(seen.map_or("", |seen| seen.state.as_str()));
    }
    if conn.execute(sql).await? == 0 {
        return Ok(false);
    }
    drop_pieces(conn, tenant, walk, (i64::MIN, i64::MAX)).await?;
    Ok(true)
}

fn span_text(walk: &Walk) -> String {
    serde_json::to_string(&walk.span).expect("a span holds numbers only, which always serialise")
}

fn read_text(walk: &Walk) -> String {
    serde_json::to_string(&walk.read).expect("periods hold numbers only, which always serialise")
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
             waits = $11, due_at = $12, note = $13, asked_at = $14, updated_at = $15, done_at = $16, read_spans = $17
         WHERE tenant_id = $18 AND connection_id = $19 AND job = $20 AND part = $21
             AND phase = $22 AND place = $23 AND seen = $24 AND calls = $25 AND started_at = $26",
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
        .arg(after.waits)
        .arg(after.due_at)
        .arg(after.note.as_str())
        .arg(after.asked_at)
        .arg(after.updated_at)
        .arg(after.done_at.map(Timestamp::as_micros))
        .arg(read_text(after))
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
        waits: cells.int()?,
        due_at: cells.time()?,
        note: cells.text()?,
        started_at: cells.time()?,
        asked_at: cells.time()?,
        updated_at: cells.time()?,
        done_at: cells.opt_int()?.map(Timestamp::from_micros),
        read: {
            let text = cells.text()?;
            serde_json::from_str(&text).map_err(|_| contradiction("walk", "read_spans", &text))?
        },
    })
}
