//! Entities: golden things below a person, with the values that the hub gives them.

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, EntityId, RelationId, TenantId};

use crate::Store;
use crate::db::{Conn, Row};
use crate::error::StoreError;
use crate::rows::{EntityKey, EntityRow};
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

/// Reads entities; the columns in the order in which [`entity_row`] takes them.
const SELECT: &str = "SELECT id, connection_id, kind, remote_id, relation_id, parent_id, ref_id, number,
         created_at, updated_at
     FROM entity WHERE ";

impl Store {
    /// Returns the entities of a relation, outside of any transaction, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn read_entities_of(
        &self,
        tenant: TenantId,
        relation: RelationId,
    ) -> Result<Vec<EntityRow>, StoreError> {
        let sql = Sql::new(self.db.dialect(), "read the entities of a relation", SELECT)
            .push("tenant_id = ")
            .bind(tenant.0)
            .push(" AND relation_id = ")
            .bind(relation.0)
            .push(" ORDER BY +id");
        self.db.read(sql).await?.iter().map(entity_row).collect()
    }

    /// Returns the entities that are known of `keys`, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn read_things(
        &self,
        tenant: TenantId,
        keys: &[EntityKey],
    ) -> Result<Vec<EntityRow>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in key_chunks(keys) {
            let sql = Sql::new(self.db.dialect(), "read entities", SELECT);
            for row in self.db.read(of_keys(sql, tenant, chunk)).await? {
                found.push(entity_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Returns the entities with these ids, such as the objects of deliveries, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn read_entities(
        &self,
        tenant: TenantId,
        ids: &[EntityId],
    ) -> Result<Vec<EntityRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in key_chunks(ids) {
            let sql = Sql::new(self.db.dialect(), "read entities by id", SELECT)
                .push("(tenant_id, id) IN (VALUES ")
                .key_rows(chunk, |id, values| {
                    values.put(tenant.0).put(id.0);
                })
                .push(")");
            for row in self.db.read(sql).await? {
                found.push(entity_row(&row)?);
            }
        }
        Ok(found)
    }
}

fn of_keys(sql: Sql, tenant: TenantId, keys: &[EntityKey]) -> Sql {
    sql.push("(tenant_id, connection_id, kind, remote_id) IN (VALUES ")
        .key_rows(keys, |key, values| {
            values
                .put(tenant.0)
                .put(key.connection.0)
                .put(key.kind.as_str())
                .put(key.remote_id);
        })
        .push(")")
}

pub(crate) async fn read(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    keys: &[EntityKey],
) -> Result<Vec<EntityRow>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for chunk in key_chunks(keys) {
        let sql = of_keys(conn.sql("read entities", SELECT), tenant, chunk);
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

pub(crate) async fn showing(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    connection: ConnectionId,
    kind: ObjectKind,
    ref_ids: &[i64],
) -> Result<Vec<EntityRow>, StoreError> {
    let mut found = Vec::new();
    for chunk in key_chunks(ref_ids) {
        let sql = conn
            .sql("read entities by what they show", SELECT)
            .push("ref_id <> 0 AND (tenant_id, connection_id, kind, ref_id) IN (VALUES ")
            .key_rows(chunk, |ref_id, values| {
                values
                    .put(tenant.0)
                    .put(connection.0)
                    .put(kind.as_str())
                    .put(*ref_id);
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

async fn collect(conn: &mut Conn<'_>, sql: Sql, found: &mut Vec<EntityRow>) -> Result<(), StoreError> {
    for row in conn.fetch(sql).await? {
        found.push(entity_row(&row)?);
    }
    Ok(())
}

pub(crate) async fn put(conn: &mut Conn<'_>, tenant: TenantId, rows: &[EntityRow]) -> Result<(), StoreError> {
    let rows = last_of_each(rows, |row| row.key);
    for chunk in insert_chunks(&rows, 11) {
        let sql = conn
            .sql(
                "write entities",
                "INSERT INTO entity (tenant_id, id, connection_id, kind, remote_id, relation_id, parent_id, ref_id,
                     number, created_at, updated_at)
                 VALUES ",
            )
            .rows(chunk, |row, values| {
                values
                    .put(tenant.0)
                    .put(row.id.0)
                    .put(row.key.connection.0)
                    .put(row.key.kind.as_str())
                    .put(row.key.remote_id)
                    .put(row.relation.0)
                    .put(row.parent_id)
                    .put(row.ref_id)
                    .put(row.number)
                    .put(row.created_at)
                    .put(row.updated_at);
            })
            .push(
                " ON CONFLICT (tenant_id, connection_id, kind, remote_id) DO UPDATE SET
                     relation_id = excluded.relation_id, parent_id = excluded.parent_id, ref_id = excluded.ref_id,
                     number = CASE WHEN entity.number = 0 THEN excluded.number ELSE entity.number END,
                     created_at = excluded.created_at, updated_at = excluded.updated_at",
            );
        conn.execute(sql).await?;
    }
    Ok(())
}

fn entity_row(row: &Row) -> Result<EntityRow, StoreError> {
    let mut cells = row.cells();
    Ok(EntityRow {
        id: EntityId(cells.int()?),
        key: EntityKey {
            connection: ConnectionId(cells.int()?),
            kind: cells.word("entity", "kind", ObjectKind::parse)?,
            remote_id: cells.int()?,
        },
        relation: RelationId(cells.int()?),
        parent_id: cells.int()?,
        ref_id: cells.int()?,
        number: cells.int()?,
        created_at: cells.time()?,
        updated_at: cells.time()?,
    })
}
