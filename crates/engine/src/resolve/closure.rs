//! Loads all nodes that a change can touch: those that share an effective key or had a common relation.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::id::{EventId, RelationId};
use schakel_core::identity::{MatchKey, Node};
use schakel_core::limits;
use schakel_core::record::RecordKey;
use schakel_store::{StoreError, WriteTx};

use crate::hub::Hub;

/// The nodes that a change can touch, before and after it.
pub(super) struct Closed {
    /// As the store holds them.
    pub before: BTreeMap<RecordKey, Node>,
    /// With the changes applied; `home` and `relation` still those of before.
    pub after: BTreeMap<RecordKey, Node>,
    /// Keys that too many records share, so that not all of them were loaded: they join nothing.
    pub dead: BTreeSet<MatchKey>,
}

/// Loads the closure of the changed nodes `old` (as held), `put` and `removed`.
pub(super) async fn load(
    hub: &Hub,
    tx: &mut WriteTx,
    scope: i64,
    old: BTreeMap<RecordKey, Node>,
    put: &[(Node, EventId)],
    removed: &BTreeSet<RecordKey>,
) -> Result<Closed, StoreError> {
    let mut closed = Closed {
        before: BTreeMap::new(),
        after: BTreeMap::new(),
        dead: BTreeSet::new(),
    };
    let mut seen_keys: BTreeSet<MatchKey> = BTreeSet::new();
    let mut seen_relations: BTreeSet<RelationId> = BTreeSet::new();
    let mut keys: BTreeSet<MatchKey> = put
        .iter()
        .flat_map(|(node, _)| node.keys.iter().cloned())
        .collect();
    let leaving = leaving_holders(&old);
    let mut found: Vec<Node> = old.into_values().collect();
    loop {
        let mut relations: BTreeSet<RelationId> = BTreeSet::new();
        for node in found.drain(..) {
            keys.extend(node.keys.iter().cloned());
            relations.extend(node.relation);
            closed.before.entry(node.key).or_insert(node);
        }
        keys.retain(|key| seen_keys.insert(key.clone()));
        relations.retain(|relation| seen_relations.insert(*relation));
        if keys.is_empty() && relations.is_empty() {
            break;
        }
        let wanted: Vec<MatchKey> = keys.iter().cloned().collect();
        let effective = effective_keys(hub, tx, scope, &wanted, &leaving, &mut closed.dead).await?;
        keys.clear();
        found = tx.nodes_by_keys(hub.tenant, scope, &effective).await?;
        let relations: Vec<RelationId> = relations.into_iter().collect();
        found.extend(tx.nodes_of(hub.tenant, scope, &relations).await?);
        found.retain(|node| !closed.before.contains_key(&node.key));
    }
    closed.after.clone_from(&closed.before);
    for key in removed {
        closed.after.remove(key);
    }
    for (node, _) in put {
        let mut node = node.clone();
        if let Some(held) = closed.before.get(&node.key) {
            (node.home, node.relation) = (held.home, held.relation);
        }
        closed.after.insert(node.key, node);
    }
    Ok(closed)
}

/// Counts how many changed nodes have each key so far, and may leave it.
fn leaving_holders(old: &BTreeMap<RecordKey, Node>) -> BTreeMap<MatchKey, usize> {
    let mut leaving = BTreeMap::new();
    for key in old.values().flat_map(|node| &node.keys) {
        *leaving.entry(key.clone()).or_default() += 1;
    }
    leaving
}

/// Keeps the keys that may join, or may have joined, something; the others go to `dead`.
///
/// A key that crosses the bound in this very batch is still effective here: those whom it joined must part, and
/// those that are left under it must join.
async fn effective_keys(
    hub: &Hub,
    tx: &mut WriteTx,
    scope: i64,
    wanted: &[MatchKey],
    leaving: &BTreeMap<MatchKey, usize>,
    dead: &mut BTreeSet<MatchKey>,
) -> Result<Vec<MatchKey>, StoreError> {
    let counts: BTreeMap<MatchKey, i64> = tx
        .match_key_counts(hub.tenant, scope, wanted)
        .await?
        .into_iter()
        .collect();
    let mut effective = Vec::with_capacity(wanted.len());
    for key in wanted {
        let held = usize::try_from(counts.get(key).copied().unwrap_or(0)).unwrap_or(usize::MAX);
        let bound = limits::SHARED_KEY_RECORDS + leaving.get(key).copied().unwrap_or(0);
        if held > bound || hub.blocked.blocks(key) {
            dead.insert(key.clone());
        } else if held > 0 {
            effective.push(key.clone());
        }
    }
    Ok(effective)
}
