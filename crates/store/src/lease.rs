//! Leases: rights to work on something until a time, with an epoch that fences off former holders (I21).

use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::Conn;
use crate::error::StoreError;

impl Store {
    /// Takes the lease `name` for `ttl_ms` milliseconds and returns its new epoch, or `None` while another has it.
    ///
    /// Taking it again as its holder also raises the epoch.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn take_lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        ttl_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "take a lease",
            "INSERT INTO lease (name, owner, epoch, expires_at) VALUES ($1, $2, 1, $3)
             ON CONFLICT (name) DO UPDATE
                 SET owner = excluded.owner, epoch = lease.epoch + 1, expires_at = excluded.expires_at
                 WHERE lease.owner = excluded.owner OR lease.expires_at <= $4
             RETURNING epoch",
        );
        let sql = sql.arg(name).arg(owner).arg(now.plus_ms(ttl_ms)).arg(now);
        let rows = conn.fetch(sql).await?;
        let epoch = rows.first().map(|row| row.cells().int()).transpose()?;
        tx.commit().await?;
        Ok(epoch)
    }

    /// Lengthens the lease `name` of `epoch`; returns whether it still was that epoch's.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn renew_lease(
        &self,
        name: &str,
        epoch: i64,
        now: Timestamp,
        ttl_ms: i64,
    ) -> Result<bool, StoreError> {
        self.set_lease(name, epoch, now.plus_ms(ttl_ms)).await
    }

    /// Gives the lease `name` of `epoch` back; returns whether it still was that epoch's.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn release_lease(&self, name: &str, epoch: i64) -> Result<bool, StoreError> {
        self.set_lease(name, epoch, Timestamp::ZERO).await
    }

    async fn set_lease(&self, name: &str, epoch: i64, expires_at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "change a lease",
            "UPDATE lease SET expires_at = $3 WHERE name = $1 AND epoch = $2",
        );
        let touched = conn.execute(sql.arg(name).arg(epoch).arg(expires_at)).await?;
        tx.commit().await?;
        Ok(touched == 1)
    }
}

/// Tells whether the lease `name` still has `epoch`; on PostgreSQL nobody takes it before the transaction ends.
pub(crate) async fn is_held(conn: &mut Conn<'_>, name: &str, epoch: i64) -> Result<bool, StoreError> {
    let sql = conn
        .sql("check a lease", "SELECT epoch FROM lease WHERE name = ")
        .bind(name)
        .push(" AND epoch = ")
        .bind(epoch)
        .push(conn.dialect().for_update());
    Ok(!conn.fetch(sql).await?.is_empty())
}
