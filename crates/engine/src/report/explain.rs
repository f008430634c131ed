//! One person: who it is, which records by which keys, merges, consent, and what each sink shall hold.

use std::collections::BTreeMap;

use schakel_core::delivery::{DeliveryState, ObjectKind, Value, Wish};
use schakel_core::golden;
use schakel_core::id::{ConnectionId, RelationId};
use schakel_core::identity::{MatchKey, Node, SourceClass};
use schakel_core::record::{Content, Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::StoreError;
use schakel_store::rows::{AttemptRow, DeliveryRow, EntityKey, EntityRow, RelationRow};
use serde::Serialize;

use super::Presets;
use super::carts::{self, CartView};
use super::moments::{Moment, moments};
use super::names::{Names, name_of, names};
use super::nobody;
use super::reader::Reader;
use crate::deliver::newcomers;

/// Longest chain of numbers that lead to each other; longer ones would be a fault of ours.
const ALIASES_MAX: usize = 16;

/// Attempts among which the last confirmation is looked for.
const TRIES: usize = 50;

/// Attempts that are shown.
const TRIES_SHOWN: usize = 3;

/// The word for an attempt that the sink confirmed.
const CONFIRMED: &str = "confirmed";

/// One person with the reasons. Times are in RFC 3339.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The number.
    pub relation: i64,
    /// The number that was asked for, when it leads to this one.
    pub asked_number: Option<i64>,
    /// Whether what was asked for is an address that a record of this person had before, and none has now.
    pub is_former_address: bool,
    /// Surviving e-mail address.
    pub email: String,
    /// Surviving name.
    pub name: String,
    /// Whether a merge waits for confirmation, so that no sink hears of it.
    pub is_unconfirmed: bool,
    /// When the desired state was first made.
    pub created_at: String,
    /// When the desired state last changed.
    pub updated_at: String,
    /// The records about this person, the best first.
    pub members: Vec<Member>,
    /// Merges and splits, oldest first.
    pub merges: Vec<MergeView>,
    /// Whether this person wants the newsletter.
    pub newsletter: bool,
    /// Why.
    pub newsletter_because: Because,
    /// How many things stand under this person, by kind.
    pub things: BTreeMap<&'static str, usize>,
    /// The carts under this person that changed last, newest first.
    pub carts: Vec<CartView>,
    /// What each sink holds or shall hold.
    pub sinks: Vec<SinkView>,
    /// The newest events about this person, newest first.
    pub events: Vec<Moment>,
    /// Events about this person that can't be read, newest first: damaged, or written by a newer version.
    pub unreadable: Vec<String>,
}

/// One record about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Name of the source connection.
    pub connection: String,
    /// Kind of record.
    pub kind: &'static str,
    /// The source's id of it.
    pub remote_id: i64,
    /// How much its word counts: `registered`, `guest`, `subscription` or `order`.
    pub class: &'static str,
    /// By what it joins others.
    pub keys: Vec<String>,
    /// Whether the source says that it is gone.
    pub is_deleted: bool,
}

/// One merge or split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergeView {
    /// When.
    pub at: String,
    /// `merge` or `split`.
    pub kind: String,
    /// The number that went on.
    pub relation: i64,
    /// The number that was merged into it, or that parted from it.
    pub other: i64,
    /// The key by which; empty for a split.
    pub key: String,
    /// The event that did it.
    pub event: String,
    /// The record that brought it, such as `customer 12`.
    pub record: String,
}

/// Why the newsletter is Yes or No.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Because {
    /// There is no subscription.
    NoSubscription,
    /// A living subscription is proof enough.
    Subscribed {
        /// Its id at the source.
        subscription: i64,
        /// Whether the double opt-in was done.
        is_confirmed: bool,
    },
    /// The subscription was never confirmed.
    Unconfirmed {
        /// Its id at the source.
        subscription: i64,
    },
    /// A subscription ended, and none younger than that is there.
    Ended {
        /// Its id at the source.
        subscription: i64,
        /// When.
        at: String,
    },
}

/// What one sink holds or shall hold of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkView {
    /// Name of the sink connection.
    pub connection: String,
    /// The profile's id in the sink, when known.
    pub remote_id: Option<i64>,
    /// Where the profile's delivery stands.
    pub state: &'static str,
    /// Whether the profile shall be there.
    pub wish: Wish,
    /// Whether the sink confirmed what it shall hold.
    pub is_confirmed: bool,
    /// When the sink last confirmed what it should hold then: what happens there by hand afterwards, it does not tell.
    pub confirmed_at: Option<String>,
    /// When it was last looked who was removed and imported there by hand; `None` when it never was.
    pub looked_at: Option<String>,
    /// The fields that the profile shall hold.
    pub fields: BTreeMap<String, Value>,
    /// The last attempts, newest first, when the profile is not confirmed.
    pub attempts: Vec<Try>,
    /// How many deliveries of everything below the profile stand where.
    pub below: BTreeMap<&'static str, usize>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Try {
    /// When it was recorded.
    pub at: String,
    /// How it ended; empty while it is open.
    pub outcome: String,
    /// What the sink said.
    pub error: String,
}

/// Explains whom `who` names: an e-mail address, also a former one, whose persons stand last; a number of a person; a number or
/// id of an order; an id of a customer or of a cart. `customer 12` means the customer alone.
///
/// Several persons may have one address or order number (in several shops); nobody is found as an empty list.
/// `events_max` bounds the events of each.
///
/// # Errors
/// When the store fails.
pub async fn explain(reader: Reader<'_>, who: &str, events_max: usize) -> Result<Vec<Explained>, StoreError> {
    let names = names(reader.store, reader.tenant).await?;
    let mut explained: Vec<Explained> = Vec::new();
    let who = who.trim();
    let present = find(reader, who, &names).await?.into_iter();
    let former = formerly(reader, who).await?.into_iter();
    let present = present.map(|asked| (asked, false));
    for (asked, is_former_address) in present.chain(former.map(|asked| (asked, true))) {
        let Some(row) = living(reader, asked).await? else {
            continue;
        };
        if explained.iter().all(|known| known.relation != row.id.0) {
            let asked_number = (row.id != asked).then_some(asked.0);
            let one = one(reader, &names, &row, events_max).await?;
            explained.push(Explained {
                asked_number,
                is_former_address,
                ..one
            });
        }
    }
    Ok(explained)
}

/// Finds the persons who had an address before.
async fn formerly(reader: Reader<'_>, who: &str) -> Result<Vec<RelationId>, StoreError> {
    match MatchKey::email(who).filter(|_| who.contains('@')) {
        Some(key) => {
            reader
                .store
                .find_relations_by_former_key(reader.tenant, &key)
                .await
        }
        None => Ok(Vec::new()),
    }
}

/// Finds numbers of persons; a number is tried as a person's first.
async fn find(reader: Reader<'_>, who: &str, names: &Names) -> Result<Vec<RelationId>, StoreError> {
    let Reader { store, tenant, .. } = reader;
    if who.contains('@') {
        let Some(key) = MatchKey::email(who) else {
            return Ok(Vec::new());
        };
        return store.find_relation_by_key(tenant, &key).await;
    }
    if let Some(number) = who.strip_prefix("customer ") {
        return match number.trim().parse() {
            Ok(number) => customers_called(reader, names, number).await,
            Err(_) => Ok(Vec::new()),
        };
    }
    let number: Option<i64> = who.parse().ok();
    if let Some(number) = number
        && store.relation_row(tenant, RelationId(number)).await?.is_some()
    {
        return Ok(vec![RelationId(number)]);
    }
    let called = store.find_orders_by_label(tenant, who).await?;
    let mut orders: Vec<EntityKey> = called
        .iter()
        .map(|row| EntityKey::of(&row.held.key, ObjectKind::Order))
        .collect();
    if let (Some(number), true) = (number, orders.is_empty()) {
        let called = |connection: &ConnectionId| EntityKey {
            connection: *connection,
            kind: ObjectKind::Order,
            remote_id: number,
        };
        orders = names.keys().map(called).collect();
    }
    let things = store.read_things(tenant, &orders).await?;
    let mut found: Vec<RelationId> = things.iter().map(|order| order.relation).collect();
    if let Some(number) = number {
        found.extend(customers_called(reader, names, number).await?);
    }
    if let (Some(number), true) = (number, found.is_empty()) {
        for cart in nobody::carts_called(reader, names, number).await? {
            found.extend(nobody::holder(reader, cart.held.key).await?);
        }
    }
    Ok(found)
}

/// Finds the persons of the customers that have this number in their shops.
async fn customers_called(
    reader: Reader<'_>,
    names: &Names,
    number: i64,
) -> Result<Vec<RelationId>, StoreError> {
    let customers = names.keys().flat_map(|connection| {
        let key = RecordKey::new(*connection, RecordKind::Customer, number);
        // Persons are joined within a shop, whose scope has its number, or across all shops of the account, scope 0.
        [connection.0, 0].map(|scope| (scope, key))
    });
    let customers: Vec<(i64, RecordKey)> = customers.collect();
    reader.store.find_relations_of(reader.tenant, &customers).await
}

/// Follows merged numbers to the living one.
async fn living(reader: Reader<'_>, mut relation: RelationId) -> Result<Option<RelationRow>, StoreError> {
    for _ in 0..ALIASES_MAX {
        match reader.store.relation_row(reader.tenant, relation).await? {
            Some(RelationRow {
                alias_of: Some(next), ..
            }) => relation = next,
            other => return Ok(other),
        }
    }
    Ok(None)
}

async fn one(
    reader: Reader<'_>,
    names: &Names,
    row: &RelationRow,
    events_max: usize,
) -> Result<Explained, StoreError> {
    let Reader { store, tenant, .. } = reader;
    let mut nodes = store.read_nodes_of(tenant, row.id).await?;
    nodes.sort_by_key(|node| std::cmp::Reverse(node.rank()));
    let keys: Vec<RecordKey> = nodes.iter().map(|node| node.key).collect();
    let records = store.read_records(tenant, &keys).await?;
    let held: Vec<&Held> = records.iter().map(|row| &row.held).collect();
    let golden = golden::relation(&held, None, reader.is_unconfirmed_enough);
    let person = &golden.person;
    let parts = [&person.firstname, &person.middlename, &person.lastname].map(String::as_str);
    let entities = store.read_entities_of(tenant, row.id).await?;
    let mut things: BTreeMap<&'static str, usize> = BTreeMap::new();
    for entity in &entities {
        *things.entry(entity.key.kind.as_str()).or_default() += 1;
    }
    let (events, unreadable) = moments(reader, names, keys, &entities, events_max).await?;
    Ok(Explained {
        relation: row.id.0,
        asked_number: None,
        is_former_address: false,
        email: person.email.clone(),
        name: parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
        is_unconfirmed: row.is_unconfirmed,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
        members: nodes.iter().map(|node| member(names, node)).collect(),
        merges: merges(reader, row.id).await?,
        newsletter: golden.newsletter,
        newsletter_because: because(&held, golden.newsletter, golden.subscriber_id),
        things,
        carts: carts::carts(reader, names, (&entities, row.ordered_at)).await?,
        sinks: sinks(reader, names, row.id, &entities).await?,
        events,
        unreadable,
    })
}

fn member(names: &Names, node: &Node) -> Member {
    let class = match node.class {
        SourceClass::Registered => "registered",
        SourceClass::Guest => "guest",
        SourceClass::Subscription => "subscription",
        SourceClass::Order => "order",
    };
    Member {
        connection: name_of(names, node.key.connection),
        kind: node.key.kind.as_str(),
        remote_id: node.key.remote_id,
        class,
        keys: node.keys.iter().map(|key| key.0.clone()).collect(),
        is_deleted: node.is_deleted,
    }
}

async fn merges(reader: Reader<'_>, relation: RelationId) -> Result<Vec<MergeView>, StoreError> {
    let rows = reader.store.merges_of(reader.tenant, relation).await?;
    let view = rows.into_iter().map(|row| MergeView {
        at: row.at.to_string(),
        kind: row.kind,
        relation: row.relation.0,
        other: row.other.0,
        key: row.match_key,
        event: row.event.to_string(),
        record: format!("{} {}", row.record.kind.as_str(), row.record.remote_id),
    });
    Ok(view.collect())
}

/// Names the subscription that decided; the rule itself is in `golden`.
pub(super) fn because(members: &[&Held], is_yes: bool, deciding: i64) -> Because {
    let subscriptions = members.iter().filter_map(|held| match held.live.as_ref() {
        Some((_, _, Content::Subscription(subscription))) => Some((*held, &**subscription)),
        _ => None,
    });
    let all: Vec<_> = subscriptions.collect();
    let best = all.iter().find(|(held, _)| held.key.remote_id == deciding);
    let ended = all
        .iter()
        .filter(|(held, _)| held.is_deleted())
        .max_by_key(|(held, _)| ended_at(held));
    match (best, ended) {
        (None, _) => Because::NoSubscription,
        (Some((held, subscription)), _) if is_yes => Because::Subscribed {
            subscription: held.key.remote_id,
            is_confirmed: subscription.is_confirmed,
        },
        (Some(_), Some((held, _))) => Because::Ended {
            subscription: held.key.remote_id,
            at: ended_at(held).to_string(),
        },
        (Some((held, _)), None) => Because::Unconfirmed {
            subscription: held.key.remote_id,
        },
    }
}

fn ended_at(held: &Held) -> Timestamp {
    held.tombstone
        .as_ref()
        .map_or(Timestamp::ZERO, |(version, _)| version.at)
}

async fn sinks(
    reader: Reader<'_>,
    names: &Names,
    relation: RelationId,
    entities: &[EntityRow],
) -> Result<Vec<SinkView>, StoreError> {
    let Reader { store, tenant, .. } = reader;
    let below: Vec<(ObjectKind, i64)> = entities.iter().map(|row| (row.key.kind, row.id.0)).collect();
    let mut views = Vec::new();
    for sink in names.keys() {
        let profile = store
            .deliveries_of(tenant, *sink, &[(ObjectKind::Relation, relation.0)])
            .await?;
        let Some(profile) = profile.first() else { continue };
        let is_confirmed = profile.state == DeliveryState::Clean;
        let connection = name_of(names, *sink);
        let tries = store.attempts_of(tenant, profile.id, TRIES).await?;
        let confirmed = tries.iter().find(|row| row.outcome == CONFIRMED);
        let looked_at = newcomers::last_look(store, &connection).await?;
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        for row in store.deliveries_of(tenant, *sink, &below).await? {
            *counts.entry(row.state.as_str()).or_default() += 1;
        }
        views.push(SinkView {
            connection,
            remote_id: profile.remote_id,
            state: profile.state.as_str(),
            wish: profile.wish,
            is_confirmed,
            confirmed_at: confirmed.and_then(|row| Some(row.ended_at?.to_string())),
            looked_at: looked_at.map(|at| at.to_string()),
            fields: fields(reader.presets, profile),
            attempts: if is_confirmed { Vec::new() } else { shown(tries) },
            below: counts,
        });
    }
    Ok(views)
}

fn shown(tries: Vec<AttemptRow>) -> Vec<Try> {
    let shown = tries.into_iter().take(TRIES_SHOWN).map(|row| Try {
        at: row.started_at.to_string(),
        outcome: row.outcome,
        error: row.error,
    });
    shown.collect()
}

/// Puts names to the values of a delivery; nothing when it was planned with another preset.
fn fields(presets: &Presets, row: &DeliveryRow) -> BTreeMap<String, Value> {
    let values: Vec<Value> = serde_json::from_str(&row.desired).unwrap_or_default();
    let fields = presets
        .of(row.sink)
        .table(row.kind)
        .and_then(|table| table.named(values));
    let fields = fields.into_iter().flatten();
    fields.map(|(name, value)| (name.to_string(), value)).collect()
}
