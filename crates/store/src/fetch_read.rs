//! How the fetch of one thing stands, for whoever waits for it.

use schakel_core::id::TenantId;
use schakel_core::record::RecordKey;
use schakel_core::time::Timestamp;

use crate::Store;
use crate::error::StoreError;
use crate::rows::Wanted;
use crate::sql::Sql;

impl Store {
    /// Returns how the fetch of `key` stands, outside of any transaction; `None` when nobody wants it, also some time after it
    /// was answered.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn wanted(&self, tenant: TenantId, key: RecordKey) -> Result<Option<Wanted>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look how a fetch stands",
            "SELECT due_at, not_before, missing_since, error FROM wanted_fetch
             WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3 AND remote_id = $4",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(key.connection.0)
            .arg(key.kind.as_str())
            .arg(key.remote_id);
        let rows = self.db.read(sql).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut cells = row.cells();
        Ok(Some(Wanted {
            due_at: cells.opt_int()?.map(Timestamp::from_micros),
            not_before: cells.time()?,
            missing_since: cells.opt_int()?.map(Timestamp::from_micros),
            error: cells.text()?,
        }))
    }
}
