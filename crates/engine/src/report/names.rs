//! The names of connections, as their owner gave them.

use std::collections::BTreeMap;

use schakel_core::id::{ConnectionId, TenantId};
use schakel_store::rows::ConnectionRow;
use schakel_store::{Store, StoreError};

/// Names of the connections.
pub(super) type Names = BTreeMap<ConnectionId, String>;

/// Reads the names of the connections.
pub(super) async fn names(store: &Store, tenant: TenantId) -> Result<Names, StoreError> {
    let rows = store.connections(tenant).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Gives the name of a connection; its id when nobody named it.
pub(super) fn name_of(names: &Names, id: ConnectionId) -> String {
    names.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

/// Gives the name of a connection as [`name_of`] does, from the rows in which connections are read in the order of their
/// names.
pub(super) fn name_in(rows: &[ConnectionRow], id: ConnectionId) -> String {
    let row = rows.iter().find(|row| row.id == id);
    row.map_or_else(|| id.to_string(), |row| row.name.clone())
}
