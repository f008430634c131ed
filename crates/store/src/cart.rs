//! Carts by their age: those that expire, those that an order may close, and how many nobody is known for.

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::record::{RecordKey, RecordKind};
use schakel_core::time::Timestamp;

use crate::Store;
use crate::db::Conn;
use crate::error::StoreError;
use crate::record::{key_of, label_key};
use crate::rows::Window;
use crate::sql::limit_of;
use crate::sql::{RowValues, Sql, key_chunks};
use crate::walk_read::ALIVE;

impl Store {
    /// Returns the carts that last changed after the place `after` and not after `until`, each with that moment and its
    /// id: at most `limit`, in that order, which is also the order of places.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn carts_between(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        (after, until): ((Timestamp, i64), Timestamp),
        limit: usize,
    ) -> Result<Vec<(Timestamp, i64)>, StoreError> {
        // The kind stands in the text, as in the index.
        let text = "SELECT moment, remote_id FROM record WHERE kind = 'quote' AND tenant_id = ";
        let sql = Sql::new(self.db.dialect(), "read carts by their age", text)
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND (moment, remote_id) > (")
            .bind(after.0.as_micros())
            .push(", ")
            .bind(after.1)
            .push(") AND moment <= ")
            .bind(until.as_micros())
            .push(" ORDER BY moment, remote_id LIMIT ")
            .bind(limit_of(limit));
        let rows = self.db.read(sql).await?;
        let carts = rows.iter().map(|row| {
            let mut cells = row.cells();
            Ok((Timestamp::from_micros(cells.int()?), cells.int()?))
        });
        carts.collect()
    }

    /// Counts the carts of a source that are there and that nobody is, or was, known for: those that changed after
    /// `until`, and those that did not.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn count_nobodys_carts(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        until: Timestamp,
    ) -> Result<(i64, i64), StoreError> {
        let text = "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN moment <= ";
        let sql = Sql::new(self.db.dialect(), "count carts of nobody", text)
            .bind(until.as_micros())
            .push(" THEN 1 ELSE 0 END), 0) AS BIGINT) FROM record WHERE kind = 'quote' AND tenant_id = ")
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND owner_id IS NULL")
            .push(ALIVE)
            .push(
                " AND NOT EXISTS (SELECT 1 FROM entity WHERE entity.tenant_id = record.tenant_id
                     AND entity.connection_id = record.connection_id AND entity.remote_id = record.remote_id
                     AND entity.kind = ",
            )
            .bind(ObjectKind::Quote.as_str())
            .push(")");
        let rows = self.db.read(sql).await?;
        let Some(row) = rows.first() else {
            return Ok((0, 0));
        };
        let mut cells = row.cells();
        let (all, ended) = (cells.int()?, cells.int()?);
        Ok((all - ended, ended))
    }
}

pub(crate) async fn newest_orders(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    connection: ConnectionId,
    owners: &[RecordKey],
    except: &[i64],
) -> Result<Vec<(RecordKey, Timestamp)>, StoreError> {
    // The last place of the index for each, but for what is left out: however many orders there are.
    let except = if except.is_empty() { &[0][..] } else { except };
    let mut found = Vec::new();
    for chunk in key_chunks(owners) {
        let sql = conn
            .sql("read newest orders", "WITH wanted (thing, thing_id) AS (VALUES ")
            .key_rows(chunk, |owner, values| {
                values.put(owner.kind.as_str()).put(owner.remote_id);
            })
            .push(
                ") SELECT thing, thing_id, (SELECT moment FROM record WHERE owner_id IS NOT NULL AND owner_kind = thing
                     AND owner_id = thing_id AND moment IS NOT NULL AND tenant_id = ",
            )
            .bind(tenant.0)
            .push(" AND connection_id = ")
            .bind(connection.0)
            .push(" AND kind = ")
            .bind(RecordKind::Order.as_str())
            .push(" AND remote_id NOT IN (VALUES ")
            .key_rows(except, |id, values| {
                values.put(*id);
            })
            .push(
                ") ORDER BY moment DESC LIMIT 1) FROM (SELECT DISTINCT thing, thing_id FROM wanted) AS each_once",
            );
        for row in conn.fetch(sql).await? {
            let mut cells = row.cells();
            let kind = cells.word("record", "owner_kind", RecordKind::parse)?;
            let owner = RecordKey::new(connection, kind, cells.int()?);
            let moment = cells.opt_int()?.map(Timestamp::from_micros);
            found.extend(moment.map(|moment| (owner, moment)));
        }
    }
    Ok(found)
}

pub(crate) async fn within(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    windows: &[Window],
) -> Result<Vec<RecordKey>, StoreError> {
    let mut found = Vec::new();
    for chunk in key_chunks(windows) {
        let sql = conn
            .sql(
                "read carts within a time",
                "WITH wanted (tenant, shop, thing, thing_id, things, after_at, until_at) AS (VALUES ",
            )
            .key_rows(chunk, |window, values| {
                values.put(tenant.0);
                put_owner(&window.owner, values);
                values.put(RecordKind::Quote.as_str());
                let after = window.after.map_or(i64::MIN, Timestamp::as_micros);
                values.put(after).put(window.until.as_micros());
            })
            .push(
                ") SELECT DISTINCT connection_id, kind, remote_id FROM wanted, record WHERE owner_id IS NOT NULL
                     AND tenant_id = tenant AND connection_id = shop AND owner_kind = thing AND owner_id = thing_id
                     AND kind = things AND moment > after_at AND moment <= until_at",
            );
        collect(conn, sql, &mut found).await?;
    }
    // A cart that tells no time is older than any order.
    let timeless: Vec<&Window> = windows.iter().filter(|window| window.after.is_none()).collect();
    for chunk in key_chunks(&timeless) {
        let sql = conn
            .sql(
                "read carts without a time",
                "SELECT connection_id, kind, remote_id FROM record WHERE owner_id IS NOT NULL AND moment IS NULL
                     AND (tenant_id, connection_id, owner_kind, owner_id, kind) IN (VALUES ",
            )
            .key_rows(chunk, |window, values| {
                values.put(tenant.0);
                put_owner(&window.owner, values);
                values.put(RecordKind::Quote.as_str());
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

fn put_owner(owner: &RecordKey, values: &mut RowValues<'_>) {
    values
        .put(owner.connection.0)
        .put(owner.kind.as_str())
        .put(owner.remote_id);
}

/// Reads the carts without a customer that checkouts name; which checkouts follows.
const NAMED: &str = "SELECT DISTINCT cart.connection_id, cart.kind, cart.remote_id
     FROM record AS checkout, record AS cart
     WHERE cart.owner_id IS NULL AND cart.kind = 'quote' AND cart.tenant_id = checkout.tenant_id
         AND cart.connection_id = checkout.connection_id AND cart.remote_id = checkout.ref_id
         AND checkout.kind = 'checkout' AND checkout.ref_id <> 0 AND ";

pub(crate) async fn by_owner(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    owners: &[RecordKey],
) -> Result<Vec<RecordKey>, StoreError> {
    let mut found = Vec::new();
    for chunk in key_chunks(owners) {
        let sql = conn
            .sql("read carts by the owner of a checkout", NAMED)
            .push(
                "checkout.owner_id IS NOT NULL AND (checkout.tenant_id, checkout.connection_id, checkout.owner_kind,
                     checkout.owner_id, checkout.kind) IN (VALUES ",
            )
            .key_rows(chunk, |owner, values| {
                values.put(tenant.0);
                put_owner(owner, values);
                values.put(RecordKind::Checkout.as_str());
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

pub(crate) async fn by_label(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    labels: &[String],
) -> Result<Vec<RecordKey>, StoreError> {
    let mut found = Vec::new();
    for chunk in key_chunks(labels) {
        let sql = conn
            .sql("read carts by the label of a checkout", NAMED)
            .push("checkout.label <> '' AND (checkout.tenant_id, checkout.label) IN (VALUES ")
            .key_rows(chunk, |label, values| {
                values.put(tenant.0).put(label_key(label));
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

async fn collect(conn: &mut Conn<'_>, sql: Sql, found: &mut Vec<RecordKey>) -> Result<(), StoreError> {
    for row in conn.fetch(sql).await? {
        found.push(key_of(&mut row.cells(), "record")?);
    }
    Ok(())
}
