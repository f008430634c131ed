//! Components and their numbers: who belongs together, and what that person is called.

use std::collections::{BTreeMap, BTreeSet};

use super::{BlockList, MatchKey, Node, SourceClass, is_evidence};
use crate::id::{ConnectionId, RelationId};
use crate::record::RecordKey;

/// One person after resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The number of this person.
    pub relation: RelationId,
    /// The records about this person, in the order of their names.
    pub members: Vec<RecordKey>,
    /// Whether registered accounts met here that were not all fetched since: no sink may hear of it yet.
    pub is_unconfirmed: bool,
}

/// What a resolution decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Every person among the nodes.
    pub components: Vec<Component>,
    /// Numbers that now lead to another number, one step only.
    pub aliases: BTreeMap<RelationId, RelationId>,
}

/// Decides which of `nodes` belong together and which number each person has; updates `home`, `relation` and
/// `is_confirmed` of the nodes.
///
/// `nodes` must be closed: with a node, all nodes that share an effective key with it or had its relation.
/// `fresh` gives a number that was never given before. Pure but for `fresh`.
///
/// Numbers (I9): a person has the lowest number that is the own number (`home`) of one of his records. A
/// better record takes it over, so that a customer keeps the number although the subscription that first had it
/// stays behind; of two equally good records, each with a number of its own, both keep theirs, and accounts whose
/// meeting is not confirmed take nothing over, so that two customers who swap addresses both keep theirs, whatever
/// the order of the events. A record that parts from the others goes on under its own number, or gets a new one.
pub fn resolve(nodes: &mut [Node], blocked: &BlockList, mut fresh: impl FnMut() -> RelationId) -> Resolution {
    nodes.sort_by_key(|node| node.key);
    let mut resolution = Resolution::default();
    for group in groups(nodes, blocked) {
        let is_unconfirmed = is_unconfirmed(nodes, &group);
        let own = group.iter().filter_map(|&index| nodes[index].home).min();
        let relation = own.unwrap_or_else(&mut fresh);
        settle_home(nodes, &group, relation, is_unconfirmed);
        for &index in &group {
            nodes[index].relation = Some(relation);
            if let Some(home) = nodes[index].home
                && home != relation
            {
                resolution.aliases.insert(home, relation);
            }
        }
        let members = group.iter().map(|&index| nodes[index].key).collect();
        resolution.components.push(Component {
            relation,
            members,
            is_unconfirmed,
        });
    }
    resolution
}

/// Gives `relation` to the best record of the group that may have it; a number of its own goes to the record that
/// had `relation`, so that it still leads to this person.
fn settle_home(nodes: &mut [Node], group: &[usize], relation: RelationId, is_unconfirmed: bool) {
    let best_of = |may_have: &dyn Fn(&Node) -> bool| {
        let candidates = group.iter().copied().filter(|&index| may_have(&nodes[index]));
        candidates.max_by_key(|&index| nodes[index].rank())
    };
    let holder = group
        .iter()
        .copied()
        .find(|&index| nodes[index].home == Some(relation));
    let Some(holder) = holder else {
        if let Some(best) = best_of(&|_| true) {
            nodes[best].home = Some(relation);
        }
        return;
    };
    let held = &nodes[holder];
    let taker =
        best_of(&|node| node.rank() > held.rank() && (node.home.is_none() || node.class > held.class));
    if let Some(taker) = taker
        && !is_unconfirmed
    {
        nodes[holder].home = nodes[taker].home;
        nodes[taker].home = Some(relation);
    }
}

/// Tells whether two or more living registered accounts of one shop meet in this group and not all of them were
/// fetched since they met (mission, Identity).
fn is_unconfirmed(nodes: &mut [Node], group: &[usize]) -> bool {
    let mut shops: BTreeMap<ConnectionId, Vec<usize>> = BTreeMap::new();
    for &index in group {
        let node = &nodes[index];
        if node.class == SourceClass::Registered && !node.is_deleted {
            shops.entry(node.key.connection).or_default().push(index);
        }
    }
    let mut is_unconfirmed = false;
    for accounts in shops.into_values() {
        forget_old_fetches(nodes, &accounts);
        is_unconfirmed |= accounts.len() > 1 && accounts.iter().any(|&index| !nodes[index].is_confirmed);
    }
    is_unconfirmed
}

/// Takes back what was fetched before these accounts stood together: an answer from then says nothing about now, as
/// the other may have left this address a moment ago.
fn forget_old_fetches(nodes: &mut [Node], accounts: &[usize]) {
    let was = accounts.first().and_then(|&first| nodes[first].relation);
    let were_together = was.is_some() && accounts.iter().all(|&index| nodes[index].relation == was);
    if accounts.len() > 1 && were_together {
        return;
    }
    for &index in accounts {
        nodes[index].is_confirmed = false;
    }
}

/// Splits nodes into connected components by their effective keys; each group in the order of the nodes.
fn groups(nodes: &[Node], blocked: &BlockList) -> Vec<Vec<usize>> {
    let mut holders: BTreeMap<&MatchKey, BTreeSet<usize>> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for key in &node.keys {
            holders.entry(key).or_default().insert(index);
        }
    }
    let mut parents: Vec<usize> = (0..nodes.len()).collect();
    for (key, indices) in holders {
        if !is_evidence(key, indices.len(), blocked) {
            continue;
        }
        let mut indices = indices.into_iter();
        let Some(first) = indices.next() else { continue };
        for index in indices {
            let (a, b) = (root(&mut parents, first), root(&mut parents, index));
            parents[a.max(b)] = a.min(b);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in 0..nodes.len() {
        groups.entry(root(&mut parents, index)).or_default().push(index);
    }
    groups.into_values().collect()
}

fn root(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}
