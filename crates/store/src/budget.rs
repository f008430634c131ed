//! Budgets of calls: what is spent, and how many calls each day took.

use std::collections::BTreeSet;

use schakel_core::connector::Class;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::limits;
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::lease;
use crate::rows::{BudgetDay, BudgetRow, GuestAnswer, GuestCall, GuestRow, Written};
use crate::sql::Sql;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// What guests wrote down, oldest first.
const GUESTS: &str = "SELECT id, class, told, made_at FROM budget_guest
     WHERE tenant_id = $1 AND connection_id = $2 ORDER BY id";

async fn guests(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    connection: ConnectionId,
) -> Result<Vec<GuestRow>, StoreError> {
    let sql = conn.sql("read calls of guests", GUESTS);
    let rows = conn.fetch(sql.arg(tenant.0).arg(connection.0)).await?;
    rows.iter().map(guest_of).collect()
}

fn guest_of(row: &Row) -> Result<GuestRow, StoreError> {
    let mut cells = row.cells();
    let (id, class, told) = (cells.int()?, cells.opt_text()?, cells.opt_text()?);
    let at = cells.time()?;
    if let Some(told) = told {
        return Ok(GuestRow::Answer(GuestAnswer {
            id,
            told,
            heard_at: at,
        }));
    }
    let class = class.as_deref().and_then(class_of);
    let class = class.ok_or_else(|| StoreError::Contradiction {
        table: "budget_guest",
        row: id.to_string(),
        column: "class",
    })?;
    Ok(GuestRow::Call(GuestCall {
        id,
        class,
        made_at: at,
    }))
}

/// Writes down what a guest did.
async fn put_guest(
    conn: &mut Conn<'_>,
    (tenant, connection): (TenantId, ConnectionId),
    row: &GuestRow,
) -> Result<(), StoreError> {
    let (class, told) = match row {
        GuestRow::Call(call) => (Some(call.class.as_str()), None),
        GuestRow::Answer(answer) => (None, Some(answer.told.as_str())),
    };
    let sql = conn.sql(
        "write a call of a guest",
        "INSERT INTO budget_guest (tenant_id, connection_id, id, class, told, made_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let sql = sql.arg(tenant.0).arg(connection.0).arg(row.id());
    conn.execute(sql.arg(class).arg(told).arg(row.at())).await?;
    Ok(())
}

/// Reads the row of a budget; `None` for one that only guests have locked.
fn budget_of(row: &Row) -> Result<Option<BudgetRow>, StoreError> {
    let mut cells = row.cells();
    let budget = BudgetRow {
        saved: cells.text()?,
        saved_at: cells.time()?,
    };
    Ok((!budget.saved.is_empty()).then_some(budget))
}

/// Locks the row of a budget until the end of the transaction, and reads it. Before the first budget is written an empty
/// row is put there: without one there is nothing to lock, and two guests would find the same room.
async fn lock_budget(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    connection: ConnectionId,
) -> Result<Option<BudgetRow>, StoreError> {
    let sql = conn.sql(
        "make the row of a budget",
        "INSERT INTO budget (tenant_id, connection_id, saved, saved_at) VALUES ($1, $2, '', 0)
         ON CONFLICT (tenant_id, connection_id) DO NOTHING",
    );
    conn.execute(sql.arg(tenant.0).arg(connection.0)).await?;
    let sql = conn
        .sql(
            "lock a budget",
            "SELECT saved, saved_at FROM budget WHERE tenant_id = ",
        )
        .bind(tenant.0)
        .push(" AND connection_id = ")
        .bind(connection.0)
        .push(conn.dialect().for_update());
    let rows = conn.fetch(sql).await?;
    rows.first().map(budget_of).transpose().map(Option::flatten)
}

fn class_of(word: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.as_str() == word)
}

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
        rows.first().map(budget_of).transpose().map(Option::flatten)
    }

    /// Writes the budget of `connection` and adds `calls`, by class in the order of [`Class::ALL`], to its day; days
    /// older than [`limits::BUDGET_DAYS`] go. Changes nothing when `lease`, a name and an epoch, is another's now (I21), or
    /// when guests wrote down what is not among `counted`; those are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn put_budget(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        budget: &BudgetRow,
        (calls, counted): ([u32; 4], &BTreeSet<i64>),
        lease: Option<(&str, i64)>,
    ) -> Result<Written, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        if let Some((name, epoch)) = lease
            && !lease::is_held(&mut conn, name, epoch).await?
        {
            return Ok(Written::Lost);
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
        // After the row of the budget is ours, which guests lock as well.
        let guests = guests(&mut conn, tenant, connection).await?;
        if guests.iter().any(|guest| !counted.contains(&guest.id())) {
            return Ok(Written::Uncounted);
        }
        if !guests.is_empty() {
            let sql = conn.sql(
                "forget calls of guests",
                "DELETE FROM budget_guest WHERE tenant_id = $1 AND connection_id = $2",
            );
            conn.execute(sql.arg(tenant.0).arg(connection.0)).await?;
        }
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
        Ok(Written::Yes)
    }

    /// Gives what guests wrote down and the owner of the budget did not count yet, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Driver`], [`StoreError::Contradiction`].
    pub async fn guests(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<GuestRow>, StoreError> {
        let sql = Sql::new(self.db.dialect(), "read calls of guests", GUESTS);
        let rows = self.db.read(sql.arg(tenant.0).arg(connection.0)).await?;
        rows.iter().map(guest_of).collect()
    }

    /// Writes down a call of a guest when `is_room` says so of the budget and what other guests wrote down, which do not
    /// change meanwhile; gives what it says. What is older than [`limits::GUEST_CALLS_US`] count in no window and go.
    ///
    /// # Errors
    /// [`StoreError::Driver`], [`StoreError::Contradiction`].
    pub async fn put_guest_call<T>(
        &self,
        (tenant, connection): (TenantId, ConnectionId),
        new: GuestCall,
        is_room: impl FnOnce(Option<&BudgetRow>, &[GuestRow]) -> Result<(), T>,
    ) -> Result<Result<(), T>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        let budget = lock_budget(&mut conn, tenant, connection).await?;
        let guests = guests(&mut conn, tenant, connection).await?;
        if let Err(refused) = is_room(budget.as_ref(), &guests) {
            return Ok(Err(refused));
        }
        let sql = conn.sql(
            "forget old calls of guests",
            "DELETE FROM budget_guest WHERE tenant_id = $1 AND connection_id = $2 AND made_at < $3",
        );
        let oldest = new.made_at.as_micros().saturating_sub(limits::GUEST_CALLS_US);
        conn.execute(sql.arg(tenant.0).arg(connection.0).arg(oldest))
            .await?;
        put_guest(&mut conn, (tenant, connection), &GuestRow::Call(new)).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Writes down what an answer told a guest, for the owner of the budget.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn put_guest_answer(
        &self,
        (tenant, connection): (TenantId, ConnectionId),
        new: GuestAnswer,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut conn = tx.conn();
        // Or the owner, who has read already what there is, forgets it unread.
        lock_budget(&mut conn, tenant, connection).await?;
        put_guest(&mut conn, (tenant, connection), &GuestRow::Answer(new)).await?;
        tx.commit().await
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
            let class = cells.word("budget_day", "class", class_of)?;
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
