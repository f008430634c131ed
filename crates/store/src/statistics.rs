//! What the engine knows of its tables, kept fresh while they grow.
//!
//! Every key begins with the tenant. PostgreSQL without statistics takes any index that begins with it for a good one,
//! and then reads all rows of a tenant for each that it looks up. Its own maintenance looks once a minute, which is
//! thousands of orders after the first. SQLite chooses by the number of columns that match, and needs nothing.

use crate::Store;
use crate::db::Conn;
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::server::ANSWER_MAX_LONG;
use crate::sql::Sql;

/// The tables that grow with the work, and how their statistics are made.
const TABLES: [(&str, &str); 12] = [
    ("event", "ANALYZE event"),
    ("record", "ANALYZE record"),
    ("node", "ANALYZE node"),
    ("match_key", "ANALYZE match_key"),
    ("relation", "ANALYZE relation"),
    ("entity", "ANALYZE entity"),
    ("delivery", "ANALYZE delivery"),
    ("attempt", "ANALYZE attempt"),
    ("wanted_fetch", "ANALYZE wanted_fetch"),
    ("problem", "ANALYZE problem"),
    ("walk_piece", "ANALYZE walk_piece"),
    ("finding", "ANALYZE finding"),
];

/// Tables of which at least a third, and more than a hundred rows, are newer than their statistics. Larger changes than
/// that are rare once a table is big, so that big tables are left to the engine.
const STALE: &str = "SELECT relname::text FROM pg_stat_user_tables
     WHERE schemaname = CURRENT_SCHEMA() AND n_mod_since_analyze > 100 AND n_mod_since_analyze * 3 > n_live_tup";

impl Store {
    /// Makes new statistics of the tables that grew by much; returns of which. On SQLite there is nothing to do.
    ///
    /// # Errors
    /// [`StoreError::Driver`], also when the user of the database does not own the tables.
    pub async fn refresh_statistics(&self) -> Result<Vec<&'static str>, StoreError> {
        if self.db.dialect() == Dialect::Lite {
            return Ok(Vec::new());
        }
        let stale = self
            .db
            .read(Sql::new(Dialect::Pg, "look at the age of statistics", STALE))
            .await?;
        let mut refreshed = Vec::new();
        for row in &stale {
            let name = row.cells().text()?;
            if let Some((table, analyze)) = TABLES.iter().find(|(table, _)| *table == name) {
                let mut tx = self.db.begin_within(Some(ANSWER_MAX_LONG)).await?;
                make(&mut tx.conn(), analyze).await?;
                tx.commit().await?;
                refreshed.push(*table);
            }
        }
        Ok(refreshed)
    }
}

async fn make(conn: &mut Conn<'_>, analyze: &'static str) -> Result<(), StoreError> {
    conn.execute(conn.sql("make statistics", analyze))
        .await
        .map(|_| ())
}
