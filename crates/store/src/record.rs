//! Records: what each source last said about one thing.

use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::record::{Content, Held, Rank, RecordKey, RecordKind, Version};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::{Cells, Conn, Row, contradiction};
use crate::error::StoreError;
use crate::rows::RecordRow;
use crate::sql::{RowValues, Sql, insert_chunks, key_chunks, last_of_each};

/// Reads records; the columns in the order in which [`record_row`] takes them.
const SELECT: &str =
    "SELECT connection_id, kind, remote_id, owner_kind, owner_id, ref_id, label, is_historic,
         live_at, live_ordinal, live_rank, live_digest, live_event_id,
         gone_at, gone_ordinal, gone_rank, gone_digest, gone_event_id,
         fetched_at, fetched_ordinal, fetched_rank, fetched_digest, fetched_match, content
     FROM record WHERE ";

impl Store {
    /// Returns the records that are held, of `keys`, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn read_records(
        &self,
        tenant: TenantId,
        keys: &[RecordKey],
    ) -> Result<Vec<RecordRow>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in key_chunks(keys) {
            let sql = Sql::new(self.db.dialect(), "read records", SELECT);
            let rows = self.db.read(of_keys(sql, tenant, chunk)).await?;
            found.append(&mut rows.iter().map(record_row).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    }

    /// Returns the orders and other records that people call `label`, such as an order's number; only its first 64
    /// characters count.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn find_orders_by_label(
        &self,
        tenant: TenantId,
        label: &str,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let sql = Sql::new(self.db.dialect(), "find records by label", SELECT)
            .push("tenant_id = ")
            .bind(tenant.0)
            .push(" AND label <> '' AND label = ")
            .bind(label_key(label));
        let rows = self.db.read(sql).await?;
        let mut found = rows.iter().map(record_row).collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|row| row.held.key);
        Ok(found)
    }

    /// Returns the records of `kind` that refer to one of `ref_ids`, such as the checkouts of a cart, outside of any
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn read_referring(
        &self,
        tenant: TenantId,
        kind: RecordKind,
        connection: ConnectionId,
        ref_ids: &[i64],
    ) -> Result<Vec<RecordRow>, StoreError> {
        let mut found = Vec::new();
        for chunk in key_chunks(ref_ids) {
            let sql = Sql::new(self.db.dialect(), REFERRING, SELECT);
            let rows = self
                .db
                .read(to_refs(sql, tenant, (kind, connection), chunk))
                .await?;
            found.append(&mut rows.iter().map(record_row).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    }

    /// Returns the orders, or carts, whose rows are not known at their newest version ([`Held::are_rows_due`]), with the
    /// event that said that version: at most `limit`, those with the highest ids first, only ids below `below`.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn rows_due(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
        below: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, EventId)>, StoreError> {
        let text = "SELECT remote_id, live_event_id FROM record WHERE rows_due AND tenant_id = ";
        let sql = Sql::new(self.db.dialect(), "read whose rows are due", text)
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND kind = ")
            .bind(kind.as_str())
            .push(" AND remote_id < ")
            .bind(below.unwrap_or(i64::MAX))
            .push(" ORDER BY remote_id DESC LIMIT ")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = self.db.read(sql).await?;
        let due = rows.iter().map(|row| {
            let mut cells = row.cells();
            Ok((cells.int()?, EventId(cells.int()?)))
        });
        due.collect()
    }

    /// Counts what [`Store::rows_due`] gives without a limit.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn count_rows_due(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
    ) -> Result<i64, StoreError> {
        let text = "SELECT COUNT(*) FROM record WHERE rows_due AND tenant_id = ";
        let sql = Sql::new(self.db.dialect(), "count whose rows are due", text)
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND kind = ")
            .bind(kind.as_str());
        let rows = self.db.read(sql).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }
}

/// Cuts a label to its first 64 characters: the column is indexed, and PostgreSQL refuses an index entry of more than a
/// third of a page, so a longer text of a source would keep its whole record out.
pub(crate) fn label_key(label: &str) -> &str {
    const LABEL_CHARS: usize = 64;
    label
        .char_indices()
        .nth(LABEL_CHARS)
        .map_or(label, |(end, _)| &label[..end])
}

fn of_keys(sql: Sql, tenant: TenantId, keys: &[RecordKey]) -> Sql {
    sql.push("(tenant_id, connection_id, kind, remote_id) IN (VALUES ")
        .key_rows(keys, |key, values| {
            values.put(tenant.0);
            put_key(key, values);
        })
        .push(")")
}

/// Puts the three columns of a key.
pub(crate) fn put_key(key: &RecordKey, values: &mut RowValues<'_>) {
    values
        .put(key.connection.0)
        .put(key.kind.as_str())
        .put(key.remote_id);
}

/// Takes the three columns of a key.
pub(crate) fn key_of(cells: &mut Cells<'_>, table: &'static str) -> Result<RecordKey, StoreError> {
    Ok(RecordKey {
        connection: ConnectionId(cells.int()?),
        kind: cells.word(table, "kind", RecordKind::parse)?,
        remote_id: cells.int()?,
    })
}

pub(crate) async fn read(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    keys: &[RecordKey],
) -> Result<Vec<RecordRow>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for chunk in key_chunks(keys) {
        let sql = of_keys(conn.sql("read records", SELECT), tenant, chunk);
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

pub(crate) async fn owned(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    kinds: &[RecordKind],
    owners: &[RecordKey],
) -> Result<Vec<RecordRow>, StoreError> {
    let mut found = Vec::new();
    let pairs: Vec<(RecordKey, RecordKind)> = owners
        .iter()
        .flat_map(|owner| kinds.iter().map(|kind| (*owner, *kind)))
        .collect();
    for chunk in key_chunks(&pairs) {
        let sql = conn
            .sql("read records by owner", SELECT)
            .push(
                "owner_id IS NOT NULL AND (tenant_id, connection_id, owner_kind, owner_id, kind) IN (VALUES ",
            )
            .key_rows(chunk, |(owner, kind), values| {
                values.put(tenant.0);
                put_key(owner, values);
                values.put(kind.as_str());
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

const REFERRING: &str = "read records by what they refer to";

fn to_refs(sql: Sql, tenant: TenantId, (kind, connection): (RecordKind, ConnectionId), refs: &[i64]) -> Sql {
    sql.push("ref_id <> 0 AND (tenant_id, connection_id, kind, ref_id) IN (VALUES ")
        .key_rows(refs, |id, values| {
            values.put(tenant.0).put(connection.0).put(kind.as_str()).put(*id);
        })
        .push(")")
}

pub(crate) async fn referring(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    kind: RecordKind,
    connection: ConnectionId,
    ref_ids: &[i64],
) -> Result<Vec<RecordRow>, StoreError> {
    let mut found = Vec::new();
    for chunk in key_chunks(ref_ids) {
        let sql = to_refs(conn.sql(REFERRING, SELECT), tenant, (kind, connection), chunk);
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

async fn collect(conn: &mut Conn<'_>, sql: Sql, found: &mut Vec<RecordRow>) -> Result<(), StoreError> {
    for row in conn.fetch(sql).await? {
        found.push(record_row(&row)?);
    }
    Ok(())
}

pub(crate) async fn put(conn: &mut Conn<'_>, tenant: TenantId, rows: &[RecordRow]) -> Result<(), StoreError> {
    let is_foreign = |row: &&RecordRow| {
        row.owner
            .is_some_and(|owner| owner.connection != row.held.key.connection)
    };
    if let Some(row) = rows.iter().find(is_foreign) {
        let key = format!("{:?}", row.held.key);
        return Err(contradiction("record", "owner_id", &key));
    }
    let rows = last_of_each(rows, |row| row.held.key);
    for chunk in insert_chunks(&rows, 27) {
        let sql = conn
            .sql("write records", INSERT)
            .rows(chunk, |row, values| put_values(tenant, row, values))
            .push(UPSERT);
        conn.execute(sql).await?;
    }
    Ok(())
}

const INSERT: &str = "INSERT INTO record (tenant_id, connection_id, kind, remote_id,
         owner_kind, owner_id, ref_id, label, rows_due, moment, is_historic,
         live_at, live_ordinal, live_rank, live_digest, live_event_id,
         gone_at, gone_ordinal, gone_rank, gone_digest, gone_event_id,
         fetched_at, fetched_ordinal, fetched_rank, fetched_digest, fetched_match, content)
     VALUES ";

const UPSERT: &str = " ON CONFLICT (tenant_id, connection_id, kind, remote_id) DO UPDATE SET
         owner_kind = excluded.owner_kind, owner_id = excluded.owner_id,
         ref_id = excluded.ref_id, label = excluded.label, rows_due = excluded.rows_due, moment = excluded.moment,
         live_at = excluded.live_at, live_ordinal = excluded.live_ordinal, live_rank = excluded.live_rank,
         live_digest = excluded.live_digest, live_event_id = excluded.live_event_id,
         gone_at = excluded.gone_at, gone_ordinal = excluded.gone_ordinal, gone_rank = excluded.gone_rank,
         gone_digest = excluded.gone_digest, gone_event_id = excluded.gone_event_id,
         fetched_at = excluded.fetched_at, fetched_ordinal = excluded.fetched_ordinal,
         fetched_rank = excluded.fetched_rank, fetched_digest = excluded.fetched_digest,
         fetched_match = excluded.fetched_match, content = excluded.content";

fn put_values(tenant: TenantId, row: &RecordRow, values: &mut RowValues<'_>) {
    let held = &row.held;
    values.put(tenant.0);
    put_key(&held.key, values);
    values
        .put(row.owner.map(|owner| owner.kind.as_str()))
        .put(row.owner.map(|owner| owner.remote_id))
        .put(row.ref_id)
        .put(label_key(&row.label))
        .put(held.are_rows_due())
        .put(held.moment().map(Timestamp::as_micros))
        .put(row.is_historic);
    put_version(held.live.as_ref().map(|(version, ..)| version), values);
    values.put(held.live.as_ref().map(|(_, event, _)| event.0));
    put_version(held.tombstone.as_ref().map(|(version, _)| version), values);
    values.put(held.tombstone.map(|(_, event)| event.0));
    put_version(held.fetched.as_ref().map(|(version, _)| version), values);
    let content = held.live.as_ref().map(|(_, _, content)| content.to_json());
    values
        .put(held.fetched.as_ref().map(|(_, digest)| digest.as_slice()))
        .put(content.as_deref());
}

fn put_version(version: Option<&Version>, values: &mut RowValues<'_>) {
    values
        .put(version.map(|version| version.at.as_micros()))
        .put(version.map(|version| version.ordinal))
        .put(version.map(|version| i64::from(version.rank.as_i16())))
        .put(version.map(|version| version.digest.as_slice()));
}

/// Takes the four columns of a version; all NULL for none.
fn version_of(cells: &mut Cells<'_>) -> Result<Option<Version>, StoreError> {
    let (at, ordinal, rank) = (cells.opt_int()?, cells.opt_int()?, cells.opt_int()?);
    let digest = cells.opt_digest("record", "digest")?;
    let (Some(at), Some(ordinal), Some(rank), Some(digest)) = (at, ordinal, rank, digest) else {
        return Ok(None);
    };
    Ok(Some(Version {
        at: Timestamp::from_micros(at),
        ordinal,
        rank: Rank::from_i16(i16::try_from(rank).unwrap_or(i16::MAX)),
        digest,
    }))
}

fn record_row(row: &Row) -> Result<RecordRow, StoreError> {
    const TABLE: &str = "record";
    let mut cells = row.cells();
    let key = key_of(&mut cells, TABLE)?;
    let broken = |column| contradiction(TABLE, column, &format!("{key:?}"));
    let owner = match (cells.opt_text()?, cells.opt_int()?) {
        (Some(kind), Some(remote_id)) => {
            let kind = RecordKind::parse(&kind).ok_or_else(|| broken("owner_kind"))?;
            Some(RecordKey::new(key.connection, kind, remote_id))
        }
        _ => None,
    };
    let ref_id = cells.int()?;
    let label = cells.text()?;
    let is_historic = cells.flag()?;
    let live = (version_of(&mut cells)?, cells.opt_int()?);
    let gone = (version_of(&mut cells)?, cells.opt_int()?);
    let fetched = (version_of(&mut cells)?, cells.opt_digest(TABLE, "fetched_match")?);
    let live = match (live, cells.opt_text()?) {
        ((Some(version), Some(event)), Some(content)) => {
            let content = Content::from_json(key.kind, &content).map_err(|_| broken("content"))?;
            Some((version, EventId(event), content))
        }
        _ => None,
    };
    let held = Held {
        key,
        live,
        tombstone: gone.0.zip(gone.1.map(EventId)),
        fetched: fetched.0.zip(fetched.1),
    };
    Ok(RecordRow {
        held,
        owner,
        ref_id,
        label,
        is_historic,
    })
}
