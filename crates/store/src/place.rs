//! Deliveries that the sink has no place for: put aside when they are due, and let go when there is one.

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, TenantId};

use crate::Store;
use crate::db::Conn;
use crate::error::StoreError;
use crate::outbox::{is_blocked, of_due};
use crate::rows::Claim;
use crate::sql::{Sql, key_chunks};

/// Most deliveries that one step puts aside or lets go: the writer is not held up for long.
const ROWS_MAX: i64 = 1_000;

/// Puts aside what is due next and has no place, so that nothing passes over it again and again.
pub(crate) async fn put_aside(conn: &mut Conn<'_>, claim: &Claim) -> Result<(), StoreError> {
    if claim.unplaced.is_empty() {
        return Ok(());
    }
    let sql = conn.sql(
        "look for due deliveries without a place",
        "SELECT d.id, d.kind FROM delivery AS d",
    );
    let sql = of_due(sql, claim, ROWS_MAX, conn.dialect());
    let mut ids = Vec::new();
    for row in conn.fetch(sql).await? {
        let mut cells = row.cells();
        let id = cells.int()?;
        if claim
            .unplaced
            .contains(&cells.word("delivery", "kind", ObjectKind::parse)?)
        {
            ids.push(id);
        }
    }
    for chunk in key_chunks(&ids) {
        let sql = conn
            .sql(
                "put deliveries without a place aside",
                "UPDATE delivery SET state = 'unplaced' WHERE (tenant_id, id) IN (VALUES ",
            )
            .key_rows(chunk, |id, values| {
                values.put(claim.tenant.0).put(*id);
            })
            .push(")");
        conn.execute(sql).await?;
    }
    Ok(())
}

impl Store {
    /// Lets deliveries go that were put aside for want of a place, all but those of the kinds `unplaced`; returns whether
    /// there may be more. A thousand at once.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn let_place(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        unplaced: &[ObjectKind],
    ) -> Result<bool, StoreError> {
        // One kind at a time, so that what goes on waiting fills no page; and without the lock while there is nothing.
        for kind in ObjectKind::ALL.iter().filter(|kind| !unplaced.contains(kind)) {
            let sql = Sql::new(
                self.db.dialect(),
                "look for deliveries put aside",
                "SELECT id FROM delivery WHERE tenant_id = $1 AND sink_id = $2 AND kind = $3 AND state = 'unplaced'
                 ORDER BY id LIMIT $4",
            );
            let sql = sql.arg(tenant.0).arg(sink.0).arg(kind.as_str()).arg(ROWS_MAX);
            let rows = self.db.read(sql).await?;
            let ids = rows
                .iter()
                .map(|row| row.cells().int())
                .collect::<Result<Vec<i64>, _>>()?;
            if !ids.is_empty() {
                self.let_go(tenant, &ids).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn let_go(&self, tenant: TenantId, ids: &[i64]) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        for chunk in key_chunks(ids) {
            let sql = conn
                .sql(
                    "let deliveries go that have a place",
                    concat!(
                        "UPDATE delivery SET state = CASE WHEN ",
                        is_blocked!(),
                        " THEN 'parent' ELSE 'ready' END WHERE state = 'unplaced' AND (tenant_id, id) IN (VALUES "
                    ),
                )
                .key_rows(chunk, |id, values| {
                    values.put(tenant.0).put(*id);
                })
                .push(")");
            conn.execute(sql).await?;
        }
        tx.commit().await
    }
}
