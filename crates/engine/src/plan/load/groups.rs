//! Loads customer groups, and draws the numbers that the hub shows of memberships and orders.

use std::collections::BTreeSet;

use schakel_core::connector::Part;
use schakel_core::delivery::ObjectKind;
use schakel_core::entity::Memberships;
use schakel_core::id::ConnectionId;
use schakel_core::record::{Content, Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_core::walk::{OVERLAP_MS, WalkState};
use schakel_store::{EntityKey, StoreError, WriteTx};

use super::{Loaded, entity_key};
use crate::hub::Hub;

/// How long after a customer changed his groups are asked for, in milliseconds: he is as old as a whole second, and an
/// answer counts as a second older than its question, so one that comes sooner would be asked for twice.
const SETTLED_MS: i64 = 2_000;

impl Loaded {
    /// Gives the groups of a customer.
    pub(in crate::plan) fn memberships(&self, key: &RecordKey) -> Option<&Memberships> {
        match self.held(key)?.live.as_ref()? {
            (_, _, Content::Groups(memberships)) => Some(memberships),
            _ => None,
        }
    }

    /// Tells whether the customer whose groups these are is gone.
    pub(in crate::plan) fn is_customer_gone(&self, groups: &RecordKey) -> bool {
        let customer = RecordKey::new(groups.connection, RecordKind::Customer, groups.remote_id);
        self.held(&customer).is_some_and(Held::is_deleted)
    }

    /// Adds the groups of the persons to plan, where a route wants groups.
    pub(super) async fn groups_of_people(&mut self, hub: &Hub, tx: &mut WriteTx) -> Result<(), StoreError> {
        let groups: Vec<RecordKey> = self.customers_with_groups().map(groups_of).collect();
        self.records(hub, tx, groups.clone()).await?;
        let unread = groups.iter().filter(|key| self.is_unknown(key));
        let shops: BTreeSet<ConnectionId> = unread.map(|key| key.connection).collect();
        for shop in shops {
            let walks = tx.walks(hub.tenant, shop).await?;
            let whole = walks
                .iter()
                .filter(|walk| walk.part == Part::Groups && walk.state == WalkState::Done);
            let begun = whole.map(|walk| walk.asked_at.plus_ms(-OVERLAP_MS)).max();
            self.listed_at.extend(begun.map(|at| (shop, at)));
        }
        let known = groups.into_iter().filter(|key| !self.is_unknown(key));
        let known: Vec<RecordKey> = known.collect();
        self.groups.extend(known);
        let customers = self.groups.iter().map(|groups| RecordKey {
            kind: RecordKind::Customer,
            ..*groups
        });
        self.records(hub, tx, customers.collect()).await
    }

    /// Gives the customers among the persons to plan of whose shop a route wants groups.
    pub(super) fn customers_with_groups(&self) -> impl Iterator<Item = RecordKey> {
        let members = self.changed.iter().filter_map(|id| self.members.get(id));
        members
            .flatten()
            .copied()
            .filter(|key| key.kind == RecordKind::Customer && self.wants_of(key.connection).has_groups)
    }

    /// Draws numbers for the entities that are to show one and have none (mission, Where the seeds are silent).
    pub(super) async fn number(&mut self, hub: &Hub, tx: &mut WriteTx) -> Result<(), StoreError> {
        let shops: BTreeSet<ConnectionId> = hub
            .routes
            .iter()
            .filter(|route| route.preset.has_hub_order_numbers())
            .map(|route| route.source)
            .collect();
        let orders = self.orders.iter().filter(|key| shops.contains(&key.connection));
        let orders = orders
            .filter(|key| self.owner(key).is_some())
            .map(|key| entity_key(key, ObjectKind::Order, key.remote_id))
            .collect();
        let groups = self.groups.iter().filter(|key| self.owner(key).is_some());
        let groups = groups.flat_map(|key| self.membership_keys(key)).collect();
        self.draw(hub, tx, "order", orders).await?;
        self.draw(hub, tx, "customer_group", groups).await
    }

    async fn draw(
        &mut self,
        hub: &Hub,
        tx: &mut WriteTx,
        name: &str,
        mut keys: Vec<EntityKey>,
    ) -> Result<(), StoreError> {
        keys.retain(|key| self.entities.get(key).is_none_or(|row| row.number == 0));
        if keys.is_empty() {
            return Ok(());
        }
        let n = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let first = tx.next_numbers(hub.tenant, name, n).await?;
        self.numbers.extend(keys.into_iter().zip(first..));
        Ok(())
    }

    pub(super) fn membership_keys(&self, groups: &RecordKey) -> Vec<EntityKey> {
        let Some(memberships) = self.memberships(groups) else {
            return Vec::new();
        };
        let numbers = memberships.groups.values().chain(memberships.left.values());
        numbers
            .map(|number| entity_key(groups, ObjectKind::CustomerGroup, *number))
            .collect()
    }

    /// Tells whether the groups of a living customer must be read: never read, or not since he last changed, so that
    /// nothing is fetched twice for one version (A2). Whoever was in no group when all memberships were listed has nothing
    /// to show for it.
    pub(super) fn are_groups_stale(&self, customer: &RecordKey) -> bool {
        let Some(held) = self.held(customer).filter(|held| !held.is_deleted()) else {
            return false;
        };
        let changed_at = held.live.as_ref().map(|(version, ..)| version.at);
        let listed_at = self.listed_at.get(&customer.connection);
        if self.is_unknown(&groups_of(*customer)) && listed_at.is_some_and(|at| changed_at < Some(*at)) {
            return false;
        }
        let groups = self.held(&groups_of(*customer));
        let read_at = groups
            .and_then(|held| held.live.as_ref())
            .map(|(version, ..)| version.at);
        read_at < changed_at
    }

    /// When the groups of a customer are to be asked for; soon, also where the shop's clock is ahead.
    pub(super) fn groups_due_at(&self, customer: &RecordKey, now: Timestamp) -> Timestamp {
        let live = self.held(customer).and_then(|held| held.live.as_ref());
        let settled = live.map_or(now, |(version, ..)| version.at.plus_ms(SETTLED_MS));
        settled.clamp(now, now.plus_ms(SETTLED_MS))
    }
}

/// Names the groups of a customer.
pub(super) const fn groups_of(customer: RecordKey) -> RecordKey {
    RecordKey::new(customer.connection, RecordKind::Groups, customer.remote_id)
}
