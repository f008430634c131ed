//! What a transaction of apply does before it takes the write lock: it reads beside the writer and keeps its writes.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::id::{RelationId, TenantId};
use schakel_core::identity::Node;
use schakel_core::record::RecordKey;

use crate::db::{Conn, Reader};
use crate::error::StoreError;
use crate::relation;
use crate::rows::{RecordRow, RelationRow};
use crate::sql::Sql;

/// The part of a transaction before the write lock.
pub(crate) struct Ahead {
    reader: Reader,
    /// Statements that write, in their order.
    kept: Vec<Sql>,
    /// Nodes that were written, by scope; `None` for removed ones.
    nodes: BTreeMap<(i64, RecordKey), Option<Node>>,
    relations: BTreeMap<RelationId, RelationRow>,
    records: BTreeSet<RecordKey>,
    numbers: BTreeMap<(TenantId, String), Drawn>,
}

/// Numbers that were drawn and are not written yet.
struct Drawn {
    /// What the store had as the next one.
    was: i64,
    next: i64,
}

impl Ahead {
    /// Begins to read.
    pub(crate) const fn new(reader: Reader) -> Self {
        Self {
            reader,
            kept: Vec::new(),
            nodes: BTreeMap::new(),
            relations: BTreeMap::new(),
            records: BTreeSet::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// A connection whose reads are run and whose writes are kept.
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        self.reader.conn(&mut self.kept)
    }

    /// Writes what was kept, under the lock that `conn` has.
    ///
    /// # Errors
    /// [`StoreError::Driver`]; [`StoreError::WrongRows`] when somebody else drew numbers of the same name.
    pub(crate) async fn write(self, conn: &mut Conn<'_>) -> Result<(), StoreError> {
        for ((tenant, name), drawn) in &self.numbers {
            relation::move_number(conn, *tenant, name, (drawn.was, drawn.next)).await?;
        }
        for sql in self.kept {
            conn.execute(sql).await?;
        }
        Ok(())
    }

    /// Whether one of these records was written.
    pub(crate) fn has_record(&self, keys: &[RecordKey]) -> bool {
        keys.iter().any(|key| self.records.contains(key))
    }

    /// Notes records that were written.
    pub(crate) fn put_records(&mut self, rows: &[RecordRow]) {
        self.records.extend(rows.iter().map(|row| row.held.key));
    }

    /// Whether nodes of this scope were written.
    pub(crate) fn has_nodes(&self, scope: i64) -> bool {
        self.nodes.keys().any(|(of, _)| *of == scope)
    }

    /// Whether this node was written.
    pub(crate) fn has_node(&self, scope: i64, key: RecordKey) -> bool {
        self.nodes.contains_key(&(scope, key))
    }

    /// Notes nodes that were written, or removed.
    pub(crate) fn put_nodes(&mut self, scope: i64, nodes: impl Iterator<Item = (RecordKey, Option<Node>)>) {
        self.nodes.extend(nodes.map(|(key, node)| ((scope, key), node)));
    }

    /// Puts what was written into `nodes`, which the store gave for what `is_wanted` tells.
    pub(crate) fn correct_nodes(&self, scope: i64, nodes: &mut Vec<Node>, is_wanted: impl Fn(&Node) -> bool) {
        nodes.retain(|node| !self.has_node(scope, node.key));
        let written = self.nodes.iter().filter(|((of, _), _)| *of == scope);
        nodes.extend(
            written
                .filter_map(|(_, node)| node.clone())
                .filter(|node| is_wanted(node)),
        );
    }

    /// Notes relations that were written.
    pub(crate) fn put_relations(&mut self, rows: &[RelationRow]) {
        self.relations.extend(rows.iter().map(|row| (row.id, *row)));
    }

    /// Puts what was written into `rows`, which the store gave for `ids`.
    pub(crate) fn correct_relations(&self, ids: &[RelationId], rows: &mut Vec<RelationRow>) {
        rows.retain(|row| !self.relations.contains_key(&row.id));
        let wanted: BTreeSet<&RelationId> = ids.iter().collect();
        rows.extend(
            wanted
                .into_iter()
                .filter_map(|id| self.relations.get(id))
                .copied(),
        );
    }

    /// Draws `n` numbers; they count as given once the transaction is committed.
    ///
    /// # Errors
    /// [`StoreError::Driver`].
    pub(crate) async fn next_numbers(
        &mut self,
        tenant: TenantId,
        name: &str,
        n: i64,
    ) -> Result<i64, StoreError> {
        let slot = (tenant, name.to_owned());
        let (was, first) = match self.numbers.get(&slot) {
            Some(drawn) => (drawn.was, drawn.next),
            None => {
                let next = relation::next_number_of(&mut self.conn(), tenant, name).await?;
                (next, next)
            }
        };
        let next = first + n;
        self.numbers.insert(slot, Drawn { was, next });
        Ok(first)
    }
}
