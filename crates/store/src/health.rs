//! Health: what ails a connection, for those who look from outside of the process that saw it.

use schakel_core::health::{Ailment, Concern};
use schakel_core::id::{ConnectionId, TenantId};

use crate::Store;
use crate::db::Row;
use crate::error::StoreError;
use crate::rows::HealthRow;
use crate::sql::Sql;

impl Store {
    /// Writes down what ails a connection. While it is the same as before, `since` stays as it was.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn put_health(&self, tenant: TenantId, row: &HealthRow) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "write what ails a connection",
            "INSERT INTO health (tenant_id, connection_id, concern, ailment, detail, since, next_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, connection_id, concern) DO UPDATE SET
                 since = CASE WHEN health.ailment = excluded.ailment THEN health.since ELSE excluded.since END,
                 ailment = excluded.ailment, detail = excluded.detail, next_at = excluded.next_at",
        );
        let sql = sql.arg(tenant.0).arg(row.connection.0);
        let sql = sql.arg(row.ailment.concern().as_str()).arg(row.ailment.as_str());
        let sql = sql.arg(row.detail.as_str()).arg(row.since).arg(row.next_at);
        conn.execute(sql).await?;
        tx.commit().await
    }

    /// Strikes out what ailed `concern` of a connection; returns whether anything did. Where nothing did nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn clear_health(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        concern: Concern,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look whether anything ails a connection",
            "SELECT COUNT(*) FROM health WHERE tenant_id = $1 AND connection_id = $2 AND concern = $3",
        );
        let of = |sql: Sql| sql.arg(tenant.0).arg(connection.0).arg(concern.as_str());
        let rows = self.db.read(of(sql)).await?;
        if rows.first().map(|row| row.cells().int()).transpose()? == Some(0) {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "strike out what ailed a connection",
            "DELETE FROM health WHERE tenant_id = $1 AND connection_id = $2 AND concern = $3",
        );
        let struck = conn.execute(of(sql)).await?;
        tx.commit().await?;
        Ok(struck > 0)
    }

    /// Returns what ails connections of `tenant`, by connection; those that work have no row.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn health(&self, tenant: TenantId) -> Result<Vec<HealthRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read what ails connections",
            "SELECT connection_id, ailment, detail, since, next_at FROM health
             WHERE tenant_id = $1 ORDER BY connection_id, concern",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        rows.iter().map(health_row).collect()
    }
}

fn health_row(row: &Row) -> Result<HealthRow, StoreError> {
    let mut cells = row.cells();
    Ok(HealthRow {
        connection: ConnectionId(cells.int()?),
        ailment: cells.word("health", "ailment", Ailment::parse)?,
        detail: cells.text()?,
        since: cells.time()?,
        next_at: cells.time()?,
    })
}
