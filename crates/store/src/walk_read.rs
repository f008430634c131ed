//! What walks look at: their pieces, what the hub holds alive, what the inbox has of a page already.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schakel_core::connector::Part;
use schakel_core::id::{ConnectionId, EventId, TenantId};
use schakel_core::record::RecordKind;
use schakel_core::time::Timestamp;
use schakel_core::walk::Job;

use crate::Store;
use crate::body::body_of;
use crate::db::Row;
use crate::error::StoreError;
use crate::rows::Piece;
use crate::sql::limit_of;
use crate::sql::{Sql, key_chunks};

/// Holds for records that are there: `Held::is_deleted` in SQL.
pub(crate) const ALIVE: &str = " AND live_at IS NOT NULL AND (gone_at IS NULL
         OR (live_ordinal > 0 AND gone_ordinal > 0 AND gone_ordinal <= live_ordinal)
         OR ((live_ordinal = 0 OR gone_ordinal = 0)
             AND (gone_at, gone_ordinal, gone_rank) <= (live_at, live_ordinal, live_rank)))";

impl Store {
    /// Returns the pieces that `job` gathered for `part`, those of the things with the lowest ids first: about `limit`
    /// pieces, but all pieces of each thing.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn pieces(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        (job, part): (Job, Part),
        limit: usize,
    ) -> Result<Vec<Piece>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read pieces",
            "SELECT remote_id, body FROM walk_piece
             WHERE tenant_id = $1 AND connection_id = $2 AND job = $3 AND part = $4 AND remote_id <= (
                 SELECT max(remote_id) FROM (SELECT remote_id FROM walk_piece
                     WHERE tenant_id = $5 AND connection_id = $6 AND job = $7 AND part = $8
                     ORDER BY remote_id LIMIT $9) AS next)
             ORDER BY remote_id, digest",
        );
        let of = |sql: Sql| {
            sql.arg(tenant.0)
                .arg(connection.0)
                .arg(job.as_str())
                .arg(part.as_str())
        };
        let sql = of(of(sql)).arg(limit_of(limit));
        let rows = self.db.read(sql).await?;
        let piece = |row: &Row| {
            let mut cells = row.cells();
            Ok(Piece {
                remote_id: cells.int()?,
                body: cells.bytes()?.into(),
            })
        };
        rows.iter().map(piece).collect()
    }

    /// Counts the pieces that `job` gathered for `part`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_pieces(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        (job, part): (Job, Part),
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count pieces",
            "SELECT count(*) FROM walk_piece
             WHERE tenant_id = $1 AND connection_id = $2 AND job = $3 AND part = $4",
        );
        let sql = sql
            .arg(tenant.0)
            .arg(connection.0)
            .arg(job.as_str())
            .arg(part.as_str());
        let rows = self.db.read(sql).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Counts the things of `kind` that are there, as far as the hub knows.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_alive(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
    ) -> Result<i64, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "count records",
            "SELECT count(*) FROM record WHERE tenant_id = $1 AND connection_id = $2 AND kind = $3",
        );
        let sql = sql.arg(tenant.0).arg(connection.0).arg(kind.as_str()).push(ALIVE);
        let rows = self.db.read(sql).await?;
        rows.first().map_or(Ok(0), |row| row.cells().int())
    }

    /// Returns the ids of the things of `kind` that are there, as far as the hub knows, above `after` and up to `last`,
    /// each with the time of what is held; the lowest ids first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn ids_alive(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
        (after, last): (i64, i64),
        limit: usize,
    ) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "read the ids of records",
            "SELECT remote_id, live_at FROM record WHERE tenant_id = ",
        )
        .bind(tenant.0)
        .push(" AND connection_id = ")
        .bind(connection.0)
        .push(" AND kind = ")
        .bind(kind.as_str())
        .push(" AND remote_id > ")
        .bind(after)
        .push(" AND remote_id <= ")
        .bind(last)
        .push(ALIVE)
        .push(" ORDER BY remote_id LIMIT ")
        .bind(limit_of(limit));
        let rows = self.db.read(sql).await?;
        let alive = |row: &Row| {
            let mut cells = row.cells();
            Ok((cells.int()?, cells.time()?))
        };
        rows.iter().map(alive).collect()
    }

    /// Tells of each of `things` (id and body) whether it stands in the inbox already and waits there, or was set aside and
    /// waits for a person: what lists say again of those is no news.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn are_in_inbox(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        kind: RecordKind,
        things: &[(i64, &[u8])],
    ) -> Result<Vec<bool>, StoreError> {
        let digest = |(id, body): &(i64, &[u8])| (*id, *blake3::hash(body).as_bytes());
        let bodies: Vec<(i64, [u8; 32])> = things.iter().map(digest).collect();
        let mut found = BTreeSet::new();
        for chunk in key_chunks(&bodies) {
            let sql = Sql::new(
                self.db.dialect(),
                "look for bodies in the inbox",
                "SELECT remote_id, body_digest FROM event WHERE kind = ",
            )
            .bind(kind.as_str())
            .push(
                " AND state IN ('waiting', 'quarantined')
                 AND (tenant_id, connection_id, remote_id, body_digest) IN (VALUES ",
            )
            .key_rows(chunk, |(remote_id, digest), values| {
                values
                    .put(tenant.0)
                    .put(connection.0)
                    .put(*remote_id)
                    .put(digest.as_slice());
            })
            .push(")");
            for row in self.db.read(sql).await? {
                let mut cells = row.cells();
                found.insert((cells.int()?, cells.digest::<32>("event", "body_digest")?));
            }
        }
        Ok(bodies.iter().map(|body| found.contains(body)).collect())
    }

    /// Returns the bodies of `events`, without those that are damaged or gone.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn bodies(
        &self,
        tenant: TenantId,
        events: &[EventId],
    ) -> Result<BTreeMap<EventId, Bytes>, StoreError> {
        let mut found = BTreeMap::new();
        for chunk in key_chunks(events) {
            let sql = Sql::new(
                self.db.dialect(),
                "read the bodies of events",
                "SELECT id, body_bytes, body, body_digest FROM event WHERE (tenant_id, id) IN (VALUES ",
            )
            .key_rows(chunk, |event, values| {
                values.put(tenant.0).put(event.0);
            })
            .push(")");
            for row in self.db.read(sql).await? {
                let mut cells = row.cells();
                let event = EventId(cells.int()?);
                match body_of(&mut cells, &event.0.to_string()) {
                    Ok(body) => drop(found.insert(event, body)),
                    Err(StoreError::Contradiction { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }
}
