//! Wishes of a history that are held back until it is known whether a list is the cheaper way (docs/spec/walks.md).

use std::collections::BTreeMap;

use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::Conn;
use crate::error::StoreError;
use crate::record::put_key;
use crate::sql::{Sql, key_chunks};

/// What is held back among the wishes of a history: it was never asked for, and nobody asked for it a moment ago. Word for
/// word the condition of the index `wanted_fetch_held`; 3 is the class of histories.
const IS_HELD_BACK: &str =
    "class = 3 AND owner IS NULL AND attempts = 0 AND wanted = 0 AND not_before < due_at AND due_at > ";

impl Store {
    /// Counts the wishes of `connection` that are held back at `now`, of each kind up to a number, since who asks needs no
    /// more; kinds of which there are none are left out. It costs what is counted.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn held_back(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        now: Timestamp,
        kinds: &[(RecordKind, i64)],
    ) -> Result<BTreeMap<RecordKind, i64>, StoreError> {
        let mut counts = BTreeMap::new();
        if kinds.is_empty() {
            return Ok(counts);
        }
        let mut sql = Sql::new(self.db.dialect(), "count what is held back", "");
        for (place, (kind, most)) in kinds.iter().enumerate() {
            let union = if place == 0 { "" } else { " UNION ALL " };
            sql = sql
                .push(union)
                .push("SELECT kind, COUNT(*) FROM (SELECT kind FROM wanted_fetch WHERE tenant_id = ");
            sql = of_history(sql, tenant, (connection, *kind), now)
                .push(" LIMIT ")
                .bind(*most)
                .push(") AS few GROUP BY kind");
        }
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
        of: (ConnectionId, RecordKind),
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn
            .sql("bring wishes forward", "UPDATE wanted_fetch SET due_at = ")
            .bind(now)
            .push(" WHERE tenant_id = ");
        let brought = conn.execute(of_history(sql, tenant, of, now)).await?;
        tx.commit().await?;
        Ok(brought)
    }
}

fn of_history(
    sql: Sql,
    tenant: TenantId,
    (connection, kind): (ConnectionId, RecordKind),
    now: Timestamp,
) -> Sql {
    sql.bind(tenant.0)
        .push(" AND connection_id = ")
        .bind(connection.0)
        .push(" AND kind = ")
        .bind(kind.as_str())
        .push(" AND ")
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
            .sql("forget what a list brought", "DELETE FROM wanted_fetch WHERE ")
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

#[cfg(test)]
mod tests {
    use schakel_core::connector::Class;

    use super::IS_HELD_BACK;
    use crate::class::number_of;

    #[test]
    fn the_class_in_the_condition_is_that_of_histories() {
        let class = format!("class = {} ", number_of(Class::Backfill));
        assert!(IS_HELD_BACK.starts_with(&class));
    }
}
