//! What shall be read from a source, and the answers on their way into the inbox.

use std::collections::BTreeMap;

use schakel_core::event::Event;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;

use crate::Store;
use crate::counter::Totals;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::inbox;
use crate::inbox_read::limit_of;
use crate::record::{key_of, put_key};
use crate::relation::next_numbers;
use crate::rows::FetchRow;
use crate::setting::one;
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

/// Writes down that things shall be fetched.
///
/// A hint, or a meeting to confirm, during a running fetch makes another one: what runs may have started before (I4).
/// Whoever only misses a thing gets the answer of the fetch that runs.
pub(crate) async fn want(conn: &mut Conn<'_>, tenant: TenantId, rows: &[FetchRow]) -> Result<(), StoreError> {
    let rows = each_once(rows);
    for chunk in insert_chunks(&rows, 9) {
        let sql = conn
            .sql(
                "want fetches",
                "INSERT INTO wanted_fetch (tenant_id, connection_id, kind, remote_id, reason, due_at, attempts, wanted, error)
                 VALUES ",
            )
            .rows(chunk, |row, values| {
                values.put(tenant.0);
                put_key(&row.key, values);
                values
                    .put(row.reason.as_str())
                    .put(row.due_at)
                    .put(row.attempts)
                    .put(row.wanted)
                    .put("");
            })
            .push(
                " ON CONFLICT (tenant_id, connection_id, kind, remote_id) DO UPDATE SET
                     wanted = wanted_fetch.wanted
                         + CASE WHEN excluded.reason IN ('hint', 'confirm') THEN 1 ELSE 0 END,
                     due_at = CASE WHEN excluded.due_at < wanted_fetch.due_at THEN excluded.due_at ELSE wanted_fetch.due_at END",
            );
        conn.execute(sql).await?;
    }
    Ok(())
}

/// Joins the wishes for one thing: the earliest time counts, and the first reason.
fn each_once(rows: &[FetchRow]) -> Vec<FetchRow> {
    let mut joined: BTreeMap<RecordKey, FetchRow> = BTreeMap::new();
    for row in rows {
        let known = joined.entry(row.key).or_insert_with(|| row.clone());
        known.due_at = known.due_at.min(row.due_at);
    }
    joined.into_values().collect()
}

impl Store {
    /// Gives `owner` the fetches of `connection` that are due, until `lease_until`; at most `limit`, earliest first.
    ///
    /// Fetches whose worker let its lease pass are given again.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    #[expect(
        clippy::too_many_arguments,
        reason = "each is of another type or plainly named; a struct would be built in one place only"
    )]
    pub async fn claim_fetches(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        now: Timestamp,
        limit: usize,
        owner: &str,
        lease_until: Timestamp,
    ) -> Result<Vec<FetchRow>, StoreError> {
        if !self.has_due_fetch(tenant, connection, now).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let freed = conn.sql(
            "free fetches",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL, attempts = attempts + 1
             WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NOT NULL AND lease_until <= $3",
        );
        conn.execute(freed.arg(tenant.0).arg(connection.0).arg(now))
            .await?;
        let sql = conn
            .sql(
                "claim fetches",
                "WITH due (due_tenant, due_connection, due_kind, due_id) AS MATERIALIZED (
                     SELECT tenant_id, connection_id, kind, remote_id FROM wanted_fetch AS d WHERE tenant_id = ",
            )
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND owner IS NULL AND due_at <= ")
            .bind(now)
            .push(" ORDER BY due_at, kind, remote_id LIMIT ")
            .bind(limit_of(limit))
            .push(conn.dialect().for_update_of_d_skip_locked())
            .push(") UPDATE wanted_fetch SET owner = ")
            .bind(owner)
            .push(", lease_until = ")
            .bind(lease_until)
            .push(
                " FROM due WHERE tenant_id = due_tenant AND connection_id = due_connection
                     AND kind = due_kind AND remote_id = due_id
                 RETURNING connection_id, kind, remote_id, reason, due_at, attempts, wanted",
            );
        let rows = conn.fetch(sql).await?;
        let mut claimed = rows.iter().map(fetch_row).collect::<Result<Vec<_>, _>>()?;
        tx.commit().await?;
        claimed.sort_by_key(|row| (row.due_at, row.key));
        Ok(claimed)
    }

    /// Looks without a lock, so that an idle worker writes nothing.
    async fn has_due_fetch(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look for due fetches",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM wanted_fetch
                 WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NULL AND due_at <= $3)
             OR EXISTS (SELECT 1 FROM wanted_fetch
                 WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NOT NULL AND lease_until <= $3)",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(now);
        Ok(!self.db.read(sql).await?.is_empty())
    }

    /// Stores the answers of fetches in one transaction: each event gets the next ordinal of its connection and goes
    /// into the inbox; its fetch goes, unless it was wanted again meanwhile, then it is free to be claimed.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn finish_fetches(
        &self,
        tenant: TenantId,
        answers: Vec<(FetchRow, Event)>,
    ) -> Result<(), StoreError> {
        if answers.is_empty() {
            return Ok(());
        }
        let (rows, mut events): (Vec<FetchRow>, Vec<Event>) = answers.into_iter().unzip();
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        number_events(&mut conn, tenant, &mut events).await?;
        let mut totals = Totals::default();
        inbox::insert(&mut conn, &mut totals, &events).await?;
        let rows = last_of_each(&rows, |row| row.key);
        for chunk in key_chunks(&rows) {
            end_chunk(&mut conn, tenant, chunk).await?;
        }
        totals.flush(&mut conn).await?;
        tx.commit().await
    }

    /// Puts a fetch back until `due_at` because of `error`, which holds no personal data.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn retry_fetch(
        &self,
        tenant: TenantId,
        row: &FetchRow,
        due_at: Timestamp,
        error: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "put a fetch back",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL, due_at = $5, error = $6, attempts = attempts + 1
             WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3 AND remote_id = $4",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(row.key.connection.0)
            .arg(row.key.kind.as_str())
            .arg(row.key.remote_id)
            .arg(due_at)
            .arg(error);
        conn.execute(sql).await?;
        tx.commit().await
    }

    /// Frees the fetches that owners other than `owner` hold, without waiting for their leases; returns how many.
    ///
    /// For the start of a process that is the only one ([`Store::lock`]): a fetch changes nothing outside, so it may
    /// be repeated at once.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn recover_fetches(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        owner: &str,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "free fetches of others",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL
             WHERE tenant_id = $1 AND connection_id = $2 AND owner IS NOT NULL AND owner <> $3",
        );
        let freed = conn
            .execute(sql.arg(tenant.0).arg(connection.0).arg(owner))
            .await?;
        tx.commit().await?;
        Ok(freed)
    }

    /// Returns how many things shall be fetched.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn fetch_count(&self, tenant: TenantId) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count fetches",
            "SELECT COUNT(*) FROM wanted_fetch WHERE tenant_id = $1",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        one("wanted_fetch", &rows)?.cells().int()
    }
}

/// Gives events the next ordinals of their connections (architecture §3, Record), in their order.
async fn number_events(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    events: &mut [Event],
) -> Result<(), StoreError> {
    let mut counts: BTreeMap<ConnectionId, i64> = BTreeMap::new();
    for event in events.iter() {
        *counts.entry(event.connection).or_default() += 1;
    }
    for (connection, n) in counts {
        let name = format!("ordinal/{}", connection.0);
        let first = next_numbers(conn, tenant, &name, n).await?;
        let of_connection = events.iter_mut().filter(|event| event.connection == connection);
        for (event, ordinal) in of_connection.zip(first..) {
            event.ordinal = ordinal;
        }
    }
    Ok(())
}

/// Removes fetches that were not wanted again, and frees the others.
async fn end_chunk(conn: &mut Conn<'_>, tenant: TenantId, rows: &[&FetchRow]) -> Result<(), StoreError> {
    let sql = conn
        .sql(
            "end fetches",
            "DELETE FROM wanted_fetch WHERE (tenant_id, connection_id, kind, remote_id, wanted) IN (VALUES ",
        )
        .key_rows(rows, |row, values| {
            values.put(tenant.0);
            put_key(&row.key, values);
            values.put(row.wanted);
        })
        .push(")");
    let ended = conn.execute(sql).await?;
    if ended == rows.len() as u64 {
        return Ok(());
    }
    let sql = conn
        .sql(
            "free fetches that were wanted again",
            "UPDATE wanted_fetch SET owner = NULL, lease_until = NULL, attempts = 0
             WHERE (tenant_id, connection_id, kind, remote_id) IN (VALUES ",
        )
        .key_rows(rows, |row, values| {
            values.put(tenant.0);
            put_key(&row.key, values);
        })
        .push(")");
    conn.execute(sql).await.map(|_| ())
}

fn fetch_row(row: &Row) -> Result<FetchRow, StoreError> {
    let mut cells = row.cells();
    Ok(FetchRow {
        key: key_of(&mut cells, "wanted_fetch")?,
        reason: cells.text()?,
        due_at: cells.time()?,
        attempts: cells.count()?,
        wanted: cells.int()?,
    })
}
