//! Settings of the installation, configured connections, checkpoints.

use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::rows::ConnectionRow;
use crate::sql::Sql;

impl Store {
    /// Returns the value of the setting `name`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read a setting",
            "SELECT value FROM setting WHERE name = $1",
        );
        let rows = self.db.read(sql.arg(name)).await?;
        rows.first().map(|row| row.cells().bytes()).transpose()
    }

    /// Returns the value of the setting `name`, which becomes `value` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn setting_or_insert(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        // The update changes nothing; it is there so that the row comes back in either case.
        let sql = conn.sql(
            "write a setting",
            "INSERT INTO setting (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING value",
        );
        let rows = conn.fetch(sql.arg(name).arg(value)).await?;
        let value = one("setting", &rows)?.cells().bytes()?;
        tx.commit().await?;
        Ok(value)
    }

    /// Writes the setting `name`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn put_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        put(&mut tx.conn(), name, value).await?;
        tx.commit().await
    }

    /// Writes the setting `name` and removes the settings `gone`, at once.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; nothing was changed then.
    pub async fn replace_settings(
        &self,
        (name, value): (&str, &[u8]),
        gone: &[String],
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        put(&mut conn, name, value).await?;
        for name in gone {
            let sql = conn.sql("remove a setting", "DELETE FROM setting WHERE name = $1");
            conn.execute(sql.arg(name.as_str())).await?;
        }
        tx.commit().await
    }

    /// Writes a little and makes it durable, to learn whether the database takes anything: a disk that is full can be read.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn try_writing(&self, at: Timestamp) -> Result<(), StoreError> {
        self.put_setting("tried to write", at.to_string().as_bytes())
            .await
    }

    /// Returns the connection called `name`, which gets the id `new_id` when it is new; its connector becomes
    /// `connector`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn ensure_connection(
        &self,
        tenant: TenantId,
        name: &str,
        connector: &str,
        new_id: ConnectionId,
    ) -> Result<ConnectionRow, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.sql(
            "write a connection",
            "INSERT INTO connection (tenant_id, id, name, connector) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, name) DO UPDATE SET connector = excluded.connector
             RETURNING id, tenant_id, name, connector",
        );
        let sql = sql.arg(tenant.0).arg(new_id.0).arg(name).arg(connector);
        let rows = conn.fetch(sql).await?;
        let connection = connection_row(one("connection", &rows)?)?;
        tx.commit().await?;
        Ok(connection)
    }

    /// Returns every connection of `tenant` that was ever configured, by name.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn connections(&self, tenant: TenantId) -> Result<Vec<ConnectionRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read connections",
            "SELECT id, tenant_id, name, connector FROM connection WHERE tenant_id = $1 ORDER BY name",
        );
        let rows = self.db.read(sql.arg(tenant.0)).await?;
        rows.iter().map(connection_row).collect()
    }

    /// Returns our place in the stream `name` of `connection`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn checkpoint(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read a checkpoint",
            "SELECT value FROM checkpoint WHERE tenant_id = $1 AND connection_id = $2 AND name = $3",
        );
        let rows = self
            .db
            .read(sql.arg(tenant.0).arg(connection.0).arg(name))
            .await?;
        rows.first().map(|row| row.cells().text()).transpose()
    }
}

/// Writes the setting `name`.
pub(crate) async fn put(conn: &mut Conn<'_>, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = conn.sql(
        "change a setting",
        "INSERT INTO setting (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    conn.execute(sql.arg(name).arg(value)).await.map(|_| ())
}

/// Writes our place in the stream `name` of `connection`.
pub(crate) async fn put_checkpoint(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    connection: ConnectionId,
    name: &str,
    value: &str,
) -> Result<(), StoreError> {
    let sql = conn.sql(
        "write a checkpoint",
        "INSERT INTO checkpoint (tenant_id, connection_id, name, value) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, connection_id, name) DO UPDATE SET value = excluded.value",
    );
    conn.execute(sql.arg(tenant.0).arg(connection.0).arg(name).arg(value))
        .await
        .map(|_| ())
}

/// Returns the one row that a statement must give.
pub(crate) fn one<'r>(table: &'static str, rows: &'r [Row]) -> Result<&'r Row, StoreError> {
    match rows {
        [row] => Ok(row),
        _ => Err(StoreError::WrongRows {
            table,
            expected: 1,
            touched: rows.len() as u64,
        }),
    }
}

fn connection_row(row: &Row) -> Result<ConnectionRow, StoreError> {
    let mut cells = row.cells();
    Ok(ConnectionRow {
        id: ConnectionId(cells.int()?),
        tenant: TenantId(cells.int()?),
        name: cells.text()?,
        connector: cells.text()?,
    })
}
