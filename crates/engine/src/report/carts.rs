//! Carts whose time is over: of one person, and how many there are that nobody is known for.

use std::collections::{BTreeMap, BTreeSet};

use schakel_core::delivery::ObjectKind;
use schakel_core::golden;
use schakel_core::id::{ConnectionId, TenantId};
use schakel_core::record::{Held, RecordKey, RecordKind};
use schakel_core::time::Timestamp;
use schakel_store::rows::{ConnectionRow, EntityRow};
use schakel_store::{Store, StoreError};
use serde::Serialize;

use super::names::{Names, name_in, name_of};
use super::reader::Reader;
use crate::apply::Ended;

/// Most carts of one person that are shown.
const CARTS_MAX: usize = 10;

/// The carts of one source that nobody is known for, as one sink sees them (docs/spec/carts.md, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CartLine {
    /// The source's name.
    pub connection: String,
    /// The sink's name.
    pub sink: String,
    /// How many wait for a person.
    pub waiting: i64,
    /// How many are expired: kept, and shown as such to a person who becomes known.
    pub expired: i64,
    /// Carts that last changed up to this moment are expired, in RFC 3339; `None` when carts never expire there.
    pub expired_until: Option<String>,
}

/// Counts them for each route that delivers carts.
///
/// # Errors
/// When the store fails.
pub(super) async fn cart_lines(
    store: &Store,
    tenant: TenantId,
    names: &[ConnectionRow],
) -> Result<Vec<CartLine>, StoreError> {
    let mut lines = Vec::new();
    for ConnectionRow { id, name, .. } in names {
        for ended in Ended::read(store, tenant, *id).await? {
            let (waiting, expired) = store.count_nobodys_carts(tenant, *id, ended.until).await?;
            lines.push(CartLine {
                connection: name.clone(),
                sink: name_in(names, ended.sink),
                waiting,
                expired,
                expired_until: (ended.expires_ms > 0).then(|| ended.until.to_string()),
            });
        }
    }
    Ok(lines)
}

/// One cart of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CartView {
    /// Name of the source connection.
    pub connection: String,
    /// The source's id of it.
    pub remote_id: i64,
    /// When it was last changed there, in RFC 3339; `None` when the source did not say.
    pub changed_at: Option<String>,
    /// Whether an order closed it ([`golden::is_closed`]); that goes before all else.
    pub is_ordered: bool,
    /// Whether the source says that it is gone.
    pub is_gone: bool,
    /// Whether it names no customer, so that a checkout says whose it is: it is closed when none says so any more
    /// (docs/spec/carts.md, section 3).
    pub is_by_checkout: bool,
    /// Since when it is too old, in RFC 3339, by sink; empty while it is not.
    pub expired_at: BTreeMap<String, String>,
}

/// Gives the carts among `things` of a person whose newest order was placed at `ordered_at`, those that last changed first,
/// [`CARTS_MAX`] at most.
///
/// # Errors
/// When the store fails.
pub(super) async fn carts(
    reader: Reader<'_>,
    names: &Names,
    (things, ordered_at): (&[EntityRow], Option<Timestamp>),
) -> Result<Vec<CartView>, StoreError> {
    let Reader { store, tenant, .. } = reader;
    let carts = things.iter().filter(|row| row.key.kind == ObjectKind::Quote);
    let keys: Vec<RecordKey> = carts
        .map(|row| RecordKey::new(row.key.connection, RecordKind::Quote, row.key.remote_id))
        .collect();
    let rows = store.read_records(tenant, &keys).await?;
    let ownerless = rows.iter().filter(|row| row.owner.is_none());
    let ownerless: BTreeSet<RecordKey> = ownerless.map(|row| row.held.key).collect();
    let mut held: Vec<&Held> = rows.iter().map(|row| &row.held).collect();
    held.sort_by_key(|held| std::cmp::Reverse((held.moment(), held.key)));
    held.truncate(CARTS_MAX);
    let mut ended = BTreeMap::new();
    let mut named = BTreeSet::new();
    for connection in held
        .iter()
        .map(|held| held.key.connection)
        .collect::<BTreeSet<_>>()
    {
        ended.insert(connection, Ended::read(store, tenant, connection).await?);
        let own = held.iter().filter(|held| held.key.connection == connection);
        let ids: Vec<i64> = own.map(|held| held.key.remote_id).collect();
        named.extend(named_by_orders(reader, connection, &ids).await?);
    }
    let views = held.iter().map(|held| {
        let ended = ended.get(&held.key.connection);
        let is_ordered = golden::is_closed(named.contains(&held.key), held.moment(), ordered_at);
        CartView {
            is_ordered,
            is_by_checkout: ownerless.contains(&held.key),
            ..view(names, held, ended.map_or(&[], Vec::as_slice))
        }
    });
    Ok(views.collect())
}

/// Gives those of the carts `ids` that an order names, itself or by a checkout.
async fn named_by_orders(
    reader: Reader<'_>,
    connection: ConnectionId,
    ids: &[i64],
) -> Result<BTreeSet<RecordKey>, StoreError> {
    let mut named = BTreeSet::new();
    for kind in [RecordKind::Order, RecordKind::Checkout] {
        let referring = reader.store.read_referring(reader.tenant, kind, connection, ids);
        let orders = referring.await?.into_iter().filter(|row| row.held.is_order());
        named.extend(orders.map(|row| RecordKey::new(connection, RecordKind::Quote, row.ref_id)));
    }
    Ok(named)
}

fn view(names: &Names, held: &Held, ended: &[Ended]) -> CartView {
    let (key, moment) = (held.key, held.moment());
    let mut expired_at = BTreeMap::new();
    for one in ended.iter().filter(|one| one.expires_ms > 0) {
        if let Some(moment) = moment.filter(|moment| *moment <= one.until) {
            let at = moment.plus_ms(one.expires_ms).to_string();
            expired_at.insert(name_of(names, one.sink), at);
        }
    }
    CartView {
        connection: name_of(names, key.connection),
        remote_id: key.remote_id,
        changed_at: moment.map(|moment| moment.to_string()),
        is_ordered: false,
        is_gone: held.is_deleted(),
        is_by_checkout: false,
        expired_at,
    }
}
