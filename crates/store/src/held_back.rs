//! Wishes of a history that are held back until it is known whether a list is the cheaper way (docs/spec/walks.md).

use std::collections::BTreeMap;

use schakel_core::connector::Class;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::class::number_of;
use crate::db::Conn;
use crate::error::StoreError;
use crate::record::put_key;
use crate::sql::{Sql, key_chunks};

/// What is held back among the wishes of a history: it was never asked for, and nobody asked for it a moment ago.
const IS_HELD_BACK: &str =
    " AND owner IS NULL AND attempts = 0 AND wanted = 0 AND not_before < due_at AND due_at > ";

impl Store {
    /// Counts the wishes of `connection` that are held back at `now`, by kind.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn held_back(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        now: Timestamp,
    ) -> Result<BTreeMap<RecordKind, i64>, StoreError> {
        let text = "SELECT kind, COUNT(*) FROM wanted_fetch WHERE tenant_id = ";
        let sql = Sql::new(self.db.dialect(), "count what is held back", text);
        let sql = of_history(sql, tenant, connection, now).push(" GROUP BY kind");
        let mut counts = BTreeMap::new();
        for row in self.db.read(sql).await? {
            let mut cells = row.cells();
            counts.insert(
                cells.word("wanted_fetch", "kind", RecordKind::parse)?,
                cells.int()?,
            );
        }
        Ok(counts)
    }

    /// Makes the wishes for things of `kind` due that are held back at `now`; returns how many there were.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn bring_forward(
        &self,
        tenant: TenantId,
        (connection, kind): (ConnectionId, RecordKind),
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn
            .sql("bring wishes forward", "UPDATE wanted_fetch SET due_at = ")
            .bind(now)
            .push(" WHERE tenant_id = ");
        let sql = of_history(sql, tenant, connection, now)
            .push(" AND kind = ")
            .bind(kind.as_str());
        let brought = conn.execute(sql).await?;
        tx.commit().await?;
        Ok(brought)
    }
}

fn of_history(sql: Sql, tenant: TenantId, connection: ConnectionId, now: Timestamp) -> Sql {
    sql.bind(tenant.0)
        .push(" AND connection_id = ")
        .bind(connection.0)
        .push(" AND class = ")
        .bind(number_of(Class::Backfill))
        .push(IS_HELD_BACK)
        .bind(now)
}

/// Forgets the wishes for `keys` that are held back at `now`: a list brought them.
pub(crate) async fn forget(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    keys: &[RecordKey],
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in key_chunks(keys) {
        let sql = conn
            .sql(
                "forget what a list brought",
                "DELETE FROM wanted_fetch WHERE class = ",
            )
            .bind(number_of(Class::Backfill))
            .push(IS_HELD_BACK)
            .bind(now)
            .push(" AND (tenant_id, connection_id, kind, remote_id) IN (VALUES ")
            .key_rows(chunk, |key, values| {
                values.put(tenant.0);
                put_key(key, values);
            })
            .push(")");
        conn.execute(sql).await?;
    }
    Ok(())
}
