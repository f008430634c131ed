//! Carts that nobody is known for, asked for by their number (docs/spec/carts.md, section 3).

use std::collections::BTreeMap;

use schakel_core::delivery::ObjectKind;
use schakel_core::id::{ConnectionId, RelationId};
use schakel_core::record::{Content, Held, RecordKey, RecordKind};
use schakel_store::rows::EntityKey;
use schakel_store::{RecordRow, StoreError};
use serde::Serialize;

use super::moments::{Moment, moments};
use super::names::{Names, name_of, names};
use super::reader::Reader;
use crate::apply::Ended;

/// A cart that nobody is known for. Times are in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NobodysCart {
    /// The source's id of it.
    pub cart_of_nobody: i64,
    /// Name of the source connection.
    pub connection: String,
    /// Whether the source says that it is gone.
    pub is_deleted: bool,
    /// The customer whom it names and the hub does not hold; `None` when it names none.
    pub customer: Option<i64>,
    /// Since when it waits: its last change at the source, from which its end is counted; `None` when the source did not say.
    pub waits_since: Option<String>,
    /// When it ends, by sink; empty where carts never end. Whoever becomes known later gets it as Expired.
    pub ends_at: BTreeMap<String, String>,
    /// Whether it ended, by the same sinks.
    pub is_expired: BTreeMap<String, bool>,
    /// The checkouts that name it, by number: what each says of whose it is.
    pub checkouts: Vec<CheckoutView>,
    /// The newest events about it and its checkouts, newest first.
    pub events: Vec<Moment>,
    /// Events about it that can't be read, newest first: damaged, or written by a newer version.
    pub unreadable: Vec<String>,
}

/// A checkout that names a cart of nobody; whom it names stays in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckoutView {
    /// The source's id of it.
    pub remote_id: i64,
    /// The customer whom it names.
    pub customer: Option<i64>,
    /// Whether it names an e-mail address.
    pub has_email: bool,
}

/// Gives the carts called `who` that nobody is known for: one for each source that has such a cart.
///
/// `events_max` bounds the events of each.
///
/// # Errors
/// When the store fails.
pub async fn nobodys_carts(
    reader: Reader<'_>,
    who: &str,
    events_max: usize,
) -> Result<Vec<NobodysCart>, StoreError> {
    let Ok(number) = who.trim().parse::<i64>() else {
        return Ok(Vec::new());
    };
    let names = names(reader.store, reader.tenant).await?;
    let mut carts = Vec::new();
    for row in carts_called(reader, &names, number).await? {
        if holder(reader, row.held.key).await?.is_none() {
            carts.push(one(reader, &names, &row, events_max).await?);
        }
    }
    Ok(carts)
}

/// Gives the carts of all sources with this number, or with a checkout of this number.
pub(super) async fn carts_called(
    reader: Reader<'_>,
    names: &Names,
    number: i64,
) -> Result<Vec<RecordRow>, StoreError> {
    let key = |connection: &ConnectionId| RecordKey::new(*connection, RecordKind::Quote, number);
    let mut keys: Vec<RecordKey> = names.keys().map(key).collect();
    let checkout = |connection: &ConnectionId| RecordKey::new(*connection, RecordKind::Checkout, number);
    let checkouts: Vec<RecordKey> = names.keys().map(checkout).collect();
    let checkouts = reader.store.read_records(reader.tenant, &checkouts).await?;
    let of = |row: &RecordRow| RecordKey::new(row.held.key.connection, RecordKind::Quote, row.ref_id);
    keys.extend(checkouts.iter().map(of));
    reader.store.read_records(reader.tenant, &keys).await
}

/// Gives under whom a cart is planned, also one that was somebody's once.
pub(super) async fn holder(reader: Reader<'_>, cart: RecordKey) -> Result<Option<RelationId>, StoreError> {
    let name = EntityKey::of(&cart, ObjectKind::Quote);
    let found = reader.store.read_things(reader.tenant, &[name]).await?;
    Ok(found.first().map(|entity| entity.relation))
}

async fn one(
    reader: Reader<'_>,
    names: &Names,
    row: &RecordRow,
    events_max: usize,
) -> Result<NobodysCart, StoreError> {
    let Reader { store, tenant, .. } = reader;
    let key = row.held.key;
    let moment = row.held.moment();
    let (mut ends_at, mut is_expired) = (BTreeMap::new(), BTreeMap::new());
    for ended in Ended::read(store, tenant, key.connection).await? {
        if let Some(moment) = moment.filter(|_| ended.expires_ms > 0) {
            let sink = name_of(names, ended.sink);
            ends_at.insert(sink.clone(), moment.plus_ms(ended.expires_ms).to_string());
            is_expired.insert(sink, moment <= ended.until);
        }
    }
    let checkouts = store
        .read_referring(tenant, RecordKind::Checkout, key.connection, &[key.remote_id])
        .await?;
    let keys = checkouts.iter().map(|row| row.held.key).chain([key]).collect();
    let (events, unreadable) = moments(reader, names, keys, &[], events_max).await?;
    let mut checkouts: Vec<CheckoutView> = checkouts.iter().filter_map(|row| checkout(&row.held)).collect();
    checkouts.sort_by_key(|checkout| checkout.remote_id);
    Ok(NobodysCart {
        cart_of_nobody: key.remote_id,
        connection: name_of(names, key.connection),
        is_deleted: row.held.is_deleted(),
        customer: row.owner.map(|owner| owner.remote_id),
        waits_since: moment.map(|moment| moment.to_string()),
        ends_at,
        is_expired,
        checkouts,
        events,
        unreadable,
    })
}

fn checkout(held: &Held) -> Option<CheckoutView> {
    let Some((_, _, Content::Checkout(checkout))) = held.live.as_ref() else {
        return None;
    };
    Some(CheckoutView {
        remote_id: held.key.remote_id,
        customer: (checkout.customer_id > 0).then_some(checkout.customer_id),
        has_email: !checkout.email.is_empty(),
    })
}
