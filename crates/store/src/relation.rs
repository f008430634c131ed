//! Relations: the numbers of persons, where they lead, and how they came together.

use schakel_core::id::{EventId, RelationId, TenantId};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::record::{key_of, put_key};
use crate::rows::{MergeRow, RelationCounts, RelationRow};
use crate::setting::{self, one};
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

/// Reads relations; the columns in the order in which [`relation_row`] takes them.
const SELECT: &str =
    "SELECT id, scope, alias_of, is_unconfirmed, is_historic, ordered_at, created_at, updated_at
     FROM relation WHERE ";

impl Store {
    /// Returns one relation, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn relation_row(
        &self,
        tenant: TenantId,
        relation: RelationId,
    ) -> Result<Option<RelationRow>, StoreError> {
        let sql = Sql::new(self.db.dialect(), "read a relation", SELECT)
            .push("tenant_id = ")
            .bind(tenant.0)
            .push(" AND id = ")
            .bind(relation.0);
        let rows = self.db.read(sql).await?;
        rows.first().map(relation_row).transpose()
    }

    /// Returns the highest number above the first and up to the second of `within` that a relation has, merged ones too.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn highest_relation(
        &self,
        tenant: TenantId,
        within: (i64, i64),
    ) -> Result<Option<RelationId>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look for the highest relation",
            "SELECT id FROM relation WHERE tenant_id = $1 AND id > $2 AND id <= $3 ORDER BY id DESC LIMIT 1",
        );
        let rows = self
            .db
            .read(sql.arg(tenant.0).arg(within.0).arg(within.1))
            .await?;
        let first = rows.first().map(|row| row.cells().int()).transpose()?;
        Ok(first.map(RelationId))
    }

    /// Returns how many relations there are; counts them all.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn relation_counts(&self, tenant: TenantId) -> Result<RelationCounts, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count relations",
            "SELECT (SELECT COUNT(*) FROM relation WHERE tenant_id = $1),
                 (SELECT COUNT(*) FROM relation WHERE tenant_id = $1 AND alias_of IS NOT NULL),
                 (SELECT COUNT(*) FROM relation WHERE tenant_id = $1 AND is_unconfirmed)",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        let mut cells = one("relation", &rows)?.cells();
        let (all, aliases) = (cells.int()?, cells.int()?);
        Ok(RelationCounts {
            living: all - aliases,
            aliases,
            unconfirmed: cells.int()?,
        })
    }

    /// Returns how many merges and splits were written down.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn merge_count(&self, tenant: TenantId) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count merges",
            "SELECT COUNT(*) FROM merge_log WHERE tenant_id = $1",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        one("merge_log", &rows)?.cells().int()
    }

    /// Returns the merges and splits in which `relation` took part, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn merges_of(
        &self,
        tenant: TenantId,
        relation: RelationId,
    ) -> Result<Vec<MergeRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read merges",
            "SELECT id, at, kind, relation_id, other_id, event_id, match_key, record_connection_id, record_kind,
                 record_remote_id
             FROM merge_log WHERE tenant_id = $1 AND id IN (
                 SELECT id FROM merge_log WHERE tenant_id = $1 AND relation_id = $2
                 UNION SELECT id FROM merge_log WHERE tenant_id = $1 AND other_id = $2)
             ORDER BY +id",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(relation.0)).await?;
        rows.iter().map(merge_row).collect()
    }

    /// Returns a number that was never given before under `name`, from 1 on, in a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn next_number(&self, tenant: TenantId, name: &str) -> Result<i64, StoreError> {
        let mut tx = self.db.begin().await?;
        let number = next_numbers(&mut tx.conn(), tenant, name, 1).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Returns the highest number that was given under `name`, 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn number_given(&self, tenant: TenantId, name: &str) -> Result<i64, StoreError> {
        let sql = Sql::new(self.db.dialect(), "look at numbers", NEXT);
        let rows = self.db.read(sql.arg(tenant.0).arg(name)).await?;
        Ok(rows.first().map_or(Ok(1), |row| row.cells().int())? - 1)
    }

    /// Lets the numbers of `name` go on above `highest`, and writes that down as the setting `setting`: both or nothing.
    ///
    /// # Errors
    /// [`StoreError::WrongRows`] when other numbers than up to `given` were given meanwhile; [`StoreError::Driver`].
    pub async fn skip_numbers(
        &self,
        tenant: TenantId,
        name: &str,
        (given, highest): (i64, i64),
        setting: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        move_number(&mut conn, tenant, name, (given + 1, highest + 1)).await?;
        setting::put(&mut conn, setting, highest.to_string().as_bytes()).await?;
        tx.commit().await
    }
}

/// Reads the number that a name would give next.
const NEXT: &str = "SELECT next FROM number WHERE tenant_id = $1 AND name = $2";

pub(crate) async fn next_numbers(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    name: &str,
    n: i64,
) -> Result<i64, StoreError> {
    let sql = conn.sql(
        "take numbers",
        "INSERT INTO number (tenant_id, name, next) VALUES ($1, $2, $3 + 1)
         ON CONFLICT (tenant_id, name) DO UPDATE SET next = number.next + excluded.next - 1
         RETURNING next",
    );
    let rows = conn.fetch(sql.arg(tenant.0).arg(name).arg(n)).await?;
    Ok(one("number", &rows)?.cells().int()? - n)
}

/// Returns the number that `name` would give next.
pub(crate) async fn next_number_of(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    name: &str,
) -> Result<i64, StoreError> {
    let sql = conn.sql("look at numbers", NEXT);
    let rows = conn.fetch(sql.arg(tenant.0).arg(name)).await?;
    rows.first().map_or(Ok(1), |row| row.cells().int())
}

/// Moves the next number of `name`, unless somebody else did meanwhile.
pub(crate) async fn move_number(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    name: &str,
    (was, next): (i64, i64),
) -> Result<(), StoreError> {
    let sql = conn.sql(
        "take numbers that were looked at",
        "INSERT INTO number (tenant_id, name, next) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, name) DO UPDATE SET next = excluded.next WHERE number.next = $4",
    );
    let sql = sql.arg(tenant.0).arg(name).arg(next).arg(was);
    let touched = conn.execute(sql).await?;
    if touched == 1 {
        return Ok(());
    }
    Err(StoreError::WrongRows {
        table: "number",
        expected: 1,
        touched,
    })
}

pub(crate) async fn read(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    ids: &[RelationId],
) -> Result<Vec<RelationRow>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in key_chunks(ids) {
        let sql = conn
            .sql("read relations", SELECT)
            .push("(tenant_id, id) IN (VALUES ")
            .key_rows(chunk, |id, values| {
                values.put(tenant.0).put(id.0);
            })
            .push(")");
        for row in conn.fetch(sql).await? {
            found.push(relation_row(&row)?);
        }
    }
    Ok(found)
}

pub(crate) async fn put(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    rows: &[RelationRow],
) -> Result<(), StoreError> {
    let rows = last_of_each(rows, |row| row.id);
    for chunk in insert_chunks(&rows, 9) {
        let sql = conn
            .sql(
                "write relations",
                "INSERT INTO relation (tenant_id, id, scope, alias_of, is_unconfirmed, is_historic, ordered_at,
                     created_at, updated_at)
                 VALUES ",
            )
            .rows(chunk, |row, values| {
                values
                    .put(tenant.0)
                    .put(row.id.0)
                    .put(row.scope)
                    .put(row.alias_of.map(|id| id.0))
                    .put(row.is_unconfirmed)
                    .put(row.is_historic)
                    .put(row.ordered_at.map(Timestamp::as_micros))
                    .put(row.created_at)
                    .put(row.updated_at);
            })
            .push(
                " ON CONFLICT (tenant_id, id) DO UPDATE SET
                     scope = excluded.scope, alias_of = excluded.alias_of,
                     is_unconfirmed = excluded.is_unconfirmed, ordered_at = excluded.ordered_at,
                     created_at = excluded.created_at,
                     updated_at = excluded.updated_at",
            );
        conn.execute(sql).await?;
    }
    Ok(())
}

pub(crate) async fn log_merges(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    rows: &[MergeRow],
) -> Result<(), StoreError> {
    for chunk in insert_chunks(rows, 11) {
        let sql = conn
            .sql(
                "write merges down",
                "INSERT INTO merge_log (tenant_id, id, at, kind, relation_id, other_id, event_id, match_key,
                     record_connection_id, record_kind, record_remote_id)
                 VALUES ",
            )
            .rows(chunk, |row, values| {
                values
                    .put(tenant.0)
                    .put(row.id)
                    .put(row.at)
                    .put(row.kind.as_str())
                    .put(row.relation.0)
                    .put(row.other.0)
                    .put(row.event.0)
                    .put(row.match_key.as_str());
                put_key(&row.record, values);
            });
        conn.execute(sql).await?;
    }
    Ok(())
}

fn relation_row(row: &Row) -> Result<RelationRow, StoreError> {
    let mut cells = row.cells();
    Ok(RelationRow {
        id: RelationId(cells.int()?),
        scope: cells.int()?,
        alias_of: cells.opt_int()?.map(RelationId),
        is_unconfirmed: cells.flag()?,
        is_historic: cells.flag()?,
        ordered_at: cells.opt_int()?.map(Timestamp::from_micros),
        created_at: cells.time()?,
        updated_at: cells.time()?,
    })
}

fn merge_row(row: &Row) -> Result<MergeRow, StoreError> {
    let mut cells = row.cells();
    Ok(MergeRow {
        id: cells.int()?,
        at: cells.time()?,
        kind: cells.text()?,
        relation: RelationId(cells.int()?),
        other: RelationId(cells.int()?),
        event: EventId(cells.int()?),
        match_key: cells.text()?,
        record: key_of(&mut cells, "merge_log")?,
    })
}
