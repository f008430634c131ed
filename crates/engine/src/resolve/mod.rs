//! Resolve: changed records change who belongs together; numbers, aliases and the log of merges follow.
//!
//! The rule is `schakel_core::identity`; here stands what it needs to be fed (all nodes that a change can
//! touch, and no more) and what follows from its answer. Runs inside the transaction of `apply`.

mod closure;
mod follow;

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::id::{EventId, RelationId};
use schakel_core::identity::{Component, MatchKey, Node};
use schakel_core::record::RecordKey;
use schakel_store::{StoreError, WriteTx};

use crate::hub::Hub;

/// What became of the nodes of changed records.
#[derive(Debug, Default)]
pub struct NodeChanges {
    /// Nodes as the changed records now describe them, with the event that did it.
    pub put: Vec<(Node, EventId)>,
    /// Records that the hub first knew from history.
    pub historic: BTreeSet<RecordKey>,
    /// Records that are no nodes any more.
    pub removed: BTreeSet<RecordKey>,
}

/// What a resolution means for the rest of the transaction.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The relation of every node that was looked at.
    pub relation_of: BTreeMap<RecordKey, RelationId>,
    /// Persons whose golden record may have changed and of whom sinks may hear.
    pub changed: BTreeSet<RelationId>,
    /// Records whose orders and carts now belong to another person, or may be delivered now.
    pub moved: BTreeSet<RecordKey>,
    /// Numbers that no sink may hold any more.
    pub absent: BTreeSet<RelationId>,
    /// Keys by which records were found until now that have them no more, or belong to another person.
    pub former_keys: BTreeSet<MatchKey>,
    /// Accounts that must be fetched before a merge counts.
    pub unconfirmed: Vec<RecordKey>,
}

/// Resolves the changes of one scope.
///
/// # Errors
/// Any error of the store.
pub async fn run(
    hub: &Hub,
    tx: &mut WriteTx,
    scope: i64,
    changes: NodeChanges,
) -> Result<Resolved, StoreError> {
    let mut resolved = Resolved::default();
    let changed_keys: Vec<RecordKey> = changes
        .put
        .iter()
        .map(|(node, _)| node.key)
        .chain(changes.removed.iter().copied())
        .collect();
    if changed_keys.is_empty() {
        return Ok(resolved);
    }
    let old: BTreeMap<RecordKey, Node> = tx
        .nodes(hub.tenant, scope, &changed_keys)
        .await?
        .into_iter()
        .map(|node| (node.key, node))
        .collect();
    let (same, different): (Vec<_>, Vec<_>) = changes
        .put
        .into_iter()
        .partition(|(node, _)| old.get(&node.key).is_some_and(|held| is_same(held, node)));
    note_same(hub, tx, &same, &old, &mut resolved).await?;
    let is_quiet = different.is_empty() && !changes.removed.iter().any(|key| old.contains_key(key));
    if is_quiet {
        return Ok(resolved);
    }
    let closed = closure::load(hub, tx, scope, old, &different, &changes.removed).await?;
    let put = follow::Put {
        events: different.iter().map(|(node, event)| (node.key, *event)).collect(),
        historic: changes.historic,
    };
    follow::settle(hub, tx, scope, closed, &put, resolved).await
}

/// Tells whether nothing changed that identity looks at.
fn is_same(held: &Node, node: &Node) -> bool {
    held.keys == node.keys
        && held.class == node.class
        && held.created_at == node.created_at
        && held.is_deleted == node.is_deleted
        && held.is_confirmed == node.is_confirmed
}

/// A record that changed without changing who belongs together: only its person's golden record may change.
async fn note_same(
    hub: &Hub,
    tx: &mut WriteTx,
    same: &[(Node, EventId)],
    old: &BTreeMap<RecordKey, Node>,
    resolved: &mut Resolved,
) -> Result<(), StoreError> {
    let relations: BTreeSet<RelationId> = same
        .iter()
        .filter_map(|(node, _)| old.get(&node.key)?.relation)
        .collect();
    let ids: Vec<RelationId> = relations.into_iter().collect();
    let unconfirmed: BTreeSet<RelationId> = tx
        .relations(hub.tenant, &ids)
        .await?
        .into_iter()
        .filter(|row| row.is_unconfirmed)
        .map(|row| row.id)
        .collect();
    for (node, _) in same {
        if let Some(relation) = old.get(&node.key).and_then(|held| held.relation) {
            resolved.relation_of.insert(node.key, relation);
            if !unconfirmed.contains(&relation) {
                resolved.changed.insert(relation);
            }
        }
    }
    Ok(())
}

/// Tells whether the members of a component include `key`.
fn is_member(component: &Component, key: &RecordKey) -> bool {
    component.members.binary_search(key).is_ok()
}
