//! Findings: what walks found that nobody had told, and how often.

use schakel_core::connector::Part;
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::time::Timestamp;
use schakel_core::walk::{Finding, Job};

use crate::Store;
use crate::counter::Totals;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::sql::limit_of;
use crate::sql::{Sql, insert_chunks};

impl Store {
    /// Returns the newest findings, at most `limit`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn findings(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read findings",
            "SELECT id, connection_id, job, part, remote_id, at, what, why FROM finding
             WHERE tenant_id = $1 AND connection_id = $2 ORDER BY id DESC LIMIT $3",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(limit_of(limit));
        let rows = self.db.read(sql).await?;
        rows.iter().map(finding_row).collect()
    }

    /// Counts findings of `connection` by what was found and why.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn finding_counts(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count findings",
            "SELECT name, n FROM counter WHERE tenant_id = $1 AND connection_id = $2 AND origin = $3 ORDER BY name",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(FINDINGS);
        let rows = self.db.read(sql).await?;
        let count = |row: &Row| {
            let mut cells = row.cells();
            Ok((cells.text()?, cells.int()?))
        };
        rows.iter().map(count).collect()
    }

    /// Removes the oldest findings of `connection` from before `until`, at most `limit`; returns how many. How many there
    /// ever were stays counted.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn prune_findings(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        until: Timestamp,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        // Their numbers grow with time, so the oldest stand first in the index.
        let sql = conn.sql(
            "drop old findings",
            "DELETE FROM finding WHERE tenant_id = $1 AND at < $2 AND id IN (
                 SELECT id FROM finding WHERE tenant_id = $3 AND connection_id = $4 ORDER BY id LIMIT $5)",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(until)
            .arg(tenant.0)
            .arg(connection.0)
            .arg(limit_of(limit));
        let dropped = conn.execute(sql).await?;
        tx.commit().await?;
        Ok(dropped)
    }
}

/// First word of the totals of findings.
const FINDINGS: &str = "finding";

pub(crate) async fn put_findings(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    totals: &mut Totals,
    findings: &[(EventId, Finding)],
) -> Result<(), StoreError> {
    for chunk in insert_chunks(findings, 9) {
        let sql = conn
            .sql(
                "write findings",
                "INSERT INTO finding (tenant_id, id, connection_id, job, part, remote_id, at, what, why) VALUES ",
            )
            .rows(chunk, |(id, finding), values| {
                values
                    .put(tenant.0)
                    .put(id.0)
                    .put(finding.connection.0)
                    .put(finding.job.as_str())
                    .put(finding.part.as_str())
                    .put(finding.remote_id)
                    .put(finding.at)
                    .put(finding.what.as_str())
                    .put(finding.why.as_str());
            });
        conn.execute(sql).await?;
    }
    for (_, finding) in findings {
        let name = format!(
            "{}/{}/{}",
            finding.part.as_str(),
            finding.what.as_str(),
            finding.why.as_str()
        );
        totals.add((tenant.0, finding.connection.0, FINDINGS, name), 1);
    }
    Ok(())
}

fn finding_row(row: &Row) -> Result<Finding, StoreError> {
    use schakel_core::walk::{What, Why};
    let mut cells = row.cells();
    let _id = cells.int()?;
    Ok(Finding {
        connection: ConnectionId(cells.int()?),
        job: cells.word("finding", "job", Job::parse)?,
        part: cells.word("finding", "part", Part::parse)?,
        remote_id: cells.int()?,
        at: cells.time()?,
        what: cells.word("finding", "what", What::parse)?,
        why: cells.word("finding", "why", Why::parse)?,
    })
}
