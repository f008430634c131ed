//! What follows from a resolution: numbers, aliases, the log, and who must be planned anew.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::id::{EventId, RelationId};
use schakel_core::identity::{self, Component, MatchKey, Node, Resolution, SourceClass};
use schakel_core::record::RecordKey;
use schakel_store::{MergeRow, PutNode, RelationRow, StoreError, WriteTx};

use super::closure::Closed;
use super::{Resolved, is_member};
use crate::hub::Hub;

/// The nodes that changed.
pub(super) struct Put {
    /// Each with the event that did it.
    pub events: BTreeMap<RecordKey, EventId>,
    /// Those that the hub first knew from history.
    pub historic: BTreeSet<RecordKey>,
}

/// Resolves the closed set and writes nodes, relations and the log.
pub(super) async fn settle(
    hub: &Hub,
    tx: &mut WriteTx,
    scope: i64,
    mut closed: Closed,
    put: &Put,
    mut resolved: Resolved,
) -> Result<Resolved, StoreError> {
    let resolution = decide(hub, tx, &mut closed).await?;
    let rows = RelationRows::load(hub, tx, scope, &closed, &resolution).await?;
    write_nodes(hub, tx, scope, &closed).await?;
    resolved.former_keys = former_keys(&closed);
    let events = &put.events;
    let changed_nodes: BTreeSet<RecordKey> = events
        .keys()
        .copied()
        .chain(gone_nodes(&closed).map(|node| node.key))
        .collect();
    for component in &resolution.components {
        note_component(component, &closed, &rows, &changed_nodes, &mut resolved);
    }
    for (alias, relation) in &resolution.aliases {
        let is_confirmed = resolution
            .components
            .iter()
            .any(|component| component.relation == *relation && !component.is_unconfirmed);
        if is_confirmed {
            resolved.absent.insert(*alias);
        }
    }
    resolved.absent.extend(rows.orphans(&closed, &resolution));
    let log = rows.log(hub, &closed, &resolution, events);
    tx.log_merges(hub.tenant, &log).await?;
    tx.put_relations(hub.tenant, &rows.after(hub, &closed, &resolution, put))
        .await?;
    Ok(resolved)
}

/// Runs the rule and gives fresh numbers to new persons.
async fn decide(hub: &Hub, tx: &mut WriteTx, closed: &mut Closed) -> Result<Resolution, StoreError> {
    let mut nodes: Vec<Node> = closed.after.values().cloned().collect();
    for node in &mut nodes {
        node.keys.retain(|key| !closed.dead.contains(key));
    }
    let mut drawn = 0;
    let mut resolution = identity::resolve(&mut nodes, &hub.blocked, || {
        drawn += 1;
        RelationId(-drawn)
    });
    let first = if drawn > 0 {
        tx.next_numbers(hub.tenant, "relation", drawn).await?
    } else {
        0
    };
    let real = |relation: RelationId| {
        if relation.0 < 0 {
            RelationId(first - relation.0 - 1)
        } else {
            relation
        }
    };
    for component in &mut resolution.components {
        component.relation = real(component.relation);
    }
    for node in nodes {
        if let Some(held) = closed.after.get_mut(&node.key) {
            held.home = node.home.map(real);
            held.is_confirmed = node.is_confirmed;
            held.relation = node.relation.map(real);
        }
    }
    Ok(resolution)
}

/// Writes the nodes that changed, and removes those that are none any more.
async fn write_nodes(hub: &Hub, tx: &mut WriteTx, scope: i64, closed: &Closed) -> Result<(), StoreError> {
    let puts: Vec<PutNode> = closed
        .after
        .values()
        .filter(|node| closed.before.get(&node.key) != Some(node))
        .map(|node| PutNode {
            is_keys_changed: closed
                .before
                .get(&node.key)
                .is_none_or(|held| held.keys != node.keys),
            node: node.clone(),
        })
        .collect();
    tx.put_nodes(hub.tenant, scope, &puts).await?;
    let gone: Vec<RecordKey> = gone_nodes(closed).map(|node| node.key).collect();
    tx.remove_nodes(hub.tenant, scope, &gone).await
}

/// Gives the keys of the nodes that lost some, or their person.
fn former_keys(closed: &Closed) -> BTreeSet<MatchKey> {
    let changed = closed.before.values().filter(|node| {
        let after = closed.after.get(&node.key);
        after.is_none_or(|after| after.keys != node.keys || after.relation != node.relation)
    });
    changed.flat_map(|node| node.keys.iter().cloned()).collect()
}

fn gone_nodes(closed: &Closed) -> impl Iterator<Item = &Node> {
    closed
        .before
        .values()
        .filter(|node| !closed.after.contains_key(&node.key))
}

/// Notes what a component means for planning and fetching.
fn note_component(
    component: &Component,
    closed: &Closed,
    rows: &RelationRows,
    changed_nodes: &BTreeSet<RecordKey>,
    resolved: &mut Resolved,
) {
    let is_released = rows.was_unconfirmed(component.relation) && !component.is_unconfirmed;
    let mut is_changed = is_released || rows.is_new(component.relation);
    for key in &component.members {
        resolved.relation_of.insert(*key, component.relation);
        let was = closed.before.get(key).and_then(|node| node.relation);
        let has_moved = was != Some(component.relation);
        is_changed |= has_moved || changed_nodes.contains(key);
        if component.is_unconfirmed {
            let node = &closed.after[key];
            if node.class == SourceClass::Registered && !node.is_deleted && !node.is_confirmed {
                resolved.unconfirmed.push(*key);
            }
        } else if has_moved || is_released || was.is_some_and(|relation| rows.was_unconfirmed(relation)) {
            resolved.moved.insert(*key);
        }
    }
    let has_lost = gone_nodes(closed).any(|node| node.relation == Some(component.relation))
        || closed
            .before
            .values()
            .any(|node| node.relation == Some(component.relation) && !is_member(component, &node.key));
    if !component.is_unconfirmed && (is_changed || has_lost) {
        resolved.changed.insert(component.relation);
    }
}

/// The relations that a resolution touches, as the store holds them.
struct RelationRows {
    scope: i64,
    before: BTreeMap<RelationId, RelationRow>,
}

impl RelationRows {
    async fn load(
        hub: &Hub,
        tx: &mut WriteTx,
        scope: i64,
        closed: &Closed,
        resolution: &Resolution,
    ) -> Result<Self, StoreError> {
        let mut ids: BTreeSet<RelationId> = resolution.components.iter().map(|c| c.relation).collect();
        ids.extend(resolution.aliases.keys());
        ids.extend(
            closed
                .before
                .values()
                .flat_map(|node| [node.relation, node.home])
                .flatten(),
        );
        let ids: Vec<RelationId> = ids.into_iter().collect();
        let before = tx
            .relations(hub.tenant, &ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        Ok(Self { scope, before })
    }

    fn is_new(&self, relation: RelationId) -> bool {
        !self.before.contains_key(&relation)
    }

    fn was_unconfirmed(&self, relation: RelationId) -> bool {
        self.before.get(&relation).is_some_and(|row| row.is_unconfirmed)
    }

    /// Gives the numbers that had records before and now have none and lead nowhere.
    fn orphans(&self, closed: &Closed, resolution: &Resolution) -> Vec<RelationId> {
        let living: BTreeSet<RelationId> = resolution.components.iter().map(|c| c.relation).collect();
        let had: BTreeSet<RelationId> = closed.before.values().filter_map(|node| node.relation).collect();
        had.into_iter()
            .filter(|id| !living.contains(id) && !resolution.aliases.contains_key(id))
            .collect()
    }

    /// Tells whether a new number is one that the hub knows from history (mission F4): as the person had it from whom
    /// these records part; else by the event that told of them first.
    fn is_historic(&self, component: &Component, closed: &Closed, put: &Put) -> bool {
        let was = component
            .members
            .iter()
            .filter_map(|key| closed.before.get(key)?.relation);
        if let Some(row) = was.min().and_then(|id| self.before.get(&id)) {
            return row.is_historic;
        }
        let told = component
            .members
            .iter()
            .filter_map(|key| Some((put.events.get(key)?, key)));
        told.min().is_some_and(|(_, key)| put.historic.contains(key))
    }

    /// Gives the rows that the resolution changes.
    fn after(&self, hub: &Hub, closed: &Closed, resolution: &Resolution, told: &Put) -> Vec<RelationRow> {
        let now = hub.clock.now();
        let mut rows = Vec::new();
        let mut put =
            |id: RelationId, alias_of: Option<RelationId>, is_unconfirmed: bool, is_historic: bool| {
                let held = self.before.get(&id).copied();
                let mut row = held.unwrap_or(RelationRow {
                    id,
                    scope: self.scope,
                    alias_of: None,
                    is_unconfirmed: false,
                    is_historic,
                    ordered_at: None,
                    created_at: now,
                    updated_at: now,
                });
                (row.alias_of, row.is_unconfirmed) = (alias_of, is_unconfirmed);
                if held != Some(row) {
                    rows.push(row);
                }
            };
        for component in &resolution.components {
            let is_historic = self.is_historic(component, closed, told);
            put(component.relation, None, component.is_unconfirmed, is_historic);
        }
        for (alias, relation) in &resolution.aliases {
            put(*alias, Some(*relation), false, false);
        }
        rows
    }

    /// Gives what the log of merges must say.
    fn log(
        &self,
        hub: &Hub,
        closed: &Closed,
        resolution: &Resolution,
        events: &BTreeMap<RecordKey, EventId>,
    ) -> Vec<MergeRow> {
        let mut log = Vec::new();
        for (alias, relation) in &resolution.aliases {
            let was_alias = self
                .before
                .get(alias)
                .is_some_and(|row| row.alias_of == Some(*relation));
            if !was_alias {
                log.push(entry(hub, "merge", (*relation, *alias), closed, events));
            }
        }
        for component in &resolution.components {
            let was = component
                .members
                .iter()
                .filter_map(|key| closed.before.get(key)?.relation);
            let mut others: BTreeSet<RelationId> = was.filter(|id| *id != component.relation).collect();
            others.retain(|id| resolution.components.iter().any(|c| c.relation == *id));
            for other in others {
                log.push(entry(hub, "split", (other, component.relation), closed, events));
            }
        }
        log
    }
}

/// Makes one entry of the log.
fn entry(
    hub: &Hub,
    kind: &str,
    (relation, other): (RelationId, RelationId),
    closed: &Closed,
    events: &BTreeMap<RecordKey, EventId>,
) -> MergeRow {
    let of_pair = |node: &&Node| node.relation == Some(relation) || node.relation == Some(other);
    let cause = closed
        .after
        .values()
        .filter(of_pair)
        .find(|node| events.contains_key(&node.key));
    let any = cause.or_else(|| closed.after.values().find(of_pair));
    let is_merge = kind == "merge";
    MergeRow {
        id: hub.new_id(),
        at: hub.clock.now(),
        kind: kind.to_owned(),
        relation,
        other,
        event: cause
            .and_then(|node| events.get(&node.key))
            .copied()
            .unwrap_or(EventId(0)),
        match_key: any
            .filter(|_| is_merge)
            .and_then(|node| node.keys.first())
            .map_or_else(String::new, |key| key.0.clone()),
        record: any.map_or_else(
            || closed.before.keys().next().copied().unwrap_or_else(no_record),
            |node| node.key,
        ),
    }
}

/// The name of no record, for a log entry about records that are all gone.
fn no_record() -> RecordKey {
    RecordKey::new(
        schakel_core::id::ConnectionId(0),
        schakel_core::record::RecordKind::Customer,
        0,
    )
}
