//! Nodes: the source records of persons, and the keys by which they join.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::id::{RelationId, TenantId};
use schakel_core::identity::{MatchKey, Node, SourceClass};
use schakel_core::record::RecordKey;

use crate::Store;
use crate::db::{Conn, Row, contradiction};
use crate::error::StoreError;
use crate::record::{key_of, put_key};
use crate::rows::PutNode;
use crate::sql::{Sql, insert_chunks, key_chunks, last_of_each};

/// Reads nodes; the columns in the order in which [`node_row`] takes them.
const SELECT: &str =
    "SELECT connection_id, kind, remote_id, class, created_at, is_deleted, is_confirmed, home,
         relation_id, match_keys
     FROM node WHERE ";

impl Store {
    /// Returns the nodes of a relation in every scope, outside of any transaction.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::Contradiction`].
    pub async fn read_nodes_of(
        &self,
        tenant: TenantId,
        relation: RelationId,
    ) -> Result<Vec<Node>, StoreError> {
        // The relation names its one scope, so that the nodes are found by their index.
        let sql = Sql::new(self.db.dialect(), "read the nodes of a relation", SELECT)
            .push("tenant_id = ")
            .bind(tenant.0)
            .push(" AND scope = (SELECT scope FROM relation WHERE tenant_id = ")
            .bind(tenant.0)
            .push(" AND id = ")
            .bind(relation.0)
            .push(") AND relation_id = ")
            .bind(relation.0);
        let rows = self.db.read(sql).await?;
        let mut nodes = rows.iter().map(node_row).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by_key(|node| node.key);
        Ok(nodes)
    }

    /// Returns the relations whose records have `key`, in any scope, each once.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn find_relation_by_key(
        &self,
        tenant: TenantId,
        key: &MatchKey,
    ) -> Result<Vec<RelationId>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "find relations by key",
            "SELECT DISTINCT n.relation_id FROM match_key AS m
             JOIN node AS n ON n.tenant_id = m.tenant_id AND n.scope = m.scope
                 AND n.connection_id = m.connection_id AND n.kind = m.kind AND n.remote_id = m.remote_id
             WHERE m.tenant_id = $1 AND m.match_key = $2 AND n.relation_id IS NOT NULL
             ORDER BY n.relation_id",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(key.0.as_str())).await?;
        rows.iter().map(|row| row.cells().int().map(RelationId)).collect()
    }

    /// Returns the relations of records, each named with its scope; each relation once.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn find_relations_of(
        &self,
        tenant: TenantId,
        records: &[(i64, RecordKey)],
    ) -> Result<Vec<RelationId>, StoreError> {
        let mut found = BTreeSet::new();
        for chunk in key_chunks(records) {
            let text = "SELECT relation_id FROM node WHERE relation_id IS NOT NULL
                 AND (tenant_id, scope, connection_id, kind, remote_id) IN (VALUES ";
            let sql = Sql::new(self.db.dialect(), "find relations of records", text)
                .key_rows(chunk, |(scope, key), values| {
                    values.put(tenant.0).put(*scope);
                    put_key(key, values);
                })
                .push(")");
            for row in self.db.read(sql).await? {
                found.insert(RelationId(row.cells().int()?));
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Returns the relations whose records had `key` before, in any scope, each once.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub async fn find_relations_by_former_key(
        &self,
        tenant: TenantId,
        key: &MatchKey,
    ) -> Result<Vec<RelationId>, StoreError> {
        let sql = Sql::new(
            self.db.dialect(),
            "find relations by former key",
            "SELECT DISTINCT n.relation_id FROM former_key AS f
             JOIN node AS n ON n.tenant_id = f.tenant_id AND n.scope = f.scope
                 AND n.connection_id = f.connection_id AND n.kind = f.kind AND n.remote_id = f.remote_id
             WHERE f.tenant_id = $1 AND f.match_key = $2 AND n.relation_id IS NOT NULL
             ORDER BY n.relation_id",
        );
        let rows = self.db.read(sql.arg(tenant.0).arg(key.0.as_str())).await?;
        rows.iter().map(|row| row.cells().int().map(RelationId)).collect()
    }
}

pub(crate) async fn read(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    keys: &[RecordKey],
) -> Result<Vec<Node>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for chunk in key_chunks(keys) {
        let sql = conn
            .sql("read nodes", SELECT)
            .push("(tenant_id, scope, connection_id, kind, remote_id) IN (VALUES ")
            .key_rows(chunk, |key, values| {
                values.put(tenant.0).put(scope);
                put_key(key, values);
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

pub(crate) async fn key_counts(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    keys: &[MatchKey],
) -> Result<Vec<(MatchKey, i64)>, StoreError> {
    let mut counts = Vec::with_capacity(keys.len());
    let keys = last_of_each(keys, |key| key.0.clone());
    for chunk in key_chunks(&keys) {
        // A key of thousands of records joins nothing, so counting stops early.
        let sql = conn
            .sql("count match keys", "WITH wanted (wanted_key) AS (VALUES ")
            .key_rows(chunk, |key, values| {
                values.put(key.0.as_str());
            })
            .push(
                ") SELECT wanted_key, (SELECT COUNT(*) FROM (
                     SELECT 1 FROM match_key WHERE match_key = wanted_key AND tenant_id = ",
            )
            .bind(tenant.0)
            .push(" AND scope = ")
            .bind(scope)
            .push(" LIMIT 100) AS counted) FROM (SELECT DISTINCT wanted_key FROM wanted) AS each_once");
        for row in conn.fetch(sql).await? {
            let mut cells = row.cells();
            let (key, n) = (cells.text()?, cells.int()?);
            if n > 0 {
                counts.push((MatchKey(key), n));
            }
        }
    }
    Ok(counts)
}

pub(crate) async fn by_keys(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    keys: &[MatchKey],
) -> Result<Vec<Node>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for chunk in key_chunks(keys) {
        let sql = conn
            .sql("read nodes by key", SELECT)
            .push(
                "(tenant_id, scope, connection_id, kind, remote_id) IN (
                     SELECT tenant_id, scope, connection_id, kind, remote_id FROM match_key
                     WHERE (tenant_id, match_key, scope) IN (VALUES ",
            )
            .key_rows(chunk, |key, values| {
                values.put(tenant.0).put(key.0.as_str()).put(scope);
            })
            .push("))");
        collect(conn, sql, &mut found).await?;
    }
    // Two chunks may have found one node.
    found.sort_by_key(|node| node.key);
    found.dedup_by_key(|node| node.key);
    Ok(found)
}

pub(crate) async fn of_relations(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    relations: &[RelationId],
) -> Result<Vec<Node>, StoreError> {
    let mut found = Vec::with_capacity(relations.len());
    for chunk in key_chunks(relations) {
        let sql = conn
            .sql("read nodes by relation", SELECT)
            .push("relation_id IS NOT NULL AND (tenant_id, scope, relation_id) IN (VALUES ")
            .key_rows(chunk, |id, values| {
                values.put(tenant.0).put(scope).put(id.0);
            })
            .push(")");
        collect(conn, sql, &mut found).await?;
    }
    Ok(found)
}

async fn collect(conn: &mut Conn<'_>, sql: Sql, found: &mut Vec<Node>) -> Result<(), StoreError> {
    for row in conn.fetch(sql).await? {
        found.push(node_row(&row)?);
    }
    Ok(())
}

pub(crate) async fn put(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    nodes: &[PutNode],
) -> Result<(), StoreError> {
    let nodes = last_of_each(nodes, |put| put.node.key);
    let changed: Vec<&Node> = nodes
        .iter()
        .filter(|put| put.is_keys_changed)
        .map(|put| &put.node)
        .collect();
    let changed_keys: Vec<RecordKey> = changed.iter().map(|node| node.key).collect();
    let old = remove_match_keys(conn, tenant, scope, &changed_keys).await?;
    keep_former_keys(conn, tenant, scope, (&old, &changed)).await?;
    for chunk in insert_chunks(&nodes, 12) {
        let sql = conn
            .sql(
                "write nodes",
                "INSERT INTO node (tenant_id, scope, connection_id, kind, remote_id, class, created_at,
                     is_deleted, is_confirmed, home, relation_id, match_keys)
                 VALUES ",
            )
            .rows(chunk, |put, values| {
                let node = &put.node;
                values.put(tenant.0).put(scope);
                put_key(&node.key, values);
                values
                    .put(node.class.as_i16())
                    .put(node.created_at)
                    .put(node.is_deleted)
                    .put(node.is_confirmed)
                    .put(node.home.map(|id| id.0))
                    .put(node.relation.map(|id| id.0))
                    .put(keys_to_json(&node.keys));
            })
            .push(
                " ON CONFLICT (tenant_id, scope, connection_id, kind, remote_id) DO UPDATE SET
                     class = excluded.class, created_at = excluded.created_at,
                     is_deleted = excluded.is_deleted, is_confirmed = excluded.is_confirmed,
                     home = excluded.home, relation_id = excluded.relation_id, match_keys = excluded.match_keys",
            );
        conn.execute(sql).await?;
    }
    insert_match_keys(conn, tenant, scope, &changed).await
}

async fn insert_match_keys(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    nodes: &[&Node],
) -> Result<(), StoreError> {
    let keys = nodes
        .iter()
        .flat_map(|node| node.keys.iter().map(|key| (key, node.key)))
        .collect();
    let sql = "INSERT INTO match_key (tenant_id, scope, match_key, connection_id, kind, remote_id) VALUES ";
    insert_keys(conn, (tenant, scope), ("write match keys", sql), keys).await
}

/// Writes which nodes have which key by `statement`, its name and its text up to the values.
async fn insert_keys(
    conn: &mut Conn<'_>,
    (tenant, scope): (TenantId, i64),
    statement: (&'static str, &'static str),
    mut keys: Vec<(&MatchKey, RecordKey)>,
) -> Result<(), StoreError> {
    keys.sort_unstable();
    for chunk in insert_chunks(&keys, 6) {
        let sql = conn.sql(statement.0, statement.1);
        let sql = sql
            .rows(chunk, |(key, node), values| {
                values.put(tenant.0).put(scope).put(key.0.as_str());
                put_key(node, values);
            })
            .push(" ON CONFLICT DO NOTHING");
        conn.execute(sql).await?;
    }
    Ok(())
}

/// Keeps the keys that nodes had before and have no more.
async fn keep_former_keys(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    (old, new): (&[Node], &[&Node]),
) -> Result<(), StoreError> {
    let new: BTreeMap<RecordKey, &Node> = new.iter().map(|node| (node.key, *node)).collect();
    let mut former: Vec<(&MatchKey, RecordKey)> = Vec::new();
    for node in old {
        let is_kept = |key: &&MatchKey| new.get(&node.key).is_some_and(|new| new.keys.contains(key));
        let lost = node.keys.iter().filter(|key| !is_kept(key));
        former.extend(lost.map(|key| (key, node.key)));
    }
    let sql = "INSERT INTO former_key (tenant_id, scope, match_key, connection_id, kind, remote_id) VALUES ";
    insert_keys(conn, (tenant, scope), ("write former keys", sql), former).await
}

/// Removes the match keys that are stored of `nodes`, which stand in the nodes themselves; returns these as they are stored.
async fn remove_match_keys(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    nodes: &[RecordKey],
) -> Result<Vec<Node>, StoreError> {
    let nodes = read(conn, tenant, scope, nodes).await?;
    let old: Vec<(&MatchKey, RecordKey)> = nodes
        .iter()
        .flat_map(|node| node.keys.iter().map(|key| (key, node.key)))
        .collect();
    for chunk in key_chunks(&old) {
        let sql = conn
            .sql(
                "remove match keys",
                "DELETE FROM match_key
                 WHERE (tenant_id, match_key, scope, connection_id, kind, remote_id) IN (VALUES ",
            )
            .key_rows(chunk, |(key, node), values| {
                values.put(tenant.0).put(key.0.as_str()).put(scope);
                put_key(node, values);
            })
            .push(")");
        conn.execute(sql).await?;
    }
    Ok(nodes)
}

pub(crate) async fn remove(
    conn: &mut Conn<'_>,
    tenant: TenantId,
    scope: i64,
    keys: &[RecordKey],
) -> Result<(), StoreError> {
    remove_match_keys(conn, tenant, scope, keys).await?;
    for chunk in key_chunks(keys) {
        for (what, text) in [
            ("remove nodes", "DELETE FROM node WHERE "),
            ("remove former keys", "DELETE FROM former_key WHERE "),
        ] {
            let sql = conn
                .sql(what, text)
                .push("(tenant_id, scope, connection_id, kind, remote_id) IN (VALUES ")
                .key_rows(chunk, |key, values| {
                    values.put(tenant.0).put(scope);
                    put_key(key, values);
                })
                .push(")");
            conn.execute(sql).await?;
        }
    }
    Ok(())
}

fn keys_to_json(keys: &[MatchKey]) -> String {
    serde_json::to_string(keys).expect("match keys are texts, which always serialise")
}

fn node_row(row: &Row) -> Result<Node, StoreError> {
    let mut cells = row.cells();
    let key = key_of(&mut cells, "node")?;
    let class = i16::try_from(cells.int()?).unwrap_or_default();
    Ok(Node {
        key,
        class: SourceClass::from_i16(class),
        created_at: cells.time()?,
        is_deleted: cells.flag()?,
        is_confirmed: cells.flag()?,
        home: cells.opt_int()?.map(RelationId),
        relation: cells.opt_int()?.map(RelationId),
        keys: serde_json::from_str(&cells.text()?)
            .map_err(|_| contradiction("node", "match_keys", &format!("{key:?}")))?,
    })
}
