//! Budgets of calls: what is spent, and how many calls each day took.

use schakel_core::connector::Class;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::limits;
use schakel_core::time::Timestamp;

use crate::Store;
use crate::error::StoreError;
use crate::lease;
use crate::rows::{BudgetDay, BudgetRow};
use crate::sql::Sql;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

impl Store {
    /// Returns the budget of `connection` as it was last written, and when.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn budget(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Option<BudgetRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read a budget",
            "SELECT saved, saved_at FROM budget WHERE tenant_id = $1 AND connection_id = $2",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(connection.0)).await?;
        let budget = rows.first().map(|row| {
            let mut cells = row.cells();
            Ok(BudgetRow {
                saved: cells.text()?,
                saved_at: cells.time()?,
            })
        });
        budget.transpose()
    }

    /// Writes the budget of `connection` and adds `calls`, by class in the order of [`Class::ALL`], to its day; days
    /// older than [`limits::BUDGET_DAYS`] go. Returns false and changes nothing when `lease`, a name and an epoch, is
    /// another's now (I21).
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn put_budget(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        budget: &BudgetRow,
        calls: [u32; 4],
        lease: Option<(&str, i64)>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        if let Some((name, epoch)) = lease
            && !lease::is_held(&mut conn, name, epoch).await?
        {
            return Ok(false);
        }
        let sql = conn.sql(
            "write a budget",
            "INSERT INTO budget (tenant_id, connection_id, saved, saved_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, connection_id) DO UPDATE
                 SET saved = excluded.saved, saved_at = excluded.saved_at",
        );
        let sql = sql.arg(tenant.0).arg(connection.0);
        conn.execute(sql.arg(budget.saved.as_str()).arg(budget.saved_at))
            .await?;
        let day = budget.saved_at.as_micros().div_euclid(DAY_US);
        let made = Class::ALL.into_iter().zip(calls).filter(|(_, calls)| *calls > 0);
        let made: Vec<(Class, u32)> = made.collect();
        if !made.is_empty() {
            let sql = conn
                .sql(
                    "count calls of a day",
                    "INSERT INTO budget_day (tenant_id, connection_id, day, class, calls) VALUES ",
                )
                .rows(&made, |(class, calls), values| {
                    values.put(tenant.0).put(connection.0).put(day);
                    values.put(class.as_str()).put(*calls);
                })
                .push(
                    " ON CONFLICT (tenant_id, connection_id, day, class)
                     DO UPDATE SET calls = budget_day.calls + excluded.calls",
                );
            conn.execute(sql).await?;
        }
        let sql = conn.sql(
            "forget old days",
            "DELETE FROM budget_day WHERE tenant_id = $1 AND connection_id = $2 AND day < $3",
        );
        let oldest = day - limits::BUDGET_DAYS;
        conn.execute(sql.arg(tenant.0).arg(connection.0).arg(oldest))
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns the calls of `connection` by day, newest first; days without calls are left out.
    ///
    /// # Errors
    /// [`StoreError::Driver`], [`StoreError::Contradiction`].
    pub async fn budget_days(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<BudgetDay>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read calls by day",
            "SELECT day, class, calls FROM budget_day WHERE tenant_id = $1 AND connection_id = $2 ORDER BY day DESC",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(connection.0)).await?;
        let mut days: Vec<BudgetDay> = Vec::new();
        for row in &rows {
            let mut cells = row.cells();
            let day = cells.int()?;
            let class = cells.word("budget_day", "class", |word| {
                Class::ALL.into_iter().find(|class| class.as_str() == word)
            })?;
            if days.last().is_none_or(|last| last.day != day) {
                days.push(BudgetDay {
                    day,
                    start: Timestamp::from_micros(day.saturating_mul(DAY_US)),
                    calls: [0; 4],
                });
            }
            if let Some(last) = days.last_mut() {
                last.calls[class.index()] = cells.int()?;
            }
        }
        Ok(days)
    }
}
