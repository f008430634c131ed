//! Running totals, moved by the transaction that causes them.

use std::collections::BTreeMap;

use schakel_core::event::Origin;
use schakel_core::id::{ConnectionId, TenantId};

use crate::db::Conn;
use crate::error::StoreError;
use crate::sql::insert_chunks;

/// Names one total: tenant, connection, origin (or another first word), name.
pub(crate) type CounterKey = (i64, i64, &'static str, String);

/// Changes of totals that a transaction writes at its end: late, because on PostgreSQL the rows stay locked from
/// then on, and every worker of a connection moves the same few.
#[derive(Debug, Default)]
pub(crate) struct Totals(BTreeMap<CounterKey, i64>);

impl Totals {
    /// Moves a total of a connection's inbox.
    pub(crate) fn inbox(
        &mut self,
        tenant: TenantId,
        connection: ConnectionId,
        origin: Origin,
        name: &str,
        by: i64,
    ) {
        self.add((tenant.0, connection.0, origin.as_str(), name.to_owned()), by);
    }

    /// Moves a total.
    pub(crate) fn add(&mut self, key: CounterKey, by: i64) {
        *self.0.entry(key).or_default() += by;
    }

    /// Writes the changes, in the order of their names, so that two transactions cannot wait for each other.
    pub(crate) async fn flush(&mut self, conn: &mut Conn<'_>) -> Result<(), StoreError> {
        let changes: Vec<(CounterKey, i64)> = std::mem::take(&mut self.0)
            .into_iter()
            .filter(|(_, by)| *by != 0)
            .collect();
        for chunk in insert_chunks(&changes, 5) {
            let sql = conn
                .sql(
                    "move totals",
                    "INSERT INTO counter (tenant_id, connection_id, origin, name, n) VALUES ",
                )
                .rows(chunk, |((tenant, connection, origin, name), by), values| {
                    values
                        .put(*tenant)
                        .put(*connection)
                        .put(*origin)
                        .put(name.as_str())
                        .put(*by);
                })
                .push(
                    " ON CONFLICT (tenant_id, connection_id, origin, name) DO UPDATE SET n = counter.n + excluded.n",
                );
            conn.execute(sql).await?;
        }
        Ok(())
    }
}
