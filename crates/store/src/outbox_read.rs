//! The outbox as people see it: numbers, pages, dead letters, attempts.

use std::collections::BTreeMap;

use schakel_core::delivery::{DeliveryState, ObjectKind};
use schakel_core::id::{AttemptId, ConnectionId, DeliveryId, TenantId};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::Row;
use crate::error::StoreError;
use crate::outbox::{MADE, SELECT, delivery_of, delivery_row, of_objects, wish_of};
use crate::rows::{AttemptRow, DeadFilter, DeadLetter, DeliveryCount, DeliveryRow};
use crate::setting::one;
use crate::sql::limit_of;
use crate::sql::{Sql, key_chunks};

/// Counts every state but clean from its own index, and all rows from the running totals. The plus signs keep SQLite
/// from reading all rows in an index that has them in groups.
const COUNTS: &str = "SELECT +sink_id, kind, 'ready', COUNT(*) FROM delivery
         WHERE tenant_id = $1 AND state = 'ready' GROUP BY 1, 2
     UNION ALL SELECT +sink_id, kind, 'held', COUNT(*) FROM delivery
         WHERE tenant_id = $1 AND state = 'held' GROUP BY 1, 2
     UNION ALL SELECT +sink_id, kind, 'unplaced', COUNT(*) FROM delivery
         WHERE tenant_id = $1 AND state = 'unplaced' GROUP BY 1, 2
     UNION ALL SELECT +sink_id, kind, 'claimed', COUNT(*) FROM delivery
         WHERE tenant_id = $1 AND state = 'claimed' GROUP BY 1, 2
     UNION ALL SELECT +sink_id, kind, 'dead', COUNT(*) FROM delivery
         WHERE tenant_id = $1 AND state = 'dead' GROUP BY 1, 2
     UNION ALL SELECT +sink_id, kind, 'parent', COUNT(*) FROM delivery
         WHERE tenant_id = $1 AND state = 'parent' GROUP BY 1, 2
     UNION ALL SELECT connection_id, name, 'all', n FROM counter
         WHERE tenant_id = $1 AND origin = $2";

impl Store {
    /// Returns how many deliveries stand where, without those that are none. The cost grows with what is not clean.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn delivery_counts(&self, tenant: TenantId) -> Result<Vec<DeliveryCount>, StoreError> {
        let sql = Sql::new(self.db.dialect(), "count deliveries", COUNTS);
        let mut counts: BTreeMap<(ConnectionId, ObjectKind, DeliveryState), i64> = BTreeMap::new();
        for row in self.db.read(sql.arg(tenant.0).arg(MADE)).await? {
            let mut cells = row.cells();
            let sink = ConnectionId(cells.int()?);
            let kind = cells.word("delivery", "kind", ObjectKind::parse)?;
            let state = DeliveryState::parse(&cells.text()?);
            let n = cells.int()?;
            // What is in no other state is clean.
            *counts.entry((sink, kind, DeliveryState::Clean)).or_default() += match state {
                Some(_) => -n,
                None => n,
            };
            if let Some(state) = state {
                counts.insert((sink, kind, state), n);
            }
        }
        Ok(counts
            .into_iter()
            .filter(|(_, count)| *count != 0)
            .map(|((sink, kind, state), count)| DeliveryCount {
                sink,
                kind,
                state,
                count,
            })
            .collect())
    }

    /// Counts deliveries to `sink` that are ready, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_ready(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        most: i64,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count ready deliveries",
            "SELECT count(*) FROM (SELECT 1 FROM delivery
                 WHERE tenant_id = $1 AND sink_id = $2 AND state = 'ready' LIMIT $3) AS few",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(sink.0).arg(most)).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Returns the deliveries of `objects` to `sink`, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn deliveries_of(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        objects: &[(ObjectKind, i64)],
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let mut found = Vec::with_capacity(objects.len());
        for chunk in key_chunks(objects) {
            let sql = Sql::new(self.db.dialect(), "read deliveries", SELECT);
            for row in self.db.read(of_objects(sql, tenant, sink, chunk)).await? {
                found.push(delivery_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Returns a page of the deliveries of `kind` to `sink` in the order of their objects: those behind `after`, which
    /// is the last row of the page before, or `DeliveryId(0)`.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn page_deliveries(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        kind: ObjectKind,
        after: DeliveryId,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let sql = Sql::new(self.db.dialect(), "read a page of deliveries", SELECT)
            .push("tenant_id = ")
            .bind(tenant.0)
            .push(" AND sink_id = ")
            .bind(sink.0)
            .push(" AND kind = ")
            .bind(kind.as_str())
            .push(" AND object > COALESCE((SELECT object FROM delivery WHERE tenant_id = ")
            .bind(tenant.0)
            .push(" AND id = ")
            .bind(after.0)
            .push("), ")
            .bind(i64::MIN)
            .push(") ORDER BY object LIMIT ")
            .bind(limit_of(limit));
        self.db.read(sql).await?.iter().map(delivery_row).collect()
    }

    /// Returns the newest dead letters to `sink`, or to all, that `filter` means, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn dead_letters(
        &self,
        tenant: TenantId,
        sink: Option<ConnectionId>,
        filter: &DeadFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut sql = Sql::new(
            self.db.dialect(),
            "read dead letters",
            "SELECT d.id, d.sink_id, d.kind, d.object, d.parent_id, d.root_id, d.state, d.due_at, d.wish,
                 d.desired_version, d.desired_digest, d.desired, d.confirmed_version, d.confirmed_digest,
                 d.remote_id, d.remote_parent, d.since, a.error, a.ended_at
             FROM delivery AS d
             LEFT JOIN attempt AS a ON a.tenant_id = d.tenant_id AND a.id = (
                 SELECT MAX(l.id) FROM attempt AS l WHERE l.tenant_id = d.tenant_id AND l.delivery_id = d.id)
             WHERE d.state = 'dead' AND d.tenant_id = ",
        )
        .bind(tenant.0);
        // With the plus signs (and with nothing added to a text) the index of what is dead is used, and not that of all deliveries.
        if let Some(sink) = sink {
            sql = sql.push(" AND +d.sink_id = ").bind(sink.0);
        }
        if let Some(kind) = filter.kind {
            sql = sql.push(" AND d.kind || '' = ").bind(kind.as_str());
        }
        let sql = match filter.deliveries.as_deref() {
            None => sql,
            Some([]) => sql.push(" AND FALSE"),
            Some(ids) => sql
                .push(" AND +d.id IN (VALUES ")
                .key_rows(ids, |id, values| {
                    values.put(id.0);
                })
                .push(")"),
        };
        let sql = sql.push(" ORDER BY +d.id DESC LIMIT ").bind(limit_of(limit));
        let rows = self.db.read(sql).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                let delivery = delivery_of(&mut cells)?;
                let error = cells.opt_text()?.unwrap_or_default();
                let at = cells.opt_int()?.map(Timestamp::from_micros);
                Ok(DeadLetter {
                    at: at.unwrap_or(delivery.due_at),
                    delivery,
                    error,
                })
            })
            .collect()
    }

    /// Returns the newest attempts of a delivery, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn attempts_of(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read attempts",
            "SELECT id, delivery_id, version, wish, started_at, ended_at, outcome, error, calls FROM attempt
             WHERE tenant_id = $1 AND delivery_id = $2 ORDER BY id DESC LIMIT $3",
        );
        let sql = sql.arg(tenant.0).arg(delivery.0).arg(limit_of(limit));
        self.db.read(sql).await?.iter().map(attempt_row).collect()
    }

    /// Returns the highest number of an object of `kind` of which `sink` may hold anything by this database: one that was
    /// tried at least once. 0 when nothing was.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn highest_tried(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
        kind: ObjectKind,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look for the highest object that was tried",
            "SELECT object FROM delivery
             WHERE tenant_id = $1 AND sink_id = $2 AND kind = $3
                 AND (confirmed_version > 0 OR attempts > 0 OR state = 'claimed' OR is_uncertain OR remote_id IS NOT NULL)
             ORDER BY object DESC LIMIT 1",
        );
        let sql = sql.arg(tenant.0).arg(sink.0).arg(kind.as_str());
        let rows = self.db.read(sql).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Returns the earliest time at which a delivery to `sink` may be claimed or is held no longer.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn next_due(
        &self,
        tenant: TenantId,
        sink: ConnectionId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "look for due deliveries",
            "SELECT MIN(due_at) FROM (
                 SELECT MIN(due_at) AS due_at FROM delivery
                 WHERE tenant_id = $1 AND sink_id = $2 AND state = 'ready'
                 UNION ALL SELECT MIN(due_at) FROM delivery
                 WHERE tenant_id = $1 AND sink_id = $2 AND state = 'held') AS earliest",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(sink.0)).await?;
        let earliest = one("delivery", &rows)?.cells().opt_int()?;
        Ok(earliest.map(Timestamp::from_micros))
    }
}

fn attempt_row(row: &Row) -> Result<AttemptRow, StoreError> {
    let mut cells = row.cells();
    Ok(AttemptRow {
        id: AttemptId(cells.int()?),
        delivery: DeliveryId(cells.int()?),
        version: cells.int()?,
        wish: cells.word("attempt", "wish", wish_of)?,
        started_at: cells.time()?,
        ended_at: cells.opt_int()?.map(Timestamp::from_micros),
        outcome: cells.text()?,
        error: cells.text()?,
        calls: cells.count()?,
    })
}
