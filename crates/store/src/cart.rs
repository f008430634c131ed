//! Carts by their age: those that expire, and how many nobody is known for.

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::error::StoreError;
use crate::inbox_read::limit_of;
use crate::sql::Sql;
use crate::walk_read::ALIVE;

impl Store {
    /// Returns the carts that last changed after the place `after` and not after `until`, each with that moment and its
    /// id: at most `limit`, in that order, which is also the order of places.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn carts_between(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        (after, until): ((Timestamp, i64), Timestamp),
        limit: usize,
    ) -> Result<Vec<(Timestamp, i64)>, StoreError> {
        // The kind stands in the text, as in the index.
        let text = "SELECT moment, remote_id FROM record WHERE kind = 'quote' AND tenant_id = ";
        let sql = Sql::new(self.db.dialect(), "read carts by their age", text)
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND (moment, remote_id) > (")
            .bind(after.0.as_micros())
            .push(", ")
            .bind(after.1)
            .push(") AND moment <= ")
            .bind(until.as_micros())
            .push(" ORDER BY moment, remote_id LIMIT ")
            .bind(limit_of(limit));
        let rows = self.db.read(sql).await?;
        let carts = rows.iter().map(|row| {
            let mut cells = row.cells();
            Ok((Timestamp::from_micros(cells.int()?), cells.int()?))
        });
        carts.collect()
    }

    /// Counts the carts of a source that are there and that nobody is, or was, known for: those that changed after
    /// `until`, and those that did not.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_nobodys_carts(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        until: Timestamp,
    ) -> Result<(i64, i64), StoreError> {
        let text = "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN moment <= ";
        let sql = Sql::new(self.db.dialect(), "count carts of nobody", text)
            .bind(until.as_micros())
            .push(" THEN 1 ELSE 0 END), 0) AS BIGINT) FROM record WHERE kind = 'quote' AND tenant_id = ")
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND owner_id IS NULL")
            .push(ALIVE)
            .push(
                " AND NOT EXISTS (SELECT 1 FROM entity WHERE entity.tenant_id = record.tenant_id
                     AND entity.connection_id = record.connection_id AND entity.remote_id = record.remote_id
                     AND entity.kind = ",
            )
            .bind(ObjectKind::Quote.as_str())
            .push(")");
        let rows = self.db.read(sql).await?;
        let Some(row) = rows.first() else {
            return Ok((0, 0));
        };
        let mut cells = row.cells();
        let (all, ended) = (cells.int()?, cells.int()?);
        Ok((all - ended, ended))
    }
}
