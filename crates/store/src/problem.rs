//! What was repaired in the records that are held.

use schakel_core::id::TenantId;
use schakel_core::problem::Problem;
use schakel_core::record::RecordKey;

use crate::Store;
use crate::db::Conn;
use crate::error::StoreError;
use crate::record::put_key;
use crate::rows::ProblemRow;
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

impl Store {
    /// Returns what was repaired in the record `key`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn problems_of(&self, tenant: TenantId, key: RecordKey) -> Result<Vec<ProblemRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read problems",
            "SELECT code, field FROM problem
             WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3 AND remote_id = $4 ORDER BY code, field",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(key.connection.0)
            .arg(key.kind.as_str())
            .arg(key.remote_id);
        let rows = self.db.read(sql).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok(ProblemRow {
                    code: cells.text()?,
                    field: cells.text()?,
                })
            })
            .collect()
    }
}

pub(crate) async fn put(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    problems: &[(RecordKey, Vec<Problem>)],
) -> Result<(), StoreError> {
    let problems = last_of_each(problems, |(key, _)| *key);
    for chunk in key_chunks(&problems) {
        let sql = conn
            .sql(
                "remove problems",
                "DELETE FROM problem WHERE (tenant_id, connection_id, kind, remote_id) IN (VALUES ",
            )
            .key_rows(chunk, |(key, _), values| {
                values.put(tenant.0);
                put_key(key, values);
            })
            .push(")");
        conn.execute(sql).await?;
    }
    let rows: Vec<(RecordKey, &Problem)> = problems
        .iter()
        .flat_map(|(key, problems)| problems.iter().map(|problem| (*key, problem)))
        .collect();
    for chunk in insert_chunks(&rows, 6) {
        let sql = conn
            .sql(
                "write problems",
                "INSERT INTO problem (tenant_id, connection_id, kind, remote_id, code, field) VALUES ",
            )
            .rows(chunk, |(key, problem), values| {
                values.put(tenant.0);
                put_key(key, values);
                values.put(problem.code.as_str()).put(problem.field.as_str());
            })
            // One field may have one problem twice, as when two of its characters are wrong.
            .push(" ON CONFLICT DO NOTHING");
        conn.execute(sql).await?;
    }
    Ok(())
}
