//! The outbox as apply sees it: what each sink shall hold of each object.

use schakel_core::delivery::{DeliveryState, ObjectKind, Wish};
use schakel_core::id::{ConnectionId, DeliveryId, TenantId};

use crate::counter::Totals;
use crate::db::{Cells, Conn, Row};
use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::rows::{Claim, DeliveryRow};
use crate::sql::{RowValues, Sql, insert_chunks, key_chunks, last_of_each};

/// True for a row of `delivery` that must wait: its parent or its root was never confirmed, or the root is not there.
macro_rules! is_blocked {
    () => {
        "EXISTS (SELECT 1 FROM delivery AS p WHERE p.tenant_id = delivery.tenant_id + 0
             AND p.id IN (delivery.parent_id, delivery.root_id)
             AND (p.confirmed_version = 0 OR (p.id = delivery.root_id AND p.remote_id IS NULL)))"
    };
}
pub(crate) use is_blocked;

/// True for a row of `delivery` under whose object something of ours still stands in the sink.
macro_rules! has_children {
    () => {
        "EXISTS (SELECT 1 FROM delivery AS c WHERE c.tenant_id = delivery.tenant_id + 0
             AND c.sink_id = delivery.sink_id + 0 AND c.remote_parent IS NOT NULL
             AND c.remote_parent = delivery.remote_id)"
    };
}
pub(crate) use has_children;

const TABLE: &str = "delivery";

/// Second part of the key of the totals of made deliveries, where the inbox has an origin.
pub(crate) const MADE: &str = "delivery";

/// Reads deliveries; the columns in the order in which [`delivery_row`] takes them.
pub(crate) const SELECT: &str = "SELECT id, sink_id, kind, object, parent_id, root_id, state, due_at, wish,
         desired_version, desired_digest, desired, confirmed_version, confirmed_digest, remote_id, remote_parent,
         since
     FROM delivery WHERE ";

pub(crate) async fn read_locked(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    sink: ConnectionId,
    objects: &[(ObjectKind, i64)],
) -> Result<Vec<DeliveryRow>, StoreError> {
    let mut found = Vec::with_capacity(objects.len());
    for chunk in key_chunks(objects) {
        let sql = of_objects(conn.sql("read deliveries", SELECT), tenant, sink, chunk)
            .push(" ORDER BY +id")
            .push(conn.dialect().for_update());
        for row in conn.fetch(sql).await? {
            found.push(delivery_row(&row)?);
        }
    }
    Ok(found)
}

/// Ends a statement that reads what is due for `claim` from `delivery AS d`, earliest first: at most `limit` rows, which are
/// locked.
pub(crate) fn of_due(sql: Sql, claim: &Claim, limit: i64, dialect: Dialect) -> Sql {
    sql.push(" WHERE d.state = 'ready' AND d.tenant_id = ")
        .bind(claim.tenant.0)
        .push(" AND d.sink_id = ")
        .bind(claim.sink.0)
        .push(" AND d.due_at <= ")
        .bind(claim.now)
        .push(" ORDER BY d.due_at, d.id LIMIT ")
        .bind(limit)
        .push(dialect.for_update_of_d_skip_locked())
}

/// Adds the condition that names objects of one sink.
pub(crate) fn of_objects(
    sql: Sql,
    tenant: TenantId,
    sink: ConnectionId,
    objects: &[(ObjectKind, i64)],
) -> Sql {
    sql.push("(tenant_id, sink_id, kind, object) IN (VALUES ")
        .key_rows(objects, |(kind, object), values| {
            values.put(tenant.0).put(sink.0).put(kind.as_str()).put(*object);
        })
        .push(")")
}

pub(crate) async fn put(
    conn: &mut Conn<'_>,
    totals: &mut Totals,
    tenant: TenantId,
    rows: &[DeliveryRow],
) -> Result<(), StoreError> {
    let rows = last_of_each(rows, |row| (row.sink, row.kind, row.object));
    for chunk in insert_chunks(&rows, 28) {
        let sql = conn
            .sql("write deliveries", INSERT)
            .rows(chunk, |row, values| put_values(tenant, row, values))
            .push(UPSERT);
        for row in conn.fetch(sql).await? {
            let mut cells = row.cells();
            let (sink, kind, writes) = (cells.int()?, cells.text()?, cells.int()?);
            if writes == 0 {
                totals.add((tenant.0, sink, MADE, kind), 1);
            }
        }
    }
    Ok(())
}

const INSERT: &str =
    "INSERT INTO delivery (tenant_id, id, sink_id, kind, object, parent_id, root_id, state, due_at,
         settle_at, wish, desired_version, desired_digest, confirmed_version, confirmed_digest, remote_id,
         remote_parent, is_uncertain, is_forgotten, attempts, faults, since, writes, desired)
     VALUES ";

/// An open attempt keeps its row; what apply wants then waits in `next_state`. An uncertain attempt keeps its row
/// from being clean or due early. A row that was given up, or has new content, starts with no faults.
const UPSERT: &str = " ON CONFLICT (tenant_id, sink_id, kind, object) DO UPDATE SET
         parent_id = excluded.parent_id, root_id = excluded.root_id,
         state = CASE
             WHEN delivery.state = 'claimed' THEN 'claimed'
             WHEN excluded.state = 'clean' AND delivery.is_uncertain THEN 'ready'
             WHEN excluded.state = 'claimed' THEN 'ready'
             ELSE excluded.state END,
         next_state = CASE WHEN delivery.state = 'claimed' THEN excluded.state END,
         due_at = CASE WHEN excluded.due_at < delivery.settle_at THEN delivery.settle_at ELSE excluded.due_at END,
         faults = CASE
             WHEN delivery.state = 'dead' OR excluded.desired_digest <> delivery.desired_digest THEN 0
             ELSE delivery.faults END,
         since = CASE
             WHEN delivery.state = 'clean' OR excluded.since < delivery.since THEN excluded.since
             ELSE delivery.since END,
         wish = excluded.wish, desired_version = excluded.desired_version,
         desired_digest = excluded.desired_digest, desired = excluded.desired,
         writes = delivery.writes + 1
     RETURNING sink_id, kind, writes";

fn put_values(tenant: TenantId, row: &DeliveryRow, values: &mut RowValues<'_>) {
    values
        .put(tenant.0)
        .put(row.id.0)
        .put(row.sink.0)
        .put(row.kind.as_str())
        .put(row.object)
        .put(row.parent.map(|id| id.0))
        .put(row.root.map(|id| id.0))
        .put(row.state.as_str())
        .put(row.due_at)
        .put(0_i64)
        .put(wish_word(row.wish))
        .put(row.desired_version)
        .put(row.desired_digest.as_slice())
        .put(row.confirmed_version)
        .put(row.confirmed_digest.as_ref().map(<[u8; 16]>::as_slice))
        .put(row.remote_id)
        .put(row.remote_parent)
        .put(false)
        .put(false)
        .put(0_i64)
        .put(0_i64)
        .put(row.since)
        .put(0_i64)
        .put(row.desired.as_str());
}

/// The word of a wish in tables.
pub(crate) const fn wish_word(wish: Wish) -> &'static str {
    match wish {
        Wish::Present => "present",
        Wish::Absent => "absent",
    }
}

/// Reads [`wish_word`] back.
pub(crate) fn wish_of(word: &str) -> Option<Wish> {
    match word {
        "present" => Some(Wish::Present),
        "absent" => Some(Wish::Absent),
        _ => None,
    }
}

/// Reads one row of [`SELECT`].
pub(crate) fn delivery_row(row: &Row) -> Result<DeliveryRow, StoreError> {
    delivery_of(&mut row.cells())
}

/// Takes the columns of [`SELECT`].
pub(crate) fn delivery_of(cells: &mut Cells<'_>) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow {
        id: DeliveryId(cells.int()?),
        sink: ConnectionId(cells.int()?),
        kind: cells.word(TABLE, "kind", ObjectKind::parse)?,
        object: cells.int()?,
        parent: cells.opt_int()?.map(DeliveryId),
        root: cells.opt_int()?.map(DeliveryId),
        state: cells.word(TABLE, "state", DeliveryState::parse)?,
        due_at: cells.time()?,
        wish: cells.word(TABLE, "wish", wish_of)?,
        desired_version: cells.int()?,
        desired_digest: cells.digest(TABLE, "desired_digest")?,
        desired: cells.text()?,
        confirmed_version: cells.int()?,
        confirmed_digest: cells.opt_digest(TABLE, "confirmed_digest")?,
        remote_id: cells.opt_int()?,
        remote_parent: cells.opt_int()?,
        since: cells.time()?,
    })
}
