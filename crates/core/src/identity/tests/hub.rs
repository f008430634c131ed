//! A hub in memory: records and nodes in maps, the closure loaded as the engine loads it.

use std::collections::{BTreeMap, BTreeSet};

use super::world;
use crate::id::RelationId;
use crate::identity::{BlockList, MatchKey, Node, Resolution, SourceClass, resolve};
use crate::limits;
use crate::record::{Content, Held, Record, RecordKey, RecordKind};

/// Records, persons and numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Hub {
    pub held: BTreeMap<RecordKey, Held>,
    pub nodes: BTreeMap<RecordKey, Node>,
    /// Where numbers lead that are no person's own.
    pub aliases: BTreeMap<RelationId, RelationId>,
    /// Persons of whom no sink may hear.
    pub unconfirmed: BTreeSet<RelationId>,
    given: i64,
    events: i64,
}

impl Hub {
    /// Applies batches in their order and checks the numbers after each.
    pub fn of(batches: &[Vec<Record>]) -> Self {
        let mut hub = Self::default();
        for batch in batches {
            hub.apply(batch);
        }
        hub
    }

    /// Applies one batch in one go, as one transaction of the engine does.
    pub fn apply(&mut self, batch: &[Record]) {
        let mut changed = BTreeSet::new();
        for record in batch {
            self.events = self.events.max(record.version.ordinal).max(record.event.0);
            let held = self
                .held
                .entry(record.key)
                .or_insert_with(|| Held::empty(record.key));
            if held.absorb(record.clone()) {
                changed.insert(record.key);
            }
        }
        let of_customers = self
            .held
            .values()
            .filter(|held| customer_of(held).is_some_and(|customer| changed.contains(&customer)));
        let orders: Vec<RecordKey> = of_customers.map(|held| held.key).collect();
        changed.extend(orders);
        let (mut put, mut removed) = (Vec::new(), BTreeSet::new());
        for key in changed {
            match self.node(&key) {
                Some(node) if self.nodes.get(&key).is_some_and(|held| is_same(held, &node)) => {}
                Some(node) => put.push(node),
                None if self.nodes.contains_key(&key) => drop(removed.insert(key)),
                None => {}
            }
        }
        if !put.is_empty() || !removed.is_empty() {
            self.resolve(put, &removed);
        }
    }

    /// Says the same once more by a fetch, for every living account: what the engine asks for when accounts meet.
    pub fn confirm_all(&mut self) {
        for key in self.nodes.keys().copied().collect::<Vec<_>>() {
            if self.nodes[&key].class == SourceClass::Registered && !self.nodes[&key].is_deleted {
                self.confirm(key);
            }
        }
    }

    /// Fetches one thing, unchanged.
    pub fn confirm(&mut self, key: RecordKey) {
        let (version, _, content) = self.held[&key].live.clone().unwrap();
        let mut event = world::event(self.events + 1, key, self.events + 1);
        event.status = 200;
        self.apply(&[Record::said(key, &event, version.at, version.rank, content)]);
    }

    /// Gives the number of the person that a record is about.
    pub fn number(&self, key: RecordKey) -> i64 {
        self.nodes[&key].relation.unwrap().0
    }

    /// Tells whether no sink may hear of the person that a record is about.
    pub fn is_unconfirmed(&self, key: RecordKey) -> bool {
        self.unconfirmed.contains(&self.nodes[&key].relation.unwrap())
    }

    /// Gives the groups of records, each one person.
    pub fn people(&self) -> BTreeSet<BTreeSet<RecordKey>> {
        let mut people: BTreeMap<RelationId, BTreeSet<RecordKey>> = BTreeMap::new();
        for node in self.nodes.values() {
            people.entry(node.relation.unwrap()).or_default().insert(node.key);
        }
        people.into_values().collect()
    }

    fn node(&self, key: &RecordKey) -> Option<Node> {
        let held = &self.held[key];
        let is_customer_unknown = customer_of(held).is_some_and(|customer| {
            let customer = self.held.get(&customer);
            customer.is_some_and(|held| held.live.is_none() && held.tombstone.is_some())
        });
        Node::of(held, is_customer_unknown)
    }

    fn resolve(&mut self, put: Vec<Node>, removed: &BTreeSet<RecordKey>) {
        let (mut closed, dead) = self.closure(&put, removed);
        let before = closed.clone();
        closed.retain(|key, _| !removed.contains(key));
        for mut node in put {
            if let Some(held) = self.nodes.get(&node.key) {
                (node.home, node.relation) = (held.home, held.relation);
            }
            closed.insert(node.key, node);
        }
        let keys: BTreeMap<RecordKey, Vec<MatchKey>> = closed
            .iter()
            .map(|(key, node)| (*key, node.keys.clone()))
            .collect();
        let mut nodes: Vec<Node> = closed.into_values().collect();
        for node in &mut nodes {
            node.keys.retain(|key| !dead.contains(key));
        }
        let first = self.given + 1;
        let given = &mut self.given;
        let resolution = resolve(&mut nodes, &BlockList::standard(), || {
            *given += 1;
            RelationId(*given)
        });
        check_numbers(&before, &nodes, &resolution, first);
        self.nodes.retain(|key, _| !removed.contains(key));
        for mut node in nodes {
            node.keys.clone_from(&keys[&node.key]);
            self.nodes.insert(node.key, node);
        }
        for component in &resolution.components {
            self.aliases.remove(&component.relation);
            self.unconfirmed.remove(&component.relation);
            if component.is_unconfirmed {
                self.unconfirmed.insert(component.relation);
            }
        }
        self.aliases.extend(resolution.aliases);
        self.check_whole();
    }

    /// Loads the nodes that share an effective key with a changed one, or had its number, and so on.
    fn closure(
        &self,
        put: &[Node],
        removed: &BTreeSet<RecordKey>,
    ) -> (BTreeMap<RecordKey, Node>, BTreeSet<MatchKey>) {
        let changed: BTreeSet<RecordKey> = put
            .iter()
            .map(|node| node.key)
            .chain(removed.iter().copied())
            .collect();
        let old: Vec<&Node> = changed.iter().filter_map(|key| self.nodes.get(key)).collect();
        let leaving = |key: &MatchKey| old.iter().filter(|node| node.keys.contains(key)).count();
        let mut wanted: Vec<MatchKey> = put.iter().flat_map(|node| node.keys.iter().cloned()).collect();
        let mut found = old.clone();
        let mut closed: BTreeMap<RecordKey, Node> = BTreeMap::new();
        let mut dead = BTreeSet::new();
        loop {
            let mut relations = BTreeSet::new();
            for node in found.drain(..) {
                if closed.insert(node.key, node.clone()).is_none() {
                    wanted.extend(node.keys.iter().cloned());
                    relations.extend(node.relation);
                }
            }
            let mut effective = BTreeSet::new();
            for key in wanted.drain(..) {
                let holders = self
                    .nodes
                    .values()
                    .filter(|node| node.keys.contains(&key))
                    .count();
                if holders > limits::SHARED_KEY_RECORDS + leaving(&key) {
                    dead.insert(key);
                } else {
                    effective.insert(key);
                }
            }
            found.extend(self.nodes.values().filter(|node| {
                let is_near = node.keys.iter().any(|key| effective.contains(key));
                let is_same_person = node
                    .relation
                    .is_some_and(|relation| relations.contains(&relation));
                (is_near || is_same_person) && !closed.contains_key(&node.key)
            }));
            if found.is_empty() {
                return (closed, dead);
            }
        }
    }

    /// Every number names one person or leads to one, in one step (I9).
    fn check_whole(&self) {
        let mut homes = BTreeSet::new();
        for node in self.nodes.values() {
            let relation = node.relation.unwrap();
            if let Some(home) = node.home {
                assert!(homes.insert(home), "{home} is the own number of two records");
                assert!(
                    home == relation || self.aliases.get(&home) == Some(&relation),
                    "{home} leads nowhere"
                );
            }
        }
        for node in self.nodes.values() {
            assert!(
                homes.contains(&node.relation.unwrap()),
                "the number of a person is nobody's own"
            );
        }
    }
}

/// A person has the lowest own number of his records; numbers pass only between records of one person, and new
/// ones rise (I9).
fn check_numbers(before: &BTreeMap<RecordKey, Node>, nodes: &[Node], resolution: &Resolution, first: i64) {
    let after: BTreeMap<RecordKey, &Node> = nodes.iter().map(|node| (node.key, node)).collect();
    for component in &resolution.components {
        let former: BTreeSet<RelationId> = component
            .members
            .iter()
            .filter_map(|key| before.get(key)?.home)
            .collect();
        let lowest = former.first().copied();
        assert!(lowest.map_or(component.relation.0 >= first, |lowest| lowest
            == component.relation));
        for key in &component.members {
            let node = after[key];
            assert_eq!(node.relation, Some(component.relation));
            assert!(
                node.home
                    .is_none_or(|home| former.contains(&home) || home.0 >= first)
            );
        }
        assert!(
            !resolution.aliases.contains_key(&component.relation),
            "a person's number is an alias"
        );
    }
}

fn customer_of(held: &Held) -> Option<RecordKey> {
    match &held.live {
        Some((_, _, Content::Order(order))) if order.customer_id > 0 => Some(RecordKey::new(
            held.key.connection,
            RecordKind::Customer,
            order.customer_id,
        )),
        _ => None,
    }
}

fn is_same(held: &Node, node: &Node) -> bool {
    held.keys == node.keys
        && held.class == node.class
        && held.created_at == node.created_at
        && held.is_deleted == node.is_deleted
        && held.is_confirmed == node.is_confirmed
}
